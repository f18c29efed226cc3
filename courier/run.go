package courier

import (
	"context"
	"fmt"
	"time"

	"souk"
)

// run is one Run of a Courier. Its fields belong to the goroutine of loop.
type run struct {
	Config
	courier *Courier
	limits  limits
	clock   func() time.Time
	mail    *mail
	base    context.Context // of transactions
	air     context.Context // of attempts
	cut     func()          // ends air

	now      time.Time // of this round of loop; for waiting, as it is monotonic
	lanes    map[souk.ID]*lane
	profiles map[souk.Dialect]*Profile
	schedule schedule
	alarms   ladder[*lane]
	hand     hand     // what is in hand
	up       airborne // attempts under way
	sight    sight    // what was looked at
	loads    loads    // what is loaded
	book     book     // what is recorded
	ward     ward     // healths that are to be written down
	lately   memory   // of what was recorded

	todo    chan *flight // for workers
	workers int
	reports chan func() // of transactions that ended
	asks    chan chan State
	ended   chan struct{}

	offers [][]souk.Delivery // to be used again, as is
	landed []*flight

	stopping bool
	giveUp   time.Time
}

func newRun(c *Courier, base, air context.Context, cut func()) *run {
	now := time.Now()
	return &run{
		Config: c.config, courier: c, limits: c.limits, clock: c.clock, mail: c.mail, base: base, air: air, cut: cut,
		now:      now,
		lanes:    map[souk.ID]*lane{},
		profiles: profiles(),
		schedule: newSchedule(c.limits.flying),
		alarms: ladder[*lane]{
			less:  func(a, b *lane) bool { return a.alarm.Before(b.alarm) },
			place: func(l *lane) *int { return &l.bell },
		},
		hand:    newHand(c.config.DB.Leased()),
		sight:   newSight(),
		book:    newBook(now),
		ward:    newWard(),
		todo:    make(chan *flight, c.limits.flying),
		reports: make(chan func(), 3), // one for each kind of transaction
		asks:    make(chan chan State),
		ended:   make(chan struct{}),
	}
}

func (r *run) loop(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	stop := ctx.Done()
	changed := r.Lease.Changed()
	for {
		r.now = time.Now()
		r.collect()
		for r.alarms.len() > 0 && !r.alarms.top().alarm.After(r.now) {
			l := r.alarms.top()
			r.alarms.take(l)
			r.ponder(l)
		}
		r.age()
		r.dispatch()
		r.ownUp()
		if r.stopping {
			if r.schedule.flying+r.book.owed() == 0 && !r.book.writing {
				return nil
			}
			if !r.now.Before(r.giveUp.Add(lastTurns)) {
				return fmt.Errorf("courier: stopped with %d outcomes not recorded", r.book.owed())
			}
			if !r.now.Before(r.giveUp) {
				r.cut()
			}
		}
		r.record()
		r.look()
		r.load()
		timer.Reset(r.idle())

		select {
		case <-stop:
			stop = nil
			r.stop()
		case <-changed:
			r.reassign()
		case <-r.mail.wake:
		case done := <-r.reports:
			r.now = time.Now()
			done()
		case reply := <-r.asks:
			r.now = time.Now()
			reply <- r.state()
		case <-timer.C:
		}
	}
}

// collect takes what the mail brought.
func (r *run) collect() {
	offers, landed, sweep, spilt := r.mail.collect(r.offers, r.landed)
	for _, f := range landed {
		r.land(f)
	}
	if !r.stopping {
		for _, ds := range offers {
			r.take(ds, true)
		}
		if sweep || spilt {
			r.loads.swept.next = r.now
		}
		r.loads.swept.all = r.loads.swept.all || spilt
	}
	clear(offers)
	clear(landed)
	r.offers, r.landed = offers, landed
}

// idle is how long there is nothing to do unless somebody says so.
func (r *run) idle() time.Duration {
	next := r.now.Add(sweep)
	sooner := func(at time.Time) {
		if at.Before(next) {
			next = at
		}
	}
	if r.alarms.len() > 0 {
		sooner(r.alarms.top().alarm)
	}
	if f := r.up.brief.first; f != nil {
		sooner(f.began.Add(longRun))
	}
	if f := r.up.long.first; f != nil {
		sooner(f.began.Add(slowFrom))
	}
	if !r.book.writing && len(r.book.outcomes) > 0 {
		sooner(later(r.book.notBefore, r.book.outcomes[0].keptAt.Add(r.book.gathers)))
	}
	if !r.sight.looking && !r.stopping && (len(r.sight.blind) > 0 || r.sight.dim) {
		sooner(r.sight.notBefore)
	}
	if r.stopping {
		if r.now.Before(r.giveUp) {
			sooner(r.giveUp)
		}
		sooner(r.giveUp.Add(lastTurns))
	} else if !r.loads.loading {
		sooner(later(r.loads.notBefore, later(r.loads.swept.next, r.loads.swept.not)))
	}
	return next.Sub(r.now)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// stop lets go of what waits: it is in the database.
func (r *run) stop() {
	r.stopping, r.giveUp = true, time.Now().Add(grace)
	for _, l := range r.lanes {
		r.letGo(l)
		r.ponder(l)
	}
}

// reassign follows a change of what is ours: what was lost is let go, and what
// was gained looked through.
func (r *run) reassign() {
	r.now = time.Now()
	for _, l := range r.lanes {
		if _, ours := r.Lease.Owns(l.endpoint); !ours {
			r.disown(l)
		}
	}
	r.loads.swept.all, r.loads.swept.twice, r.loads.swept.next = true, true, r.now
}

// disown lets go of a lane that is another's now. What flies is recorded.
func (r *run) disown(l *lane) {
	r.letGo(l)
	l.rest.disown()
	if l.inHand == 0 {
		r.drop(l)
	}
}

// drop forgets a lane that has nothing in hand.
func (r *run) drop(l *lane) {
	r.schedule.leave(l)
	r.alarms.take(l)
	r.ward.checkups.take(l)
	delete(r.sight.busy, l)
	delete(r.lanes, l.endpoint)
}
