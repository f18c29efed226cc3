package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Tx is one transaction. Its statements run one after another: the rows of a
// query must be read out or closed before the next statement, on both
// engines. After a statement failed, every later one answers with the same
// error and the transaction will not be committed, whatever its function
// returns, because the database may have rolled back on its own by then.
type Tx struct {
	ctx     context.Context
	on      statements
	dialect *dialect
	open    *sql.Rows // of the last query; perhaps closed since
	err     error     // the first failure
	tallies *tallies  // where it counts

	// What it has seen of the log, see parts.go.
	part   int64  // the newest, 0: not looked at
	oldest int64  // 0: not looked at
	stable []Part // that stay as long as it runs
}

// statements is what a Tx runs on: a *sql.Tx of PostgreSQL, or a *session of
// SQLite.
type statements interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

var errRowsOpen = errors.New("store: statement while rows of the last query are open")

// settle finishes the last query and answers with the first failure, if any.
func (tx *Tx) settle() error {
	if tx.open == nil {
		return tx.err
	}
	rows := tx.open
	tx.open = nil
	if _, closed := rows.Columns(); closed == nil {
		tx.fail(errRowsOpen)
	}
	tx.fail(rows.Close())
	return tx.fail(rows.Err())
}

// fail keeps the first failure and answers with it.
func (tx *Tx) fail(err error) error {
	if tx.err == nil {
		tx.err = err
	}
	return tx.err
}

// exec runs a statement and answers with the number of rows it changed.
func (tx *Tx) exec(query string, args ...any) (int64, error) {
	if err := tx.settle(); err != nil {
		return 0, err
	}
	res, err := tx.on.ExecContext(tx.ctx, query, args...)
	if err != nil {
		return 0, tx.fail(err)
	}
	n, err := res.RowsAffected()
	return n, tx.fail(err)
}

// query runs a statement that has rows. Prefer one and list, which read them
// out and close them.
func (tx *Tx) query(query string, args ...any) (*sql.Rows, error) {
	if err := tx.settle(); err != nil {
		return nil, err
	}
	rows, err := tx.on.QueryContext(tx.ctx, query, args...)
	if err != nil {
		return nil, tx.fail(err)
	}
	tx.open = rows
	return rows, nil
}

// row is one row to scan.
type row interface{ Scan(dest ...any) error }

// row runs a query for its first row. Scan answers ErrNotFound if there is
// none, which is no failure of the transaction.
func (tx *Tx) row(query string, args ...any) row {
	rows, err := tx.query(query, args...)
	return &firstRow{tx, rows, err}
}

type firstRow struct {
	tx   *Tx
	rows *sql.Rows
	err  error
}

// Scan reads the row and closes the query.
func (r *firstRow) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	found := r.rows.Next()
	var err error
	if found {
		err = r.rows.Scan(dest...)
	}
	if err := errors.Join(err, r.rows.Err(), r.rows.Close()); err != nil {
		return r.tx.fail(err)
	}
	if !found {
		return ErrNotFound
	}
	return nil
}

// one reads the first row of a query, or answers ErrNotFound.
func one[T any](tx *Tx, scan func(row) (T, error), query string, args ...any) (T, error) {
	return scan(tx.row(query, args...))
}

// list reads all rows of a query.
func list[T any](tx *Tx, scan func(row) (T, error), query string, args ...any) ([]T, error) {
	rows, err := tx.query(query, args...)
	if err != nil {
		return nil, err
	}
	var all []T
	for err == nil && rows.Next() {
		var v T
		if v, err = scan(rows); err == nil {
			all = append(all, v)
		}
	}
	if err := errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return nil, tx.fail(err)
	}
	return all, nil
}

// skipLocked ends the subquery that claims work: rows that another claim
// holds are passed over. SQLite has one writer and needs no word for it.
func (tx *Tx) skipLocked() string { return tx.dialect.skipLocked }

// placeholders spells n placeholders from $from on: "$3,$4,$5".
func placeholders(from, n int) string {
	var b []byte
	for i := from; i < from+n; i++ {
		if i > from {
			b = append(b, ',')
		}
		b = append(b, '$')
		b = strconv.AppendInt(b, int64(i), 10)
	}
	return string(b)
}

// micros spells a time for a BIGINT column: microseconds of UTC, and NULL for
// the zero time.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// stamp scans what micros spelled: Scan(…, (*stamp)(&t), …).
type stamp time.Time

// Scan reads microseconds, or NULL as the zero time.
func (s *stamp) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*s = stamp{}
	case int64:
		*s = stamp(time.UnixMicro(v).UTC())
	default:
		return fmt.Errorf("store: %T where a time was stored", src)
	}
	return nil
}
