package slack

import (
	"net/netip"
	"testing"
	"time"

	"souk"
)

func TestLimiter(t *testing.T) {
	var l limiter
	now := time.Unix(1_000_000, 0)
	c := caller{method: "m.m", app: souk.ID{1}, org: souk.ID{2}}
	for i := range 40 {
		if d := l.wait(c, 20, now); d != 0 {
			t.Fatalf("call %d of a burst waits %v", i+1, d)
		}
	}
	for range 3 { // refused calls cost nothing
		if d := l.wait(c, 20, now); d != 3*time.Second {
			t.Fatalf("the call after the burst waits %v", d)
		}
	}
	for _, other := range []caller{
		{method: "n.n", app: c.app, org: c.org},
		{method: c.method, app: souk.ID{3}, org: c.org},
		{method: c.method, app: c.app, org: souk.ID{3}},
	} {
		if d := l.wait(other, 20, now); d != 0 {
			t.Errorf("%v waits for another caller", other)
		}
	}
	if d := l.wait(c, 20, now.Add(3*time.Second)); d != 0 {
		t.Errorf("after the wait it waits %v", d)
	}
	if d := l.wait(c, 0, now); d != 0 {
		t.Errorf("without a limit it waits %v", d)
	}
}

func TestLimiterForgetsIdleCallers(t *testing.T) {
	var l limiter
	now := time.Unix(1_000_000, 0)
	from := func(i int) caller {
		return caller{address: netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})}
	}
	for i := range maxBuckets + 100 {
		l.wait(from(i), 10, now.Add(time.Duration(i)*time.Millisecond))
	}
	if n := len(l.buckets); n > maxBuckets {
		t.Errorf("%d buckets", n)
	}
	later := now.Add(time.Hour) // all are full again
	for i := range maxBuckets {
		l.wait(from(1<<20+i), 10, later)
	}
	if n := len(l.buckets); n > maxBuckets {
		t.Errorf("%d buckets an hour later", n)
	}
}

func TestRetryAfter(t *testing.T) {
	for wait, want := range map[time.Duration]string{0: "1", time.Millisecond: "1", time.Second: "1", 1001 * time.Millisecond: "2", time.Minute: "60"} {
		if got := retryAfter(wait); got != want {
			t.Errorf("%v: got %s, want %s", wait, got, want)
		}
	}
}

func TestNeighbourhood(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7":            "192.0.2.7",
		"::ffff:192.0.2.7":     "192.0.2.7",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::",
		"fe80::1%eth0":         "fe80::",
	} {
		if got := neighbourhood(netip.MustParseAddr(in)); got.String() != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}
