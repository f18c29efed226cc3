package courier

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"syscall"
	"time"

	"souk"
)

const (
	maxAddress = 8 << 10  // bytes of a URL that is asked: what is saved may grow by what it is signed with
	maxHeader  = 64 << 10 // bytes of a response's header
	maxRead    = 64 << 10 // bytes of a response's body read from the wire
	maxExcerpt = 16 << 10 // bytes of those kept for the log

	dialLimit   = 15 * time.Second // a dial may outlive the exchange that began it; the next one profits
	idleLimit   = 60 * time.Second
	maxIdle     = 512 // connections kept open, all hosts together
	maxIdleHost = 256
)

// Client makes single HTTP exchanges with addresses that other people chose. It
// connects only to where its guard allows, follows no redirect by itself, takes
// no proxy from the environment, reads a bounded part of the answer and says in
// which phase an exchange failed. It is safe for concurrent use.
type Client struct {
	guard     guard
	transport *http.Transport
}

// ClientOptions choose where a Client may connect. The zero value is the strict
// one: public addresses, certificates of the system's authorities.
type ClientOptions struct {
	AllowPrivate bool           // loopback and private networks too; never cloud metadata
	RootCAs      *x509.CertPool // nil: the system's
}

// NewClient returns a Client with a connection pool of its own.
func NewClient(o ClientOptions) *Client {
	g := newGuard(o.AllowPrivate)
	dialer := &net.Dialer{Control: g.control, Timeout: dialLimit}
	return &Client{guard: g, transport: &http.Transport{
		Proxy:                  nil, // it would dial in our place, past the guard
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs},
		TLSHandshakeTimeout:    dialLimit,
		DisableCompression:     true, // an answer is an excerpt in a log: what cannot inflate needs no cap on inflating
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxIdleHost,
		IdleConnTimeout:        idleLimit,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second},
	}}
}

// Close drops the idle connections. Exchanges in progress are not disturbed.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Request is one exchange to make.
type Request struct {
	Method    string // "": POST
	URL       string // at most 8 KiB; where it redirects to, at most souk.MaxURL
	Header    http.Header
	Body      []byte        // sent as it is, to every hop; none: without a body
	Timeout   time.Duration // from the start to the last byte read, all hops together
	Connect   time.Duration // of that, until a hop has a connection, TLS and all; 0: no bound of its own
	Redirects int           // how many 301 and 302 are followed; 0: a redirect is a status like any other
}

// RefuseRedirects as the number that a Request follows makes every 3xx
// TooManyMoves.
const RefuseRedirects = -1

// Result is what came of an exchange.
type Result struct {
	Outcome  souk.Outcome
	Status   int         // of the last answer; 0 when there was none
	Header   http.Header // of the last answer
	Excerpt  []byte      // the first 16 KiB of its body
	URL      string      // the last address asked; another than the Request's after a redirect
	Err      error       // what went wrong; holds no header, no body and no address. Also set beside OK when the body broke off
	Started  time.Time
	Duration time.Duration
}

// Do makes one exchange. A 2xx whose header came in time is OK, whatever
// becomes of its body. The end of ctx is AttemptStopped: our doing, not the
// receiver's.
//
// A 301 or 302 within q.Redirects is followed by sending the same bytes and
// headers again, by the same method. Any other redirect, one from https to http and one to what is
// no URL for us are not followed: their status is the answer.
func (c *Client) Do(ctx context.Context, q Request) Result {
	r := Result{URL: q.URL, Started: time.Now()}
	limited, cancel := context.WithTimeout(ctx, q.Timeout)
	defer cancel()

	to, err := target(q.URL, maxAddress)
	if err != nil {
		r.Outcome, r.Err = souk.Blocked, err
	}
	q.Header = q.Header.Clone()
	if q.Header == nil {
		q.Header = http.Header{}
	}
	// Receivers drop duplicates by the event's id, so when a kept connection
	// turns out to be closed, the request may be sent again on another. The
	// empty list says so to the transport and puts no header on the wire.
	q.Header["Idempotency-Key"] = []string{}

	for hop := 0; to != nil; hop++ {
		if hop > 0 {
			r.URL = to.String()
		}
		if to = c.exchange(limited, to, q, &r); to != nil && hop == q.Redirects {
			r.Outcome, r.Err = souk.TooManyMoves, fmt.Errorf("more than %d redirects", q.Redirects)
			break
		}
	}
	if r.Err != nil && r.Outcome != souk.OK && ctx.Err() != nil {
		r.Outcome, r.Err = souk.AttemptStopped, context.Cause(ctx)
	}
	r.Duration = time.Since(r.Started)
	return r
}

