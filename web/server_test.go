package web_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"souk/web"
)

// pipes is a listener in memory, so that a bubble's virtual time covers
// connections too.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes {
	return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

func (p *pipes) dial() (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// ask sends the bytes on a connection of their own and gives back what came until
// the server closed it, or the first answer if the server keeps it open.
func (p *pipes) ask(t *testing.T, request string) (status int, body string) {
	t.Helper()
	c, err := p.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go io.WriteString(c, request) // fails when the server has heard enough
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

const get = "GET / HTTP/1.1\r\nHost: souk\r\n\r\n"

func TestServeDrains(t *testing.T) {
	tests := []struct {
		name string
		work time.Duration // what the request in hand has left to do
		err  string
	}{
		{"in time", web.DrainTime - time.Second, ""},
		{"too late", web.DrainTime + time.Second, "cut the requests that took longer than 20s to drain"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, interrupt := context.WithCancel(t.Context())
				ready := web.Ready(func(context.Context) error { return nil })
				cut := make(chan bool, 1)
				handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					interrupt()
					select {
					case <-time.After(tt.work):
						cut <- false
					case <-r.Context().Done():
						cut <- true
					}
					ready.ServeHTTP(w, r)
				})
				l := newPipes()
				ended := make(chan error, 1)
				s := web.NewServer(web.Stack(handler, web.Options{Log: slog.New(slog.DiscardHandler)}), slog.New(slog.DiscardHandler))
				go func() { ended <- s.Serve(ctx, l) }()

				c, err := l.dial()
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if _, err := io.WriteString(c, get); err != nil {
					t.Fatal(err)
				}
				<-ctx.Done()
				synctest.Wait()
				if late, err := l.dial(); err == nil {
					late.Close()
					t.Error("a server that drains took a new connection")
				}
				answer, err := http.ReadResponse(bufio.NewReader(c), nil)
				if tt.err != "" {
					if err == nil {
						t.Errorf("a request that was cut is answered with %s", answer.Status)
					}
				} else if err != nil || answer.StatusCode != http.StatusServiceUnavailable || !answer.Close {
					t.Errorf("a draining server says it is ready: %v, %v", answer, err)
				}
				if got := fmt.Sprint(<-ended); got != tt.err && !(tt.err == "" && got == "<nil>") {
					t.Errorf("Serve: %s, want %q", got, tt.err)
				}
				if was := <-cut; was != (tt.err != "") {
					t.Errorf("the request's context was cut: %t", was)
				}
			})
		})
	}
}

func TestServeWithoutAListener(t *testing.T) {
	l := newPipes()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	err := web.NewServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler)).Serve(t.Context(), l)
	if !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve on a closed listener: %v", err)
	}
}

func TestServerDoesNotWaitForHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		serve(t, http.NotFoundHandler(), func(l *pipes) {
			c, err := l.dial()
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost:"); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			if _, err := io.Copy(io.Discard, c); err != nil {
				t.Error(err)
			}
			if waited := time.Since(start); waited > 11*time.Second {
				t.Errorf("the server waited %s for the end of the headers", waited)
			}
		})
	})
}

func TestReadBody(t *testing.T) {
	const limit = 8
	post := func(headers, body string) string {
		return "POST / HTTP/1.1\r\nHost: souk\r\n" + headers + "\r\n" + body
	}
	tests := []struct {
		name, request string
		want          string
		took          time.Duration
	}{
		{"none", get, `"" <nil>`, 0},
		{"of the limit", post("Content-Length: 8\r\n", "12345678"), `"12345678" <nil>`, 0},
		{"declared too large", post("Content-Length: 9\r\n", "123456789"), `"" request body is too large`, 0},
		{"declared huge, never sent", post("Content-Length: 1099511627776\r\n", ""), `"" request body is too large`, 0},
		{"found too large", post("Transfer-Encoding: chunked\r\n", "9\r\n123456789\r\n0\r\n\r\n"), `"" request body is too large`, 0},
		{"chunked", post("Transfer-Encoding: chunked\r\n", "3\r\n123\r\n0\r\n\r\n"), `"123" <nil>`, 0},
		{"never whole", post("Content-Length: 8\r\n", "1234"), `"" request body did not arrive in time`, web.BodyTime},
		{"broken chunk", post("Transfer-Encoding: chunked\r\n", "x\r\n"), `"" read request body: invalid byte in chunk length`, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					start := time.Now()
					body, err := web.ReadBody(w, r, limit)
					if took := time.Since(start); took != tt.took {
						t.Errorf("took %s, want %s", took, tt.took)
					}
					if closes := w.Header().Get("Connection") == "close"; closes != (err != nil) {
						t.Errorf("answer to %v closes the connection: %t", err, closes)
					}
					fmt.Fprintf(w, "%q %v", body, err)
				})
				serve(t, handler, func(l *pipes) {
					if _, got := l.ask(t, tt.request); got != tt.want {
						t.Errorf("got %s, want %s", got, tt.want)
					}
				})
			})
		})
	}
}

// A deadline for the body must not end the work that the body asks for.
func TestReadBodyLeavesTheRequestAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := web.ReadBody(w, r, 10); err != nil {
				t.Error(err)
			}
			select {
			case <-r.Context().Done():
				t.Errorf("the request was cancelled: %v", context.Cause(r.Context()))
			case <-time.After(3 * web.BodyTime):
			}
		})
		serve(t, handler, func(l *pipes) {
			if status, _ := l.ask(t, "POST / HTTP/1.1\r\nHost: souk\r\nContent-Length: 2\r\n\r\nhi"); status != http.StatusOK {
				t.Errorf("status %d", status)
			}
		})
	})
}

func TestStackCapsBodiesThatNobodyLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n, err := io.Copy(io.Discard, r.Body)
			fmt.Fprintf(w, "%d %v", n, err)
		})
		serve(t, handler, func(l *pipes) {
			size := web.MaxBody + 1
			request := fmt.Sprintf("POST / HTTP/1.1\r\nHost: souk\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("a", size))
			_, got := l.ask(t, request)
			if want := fmt.Sprintf("%d http: request body too large", web.MaxBody); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	})
}

// serve runs fn against a server of h and stops the server when fn is done.
func serve(t *testing.T, h http.Handler, fn func(*pipes)) {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	log := slog.New(slog.DiscardHandler)
	l := newPipes()
	ended := make(chan error, 1)
	go func() { ended <- web.NewServer(web.Stack(h, web.Options{Log: log}), log).Serve(ctx, l) }()
	fn(l)
	interrupt()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
