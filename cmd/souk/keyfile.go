package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"souk"
)

// isPostgres reports whether a database address names a PostgreSQL server.
func isPostgres(address string) bool {
	return strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://")
}

// serverKey reads the server's key. Beside a SQLite database it is made the
// first time; on PostgreSQL, where all nodes must have the same one, it must be
// given.
func serverKey(file, database string) (souk.Key, error) {
	if file == "" {
		if isPostgres(database) {
			return souk.Key{}, badText{errors.New("--key-file (SOUK_KEY_FILE) is required on PostgreSQL: the same file for every node. " +
				"Make one with: (umask 077; openssl rand -hex 32 > souk.key)")}
		}
		file = filepath.Join(filepath.Dir(database), "souk.key")
		if err := makeKey(file, database); err != nil {
			return souk.Key{}, err
		}
	}
	return readKey(file)
}

// readKey reads a file of 64 hexadecimal digits.
func readKey(file string) (souk.Key, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return souk.Key{}, fmt.Errorf("key file: %w", err)
	}
	var secret [souk.KeySize]byte
	digits := strings.TrimSpace(string(text))
	if len(digits) != 2*len(secret) {
		return souk.Key{}, fmt.Errorf("key file %s: want %d hexadecimal digits", file, 2*len(secret))
	}
	if _, err := hex.Decode(secret[:], []byte(digits)); err != nil {
		return souk.Key{}, fmt.Errorf("key file %s: want hexadecimal digits only", file)
	}
	return souk.NewKey(secret), nil
}

// makeKey writes a new key unless the file or the database is there already: a
// database without its key must not get another.
func makeKey(file, database string) error {
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	if _, err := os.Stat(database); err == nil {
		return fmt.Errorf("the database %s is there and its key file %s is not: restore it, or name it with --key-file", database, file)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	secret := make([]byte, souk.KeySize)
	rand.Read(secret) // never fails
	// It gets its name when it is whole: half a key would be refused for ever.
	f, err := os.CreateTemp(filepath.Dir(file), ".souk.key-") // with mode 0600
	if err != nil {
		return fmt.Errorf("making the key file: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(hex.EncodeToString(secret) + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("making the key file: %w", err)
	}
	if err := os.Link(f.Name(), file); err != nil && !errors.Is(err, fs.ErrExist) { // another process was first
		return fmt.Errorf("making the key file: %w", err)
	}
	return nil
}
