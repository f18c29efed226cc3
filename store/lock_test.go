package store

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"
)

// A lock that was let go is free, even while a child that was being started has
// a copy of the file.
func TestLettingGoOfTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "souk.db")
	held, err := holdFile(path)
	if err != nil {
		t.Fatal(err)
	}
	childs, err := syscall.Dup(int(held.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(childs)
	if _, err := holdFile(path); !errors.Is(err, ErrHeld) {
		t.Errorf("held twice: %v", err)
	}
	if err := letGo(held); err != nil {
		t.Fatal(err)
	}
	again, err := holdFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := letGo(again); err != nil {
		t.Error(err)
	}
}
