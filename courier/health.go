package courier

import (
	"time"

	"souk"
)

// How often the health of a lane is written down, unless others want to know at
// once, and how often the courier looks for what is to be written.
const (
	failingEvery = 10 * time.Second
	healthyEvery = 5 * time.Minute
	roundsEvery  = 100 * time.Millisecond
	idleFrom     = time.Minute // what has not been used for so long is written down, and forgotten
	mostHealths  = 256         // in one transaction
)

// ward is the lanes whose health is to be written down: each that is unwell is at
// checkups or a suspect, and never both.
type ward struct {
	checkups ladder[*lane] // to be written down some time
	rounds   time.Time     // when those were last that are not pressing
	ill      bool          // some should be written down now
	suspects []*lane       // whose healths were in a transaction that was refused
	atOnce   int           // how many of them are tried together
	treated  bool          // some of them were tried just now
}

func newWard() ward {
	return ward{
		checkups: ladder[*lane]{
			less:  func(a, b *lane) bool { return a.checkup.Before(b.checkup) },
			place: func(l *lane) *int { return &l.visit },
		},
		atOnce: mostHealths,
	}
}

// observe has the lane of a flight learn from its attempt.
func (r *run) observe(f *flight) {
	if f.failure == souk.AttemptStopped || f.failure == souk.Unprepared {
		return
	}
	l, before := f.lane, f.lane.breaker.state
	l.judge(f.failure, f.attempt.Status, r.now)
	h := &l.health
	failing := !h.FailingSince.IsZero()
	at, failed := f.attempt.StartedAt.Add(f.attempt.Duration), 0
	if f.failure != souk.OK {
		failed = 1
	}
	h.Observe(at, 1, failed)
	news := f.gone && souk.DisableRules[l.dialect].Gone && !h.Gone
	h.Gone = h.Gone || news
	moved := l.breaker.state != before
	r.noteHealth(l, news || moved || failing == h.FailingSince.IsZero() || l.writtenAt.IsZero())
	if moved && l.breaker.state == souk.BreakerOpen {
		r.letGo(l) // what it would keep waiting here waits as well in the database
	}
}

// noteHealth has the health of l written down some time, or at once.
func (r *run) noteHealth(l *lane, pressing bool) {
	l.pressing = l.pressing || pressing && !l.unfit
	l.unwell = true
	if l.suspect {
		return
	}
	if at := l.checkupAt(); !r.ward.checkups.has(l) || at.Before(l.checkup) {
		l.checkup = at
		r.ward.checkups.put(l)
	}
}

// checkupAt is when it is looked at whether the health of l is to be written down.
func (l *lane) checkupAt() time.Time {
	if l.pressing {
		return time.Time{}
	}
	at, idle := l.writtenAt.Add(l.healthEvery()), l.usedAt.Add(idleFrom)
	if idle.Before(at) {
		return idle
	}
	return at
}

func (l *lane) healthEvery() time.Duration {
	if !l.health.FailingSince.IsZero() && !l.unfit {
		return failingEvery
	}
	return healthyEvery
}

// healthDue reports whether the health of l is to be written down now. What was
// written down before must have been read.
func (r *run) healthDue(l *lane) bool {
	since := r.now.Sub(l.writtenAt)
	return l.told && (l.pressing || since >= l.healthEvery() || !l.unfit && l.inHand == 0 && r.now.Sub(l.usedAt) >= idleFrom)
}

// doctor finds out whether there is any health to be written down: at once if it is
// pressing, else with others.
func (r *run) doctor() {
	if r.ward.ill = len(r.ward.suspects) > 0; r.ward.ill || r.ward.checkups.len() == 0 {
		return
	}
	l := r.ward.checkups.top()
	if !l.checkup.After(r.now) && (l.pressing || r.now.Sub(r.ward.rounds) >= roundsEvery) {
		r.ward.ill, r.ward.rounds = true, r.now
	}
}

