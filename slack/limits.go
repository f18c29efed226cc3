package slack

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"souk"
	"souk/web"
)

// Limits are how many calls a minute each tier of methods allows; bursts may
// be twice that. Zero means no limit, so the zero Limits limit nothing
// (docs/dialects/slack.md, "Rate limits").
type Limits struct {
	Tier1, Tier2, Tier3, Tier4 int
	Special                    int
	FailedTokens               int // refused tokens from one address
}

// DefaultLimits are Slack's, with ten times its rarest tier.
var DefaultLimits = Limits{Tier1: 10, Tier2: 20, Tier3: 50, Tier4: 100, Special: 600, FailedTokens: 60}

// tier picks the limit of a method.
type tier func(Limits) int

func tier1(l Limits) int   { return l.Tier1 }
func tier2(l Limits) int   { return l.Tier2 }
func tier4(l Limits) int   { return l.Tier4 }
func special(l Limits) int { return l.Special }

// caller is what calls are counted by: an app and the enterprise or workspace
// that its token is for. A call without a token counts by its address.
type caller struct {
	method  string
	app     souk.ID
	org     souk.ID
	address netip.Addr
}

// maxBuckets bounds the limiter's memory to a few megabytes whoever calls.
const maxBuckets = 16 << 10

// limiter counts calls, in one token bucket per caller. Each node of a cluster
// counts for itself.
type limiter struct {
	limits Limits
	failed *web.AddressLimiter // nil: no limit

	mu      sync.Mutex
	buckets map[caller]*rate.Limiter
}

func newLimiter(l Limits) *limiter {
	made := &limiter{limits: l, buckets: make(map[caller]*rate.Limiter)}
	if l.FailedTokens > 0 {
		made.failed = web.NewAddressLimiter(l.FailedTokens, 2*l.FailedTokens)
	}
	return made
}

// call counts one call and refuses it if it is one too many.
func (l *limiter) call(t tier, c caller) error {
	perMinute := t(l.limits)
	if perMinute <= 0 {
		return nil
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[c]
	if b == nil {
		b = rate.NewLimiter(rate.Limit(perMinute)/60, 2*perMinute)
		l.makeRoom(now)
		l.buckets[c] = b
	}
	r := b.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait == 0 {
		return nil
	}
	r.CancelAt(now) // a refused call costs nothing
	return &failure{code: rateLimited, again: wait}
}

// makeRoom drops buckets when there are too many, preferably full ones: they
// say the same as none. It looks at a few only, wherever the map begins today.
func (l *limiter) makeRoom(now time.Time) {
	if len(l.buckets) < maxBuckets {
		return
	}
	looks := 16
	for c, b := range l.buckets {
		looks--
		if b.TokensAt(now) >= float64(b.Burst()) || looks == 0 && len(l.buckets) >= maxBuckets {
			delete(l.buckets, c)
		}
		if looks == 0 {
			return
		}
	}
}

// failedToken counts a token that was refused with err. An address from which
// too many come is told to wait instead, which tells it nothing about the token.
func (l *limiter) failedToken(from netip.Addr, err error) error {
	if ok, wait := l.failed.Allow(from); !ok {
		return &failure{code: rateLimited, again: wait}
	}
	return err
}