// exchange sends q to one address and fills in r. It returns the address to
// which the answer redirects, nil when the answer is final.
func (c *Client) exchange(ctx context.Context, to *url.URL, q Request, r *Result) *url.URL {
	var at tracker
	if q.Connect > 0 {
		limited, cancel := context.WithCancel(ctx)
		defer cancel()
		ctx, at.connected = limited, time.AfterFunc(q.Connect, cancel).Stop
	}
	body := func() io.ReadCloser {
		if len(q.Body) == 0 {
			return http.NoBody
		}
		return io.NopCloser(bytes.NewReader(q.Body))
	}
	req := (&http.Request{
		Method:        cmp.Or(q.Method, http.MethodPost),
		URL:           to,
		Host:          to.Host,
		Header:        q.Header,
		ContentLength: int64(len(q.Body)),
		Body:          body(),
		GetBody:       func() (io.ReadCloser, error) { return body(), nil },
	}).WithContext(httptrace.WithClientTrace(ctx, at.trace()))

	r.Status, r.Header, r.Excerpt = 0, nil, nil
	res, err := c.transport.RoundTrip(req)
	if err != nil {
		r.Outcome, r.Err = at.outcome(ctx, err), outward(err)
		return nil
	}
	defer res.Body.Close()
	r.Outcome, r.Status, r.Header = souk.BadStatus, res.StatusCode, res.Header
	if res.StatusCode >= 200 && res.StatusCode <= 299 {
		r.Outcome = souk.OK
	}
	if res.StatusCode == http.StatusSwitchingProtocols {
		return nil // the body is now the bare connection, which no deadline of ours governs
	}
	if q.Redirects == RefuseRedirects && res.StatusCode >= 300 && res.StatusCode <= 399 {
		r.Outcome, r.Err = souk.TooManyMoves, errors.New("redirects are not followed")
	}
	if r.Excerpt, err = readExcerpt(res.Body); err != nil {
		r.Err = outward(err)
		if r.Outcome != souk.OK && ctx.Err() != nil {
			r.Outcome = souk.BodyTimeout
		}
		return nil
	}
	if q.Redirects <= 0 || (res.StatusCode != http.StatusMovedPermanently && res.StatusCode != http.StatusFound) {
		return nil
	}
	return next(to, res.Header.Get("Location"))
}

// next is the address to which a redirect leads, nil when it is not followed.
func next(from *url.URL, location string) *url.URL {
	if location == "" {
		return nil
	}
	ref, err := url.Parse(location)
	if err != nil {
		return nil
	}
	to, err := target(from.ResolveReference(ref).String(), souk.MaxURL)
	if err != nil || from.Scheme == "https" && to.Scheme != "https" {
		return nil
	}
	return to
}

// readExcerpt reads a body as far as we are willing to and returns its
// beginning. A body that ends within maxRead leaves a connection to use again.
func readExcerpt(body io.Reader) ([]byte, error) {
	if body == http.NoBody {
		return nil, nil
	}
	var kept bytes.Buffer
	if _, err := kept.ReadFrom(io.LimitReader(body, maxExcerpt)); err != nil || kept.Len() < maxExcerpt {
		return kept.Bytes(), err
	}
	_, err := io.CopyN(io.Discard, body, maxRead-maxExcerpt)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return kept.Bytes(), err
}

// The phases of an exchange, in their order.
const (
	phaseDial int32 = iota
	phaseTLS
	phaseWrite
	phaseHeader
)

// tracker follows an exchange through its phases. A dial may go on in the
// background after the exchange found another connection, so it only moves
// forward.
type tracker struct {
	phase     atomic.Int32
	connected func() bool // called when there is a connection; may be nil
}

func (t *tracker) reach(phase int32) {
	for {
		p := t.phase.Load()
		if p >= phase || t.phase.CompareAndSwap(p, phase) {
			return
		}
	}
}

func (t *tracker) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		TLSHandshakeStart: func() { t.reach(phaseTLS) },
		GotConn: func(httptrace.GotConnInfo) {
			if t.connected != nil {
				t.connected()
			}
			t.reach(phaseWrite)
		},
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if info.Err == nil {
				t.reach(phaseHeader)
			}
		},
	}
}

// outcome names the failure err of an exchange that got no complete header.
func (t *tracker) outcome(ctx context.Context, err error) souk.Outcome {
	switch {
	case errors.Is(err, ErrAddress):
		return souk.Blocked
	case ctx.Err() != nil:
		return souk.HeaderTimeout // in whichever phase the time was spent
	}
	switch t.phase.Load() {
	case phaseDial:
		if dns := (*net.DNSError)(nil); errors.As(err, &dns) {
			return souk.BadName
		}
		return souk.NoConnection
	case phaseTLS:
		return souk.BadTLS
	case phaseWrite:
		return souk.WriteFailed
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
		return souk.NoConnection
	}
	return souk.BadAnswer
}

// outward is err without what it tells of the network that Souk stands in: the
// resolver it asks, where it calls from, the private address that a name has.
// The owner of a webhook reads it, who may be a stranger there.
func outward(err error) error {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.Is(err, ErrAddress):
		return fmt.Errorf("%w: the host is not at a public one", ErrAddress)
	case errors.As(err, &dns) && dns.IsNotFound:
		return errors.New("lookup: no such host")
	case errors.As(err, &dns):
		return errors.New("lookup: the name could not be resolved")
	case errors.As(err, &op):
		return fmt.Errorf("%s: %w", op.Op, op.Err)
	}
	return err
}
