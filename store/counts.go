package store

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"souk"
)

// counted is what a transaction put into the log.
type counted struct {
	entries, bytes int64
	ends           map[countKey]int64
}

type countKey struct {
	app    souk.ID
	day    int64
	status souk.DeliveryStatus
}

// What rows take beside what is in them that has no bounds, with their indexes.
const (
	endedBytes   = 300
	attemptBytes = 300
	sentBytes    = 200
)

// ended counts a delivery that ended with a status. A body is counted when it is to
// stay: with the one of its deliveries that counts it, where that ends. Counted when
// it came, it would have all who write wait for few rows.
func (c *counted) ended(app souk.ID, status souk.DeliveryStatus, at time.Time, body int) {
	if c.ends == nil {
		c.ends = map[countKey]int64{}
	}
	c.ends[countKey{app, at.Unix() / (24 * 60 * 60), status}]++
	c.entries++
	c.bytes += int64(endedBytes + body)
}

// tried counts an attempt.
func (c *counted) tried(a *souk.Attempt) {
	c.entries++
	c.bytes += int64(attemptBytes + len(a.URL) + len(a.Answer) + len(a.Headers) + len(a.Detail))
	if s := a.Sent; s != nil {
		c.bytes += int64(sentBytes + len(s.Headers))
	}
}

// count adds to how large a part is, and to how many deliveries ended how.
func (tx *Tx) count(node souk.ID, part int64, c counted) error {
	if c.entries > 0 {
		now, before, moved := tx.tallies.next(tallyKey{node: node, part: part})
		entries, bytes := c.entries, c.bytes
		if moved {
			var had [2]int64
			if err := tx.taken(`DELETE FROM log_sizes WHERE part = $1 AND node = $2 RETURNING entries, bytes`,
				[]any{part, before[:]}, &had[0], &had[1]); err != nil {
				return err
			}
			entries, bytes = entries+had[0], bytes+had[1]
		}
		if _, err := tx.exec(`INSERT INTO log_sizes (part, node, entries, bytes) VALUES ($1, $2, $3, $4)
			ON CONFLICT (part, node) DO UPDATE SET entries = log_sizes.entries + excluded.entries, bytes = log_sizes.bytes + excluded.bytes`,
			part, now[:], entries, bytes); err != nil {
			return err
		}
	}
	keys := slices.SortedFunc(maps.Keys(c.ends), func(a, b countKey) int { // so that no two wait for each other
		return cmp.Or(a.app.Compare(b.app), cmp.Compare(a.day, b.day), cmp.Compare(a.status, b.status))
	})
	var args []any
	for _, k := range keys {
		now, before, moved := tx.tallies.next(tallyKey{node: node, countKey: k})
		var had int64
		if moved {
			if err := tx.taken(`DELETE FROM delivery_counts WHERE app_id = $1 AND day = $2 AND status = $3 AND node = $4 RETURNING deliveries`,
				[]any{k.app, k.day, string(k.status), before[:]}, &had); err != nil {
				return err
			}
		}
		args = append(args, k.app, k.day, string(k.status), now[:], c.ends[k]+had)
	}
	return tx.putMany(`INSERT INTO delivery_counts (app_id, day, status, node, deliveries) VALUES `, `
		ON CONFLICT (app_id, day, status, node) DO UPDATE SET deliveries = delivery_counts.deliveries + excluded.deliveries`, 5, args)
}

// taken scans what the row held that a statement deletes, if there was one.
func (tx *Tx) taken(query string, args []any, had ...any) error {
	err := tx.row(query, args...).Scan(had...)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}
