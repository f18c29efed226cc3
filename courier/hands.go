package courier

import (
	"time"

	"souk"
	"souk/store"
)

// hand is what is in hand: the deliveries that wait in a lane, fly, or are not
// recorded yet. known has each of them and nothing else; what the others say is
// the sum over those, and limits bounds it.
type hand struct {
	known     map[souk.ID]int    // and how many looks had begun before it came
	shared    bool               // lines are, by nodes that do not see each other
	lines     map[store.Line]int // how many of known lead a line, where that may be two: where lines are shared
	bytes     int                // of bodies
	slow      int                // of known, those of slow lanes
	slowBytes int                // of their bodies
}

func newHand(shared bool) hand {
	return hand{known: map[souk.ID]int{}, shared: shared, lines: map[store.Line]int{}}
}

// free is how many more deliveries may be in hand. Slow lanes may have half of
// all, so that there is room for others however many of them there are.
func (r *run) free(l *lane) int {
	free := r.limits.inHand - len(r.hand.known)
	if l.pace == slow {
		free = min(free, r.limits.inHand/2-r.hand.slow)
	}
	return free
}

// room is how many more deliveries l may have in hand. The fuller the hands, the
// less one lane gets, so that there is always some for the next.
func (r *run) room(l *lane) int {
	free := r.free(l)
	switch {
	case l.breaker.state != souk.BreakerClosed:
		return min(free, 1-l.waiting())
	case r.hand.bytes > r.limits.bytes/4*3:
		return min(free, r.limits.few-l.waiting())
	}
	return min(free, max(r.limits.few, min(r.limits.perLane, free/4))-l.waiting())
}

// admit takes d in hand if it is not and there is room, and reports whether it
// is then.
func (r *run) admit(l *lane, d *souk.Delivery) bool {
	if _, in := r.hand.known[d.ID]; in {
		return true
	}
	if r.stopping || !r.fits(l, len(d.Body)) {
		return false
	}
	if r.room(l) <= 0 {
		// An organization with little to send does not wait behind one with much.
		small := l.breaker.state == souk.BreakerClosed && l.waiting() < r.limits.perOrgs &&
			l.queueOf(d).of(d) < r.limits.few && r.free(l) > 0
		if !small {
			return false
		}
	}
	r.hand.known[d.ID] = r.sight.began
	r.count(l, d, 1)
	l.push(d)
	l.usedAt = r.now
	r.sight.busy[l] = struct{}{}
	return true
}

// fits reports whether there is room for so much more of a body. Slow lanes may
// have half of that too.
func (r *run) fits(l *lane, more int) bool {
	if l.pace == slow && r.hand.slowBytes > 0 && r.hand.slowBytes+more > r.limits.bytes/2 {
		return false
	}
	return r.hand.bytes == 0 || r.hand.bytes+more <= r.limits.bytes
}

// follows reports whether another that leads the line of d is in hand: two that
// were put in at the same moment, of which the later may have been found first.
// Recording the end of that one brings d.
func (r *run) follows(d *souk.Delivery) bool {
	line, leads := lineOf(d)
	_, in := r.hand.known[d.ID]
	return leads && !in && r.hand.lines[line] > 0
}

// lineOf is the line of d, if it leads one: in hand is only what leads its line or
// stands in none.
func lineOf(d *souk.Delivery) (store.Line, bool) {
	return store.Line{Webhook: d.Webhook, Channel: d.Channel, Resource: d.Resource}, d.Resource != "" && !d.Aside
}

// forget lets go of d, which is recorded or left to the database.
func (r *run) forget(l *lane, d *souk.Delivery) {
	delete(r.hand.known, d.ID)
	r.count(l, d, -1)
}

func (r *run) count(l *lane, d *souk.Delivery, n int) {
	if line, leads := lineOf(d); leads && r.hand.shared {
		if r.hand.lines[line] += n; r.hand.lines[line] == 0 {
			delete(r.hand.lines, line)
		}
	}
	l.inHand += n
	l.bytes += n * len(d.Body)
	r.hand.bytes += n * len(d.Body)
	if l.pace == slow {
		r.hand.slow += n
		r.hand.slowBytes += n * len(d.Body)
	}
}

// letGo lets go of what waits in l: the database has it.
func (r *run) letGo(l *lane) {
	for l.waiting() > 0 {
		r.forget(l, l.pop())
	}
	l.blindFrom = time.Time{}
	l.rest.beyond(store.Due{})
	r.schedule.leave(l)
}
