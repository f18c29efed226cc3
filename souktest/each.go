// Package souktest gives tests what the real thing needs: databases on both
// engines.
package souktest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"souk/store"
)

// Each runs test as the subtests "sqlite" and "postgres", with a fresh
// database each that is open until the subtest ends.
//
// A test in a synctest bubble uses EachAddress and opens the database inside
// the bubble, because what a bubble waits for must have been made in it.
func Each(t *testing.T, test func(t *testing.T, db *store.DB)) {
	t.Helper()
	EachAddress(t, func(t *testing.T, address string) {
		db, err := store.Open(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		test(t, db)
	})
}

// EachAddress runs test as the subtests "sqlite" and "postgres", with the
// address of a fresh database each, for store.Open or for --db. It goes when
// the subtest ends.
func EachAddress(t *testing.T, test func(t *testing.T, address string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, Postgres(t)) })
}

// SQLite is the path of a fresh, migrated SQLite database, which goes when the
// test ends.
func SQLite(t testing.TB) string {
	t.Helper()
	file, err := migrated()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "souk.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// migrated is the file of a database to which nothing but migrations happened.
// They are made once for all tests of a process: under the race detector they
// take a second.
var migrated = sync.OnceValues(func() (file []byte, err error) {
	dir, err := os.MkdirTemp("", "souktest-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "souk.db")
	db, err := store.Open(context.Background(), path)
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// Postgres is the address of a fresh, migrated PostgreSQL database, which is
// dropped when the test ends. It needs a server: SOUK_TEST_POSTGRES, or one
// that it starts for this process from the installed binaries.
func Postgres(t testing.TB) string {
	t.Helper()
	from, err := template()
	if err != nil {
		t.Fatal(err)
	}
	return copied(t, from)
}

// Blank is the address of a fresh database on the same engine as another, to
// which nothing happened yet: on SQLite there is not even a file. It goes when
// the test ends.
func Blank(t testing.TB, like string) string {
	t.Helper()
	if !strings.HasPrefix(like, "postgres") {
		return filepath.Join(t.TempDir(), "souk.db")
	}
	return copied(t, "template1")
}

// copied is the address of a copy of a PostgreSQL database.
func copied(t testing.TB, from string) string {
	t.Helper()
	address, drop, err := createDatabase(from)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := drop(); err != nil {
			t.Error(err)
		}
	})
	return address
}
