package courier

import (
	"context"
	"fmt"
	"time"

	"souk"
	"souk/store"
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

	now       time.Time // of this round of loop; for waiting, as it is monotonic
	lanes     map[souk.ID]*lane
	busy      map[*lane]struct{} // those with something in hand, or of late, that looks are for
	profiles  map[souk.Dialect]*Profile
	known     map[souk.ID]int    // deliveries in hand, and which looks began before they came
	lines     map[store.Line]int // how many of them lead a line, where that may be two
	bytes     int                // of their bodies
	slowHeld  int                // of them, those of slow lanes
	slowBytes int                // of their bodies
	schedule  schedule
	alarms    ladder[*lane]
	aired     flights // attempts under way that are not shown as such
	long      flights // and those that are, for less than a second in all

	installs map[souk.ID]*seenInstallation
	blind    []*lane   // that wait for a newer look
	dim      bool      // a look would be good
	ownedUp  time.Time // when it was told last how long some of blind have been
	looks    int       // that began
	looking  bool      // one is under way
	lookFrom time.Time // no look before, as the last one failed

	hungry   [wants]fifo[*lane]   // that want something loaded; lane.hungry says which entry counts
	slowly   bool                 // slow lanes are to be loaded first
	loading  bool                 // a load is under way
	recorded map[souk.ID]struct{} // since it began
	shared   bool                 // lines are, by nodes that do not see each other
	loadFrom time.Time            // no load before, as the last one failed
	swept    sweeps

	outcomes   []*flight     // not recorded, nor under way to be
	recording  int           // under way to be
	writing    bool          // a transaction of the recorder is under way
	oldest     time.Time     // when the first of both came
	marks      []*flight     // to be shown as under way
	checkups   ladder[*lane] // with a health to be written down some time
	rounds     time.Time     // when those were last that are not pressing
	ill        bool          // some should be now
	suspects   []*lane       // whose healths were in a transaction that was refused
	suspected  int           // how many of them are tried at once
	treated    bool          // some of them were tried just now
	batch      int           // outcomes that are recorded at once
	recordFrom time.Time     // no transaction before, as the last one failed
	recordedAt time.Time
	gathers    time.Duration // how long an outcome waits for others
	inspected  store.Line    // how far the look for lines that nobody leads came
	inspection time.Time     // when it goes on, or begins anew

	todo    chan *flight // for workers
	workers int
	reports chan func() // of transactions that ended
	asks    chan chan State
	ended   chan struct{}

	lately, before map[souk.ID]struct{} // first attempts that were recorded since turned, and in the time before
	turned         time.Time

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
		busy:     map[*lane]struct{}{},
		profiles: profiles(),
		known:    map[souk.ID]int{},
		lines:    map[store.Line]int{},
		schedule: newSchedule(c.limits.flying),
		alarms: ladder[*lane]{
			less:  func(a, b *lane) bool { return a.alarm.Before(b.alarm) },
			place: func(l *lane) *int { return &l.bell },
		},
		checkups: ladder[*lane]{
			less:  func(a, b *lane) bool { return a.checkup.Before(b.checkup) },
			place: func(l *lane) *int { return &l.visit },
		},
		suspected:  mostHealths,
		installs:   map[souk.ID]*seenInstallation{},
		batch:      batch,
		gathers:    gather,
		inspection: now,
		shared:     c.config.DB.Leased(),
		todo:       make(chan *flight, c.limits.flying),
		reports:    make(chan func(), 3), // one for each kind of transaction
		asks:       make(chan chan State),
		ended:      make(chan struct{}),
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
			if r.schedule.flying+len(r.outcomes)+r.recording == 0 && !r.writing {
				return nil
			}
			if !r.now.Before(r.giveUp.Add(lastTurns)) {
				return fmt.Errorf("courier: stopped with %d outcomes not recorded", len(r.outcomes)+r.recording)
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
	offers, landed, sweep := r.mail.collect(r.offers, r.landed)
	for _, f := range landed {
		r.land(f)
	}
	if !r.stopping {
		for _, ds := range offers {
			r.take(ds, true)
		}
		if sweep {
			r.swept.next = r.now
		}
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
	if f := r.aired.first; f != nil {
		sooner(f.began.Add(longRun))
	}
	if f := r.long.first; f != nil {
		sooner(f.began.Add(slowFrom))
	}
	if !r.writing && len(r.outcomes) > 0 {
		sooner(later(r.recordFrom, r.outcomes[0].keptAt.Add(r.gathers)))
	}
	if !r.looking && !r.stopping && (len(r.blind) > 0 || r.dim) {
		sooner(r.lookFrom)
	}
	if r.stopping {
		if r.now.Before(r.giveUp) {
			sooner(r.giveUp)
		}
		sooner(r.giveUp.Add(lastTurns))
	} else if !r.loading {
		sooner(later(r.loadFrom, later(r.swept.next, r.swept.not)))
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
	r.swept.all, r.swept.next = true, r.now
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
	r.checkups.take(l)
	delete(r.busy, l)
	delete(r.lanes, l.endpoint)
}
