package courier

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"souk"
	"souk/souktest"
)

// rude starts a receiver that treats each connection as behave does, then closes
// it, and returns its URL.
func rude(t *testing.T, behave func(conn net.Conn, in *bufio.Reader)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	conns.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer conn.Close()
				defer context.AfterFunc(ctx, func() { conn.Close() })()
				behave(conn, bufio.NewReader(conn))
			})
		}
	})
	t.Cleanup(func() { stop(); l.Close(); conns.Wait() })
	return "http://" + l.Addr().String()
}

// readHead reads a request without its body, readAll with it.
func readHead(in *bufio.Reader) *http.Request {
	r, err := http.ReadRequest(in)
	if err != nil {
		return nil
	}
	return r
}

func readAll(in *bufio.Reader) bool {
	r := readHead(in)
	if r == nil {
		return false
	}
	_, err := io.Copy(io.Discard, r.Body)
	return err == nil
}

// reset closes a connection so that the other side sees it reset.
func reset(conn net.Conn) {
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

// pour writes a text until nobody takes it.
func pour(conn net.Conn, text string) {
	for {
		if _, err := io.WriteString(conn, text); err != nil {
			return
		}
	}
}

// says answers a request with a text.
func says(text string) func(net.Conn, *bufio.Reader) {
	return func(conn net.Conn, in *bufio.Reader) {
		if readAll(in) {
			io.WriteString(conn, text)
		}
	}
}

// pours answers with a text, and then another without end.
func pours(text, more string) func(net.Conn, *bufio.Reader) {
	return func(conn net.Conn, in *bufio.Reader) {
		if readAll(in) {
			io.WriteString(conn, text)
			pour(conn, more)
		}
	}
}

// bomb is 64 MiB in 64 KiB.
var bomb = sync.OnceValue(func() string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	for range 64 {
		z.Write(make([]byte, 1<<20))
	}
	z.Close()
	return b.String()
})

const okay = "HTTP/1.1 200 OK\r\n"

