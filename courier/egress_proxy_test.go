package courier

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"souk"
	"souk/souktest"
)

// forwarder is an egress proxy.
type forwarder struct {
	to string // where all connections go, whatever is asked for

	mu    sync.Mutex
	asked []string // the addresses
	auth  []string
}

func (f *forwarder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.asked, f.auth = append(f.asked, r.Host), append(f.auth, r.Header.Get("Proxy-Authorization"))
	f.mu.Unlock()
	switch {
	case r.Method != http.MethodConnect:
		http.Error(w, "CONNECT only", http.StatusMethodNotAllowed)
	case r.Header.Get("Proxy-Authorization") != "Basic c291azpzM2NyZXQ=": // souk:s3cret
		http.Error(w, "who are you", http.StatusProxyAuthRequired)
	case strings.HasPrefix(r.Host, "forbidden."):
		http.Error(w, "not there", http.StatusForbidden)
	case strings.HasPrefix(r.Host, "unknown."):
		http.Error(w, "no such name at 10.1.2.3", http.StatusBadGateway)
	default:
		f.tunnel(w)
	}
}

func (f *forwarder) tunnel(w http.ResponseWriter) {
	far, err := net.Dial("tcp", f.to)
	if err != nil {
		panic(err)
	}
	near, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	io.WriteString(near, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() { io.Copy(far, near); far.Close() }()
	io.Copy(near, far)
	near.Close()
}

// through is a client whose connections go through p, as user:password.
func through(t *testing.T, p *httptest.Server, user string, o ClientOptions) *Client {
	t.Helper()
	u, err := ParseProxy(strings.Replace(p.URL, "://", "://"+user+"@", 1))
	if err != nil {
		t.Fatal(err)
	}
	o.Proxy = u
	c := NewClient(o)
	t.Cleanup(c.Close)
	return c
}

func TestDoThroughAProxy(t *testing.T) {
	a := newAuthority(t)
	answers := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto+" "+r.Host) })
	plain := httptest.NewServer(answers)
	defer plain.Close()
	secure := a.serve(t, answers, "192.0.2.1", time.Now().Add(time.Hour), 0)
	toPlain, toSecure := &forwarder{to: plain.Listener.Addr().String()}, &forwarder{to: secure.Listener.Addr().String()}
	http1, https := httptest.NewServer(toPlain), a.serve(t, toPlain, "127.0.0.1", time.Now().Add(time.Hour), 0)
	tunnel := httptest.NewServer(toSecure)
	defer http1.Close()
	defer tunnel.Close()
	list, err := ParseTargets([]string{"192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}

	tests := []struct {
		name    string
		proxy   *httptest.Server
		user    string
		url     string
		want    souk.Outcome
		excerpt string // or what the error is
		asked   string
	}{
		{"a name", http1, "souk:s3cret", "http://receiver.example/", souk.OK, "HTTP/1.1 receiver.example", "receiver.example:80"},
		{"a name and a port", http1, "souk:s3cret", "http://receiver.example:8080/", souk.OK, "HTTP/1.1 receiver.example:8080", "receiver.example:8080"},
		{"over TLS", https, "souk:s3cret", "http://receiver.example/", souk.OK, "HTTP/1.1 receiver.example", "receiver.example:80"},
		{"TLS through it", tunnel, "souk:s3cret", "https://192.0.2.1/", souk.OK, "HTTP/2.0 192.0.2.1", "192.0.2.1:443"},
		{"TLS with a wrong name", tunnel, "souk:s3cret", "https://receiver.example/", souk.WrongHost, "certificate", "receiver.example:443"},
		{"a wrong password", http1, "souk:wr0ng", "http://receiver.example/", souk.NoConnection, "the egress proxy answered 407", "receiver.example:80"},
		{"it forbids", http1, "souk:s3cret", "http://forbidden.example/", souk.Blocked, "not allowed", "forbidden.example:80"},
		{"it knows no such name", http1, "souk:s3cret", "http://unknown.example/", souk.NoConnection, "the egress proxy answered 502", "unknown.example:80"},

		// What can be told without resolving is told before the proxy is asked.
		{"this machine", http1, "souk:s3cret", "http://127.0.0.1/", souk.Blocked, "not allowed", ""},
		{"this machine by name", http1, "souk:s3cret", "http://LocalHost./", souk.Blocked, "not allowed", ""},
		{"this machine as a number", http1, "souk:s3cret", "http://0x7f.1/", souk.Blocked, "not allowed", ""},
		{"metadata", http1, "souk:s3cret", "http://169.254.169.254/", souk.Blocked, "not allowed", ""},
		{"metadata by name", http1, "souk:s3cret", "http://metadata.google.internal/", souk.Blocked, "not allowed", ""},
		{"mapped", http1, "souk:s3cret", "http://[::ffff:10.0.0.1]/", souk.Blocked, "not allowed", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			toPlain.asked, toSecure.asked = nil, nil
			c := through(t, tt.proxy, tt.user, ClientOptions{RootCAs: a.pool, Allow: list})
			r := post(t, c, tt.url)
			said := string(r.Excerpt)
			if r.Err != nil {
				said = r.Err.Error()
			}
			if r.Outcome != tt.want || !strings.Contains(said, tt.excerpt) {
				t.Errorf("%s: %s", r.Outcome, said)
			}
			for _, secret := range []string{"s3cret", "wr0ng", "souk:", "c291az", "10.1.2.3", strings.TrimPrefix(tt.proxy.URL, "http://")} {
				if r.Err != nil && strings.Contains(said, secret) {
					t.Errorf("%q tells %s", said, secret)
				}
			}
			if asked := strings.Join(append(toPlain.asked, toSecure.asked...), " "); asked != tt.asked {
				t.Errorf("it was asked for %q, want %q", asked, tt.asked)
			}
			if r.Outcome == souk.OK {
				if r = post(t, c, tt.url); r.Outcome != souk.OK || len(toPlain.asked)+len(toSecure.asked) != 1 {
					t.Errorf("the next one: %s, asked for %v", r.Outcome, toPlain.asked)
				}
			}
		})
	}
}

