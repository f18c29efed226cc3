package store_test

import (
	"fmt"
	"testing"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

// queue puts n that wait into the line of d.
func queue(t *testing.T, db *store.DB, d souk.Delivery, n int) {
	t.Helper()
	write(t, db, func(tx *store.Tx) error {
		id := `decode(md5($4 || CAST(i AS TEXT)), 'hex')`
		if tx.SkipLocked() == "" {
			id = `unhex(printf('%028x%04x', i, unicode($4)))`
		}
		if _, err := tx.Exec(`INSERT INTO deliveries (id, event_id, webhook_id, app_id, dialect, final, epoch, channel, action, resource,
				trace, status, attempts, base, last_outcome, entry_at, created_at, note, body_part)
			WITH RECURSIVE many (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM many WHERE i < $5)
			SELECT `+id+`, $1, $1, $2, 'giosg', FALSE, 0, $3, '', $4, '', 'pending', 0, 0, '', 0, CAST($6 AS BIGINT) + i, '', 1 FROM many`,
			d.Webhook, d.App, string(d.Channel), d.Resource, n, noon.Add(time.Hour).UnixMicro()); err != nil {
			return err
		}
		_, err := tx.Exec("ANALYZE")
		return err
	})
}

// Who goes on in a line is found as soon as in a short one, however many wait in it
// behind one that is held.
func TestLeavingALongLine(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		took := map[int]time.Duration{}
		for _, many := range []int{10, 50_000} {
			d := about(souk.NewID(), fmt.Sprint(many), noon)
			queue(t, db, d, many)
			held := d
			held.ID, held.CreatedAt, held.Status = souk.NewID(), noon.Add(-time.Minute), souk.DeliveryHeld
			enqueue(t, db, held)
			took[many] = time.Hour
			for range 7 {
				// One that leads all the same, as one does that could not see who is held.
				leads := d
				leads.ID, leads.Resource = souk.NewID(), ""
				enqueue(t, db, leads)
				leads.Resource = d.Resource
				write(t, db, func(tx *store.Tx) error {
					return dropped(tx.Exec(`UPDATE deliveries SET resource = $1 WHERE id = $2`, d.Resource, leads.ID))
				})
				began := time.Now()
				wantNext(t, record(t, db, noon, ends(leads)))
				took[many] = min(took[many], time.Since(began))
			}
		}
		// Looking at all of them takes 20 ms and more.
		if took[50_000] > 3*took[10]+5*time.Millisecond {
			t.Errorf("the best of each: %v", took)
		}
	})
}
