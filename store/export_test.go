package store

import (
	"context"
	"database/sql"
	"io/fs"
	"time"

	"souk"
)

// The tests live outside the package, where souktest can be imported, and
// speak SQL of their own.

func (tx *Tx) Exec(query string, args ...any) (int64, error) { return tx.exec(query, args...) }

func (tx *Tx) Query(query string, args ...any) (*sql.Rows, error) { return tx.query(query, args...) }

func (tx *Tx) Row(query string, args ...any) row { return tx.row(query, args...) }

func (tx *Tx) SkipLocked() string { return tx.skipLocked() }

func (tx *Tx) Strings(query string, args ...any) ([]string, error) {
	return list(tx, func(r row) (s string, err error) {
		err = r.Scan(&s)
		return s, err
	}, query, args...)
}

func OpenWith(ctx context.Context, address string, schema fs.FS) (*DB, error) {
	return open(ctx, address, schema)
}

var (
	Micros       = micros
	Placeholders = placeholders
)

type Stamp = stamp

func Migrations() fs.FS { return migrations() }

// SetLocal has a node's own clock say something else.
func (db *DB) SetLocal(local func() time.Time) { db.clock.local = local }

// AnswerTime is how long the server of db may say nothing; SetAnswerTime changes it.
func (db *DB) AnswerTime() time.Duration {
	return time.Duration(db.engine.(*postgres).dialer.patience.Load())
}

func (db *DB) SetAnswerTime(d time.Duration) { db.engine.(*postgres).dialer.patience.Store(int64(d)) }

const TallyTime = tallyTime

// CountEnd counts a delivery that ended.
func (tx *Tx) CountEnd(node, app souk.ID) error {
	var c counted
	c.ended(app, souk.DeliverySuccessful, time.Unix(0, 0), 1)
	return tx.count(node, 1, c)
}

// AroundSync has around be called in place of each sync of the WAL, with that sync.
func (db *DB) AroundSync(around func(sync func() error) error) {
	s := db.engine.(*sqlite).syncer
	s.mu.Lock()
	defer s.mu.Unlock()
	sync := s.sync
	s.sync = func() error { return around(sync) }
}

const MostAhead = mostAhead
