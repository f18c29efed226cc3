package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"souk"
)

const (
	floodCompanies = 10
	floodListeners = 5  // of each company, native ones and giosg's in turn
	floodBatch     = 50 // publications in a call
	floodClients   = 4
	floodAhead     = 2_500 // deliveries that may be under way: who publishes waits for the courier
	resourceBytes  = 400   // so that the bodies come to 1 KB
	listEvery      = 100 * time.Millisecond
	drainTime      = 2 * time.Minute
)

// batches measures what is delivered of what is published in batches.
func (s *subject) batches(ctx context.Context, c course, say *sheet) error {
	return s.flood(ctx, c, "batches", say)
}

// fullLog measures the same with many rows in the log.
func (s *subject) fullLog(ctx context.Context, c course, say *sheet) error {
	return s.flood(ctx, c, "log", say)
}

func (s *subject) flood(ctx context.Context, c course, name string, say *sheet) error {
	e, err := s.listened(ctx, c)
	if err != nil {
		return err
	}
	if err := s.serve(ctx); err != nil {
		return err
	}
	f := &flow{subject: s, estate: e}
	if err := f.once(ctx); err != nil { // the first has statements to compile
		return err
	}
	if err := s.stop(); err != nil {
		return err
	}
	if name == "log" {
		began := time.Now()
		if err := s.fillLog(ctx, c.logRows); err != nil {
			return err
		}
		say.say("log: rows beforehand", "%d, written in %.0f s", c.logRows, time.Since(began).Seconds())
	}
	before, err := s.state(ctx)
	if err != nil {
		return err
	}
	if err := s.serve(ctx); err != nil {
		return err
	}
	began, err := s.spent()
	if err != nil {
		return err
	}
	if err := f.sustain(ctx, c.each); err != nil {
		return err
	}
	drained, err := s.drained(ctx, f.told.Load())
	if err != nil {
		return err
	}
	now, err := s.spent()
	if err != nil {
		return err
	}
	_, most, err := s.server.memory()
	if err := errors.Join(err, s.stop()); err != nil {
		return err
	}
	after, err := s.state(ctx)
	if err != nil {
		return err
	}
	connections, received := int(s.sink.most.Load()), s.sink.received.Load()
	size := s.sink.bytes.Load() / received
	raw, err := s.sink.measureRaw(ctx, connections, c.atMost(5*time.Second))
	if err != nil {
		return err
	}
	n := f.told.Load() - floodCompanies*floodListeners // but for the first
	rate := f.delivered / f.took.Seconds()
	say.say(name+": delivered/s", "%.0f, of events for %d webhooks each, %d B a body", rate, floodListeners, size)
	say.say(name+": raw limit, posts/s", "%.0f on %d connections, %d µs of CPU each", raw.perSecond, connections, raw.cpu.Microseconds())
	say.say(name+": of the raw limit", "%.2f", rate/raw.perSecond)
	if base, known := say.rates[s.engine]; name == "batches" {
		say.rates[s.engine] = rate
	} else if known {
		say.say("log: of what it was with an empty log", "%.2f", rate/base)
	}
	say.say(name+": CPU for one", "%s", s.each(began, now, n))
	say.say(name+": memory at most", "%d MiB", most)
	say.say(name+": disk for one", "%d B", (after.bytes-before.bytes)/n)
	say.say(name+": the rest received", "%.1f s later", drained.Seconds())
	say.say(name+": still to be delivered afterwards", "%d", after.open)
	say.say(name+": webhook_log_entries, p95", "%s", brief(percentile(f.lists[0], 95)))
	say.say(name+": deliveries of a webhook, p95", "%s", brief(percentile(f.lists[1], 95)))
	if logged := after.attempts - before.attempts; logged != n || received != f.told.Load() || after.open > 0 {
		return fmt.Errorf("%d deliveries, %d received, %d requests in the log, %d still open", f.told.Load(), received, logged, after.open)
	}
	return nil
}

