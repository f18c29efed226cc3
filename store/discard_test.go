package store_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"souk/store"
)

// A database that was closed is one file: whoever copies it has everything.
func TestClosedDatabaseIsOneFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "souk.db")
	db, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	write := func(tx *store.Tx) error {
		_, err := tx.Exec(`INSERT INTO settings (name, value) VALUES ('kept', $1)`, []byte{1})
		return err
	}
	read := func(tx *store.Tx) error {
		_, err := tx.Setting("kept")
		return err
	}
	if err := db.Write(t.Context(), nil, write); err != nil {
		t.Fatal(err)
	}
	if err := db.Read(t.Context(), read); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if _, err := os.Stat(path + suffix); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there: %v", suffix, err)
		}
	}
	// Copied alone, it holds what was written.
	copied := filepath.Join(t.TempDir(), "copy.db")
	bytes, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(copied, bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := store.Open(t.Context(), copied)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := again.Read(t.Context(), read); err != nil {
		t.Error(err)
	}
}
