package giosg

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"souk"
	"souk/web"
)

// Limits are how many calls a second one token may make in the long run, and
// how many at once; and how many refused tokens may come from one address in a
// minute, twice that at once. Zero means no limit, so the zero Limits limit
// nothing.
type Limits struct {
	PerSecond, Burst int
	FailedTokens     int
}

// DefaultLimits are far above what a bot does (docs/dialects/giosg.md, "Errors").
var DefaultLimits = Limits{PerSecond: 50, Burst: 100, FailedTokens: 60}

// limiter counts calls, in one bucket per token. Each node of a cluster counts
// for itself.
type limiter struct {
	limits Limits
	failed *web.AddressLimiter // nil: no limit

	// A token that calls is in young, or moves there. When young is as old as a
	// bucket takes to fill, whatever is still in old is full, which is what a
	// stranger's bucket is, so old can go: memory holds the tokens of the last
	// seconds.
	mu         sync.Mutex
	young, old map[souk.ID]*rate.Limiter
	born       time.Time
}

func newLimiter(l Limits) *limiter {
	made := &limiter{limits: l, young: map[souk.ID]*rate.Limiter{}}
	if l.FailedTokens > 0 {
		made.failed = web.NewAddressLimiter(l.FailedTokens, 2*l.FailedTokens)
	}
	return made
}

// call counts one call with a token and refuses it if it is one too many. A
// short token counts with the others of its installation.
func (l *limiter) call(t souk.Token) error {
	if l.limits.PerSecond <= 0 {
		return nil
	}
	id := t.ID
	if t.Kind == souk.ShortToken {
		id = t.Installation
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.bucket(id, now).ReserveN(now, 1)
	wait := one.DelayFrom(now)
	if wait == 0 {
		return nil
	}
	one.CancelAt(now) // a refused call costs nothing
	return throttled(wait)
}

func (l *limiter) bucket(id souk.ID, now time.Time) *rate.Limiter {
	refill := time.Duration(l.limits.Burst) * time.Second / time.Duration(l.limits.PerSecond)
	if now.Sub(l.born) > refill {
		l.young, l.old, l.born = map[souk.ID]*rate.Limiter{}, l.young, now
	}
	b := l.young[id]
	if b == nil {
		if b = l.old[id]; b == nil {
			b = rate.NewLimiter(rate.Limit(l.limits.PerSecond), l.limits.Burst)
		}
		l.young[id] = b
	}
	return b
}

// failedToken counts a token that was refused with err. An address from which
// too many come is told to wait instead, which tells it nothing about the token.
func (l *limiter) failedToken(from netip.Addr, err error) error {
	if ok, wait := l.failed.Allow(from); !ok {
		return throttled(wait)
	}
	return err
}
