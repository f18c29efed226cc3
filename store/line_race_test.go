package store_test

import (
	"testing"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

// Who comes to wait behind a leader while that one ends is not forgotten, though
// the two transactions do not see each other.
func TestComingWhileTheLeaderEnds(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		hook := souk.NewID()
		leader, second := about(hook, "42", noon), about(hook, "42", noon.Add(time.Second))
		enqueue(t, db, leader)

		ended := make(chan error, 1)
		write(t, db, func(tx *store.Tx) error {
			if _, err := tx.InsertDeliveries([]souk.Delivery{second}); err != nil {
				return err
			}
			go func() {
				ended <- db.Record(t.Context(), func(tx *store.Tx) error {
					_, err := tx.Record(souk.ID{}, noon.Add(2*time.Second), []store.Progress{ends(leader)})
					return err
				})
			}()
			// What is recorded waits for this transaction. If it does not, it is over
			// long before the time is.
			select {
			case err := <-ended:
				ended <- err
			case <-time.After(200 * time.Millisecond):
			}
			return nil
		})
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		wantSchedule(t, db, []souk.Delivery{leader, second}, "successful", "2")
	})
}
