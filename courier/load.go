package courier

import (
	"context"
	"errors"
	"time"

	"souk"
	"souk/store"
)

const (
	page      = 256                    // deliveries of a lane that are loaded at once
	mostLoad  = 32                     // lanes that are loaded in one transaction
	loadGap   = 100 * time.Millisecond // between loads of a lane of which all was loaded, or did not fit
	lateOffer = 2 * time.Second        // what is handed over so long after its time is looked for in the database
	mostFind  = 1 << 20                // lanes with something due that are found at once
)

// loads is what is to be loaded. One load is under way at most, of lanes that have
// left hungry for it. While it is, recorded has what it may find in the database
// as it was before.
type loads struct {
	hungry    [wants]fifo[*lane] // that want something loaded; rest.hungry says which entry counts
	slowly    bool               // slow lanes are to be loaded first
	loading   bool               // a load is under way
	recorded  map[souk.ID]struct{}
	notBefore time.Time // no load is, as the last one failed
	swept     sweeps
}

// memory is which first attempts were recorded of late: those since turned, and
// those of the time before. Each is in it for a lateOffer at least.
type memory struct {
	now, before map[souk.ID]struct{}
	turned      time.Time
}

// sweeps is how far the outbox was looked through.
type sweeps struct {
	next  time.Time // when it is again
	not   time.Time // before then, whatever is asked for: sweeps take a tenth of the time at most
	until time.Time // by the clock: what was due then was found
	read  time.Time // when the clock said so
	all   bool      // the next one begins with what was due first
	twice bool      // and another after an overlap: who had it before may have been about to commit what it was to hand to itself
	allAt time.Time // when one does in any case
	ahead time.Time // by the clock before it was set back: what was due by then is, until all of it was found
}

// load is one read of what is due.
type load struct {
	sweeps       bool
	since, until time.Time // by the clock
	leapt        bool      // until is of before the clock was set back
	lanes        []*lane
	parts        []part // of the lanes

	found []souk.ID
	next  time.Time
	swept time.Duration // how long it took to find them
}

// part is what is due of one lane.
type part struct {
	after store.Due
	until time.Time
	room  int
	found []souk.Delivery
}

// load starts a load if it is time for one and none is under way.
func (r *run) load() {
	if r.loads.loading || r.stopping || r.now.Before(r.loads.notBefore) {
		return
	}
	at := r.clock()
	o := &load{until: at}
	if !later(r.loads.swept.next, r.loads.swept.not).After(r.now) {
		r.plan(o, at)
	}
	r.feed(o, at)
	if !o.sweeps && len(o.lanes) == 0 {
		return
	}
	r.loads.loading, r.loads.recorded = true, map[souk.ID]struct{}{}
	go func() {
		err := r.DB.Read(r.base, o.do)
		r.reports <- func() { r.loaded(o, err) }
	}()
}

// plan has o look for lanes with something due: that came due since the last
// time, and a little before. After the clock was set, and once a minute, it
// looks for all. When it was set back, what had been due is not any more by what
// it says now; it is all the same.
func (r *run) plan(o *load, at time.Time) {
	s := &r.loads.swept
	leap := at.Sub(s.until) - r.now.Sub(s.read)
	if leap.Abs() > pause && !s.read.IsZero() {
		r.Log.Warn("the clock was set", "by", leap.Round(time.Millisecond))
		s.all = true
		if leap < 0 {
			s.ahead = later(s.ahead, at.Add(-leap))
		}
	}
	if s.ahead.After(at) {
		o.until, o.leapt = s.ahead, true
	}
	if s.all = s.all || !r.now.Before(s.allAt); !s.all {
		o.since = s.until.Add(-overlap)
	} else {
		s.allAt = r.now.Add(sweepAll)
		if s.twice {
			s.allAt, s.twice = r.now.Add(overlap), false
		}
	}
	o.sweeps, s.all, s.until, s.read, s.next = true, false, at, r.now, r.now.Add(sweep)
}

// whole reports whether all that is due is looked for.
func (o *load) whole() bool { return o.sweeps && o.since.IsZero() }

// do is the transaction.
func (o *load) do(tx *store.Tx) (err error) {
	o.found = nil
	if o.sweeps {
		began := time.Now()
		var last souk.ID
		for {
			some, err := tx.DueWebhooks(o.since, o.until, last, mostFind)
			if err != nil {
				return err
			}
			o.found = append(o.found, some...)
			if len(some) < mostFind {
				break
			}
			last = some[len(some)-1]
		}
		if o.next, err = tx.NextDue(o.until); err != nil {
			return err
		}
		o.swept = time.Since(began)
	}
	for i, l := range o.lanes {
		p := &o.parts[i]
		if p.found, err = tx.DueDeliveries(l.endpoint, p.until, p.after, p.room); err != nil {
			return err
		}
	}
	return nil
}

