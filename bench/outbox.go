package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"souk"
)

// state is what a database holds of deliveries, and how large it is.
type state struct {
	open, attempts int64
	bytes          int64
}

// state looks at a database that no server is over.
func (s *subject) state(ctx context.Context) (now state, err error) {
	err = s.directly(ctx, func(d *direct) error {
		if err := d.rest(ctx); err != nil {
			return err
		}
		if now.open, err = d.open(ctx); err != nil {
			return err
		}
		parts, err := d.parts(ctx)
		if err != nil {
			return err
		}
		for _, part := range parts {
			n, err := d.count(ctx, "SELECT count(*) FROM attempts_"+part)
			if err != nil {
				return err
			}
			now.attempts += int64(n)
		}
		if s.engine == "postgres" {
			return d.db.QueryRowContext(ctx, "SELECT pg_database_size(current_database())").Scan(&now.bytes)
		}
		return nil
	})
	if err == nil && s.engine == "sqlite" {
		var file os.FileInfo
		if file, err = os.Stat(s.address); err == nil {
			now.bytes = file.Size()
		}
	}
	return now, err
}

// open counts what is still to be delivered.
func (d *direct) open(ctx context.Context) (int64, error) {
	n, err := d.count(ctx, "SELECT count(*) FROM deliveries")
	return int64(n), err
}

// parts are the numbers of the log's tables.
func (d *direct) parts(ctx context.Context) (all []string, err error) {
	rows, err := d.db.QueryContext(ctx, "SELECT CAST(number AS TEXT) FROM log_parts ORDER BY number")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var part string
		if err := rows.Scan(&part); err != nil {
			return nil, err
		}
		all = append(all, part)
	}
	return all, rows.Err()
}

// drained waits until so many have been received and nothing is to be delivered
// any more, and tells how long the first took.
func (s *subject) drained(ctx context.Context, want int64) (took time.Duration, err error) {
	if took, err = waitFor(ctx, drainTime, func() (bool, error) { return s.sink.received.Load() >= want, nil }); err != nil {
		return 0, fmt.Errorf("%d of %d deliveries were received: %w", s.sink.received.Load(), want, err)
	}
	return took, s.directly(ctx, func(d *direct) error {
		_, err := waitFor(ctx, drainTime, func() (bool, error) {
			n, err := d.open(ctx)
			return n == 0, err
		})
		return err
	})
}

// fillLog writes a log of n requests, spread over six days, as copies of those
// that were made to each webhook.
func (s *subject) fillLog(ctx context.Context, n int) error {
	return s.directly(ctx, func(d *direct) error {
		models, err := d.ids(ctx, "SELECT id FROM ended_1")
		if err != nil {
			return err
		}
		each := max(1, n/len(models))
		for i, model := range models {
			deliveries, entries := spread(100+2*i, each, logAge), spread(101+2*i, each, logAge)
			own := map[string]string{
				"id": s.on.id(deliveries, "i"), "entry_at": deliveries.atSQL("i"), "created_at": deliveries.atSQL("i"), "ended_at": deliveries.atSQL("i"),
			}
			if err := d.copyTold(ctx, copies{table: "ended_1", key: "id", of: model, set: own}, each); err != nil {
				return err
			}
			own = map[string]string{
				"id": s.on.id(entries, "i"), "delivery_id": s.on.id(deliveries, "i"), "listed_at": deliveries.atSQL("i"), "started_at": deliveries.atSQL("i"),
			}
			if err := d.copy(ctx, copies{table: "attempts_1", key: "delivery_id", of: model, set: own}, 0, each); err != nil {
				return err
			}
		}
		return d.rest(ctx)
	})
}

// fillLane puts n deliveries that are due behind the one that waits for a webhook.
func (s *subject) fillLane(ctx context.Context, hook souk.ID, n int) error {
	return s.directly(ctx, func(d *direct) error {
		models, err := d.ids(ctx, "SELECT id FROM deliveries WHERE webhook_id = $1", hook)
		if err != nil {
			return err
		}
		if len(models) != 1 {
			return fmt.Errorf("%d deliveries wait", len(models))
		}
		due := spread(90, n, time.Hour)
		if err := d.copyTold(ctx, copies{table: "deliveries", key: "id", of: models[0], set: map[string]string{
			"id": s.on.id(due, "i"), "entry_at": due.atSQL("i"), "created_at": due.atSQL("i"), "next_at": due.atSQL("i"),
			"attempts": "0", "last_outcome": "''",
		}}, n); err != nil {
			return err
		}
		return d.rest(ctx)
	})
}

// copyTold makes n copies of a delivery, each with a body of its own.
func (d *direct) copyTold(ctx context.Context, c copies, n int) error {
	part := "1"
	if c.table == "deliveries" {
		if err := d.db.QueryRowContext(ctx, "SELECT CAST(body_part AS TEXT) FROM deliveries WHERE id = $1", c.of).Scan(&part); err != nil {
			return err
		}
	}
	bodies, err := d.ids(ctx, "SELECT COALESCE(body_id, id) FROM "+c.table+" WHERE id = $1", c.of)
	if err != nil {
		return err
	}
	if len(bodies) != 1 {
		return fmt.Errorf("%s has %d deliveries %s", c.table, len(bodies), c.of)
	}
	own := copies{table: "bodies_" + part, key: "id", of: bodies[0], set: map[string]string{"id": c.set["id"]}}
	if err := d.copy(ctx, own, 0, n); err != nil {
		return err
	}
	c.set["body_id"] = "CAST(NULL AS BYTEA)"
	return d.copy(ctx, c, 0, n)
}

// ids answers a query for IDs.
func (d *direct) ids(ctx context.Context, query string, args ...any) (all []souk.ID, err error) {
	rows, err := d.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id souk.ID
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		all = append(all, id)
	}
	return all, rows.Err()
}
