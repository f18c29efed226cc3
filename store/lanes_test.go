package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"souk"
	"souk/souktest"
	"souk/store"
)

func TestHealth(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		var all []souk.Health
		for i := range 150 {
			h := souk.Health{
				Endpoint: souk.ID{15: byte(i + 1)}, App: souk.NewID(), Dialect: souk.Native, Breaker: souk.BreakerOpen,
				ProbeAt: noon.Add(time.Hour), Trips: i, Gone: i%2 == 0,
			}
			h.Observe(noon, 2, 1)
			h.Observe(noon.Add(time.Duration(i/2)*time.Second), 1, min(1, i%3))
			all = append(all, h)
		}
		put := func(all []souk.Health) {
			t.Helper()
			write(t, db, func(tx *store.Tx) error { return tx.PutHealth(all) })
		}
		put(all[:5])
		put(all)
		var ids []souk.ID
		for _, h := range all {
			ids = append(ids, h.Endpoint)
		}
		found := func() (found map[souk.ID]souk.Health) {
			t.Helper()
			if err := db.Read(t.Context(), func(tx *store.Tx) (err error) {
				found, err = tx.HealthOf(append(ids, souk.NewID()))
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return found
		}
		got := found()
		var failing []souk.ID
		for _, h := range all {
			if d := cmp.Diff(h, got[h.Endpoint]); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		}
		for pass := range 2 { // by the second since when they fail, then by ID
			for _, h := range all {
				if !h.FailingSince.IsZero() && h.FailingSince.Equal(noon) == (pass == 0) {
					failing = append(failing, h.Endpoint)
				}
			}
		}
		var listed []souk.ID
		if err := db.Read(t.Context(), func(tx *store.Tx) error {
			for after := (souk.Position{}); ; {
				some, err := tx.FailingLanes(after, 7)
				for _, h := range some {
					listed = append(listed, h.Endpoint)
					after = souk.Position{At: h.FailingSince, ID: h.Endpoint}
				}
				if err != nil || len(some) < 7 {
					return err
				}
			}
		}); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(failing, listed); d != "" {
			t.Errorf("failing (-want +got):\n%s", d)
		}
	})
}

// Warnings belong to the time since which an endpoint has been failing, and
// whoever sends to it does not forget them.
func TestWarnings(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		h := souk.Health{Endpoint: souk.NewID(), App: souk.NewID(), Dialect: souk.Native, Breaker: souk.BreakerClosed}
		want := func(warned int) {
			t.Helper()
			write(t, db, func(tx *store.Tx) error {
				if err := tx.PutHealth([]souk.Health{h}); err != nil {
					return err
				}
				found, err := tx.HealthOf([]souk.ID{h.Endpoint})
				if got := found[h.Endpoint].Warned; got != warned {
					t.Errorf("warned %d times, want %d", got, warned)
				}
				return err
			})
		}
		h.Observe(noon, 1, 1)
		want(0)
		write(t, db, func(tx *store.Tx) error { return tx.SetWarned(h.Endpoint, 2) })
		h.Observe(noon.Add(time.Second), 1, 1)
		want(2)
		h.Observe(noon.Add(2*time.Second), 1, 0)
		want(0)
		h.Observe(noon.Add(3*time.Second), 1, 1)
		want(0)
	})
}