// A proxy that is away, or behaves badly, is no reason to tell where it is.
func TestDoThroughABadProxy(t *testing.T) {
	for name, tt := range map[string]struct{ says, want string }{
		"hangs up":           {"", "the egress proxy gave no answer"},
		"speaks no HTTP":     {"220 smtp ready\r\n", "the egress proxy gave no answer"},
		"speaks on":          {"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "the egress proxy spoke out of turn"},
		"has a lot to say":   {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", "the egress proxy gave no answer"},
		"wants to move":      {"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\n\r\n", "the egress proxy answered 302"},
		"is somewhere else":  {"nowhere", "the egress proxy cannot be reached"},
		"cannot do any TLS":  {"tls", "the egress proxy fails to speak TLS"},
		"answers in between": {"HTTP/1.1 100 Continue\r\n\r\n", "the egress proxy answered 100"},
	} {
		t.Run(name, func(t *testing.T) {
			at := rude(t, func(conn net.Conn, in *bufio.Reader) {
				if tt.says != "tls" {
					readHead(in)
				}
				io.WriteString(conn, tt.says)
			})
			switch tt.says {
			case "tls":
				at = strings.Replace(at, "http", "https", 1)
			case "nowhere":
				at = "http://souk:s3cret@proxy.invalid:" + at[strings.LastIndex(at, ":")+1:]
			}
			u, err := ParseProxy(at)
			if err != nil {
				t.Fatal(err)
			}
			c := NewClient(ClientOptions{Proxy: u})
			defer c.Close()
			if r := post(t, c, "http://receiver.example/"); r.Outcome != souk.NoConnection || r.Err.Error() != tt.want {
				t.Errorf("%s: %v", r.Outcome, r.Err)
			}
		})
	}
}

func TestParseProxy(t *testing.T) {
	for raw, says := range map[string]string{
		"http://proxy.example:3128":              "",
		"https://souk:s3cret@proxy.example/":     "",
		"http://[fd00::1]:3128":                  "",
		"socks5://souk:s3cret@proxy.example":     "the scheme",
		"proxy.example:3128":                     "the scheme",
		"http://souk:s3cret@:3128":               "no host",
		"http://souk:s3cret@proxy.example/path":  "nothing may follow",
		"http://souk:s3cret@proxy.example/?a=b":  "nothing may follow",
		"http://souk:s3cret@proxy.example:port/": "not a URL",
		"http://souk:s3cret%@proxy.example/":     "not a URL",
		"":                                       "the scheme",
	} {
		_, err := ParseProxy(raw)
		if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: %v, want %q", raw, err, says)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v tells the password", err)
		}
	}
}

// A proxy that never answers costs an exchange its time, and no more.
func TestDoThroughASilentProxy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := souktest.NewWire()
		near := make(chan net.Conn, 1)
		go func() {
			if conn, err := w.Accept(); err == nil {
				near <- conn
				io.Copy(io.Discard, conn)
			}
		}()
		p := newProxy(&url.URL{Scheme: "http", Host: "proxy.example"}, nil)
		p.dial = w.Dial
		c := NewClient(ClientOptions{})
		c.proxy = p
		r := c.Do(t.Context(), Request{URL: "http://receiver.example/", Timeout: 10 * time.Second, Connect: 5 * time.Second})
		if r.Outcome != souk.HeaderTimeout || r.Duration != 5*time.Second || fmt.Sprint(r.Err) != "no answer in time" {
			t.Errorf("%s after %s: %v", r.Outcome, r.Duration, r.Err)
		}
		(<-near).Close()
		w.Close()
	})
}
