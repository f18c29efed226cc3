package store_test

import (
	"slices"
	"strings"
	"testing"

	"souk/souktest"
	"souk/store"
)

// Whoever watches a database is told of each statement once, in their order,
// also of those that find locks and take them.
func TestWatched(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		makeNotes(t, db)
		var told []string
		watched := db.Watched(func(statement string) { told = append(told, statement) })
		const asked = "SELECT name FROM test_notes"
		ask := func(tx *store.Tx) error {
			_, err := tx.Strings(asked)
			return err
		}
		find := func(tx *store.Tx) (store.Locks, error) { return store.Locks{}, ask(tx) }
		postgres := false
		for name, run := range map[string]func() error{
			"read":   func() error { return watched.Read(t.Context(), ask) },
			"record": func() error { return watched.Record(t.Context(), put("a")) },
			"write": func() error {
				return watched.Write(t.Context(), find, func(tx *store.Tx) error {
					postgres = tx.SkipLocked() != ""
					return putIn(tx, "b")
				})
			},
		} {
			told = nil
			if err := run(); err != nil {
				t.Fatal(err)
			}
			const added = "INSERT INTO test_notes (name, n) VALUES ($1, $2)"
			want := map[string][]string{"read": {asked}, "record": {added}, "write": {added}}[name]
			if name == "write" && postgres {
				want = []string{asked, asked, added}
			}
			if !slices.Equal(told, want) {
				t.Errorf("%s: told of %s", name, strings.Join(told, "; "))
			}
		}
		wantNotes(t, db, "a", "b")
		told = nil
		if err := db.Read(t.Context(), ask); err != nil || len(told) > 0 {
			t.Errorf("unwatched: %v, told of %v", err, told)
		}
	})
}
