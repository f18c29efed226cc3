package courier

import (
	"fmt"
	"math/rand/v2"
	"time"

	"souk"
	"souk/store"
)

// dispatch starts attempts: of the lanes in their turn, as long as there is room
// in the air, and no more than could be told again if none could be recorded.
func (r *run) dispatch() {
	for r.schedule.flying+r.book.owed() < mostOwed {
		l := r.schedule.next()
		if l == nil {
			return
		}
		r.step(l)
		r.ponder(l)
	}
}

// ponder finds out what l waits for: its turn, a time, a look or more from the
// database.
func (r *run) ponder(l *lane) {
	r.crave(l)
	if l.waiting() == 0 || l.blind || r.stopping {
		r.schedule.leave(l)
		return
	}
	if at := r.opens(l); at.After(r.now) {
		r.schedule.leave(l)
		r.wake(l, at)
		return
	}
	if l.flying >= l.most() {
		r.schedule.leave(l)
		return
	}
	r.schedule.join(l)
}

// opens is when the next attempt of l may start as far as its breaker and its
// rate are concerned. One that is due for a probe is half open from then on.
func (r *run) opens(l *lane) time.Time {
	if b := &l.breaker; b.state == souk.BreakerOpen {
		if b.probeAt.After(r.now) {
			return b.probeAt
		}
		b.state = souk.BreakerHalfOpen
		r.noteHealth(l, true)
	}
	if l.bucket != nil {
		if short := 1 - l.bucket.TokensAt(r.now); short > 0 {
			return r.now.Add(time.Duration(short/float64(l.bucket.Limit())*float64(time.Second)) + time.Microsecond)
		}
	}
	return time.Time{}
}

// wake has l pondered at a time, or earlier.
func (r *run) wake(l *lane, at time.Time) {
	if !r.alarms.has(l) || at.Before(l.alarm) {
		l.alarm = at
		r.alarms.put(l)
	}
}

// step starts the next attempt of l, unless there is a reason not to.
func (r *run) step(l *lane) {
	shard, ours := r.Lease.Owns(l.endpoint)
	if !ours {
		r.disown(l)
		r.loads.swept.all = true // should it come back
		return
	}
	d := l.peek()
	seen := r.sees(l, d)
	var status souk.DeliveryStatus
	var note string
	if seen {
		status, note = r.verdict(l.hook, d)
		seen = status == souk.DeliveryPending || r.sawIt(l, d)
	}
	if !seen {
		l.blind = true
		if l.blindFrom.IsZero() {
			l.blindFrom = r.now
		}
		r.sight.blind = append(r.sight.blind, l)
		return
	}
	l.blindFrom = time.Time{}
	l.pop()
	f := &flight{lane: l, delivery: d, shard: shard, profile: l.profile}
	r.courier.flying[shard.Number].Add(1)
	prepare := r.Prepare[d.Dialect]
	at := r.clock()
	switch {
	case status != souk.DeliveryPending:
		r.leave(f, status, time.Time{}, note)
	case l.profile.Timeout == 0:
		r.Log.Error("a delivery is in a dialect without a profile", "delivery", d.ID, "dialect", d.Dialect, "lane", d.Webhook)
		r.leave(f, souk.DeliveryPending, at.Add(repair), "")
	case at.Sub(awaited(d)) > l.profile.MaxAge:
		r.leave(f, souk.DeliverySkipped, time.Time{}, fmt.Sprintf("more than %s late", l.profile.MaxAge))
	case prepare == nil:
		r.Log.Error("a delivery is in a dialect that nobody prepares", "delivery", d.ID, "dialect", d.Dialect, "lane", d.Webhook)
		r.leave(f, souk.DeliveryPending, at.Add(repair), "")
	case l.hook.err != nil:
		r.miss(f, at)
	default:
		if l.bucket != nil {
			l.bucket.AllowN(r.now, 1)
		}
		f.prepare, f.hook = prepare, l.hook
		f.speaker, f.org = r.speaker(l.hook, d)
		r.start(f)
	}
}

