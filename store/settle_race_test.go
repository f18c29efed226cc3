package store_test

import (
	"testing"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

// What ends while others settle it is not the end of what is to be settled.
func TestSettlingWhatEndsMeanwhile(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		hook := souk.NewID()
		all := enqueue(t, db, due(hook, noon), due(hook, noon), due(hook, noon))
		done := make(chan error, 1)
		hold := func() error { // as a job does, step by step
			for n := int64(2); n == 2; {
				if err := db.Record(t.Context(), func(tx *store.Tx) (err error) {
					n, err = tx.Hold(hook, 2)
					return err
				}); err != nil {
					return err
				}
			}
			return nil
		}
		write(t, db, func(tx *store.Tx) error {
			if _, err := tx.Record(souk.ID{}, noon, []store.Progress{ends(all[0])}); err != nil {
				return err
			}
			go func() { done <- hold() }()
			select { // it waits for this transaction
			case err := <-done:
				done <- err
			case <-time.After(200 * time.Millisecond):
			}
			return nil
		})
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		wantSchedule(t, db, all, "successful", "held", "held")
	})
}
