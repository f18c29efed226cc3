package courier

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"souk"
)

func TestLadder(t *testing.T) {
	type thing struct{ weight, rung int }
	random := rand.New(rand.NewPCG(1, 2))
	l := ladder[*thing]{less: func(a, b *thing) bool { return a.weight < b.weight }, place: func(v *thing) *int { return &v.rung }}
	all := make([]thing, 200)
	for range 20_000 {
		v := &all[random.IntN(len(all))]
		if random.IntN(3) == 0 {
			l.take(v)
		} else {
			v.weight = random.IntN(100)
			l.put(v)
		}
		on, least := 0, 100
		for i := range all {
			if v := &all[i]; l.has(v) {
				on++
				least = min(least, v.weight)
			}
		}
		if l.len() != on || on > 0 && l.top().weight != least {
			t.Fatalf("%d of %d, the least %d", l.len(), on, least)
		}
	}
}

// rig drives a schedule as a run does: each lane has always something to send,
// and takes for it what lasts says.
type rig struct {
	schedule
	now   time.Duration
	lanes []*lane
	lasts []func() time.Duration
	had   []time.Duration // in flight, of each lane
	began []int           // attempts
	ends  []flightOf
}

type flightOf struct {
	lane           int
	at             time.Duration
	charged, lasts time.Duration
	drags          bool // it has not ended, but taken a second
}

func newRig(most int, lasts ...func() time.Duration) *rig {
	r := &rig{schedule: newSchedule(most), lasts: lasts, had: make([]time.Duration, len(lasts)), began: make([]int, len(lasts))}
	for range lasts {
		r.lanes = append(r.lanes, newLane(souk.NewID(), time.Time{}))
	}
	return r
}

func always(d time.Duration) func() time.Duration { return func() time.Duration { return d } }

// run goes on until a time, and calls check after each round.
func (r *rig) run(until time.Duration, check func()) {
	r.runUntil(func() bool { return r.now >= until }, check)
}

func (r *rig) runUntil(over func() bool, check func()) {
	for _, l := range r.lanes {
		r.join(l)
	}
	for !over() {
		for l := r.next(); l != nil; l = r.next() {
			i := slices.Index(r.lanes, l)
			r.began[i]++
			lasts := r.lasts[i]()
			f := flightOf{i, r.now + lasts, r.begin(l), lasts, false}
			if r.ends = append(r.ends, f); lasts > slowFrom {
				f.at, f.drags = r.now+slowFrom, true
				r.ends = append(r.ends, f)
			}
			if l.flying < perWebhook {
				r.join(l)
			}
		}
		check()
		first := 0
		for i, f := range r.ends {
			if f.at < r.ends[first].at {
				first = i
			}
		}
		f := r.ends[first]
		r.ends = slices.Delete(r.ends, first, first+1)
		r.now = f.at
		if f.drags {
			r.drags(r.lanes[f.lane], slowFrom)
			continue
		}
		r.had[f.lane] += f.lasts
		l := r.lanes[f.lane]
		r.end(l, f.charged, f.lasts)
		r.join(l)
	}
}

// However long attempts take: no place stays free that somebody may have, no
// lane has more than it may, slow ones never more than half, and none starves.
func TestScheduleKeepsItsBounds(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 30 {
		var lasts []func() time.Duration
		var longest time.Duration // that all of them may take before it is anybody's turn
		for range 2 + random.IntN(60) {
			mean := 2*time.Millisecond + time.Duration(random.Int64N(int64(20*time.Millisecond)))
			if random.IntN(3) == 0 {
				mean = time.Duration(random.Int64N(int64(10 * time.Second)))
			}
			longest += perWebhook * mean * 3 / 2
			lasts = append(lasts, func() time.Duration { return mean/2 + time.Duration(random.Int64N(int64(mean)+1)) })
		}
		most := 4 + random.IntN(100)
		r := newRig(most, lasts...)
		bound := longest / time.Duration(most/2)
		r.runUntil(func() bool { return r.now > bound || r.now > time.Second && !slices.Contains(r.began, 0) }, func() {
			flying, flyingSlow := 0, 0
			for _, l := range r.lanes {
				flying += l.flying
				if l.pace == slow {
					flyingSlow += l.flying
				}
				free := l.flying < perWebhook && r.allows(l.pace)
				if free && r.flying < most {
					t.Fatalf("%d of %d places are taken, and a lane waits with %d", r.flying, most, l.flying)
				}
				if l.flying > perWebhook {
					t.Fatalf("%d attempts at once of a lane", l.flying)
				}
			}
			if flying != r.flying || flyingSlow != r.at[slow] || flying > most {
				t.Fatalf("%d flying of %d, %d of them slow; counted %d and %d", flying, most, flyingSlow, r.flying, r.at[slow])
			}
		})
		for i, n := range r.began {
			if n == 0 {
				t.Errorf("lane %d of %d had no turn in %s, with %d places", i, len(r.lanes), bound, most)
			}
		}
	}
}

