package courier

import (
	"net/http"
	"time"

	"souk"
)

// The breaker of a lane opens when so many attempts failed in a row within a
// minute, for 5 s, and each time for twice as long until one succeeds.
const (
	breaksAfter  = 10
	breaksWithin = time.Minute
	firstPause   = 5 * time.Second
	longestPause = 5 * time.Minute
)

// breaker keeps attempts from an endpoint that cannot be reached or breaks down.
// While it is open none is made and so none is lost; then one finds out how
// things are. Where a contract has an exact schedule it opens never: attempts go
// one at a time instead. What fails along its own schedule, minutes apart, never
// comes near either.
type breaker struct {
	state   souk.Breaker
	narrow  bool                    // attempts go one at a time
	failed  *[breaksAfter]time.Time // the last failures in a row, in turn; nil: none
	inARow  int
	probeAt time.Time // while open
}

// broken reports whether the outcome of an attempt says that the endpoint is
// down. An answer that merely refuses says that it is up.
func broken(outcome souk.Outcome, status int) bool {
	switch outcome {
	case souk.OK, souk.TooManyMoves, souk.AttemptStopped, souk.Unprepared:
		return false
	case souk.BadStatus, souk.BodyTimeout:
		return status >= 500 || status == http.StatusTooManyRequests
	}
	return true
}

// fail counts a failure and reports whether the breaker is to open.
func (b *breaker) fail(at time.Time) bool {
	if b.failed == nil {
		b.failed = new([breaksAfter]time.Time)
	}
	b.failed[b.inARow%breaksAfter] = at
	b.inARow++
	first := b.failed[b.inARow%breaksAfter]
	return b.inARow >= breaksAfter && at.Sub(first) <= breaksWithin
}

// close says that the endpoint answers.
func (b *breaker) close() {
	*b = breaker{state: souk.BreakerClosed}
}

// pauseOf is how long the breaker stays open for the nth time.
func pauseOf(trips int) time.Duration {
	return min(longestPause, firstPause<<min(max(trips, 1)-1, 10))
}

// judge moves the breaker of l by what came of an attempt that ended at a time.
func (l *lane) judge(outcome souk.Outcome, status int, at time.Time) {
	b := &l.breaker
	switch {
	case outcome == souk.AttemptStopped || outcome == souk.Unprepared:
		return // tells nothing about them
	case !broken(outcome, status):
		if b.state == souk.BreakerOpen && outcome != souk.OK {
			return // of an attempt that began before it opened; a probe will tell
		}
		b.close()
	case b.state == souk.BreakerOpen:
		return
	case b.state == souk.BreakerHalfOpen:
		l.open(at)
	case b.fail(at):
		if b.narrow = !l.profile.Breaks; !b.narrow {
			l.open(at)
		}
	}
}

// open opens the breaker of l.
func (l *lane) open(at time.Time) {
	l.health.Trips++
	l.breaker = breaker{state: souk.BreakerOpen, probeAt: at.Add(pauseOf(l.health.Trips))}
}