// loaded takes what a load brought.
func (r *run) loaded(o *load, err error) {
	recorded := r.loads.recorded
	r.loads.loading, r.loads.recorded = false, nil
	for _, l := range o.lanes {
		l.rest.landed()
	}
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			r.Log.Error("the courier could not read what is due", "err", err)
		}
		r.loads.notBefore = r.now.Add(pause)
		for i, l := range o.lanes {
			l.rest.fell(o.parts[i])
			r.crave(l)
		}
		if o.sweeps {
			r.loads.swept.all, r.loads.swept.next = true, r.now
		}
		return
	}
	if r.stopping {
		return
	}
	if o.sweeps {
		r.loads.swept.ahead = time.Time{}
		if !o.next.IsZero() {
			if due := r.now.Add(max(sweepGap, o.next.Sub(r.clock()))); due.Before(r.loads.swept.next) {
				r.loads.swept.next = due
			}
		}
		r.loads.swept.not = r.now.Add(min(sweep, 10*o.swept))
		if o.whole() {
			r.clean()
		}
	}
	for i, l := range o.lanes {
		r.fill(l, o.parts[i], recorded)
	}
	for _, id := range o.found {
		if _, ours := r.Lease.Owns(id); !ours {
			continue
		}
		l := r.lanes[id]
		if l == nil {
			l = r.lane(&souk.Delivery{Webhook: id})
		}
		if o.leapt {
			l.rest.overdue = o.until
		}
		if o.leapt {
			l.rest.swept(time.Time{})
		} else {
			l.rest.swept(o.since) // of all, what took long to commit is found, too
		}
		r.crave(l)
	}
}

// fill puts what was loaded of a lane into it, but for what was recorded since.
func (r *run) fill(l *lane, p part, recorded map[souk.ID]struct{}) {
	if r.lanes[l.endpoint] != l {
		return // let go meanwhile
	}
	more, refused := len(p.found) == p.room, false
	for i := range p.found {
		d := &p.found[i]
		l.become(d, r.profiles)
		if _, was := recorded[d.ID]; !was && !r.follows(d) && !r.admit(l, d) {
			more, refused = true, true
			break
		}
		p.after = store.Due{At: d.NextAt, ID: d.ID}
	}
	l.rest.filled(p.after, more, refused)
	r.ponder(l)
}

// remember keeps in mind that d was recorded, if it may be handed over yet.
func (r *run) remember(d *souk.Delivery) {
	if r.now.Sub(r.lately.turned) > lateOffer {
		r.lately.now, r.lately.before, r.lately.turned = map[souk.ID]struct{}{}, r.lately.now, r.now
	}
	if d.Attempts == d.Base {
		r.lately.now[d.ID] = struct{}{}
	}
}

// isOld reports whether d, which was handed over, may have been found, sent and
// recorded before: whoever hands over does so after the commit, when nobody waits
// for it any more.
func (r *run) isOld(d *souk.Delivery, at time.Time) bool {
	_, lately := r.lately.now[d.ID]
	_, before := r.lately.before[d.ID]
	return lately || before || at.Sub(d.EntryAt) > lateOffer
}

// take takes in what has just committed. What comes late is left to a load. On
// PostgreSQL two may have come to lead a line at the same moment, neither before
// the other: the first to be taken in goes first.
func (r *run) take(ds []souk.Delivery, offered bool) {
	at := r.clock()
	var last *lane
	for i := range ds {
		d := &ds[i]
		newborn := d.Attempts == 0 && d.NextAt.Equal(d.CreatedAt) // due whatever the clock was set to since
		if d.Status != souk.DeliveryPending || d.NextAt.IsZero() || d.NextAt.After(at) && !newborn {
			continue
		}
		if last == nil || last.endpoint != d.Webhook {
			if _, ours := r.Lease.Owns(d.Webhook); !ours {
				continue
			}
			if last != nil {
				r.ponder(last)
			}
			last = r.lane(d)
		}
		if r.follows(d) {
			continue
		}
		if offered && r.isOld(d, at) || !r.admit(last, d) {
			last.rest.beyond(before(d))
		}
	}
	if last != nil {
		r.ponder(last)
	}
}

// before is the place just before d among what is due.
func before(d *souk.Delivery) store.Due {
	return store.Due{At: d.NextAt.Add(-time.Microsecond), ID: d.ID}
}

// lane finds or makes the lane of d.
func (r *run) lane(d *souk.Delivery) *lane {
	l := r.lanes[d.Webhook]
	if l == nil {
		l = newLane(d.Webhook, r.now)
		r.lanes[d.Webhook] = l
	}
	l.become(d, r.profiles)
	return l
}

// clean forgets lanes that have had nothing to do for a while. How those fare
// whose breaker is not closed is written down.
func (r *run) clean() {
	for _, l := range r.lanes {
		idle := idleFrom
		if l.breaker.state != souk.BreakerClosed || l.breaker.narrow {
			idle = 2 * longestPause
		}
		if r.now.Sub(l.usedAt) > remember {
			l.doze()
		}
		if l.inHand == 0 && l.rest.settled() && !l.blind && !l.unwell && r.now.Sub(l.usedAt) > idle {
			r.drop(l)
		}
	}
}
