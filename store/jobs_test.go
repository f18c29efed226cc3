package store_test

import (
	"testing"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

// Jobs take turns, one that failed waits, and changes of one app are spread in
// the order in which they happened.
func TestWhoseTurnItIs(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		at := func(second int) time.Time { return time.Unix(1_790_000_000+int64(second), 0).UTC() }
		app, other := souk.NewID(), souk.NewID()
		name := map[souk.ID]string{}
		begin := func(what string, kind store.JobKind, of souk.ID, second int) store.Job {
			j := store.Job{ID: souk.NewID(), Kind: kind, App: of, Event: souk.NewID(), Verb: what, CreatedAt: at(second)}
			name[j.ID] = what
			write(t, db, func(tx *store.Tx) error { return tx.PutJob(j, j.CreatedAt) })
			return j
		}
		big := begin("a big one", store.EndInstallations, app, 1)
		small := begin("a small one", store.EndInstallations, other, 2)
		first := begin("an app's first change", store.Spread, app, 3)
		second := begin("its second change", store.Spread, app, 4)
		begin("another app's change", store.Spread, other, 5)

		turn := func(now int, want string) {
			t.Helper()
			var got string
			write(t, db, func(tx *store.Tx) error {
				j, err := tx.DueJob(at(now))
				got = name[j.ID]
				return err
			})
			if got != want {
				t.Errorf("at second %d it is the turn of %q, want %q", now, got, want)
			}
		}
		step := func(j store.Job, now int) {
			t.Helper()
			write(t, db, func(tx *store.Tx) error { return tx.PutJob(j, at(now)) })
		}
		turn(10, "a big one")
		step(big, 10)
		turn(11, "a small one")
		write(t, db, func(tx *store.Tx) error { return tx.RemoveJob(small.ID) })
		turn(11, "an app's first change")
		write(t, db, func(tx *store.Tx) error { return tx.PostponeJob(first.ID, at(60)) })
		turn(12, "another app's change")
		for id, what := range name {
			if what == "another app's change" {
				write(t, db, func(tx *store.Tx) error { return tx.RemoveJob(id) })
			}
		}
		turn(12, "a big one")
		write(t, db, func(tx *store.Tx) error { return tx.RemoveJob(big.ID) })
		turn(70, "an app's first change") // and not the second, which has been due longer
		write(t, db, func(tx *store.Tx) error { return tx.RemoveJob(first.ID) })
		turn(70, "its second change")
		write(t, db, func(tx *store.Tx) error { return tx.RemoveJob(second.ID) })
	})
}
