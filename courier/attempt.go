package courier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/textproto"
	"runtime/debug"
	"time"

	"souk"
	"souk/store"
)

// errNoHTTP stands for errors that quote what came back.
var errNoHTTP = errors.New("the answer is not HTTP, or too large")

// attend makes the attempt of f. A panic is a fault of one delivery, and must not
// end all others, nor come again with each start of the process.
func (f *flight) attend(r *run) {
	defer func() {
		if v := recover(); v != nil {
			f.attempt, f.made, f.gone = souk.Attempt{}, false, false
			f.cannot(r, r.clock(), fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
		}
	}()
	f.make(r.air, r)
}

// cannot says that there is no attempt, by a fault of ours.
func (f *flight) cannot(r *run, at time.Time, err error) {
	d := f.delivery
	r.Log.Error("a delivery cannot be prepared", "delivery", d.ID, "dialect", d.Dialect, "lane", d.Webhook, "err", err)
	f.failure = souk.Unprepared
	f.progress = store.Progress{
		Delivery: *d, Status: souk.DeliveryPending, Attempts: d.Attempts, Outcome: souk.Unprepared, NextAt: at.Add(repair),
	}
}

// make makes the attempt of f and tells what follows, in the log too.
func (f *flight) make(ctx context.Context, r *run) {
	began, at := time.Now(), r.clock()
	defer func() { f.took = time.Since(began) }()
	d := f.delivery
	p := &f.progress
	p.Delivery, p.Status, p.Attempts, p.Outcome = *d, souk.DeliveryPending, d.Attempts, d.LastOutcome
	prepared, err := f.prepare(souk.Outgoing{
		Delivery: *d, Webhook: f.hook.webhook, Credentials: f.hook.credentials, Speaker: f.speaker, Number: d.Attempts, At: at, Began: began,
	})
	var unsent souk.Unsent
	if err != nil && !errors.As(err, &unsent) {
		f.cannot(r, at, err)
		return
	}
	var trace string
	if r.Watch.Begin != nil {
		ctx, trace = r.Watch.Begin(ctx, *d)
	}
	q := Request{
		URL: f.hook.webhook.URL, Header: headerOf(prepared.Header, trace), Body: prepared.Body,
		Timeout: f.profile.Timeout, Connect: f.profile.Connect, Redirects: f.profile.Redirects,
	}
	signed := prepared.URL != ""
	if signed {
		q.Method, q.URL, q.Body = http.MethodGet, prepared.URL, nil
	}
	res := Result{Outcome: unsent.Outcome, URL: q.URL, Err: unsent.Err, Started: began, Duration: time.Since(began)}
	if err == nil {
		res = r.Client.Do(ctx, q)
	}
	if signed {
		// The address is a secret, and answers like to repeat it.
		res.URL, res.Excerpt = f.hook.webhook.URL, nil
		if res.Outcome == souk.BadAnswer {
			res.Err = errNoHTTP
		}
	}
	ended := at.Add(time.Since(began).Truncate(time.Microsecond))

	f.made, f.failure = true, res.Outcome
	f.gone = res.Status != 0 && res.Status == f.profile.NoRetryStatus
	a := &f.attempt
	*a = souk.Attempt{
		ID: d.Entry, Delivery: d.ID, Dialect: d.Dialect, App: d.App, Webhook: d.Webhook,
		Channel: d.Channel, Action: d.Action, Resource: d.Resource, Number: d.Attempts, URL: res.URL,
		Outcome: res.Outcome, Status: res.Status, Answer: storable(string(res.Excerpt), maxExcerpt),
		ListedAt: d.EntryAt, StartedAt: at, Duration: res.Duration,
	}
	if f.profile.LogsHeaders {
		a.Headers = headersText(res.Header)
	}
	if f.profile.LogsSent != nil {
		a.Sent = &souk.Sent{Event: prepared.Event, Headers: sentText(q.Header, f.profile.LogsSent), Retry: d.Attempts - d.Base}
	}
	if res.Err != nil {
		a.Detail = storable(res.Err.Error(), maxDetail)
	}
	next := judgement{status: souk.DeliveryPending, nextAt: ended}
	if res.Outcome != souk.AttemptStopped { // our own doing costs the receiver no attempt
		p.Attempts, p.Outcome = d.Attempts+1, res.Outcome
		next = f.profile.judge(res, p.Attempts-d.Base, ended, rand.Float64())
	}
	p.Attempt, p.Status, p.NextAt, p.Note = a, next.status, next.nextAt, next.note
	if next.status == souk.DeliveryPending {
		p.Entry, p.EntryAt = souk.NewID(), ended
	}
	if r.Watch.End != nil {
		r.Watch.End(ctx, *d, *a, next.status)
	}
	if r.Log.Enabled(ctx, slog.LevelInfo) {
		f.log(ctx, r.Log, trace)
	}
}

// log writes the one line of an attempt. It has nothing that a receiver sent and
// nothing that a sender must keep to itself.
func (f *flight) log(ctx context.Context, log *slog.Logger, trace string) {
	d, a, p := f.delivery, &f.attempt, &f.progress
	var room [20]slog.Attr
	attrs := append(room[:0],
		slog.String("dialect", string(d.Dialect)),
		slog.String("delivery", d.ID.String()),
		slog.String("event", d.Event.String()),
		slog.String("lane", d.Webhook.String()),
		slog.String("app", d.App.String()),
	)
	if !f.org.IsZero() {
		attrs = append(attrs, slog.String("org", f.org.String()))
	}
	if trace != "" {
		attrs = append(attrs, slog.String("trace", trace))
	}
	attrs = append(attrs,
		slog.Int("number", a.Number),
		slog.Int("bytes", len(d.Body)),
		slog.String("outcome", string(a.Outcome)),
		slog.Int("status", a.Status),
		slog.Duration("duration", a.Duration),
		slog.Duration("since_commit", a.StartedAt.Sub(d.CreatedAt)),
		slog.String("then", string(p.Status)),
	)
	if p.Status == souk.DeliveryPending {
		attrs = append(attrs, slog.Time("again_at", p.NextAt))
	}
	if a.Detail != "" {
		attrs = append(attrs, slog.String("why", a.Detail))
	}
	if p.Note != "" {
		attrs = append(attrs, slog.String("note", p.Note))
	}
	log.LogAttrs(ctx, slog.LevelInfo, "attempt", attrs...)
}

// headerOf spells headers in two allocations.
func headerOf(prepared map[string]string, trace string) http.Header {
	n := len(prepared)
	if trace != "" {
		n++
	}
	header, values := make(http.Header, n+1), make([]string, 0, n) // one more that the client adds
	set := func(name, value string) {
		values = append(values, value)
		header[textproto.CanonicalMIMEHeaderKey(name)] = values[len(values)-1 : len(values) : len(values)]
	}
	for name, value := range prepared {
		set(name, value)
	}
	if trace != "" {
		set("Traceparent", trace)
	}
	return header
}