// Lanes that want more than there is get the same time in flight each.
func TestScheduleSharesTimeInFlight(t *testing.T) {
	tests := []struct {
		name  string
		most  int
		lasts []time.Duration
	}{
		{"alike", 4, []time.Duration{10 * time.Millisecond, 10 * time.Millisecond, 10 * time.Millisecond}},
		{"one is a tar pit", 4, []time.Duration{900 * time.Millisecond, time.Millisecond, 5 * time.Millisecond}},
		{"all but one are", 4, []time.Duration{900 * time.Millisecond, 800 * time.Millisecond, 700 * time.Millisecond, time.Millisecond}},
	}
	for _, tt := range tests {
		var lasts []func() time.Duration
		for _, d := range tt.lasts {
			lasts = append(lasts, always(d))
		}
		r := newRig(tt.most, lasts...)
		r.run(time.Minute, func() {})
		fair := time.Duration(tt.most) * time.Minute / time.Duration(len(lasts))
		for i, had := range r.had {
			if had < fair*95/100 || had > fair*105/100 {
				t.Errorf("%s: %d had %s in flight, its share is %s", tt.name, i, had, fair)
			}
		}
	}
}

// Tar pits in any number leave places to the rest.
func TestScheduleLeavesPlacesBesideTarPits(t *testing.T) {
	lasts := []func() time.Duration{always(time.Millisecond), always(time.Millisecond)}
	for range 100 {
		lasts = append(lasts, always(10*time.Second))
	}
	r := newRig(64, lasts...)
	r.run(time.Minute, func() {})
	if quick := r.had[0] + r.had[1]; quick < 2*perWebhook*40*time.Second {
		t.Errorf("the quick had %s of the time, of at most %s", quick, 2*perWebhook*time.Minute)
	}
}

func TestTurns(t *testing.T) {
	var q turns
	a, b, c := souk.NewID(), souk.NewID(), souk.NewID()
	names := map[souk.ID]string{a: "a", b: "b", c: "c"}
	push := func(ids ...souk.ID) {
		for _, id := range ids {
			q.push(&souk.Delivery{Installation: id})
		}
	}
	take := func(n int) (got string) {
		for range n {
			got += names[q.pop().Installation]
		}
		return got
	}
	push(a, a, a, a, b, c, c)
	if got := take(4); got != "abca" {
		t.Errorf("first came %s", got)
	}
	push(b)
	if got := take(4); got != "caba" {
		t.Errorf("then came %s", got)
	}
	if q.waits != 0 || len(q.orgs) != 0 || q.ring.len() != 0 {
		t.Errorf("left %+v", q)
	}
	for range 1000 { // is the memory used again?
		push(a, b)
		take(2)
	}
	if n := cap(q.ring.items); n > 256 {
		t.Errorf("a queue of two takes room for %d", n)
	}
}

// First attempts go before retries, which have every fourth turn.
func TestLaneTakesTurns(t *testing.T) {
	l := newLane(souk.NewID(), time.Time{})
	for range 20 {
		l.push(&souk.Delivery{})
		l.push(&souk.Delivery{Attempts: 1})
	}
	l.push(&souk.Delivery{Attempts: 3, Base: 3}) // asked for again: a first attempt
	var got string
	for l.waiting() > 0 {
		next := l.peek()
		if d := l.pop(); d != next {
			t.Fatal("peek and pop do not agree")
		} else if d.Attempts > d.Base {
			got += "r"
		} else {
			got += "f"
		}
	}
	if want := "fffrfffrfffrfffrfffrfffrfffrrrrrrrrrrrrrr"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// A lane that has cost more than it was charged while it waits for its next turn
// comes after those that have not.
func TestScheduleCorrectsWhoeverWaits(t *testing.T) {
	s := newSchedule(100)
	now := time.Now()
	var lanes []*lane
	for range 4 {
		l := newLane(souk.NewID(), now)
		l.pace, l.mean = quick, time.Millisecond
		lanes = append(lanes, l)
		s.join(l)
	}
	first := s.next()
	charged := s.begin(first)
	s.join(first)
	other := s.next()
	before := s.begin(other)
	s.join(other)
	s.end(first, charged, 900*time.Millisecond)
	s.end(other, before, 0)
	var order []*lane
	for l := s.next(); l != nil; l = s.next() {
		order = append(order, l)
	}
	if len(order) != len(lanes) || order[len(order)-1] != first || !slices.IsSortedFunc(order, func(a, b *lane) int { return int(a.virtual - b.virtual) }) {
		t.Error("the order is another")
	}
}
