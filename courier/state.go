package courier

import (
	"fmt"
	"time"

	"souk"
)

// State is what a Courier has in hand, for operators.
type State struct {
	// Lanes counts lanes by what they are: "idle", "busy", "full" (as many
	// attempts as may be are under way), "open" and "half_open" (their breaker),
	// "deep" (more is due than lies in memory).
	Lanes                       map[string]int
	Waiting, Flying, Unrecorded int           // deliveries
	OldestDue                   time.Time     // of what waits in memory; zero: none
	RecordedAt                  time.Time     // the last commit
	LateBy                      time.Duration // how long the oldest outcome waits for the recorder
}

// State tells how things are. It is empty before the first Run and after the
// last.
func (c *Courier) State() State {
	r := c.run.Load()
	if r == nil {
		return State{}
	}
	reply := make(chan State, 1)
	select {
	case r.asks <- reply:
		return <-reply
	case <-r.ended:
		return State{}
	}
}

// Ready is an error when there has been something to record and no commit for
// 10 s: attempts are made, or could be, and nobody will know of them. And it is one
// when an endpoint with something due has not been sent to for as long, since
// nobody can say whether that may be sent: looks fail, or take longer than they
// are good for.
func (c *Courier) Ready() error {
	if late, is := late(c.owed.Load()); is {
		return fmt.Errorf("courier: what was delivered could not be recorded for %s", late)
	}
	if late, is := late(c.blind.Load()); is {
		return fmt.Errorf("courier: whether what is due may be sent could not be seen for %s", late)
	}
	return nil
}

// late is how long something has been so, if that is too long.
func late(since *time.Time) (time.Duration, bool) {
	if since == nil {
		return 0, false
	}
	lasted := time.Since(*since)
	return lasted.Round(time.Second), lasted > lateAfter
}

func (r *run) state() State {
	s := State{
		Lanes: map[string]int{}, Flying: r.schedule.flying,
		Unrecorded: r.book.owed(), RecordedAt: r.book.recordedAt,
	}
	oldest := func(t *turns) {
		t.heads(t.ring.len(), func(d *souk.Delivery) {
			if s.OldestDue.IsZero() || d.NextAt.Before(s.OldestDue) {
				s.OldestDue = d.NextAt
			}
		})
	}
	for _, l := range r.lanes {
		s.Lanes[l.stateName()]++
		s.Waiting += l.waiting()
		oldest(&l.fresh)
		oldest(&l.again)
	}
	if s.Unrecorded > 0 {
		s.LateBy = r.now.Sub(r.book.oldest)
	}
	return s
}
