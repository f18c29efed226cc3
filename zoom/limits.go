package zoom

import (
	"net/netip"
	"strconv"
	"sync"
	"time"

	"souk"
	"souk/web"
)

// Limits are how many calls a second an account may make of routes of each
// weight, of the heavy ones how many a day (UTC), and how many refused tokens a
// minute may come from one address. Zero means no limit, so the zero Limits limit
// nothing (docs/dialects/zoom.md, "REST conventions").
type Limits struct {
	Light, Medium, Heavy int
	HeavyDaily           int
	FailedTokens         int
}

// DefaultLimits are those of Zoom's business plans.
var DefaultLimits = Limits{Light: 80, Medium: 60, Heavy: 40, HeavyDaily: 60_000, FailedTokens: 60}

// weight is the rate limit label of a route.
type weight string

// The labels, as the header X-RateLimit-Category has them.
const (
	light  weight = "Light"
	medium weight = "Medium"
	heavy  weight = "Heavy"
)

// perSecond and perDay are what l allows of routes of a weight; 0: no limit.
func (l Limits) perSecond(w weight) int {
	switch w {
	case light:
		return l.Light
	case heavy:
		return l.Heavy
	}
	return l.Medium
}

func (l Limits) perDay(w weight) int {
	if w == heavy {
		return l.HeavyDaily
	}
	return 0
}

// counted is what calls are counted by.
type counted struct {
	account souk.ID // or the app that a token without an account speaks for
	weight  weight
}

// spent is how many calls there were in the second and the day that last had
// one.
type spent struct {
	second, day     int64 // since 1970
	inSecond, inDay int
}

// maxCounted bounds the limiter's memory to a few megabytes whoever calls.
const maxCounted = 16 << 10

// limiter counts calls. Each node of a cluster counts for itself.
type limiter struct {
	limits Limits
	failed *web.AddressLimiter // nil: no limit

	mu    sync.Mutex
	spent map[counted]*spent
}

func newLimiter(l Limits) *limiter {
	made := &limiter{limits: l, spent: map[counted]*spent{}}
	if l.FailedTokens > 0 {
		made.failed = web.NewAddressLimiter(l.FailedTokens, 2*l.FailedTokens)
	}
	return made
}

// failedToken counts a token that was refused with err. An address from which
// too many come is told to wait instead, which tells it nothing about the token.
func (l *limiter) failedToken(from netip.Addr, err error) error {
	if l.failed == nil {
		return err
	}
	if ok, wait := l.failed.Allow(from); !ok {
		return &failure{refusal: tooManyPerSecond, header: map[string]string{"Retry-After": web.RetryAfter(wait)}}
	}
	return err
}

// count counts a call, says in its headers what is left and refuses it if it is
// one too many; then it costs nothing.
func (l *limiter) count(c *call) error {
	w := c.route.weight
	key := counted{account: c.account.ID, weight: w}
	if key.account.IsZero() {
		key.account = c.app
	}
	perSecond, perDay := l.limits.perSecond(w), l.limits.perDay(w)
	if perSecond <= 0 && perDay <= 0 {
		return nil
	}
	now := time.Now().UTC()
	l.mu.Lock()
	s := l.spentBy(key, now)
	overDay := perDay > 0 && s.inDay >= perDay
	overSecond := perSecond > 0 && s.inSecond >= perSecond
	if !overDay && !overSecond {
		s.inSecond++
		s.inDay++
	}
	used := *s
	l.mu.Unlock()

	header := c.writer.Header()
	header.Set("X-RateLimit-Category", string(w))
	if overDay {
		tomorrow := now.Truncate(24 * time.Hour).Add(24 * time.Hour)
		return &failure{refusal: tooManyPerDay, header: map[string]string{
			"X-RateLimit-Type": "Daily-limit", "X-RateLimit-Limit": strconv.Itoa(perDay), "X-RateLimit-Remaining": "0",
			"X-RateLimit-Reset": stamp(tomorrow), "Retry-After": stamp(tomorrow),
		}}
	}
	header.Set("X-RateLimit-Type", "QPS")
	header.Set("X-RateLimit-Limit", strconv.Itoa(perSecond))
	header.Set("X-RateLimit-Remaining", strconv.Itoa(max(0, perSecond-used.inSecond)))
	if overSecond {
		return &failure{refusal: tooManyPerSecond, header: map[string]string{
			"X-RateLimit-Reset": stamp(now.Truncate(time.Second).Add(time.Second)), "Retry-After": "1",
		}}
	}
	return nil
}

// spentBy is what key has spent by now.
func (l *limiter) spentBy(key counted, now time.Time) *spent {
	s := l.spent[key]
	if s == nil {
		l.makeRoom(now)
		s = new(spent)
		l.spent[key] = s
	}
	if second := now.Unix(); s.second != second {
		s.second, s.inSecond = second, 0
	}
	if day := now.Unix() / 86_400; s.day != day {
		s.day, s.inDay = day, 0
	}
	return s
}

// makeRoom drops counts when there are too many, preferably those that say no
// more than none. It looks at a few only, wherever the map begins today.
func (l *limiter) makeRoom(now time.Time) {
	if len(l.spent) < maxCounted {
		return
	}
	looks := 16
	for key, s := range l.spent {
		looks--
		over := s.second != now.Unix() && (key.weight != heavy || s.day != now.Unix()/86_400)
		if over || looks == 0 && len(l.spent) >= maxCounted {
			delete(l.spent, key)
		}
		if looks == 0 {
			return
		}
	}
}
