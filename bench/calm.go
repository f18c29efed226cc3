package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	singleClients   = 64
	singleCompanies = 32
	calmCompanies   = 10
	calmRate        = 100
	calmTime        = time.Minute
	idleTime        = 30 * time.Second
)

// single measures calls that publish one thing each, to one webhook each.
func (s *subject) single(ctx context.Context, c course, say *sheet) error {
	e, err := s.found(ctx, oneEach(singleCompanies, s.sink.url)...)
	if err != nil {
		return err
	}
	if err := s.serve(ctx); err != nil {
		return err
	}
	one := func(i int) request {
		return s.publishing(e.operator, publication(e.at[i%len(e.at)], i, resourceBytes))
	}
	const warm = 10 * singleClients
	if _, err := load(ctx, singleClients, warm, one); err != nil {
		return err
	}
	if _, err := s.drained(ctx, warm); err != nil {
		return err
	}
	before, err := s.spent()
	if err != nil {
		return err
	}
	began := time.Now()
	f, err := loadWhile(ctx, singleClients, func(int) bool { return time.Since(began) < c.each }, one)
	if err != nil {
		return err
	}
	meanwhile := s.sink.received.Load() - warm
	drained, err := s.drained(ctx, warm+int64(f.calls))
	if err != nil {
		return err
	}
	now, err := s.spent()
	if err != nil {
		return err
	}
	say.say("single: calls/s", "%.0f", float64(f.calls)/f.took.Seconds())
	say.say("single: a call, p50 and p99", "%s, %s", brief(f.p50), brief(f.p99))
	say.say("single: delivered/s", "%.0f, the rest %.1f s later", float64(meanwhile)/f.took.Seconds(), drained.Seconds())
	say.say("single: CPU for one, call and delivery", "%s", s.each(before, now, int64(f.calls)))
	if received := s.sink.received.Load(); received != warm+int64(f.calls) {
		err = fmt.Errorf("%d of %d received", received, warm+f.calls)
	}
	return errors.Join(err, s.stop())
}

// calm measures a server that has little to do, and one that has nothing to do.
//
// When a commit was durable cannot be seen from outside. The answer to the call is
// sent right behind it, so it is no longer ago than the answer, and the way that
// one takes: a round trip for nothing is more than that.
func (s *subject) calm(ctx context.Context, c course, say *sheet) error {
	e, err := s.found(ctx, oneEach(calmCompanies, s.sink.url)...)
	if err != nil {
		return err
	}
	if err := s.serve(ctx); err != nil {
		return err
	}
	place := func(n int) company { return e.at[n%len(e.at)] }
	if _, _, err := s.paced(ctx, e, calmRate, c.events(time.Second, calmRate), place, everyone); err != nil {
		return err
	}
	w, _, err := s.paced(ctx, e, calmRate, c.events(calmTime, calmRate), place, everyone)
	if err != nil {
		return err
	}
	trip, err := s.roundTrip(ctx)
	if err != nil {
		return err
	}
	answered, sent := w.since(w.answered, everyone), w.since(w.sent, everyone)
	say.say("calm: commit to receipt, p50", "at most %s", fine(trip+percentile(answered, 50)))
	say.say("calm: commit to receipt, p99", "at most %s", fine(trip+percentile(answered, 99)))
	say.say("calm: sent to received, p50 and p99", "%s, %s", fine(percentile(sent, 50)), fine(percentile(sent, 99)))

	serverBefore, databaseBefore, err := s.cpu()
	if err != nil {
		return err
	}
	length := c.atMost(idleTime)
	select {
	case <-time.After(length):
	case <-ctx.Done():
		return ctx.Err()
	}
	server, database, err := s.cpu()
	if err != nil {
		return err
	}
	part := func(d time.Duration) float64 { return 100 * d.Seconds() / length.Seconds() }
	idle := fmt.Sprintf("%.1f %%", part(server-serverBefore))
	if s.engine == "postgres" {
		idle += fmt.Sprintf(", and the database's %.1f %%", part(database-databaseBefore))
	}
	say.say("calm: idle CPU", "%s", idle)
	return s.stop()
}

// roundTrip is how long a call takes that does nothing, at the rate of calm.
func (s *subject) roundTrip(ctx context.Context) (time.Duration, error) {
	client, done := newClient(1)
	defer done()
	var took []time.Duration
	for range calmRate / 2 {
		began := time.Now()
		if _, err := call(ctx, client, request{method: http.MethodGet, url: s.server.base + "/healthz", status: http.StatusOK}); err != nil {
			return 0, err
		}
		took = append(took, time.Since(began))
		time.Sleep(time.Until(began.Add(time.Second / calmRate)))
	}
	return percentile(took, 50), nil
}

// fine spells a time of less than some milliseconds.
func fine(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000) }
