package main

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"souk"
)

// engine is how a database is spoken to without the store before it. A million
// rows are written by the database itself, as copies of one that the store wrote.
type engine struct {
	driver string
	source func(address string) string
	begin  string   // a session
	settle []string // what a database does in the hours after many rows came
	unhex  string   // spells bytes, of a text of hex digits
	digits string   // spells 12 hex digits of a number
}

var engines = map[string]engine{
	"sqlite": {
		driver: "sqlite",
		source: func(path string) string {
			pragmas := url.Values{"_pragma": {"busy_timeout(10000)", "synchronous(NORMAL)", "cache_size(-200000)", "temp_store(MEMORY)"}}
			return (&url.URL{Scheme: "file", Path: path, RawQuery: pragmas.Encode()}).String()
		},
		begin:  "SELECT 1",
		settle: []string{"PRAGMA wal_checkpoint(TRUNCATE)"},
		unhex:  "unhex(%s)",
		digits: "printf('%%012x', %s)",
	},
	"postgres": {
		driver: "pgx",
		source: func(address string) string { return address },
		begin:  "SET synchronous_commit = off",
		settle: []string{"VACUUM (ANALYZE)", "CHECKPOINT"},
		unhex:  "decode(%s, 'hex')",
		digits: "lpad(to_hex(%s), 12, '0')",
	},
}

// is spells an ID.
func (e engine) is(id souk.ID) string { return fmt.Sprintf(e.unhex, fmt.Sprintf("'%x'", id[:])) }

// id spells that of a row of a series, whose number an expression gives.
func (e engine) id(s series, i string) string {
	milliseconds := fmt.Sprintf(e.digits, s.atSQL(i)+" / 1000")
	return fmt.Sprintf(e.unhex, fmt.Sprintf("%s || '70008%03x' || %s", milliseconds, s.number, fmt.Sprintf(e.digits, i)))
}

// direct is a connection to a database.
type direct struct {
	db *sql.DB
	on engine
}

// directly runs fn on the database. While a server is over it, it only reads.
func (s *subject) directly(ctx context.Context, fn func(*direct) error) error {
	db, err := sql.Open(s.on.driver, s.on.source(s.address))
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, s.on.begin); err != nil {
		return errors.Join(err, db.Close())
	}
	return errors.Join(fn(&direct{db, s.on}), db.Close())
}

// rest lets the database settle.
func (d *direct) rest(ctx context.Context) error {
	for _, statement := range d.on.settle {
		if _, err := d.db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// count answers a query for one number.
func (d *direct) count(ctx context.Context, query string, args ...any) (n int, err error) {
	err = d.db.QueryRowContext(ctx, query, args...).Scan(&n)
	return n, err
}

// copies are many rows like one that is there, numbered by i.
type copies struct {
	table string
	key   string // the column that tells the one row
	of    souk.ID
	set   map[string]string // the columns that differ from it, as expressions of i
	where string            // which i there are; "": all
}

// copy makes the copies from number from on, below to.
func (d *direct) copy(ctx context.Context, c copies, from, to int) error {
	const atOnce = 100_000
	statement, err := d.copying(ctx, c)
	if err != nil {
		return err
	}
	for ; from < to; from += atOnce {
		if _, err := d.db.ExecContext(ctx, statement, c.of, from, min(from+atOnce, to)); err != nil {
			return fmt.Errorf("copying %s: %w", c.table, err)
		}
	}
	return nil
}

// copying spells a copy of rows $2 to $3 of the one with key $1.
func (d *direct) copying(ctx context.Context, c copies) (string, error) {
	rows, err := d.db.QueryContext(ctx, "SELECT * FROM "+c.table+" WHERE 1 = 0")
	if err != nil {
		return "", err
	}
	columns, err := rows.Columns()
	if err := errors.Join(err, rows.Close()); err != nil {
		return "", err
	}
	values, set := make([]string, len(columns)), 0
	for i, name := range columns {
		values[i] = "t." + name
		if expression, ok := c.set[name]; ok {
			values[i], set = expression, set+1
		}
	}
	if set < len(c.set) {
		return "", fmt.Errorf("%s lacks a column that is set", c.table)
	}
	where := ""
	if c.where != "" {
		where = " AND " + c.where
	}
	return `INSERT INTO ` + c.table + ` (` + strings.Join(columns, ", ") + `)
		WITH RECURSIVE many (i) AS (SELECT CAST($2 AS BIGINT) UNION ALL SELECT i + 1 FROM many WHERE i + 1 < $3)
		SELECT ` + strings.Join(values, ", ") + ` FROM ` + c.table + ` t, many WHERE t.` + c.key + ` = $1` + where, nil
}

// series is rows that were made one after another. As with real ones, their IDs
// grow with their times.
type series struct {
	number int // tells their IDs from those of other series
	begin  time.Time
	every  time.Duration
}

// spread is n rows over a time that ended an hour ago.
func spread(number, n int, over time.Duration) series {
	end := time.Now().Add(-time.Hour).Truncate(time.Second)
	return series{number, end.Add(-over), max(over/time.Duration(n), time.Millisecond).Truncate(time.Microsecond)}
}

// at and id are the time and the ID of row i.
func (s series) at(i int) time.Time { return s.begin.Add(time.Duration(i) * s.every).UTC() }

func (s series) id(i int) (id souk.ID) {
	binary.BigEndian.PutUint64(id[:8], uint64(s.at(i).UnixMilli())<<16|7<<12)
	binary.BigEndian.PutUint64(id[8:], 8<<60|uint64(s.number)<<48|uint64(i))
	return id
}

// atSQL spells the time of the row whose number an expression gives.
func (s series) atSQL(i string) string {
	return fmt.Sprintf("(%d + (%s) * %d)", s.begin.UnixMicro(), i, s.every.Microseconds())
}
