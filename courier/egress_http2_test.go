package courier

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"souk"
)

// Types and flags of HTTP/2 frames (RFC 9113, section 6).
const (
	frameData, frameHeaders, frameReset, frameSettings = 0, 1, 3, 4
	frameGoAway, frameContinuation                     = 7, 9
	endStream, endHeaders                              = 1, 4
)

// Header blocks (RFC 7541): indexed fields, and literal ones without an index.
const (
	status200 = "\x88"
	status500 = "\x8e"
	status103 = "\x08\x03103"
)

func frame(w io.Writer, kind, flags byte, stream uint32, payload string) error {
	head := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	_, err := w.Write(append(binary.BigEndian.AppendUint32(append(head, flags), stream), payload...))
	return err
}

func number(n uint32) string { return string(binary.BigEndian.AppendUint32(nil, n)) }

// streams serves a connection of HTTP/2: each request, when its header has come,
// is told to behave, which answers false to hang up.
func streams(conn io.ReadWriter, behave func(w io.Writer, stream uint32) bool) {
	if _, err := io.ReadFull(conn, make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))); err != nil {
		return
	}
	if frame(conn, frameSettings, 0, 0, "") != nil {
		return
	}
	head := make([]byte, 9)
	for {
		if _, err := io.ReadFull(conn, head); err != nil {
			return
		}
		size := int64(head[0])<<16 | int64(head[1])<<8 | int64(head[2])
		if _, err := io.CopyN(io.Discard, conn, size); err != nil {
			return
		}
		if head[3] == frameHeaders && !behave(conn, binary.BigEndian.Uint32(head[5:])) {
			return
		}
	}
}

// rude2 starts a receiver of HTTP/2. behave gets the number of the connection and
// of the request, both from 1.
func (a authority) rude2(t *testing.T, behave func(w io.Writer, stream uint32, connection, request int64) bool) (url string, requests *atomic.Int64) {
	server := a.receiver(t, http.NotFoundHandler(), "127.0.0.1", time.Now().Add(time.Hour), 0)
	var connections atomic.Int64
	requests = new(atomic.Int64)
	server.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){
		"h2": func(_ *http.Server, conn *tls.Conn, _ http.Handler) {
			n := connections.Add(1)
			streams(conn, func(w io.Writer, stream uint32) bool { return behave(w, stream, n, requests.Add(1)) })
		},
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL, requests
}

