package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

// profiles is where the servers' CPU profiles go.
var profiles = filepath.Join("bench", "out")

// subject is a database of one section's, with the server over it.
type subject struct {
	name    string // of the engine and the section
	engine  string
	on      engine
	address string
	key     souk.Key
	keyFile string
	binary  string
	sink    *sink
	server  *process // nil while none runs
}

// measure runs a section on a new database and tells what its server needed.
func measure(ctx context.Context, p plan, part section, name, dir, binary string) error {
	return onSubject(part.name, name, dir, binary, durablePostgres, func(s *subject) error {
		if err := part.measure(s, ctx, p); err != nil {
			return err
		}
		now, most, err := s.server.memory()
		fmt.Printf("| %s: memory of the server, %s | | | | | %d MiB at the end, %d MiB at most |\n", name, part.name, now, most)
		return err
	})
}

// durablePostgres starts a PostgreSQL server that syncs what it commits.
func durablePostgres() (address string, stop func() error, err error) {
	cluster, err := souktest.StartPostgres(true)
	if err != nil {
		return "", nil, err
	}
	return cluster.Address, cluster.Stop, nil
}

// onSubject runs fn on a new database and leaves nothing behind but the CPU
// profile of its server.
func onSubject(part, name, dir, binary string, postgres func() (string, func() error, error), fn func(*subject) error) (err error) {
	on, known := engines[name]
	if !known {
		return errors.New("no such engine")
	}
	s := &subject{name: name + "-" + part, engine: name, on: on, binary: binary}
	dir = filepath.Join(dir, s.name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	var secret [souk.KeySize]byte
	rand.Read(secret[:]) // never fails
	s.key, s.keyFile = souk.NewKey(secret), filepath.Join(dir, "key")
	if err := os.WriteFile(s.keyFile, []byte(hex.EncodeToString(secret[:])), 0o600); err != nil {
		return err
	}
	s.address = filepath.Join(dir, "souk.db")
	if name == "postgres" {
		var stop func() error
		if s.address, stop, err = postgres(); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stop()) }()
	}
	if s.sink, err = startSink(); err != nil {
		return err
	}
	defer s.sink.server.Close()
	defer func() { err = errors.Join(err, s.stop()) }()
	return fn(s)
}

// open runs fn on the database, which has no server over it yet.
func (s *subject) open(ctx context.Context, fn func(*store.DB) error) error {
	db, err := store.Open(ctx, s.address)
	if err != nil {
		return err
	}
	return errors.Join(fn(db), db.Close())
}

// serve starts the server.
func (s *subject) serve(ctx context.Context) (err error) {
	s.server, err = start(ctx, "/readyz", []string{
		"SOUK_DB=" + s.address, "SOUK_KEY_FILE=" + s.keyFile, "SOUK_RATE_LIMITS=off", "SOUK_ALLOW_PRIVATE_TARGETS=true",
		"SOUK_CPU_PROFILE=" + filepath.Join(profiles, s.name+".prof"),
	}, s.binary, "serve")
	return err
}

// stop ends the server, if there is one.
func (s *subject) stop() error {
	if s.server == nil {
		return nil
	}
	p := s.server
	s.server = nil
	return p.stop()
}

// kill ends the server in the middle of what it does.
func (s *subject) kill() error {
	p := s.server
	s.server = nil
	if err := p.command.Process.Kill(); err != nil {
		return err
	}
	_ = p.command.Wait() // it says that it was killed
	return nil
}

// drain waits until the sink has received so many.
func (s *subject) drain(ctx context.Context, want int64) (time.Duration, error) {
	return waitFor(ctx, 5*time.Minute, func() (bool, error) { return s.sink.received.Load() >= want, nil })
}

// waitFor asks until it is so, and tells how long that took.
func waitFor(ctx context.Context, most time.Duration, so func() (bool, error)) (time.Duration, error) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if done, err := so(); done || err != nil {
			return time.Since(began), err
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-tick.C:
		}
	}
}
