package store_test

import (
	"context"
	"errors"
	"testing"

	"souk"
	"souk/souktest"
	"souk/store"
)

// What a node counts moves from row to row, so that none is changed too often; and
// whatever row it is in, it is counted once, also when a transaction fails in which
// it moved.
func TestCountsMove(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		const many = 2*store.TallyTime + 10
		node, app, undone := souk.NewID(), souk.NewID(), errors.New("undone")
		for i := range many {
			tries := []bool{false}
			if i%store.TallyTime < 3 {
				tries = []bool{true, false}
			}
			for _, fails := range tries {
				err := db.Record(context.Background(), func(tx *store.Tx) error {
					if err := tx.CountEnd(node, app); err != nil || !fails {
						return err
					}
					return undone
				})
				if err != nil && !(fails && errors.Is(err, undone)) {
					t.Fatal(err)
				}
			}
		}
		write(t, db, func(tx *store.Tx) error {
			for _, query := range []string{
				`SELECT CAST(sum(deliveries) AS BIGINT), count(*) FROM delivery_counts`,
				`SELECT CAST(sum(entries) AS BIGINT), count(*) FROM log_sizes`,
			} {
				var sum, rows int
				if err := tx.Row(query).Scan(&sum, &rows); err != nil {
					return err
				}
				if sum != many || rows > 3 {
					t.Errorf("%s: %d in %d rows", query, sum, rows)
				}
			}
			return nil
		})
	})
}