// Whatever a receiver does, an exchange ends well within its time, keeps little,
// and says in which phase it failed.
func TestHostileReceivers(t *testing.T) {
	long := strings.Repeat("x", 4<<10)
	interim := "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
	tests := []struct {
		name   string
		body   int // bytes of the request's
		behave func(net.Conn, *bufio.Reader)
		want   souk.Outcome
		status int
		kept   int // bytes of the answer's
		broken bool
	}{
		{"endless body", 2, pours(okay+"\r\n", long), souk.OK, 200, maxExcerpt, false},
		{"endless body of a failure", 2, pours("HTTP/1.1 500 No\r\n\r\n", long), souk.BadStatus, 500, maxExcerpt, false},
		{"endless chunks", 2, pours(okay+"Transfer-Encoding: chunked\r\n\r\n", "1000\r\n"+long+"\r\n"), souk.OK, 200, maxExcerpt, false},
		{"endless small chunks", 2, pours(okay+"Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"), souk.OK, 200, maxExcerpt, true},
		{"endless chunk extension", 2, pours(okay+"Transfer-Encoding: chunked\r\n\r\n1;", long), souk.OK, 200, 0, true},
		{"endless trailer", 2, pours(okay+"Transfer-Encoding: chunked\r\n\r\n0\r\n", "X: "+long+"\r\n"), souk.OK, 200, 0, true},
		{"no chunk", 2, says(okay + "Transfer-Encoding: chunked\r\n\r\nnone\r\n"), souk.OK, 200, 0, true},
		{"compressed bomb", 2, says(okay + "Content-Encoding: gzip\r\n\r\n" + bomb()), souk.OK, 200, maxExcerpt, false},
		{"endless header", 2, pours(okay, "X-More: "+long+"\r\n"), souk.BadAnswer, 0, 0, true},
		{"endless line of a header", 2, pours(okay+"X-More: ", long), souk.BadAnswer, 0, 0, true},
		{"endless status line", 2, pours("HTTP/1.1 200 ", long), souk.BadAnswer, 0, 0, true},
		{"endless interim responses", 2, pours("", interim), souk.BadAnswer, 0, 0, true},
		{"endless empty interim responses", 2, pours("", "HTTP/1.1 100 Continue\r\n\r\n"), souk.BadAnswer, 0, 0, true},
		{"large interim responses", 2, pours("", "HTTP/1.1 102 Processing\r\nX: "+long+long+"\r\n\r\n"), souk.BadAnswer, 0, 0, true},
		{"as many as are bearable", 2, says(strings.Repeat(interim, maxInterim) + okay + "Content-Length: 0\r\n\r\n"), souk.OK, 200, 0, false},
		{"one more", 2, says(strings.Repeat(interim, maxInterim+1) + okay + "Content-Length: 0\r\n\r\n"), souk.BadAnswer, 0, 0, true},
		{"nothing", 2, says(""), souk.HungUp, 0, 0, true},
		{"half a header", 2, says(okay + "Content-Len"), souk.HungUp, 0, 0, true},
		{"half a body", 2, says(okay + "Content-Length: 10\r\n\r\nhalf"), souk.OK, 200, 4, true},
		{"half a body of a failure", 2, says("HTTP/1.1 500 No\r\nContent-Length: 10\r\n\r\nhalf"), souk.BadStatus, 500, 4, true},
		{"reset after the header", 2, func(conn net.Conn, in *bufio.Reader) {
			readHead(in) // what is not read makes it a reset
			io.WriteString(conn, okay+"Content-Length: 10\r\n\r\n")
		}, souk.OK, 200, 0, true},
		{"reset", 2, func(conn net.Conn, in *bufio.Reader) { readAll(in); reset(conn) }, souk.NoConnection, 0, 0, true},
		{"reset while we write", 32 << 20, func(conn net.Conn, in *bufio.Reader) { readHead(in); reset(conn) }, souk.WriteFailed, 0, 0, true},
		{"answers before it has read", 32 << 20, func(conn net.Conn, in *bufio.Reader) {
			readHead(in)
			io.WriteString(conn, "HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\nmuch")
			io.Copy(io.Discard, in) // until we hang up
		}, souk.BadStatus, 413, 4, false},
		{"answers and never reads", 32 << 20, func(conn net.Conn, in *bufio.Reader) {
			readHead(in)
			io.WriteString(conn, okay+"Content-Length: 0\r\n\r\n")
			pour(conn, "x") // until we hang up
		}, souk.OK, 200, 0, false},
		{"another protocol", 2, says("220 smtp ready\r\n"), souk.BadAnswer, 0, 0, true},
		{"HTTP/2 that we did not ask for", 2, says("\x00\x00\x00\x04\x00\x00\x00\x00\x00"), souk.HungUp, 0, 0, true},
		{"no status", 2, says("HTTP/1.1 fine\r\n\r\n"), souk.BadAnswer, 0, 0, true},
		{"a status of four digits", 2, says("HTTP/1.1 2000 OK\r\n\r\n"), souk.BadAnswer, 0, 0, true},
		{"a negative status", 2, says("HTTP/1.1 -20 OK\r\n\r\n"), souk.BadAnswer, 0, 0, true},
		{"no colon in a header", 2, says(okay + "Nonsense\r\n\r\n"), souk.BadAnswer, 0, 0, true},
		{"a negative length", 2, says(okay + "Content-Length: -1\r\n\r\n"), souk.BadAnswer, 0, 0, true},
		{"two lengths", 2, says(okay + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), souk.BadAnswer, 0, 0, true},
		{"an encoding that nobody knows", 2, says(okay + "Transfer-Encoding: magic\r\n\r\n"), souk.BadAnswer, 0, 0, true},
		{"another protocol from now on", 2, says("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: tar-pit\r\n\r\n"), souk.BadStatus, 101, 0, false},
		{"a status from the future", 2, says("HTTP/1.1 999 Well\r\nContent-Length: 0\r\n\r\n"), souk.BadStatus, 999, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := open()
			defer c.Close()
			r := c.Do(t.Context(), Request{URL: rude(t, tt.behave), Body: make([]byte, tt.body), Timeout: time.Minute})
			if r.Outcome != tt.want || r.Status != tt.status || (r.Err != nil) != tt.broken {
				t.Errorf("%s, status %d: %v", r.Outcome, r.Status, r.Err)
			}
			if len(r.Excerpt) != tt.kept {
				t.Errorf("%d bytes kept, want %d", len(r.Excerpt), tt.kept)
			}
			if r.Duration > 20*time.Second {
				t.Errorf("it took %s", r.Duration)
			}
		})
	}
}

// What comes behind an answer is no answer to the next request.
func TestDoTakesNoAnswerInAdvance(t *testing.T) {
	var connections atomic.Int64
	url := rude(t, func(conn net.Conn, in *bufio.Reader) {
		n := connections.Add(1)
		for readAll(in) {
			fmt.Fprintf(conn, "%sContent-Length: 1\r\n\r\n%d%sContent-Length: 6\r\n\r\nforged", okay, n, okay)
		}
	})
	c := open()
	defer c.Close()
	for n := range 2 {
		if r := post(t, c, url); r.Outcome != souk.OK || string(r.Excerpt) != fmt.Sprint(n+1) {
			t.Errorf("%s %q: %v", r.Outcome, r.Excerpt, r.Err)
		}
	}
}

