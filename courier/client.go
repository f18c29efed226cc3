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
	"net/netip"
	"net/url"
	"sync"
	"time"

	"souk"
)

const (
	maxAddress = 8 << 10  // bytes of a URL that is asked: what is saved may grow by what it is signed with
	maxHeader  = 64 << 10 // bytes of a response's header, of interim responses too
	maxInterim = 16       // interim responses (1xx) before the one that counts
	maxRead    = 64 << 10 // bytes of a response's body read from the wire
	maxExcerpt = 16 << 10 // bytes of those kept for the log
)

// Client makes single HTTP exchanges with addresses that other people chose. It
// connects only to where its guard allows, follows no redirect by itself, takes
// no proxy from the environment, reads a bounded part of the answer and says in
// which phase an exchange failed. It is safe for concurrent use.
//
// It speaks HTTP/1.1 over connections of its own and HTTP/2 where the receiver
// prefers it (docs/decisions/0045-connections-of-our-own.md).
type Client struct {
	guard     guard
	dialer    *net.Dialer
	proxy     *proxy      // nil: none
	tls       *tls.Config // of every receiver
	kept      kept
	transport *http.Transport // its DialContext leads to receivers; makes HTTP/2 of connections
}

// ClientOptions choose where a Client may connect and how. The zero value is
// the strict one: public addresses, certificates of the system's authorities.
type ClientOptions struct {
	AllowPrivate bool           // loopback and private networks too; never cloud metadata
	Allow        []netip.Prefix // these addresses too, as ParseTargets reads them
	RootCAs      *x509.CertPool // nil: the system's
	Proxy        *url.URL       // all connections go through it, as ParseProxy reads it; nil: none

	resolver *net.Resolver // nil: the system's
}

// NewClient returns a Client with a connection pool of its own.
func NewClient(o ClientOptions) *Client {
	c := &Client{
		guard: newGuard(o.AllowPrivate, o.Allow),
		tls: &tls.Config{
			MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs, NextProtos: []string{"h2", "http/1.1"},
			ClientSessionCache: tls.NewLRUClientSessionCache(maxKept),
		},
	}
	c.dialer = &net.Dialer{Control: c.guard.control, Resolver: o.resolver}
	if o.Proxy != nil {
		c.proxy = newProxy(o.Proxy, o.RootCAs)
	}
	c.transport = newHTTP2()
	c.transport.DialContext = c.dial
	return c
}

// Close drops the connections that are not in use. Exchanges in progress are not
// disturbed.
func (c *Client) Close() { c.kept.closeIdle(time.Time{}) }

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
// The request goes out once. Only when a kept connection turns out to be closed,
// so that not a byte of an answer came, it goes out a second time on a new one: a
// receiver may see it twice, and knows it by the event's id.
//
// A 301 or 302 within q.Redirects is followed by sending the same bytes and
// headers again, by the same method. Any other redirect, one from https to http
// and one to what is no URL for us are not followed: their status is the answer.
func (c *Client) Do(ctx context.Context, q Request) Result {
	r := Result{URL: q.URL, Started: time.Now()}
	until := r.Started.Add(q.Timeout)
	to, err := target(q.URL, maxAddress)
	if err != nil {
		r.Outcome, r.Err = souk.Blocked, err
	}
	for hop := 0; to != nil; hop++ {
		if hop > 0 {
			r.URL = to.String()
		}
		if to = c.exchange(ctx, until, to, q, &r); to != nil && hop == q.Redirects {
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
func (c *Client) exchange(ctx context.Context, until time.Time, to *url.URL, q Request, r *Result) *url.URL {
	r.Status, r.Header, r.Excerpt = 0, nil, nil
	a, err := c.ask(ctx, until, to, q)
	if err != nil {
		r.Outcome, r.Err = outcomeOf(err), outward(err)
		return nil
	}
	r.Outcome, r.Status, r.Header = souk.BadStatus, a.StatusCode, a.Header
	if a.StatusCode >= 200 && a.StatusCode <= 299 {
		r.Outcome = souk.OK
	}
	if a.StatusCode == http.StatusSwitchingProtocols {
		a.end(false) // what follows is no body
		return nil
	}
	if q.Redirects == RefuseRedirects && a.StatusCode >= 300 && a.StatusCode <= 399 {
		r.Outcome, r.Err = souk.TooManyMoves, errors.New("redirects are not followed")
	}
	var whole bool
	r.Excerpt, whole, err = readExcerpt(plain(q.Header, a.Response))
	a.end(whole)
	if err != nil {
		r.Err = outward(err)
		if r.Outcome != souk.OK && !time.Now().Before(until) {
			r.Outcome = souk.BodyTimeout
		}
		return nil
	}
	if q.Redirects <= 0 || (a.StatusCode != http.StatusMovedPermanently && a.StatusCode != http.StatusFound) {
		return nil
	}
	return next(to, a.Header.Get("Location"))
}

// answer is a response whose body is still to be read.
type answer struct {
	*http.Response
	end func(whole bool) // to be called once: whether the body was read to its end
}

// ask sends q to one address and waits for the header of the answer. Its errors
// are failures.
func (c *Client) ask(ctx context.Context, until time.Time, to *url.URL, q Request) (answer, error) {
	place := placeOf(to)
	k := c.kept.take(place, until)
	for {
		again := k != nil
		if k == nil {
			limit := until
			if q.Connect > 0 {
				limit = time.Now().Add(q.Connect)
				if limit.After(until) {
					limit = until
				}
			}
			var err error
			if k, err = c.connect(ctx, limit, place); err != nil {
				return answer{}, err
			}
		}
		a, err := c.send(ctx, until, k, request(to, q), len(q.Body))
		if f := (failure{}); !again || !errors.As(err, &f) || !f.over {
			return a, err
		}
		k = nil
	}
}

// request is q for one address.
func request(to *url.URL, q Request) *http.Request {
	r := &http.Request{
		Method: cmp.Or(q.Method, http.MethodPost),
		URL:    to,
		Host:   to.Host,
		Proto:  "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        q.Header,
		Body:          http.NoBody,
		ContentLength: int64(len(q.Body)),
	}
	if r.Header == nil {
		r.Header = http.Header{}
	}
	if len(q.Body) > 0 {
		r.Body = io.NopCloser(bytes.NewReader(q.Body))
	}
	return r
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

var excerpts = sync.Pool{New: func() any { return new([maxExcerpt]byte) }}

// readExcerpt reads a body as far as we are willing to and returns its
// beginning, and whether it was read to its end.
func readExcerpt(body io.Reader) (kept []byte, whole bool, err error) {
	if body == http.NoBody {
		return nil, true, nil
	}
	room := excerpts.Get().(*[maxExcerpt]byte)
	defer excerpts.Put(room)
	n := 0
	for err == nil && n < maxExcerpt {
		var more int
		more, err = body.Read(room[n:])
		n += more
	}
	kept = bytes.Clone(room[:n])
	for left := maxRead - maxExcerpt; err == nil && left > 0; left -= n {
		n, err = body.Read(room[:min(left, maxExcerpt)])
	}
	if errors.Is(err, io.EOF) {
		return kept, true, nil
	}
	return kept, false, err
}
