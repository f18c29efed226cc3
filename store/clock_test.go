package store

import (
	"testing"
	"time"
)

// TestClockWeighsSamples has a server that is ten minutes ahead of a node.
func TestClockWeighsSamples(t *testing.T) {
	start := time.Now()
	// A sample is told by when it was sent, how far from ten minutes it would put
	// the server ahead, and its round trip; all in milliseconds.
	type told struct{ sent, off, trip int }
	const ms = time.Millisecond
	for _, tt := range []struct {
		name    string
		samples []told
		want    int // off that Now goes by, or none
	}{
		{"one", []told{{0, 3, 10}}, 3},
		{"the shortest round trip", []told{{0, 9, 20}, {1000, 2, 4}, {2000, -5, 12}}, 2},
		{"of two that took as long the newer", []told{{0, 1, 4}, {1000, 2, 4}}, 2},
		{"too long a round trip", []told{{0, 3, 10}, {1000, 400, 1001}}, 3},
		{"too long a round trip, but the first", []told{{0, 400, 4000}}, 400},
		{"a short one after it", []told{{0, 400, 4000}, {1000, 3, 10}}, 3},
		{"as long as may be", []told{{0, 400, 1000}}, 400},
		{"what is eight samples old is forgotten", []told{{0, 1, 1}, {1000, 2, 9}, {2000, 2, 9}, {3000, 2, 9},
			{4000, 2, 9}, {5000, 2, 9}, {6000, 2, 9}, {7000, 2, 9}, {8000, 2, 9}}, 2},
		{"the server's clock was set", []told{{0, 0, 1}, {1000, 0, 1}, {2000, 50, 20}}, 50},
		{"this machine slept", []told{{0, 0, 1}, {1000, 60_000, 20}}, 60_000},
		{"apart, and as round trips explain", []told{{0, 0, 1}, {1000, 100, 400}}, 0},
	} {
		c := newClock()
		for _, s := range tt.samples {
			local := start.Add(time.Duration(s.sent) * ms)
			c.observe(sample{local: local, server: local.Add(10*time.Minute + time.Duration(s.off)*ms), trip: time.Duration(s.trip) * ms})
		}
		at := start.Add(time.Hour)
		c.local = func() time.Time { return at }
		if got := c.now().Sub(at) - 10*time.Minute; got != time.Duration(tt.want)*ms {
			t.Errorf("%s: %s off", tt.name, got)
		}
		if wrong := c.wrong() + 10*time.Minute; wrong != -time.Duration(tt.want)*ms {
			t.Errorf("%s: wrong by %s", tt.name, wrong)
		}
	}
}

// TestClockIsSet has somebody set a node's own clock: what it has measured holds on.
func TestClockIsSet(t *testing.T) {
	c := newClock()
	before := time.Now()
	if got := c.now(); got.Before(before) || got.Sub(before) > time.Minute {
		t.Errorf("before anything was measured it says %s", got)
	}
	c.observe(sample{local: before, server: before, trip: time.Millisecond})
	// Without a monotonic reading the wall's would count.
	if got := c.now().Sub(before.Round(0)); got < 0 || got > time.Minute {
		t.Errorf("%s off", got)
	}
	set := before.Add(time.Second)
	c.local = func() time.Time { return set }
	if got := c.now(); !got.Equal(before.Add(time.Second)) {
		t.Errorf("it says %s", got)
	}
}
