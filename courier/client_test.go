package courier

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"souk"
	"souk/souktest"
)

func open() *Client { return NewClient(ClientOptions{AllowPrivate: true}) }

func post(t *testing.T, c *Client, url string) Result {
	t.Helper()
	return c.Do(t.Context(), Request{URL: url, Body: []byte("{}"), Timeout: 10 * time.Second})
}

// received is a request as the receiver saw it.
type received struct {
	Method, Path, Body string
	Header             http.Header
}

func readRequest(r *http.Request) received {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	return received{r.Method, r.URL.Path, string(body), r.Header}
}

func TestDo(t *testing.T) {
	var got received
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = readRequest(r)
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, "short and stout")
	}))
	defer server.Close()
	c := open()
	defer c.Close()

	header := http.Header{"Content-Type": {"application/json"}, "User-Agent": {"Souk"}, "X-Number": {"1"}}
	r := c.Do(t.Context(), Request{URL: server.URL + "/hook?a=b", Header: header, Body: []byte(`{"a": 1}`), Timeout: time.Minute})

	if r.Outcome != souk.BadStatus || r.Status != http.StatusTeapot || r.Err != nil || r.Duration <= 0 {
		t.Errorf("result %+v", r)
	}
	if string(r.Excerpt) != "short and stout" || r.Header.Get("Retry-After") != "7" || r.URL != server.URL+"/hook?a=b" {
		t.Errorf("answer %q, header %v, from %s", r.Excerpt, r.Header, r.URL)
	}
	want := received{"POST", "/hook", `{"a": 1}`, http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"Souk"}, "X-Number": {"1"}, "Content-Length": {"8"}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the receiver saw (-want +got):\n%s", d)
	}
	if len(header) != 3 {
		t.Errorf("Do changed the caller's header to %v", header)
	}
}

