package courier

import (
	"testing"
	"time"

	"souk"
)

func TestBroken(t *testing.T) {
	tests := []struct {
		outcome souk.Outcome
		status  int
		want    bool
	}{
		{souk.OK, 200, false},
		{souk.BadStatus, 404, false},
		{souk.BadStatus, 410, false},
		{souk.TooManyMoves, 302, false},
		{souk.AttemptStopped, 0, false},
		{souk.Unprepared, 0, false},
		{souk.BodyTimeout, 400, false},
		{souk.BadStatus, 429, true},
		{souk.BadStatus, 500, true},
		{souk.BodyTimeout, 503, true},
		{souk.NoConnection, 0, true},
		{souk.BadName, 0, true},
		{souk.BadTLS, 0, true},
		{souk.WriteFailed, 0, true},
		{souk.HeaderTimeout, 0, true},
		{souk.BadAnswer, 0, true},
		{souk.Blocked, 0, true},
	}
	for _, tt := range tests {
		if got := broken(tt.outcome, tt.status); got != tt.want {
			t.Errorf("%s %d: %v", tt.outcome, tt.status, got)
		}
	}
}

// What happens to a lane is spelled a letter an attempt: . succeeds, x fails, r
// is refused, p fails as the probe of an open breaker, o succeeds as one, s was
// stopped by us.
func TestBreaker(t *testing.T) {
	tests := []struct {
		name    string
		dialect souk.Dialect
		every   time.Duration
		does    string
		state   souk.Breaker
		pause   time.Duration
		most    int
	}{
		{"nine failures", souk.Native, time.Second, "xxxxxxxxx", souk.BreakerClosed, 0, 8},
		{"ten", souk.Native, time.Second, "xxxxxxxxxx", souk.BreakerOpen, 5 * time.Second, 1},
		{"ten of giosg's", souk.Giosg, time.Second, "xxxxxxxxxx", souk.BreakerOpen, 5 * time.Second, 1},
		{"ten of a trigger's", souk.TriggerCall, time.Second, "xxxxxxxxxx", souk.BreakerOpen, 5 * time.Second, 1},
		{"ten in a minute", souk.Native, 6 * time.Second, "xxxxxxxxxx", souk.BreakerOpen, 5 * time.Second, 1},
		{"ten in more", souk.Native, 7 * time.Second, "xxxxxxxxxxxxxxxxxxxxxxxx", souk.BreakerClosed, 0, 8},
		{"with a success among them", souk.Native, time.Second, "xxxxxxxxx.xxxxxxxxx", souk.BreakerClosed, 0, 8},
		{"with a refusal among them", souk.Native, time.Second, "xxxxxxxxxrxxxxxxxxx", souk.BreakerClosed, 0, 8},
		{"with one that we stopped", souk.Native, time.Second, "xxxxxxxxxsx", souk.BreakerOpen, 5 * time.Second, 1},
		{"refusals", souk.Native, time.Second, "rrrrrrrrrrrrrrrrrrrr", souk.BreakerClosed, 0, 8},
		{"those that were under way do not count", souk.Native, time.Second, "xxxxxxxxxxxxxxx", souk.BreakerOpen, 5 * time.Second, 1},
		{"a refusal of one under way closes nothing", souk.Native, time.Second, "xxxxxxxxxxr", souk.BreakerOpen, 5 * time.Second, 1},
		{"a success of one under way does", souk.Native, time.Second, "xxxxxxxxxx.", souk.BreakerClosed, 0, 8},
		{"a probe", souk.Native, time.Second, "xxxxxxxxxxp", souk.BreakerOpen, 10 * time.Second, 1},
		{"many probes", souk.Native, time.Second, "xxxxxxxxxxpppppppppppppppp", souk.BreakerOpen, 5 * time.Minute, 1},
		{"a good probe", souk.Native, time.Second, "xxxxxxxxxxppo", souk.BreakerClosed, 0, 8},
		{"and again", souk.Native, time.Second, "xxxxxxxxxxppo..xxxxxxxxxx", souk.BreakerOpen, 5 * time.Second, 1},
		{"Slack's goes one at a time", souk.Slack, time.Second, "xxxxxxxxxxxx", souk.BreakerClosed, 0, 1},
		{"and then as before", souk.Slack, time.Second, "xxxxxxxxxxxx.", souk.BreakerClosed, 0, 8},
		{"Zoom's does too", souk.Zoom, time.Second, "xxxxxxxxxxxx", souk.BreakerClosed, 0, 1},
	}
	for _, tt := range tests {
		now := time.Now()
		l := newLane(souk.NewID(), now)
		l.become(&souk.Delivery{Dialect: tt.dialect}, profiles())
		usual := l.most()
		for _, c := range tt.does {
			now = now.Add(tt.every)
			outcome, status := souk.HeaderTimeout, 0
			if c == 'p' || c == 'o' {
				now = l.breaker.probeAt
				l.breaker.state = souk.BreakerHalfOpen
			}
			switch c {
			case '.', 'o':
				outcome, status = souk.OK, 200
				l.health.Observe(now, 1, 0)
			case 'r':
				outcome, status = souk.BadStatus, 400
			case 's':
				outcome = souk.AttemptStopped
			}
			l.judge(outcome, status, now)
		}
		pause := time.Duration(0)
		if l.breaker.state == souk.BreakerOpen {
			pause = l.breaker.probeAt.Sub(now).Round(time.Second)
			if tt.does[len(tt.does)-1] != 'p' && len(tt.does) > 10 && pause < tt.pause {
				pause = tt.pause // it opened some attempts ago
			}
		}
		most := l.most()
		if most == usual {
			most = 8
		}
		if l.breaker.state != tt.state || pause != tt.pause || most != tt.most {
			t.Errorf("%s: %s for %s, %d at once", tt.name, l.breaker.state, pause, most)
		}
	}
}
