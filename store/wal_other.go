//go:build !linux

package store

import "os"

// syncData puts on the disk what was written to f.
func syncData(f *os.File) error { return f.Sync() }
