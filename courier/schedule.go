package courier

import "time"

// slowFrom is the mean duration of an attempt from which on a lane is slow.
const slowFrom = time.Second

// schedule says which lane starts the next attempt, so that lanes get equal
// shares of the time that attempts take: whoever holds a place for ten seconds
// has ten thousand times the turn of one that answers in a millisecond.
//
// It is start-time fair queueing. Each lane has a virtual time, which an attempt
// moves on by as long as it is expected to take, and its end by how much longer
// it took. The lane that is furthest behind goes first. One that had nothing to
// send begins where the others are, and saves nothing up.
//
// Slow lanes may begin attempts on half of the places, those of which nothing is
// known yet on a quarter, and both together on seven eighths: tar pits in any
// number leave places to those that are quick.
type schedule struct {
	most    int // attempts at once
	flying  int
	at      [paces]int    // of them, those of lanes with a pace
	virtual time.Duration // of the lane that started last
	waiting [paces]ladder[*lane]
}

// pace is how long attempts of a lane take.
type pace int

const (
	unknown pace = iota
	quick
	slow
	paces
)

func newSchedule(most int) schedule {
	s := schedule{most: most}
	for i := range s.waiting {
		s.waiting[i] = ladder[*lane]{
			less:  func(a, b *lane) bool { return a.virtual < b.virtual },
			place: func(l *lane) *int { return &l.rung },
		}
	}
	return s
}

// share is what a lane has had of the time in flight.
type share struct {
	virtual time.Duration
	mean    time.Duration // of how long attempts took, the last ones counting most
	flying  int
	pace    pace
	rung    int // of schedule.waiting
}

// expected is what an attempt is charged at its start. Whoever is not known pays
// in advance.
func (s *share) expected() time.Duration {
	if s.pace == unknown {
		return slowFrom
	}
	return max(s.mean, 100*time.Microsecond)
}

// join says that l could start an attempt.
func (s *schedule) join(l *lane) {
	if on := &s.waiting[l.pace]; !on.has(l) {
		l.virtual = max(l.virtual, s.virtual)
		on.put(l)
	}
}

// leave says that it could not.
func (s *schedule) leave(l *lane) { s.waiting[l.pace].take(l) }

// next takes the lane off that starts the next attempt; nil when there is none,
// or no place for one.
func (s *schedule) next() *lane {
	if s.flying >= s.most {
		return nil
	}
	var from *ladder[*lane]
	for p := range paces {
		on := &s.waiting[p]
		if on.len() > 0 && s.allows(p) && (from == nil || on.top().virtual < from.top().virtual) {
			from = on
		}
	}
	if from == nil {
		return nil
	}
	l := from.top()
	from.take(l)
	return l
}

// allows reports whether a lane with a pace may take one of the places left.
func (s *schedule) allows(p pace) bool {
	switch p {
	case slow:
		return s.at[slow] < (s.most+1)/2
	case unknown:
		return s.at[unknown] < (s.most+3)/4 && s.at[slow]+s.at[unknown] < (7*s.most+7)/8
	}
	return true
}

// begin charges l for an attempt that starts.
func (s *schedule) begin(l *lane) (charged time.Duration) {
	s.virtual = max(s.virtual, l.virtual)
	s.count(l, 1)
	charged = l.expected()
	l.virtual += charged
	return charged
}

// end corrects what l was charged for an attempt by how long it took.
func (s *schedule) end(l *lane, charged, took time.Duration) {
	s.count(l, -1)
	l.virtual += took - charged
	if on := &s.waiting[l.pace]; on.has(l) {
		on.put(l)
	}
	mean := took
	if l.pace != unknown {
		mean = l.mean + (took-l.mean)/4
	}
	s.expect(l, mean)
}

// drags says that an attempt of l has taken so long and goes on.
func (s *schedule) drags(l *lane, lasted time.Duration) {
	s.expect(l, max(l.mean, lasted))
}

func (s *schedule) count(l *lane, n int) {
	l.flying += n
	s.flying += n
	s.at[l.pace] += n
}

// expect says how long attempts of l take.
func (s *schedule) expect(l *lane, mean time.Duration) {
	is := quick
	if mean >= slowFrom {
		is = slow
	}
	if l.mean = mean; is == l.pace {
		return
	}
	on := s.waiting[l.pace].has(l)
	if on {
		s.leave(l)
	}
	s.at[l.pace] -= l.flying
	l.pace = is
	s.at[l.pace] += l.flying
	if on {
		s.waiting[l.pace].put(l)
	}
}