func TestDoOutcomes(t *testing.T) {
	// raw answers each connection with bytes as they are, then closes it.
	raw := func(t *testing.T, answer string) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				if _, err := conn.Read(make([]byte, 4<<10)); err == nil {
					io.WriteString(conn, answer)
				}
				conn.Close()
			}
		}()
		t.Cleanup(func() { l.Close(); <-done })
		return "http://" + l.Addr().String()
	}
	closed := func(t *testing.T) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		return l.Addr().String()
	}

	tests := []struct {
		name string
		url  func(t *testing.T) string
		want souk.Outcome
		code int
	}{
		{"no content", func(t *testing.T) string { return raw(t, "HTTP/1.1 204 No Content\r\n\r\n") }, souk.OK, 204},
		{"server error", func(t *testing.T) string { return raw(t, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n") }, souk.BadStatus, 503},
		{"closes without a word", func(t *testing.T) string { return raw(t, "") }, souk.HungUp, 0},
		{"speaks no HTTP", func(t *testing.T) string { return raw(t, "220 smtp ready\r\n") }, souk.BadAnswer, 0},
		{"half a header", func(t *testing.T) string { return raw(t, "HTTP/1.1 200 OK\r\nServer: x") }, souk.HungUp, 0},
		{"endless header", func(t *testing.T) string {
			return raw(t, "HTTP/1.1 200 OK\r\n"+strings.Repeat("X-Padding: "+strings.Repeat("x", 1000)+"\r\n", 100)+"\r\n")
		}, souk.BadAnswer, 0},
		{"body breaks off", func(t *testing.T) string { return raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf") }, souk.OK, 200},
		{"switches protocols", func(t *testing.T) string {
			return raw(t, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: tar-pit\r\n\r\n")
		}, souk.BadStatus, 101},
		{"nobody listens", func(t *testing.T) string { return "http://" + closed(t) }, souk.NoConnection, 0},
		{"no such name", func(t *testing.T) string { return "http://" + strings.Repeat("a", 64) + ".example" }, souk.BadName, 0},
		{"no TLS there", func(t *testing.T) string {
			return strings.Replace(raw(t, "HTTP/1.1 400 Bad Request\r\n\r\n"), "http", "https", 1)
		}, souk.BadTLS, 0},
		{"cloud metadata", func(*testing.T) string { return "http://169.254.169.254/latest" }, souk.Blocked, 0},
		{"another scheme", func(*testing.T) string { return "file:///etc/passwd" }, souk.Blocked, 0},
		{"credentials", func(*testing.T) string { return "http://me:secret@127.0.0.1/" }, souk.Blocked, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := open()
			defer c.Close()
			r := post(t, c, tt.url(t))
			if r.Outcome != tt.want || r.Status != tt.code {
				t.Errorf("outcome %s, status %d: %v", r.Outcome, r.Status, r.Err)
			}
			if r.Err != nil && strings.Contains(r.Err.Error(), "secret") {
				t.Errorf("the error %v repeats a secret", r.Err)
			}
		})
	}
}

// A name is judged by what it resolves to when it is dialled.
func TestDoIsGuardedWhenItDials(t *testing.T) {
	var reached atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	defer server.Close()
	c := NewClient(ClientOptions{})
	defer c.Close()

	for _, url := range []string{server.URL, strings.Replace(server.URL, "127.0.0.1", "localhost", 1)} {
		r := post(t, c, url)
		if r.Outcome != souk.Blocked || !errors.Is(r.Err, ErrAddress) {
			t.Errorf("%s: %s, %v", url, r.Outcome, r.Err)
		}
		if r.Err != nil && strings.ContainsAny(r.Err.Error(), "0123456789") {
			t.Errorf("%s: told what it stands for: %v", url, r.Err)
		}
	}
	if reached.Load() {
		t.Error("the receiver was reached")
	}
}

func TestDoTakesNoProxyFromTheEnvironment(t *testing.T) {
	var proxied atomic.Bool
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { proxied.Store(true) }))
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	c := open()
	defer c.Close()

	if r := post(t, c, "http://192.0.2.1/"); r.Outcome != souk.Blocked || proxied.Load() {
		t.Errorf("%s: %v, through the proxy %v", r.Outcome, r.Err, proxied.Load())
	}
}

// Whatever a receiver does, an exchange ends when its time does.
func TestDoTimesOut(t *testing.T) {
	wait := func(r *http.Request) { <-r.Context().Done() }
	tests := []struct {
		name   string
		h      http.HandlerFunc
		want   souk.Outcome
		status int
	}{
		{"no answer", func(_ http.ResponseWriter, r *http.Request) { readRequest(r); wait(r) }, souk.HeaderTimeout, 0},
		{"header trickles", func(w http.ResponseWriter, r *http.Request) {
			readRequest(r)
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				panic(err)
			}
			defer conn.Close()
			for line := "HTTP/1.1 200 OK\r\n"; ; line = "X-Slow: 1\r\n" {
				if _, err := io.WriteString(conn, line); err != nil {
					return
				}
				time.Sleep(100 * time.Millisecond)
			}
		}, souk.HeaderTimeout, 0},
		{"body trickles", func(w http.ResponseWriter, r *http.Request) {
			for {
				if _, err := io.WriteString(w, "drop"); err != nil {
					return
				}
				if err := http.NewResponseController(w).Flush(); err != nil {
					return
				}
				time.Sleep(100 * time.Millisecond)
			}
		}, souk.OK, 200},
		{"failure whose body trickles", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			if err := http.NewResponseController(w).Flush(); err != nil {
				return
			}
			wait(r)
		}, souk.BodyTimeout, 500},
		{"redirects in time, then nothing", func(w http.ResponseWriter, r *http.Request) {
			readRequest(r)
			if r.URL.Path != "/end" {
				time.Sleep(2 * time.Second)
				http.Redirect(w, r, "/end", http.StatusFound)
				return
			}
			wait(r)
		}, souk.HeaderTimeout, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := serve(t, tt.h)
				r := c.Do(t.Context(), Request{URL: "http://receiver.example/", Timeout: 3 * time.Second, Redirects: 2})
				if r.Outcome != tt.want || r.Status != tt.status || r.Duration != 3*time.Second {
					t.Errorf("%s, status %d after %s: %v", r.Outcome, r.Status, r.Duration, r.Err)
				}
			})
		})
	}

	t.Run("no connection", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := NewClient(ClientOptions{})
			w := souktest.NewWire() // that nobody listens on
			c.transport.DialContext = w.Dial
			r := c.Do(t.Context(), Request{URL: "http://receiver.example/", Timeout: 3 * time.Second})
			if r.Outcome != souk.HeaderTimeout || r.Duration != 3*time.Second {
				t.Errorf("%s after %s: %v", r.Outcome, r.Duration, r.Err)
			}
			w.Close()
		})
	})
	t.Run("in time to the millisecond", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				readRequest(r)
				time.Sleep(2999 * time.Millisecond)
			}))
			r := c.Do(t.Context(), Request{URL: "http://receiver.example/", Timeout: 3 * time.Second})
			if r.Outcome != souk.OK || r.Duration != 2999*time.Millisecond {
				t.Errorf("%s, status %d after %s: %v", r.Outcome, r.Status, r.Duration, r.Err)
			}
		})
	})
}

