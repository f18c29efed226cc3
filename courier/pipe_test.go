package courier

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// wire is a network in memory: a goroutine that waits on it is idle in the eyes
// of synctest, so virtual time moves.
type wire struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newWire() *wire { return &wire{conns: make(chan net.Conn), done: make(chan struct{})} }

func (w *wire) dial(ctx context.Context, _, _ string) (net.Conn, error) {
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

func (w *wire) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.done:
		return nil, net.ErrClosed
	}
}

func (w *wire) Close() error   { w.once.Do(func() { close(w.done) }); return nil }
func (w *wire) Addr() net.Addr { return &net.UnixAddr{Name: "wire", Net: "pipe"} }

// serve answers every connection of a new wire with h and returns a client that
// reaches it under any name. It is for virtual time.
func serve(t testing.TB, h http.Handler) *Client {
	w := newWire()
	server := &http.Server{Handler: h}
	served := make(chan struct{})
	go func() { defer close(served); server.Serve(w) }()
	c := NewClient(ClientOptions{})
	c.transport.DialContext = w.dial
	t.Cleanup(func() {
		server.Close()
		c.Close()
		<-served
		time.Sleep(time.Second) // until handlers that the server does not know have noticed
	})
	return c
}
