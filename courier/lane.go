package courier

import (
	"cmp"
	"time"

	"golang.org/x/time/rate"

	"souk"
)

// lane is one endpoint, with what waits for it in memory and all that decides
// when the next attempt may start. It belongs to the goroutine of run.loop.
//
// What waits here is also in the database, and nothing there says that it is
// here: to let go of it costs nothing.
type lane struct {
	endpoint souk.ID
	dialect  souk.Dialect
	profile  *Profile // shared by all of a dialect

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

	rest rest // that waits in the database alone

	health    souk.Health
	hookAt    time.Time // when the webhook had changed by the last look
	told      bool      // health has been read
	unwell    bool      // health has changed: it is in run.ward, at checkups or suspects
	pressing  bool      // so that others want to know at once
	suspect   bool      // it is in run.ward.suspects
	unfit     bool      // it was refused, alone
	writtenAt time.Time // when health was last on its way to the database
	checkup   time.Time // when it is looked at whether health is to be written down
	visit     int       // rung of run.ward.checkups
}

func newLane(endpoint souk.ID, now time.Time) *lane {
	return &lane{
		endpoint: endpoint,
		profile:  &noProfile,
		breaker:  breaker{state: souk.BreakerClosed},
		usedAt:   now,
		health:   souk.Health{Endpoint: endpoint, Breaker: souk.BreakerClosed},
	}
}

// noProfile is that of lanes of which nobody knows the dialect.
var noProfile Profile

// become makes l a lane for deliveries like d, which the first of them decides.
func (l *lane) become(d *souk.Delivery, profiles map[souk.Dialect]*Profile) {
	if l.dialect != "" || d.Dialect == "" {
		return
	}
	l.dialect = d.Dialect
	if p := profiles[d.Dialect]; p != nil {
		l.profile = p
	}
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

// stateName is what State counts l as.
func (l *lane) stateName() string {
	switch {
	case l.breaker.state != souk.BreakerClosed:
		return string(l.breaker.state)
	case l.rest.deep:
		return "deep"
	case l.flying >= l.most():
		return "full"
	case l.inHand > 0:
		return "busy"
	}
	return "idle"
}

// doze lets go of what l needs only to send, when nothing is in hand: there are
// many more endpoints than are told something at one time.
func (l *lane) doze() {
	if l.inHand > 0 || l.hook == nil || !l.told {
		return
	}
	l.hook, l.lookedAt = nil, time.Time{}
	l.fresh, l.again = turns{}, turns{}
}
