package souktest

import (
	"context"
	"net"
	"sync"
)

// Wire is a network in memory, and the listener at its end: a goroutine that
// waits on it is idle in the eyes of testing/synctest, so that virtual time
// moves.
type Wire struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

// NewWire returns a Wire at which nobody listens yet.
func NewWire() *Wire { return &Wire{conns: make(chan net.Conn), done: make(chan struct{})} }

// Dial connects to whoever accepts, under whatever name.
func (w *Wire) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case w.conns <- far:
		return near, nil
	case <-w.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept waits for the next who dials.
func (w *Wire) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.done:
		return nil, net.ErrClosed
	}
}

// Close ends the listening; connections stay.
func (w *Wire) Close() error { w.once.Do(func() { close(w.done) }); return nil }

// Addr names the wire.
func (w *Wire) Addr() net.Addr { return &net.UnixAddr{Name: "wire", Net: "pipe"} }
