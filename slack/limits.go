package slack

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"souk"
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

// tier is how often a method may be called.
type tier int

const (
	tier1 tier = iota + 1
	tier2
	tier3
	tier4
	special
)

func (l Limits) perMinute(t tier) int {
	switch t {
	case tier1:
		return l.Tier1
	case tier2:
		return l.Tier2
	case tier3:
		return l.Tier3
	case tier4:
		return l.Tier4
	}
	return l.Special
}

// caller is what calls are counted by: a method, an app and the org its token
// is for, or for failed tokens and calls without one the address alone.
type caller struct {
	method  string
	app     souk.ID
	org     souk.ID
	address netip.Addr
}

// maxBuckets bounds the limiter's memory to a few megabytes whoever calls.
const maxBuckets = 16 << 10

// limiter counts calls in one token bucket per caller. Each node of a cluster
// counts for itself.
type limiter struct {
	mu      sync.Mutex
	buckets map[caller]*rate.Limiter
}

// wait counts one call of c and answers how long c must wait before it may
// call: 0 when it may now, and then perMinute calls a minute fill up again.
func (l *limiter) wait(c caller, perMinute int, now time.Time) time.Duration {
	if perMinute <= 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[c]
	if b == nil {
		b = rate.NewLimiter(rate.Limit(perMinute)/60, 2*perMinute)
		l.add(c, b, now)
	}
	r := b.ReserveN(now, 1)
	d := r.DelayFrom(now)
	if d > 0 {
		r.CancelAt(now) // a refused call costs nothing
	}
	return d
}

// add stores b. When there are too many buckets it drops some others first,
// preferably full ones: they say the same as none.
func (l *limiter) add(c caller, b *rate.Limiter, now time.Time) {
	if l.buckets == nil {
		l.buckets = make(map[caller]*rate.Limiter)
	}
	if len(l.buckets) >= maxBuckets {
		const look = 16 // of a random place in the map
		var seen int
		var last caller
		for other, bucket := range l.buckets {
			if last = other; bucket.TokensAt(now) >= float64(bucket.Burst()) {
				delete(l.buckets, other)
			}
			if seen++; seen == look {
				break
			}
		}
		delete(l.buckets, last)
	}
	l.buckets[c] = b
}

// neighbourhood is what failed tokens are counted by: an IPv4 address, or the
// /64 that one IPv6 customer has to itself.
func neighbourhood(a netip.Addr) netip.Addr {
	if a = a.Unmap(); a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}
