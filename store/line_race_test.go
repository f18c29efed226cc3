package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

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

// Whoever comes to wait in many lines, and whoever ends those who lead them, does so
// in one order: nobody waits for one another in a circle.
func TestNobodyWaitsInACircle(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		const writers, rounds, lines = 4, 100, 12
		hook := souk.NewID()
		var circles atomic.Int64
		do := func(fn func(*store.Tx) error) {
			if err := db.Record(context.Background(), func(tx *store.Tx) error {
				err := fn(tx)
				var refused *pgconn.PgError
				if errors.As(err, &refused) && refused.Code == "40P01" {
					circles.Add(1)
				}
				return err
			}); err != nil {
				t.Error(err)
			}
		}
		var writing, recording sync.WaitGroup
		var written atomic.Bool
		for range writers {
			writing.Go(func() {
				for range rounds {
					var all []souk.Delivery
					for _, i := range rand.Perm(lines)[:lines/2] {
						all = append(all, about(hook, fmt.Sprint("resource", i), noon))
					}
					do(func(tx *store.Tx) error { return dropped(tx.InsertDeliveries(all)) })
				}
			})
		}
		recording.Go(func() {
			for {
				last := written.Load()
				var leading []souk.Delivery
				do(func(tx *store.Tx) (err error) {
					leading, err = tx.DueDeliveries(hook, noon, store.Due{}, lines)
					return err
				})
				if len(leading) == 0 && last {
					return
				}
				var came []store.Progress
				for _, i := range rand.Perm(len(leading)) {
					d := leading[i]
					came = append(came, [](func() store.Progress){
						func() store.Progress { return ends(d) },
						func() store.Progress { return skips(d) },
						func() store.Progress { return fails(d, noon, noon) },
					}[rand.IntN(3)]())
				}
				do(func(tx *store.Tx) error { return dropped(tx.Record(souk.ID{}, noon, came)) })
				do(func(tx *store.Tx) error { return dropped(tx.LeadLines(noon, store.Line{}, lines)) })
			}
		})
		writing.Wait()
		written.Store(true)
		recording.Wait()
		if n := circles.Load(); n > 0 {
			t.Errorf("the server broke %d circles", n)
		}
		var left int
		write(t, db, func(tx *store.Tx) error { return tx.Row("SELECT count(*) FROM deliveries").Scan(&left) })
		if left > 0 {
			t.Errorf("%d were left behind", left)
		}
	})
}
