package courier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"souk"
	"souk/store"
)

// errNoHTTP stands for errors that quote what came back.
var errNoHTTP = errors.New("the answer is not HTTP, or too large")

// attempt is one try to deliver, about to be made.
type attempt struct {
	delivery    souk.Delivery
	webhook     souk.Webhook
	credentials souk.Credentials
	speaker     souk.Speaker
	prepare     Prepare
	profile     Profile
}

// make makes it and tells what follows, in the log too.
func (a attempt) make(ctx context.Context, client *Client, log *slog.Logger) outcome {
	d := a.delivery
	o := outcome{progress: store.Progress{Delivery: d.ID, Before: d.Attempts, Ordered: d.Resource != ""}}
	prepared, err := a.prepared()
	if err != nil {
		log.Error("a delivery cannot be prepared", "delivery", d.ID, "dialect", d.Dialect, "webhook", d.Webhook, "err", err)
		o.progress.Attempts, o.progress.Outcome = d.Attempts, souk.Unprepared
		o.progress.Status, o.progress.NextAt = souk.DeliveryPending, time.Now().Add(repair)
		return o
	}
	header := make(http.Header, len(prepared.Header)+1)
	for name, value := range prepared.Header {
		header.Set(name, value)
	}
	q := Request{
		URL: a.webhook.URL, Header: header, Body: prepared.Body,
		Timeout: a.profile.Timeout, Connect: a.profile.Connect, Redirects: a.profile.Redirects,
	}
	signed := prepared.URL != ""
	if signed {
		q.Method, q.URL, q.Body = http.MethodGet, prepared.URL, nil
	}
	r := client.Do(ctx, q)
	if signed {
		// The address is a secret, and answers like to repeat it.
		r.URL, r.Excerpt = a.webhook.URL, nil
		if r.Outcome == souk.BadAnswer {
			r.Err = errNoHTTP
		}
	}
	ended := r.Started.Add(r.Duration)

	o.attempt = &souk.Attempt{
		ID: d.Entry, Delivery: d.ID, Dialect: d.Dialect, App: d.App, Webhook: d.Webhook,
		Channel: d.Channel, Action: d.Action, Resource: d.Resource, Number: d.Attempts, URL: r.URL,
		Outcome: r.Outcome, Status: r.Status, Answer: storable(string(r.Excerpt), maxExcerpt),
		ListedAt: d.EntryAt, StartedAt: r.Started, Duration: r.Duration,
	}
	if a.profile.LogsHeaders {
		o.attempt.Headers = headersText(r.Header)
	}
	if r.Err != nil {
		o.attempt.Detail = storable(r.Err.Error(), maxDetail)
	}
	o.progress.Attempts, o.progress.Outcome = d.Attempts+1, r.Outcome
	next := judgement{status: souk.DeliveryPending, nextAt: ended}
	if r.Outcome == souk.AttemptStopped {
		// Our own doing costs the receiver no attempt.
		o.progress.Attempts, o.progress.Outcome = d.Attempts, d.LastOutcome
	} else {
		next = a.profile.judge(r, d.Attempts+1, ended, rand.Float64())
	}
	o.progress.Status, o.progress.NextAt, o.progress.Note = next.status, next.nextAt, next.note
	if o.progress.Logged = true; next.status == souk.DeliveryPending {
		o.progress.Entry, o.progress.EntryAt = souk.NewID(), ended
	}

	log.LogAttrs(ctx, slog.LevelInfo, "attempt",
		slog.String("dialect", string(d.Dialect)),
		slog.String("delivery", d.ID.String()),
		slog.String("event", d.Event.String()),
		slog.String("webhook", d.Webhook.String()),
		slog.String("app", d.App.String()),
		slog.Int("number", d.Attempts),
		slog.String("outcome", string(r.Outcome)),
		slog.Int("status", r.Status),
		slog.Duration("duration", r.Duration),
		slog.Duration("since_commit", r.Started.Sub(d.CreatedAt)),
		slog.String("then", string(next.status)),
	)
	return o
}

// prepared has the dialect prepare the attempt. A panic is a fault of one
// delivery, and must not end all others.
func (a attempt) prepared() (p souk.Prepared, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return a.prepare(souk.Outgoing{
		Delivery: a.delivery, Webhook: a.webhook, Credentials: a.credentials, Speaker: a.speaker,
		Number: a.delivery.Attempts, At: time.Now(),
	})
}

// Bounds of what is kept in the log, in bytes.
const (
	maxDetail      = 1 << 10 // of an error's text
	maxHeadersText = 8 << 10 // of the JSON of an answer's headers
)

// headersText spells the headers of an answer as a JSON object of texts, what
// was said more than once joined by commas. One that would make it too long is
// left out. No answer: no text.
func headersText(h http.Header) string {
	if h == nil {
		return ""
	}
	b := []byte{'{'}
	for _, name := range slices.Sorted(maps.Keys(h)) {
		member := quoted(name) + ":" + quoted(strings.Join(h[name], ", "))
		if len(b)+len(member)+len(",}") > maxHeadersText {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, member...)
	}
	return string(append(b, '}'))
}

// quoted is foreign text as JSON.
func quoted(s string) string {
	b, err := json.Marshal(storable(s, maxHeadersText))
	if err != nil {
		panic(err) // every string has a spelling
	}
	return string(b)
}

// storable cuts foreign text to a length and makes it what both databases
// take: valid UTF-8 without NUL.
func storable(s string, most int) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") // of a rune that was cut through
	}
	return s
}
