package store_test

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"souk/store"
)

// notes is the table of most tests here.
const notes = `CREATE TABLE test_notes (
	name TEXT NOT NULL PRIMARY KEY,
	n BIGINT NOT NULL,
	body BYTEA
);`

// createTables spells PostgreSQL's DDL for the engine at hand, as a migration
// would be.
func createTables(tx *store.Tx, ddl string) error {
	if tx.SkipLocked() == "" {
		ddl = strings.NewReplacer("BIGINT", "INTEGER", "BYTEA", "BLOB", "\n);", "\n) STRICT;").Replace(ddl)
	}
	_, err := tx.Exec(ddl)
	return err
}

func makeNotes(t *testing.T, db *store.DB) {
	t.Helper()
	write(t, db, func(tx *store.Tx) error { return createTables(tx, notes) })
}

// write is a Write that must succeed.
func write(t *testing.T, db *store.DB, fn func(*store.Tx) error) {
	t.Helper()
	if err := db.Write(context.Background(), nil, fn); err != nil {
		t.Fatal(err)
	}
}

// put adds a note.
func put(name string) func(*store.Tx) error {
	return func(tx *store.Tx) error { return putIn(tx, name) }
}

func putIn(tx *store.Tx, name string) error {
	_, err := tx.Exec("INSERT INTO test_notes (name, n) VALUES ($1, $2)", name, 0)
	return err
}

// wantNotes compares the names of all notes.
func wantNotes(t *testing.T, db *store.DB, want ...string) {
	t.Helper()
	var got []string
	if err := db.Read(context.Background(), func(tx *store.Tx) (err error) {
		got, err = tx.Strings("SELECT name FROM test_notes ORDER BY name")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("notes are %q, want %q", got, want)
	}
}

func openFile(t *testing.T, path string) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func shut(t *testing.T, db *store.DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

func file(t *testing.T) string { return filepath.Join(t.TempDir(), "souk.db") }
