package courier

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"time"
)

// place is where a connection leads.
type place struct {
	tls     bool
	address string // host:port, as the URL spells the host
}

func placeOf(u *url.URL) place {
	p := place{tls: u.Scheme == "https"}
	port := u.Port()
	switch {
	case port != "":
	case p.tls:
		port = "443"
	default:
		port = "80"
	}
	p.address = net.JoinHostPort(u.Hostname(), port)
	return p
}

// connect opens a line to a place, until a limit. Errors are failures.
func (c *Client) connect(ctx context.Context, limit time.Time, p place) (*line, error) {
	ctx, cancel := context.WithDeadline(ctx, limit)
	defer cancel()
	raw, err := c.transport.DialContext(ctx, "tcp", p.address)
	if err != nil {
		return nil, fail(phaseDial, limit, err)
	}
	l := &line{Conn: raw, raw: raw, place: p}
	if !p.tls {
		return l, nil
	}
	config := c.tls.Clone()
	if config.ServerName, _, err = net.SplitHostPort(p.address); err != nil {
		raw.Close()
		return nil, fail(phaseDial, limit, err)
	}
	conn := tls.Client(raw, config)
	if err = conn.HandshakeContext(ctx); err == nil && conn.ConnectionState().NegotiatedProtocol == "h2" {
		l.shared, err = c.http2(ctx, conn, p)
	}
	if err != nil {
		raw.Close()
		return nil, fail(phaseTLS, limit, err)
	}
	if l.Conn = conn; l.shared != nil {
		c.kept.share(l)
	}
	return l, nil
}

// dial opens a connection to a receiver, if the guard lets it.
func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if err := c.guard.checkHost(host); err != nil {
		return nil, err
	}
	if c.proxy != nil {
		return c.proxy.connect(ctx, address)
	}
	return c.dialer.DialContext(ctx, network, address)
}
