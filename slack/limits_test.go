package slack

import (
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"souk"
)

func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(DefaultLimits)
		c := caller{method: "m.m", app: souk.ID{1}, org: souk.ID{2}}
		for i := range 2 * DefaultLimits.Tier2 {
			if err := l.call(tier2, c); err != nil {
				t.Fatalf("call %d of a burst: %v", i+1, err)
			}
		}
		var f *failure
		if err := l.call(tier2, c); !errors.As(err, &f) || f.code != rateLimited || f.again != 3*time.Second {
			t.Fatalf("the call after the burst: %+v", err)
		}
		for _, other := range []caller{
			{method: "n.n", app: c.app, org: c.org},
			{method: c.method, app: souk.ID{3}, org: c.org},
			{method: c.method, app: c.app, org: souk.ID{3}},
		} {
			if err := l.call(tier2, other); err != nil {
				t.Errorf("%v waits for another caller: %v", other, err)
			}
		}
		time.Sleep(f.again)
		if err := l.call(tier2, c); err != nil {
			t.Errorf("after the wait: %v", err)
		}
	})
}

// Whoever calls, and however many they are, the limiter's memory is bounded.
func TestLimiterForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(DefaultLimits)
		from := func(i int) caller {
			return caller{address: netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})}
		}
		for _, i := range []int{0, 1 << 20} {
			for n := range maxBuckets + 1000 {
				if err := l.call(tier2, from(i+n)); err != nil {
					t.Fatal(err)
				}
			}
			if n := len(l.buckets); n > maxBuckets {
				t.Errorf("%d buckets", n)
			}
			time.Sleep(time.Hour) // and all that are left are full
		}
	})
}

func TestFailedTokensAreCountedByAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(DefaultLimits)
		from := netip.MustParseAddr("192.0.2.1")
		for range 2 * DefaultLimits.FailedTokens {
			if err := l.failedToken(from, invalidAuth); err != invalidAuth {
				t.Fatal(err)
			}
		}
		if err := l.failedToken(from, invalidAuth); !errors.Is(err, rateLimited) {
			t.Errorf("one too many: %v", err)
		}
		if err := l.failedToken(netip.MustParseAddr("192.0.2.2"), invalidAuth); err != invalidAuth {
			t.Errorf("a neighbour: %v", err)
		}
	})
}

func TestNoLimits(t *testing.T) {
	l := newLimiter(Limits{})
	for range 10_000 {
		if err := l.call(tier1, caller{}); err != nil {
			t.Fatal(err)
		}
		if err := l.failedToken(netip.Addr{}, invalidAuth); err != invalidAuth {
			t.Fatal(err)
		}
	}
}
