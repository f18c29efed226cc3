package store

import (
	"os"
	"path/filepath"
	"testing"
)

// The file that is synced is the one that SQLite writes to, also when all
// connections that read and write were given up.
func TestWALStaysTheSameFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "souk.db")
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s := db.engine.(*sqlite)
	for _, name := range []string{"before", "after"} {
		if err := db.Write(t.Context(), nil, func(tx *Tx) error {
			_, err := tx.exec("INSERT INTO settings (name, value) VALUES ($1, x'01')", name)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		there, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		synced, err := s.wal.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if !os.SameFile(there, synced) {
			t.Errorf("%s: another file is synced", name)
		}
		s.writing.discard()
		for range readers {
			on := <-s.readers
			on.discard()
			s.readers <- on
		}
	}
}
