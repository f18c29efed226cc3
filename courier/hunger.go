package courier

import (
	"time"

	"souk"
)

// want is for which share of the memory a lane wants something loaded.
type want int

const (
	nothing  want = iota
	anywhere      // that is free
	slowly        // of what slow lanes may have
	wants
)

// wantOf is what l wants when it is hungry.
func wantOf(l *lane) want {
	if l.pace == slow {
		return slowly
	}
	return anywhere
}

// hunger has l stand where lanes wait to be loaded.
func (r *run) hunger(l *lane) {
	if w := wantOf(l); l.rest.stand(w) {
		r.loads.hungry[w].push(l)
	}
}

// crave has l loaded when the database has more for it and it runs low. One
// whose breaker is open runs low when it is to be probed.
func (r *run) crave(l *lane) {
	if !l.rest.craves(wantOf(l)) || r.stopping || l.waiting() > r.limits.perLane/4 {
		return
	}
	if l.breaker.state == souk.BreakerOpen && l.breaker.probeAt.After(r.now) {
		r.wake(l, l.breaker.probeAt)
		return
	}
	r.hunger(l)
}

// feed has o load what hungry lanes have room for. Where there is none for any of
// a kind, all of that kind stay hungry, and are not looked at. The kinds take turns
// to be first.
func (r *run) feed(o *load, at time.Time) {
	kinds := [...]want{anywhere, slowly}
	if r.loads.slowly {
		kinds = [...]want{slowly, anywhere}
	}
	for _, w := range kinds {
		for on := &r.loads.hungry[w]; on.len() > 0 && len(o.lanes) < mostLoad; on.pop() {
			l := on.peek()
			if l.rest.hungry == w && r.free(l) <= 0 {
				if wantOf(l) == w {
					break
				}
				r.hunger(l) // it has become slow
			}
			if l.rest.hungry == w {
				l.rest.stand(nothing)
				r.serve(o, l, at)
			}
		}
	}
	if len(o.lanes) > 0 {
		r.loads.slowly = !r.loads.slowly
	}
}

// serve has o load what l has room for. One that has none has something that
// waits, and is hungry again when that has gone.
func (r *run) serve(o *load, l *lane, at time.Time) {
	if r.lanes[l.endpoint] != l || !l.rest.deep {
		return
	}
	if ready := l.rest.readyAt(); ready.After(r.now) {
		r.wake(l, ready)
		return
	}
	room := min(page, r.room(l))
	if room <= 0 {
		return
	}
	o.lanes = append(o.lanes, l)
	o.parts = append(o.parts, l.rest.begin(r.now, at, room))
}
