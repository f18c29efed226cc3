package store

import (
	"path/filepath"
	"testing"
)

// A connection that is given up in the middle of a transaction takes its locks
// with it: the next one writes.
func TestDiscardLetsGo(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "souk.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	on := &session{pool: db.engine.(*sqlite).pool, pragma: "PRAGMA busy_timeout=0"}
	defer on.discard()
	for range 3 {
		for _, query := range []string{"BEGIN IMMEDIATE", "INSERT INTO settings (name, value) VALUES ('lost', x'01')"} {
			if err := on.do(t.Context(), query); err != nil {
				t.Fatalf("%s: %v", query, err)
			}
		}
		on.discard()
	}
}