func TestHostileHTTP2Receivers(t *testing.T) {
	a := newAuthority(t)
	fine := func(w io.Writer, stream uint32) bool {
		return frame(w, frameHeaders, endHeaders|endStream, stream, status200) == nil
	}
	refused, internal := number(7), number(2)
	tests := []struct {
		name   string
		behave func(w io.Writer, stream uint32, connection, request int64) bool
		posts  int // of which the last one is looked at
		want   souk.Outcome
		status int
		kept   int
		broken bool
		seen   int64
	}{
		{"fine", func(w io.Writer, s uint32, _, _ int64) bool { return fine(w, s) }, 3, souk.OK, 200, 0, false, 3},
		{"hangs up", func(io.Writer, uint32, int64, int64) bool { return false }, 1, souk.HungUp, 0, 0, true, 1},
		{"refuses", func(w io.Writer, s uint32, _, _ int64) bool { return frame(w, frameReset, 0, s, refused) == nil }, 1, souk.HungUp, 0, 0, true, 1},
		{"resets", func(w io.Writer, s uint32, _, _ int64) bool { return frame(w, frameReset, 0, s, internal) == nil }, 1, souk.HungUp, 0, 0, true, 1},
		{"resets a later one", func(w io.Writer, s uint32, _, r int64) bool {
			if r == 1 {
				return fine(w, s)
			}
			return frame(w, frameReset, 0, s, internal) == nil
		}, 2, souk.HungUp, 0, 0, true, 2},
		{"goes away at once", func(w io.Writer, _ uint32, _, _ int64) bool {
			return frame(w, frameGoAway, 0, 0, number(0)+number(0)) == nil
		}, 1, souk.HungUp, 0, 0, true, 1},
		{"goes away between two", func(w io.Writer, s uint32, c, r int64) bool {
			if c == 1 && r == 2 {
				return frame(w, frameGoAway, 0, 0, number(s-1)+number(0)) == nil
			}
			return fine(w, s)
		}, 2, souk.OK, 200, 0, false, 3},
		{"hangs up between two", func(w io.Writer, s uint32, c, r int64) bool { return !(c == 1 && r == 2) && fine(w, s) }, 2, souk.OK, 200, 0, false, 3},
		{"goes away again and again", func(w io.Writer, s uint32, _, r int64) bool {
			if r == 1 {
				return fine(w, s)
			}
			return frame(w, frameGoAway, 0, 0, number(s-1)+number(0)) == nil
		}, 2, souk.HungUp, 0, 0, true, 3},
		{"no frames", func(w io.Writer, _ uint32, _, _ int64) bool {
			_, err := io.WriteString(w, "HTTP/1.1 200 OK\r\n\r\n")
			return err == nil
		}, 1, souk.HungUp, 0, 0, true, 1},
		{"endless interim responses", func(w io.Writer, s uint32, _, _ int64) bool {
			for frame(w, frameHeaders, endHeaders, s, status103) == nil {
			}
			return false
		}, 1, souk.BadAnswer, 0, 0, true, 1},
		{"endless header", func(w io.Writer, s uint32, _, _ int64) bool {
			more := "\x00\x04more\x7f\x81\x0f" + strings.Repeat("x", 2<<10) // a field of 2 KiB
			for err := frame(w, frameHeaders, 0, s, status200); err == nil; err = frame(w, frameContinuation, 0, s, more) {
			}
			return false
		}, 1, souk.HungUp, 0, 0, true, 1},
		{"endless body", func(w io.Writer, s uint32, _, _ int64) bool {
			for err := frame(w, frameHeaders, endHeaders, s, status200); err == nil; err = frame(w, frameData, 0, s, strings.Repeat("x", 16<<10)) {
			}
			return false
		}, 1, souk.OK, 200, maxExcerpt, false, 1},
		{"resets after the header", func(w io.Writer, s uint32, _, _ int64) bool {
			return errors.Join(frame(w, frameHeaders, endHeaders, s, status500), frame(w, frameReset, 0, s, internal)) == nil
		}, 1, souk.BadStatus, 500, 0, true, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			url, requests := a.rude2(t, tt.behave)
			c := NewClient(ClientOptions{AllowPrivate: true, RootCAs: a.pool})
			defer c.Close()
			var r Result
			for range tt.posts {
				r = c.Do(t.Context(), Request{URL: url, Body: []byte("{}"), Timeout: time.Minute})
			}
			if r.Outcome != tt.want || r.Status != tt.status || (r.Err != nil) != tt.broken || len(r.Excerpt) != tt.kept {
				t.Errorf("%s, status %d, %d bytes: %v", r.Outcome, r.Status, len(r.Excerpt), r.Err)
			}
			if requests.Load() != tt.seen {
				t.Errorf("%d requests were seen, want %d", requests.Load(), tt.seen)
			}
			if r.Duration > 20*time.Second {
				t.Errorf("it took %s", r.Duration)
			}
		})
	}
}

// Exchanges at the same time share a connection of HTTP/2, which is closed when
// it is idle.
func TestHTTP2ConnectionsAreShared(t *testing.T) {
	a := newAuthority(t)
	var at atomic.Int64
	both := make(chan struct{})
	connections := make(chan string, 3)
	server := a.serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		connections <- r.RemoteAddr
		if at.Add(1) == 3 {
			close(both)
		}
		if r.URL.Path == "/both" {
			<-both
		}
	}), "127.0.0.1", time.Now().Add(time.Hour), 0)
	c := NewClient(ClientOptions{AllowPrivate: true, RootCAs: a.pool})
	defer c.Close()
	if r := post(t, c, server.URL); r.Outcome != souk.OK {
		t.Fatalf("%s: %v", r.Outcome, r.Err)
	}
	done := make(chan Result)
	for range 2 {
		go func() { done <- post(t, c, server.URL+"/both") }()
	}
	for range 2 {
		if r := <-done; r.Outcome != souk.OK {
			t.Errorf("%s: %v", r.Outcome, r.Err)
		}
	}
	if one, two, three := <-connections, <-connections, <-connections; one != two || two != three {
		t.Errorf("they came from %s, %s and %s", one, two, three)
	}
	for len(c.kept.shared) > 0 { // the end of a stream takes a moment
		c.kept.closeIdle(time.Now())
		runtime.Gosched()
	}
}
