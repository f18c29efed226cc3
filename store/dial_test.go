package store_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"souk"
	"souk/souktest"
	"souk/store"
)

// proxy stands before a PostgreSQL server. It can swallow all that comes.
type proxy struct {
	net.Listener
	mu    sync.Mutex
	lines []*swallower
	all   sync.WaitGroup
}

// startProxy answers with a proxy and the address by which a database is behind it.
func startProxy(t *testing.T, address string) (p *proxy, through string) {
	t.Helper()
	config, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	p = &proxy{}
	if p.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	p.all.Go(func() {
		for {
			client, err := p.Accept()
			if err != nil {
				return // closed
			}
			network, where := pgconn.NetworkAddress(config.Host, config.Port)
			server, err := net.Dial(network, where)
			if err != nil {
				t.Error(err)
				_ = client.Close()
				return
			}
			s := &swallower{client: client, server: server}
			p.mu.Lock()
			p.lines = append(p.lines, s)
			p.mu.Unlock()
			p.all.Go(func() { s.forward(server, client) })
			p.all.Go(func() { s.forward(client, server) })
		}
	})
	t.Cleanup(func() {
		_ = p.Close()
		p.mu.Lock()
		for _, s := range p.lines {
			_, _ = s.client.Close(), s.server.Close()
		}
		p.mu.Unlock()
		p.all.Wait()
	})
	u := &url.URL{Scheme: "postgres", User: url.UserPassword(config.User, config.Password), Host: p.Addr().String(),
		Path: "/" + config.Database, RawQuery: "sslmode=disable"}
	return p, u.String()
}

// swallow has the connections that there are lead nowhere from now on, without
// anybody being told. New ones are well.
func (p *proxy) swallow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.lines {
		s.mu.Lock()
		s.swallows = true
		s.mu.Unlock()
	}
}

// cut ends the connections that there are, without a word.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.lines {
		_, _ = s.client.Close(), s.server.Close()
	}
}

// swallower is one connection through a proxy.
type swallower struct {
	client, server net.Conn
	mu             sync.Mutex
	swallows       bool
}

func (s *swallower) forward(to, from net.Conn) {
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			if errors.Is(err, io.EOF) {
				_ = to.Close()
			}
			return
		}
		s.mu.Lock()
		if !s.swallows {
			_, _ = to.Write(b[:n])
		}
		s.mu.Unlock()
	}
}

func TestSilentServer(t *testing.T) {
	p, through := startProxy(t, souktest.Postgres(t))
	db := openFile(t, through)
	defer shut(t, db)
	if db.AnswerTime() != time.Minute {
		t.Errorf("an answer may take %s", db.AnswerTime())
	}
	makeNotes(t, db)
	// From then on it answers nothing, and nobody waits for long.
	swallow := func() {
		p.swallow()
		db.SetAnswerTime(100 * time.Millisecond)
	}
	ask := func(tx *store.Tx) error { return tx.Row("SELECT 1").Scan(new(int)) }
	for _, tt := range []struct {
		name string
		do   func() error
		want error
	}{
		{"a question", func() error {
			return db.Read(context.Background(), func(tx *store.Tx) error {
				if err := ask(tx); err != nil {
					return err
				}
				swallow()
				return ask(tx)
			})
		}, store.ErrUnavailable},
		{"a change", func() error {
			return db.Write(context.Background(), nil, func(tx *store.Tx) error {
				if err := putIn(tx, "change"); err != nil {
					return err
				}
				swallow()
				return putIn(tx, "another")
			})
		}, store.ErrUnavailable},
		{"a commit", func() error {
			return db.Write(context.Background(), nil, func(tx *store.Tx) error {
				defer swallow()
				return putIn(tx, "commit")
			})
		}, store.ErrOutcomeUnknown},
		{"a shared commit", func() error {
			return db.WriteShared(context.Background(), func(tx *store.Tx) error {
				defer swallow()
				return putIn(tx, "shared")
			})
		}, store.ErrOutcomeUnknown},
		{"a commit that is cut", func() error {
			return db.Write(context.Background(), nil, func(tx *store.Tx) error {
				defer p.cut()
				return putIn(tx, "cut")
			})
		}, store.ErrOutcomeUnknown},
		{"what is at rest", func() error {
			swallow()
			var err error
			for range 50 { // a new connection may take long, too
				if err = db.Read(context.Background(), ask); err == nil {
					break
				}
			}
			return err
		}, nil},
	} {
		db.SetAnswerTime(time.Minute)
		began := time.Now()
		if err := tt.do(); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("%s: heard after %s", tt.name, took)
		}
	}
	db.SetAnswerTime(time.Minute)
	if err := db.Ping(t.Context()); err != nil {
		t.Errorf("after all that: %v", err)
	}
}

// Who knows how long it may take is not told otherwise: a question that is given
// up is that, and no fault of the server's.
func TestGivenUpOnASilentServer(t *testing.T) {
	p, through := startProxy(t, souktest.Postgres(t))
	db := openFile(t, through)
	defer shut(t, db)
	ctx, leave := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer leave()
	err := db.Read(ctx, func(tx *store.Tx) error {
		p.swallow()
		return tx.Row("SELECT 1").Scan(new(int))
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// A lock that another verb holds is awaited for as long as an answer may take.
func TestLockWaitHasAnEnd(t *testing.T) {
	db := postgres(t)
	root := func(*store.Tx) (store.Locks, error) { return store.Locks{Roots: []souk.ID{{1}}}, nil }
	if err := db.Write(t.Context(), root, func(tx *store.Tx) error {
		db.SetAnswerTime(200 * time.Millisecond)
		defer db.SetAnswerTime(time.Minute)
		if err := db.Write(t.Context(), root, put("never")); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	wantNotes(t, db)
}
