// Package web is what every HTTP face shares: a request gets an id and a client
// address, leaves one line in the access log, and survives a handler's panic; a
// server starts, says how it feels and drains.
//
// It knows no dialect. A face reads what it needs from the request's context
// (RequestID, ClientAddress, Draining), adds what it learnt to the access line
// (Note), and answers in its own words. The one answer that web gives itself is
// the 500 of a handler that panicked before it had answered.
package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"souk"
)

// MaxBody is the most that any handler behind Stack can read of a request's
// body, in bytes. Faces set their own, lower limits with ReadBody; this one is
// for the handler that forgot.
const MaxBody = 4 << 20

// maxLogged keeps what a stranger may choose from filling a disk, in bytes.
const maxLogged = 256

// Options say how Stack sees the world.
type Options struct {
	// Log takes the access lines and the panics.
	Log *slog.Logger
	// TrustedProxies are the addresses whose X-Forwarded-For is believed, in the
	// form ParseProxies gives them. With none the client is who connected.
	TrustedProxies []netip.Prefix
}

// Stack wraps the handler of all faces together. Each request gets an id of our
// own making, which answers carry as X-Request-Id, and one access line when it is
// over. A request's query and headers are never logged, and what a client claims
// as its request id is not looked at.
//
// A panic is logged with its stack and answered by a fixed sentence; when the
// answer had begun already, the connection is cut instead, so that the client
// cannot take half an answer for a whole one.
func Stack(h http.Handler, o Options) http.Handler {
	log := slog.New(WithRequestID(o.Log.Handler()))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := &exchange{
			ResponseWriter: w,
			id:             souk.NewID().String(),
			client:         clientAddress(r.RemoteAddr, r.Header.Values("X-Forwarded-For"), o.TrustedProxies),
			start:          time.Now(),
			method:         clip(r.Method),
			path:           clip(r.URL.Path),
		}
		ctx := context.WithValue(r.Context(), exchangeKey{}, x)
		r = r.WithContext(ctx)
		// The reader gets the server's own writer: it tells the server through it
		// to close a connection whose body is too large.
		r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
		w.Header().Set("X-Request-Id", x.id)

		defer func() {
			fault := recover()
			if fault != nil && fault != http.ErrAbortHandler {
				log.ErrorContext(ctx, "handler panicked", "panic", fault, "stack", string(debug.Stack()))
				if x.status == 0 {
					http.Error(x, "The server failed to answer this request.", http.StatusInternalServerError)
					fault = nil
				}
			}
			if fault != nil {
				Note(ctx, "aborted", true)
			}
			log.LogAttrs(ctx, x.level(), "request", x.line()...)
			if fault != nil {
				panic(http.ErrAbortHandler)
			}
		}()
		h.ServeHTTP(x, r)
	})
}

// RequestID is the id of the request that ctx belongs to, and empty outside of
// Stack.
func RequestID(ctx context.Context) string {
	if x := exchangeOf(ctx); x != nil {
		return x.id
	}
	return ""
}

// ClientAddress is the address of the client that sent the request, as far as it
// can be believed: never an IPv4 address in IPv6's clothes, never with a zone. It
// is the zero Addr outside of Stack and when the peer has no address, as on a
// Unix socket.
func ClientAddress(ctx context.Context) netip.Addr {
	if x := exchangeOf(ctx); x != nil {
		return x.client
	}
	return netip.Addr{}
}

// Note puts a field on the access line of the request that ctx belongs to: which
// face, which method, who acted, which refusal. A second note of the same key
// replaces the first. Never note a token, a secret or a body. Outside of Stack it
// does nothing.
func Note(ctx context.Context, key string, value any) {
	x := exchangeOf(ctx)
	if x == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := range x.notes {
		if x.notes[i].Key == key {
			x.notes[i].Value = slog.AnyValue(value)
			return
		}
	}
	x.notes = append(x.notes, slog.Any(key, value))
}

// quiet lowers the access line to debug: a prober that asks every second and
// hears the same is not news.
func quiet(ctx context.Context) {
	if x := exchangeOf(ctx); x != nil {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.quiet = true
	}
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// exchange is one request and its answer: what the context hands to faces, and
// the writer that counts for the access line.
type exchange struct {
	http.ResponseWriter
	id           string
	client       netip.Addr
	start        time.Time
	method, path string

	status int // 0 until the answer has begun
	bytes  int64

	mu    sync.Mutex // notes may come from a handler's goroutines
	notes []slog.Attr
	quiet bool
}

func (x *exchange) WriteHeader(status int) {
	if x.status == 0 && status >= http.StatusOK { // 1xx come before the answer
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

func (x *exchange) Write(p []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	n, err := x.ResponseWriter.Write(p)
	x.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the server's writer.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

func (x *exchange) level() slog.Level {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.quiet {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

func (x *exchange) line() []slog.Attr {
	x.mu.Lock()
	defer x.mu.Unlock()
	status := x.status
	if status == 0 {
		status = http.StatusOK // what the server says for a handler that says nothing
	}
	return append([]slog.Attr{
		slog.String("method", x.method),
		slog.String("path", x.path),
		slog.Int("status", status),
		slog.Int64("bytes", x.bytes),
		slog.Duration("duration", time.Since(x.start)),
		slog.String("client", x.client.String()),
	}, x.notes...)
}

// clip shortens what a client chose for the log.
func clip(s string) string {
	if len(s) > maxLogged {
		s = s[:maxLogged] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