func TestDoEndsRedirectLoops(t *testing.T) {
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		http.Redirect(w, r, "/round", http.StatusFound)
	}))
	defer server.Close()
	c := open()
	defer c.Close()
	r := c.Do(t.Context(), Request{URL: server.URL + "/round", Timeout: 10 * time.Second, Redirects: 2})
	if r.Outcome != souk.TooManyMoves || requests.Load() != 3 {
		t.Errorf("%s after %d requests: %v", r.Outcome, requests.Load(), r.Err)
	}
}

// A kept connection that ends before a byte of the answer came is replaced, once:
// a receiver sees a request twice at most.
func TestDoRepeatsOnce(t *testing.T) {
	const fine = okay + "Content-Length: 0\r\n\r\n"
	tests := []struct {
		name   string
		then   func(conn net.Conn, in *bufio.Reader, number int64) // after the first answer on a connection
		want   souk.Outcome
		seen   int64 // requests, the first one not counted
		opened int64 // connections
	}{
		{"closes at once", func(net.Conn, *bufio.Reader, int64) {}, souk.OK, 1, 2},
		{"resets at once", func(conn net.Conn, _ *bufio.Reader, _ int64) { reset(conn) }, souk.OK, 1, 2},
		{"closes when it is used again", func(_ net.Conn, in *bufio.Reader, _ int64) { readAll(in) }, souk.OK, 2, 2},
		{"resets when it is used again", func(conn net.Conn, in *bufio.Reader, _ int64) { readAll(in); reset(conn) }, souk.OK, 2, 2},
		{"half an answer", func(conn net.Conn, in *bufio.Reader, _ int64) { readAll(in); io.WriteString(conn, "HTTP/1.1 2") }, souk.HungUp, 1, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var requests, connections atomic.Int64
			first := make(chan struct{})
			url := rude(t, func(conn net.Conn, in *bufio.Reader) {
				n := connections.Add(1)
				if !readAll(in) {
					return
				}
				requests.Add(1)
				io.WriteString(conn, fine)
				if n == 1 {
					<-first
					counted := bufio.NewReader(&counting{in, &requests, sync.Once{}})
					tt.then(conn, counted, n)
				}
			})
			c := open()
			defer c.Close()
			if r := post(t, c, url); r.Outcome != souk.OK {
				t.Fatalf("%s: %v", r.Outcome, r.Err)
			}
			requests.Store(0)
			close(first)
			if r := post(t, c, url); r.Outcome != tt.want {
				t.Errorf("%s: %v", r.Outcome, r.Err)
			}
			if requests.Load() != tt.seen || connections.Load() != tt.opened {
				t.Errorf("%d requests seen, want %d, on %d connections, want %d", requests.Load(), tt.seen, connections.Load(), tt.opened)
			}
		})
	}

	t.Run("closes whatever comes", func(t *testing.T) {
		var answered, seen atomic.Int64
		url := rude(t, func(conn net.Conn, in *bufio.Reader) {
			for readAll(in) {
				if answered.Add(1) > 1 {
					seen.Add(1)
					return
				}
				io.WriteString(conn, fine)
			}
		})
		c := open()
		defer c.Close()
		post(t, c, url)
		if r := post(t, c, url); r.Outcome != souk.HungUp || seen.Load() != 2 {
			t.Errorf("%s, seen %d times: %v", r.Outcome, seen.Load(), r.Err)
		}
	})
}

// counting counts one request, when its first byte is read.
type counting struct {
	io.Reader
	requests *atomic.Int64
	once     sync.Once
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if n > 0 {
		c.once.Do(func() { c.requests.Add(1) })
	}
	return n, err
}

// Connections that have been idle for long are looked at first, and closed in
// time.
func TestIdleConnections(t *testing.T) {
	var opened, requests atomic.Int64
	closed := make(chan struct{}, 10)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			opened.Add(1)
		case http.StateClosed:
			closed <- struct{}{}
		}
	}
	server.Start()
	defer server.Close()
	c := open()
	defer c.Close()
	age := func(by time.Duration) {
		c.kept.mu.Lock()
		defer c.kept.mu.Unlock()
		for e := c.kept.all.Front(); e != nil; e = e.Next() {
			l := e.Value.(*line)
			l.usedAt = l.usedAt.Add(-by)
		}
	}
	for _, step := range []struct {
		name   string
		before func()
		opened int64
	}{
		{"the first", func() {}, 1},
		{"kept", func() {}, 1},
		{"kept for a while", func() { age(2 * stale) }, 1},
		{"closed meanwhile", func() { age(2 * stale); server.CloseClientConnections(); <-closed }, 2},
		{"tidied up", func() { age(idleLimit); c.kept.closeIdle(time.Now().Add(-idleLimit)); <-closed }, 3},
	} {
		step.before()
		if r := post(t, c, server.URL); r.Outcome != souk.OK || opened.Load() != step.opened {
			t.Errorf("%s: %s on connection %d, want %d: %v", step.name, r.Outcome, opened.Load(), step.opened, r.Err)
		}
	}
	if n := requests.Load(); n != 5 {
		t.Errorf("%d requests were seen, want 5: none is sent to who has hung up", n)
	}
}

