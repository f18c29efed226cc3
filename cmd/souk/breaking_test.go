package main

import (
	"database/sql"
	"errors"
	"fmt"
	"math"
	"os"
	"testing"

	"souk/store"
)

// raw is a connection to the site's database beside whoever has it, and beneath
// Souk.
func (s *site) raw(t *testing.T) (on *sql.Conn, end func()) {
	t.Helper()
	driver, address := "pgx", s.Address
	if !isPostgres(address) {
		driver, address = "sqlite", "file:"+s.Address+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	if on, err = db.Conn(t.Context()); err != nil {
		t.Fatal(errors.Join(err, db.Close()))
	}
	return on, func() {
		if err := errors.Join(on.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	}
}

// lock has no server write down what became of deliveries until it is undone.
func (s *site) lock(t *testing.T) (unlock func()) {
	t.Helper()
	on, end := s.raw(t)
	begin := "BEGIN; LOCK TABLE deliveries IN EXCLUSIVE MODE"
	if !isPostgres(s.Address) {
		begin = "BEGIN IMMEDIATE"
	}
	if _, err := on.ExecContext(t.Context(), begin); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := on.ExecContext(t.Context(), "ROLLBACK"); err != nil {
			t.Error(err)
		}
		end()
	}
}

// outOfSpace is what a trigger on each table runs to have PostgreSQL answer every
// change as it does when its disk is full.
const outOfSpace = `CREATE FUNCTION out_of_space() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN RAISE disk_full USING MESSAGE = 'could not extend file: No space left on device'; END $$`

// fill has a server soon find no more room for what it writes, until it is
// undone.
func (s *site) fill(t *testing.T, p *process) (empty func()) {
	t.Helper()
	if isPostgres(s.Address) {
		// One table at a time: whoever takes two may wait for a server in a circle.
		s.exec(t, outOfSpace)
		s.eachTable(t, "CREATE TRIGGER out_of_space BEFORE INSERT OR UPDATE ON %s EXECUTE FUNCTION out_of_space()")
		return func() {
			s.eachTable(t, "DROP TRIGGER out_of_space ON %s")
			s.exec(t, "DROP FUNCTION out_of_space()")
		}
	}
	var used int64
	for _, name := range []string{s.Address, s.Address + "-wal"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		used = max(used, info.Size())
	}
	p.allow(t, uint64(used)+64<<10)
	return func() {
		if !p.ended() {
			p.allow(t, math.MaxUint64)
		}
	}
}

// eachTable runs a statement for each table of a PostgreSQL database.
func (s *site) eachTable(t *testing.T, statement string) {
	t.Helper()
	on, end := s.raw(t)
	defer end()
	var tables []string
	rows, err := on.QueryContext(t.Context(), "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		tables = append(tables, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, name := range tables {
		if _, err := on.ExecContext(t.Context(), fmt.Sprintf(statement, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *site) exec(t *testing.T, statement string) {
	t.Helper()
	on, end := s.raw(t)
	defer end()
	if _, err := on.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// bury has what servers leased that were killed be free at once, as it will be in
// time.
func (s *site) bury(t *testing.T) {
	t.Helper()
	if !isPostgres(s.Address) {
		return
	}
	var all []int
	for n := range store.Shards {
		all = append(all, n)
	}
	s.open(t, func(db *store.DB) error {
		return db.Record(t.Context(), func(tx *store.Tx) error {
			dead, err := tx.LiveNodes(db.Now())
			for _, node := range dead {
				err = errors.Join(err, tx.ReleaseShards(node, all), tx.RemoveNode(node))
			}
			return err
		})
	})
}
