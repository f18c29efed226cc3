package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"souk"
	"souk/console"
	"souk/courier"
	"souk/giosg"
	"souk/market"
	"souk/native"
	"souk/slack"
	"souk/store"
	"souk/telemetry"
	"souk/web"
	"souk/zoom"
)

// settings are what serve and demo wire a node from.
type settings struct {
	Database       string
	Key            souk.Key
	URL            string // public base URL, without a slash at its end
	Egress         courier.ClientOptions
	TrustedProxies []netip.Prefix
	RateLimits     bool
	OpenID         console.OpenID // by whom people may sign in, if anybody
	Keep           market.Keeping // of the log
	Watched        *instruments
	Mail           func(context.Context, souk.Letter) error
	Log            *slog.Logger
}

// node is one running Souk: a database, the verbs over it, a courier and the
// faces.
type node struct {
	db      *store.DB
	market  *market.Market
	courier *courier.Courier
	zoom    *zoom.Handler
	lease   *courier.Lease // nil: there is no other node
	client  *courier.Client
	handler http.Handler
	watched *instruments
	log     *slog.Logger
	begun   hint // that there is a job to go on with
}

// openNode opens the database and wires everything to it. Close it.
func openNode(ctx context.Context, s settings) (*node, error) {
	db, err := store.Open(ctx, s.Database)
	if err != nil {
		return nil, err
	}
	n := &node{db: db, watched: s.Watched, log: s.Log, begun: make(hint, 1), client: courier.NewClient(s.Egress)}
	n.market = &market.Market{
		DB: db, Key: s.Key, CheckURL: n.client.CheckURL,
		Wires: wires(s.Key, s.URL, n.poster), Keep: s.Keep, Trace: telemetry.Traceparent, Mail: s.Mail,
	}
	if db.Leased() {
		n.lease = courier.NewLease(db, nodeName(), s.Log)
	}
	n.courier = courier.New(courier.Config{
		DB: db, Client: n.client, Log: s.Log, Key: s.Key, Lease: n.lease,
		Watch: courier.Watch{Begin: s.Watched.Begin, End: s.Watched.End, Recorded: s.Watched.Recorded},
		Prepare: map[souk.Dialect]courier.Prepare{
			souk.Native: native.Prepare,
			souk.Slack:  slack.Prepare,
			souk.Giosg:  giosg.Prepare(s.Key),
			souk.Zoom:   zoom.Prepare(zoom.Poster(n.poster(zoom.AttemptTime, courier.RefuseRedirects))),

			souk.TriggerCall: giosg.PrepareTrigger(s.Key, s.URL),
		},
	})
	n.market.Told, n.market.Takes, n.market.Begun = n.courier.Offer, n.courier.Takes, n.begun.give
	if n.lease != nil {
		n.lease.Flying = n.courier.Flying
	}
	s.Watched.Observe(func() telemetry.State { return telemetry.State(n.courier.State()) })
	if err := errors.Join(db.Measure(ctx), n.market.ClaimKey(ctx)); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	n.handler = n.faces(s)
	return n, nil
}

// wires is how each dialect tells events; key signs, base is the address that
// Souk is reached at, poster carries handshakes.
func wires(key souk.Key, base string, poster func(time.Duration, int) post) map[souk.Dialect]market.Wire {
	return map[souk.Dialect]market.Wire{
		souk.Native: native.Wire(),
		souk.Slack:  slack.Wire(slack.Poster(poster(slack.HandshakeTime, slack.HandshakeRedirects))),
		souk.Giosg:  giosg.Wire(key, base),
		souk.Zoom:   zoom.Wire(zoom.Poster(poster(zoom.AttemptTime, courier.RefuseRedirects))),
	}
}

// faces routes each wire's paths to its package.
func (n *node) faces(s settings) http.Handler {
	var limits slack.Limits
	var failures *web.AddressLimiter
	var tokens giosg.Limits
	var marketplace zoom.Limits
	if s.RateLimits {
		limits, tokens, marketplace = slack.DefaultLimits, giosg.DefaultLimits, zoom.DefaultLimits
		failures = web.NewAddressLimiter(limits.FailedTokens, 2*limits.FailedTokens)
	}
	mux := http.NewServeMux()
	slack.New(n.market, n.log, s.URL, limits).Routes(mux)
	native.New(n.market, n.log, failures).Routes(mux)
	giosg.New(n.market, n.log, s.URL, tokens).Routes(mux)
	n.zoom = zoom.New(n.market, n.log, s.URL, marketplace)
	n.zoom.Routes(mux)
	console.New(n.market, n.log, s.URL, console.Options{Unlimited: !s.RateLimits, OpenID: s.OpenID}).Routes(mux)
	mux.Handle("GET /healthz", web.Alive())
	mux.Handle("GET /readyz", web.Ready(n.db.Ping, func(context.Context) error { return n.courier.Ready() }))
	exact := web.Exact(mux, "/api/v5/", "/souk/v1/", "/api/", "/console/", "/apps/", "/identity/", "/v2/", "/oauth/")
	return web.Stack(n.watched.HTTP(exact, "/healthz", "/readyz"), web.Options{Log: n.log, TrustedProxies: s.TrustedProxies})
}