func TestKeptConnectionsAreBounded(t *testing.T) {
	var k kept
	open := 0
	for n := range 3 * maxKept {
		near, far := net.Pipe()
		far.Close()
		open++
		l := &line{Conn: near, raw: near, place: place{address: fmt.Sprint(n % 3)}, usedAt: time.Now()}
		if over := k.put(l); over != nil {
			over.drop()
			open--
		}
	}
	if open != maxKept || k.all.Len() != maxKept {
		t.Errorf("%d are open and %d are kept", open, k.all.Len())
	}
	for n := range maxKept {
		near, _ := net.Pipe()
		k.put(&line{Conn: near, raw: near, place: place{address: "3"}, usedAt: time.Now().Add(time.Duration(n))})
	}
	if n := len(k.idle[place{address: "3"}]); n != maxKeptPlace {
		t.Errorf("one place keeps %d", n)
	}
	k.closeIdle(time.Time{})
	if k.all.Len() != 0 || len(k.idle) != 0 || k.sweep != nil {
		t.Errorf("%d are left, at %d places", k.all.Len(), len(k.idle))
	}
}

// Where a receiver just does nothing, an exchange lasts as long as it may.
func TestDoGivesUpInEachPhase(t *testing.T) {
	tests := []struct {
		name   string
		https  bool
		size   int
		behave func(conn net.Conn)
		after  time.Duration
	}{
		{"handshake", true, 2, func(net.Conn) {}, 5 * time.Second},
		{"handshake without an end", true, 2, func(conn net.Conn) { io.Copy(io.Discard, conn) }, 5 * time.Second},
		{"writing", false, 1 << 20, func(net.Conn) {}, 10 * time.Second},
		{"writing a little", false, 2, func(net.Conn) {}, 10 * time.Second},
		{"the header", false, 1 << 20, func(conn net.Conn) { io.Copy(io.Discard, conn) }, 10 * time.Second},
		{"a header that trickles", false, 2, func(conn net.Conn) {
			go io.Copy(io.Discard, conn)
			for _, err := io.WriteString(conn, okay); err == nil; _, err = io.WriteString(conn, "A: b\r\n") {
				time.Sleep(time.Second)
			}
		}, 10 * time.Second},
		{"interim responses that trickle", false, 2, func(conn net.Conn) {
			go io.Copy(io.Discard, conn)
			for _, err := io.WriteString(conn, ""); err == nil; _, err = io.WriteString(conn, "HTTP/1.1 102 Processing\r\n\r\n") {
				time.Sleep(time.Second)
			}
		}, 10 * time.Second},
	}
	for _, tt := range tests {
		for _, cancelled := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/cancelled=%v", tt.name, cancelled), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := souktest.NewWire()
					c := NewClient(ClientOptions{})
					c.transport.DialContext = w.Dial
					served := make(chan struct{})
					var conn net.Conn
					go func() {
						defer close(served)
						var err error
						if conn, err = w.Accept(); err == nil {
							tt.behave(conn)
						}
					}()
					stopping := errors.New("stopping")
					ctx, stop := context.WithCancelCause(t.Context())
					want, after := souk.HeaderTimeout, tt.after
					if cancelled {
						want, after = souk.AttemptStopped, 2*time.Second
						time.AfterFunc(after, func() { stop(stopping) })
					}
					url := map[bool]string{true: "https://receiver.example/", false: "http://receiver.example/"}[tt.https]
					r := c.Do(ctx, Request{URL: url, Body: make([]byte, tt.size), Timeout: 10 * time.Second, Connect: 5 * time.Second})
					if r.Outcome != want || r.Duration != after || cancelled != errors.Is(r.Err, stopping) {
						t.Errorf("%s after %s: %v", r.Outcome, r.Duration, r.Err)
					}
					<-served
					conn.Close()
					w.Close()
					stop(nil)
				})
			})
		}
	}
}
