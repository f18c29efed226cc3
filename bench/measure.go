package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

// roots is how many root organizations the approvals are spread over; each has
// its own lock on PostgreSQL.
const roots = 32

func measureEcho(ctx context.Context, p plan) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	bare, err := start(ctx, "/", nil, self, "-echo")
	if err != nil {
		return err
	}
	f, err := load(ctx, p.clients, 2*p.approvals, func(int) request {
		return request{url: bare.base, token: "xoxp-souk-nobody", form: url.Values{"request_id": {souk.ID{}.Slack("Ar")}, "team_id": {souk.ID{}.Slack("T")}}}
	})
	if err := errors.Join(err, bare.stop()); err != nil {
		return err
	}
	fmt.Println(f.row("bare net/http", "a body read, 12 bytes answered"))
	return nil
}

// subject is a database with the server over it.
type subject struct {
	engine               string
	many, single, listed []tenant
	server               *process
	sink                 *sink
}

func measureEngine(ctx context.Context, p plan, engine, dir, binary string) error {
	s := subject{engine: engine}
	address := filepath.Join(dir, "souk.db")
	if engine == "postgres" {
		cluster, err := souktest.StartPostgres(true)
		if err != nil {
			return err
		}
		defer cluster.Stop()
		address = cluster.Address
	}
	if err := s.prepare(ctx, p, address, dir, binary); err != nil {
		return err
	}
	defer s.sink.server.Close()
	err := errors.Join(
		s.approvals(ctx, p, fmt.Sprintf("%d root organizations", roots), s.many),
		s.approvals(ctx, p, "one root organization", s.single),
		s.lists(ctx, p),
	)
	now, most, memoryErr := s.server.memory()
	fmt.Printf("| %s: memory | | | | | %d MiB at the end, %d MiB at most |\n", s.engine, now, most)
	return errors.Join(err, memoryErr, s.server.stop())
}

// prepare seeds a database and starts the server over it.
func (s *subject) prepare(ctx context.Context, p plan, address, dir, binary string) (err error) {
	var secret [souk.KeySize]byte
	rand.Read(secret[:]) // never fails
	keyFile := filepath.Join(dir, s.engine+".key")
	if err := os.WriteFile(keyFile, []byte(hex.EncodeToString(secret[:])), 0o600); err != nil {
		return err
	}
	if s.sink, err = startSink(); err != nil {
		return err
	}
	db, err := store.Open(ctx, address)
	if err != nil {
		return err
	}
	key := souk.NewKey(secret)
	for _, part := range []struct {
		into              *[]tenant
		tenants, requests int
	}{
		{&s.many, roots, (p.approvals + roots - 1) / roots},
		{&s.single, 1, p.approvals},
		{&s.listed, 1, p.listed},
	} {
		if *part.into, err = seed(ctx, db, key, part.tenants, part.requests, s.sink.url); err != nil {
			return errors.Join(err, db.Close())
		}
	}
	if err := db.Close(); err != nil {
		return err
	}
	s.server, err = start(ctx, "/readyz", []string{
		"SOUK_DB=" + address, "SOUK_KEY_FILE=" + keyFile, "SOUK_RATE_LIMITS=off", "SOUK_ALLOW_PRIVATE_TARGETS=true",
		"SOUK_CPU_PROFILE=" + filepath.Join("bench", "out", s.engine+".prof"),
	}, binary, "serve")
	return err
}

// approvals approves every request of tenants in turn.
func (s *subject) approvals(ctx context.Context, p plan, where string, tenants []tenant) error {
	before := s.sink.received.Load()
	f, err := load(ctx, p.clients, p.approvals, func(i int) request {
		t := tenants[i%len(tenants)]
		return request{
			url: s.server.base + "/api/admin.apps.approve", token: t.Token,
			form: url.Values{"request_id": {t.Requests[i/len(tenants)].Slack("Ar")}, "team_id": {t.Workspace.ID.Slack("T")}},
		}
	})
	if err != nil {
		return err
	}
	meanwhile := s.sink.received.Load() - before
	drained, err := s.drain(ctx, before+int64(2*p.approvals))
	fmt.Println(f.row(s.engine+": approve, "+where, fmt.Sprintf("%d of %d deliveries received meanwhile, the rest %.1f s later",
		meanwhile, 2*p.approvals, drained.Seconds())))
	return err
}

// drain waits until the sink has received so many.
func (s *subject) drain(ctx context.Context, want int64) (time.Duration, error) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for s.sink.received.Load() < want {
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("%d deliveries of %d were received: %w", s.sink.received.Load(), want, ctx.Err())
		case <-tick.C:
		}
	}
	return time.Since(began), nil
}

// lists reads the first page again and again.
func (s *subject) lists(ctx context.Context, p plan) error {
	t := s.listed[0]
	f, err := load(ctx, p.clients, p.lists, func(int) request {
		return request{
			url: s.server.base + "/api/admin.apps.requests.list", token: t.Token,
			form: url.Values{"team_id": {t.Workspace.ID.Slack("T")}, "limit": {"20"}},
		}
	})
	if err != nil {
		return err
	}
	fmt.Println(f.row(s.engine+": requests.list of 20", fmt.Sprintf("%d pending requests in the table", p.listed)))
	return nil
}
