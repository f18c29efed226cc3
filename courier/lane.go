package courier

import (
	"cmp"
	"time"

	"golang.org/x/time/rate"

	"souk"
	"souk/store"
)

// lane is one endpoint, with what waits for it in memory and all that decides
// when the next attempt may start. It belongs to the goroutine of run.loop.
//
// What waits here is also in the database, and nothing there says that it is
// here: to let go of it costs nothing.
type lane struct {
	endpoint souk.ID
	dialect  souk.Dialect
	profile  Profile

	fresh, again turns // first attempts, and retries
	turn         int   // so many attempts began
	inHand       int   // deliveries that wait, fly or are not recorded
	bytes        int   // of their bodies

	share
	breaker breaker
	bucket  *rate.Limiter // nil: as often as it comes

	hook      *openWebhook // nil: there is none
	lookedAt  time.Time    // zero: never
	look      int          // the number of that look
	blind     bool         // it waits for a newer look
	blindFrom time.Time    // since when it has, with something due; zero: the last one counted
	usedAt    time.Time    // when the last attempt began, or something came in

	alarm time.Time // when it is to be pondered again
	bell  int       // rung of run.alarms

	// deep: the database has more that is due than waits here, beyond cursor.
	deep     bool
	cursor   store.Due
	overdue  time.Time // when the clock was set back: what was due by then is
	refused  bool      // something of the last load did not fit
	hungry   bool      // it is in run.hungry
	loading  bool      // and then deep and cursor are of what was refused meanwhile
	loadedAt time.Time // when the last load began

	health    souk.Health
	told      bool      // health has been read
	unwell    bool      // health has changed and is in run.unwell
	pressing  bool      // so that others want to know at once
	writtenAt time.Time // when health was last on its way to the database
}

func newLane(endpoint souk.ID, now time.Time) *lane {
	return &lane{
		endpoint: endpoint,
		breaker:  breaker{state: souk.BreakerClosed},
		usedAt:   now,
		health:   souk.Health{Endpoint: endpoint, Breaker: souk.BreakerClosed},
	}
}

// become makes l a lane for deliveries like d, which the first of them decides.
func (l *lane) become(d *souk.Delivery) {
	if l.dialect != "" || d.Dialect == "" {
		return
	}
	l.dialect, l.profile = d.Dialect, Profiles[d.Dialect]
	l.health.App, l.health.Dialect = d.App, d.Dialect
	if l.profile.Rate > 0 {
		l.bucket = rate.NewLimiter(rate.Limit(l.profile.Rate), max(1, l.profile.Burst))
	}
}

// most is how many attempts may be under way at once.
func (l *lane) most() int {
	if l.breaker.narrow || l.breaker.state != souk.BreakerClosed {
		return 1
	}
	return cmp.Or(l.profile.AtOnce, perWebhook)
}

func (l *lane) waiting() int { return l.fresh.waits + l.again.waits }

// queueOf is where d waits.
func (l *lane) queueOf(d *souk.Delivery) *turns {
	if d.Attempts > d.Base {
		return &l.again
	}
	return &l.fresh
}

func (l *lane) push(d *souk.Delivery) {
	l.queueOf(d).push(d)
}

// line is where the next attempt comes from: first attempts go before retries,
// which get every fourth turn all the same.
func (l *lane) line() *turns {
	if l.fresh.waits == 0 || l.again.waits > 0 && l.turn%4 == 3 {
		return &l.again
	}
	return &l.fresh
}

// peek is what pop would answer; ask only where something waits.
func (l *lane) peek() *souk.Delivery { return l.line().peek() }

func (l *lane) pop() *souk.Delivery {
	d := l.line().pop()
	l.turn++
	return d
}

// beyond says that the database has what is due at a place and does not wait
// here.
func (l *lane) beyond(at store.Due) {
	if !l.deep || at.At.Before(l.cursor.At) {
		l.cursor = at
	}
	l.deep = true
}

// stateName is what State counts l as.
func (l *lane) stateName() string {
	switch {
	case l.breaker.state != souk.BreakerClosed:
		return string(l.breaker.state)
	case l.deep:
		return "deep"
	case l.flying >= l.most():
		return "full"
	case l.inHand > 0:
		return "busy"
	}
	return "idle"
}