// awaited is since when d has been to be delivered: since its commit, or since
// somebody asked for it again. That is when its entry in the log began, until the
// first request; then it counts from the request before.
func awaited(d *souk.Delivery) time.Time {
	if d.Aside {
		return later(d.EntryAt, d.CreatedAt)
	}
	return d.CreatedAt
}

// start has a worker make an attempt.
func (r *run) start(f *flight) {
	f.began = r.now
	f.charged = r.schedule.begin(f.lane)
	f.lane.usedAt = r.now
	r.up.brief.push(f)
	if r.schedule.flying > r.workers {
		r.workers++
		go r.work()
	}
	r.todo <- f
}

func (r *run) work() {
	for f := range r.todo {
		f.attend(r)
		r.mail.land(f)
	}
}

// land takes a flight whose attempt has ended.
func (r *run) land(f *flight) {
	l := f.lane
	f.list.remove(f)
	r.reclass(l, func() { r.schedule.end(l, f.charged, f.took) })
	r.observe(f)
	r.keep(f)
	r.ponder(l)
}

// age has attempts that have run for a while shown as under way, and lanes that
// take long counted as such before the attempt ends.
func (r *run) age() {
	for f := r.up.brief.first; f != nil && r.now.Sub(f.began) >= longRun; f = r.up.brief.first {
		r.up.brief.remove(f)
		r.up.long.push(f)
		r.book.marks = append(r.book.marks, f)
	}
	for f := r.up.long.first; f != nil && r.now.Sub(f.began) >= slowFrom; f = r.up.long.first {
		r.up.long.remove(f)
		r.reclass(f.lane, func() { r.schedule.drags(f.lane, r.now.Sub(f.began)) })
	}
}

// reclass does what may change the pace of a lane, and lets go of what a lane
// has in hand that has become slow: there is only so much room for those.
func (r *run) reclass(l *lane, do func()) {
	before := l.pace
	do()
	switch {
	case before == l.pace:
	case before == slow:
		r.hand.slow -= l.inHand
		r.hand.slowBytes -= l.bytes
	case l.pace == slow:
		r.hand.slow += l.inHand
		r.hand.slowBytes += l.bytes
		if r.hand.slow > r.limits.inHand/2 || r.hand.slowBytes > r.limits.bytes/2 {
			r.letGo(l)
			r.ponder(l)
		}
	}
}

// miss counts an attempt that could not be made as the secrets of the endpoint
// cannot be opened. Nobody knows whether they ever will be: it goes on and ends as
// if the attempt had failed, so that what waits in its line is told some day.
func (r *run) miss(f *flight, at time.Time) {
	d := f.delivery
	attempts := d.Attempts + 1
	next := f.profile.judge(Result{Outcome: souk.Unprepared}, attempts-d.Base, at, rand.Float64())
	f.failure = souk.Unprepared
	r.Log.Error("the secrets of an endpoint cannot be opened", "delivery", d.ID, "dialect", d.Dialect, "lane", d.Webhook,
		"then", string(next.status), "err", f.lane.hook.err)
	f.progress = store.Progress{
		Delivery: *d, Status: next.status, Attempts: attempts, Outcome: souk.Unprepared, NextAt: next.nextAt,
		Note: "the secrets of the endpoint could not be opened",
	}
	r.keep(f)
}

// leave lets a delivery go without an attempt: ended, held, or due again at
// nextAt.
func (r *run) leave(f *flight, status souk.DeliveryStatus, nextAt time.Time, note string) {
	d := f.delivery
	f.progress.Delivery, f.progress.Status, f.progress.NextAt, f.progress.Note = *d, status, nextAt, note
	f.progress.Attempts, f.progress.Outcome = d.Attempts, d.LastOutcome
	r.keep(f)
}

// keep has a flight recorded.
func (r *run) keep(f *flight) {
	f.keptAt = r.now
	if r.book.outcomes = append(r.book.outcomes, f); r.book.owed() == 1 {
		r.owe()
	}
}