// post sends a body to a URL, and says what came back.
type post func(ctx context.Context, url string, header map[string]string, body []byte) (status int, answer []byte, err error)

// poster posts through the guarded client what a dialect asks a receiver beside
// its deliveries: for so long, and with so many redirects.
func (n *node) poster(most time.Duration, redirects int) post {
	return func(ctx context.Context, url string, header map[string]string, body []byte) (int, []byte, error) {
		h := http.Header{}
		for name, value := range header {
			h.Set(name, value)
		}
		r := n.client.Do(ctx, courier.Request{URL: url, Header: h, Body: body, Timeout: most, Redirects: redirects})
		switch {
		case r.Outcome == souk.Blocked:
			return 0, nil, fmt.Errorf("%w: %w", souk.BlockedAddress, r.Err)
		case r.Status == 0:
			return 0, nil, fmt.Errorf("it could not be asked: %s", r.Outcome)
		}
		return r.Status, r.Excerpt, nil
	}
}

// nodeName is what people know a node by who read the table of nodes.
func nodeName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s (%d)", host, os.Getpid())
}

// How long stopping takes at most, in all: whoever stops a server is told 30 s.
// Requests have web.DrainTime of that, deliveries begin to stop when those have
// drained or after turnTime, and two seconds are for giving back leases and closing
// the database.
const (
	stopTime = 29 * time.Second
	turnTime = stopTime - courier.StopTime - 2*time.Second
)

// run serves on l and delivers until ctx ends, then drains: no new requests
// first, so that what they leave in the outbox can still be taken up, unless they
// take long. The lease of a shard goes when nothing to it flies any more.
func (n *node) run(ctx context.Context, l net.Listener) error {
	delivering, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(turnTime, stop) })()
	couriered, measured := make(chan error, 1), make(chan error, 1)
	var held sync.WaitGroup
	go func() { couriered <- n.courier.Run(delivering) }()
	go func() { measured <- n.watched.serve(delivering) }()
	held.Go(func() { n.hold(delivering) })
	var chores sync.WaitGroup
	chores.Go(func() { n.zoom.KeepCalls(delivering) })
	for _, c := range n.chores() {
		chores.Go(func() { c.run(delivering, n.log) })
	}
	served := web.NewServer(n.handler, n.log).Serve(ctx, l)
	stop()
	chores.Wait()
	delivered := <-couriered
	held.Wait()
	return errors.Join(served, delivered, <-measured)
}

// within does do, and answers for it when it has not returned some time after the
// end of ctx: a database that takes everything in and says nothing would hold up
// the end of the process for a minute. What is lost is no more than by a crash.
func within(ctx context.Context, most time.Duration, do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	late := time.NewTimer(most)
	defer late.Stop()
	select {
	case err := <-done:
		return err
	case <-late.C:
		return fmt.Errorf("stopped without what was in hand after %s", most)
	}
}

// hold keeps what nodes share: the time, and who may send to whom.
func (n *node) hold(ctx context.Context) {
	if n.lease == nil {
		return
	}
	var clock sync.WaitGroup
	clock.Go(func() { n.db.KeepTime(ctx, n.log) })
	defer clock.Wait()
	if err := n.lease.Run(ctx); err != nil {
		n.log.WarnContext(ctx, "leases were not given back: they run out by themselves", "err", err)
	}
}

// chores are what a node does beside serving and delivering.
func (n *node) chores() []chore {
	return []chore{
		{name: "jobs", step: n.market.StepJob, wake: n.begun, every: 5 * time.Second},
		{name: "tidying", step: n.market.Tidy, every: time.Minute},
		{name: "keeping the log", step: n.market.KeepLog, every: time.Minute},
		{name: "dropping what was held", step: n.market.DropHeld, every: time.Minute},
		{name: "asking webhooks again", step: n.market.RevalidateWebhooks, every: time.Minute},
		{name: "judging endpoints", step: n.market.JudgeEndpoints, every: 5 * time.Second},
		{name: "mail", step: n.market.SendLetters, every: 10 * time.Second},
	}
}

func (n *node) close() error {
	n.client.Close()
	return n.db.Close()
}

// baseURL is the public URL, or what the listener answers on.
func baseURL(public string, l net.Listener) string {
	if public != "" {
		return strings.TrimSuffix(public, "/")
	}
	return "http://" + l.Addr().String()
}
