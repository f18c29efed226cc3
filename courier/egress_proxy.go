package courier

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxProxyAnswer bounds the header of a proxy's answer, in bytes.
const maxProxyAnswer = 16 << 10

// errProxy is what every failure of the proxy's own wraps. It says nothing of
// where the proxy is or how we sign in to it.
var errProxy = errors.New("the egress proxy")

// ParseProxy reads the address of an egress proxy: http or https, perhaps a user
// and password, a host, perhaps a port, and nothing else. Its error does not
// repeat it.
func ParseProxy(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("not a URL") // err repeats it, password and all
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("the scheme must be http or https")
	case u.Hostname() == "" || u.Opaque != "":
		return nil, errors.New("no host")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("nothing may follow the port")
	}
	return u, nil
}

// proxy opens connections in our place, to http and https receivers alike by
// CONNECT. It is where its operator says, so no guard looks at its address.
type proxy struct {
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	address string
	tls     *tls.Config // nil: none on the way to it
	auth    string      // value of Proxy-Authorization, or ""
}

func newProxy(u *url.URL, roots *x509.CertPool) *proxy {
	at := placeOf(u)
	p := &proxy{dial: (&net.Dialer{}).DialContext, address: at.address}
	if at.tls {
		p.tls = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: u.Hostname()}
	}
	if u.User != nil {
		password, _ := u.User.Password()
		p.auth = "Basic " + base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password))
	}
	return p
}

// connect has the proxy connect to an address, host:port.
func (p *proxy) connect(ctx context.Context, address string) (net.Conn, error) {
	conn, err := p.dial(ctx, "tcp", p.address)
	if err != nil {
		return nil, fmt.Errorf("%w cannot be reached", errProxy)
	}
	if p.tls != nil {
		secure := tls.Client(conn, p.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, fmt.Errorf("%w fails to speak TLS", errProxy)
		}
		conn = secure
	}
	calm := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	err = p.ask(conn, address)
	if !calm() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func (p *proxy) ask(conn net.Conn, address string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", address, address)
	if p.auth != "" {
		fmt.Fprintf(&b, "Proxy-Authorization: %s\r\n", p.auth)
	}
	b.WriteString("\r\n")
	if _, err := io.WriteString(conn, b.String()); err != nil {
		return fmt.Errorf("%w hung up", errProxy)
	}
	in := bufio.NewReader(io.LimitReader(conn, maxProxyAnswer))
	res, err := http.ReadResponse(in, &http.Request{Method: http.MethodConnect})
	switch {
	case err != nil:
		return fmt.Errorf("%w gave no answer", errProxy)
	case res.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%w: %w refuses it", ErrAddress, errProxy)
	case res.StatusCode < 200 || res.StatusCode > 299:
		return fmt.Errorf("%w answered %d", errProxy, res.StatusCode)
	case in.Buffered() > 0:
		return fmt.Errorf("%w spoke out of turn", errProxy) // nobody behind it speaks first
	}
	return nil
}