func TestDoCancelled(t *testing.T) {
	stopping := errors.New("stopping")
	synctest.Test(t, func(t *testing.T) {
		c := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { readRequest(r); <-r.Context().Done() }))
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(stopping) })
		r := c.Do(ctx, Request{URL: "http://receiver.example/", Timeout: 3 * time.Second})
		if r.Outcome != souk.AttemptStopped || !errors.Is(r.Err, stopping) || r.Duration != time.Second {
			t.Errorf("%s after %s: %v", r.Outcome, r.Duration, r.Err)
		}
	})
}

func TestDoReadsABoundedPartOfTheBody(t *testing.T) {
	var left atomic.Int64 // what the receiver got rid of
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var size int
		fmt.Sscanf(r.URL.Path, "/%d", &size)
		for left.Store(0); size > 0; size -= 1 << 10 {
			if _, err := w.Write(bytes.Repeat([]byte("x"), 1<<10)); err != nil {
				return
			}
			left.Add(1 << 10)
		}
	}))
	var connections atomic.Int64
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()

	tests := []struct {
		size, excerpt int
		reused        bool
	}{
		{0, 0, true},
		{1 << 10, 1 << 10, true},
		{16 << 10, 16 << 10, true},
		{48 << 10, 16 << 10, true},
		{1 << 40, 16 << 10, false},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.size), func(t *testing.T) {
			c := open()
			defer c.Close()
			r := post(t, c, fmt.Sprintf("%s/%d", server.URL, tt.size))
			if r.Outcome != souk.OK || len(r.Excerpt) != tt.excerpt {
				t.Errorf("%s, %d bytes kept: %v", r.Outcome, len(r.Excerpt), r.Err)
			}
			before := connections.Load()
			r = post(t, c, server.URL+"/0")
			if reused := connections.Load() == before; r.Outcome != souk.OK || reused != tt.reused {
				t.Errorf("next post %s, connection reused %v: %v", r.Outcome, reused, r.Err)
			}
		})
	}
}

// A compressed answer is never inflated, so a bomb is only its few bytes.
func TestDoDoesNotDecompress(t *testing.T) {
	var accepts []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		accepts = r.Header["Accept-Encoding"]
		w.Header().Set("Content-Encoding", "gzip")
		io.WriteString(w, "\x1f\x8b not inflated")
	}))
	defer server.Close()
	c := open()
	defer c.Close()
	if r := post(t, c, server.URL); accepts != nil || string(r.Excerpt) != "\x1f\x8b not inflated" {
		t.Errorf("asked for %v, kept %q", accepts, r.Excerpt)
	}
}

// A receiver that closes a kept connection just as the next request goes out
// has not seen that request: it is sent again on a new connection.
func TestDoSurvivesAClosedKeptConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var requests atomic.Int64
		c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			readRequest(r)
			if requests.Add(1) == 2 {
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					panic(err)
				}
				conn.Close()
			}
		}))
		for range 2 {
			if r := post(t, c, "http://receiver.example/"); r.Outcome != souk.OK {
				t.Errorf("%s: %v", r.Outcome, r.Err)
			}
		}
		if n := requests.Load(); n != 3 {
			t.Errorf("%d requests, want 3", n)
		}
	})
}

// What a webhook's owner reads tells nothing of our own network.
func TestErrorsTellNoAddresses(t *testing.T) {
	ours, theirs := &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 4711}, &net.TCPAddr{IP: net.IPv4(10, 9, 8, 7), Port: 443}
	for want, err := range map[string]error{
		"lookup: no such host": &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{
			Err: "no such host", Name: "x.example", Server: "10.0.0.2:53", IsNotFound: true}},
		"lookup: the name could not be resolved": &net.DNSError{
			Err: "read udp 10.1.2.3:4711->10.0.0.2:53: i/o timeout", Name: "x.example", Server: "10.0.0.2:53", IsTimeout: true},
		"dial: connect: connection refused":    &net.OpError{Op: "dial", Net: "tcp", Addr: theirs, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)},
		"read: read: connection reset by peer": fmt.Errorf("body: %w", &net.OpError{Op: "read", Net: "tcp", Source: ours, Addr: theirs, Err: os.NewSyscallError("read", syscall.ECONNRESET)}),
		"context deadline exceeded":            context.DeadlineExceeded,
		ErrAddress.Error() + ": the host is not at a public one": &net.OpError{Op: "dial", Net: "tcp", Addr: theirs,
			Err: fmt.Errorf("%w: %s is not a public address", ErrAddress, theirs.IP)},
	} {
		if got := outward(err).Error(); got != want {
			t.Errorf("%v is told as %q, want %q", err, got, want)
		}
	}
}
