package courier

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync/atomic"
	"time"
)

// handed is the key of the connection that a transport is to make HTTP/2 of.
type handed struct{}

// newHTTP2 returns a transport that dials nothing: it takes the connection that
// the context hands it.
func newHTTP2() *http.Transport {
	return &http.Transport{
		DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, ok := ctx.Value(handed{}).(*tls.Conn)
			if !ok {
				return nil, errors.New("no connection was handed over")
			}
			return conn, nil
		},
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
		ForceAttemptHTTP2:      true,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second,
			MaxReceiveBufferPerStream: maxRead, MaxReceiveBufferPerConnection: 1 << 20,
		},
	}
}

// http2 makes a connection that many exchanges share of conn, with room for a
// first one reserved.
func (c *Client) http2(ctx context.Context, conn *tls.Conn, p place) (*http.ClientConn, error) {
	shared, err := c.transport.NewClientConn(context.WithValue(ctx, handed{}, conn), "https", p.address)
	if err != nil {
		return nil, err
	}
	return shared, shared.Reserve()
}

// sendShared makes the exchange r on the HTTP/2 connection of l, where room for
// it is reserved. Errors are failures.
func (c *Client) sendShared(ctx context.Context, until time.Time, l *line, r *http.Request) (answer, error) {
	ctx, cancel := context.WithDeadline(ctx, until)
	var heard atomic.Bool
	interim := 0
	res, err := l.shared.RoundTrip(r.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotFirstResponseByte: func() { heard.Store(true) },
		Got1xxResponse: func(int, textproto.MIMEHeader) error {
			if interim++; interim > maxInterim {
				return errInterim
			}
			return nil
		},
	})))
	if err == nil {
		return answer{res, func(bool) { res.Body.Close(); cancel() }}, nil
	}
	cancel()
	f := fail(phaseAnswer, until, err) // frames are written and read at once: there is no phase of writing
	// A connection that takes no more is one that the receiver has ended, or is
	// about to: it says of our request that it was not looked at, or nothing.
	if f.silent = !heard.Load(); l.shared.Reserve() == nil {
		l.shared.Release()
	} else {
		f.over = f.silent && !f.late
	}
	return answer{}, f
}