// listened founds the companies that are told in batches.
func (s *subject) listened(ctx context.Context, c course) (estate, error) {
	with := make([][]hook, floodCompanies)
	for i := range with {
		for k := range floodListeners {
			with[i] = append(with[i], hook{c.dialects[(i+k)%len(c.dialects)], s.sink.url})
		}
	}
	return s.found(ctx, with...)
}

// flow is publications that go on and on.
type flow struct {
	*subject
	estate
	number    atomic.Int64 // of publications
	told      atomic.Int64 // deliveries that were promised
	delivered float64      // while it was sustained
	took      time.Duration
	lists     [2][]time.Duration // how long each call took
}

// once publishes something of each company and waits until it is delivered.
func (f *flow) once(ctx context.Context) error {
	client, done := newClient(1)
	defer done()
	for _, at := range f.at {
		told, err := f.publish(ctx, client, f.operator, publication(at, int(f.number.Add(1)), resourceBytes))
		if err != nil {
			return err
		}
		f.told.Add(int64(told))
	}
	_, err := f.drained(ctx, f.told.Load())
	return err
}

// sustain publishes for a time, as fast as it is delivered, and reads the log
// meanwhile.
func (f *flow) sustain(ctx context.Context, each time.Duration) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	began, before := time.Now(), f.sink.received.Load()
	var wait sync.WaitGroup
	run := func(fn func(context.Context, *http.Client) error) {
		wait.Go(func() {
			client, done := newClient(1)
			defer done()
			for time.Since(began) < each && ctx.Err() == nil {
				if err := fn(ctx, client); err != nil {
					cancel(err)
				}
			}
		})
	}
	for range floodClients {
		run(f.batch)
	}
	for i := range f.lists {
		run(func(ctx context.Context, client *http.Client) error { return f.list(ctx, client, i) })
	}
	time.Sleep(time.Until(began.Add(each)))
	f.delivered, f.took = float64(f.sink.received.Load()-before), time.Since(began)
	wait.Wait()
	return context.Cause(ctx)
}

// batch publishes what floodBatch comes to, unless the courier is behind.
func (f *flow) batch(ctx context.Context, client *http.Client) error {
	if f.told.Load()-f.sink.received.Load() > floodAhead {
		time.Sleep(time.Millisecond)
		return nil
	}
	all := make([]souk.Publication, floodBatch)
	for i := range all {
		n := int(f.number.Add(1))
		all[i] = publication(f.at[n%len(f.at)], n, resourceBytes)
	}
	told, err := f.publish(ctx, client, f.operator, all...)
	f.told.Add(int64(told))
	return err
}

// list reads the first page of the log of an app, or of what a webhook was told.
func (f *flow) list(ctx context.Context, client *http.Client, which int) error {
	dialect := []souk.Dialect{souk.Giosg, souk.Native}[which]
	if !slices.ContainsFunc(f.hooks, func(w souk.Webhook) bool { return w.Dialect == dialect }) {
		time.Sleep(listEvery)
		return nil
	}
	n := len(f.lists[which]) % len(f.hooks)
	for f.hooks[n].Dialect != dialect {
		n = (n + 1) % len(f.hooks)
	}
	w, owner := f.hooks[n], f.at[n/floodListeners]
	path, token := owner.path("owned_apps/"+w.App.String()+"/webhook_log_entries"), owner.token
	if dialect == souk.Native {
		path, token = "/souk/v1/apps/"+w.App.String()+"/webhooks/"+w.ID.String()+"/deliveries", f.operator
	}
	began := time.Now()
	if _, err := call(ctx, client, giosgCall(http.MethodGet, f.server.base+path, token, "")); err != nil {
		return err
	}
	f.lists[which] = append(f.lists[which], time.Since(began))
	time.Sleep(time.Until(began.Add(listEvery)))
	return nil
}

// percentile sorts durations.
func percentile(all []time.Duration, which int) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[min(len(all)-1, len(all)*which/100)]
}
