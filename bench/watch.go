package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"souk"
)

// watch holds when each of n publications was sent, answered and received, in
// nanoseconds since it began; zero: not yet.
type watch struct {
	began                    time.Time
	sent, answered, received []atomic.Int64
	missing                  atomic.Int64 // that were not received
}

func newWatch(n int) *watch {
	w := &watch{began: time.Now(), sent: make([]atomic.Int64, n), answered: make([]atomic.Int64, n), received: make([]atomic.Int64, n)}
	w.missing.Store(int64(n))
	return w
}

// heard is told of deliveries. Of one that comes twice the first counts.
func (w *watch) heard(body []byte, at time.Time) {
	if n, ok := numberOf(body); ok && n < len(w.received) && w.received[n].CompareAndSwap(0, int64(at.Sub(w.began))) {
		w.missing.Add(-1)
	}
}

// since tells how long after they were sent, or answered, publications were
// received: those of them that which wants. It is less than nothing for one that was
// received before the answer.
func (w *watch) since(moment []atomic.Int64, which func(n int) bool) (all []time.Duration) {
	for n := range w.received {
		if received := w.received[n].Load(); received > 0 && which(n) {
			all = append(all, time.Duration(received-moment[n].Load()))
		}
	}
	return all
}

func everyone(int) bool { return true }

// paced publishes n times at a rate, each where place says, and waits until those
// that which wants are received. It tells how long publishing them took.
func (s *subject) paced(ctx context.Context, e estate, rate, n int, place func(n int) company, which func(n int) bool) (*watch, time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	const clients = 16
	w := newWatch(n)
	for i := range n {
		if !which(i) {
			w.missing.Add(-1)
		}
	}
	heard := w.heard
	s.sink.heard.Store(&heard)
	defer s.sink.heard.Store(nil)
	var taken atomic.Int64
	var wait sync.WaitGroup
	for range clients {
		wait.Go(func() {
			client, done := newClient(1)
			defer done()
			for ctx.Err() == nil {
				i := int(taken.Add(1) - 1)
				if i >= n {
					return
				}
				if err := w.publish(ctx, s, client, e.operator, i, rate, place(i)); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	wait.Wait()
	took := time.Since(w.began)
	if err := context.Cause(ctx); err != nil {
		return nil, 0, err
	}
	if _, err := waitFor(ctx, drainTime, func() (bool, error) { return w.missing.Load() <= 0, nil }); err != nil {
		return nil, 0, fmt.Errorf("%d of %d publications were not received: %w", w.missing.Load(), n, err)
	}
	return w, took, nil
}

// publish publishes the i-th when it is its turn.
func (w *watch) publish(ctx context.Context, s *subject, client *http.Client, token string, i, rate int, at company) error {
	time.Sleep(time.Until(w.began.Add(time.Duration(i) * time.Second / time.Duration(rate))))
	w.sent[i].Store(int64(time.Since(w.began)))
	_, err := s.publish(ctx, client, token, publication(at, i, resourceBytes))
	w.answered[i].Store(int64(time.Since(w.began)))
	return err
}

// oneEach is a webhook for each of n companies.
func oneEach(n int, url string) [][]hook {
	with := make([][]hook, n)
	for i := range with {
		with[i] = []hook{{souk.Native, url}}
	}
	return with
}
