package store

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// holdFile takes the lock file beside the database at path, or answers
// ErrHeld. SQLite itself would let a second process in; then each would have
// a writer of its own, and the two would wait for one another inside SQLite,
// where waiting is not fair. The kernel lets go of the lock when the process
// ends, however it ends; the file stays.
func holdFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("%w: %s (stop the souk that serves it first; several at once need PostgreSQL)", ErrHeld, path)
	}
	return nil, errors.Join(err, f.Close())
}

// letGo releases the lock that holdFile took. Closing the file would not be
// enough: a child that another goroutine starts this moment has the file too,
// until it runs its own program.
func letGo(f *os.File) error {
	return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close())
}
