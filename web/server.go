package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// DrainTime is how long Serve waits for requests in hand once it is told to stop.
const DrainTime = 20 * time.Second

// Server is an http.Server that does not wait for ever, neither for a client nor
// for its own end.
type Server struct {
	http     http.Server
	draining atomic.Bool
}

// NewServer makes a server for h, which is usually what Stack returned. What
// net/http has to say about connections goes to log, as warnings.
func NewServer(h http.Handler, log *slog.Logger) *Server {
	return &Server{http: http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		// The last net: ReadBody is stricter, and a handler that needs longer to
		// answer asks http.ResponseController for it.
		ReadTimeout:    time.Minute,
		WriteTimeout:   time.Minute,
		IdleTimeout:    2 * time.Minute,
		MaxHeaderBytes: 32 << 10,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}}
}

// Serve answers on l until ctx ends. Then it takes no new connections, lets
// requests in hand finish for DrainTime, and returns nil. Requests that take
// longer are cut, and Serve returns an error that says so. The end of ctx does not
// cancel requests: they drain. A server serves once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	requests, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	s.http.BaseContext = func(net.Listener) context.Context {
		return context.WithValue(requests, drainingKey{}, &s.draining)
	}
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}

	s.draining.Store(true)
	patience, stop := context.WithTimeout(requests, DrainTime)
	defer stop()
	err := s.http.Shutdown(patience)
	if errors.Is(err, context.DeadlineExceeded) {
		err = errors.Join(fmt.Errorf("cut the requests that took longer than %s to drain", DrainTime), s.http.Close())
	}
	<-served // nothing but ErrServerClosed: Shutdown closed the listener
	return err
}

type drainingKey struct{}

// Draining reports whether the server that the request came in by is stopping.
// It still answers what it has in hand, and whoever balances load should look
// elsewhere.
func Draining(ctx context.Context) bool {
	d, ok := ctx.Value(drainingKey{}).(*atomic.Bool)
	return ok && d.Load()
}
