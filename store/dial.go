package store

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// How long a PostgreSQL server may say nothing. A server whose machine is gone, or
// the way to which drops every packet, is found out by the kernel: nobody there
// acknowledges what was sent or asks back. answerTime is for what the kernel
// cannot see, a server or a pooler that takes everything in and never answers. It
// is longer than anybody waits for another verb's lock.
const (
	unackedTime = 15 * time.Second
	answerTime  = time.Minute
)

var probes = net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3}

// dialer connects to a server.
type dialer struct {
	net.Dialer
	patience atomic.Int64 // a time.Duration for each answer; zero: no end
}

func newDialer() *dialer {
	return &dialer{Dialer: net.Dialer{KeepAliveConfig: probes, Control: limitUnacked}}
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &line{Conn: conn, dialer: d}, nil
}

// line is a connection on which nothing waits longer than the dialer's patience,
// unless whoever uses it said how long.
type line struct {
	net.Conn
	dialer *dialer

	mu          sync.Mutex // held while a deadline changes, so that ours never replaces theirs
	read, write time.Time  // theirs
}

func (l *line) Read(b []byte) (int, error) {
	if err := l.limit(&l.read, l.Conn.SetReadDeadline); err != nil {
		return 0, err
	}
	n, err := l.Conn.Read(b)
	return n, l.ours(err, &l.read)
}

func (l *line) Write(b []byte) (int, error) {
	if err := l.limit(&l.write, l.Conn.SetWriteDeadline); err != nil {
		return 0, err
	}
	n, err := l.Conn.Write(b)
	return n, l.ours(err, &l.write)
}

// limit sets our deadline where there is none of theirs.
func (l *line) limit(theirs *time.Time, set func(time.Time) error) error {
	patience := time.Duration(l.dialer.patience.Load())
	l.mu.Lock()
	defer l.mu.Unlock()
	if patience == 0 || !theirs.IsZero() {
		return nil
	}
	return set(time.Now().Add(patience))
}

// ours says of a deadline that was our own that the server is silent. To pgx, one
// of its own leaves a connection in use.
func (l *line) ours(err error, theirs *time.Time) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if theirs.IsZero() {
		return silence{}
	}
	return err
}

func (l *line) SetDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.read, l.write = t, t
	return l.Conn.SetDeadline(t)
}

func (l *line) SetReadDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.read = t
	return l.Conn.SetReadDeadline(t)
}

func (l *line) SetWriteDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.write = t
	return l.Conn.SetWriteDeadline(t)
}

// silence is a net.Error, and so the fault of the way to the server.
type silence struct{}

func (silence) Error() string   { return "store: the database server has not answered for too long" }
func (silence) Timeout() bool   { return false }
func (silence) Temporary() bool { return false }
