package store

import (
	"errors"
	"os"
	"path/filepath"
)

// openWAL opens the WAL of the database at path, which a connection must have
// open: as long as it has, the file stays the same one. Closing it again takes no
// lock from SQLite, which has none on this file.
//
// It is to be kept open: what the kernel could not write it tells once to each
// who had the file open then, and perhaps to nobody who comes later.
//
// The directory is synced too, so that the file is found after a crash.
func openWAL(path string) (*os.File, error) {
	wal, err := os.OpenFile(path+"-wal", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	directory, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, errors.Join(err, wal.Close())
	}
	if err := errors.Join(directory.Sync(), directory.Close()); err != nil {
		return nil, errors.Join(err, wal.Close())
	}
	return wal, nil
}
