package main

import (
	"context"
	"log/slog"
	"time"
)

// chore is what a node does again and again beside its work: a step at a time,
// without a pause while there is more to do.
type chore struct {
	name  string
	step  func(context.Context) (more bool, err error)
	wake  <-chan struct{} // a hint that there is something to do; nil: none
	every time.Duration   // how often it is looked at without a hint
}

// run does c until ctx ends. What fails is logged and tried again: a chore does
// not end a node, and what it did not do is still there.
func (c chore) run(ctx context.Context, log *slog.Logger) {
	const afterFailure = 5 * time.Second
	for {
		more, err := c.step(ctx)
		wait := c.every
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.ErrorContext(ctx, "a chore failed", "chore", c.name, "err", err)
			wait = min(wait, afterFailure)
		case more:
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-c.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// hint is a channel that can be told something without waiting, and forgets
// that it was told twice.
type hint chan struct{}

func (h hint) give() {
	select {
	case h <- struct{}{}:
	default:
	}
}
