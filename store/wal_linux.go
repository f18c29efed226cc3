package store

import (
	"errors"
	"os"
	"syscall"
)

// syncData puts on the disk what was written to f, and its length if that has
// changed, but not when it was written, for which the file system would write to
// its own log.
func syncData(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("fdatasync of the WAL", err)
		}
	}
}
