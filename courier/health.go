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
	mostHealths  = 256 // in one transaction
)

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
	l.pressing = l.pressing || pressing
	r.ill = r.ill || pressing
	if !l.unwell {
		l.unwell = true
		r.unwell = append(r.unwell, l)
	}
}

// healthDue reports whether the health of l is to be written down now. What was
// written down before must have been read.
func (r *run) healthDue(l *lane) bool {
	every := healthyEvery
	if !l.health.FailingSince.IsZero() {
		every = failingEvery
	}
	return l.told && (l.pressing || r.now.Sub(l.writtenAt) >= every || l.inHand == 0 && r.now.Sub(l.usedAt) > time.Minute)
}

// doctor finds out now and then whether there is any health to be written down.
func (r *run) doctor() {
	if r.ill || r.now.Sub(r.rounds) < roundsEvery {
		return
	}
	r.rounds = r.now
	for _, l := range r.unwell {
		if r.healthDue(l) {
			r.ill = true
			return
		}
	}
}

// prescribe puts the healths that are due into a transaction.
func (r *run) prescribe(rec *records) {
	if !r.ill {
		return
	}
	r.ill = false
	left := r.unwell[:0]
	for _, l := range r.unwell {
		_, ours := r.Lease.Owns(l.endpoint)
		switch {
		case !ours:
			l.unwell, l.pressing = false, false
		case len(rec.lanes) < mostHealths && r.healthDue(l):
			rec.lanes, rec.healths = append(rec.lanes, l), append(rec.healths, l.report(r.now, rec.at))
			l.unwell, l.pressing, l.writtenAt = false, false, r.now
		default:
			r.ill = r.ill || len(rec.lanes) == mostHealths
			left = append(left, l)
		}
	}
	clear(r.unwell[len(left):])
	r.unwell = left
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