// prescribe puts the healths that are due into a transaction, or suspects, in one of
// their own: every other one as long as there is something else.
func (r *run) prescribe(rec *records) {
	if !r.ward.ill {
		return
	}
	r.ward.ill = false
	r.ward.treated = len(r.ward.suspects) > 0 && (!r.ward.treated || len(r.book.outcomes) == 0)
	if rec.alone = r.ward.treated; rec.alone {
		for len(r.ward.suspects) > 0 && len(rec.lanes) < r.ward.atOnce {
			l := r.ward.suspects[0]
			r.ward.suspects = r.ward.suspects[1:]
			if l.suspect = false; r.lanes[l.endpoint] == l {
				r.write(rec, l)
			}
		}
		return
	}
	for r.ward.checkups.len() > 0 && len(rec.lanes) < mostHealths {
		l := r.ward.checkups.top()
		if l.checkup.After(r.now) {
			return
		}
		r.ward.checkups.take(l)
		switch {
		case !r.healthDue(l):
			wait := idleFrom / 6
			if !l.told {
				wait = roundsEvery
			}
			if l.checkup = l.checkupAt(); !l.checkup.After(r.now) {
				l.checkup = r.now.Add(wait)
			}
			r.ward.checkups.put(l)
		case l.unfit:
			r.suspect(l)
		default:
			r.write(rec, l)
		}
	}
}

// write puts the health of l into a transaction.
func (r *run) write(rec *records, l *lane) {
	l.unwell, l.pressing = false, false
	if _, ours := r.Lease.Owns(l.endpoint); ours {
		rec.lanes, rec.healths = append(rec.lanes, l), append(rec.healths, l.report(r.now, rec.at))
		l.writtenAt = r.now
	}
}

// suspect has the health of l written down beside nothing that matters.
func (r *run) suspect(l *lane) {
	r.ward.checkups.take(l)
	if !l.suspect {
		l.suspect, l.unwell = true, true
		r.ward.suspects = append(r.ward.suspects, l)
	}
}

// healed takes the end of a transaction with healths. If it was refused, away tells
// that no database was there to take anything; else one of the healths may be to
// blame. Those are tried again without anything else, in ever smaller parts, until
// the one is found and put off: nobody waits for it, and its next is tried apart.
func (r *run) healed(rec *records, err error, away bool) {
	switch {
	case err == nil:
		for _, l := range rec.lanes {
			l.unfit = false
		}
		if rec.alone {
			r.ward.atOnce = min(mostHealths, 2*r.ward.atOnce)
		}
	case away && !rec.alone:
		for _, l := range rec.lanes {
			r.noteHealth(l, true)
		}
	case rec.alone && len(rec.lanes) == 1 && !away:
		l := rec.lanes[0]
		r.Log.Error("the health of an endpoint is refused", "lane", l.endpoint, "err", err)
		l.unfit, l.pressing = true, false
		r.ward.atOnce = min(mostHealths, 2*r.ward.atOnce)
		if l.unwell { // it has changed meanwhile
			r.noteHealth(l, false)
		}
	default:
		for _, l := range rec.lanes {
			r.suspect(l)
		}
		if rec.alone && !away {
			r.ward.atOnce = max(1, len(rec.lanes)/2)
		}
	}
}

// report is the health of l as it is written down, by the clock at.
func (l *lane) report(now, at time.Time) souk.Health {
	h := l.health
	h.Breaker, h.ProbeAt = l.breaker.state, time.Time{}
	if h.Breaker == souk.BreakerOpen {
		h.ProbeAt = at.Add(l.breaker.probeAt.Sub(now))
	}
	if h.UpdatedAt.IsZero() {
		h.UpdatedAt = at
	}
	return h
}

// tell has l know what was written down about its health. A breaker that was
// open when the process ended is open again.
func (r *run) tell(l *lane, h souk.Health) {
	first := l.writtenAt.IsZero() && l.health.UpdatedAt.IsZero()
	l.told = true
	trips := l.health.Trips
	if h.Endpoint.IsZero() {
		h = souk.Health{Endpoint: l.endpoint, App: l.health.App, Dialect: l.dialect}
	}
	l.health = h
	if !first {
		l.health.Trips = trips
		return
	}
	if h.Breaker != souk.BreakerClosed && h.Breaker != "" && l.profile.Breaks {
		probe := r.now.Add(min(longestPause, max(0, h.ProbeAt.Sub(r.clock()))))
		l.breaker = breaker{state: souk.BreakerOpen, probeAt: probe}
		r.letGo(l)
	}
}
