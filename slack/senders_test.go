package slack

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"souk/web"
)

// A body that ends before its announced length is a timeout and ends the
// connection.
func TestShortSender(t *testing.T) {
	got := make(chan error, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := readArguments(w, r, sample)
		got <- err
	}))
	defer s.Close()
	answer := sendShort(t, s.Listener.Addr().String(), "/api/m.m")
	if err := <-got; err != requestTimeout {
		t.Errorf("got %v", err)
	}
	if answer.Header.Get("Connection") != "close" && !answer.Close {
		t.Error("the connection stays open")
	}
}

// sendShort announces more than it sends, and then sends no more.
func sendShort(t *testing.T, address, path string) *http.Response {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "POST "+path+" HTTP/1.1\r\nHost: x\r\nContent-Type: "+form+"\r\nContent-Length: 99\r\n\r\napp_id"); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer
}

// So is one that takes too long. Time is virtual here, the connection a pipe.
func TestSlowSender(t *testing.T) {
	for name, sends := range map[string]string{"slow": "app_id", "silent": ""} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				client, stop := serve(func(w http.ResponseWriter, r *http.Request) {
					if _, err := readArguments(w, r, sample); err != requestTimeout {
						t.Errorf("got %v", err)
					}
				})
				defer stop()
				if _, err := io.WriteString(client, "POST /api/m.m HTTP/1.1\r\nHost: x\r\nContent-Type: "+form+"\r\nContent-Length: 99\r\n\r\n"+sends); err != nil {
					t.Fatal(err)
				}
				answer, err := http.ReadResponse(bufio.NewReader(client), nil)
				if err != nil {
					t.Fatal(err)
				}
				if after := time.Since(start); after != web.BodyTime || !answer.Close {
					t.Errorf("answered after %v, closed %v", after, answer.Close)
				}
			})
		})
	}
}

// A method that takes longer than the body may has its caller all the same.
func TestReadTimeEndsWithTheBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, stop := serve(func(w http.ResponseWriter, r *http.Request) {
			if _, err := readArguments(w, r, sample); err != nil {
				t.Error(err)
			}
			select {
			case <-r.Context().Done():
				t.Error("the caller is taken to have left")
			case <-time.After(2 * web.BodyTime):
			}
		})
		defer stop()
		if _, err := io.WriteString(client, "POST /api/m.m HTTP/1.1\r\nHost: x\r\nContent-Type: "+form+"\r\nContent-Length: 8\r\n\r\napp_id=1"); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, 15)
		if _, err := io.ReadFull(client, answer); err != nil || string(answer) != "HTTP/1.1 200 OK" {
			t.Errorf("got %q, %v", answer, err)
		}
	})
}

// serve runs one handler on the other end of a pipe.
func serve(h http.HandlerFunc) (client net.Conn, stop func()) {
	client, server := net.Pipe()
	l := &pipeListener{conns: make(chan net.Conn, 1), closed: make(chan struct{})}
	l.conns <- server
	s := &http.Server{Handler: h}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	return client, func() {
		client.Close()
		s.Close()
		<-ended
	}
}

type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { close(l.closed); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }
