package web

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func TestAddressLimiterRefills(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewAddressLimiter(6, 2) // one each ten seconds
		a := netip.MustParseAddr("198.51.100.1")
		calls := []struct {
			after time.Duration // since the call before
			ok    bool
			wait  time.Duration
		}{
			{0, true, 0},
			{0, true, 0},
			{0, false, 10 * time.Second},
			{4 * time.Second, false, 6 * time.Second}, // refusals cost nothing
			{6 * time.Second, true, 0},
			{0, false, 10 * time.Second},
			{time.Hour, true, 0},
			{0, true, 0},
			{0, false, 10 * time.Second},
		}
		for i, c := range calls {
			time.Sleep(c.after)
			ok, wait := l.Allow(a)
			if ok != c.ok || wait.Round(time.Millisecond) != c.wait {
				t.Errorf("call %d: %t, wait %s, want %t, wait %s", i, ok, wait, c.ok, c.wait)
			}
		}
	})
}

func TestAddressLimiterTellsClientsApart(t *testing.T) {
	tests := []struct {
		name, one, other string
		same             bool
	}{
		{"two IPv4 neighbours", "198.51.100.1", "198.51.100.2", false},
		{"an IPv4 address and its other clothes", "198.51.100.1", "::ffff:198.51.100.1", true},
		{"one IPv6 network", "2001:db8::1", "2001:db8::ffff:0:0:2", true},
		{"two IPv6 networks", "2001:db8::1", "2001:db8:0:1::1", false},
		{"two zones", "fe80::1%eth0", "fe80::2%eth1", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := NewAddressLimiter(1, 1)
			if ok, _ := l.Allow(netip.MustParseAddr(tt.one)); !ok {
				t.Fatal("the first call was refused")
			}
			if ok, _ := l.Allow(netip.MustParseAddr(tt.other)); ok == tt.same {
				t.Errorf("call of %s after %s: %t", tt.other, tt.one, ok)
			}
		})
	}
	l := NewAddressLimiter(1, 1)
	l.Allow(netip.Addr{})
	if ok, _ := l.Allow(netip.Addr{}); ok {
		t.Error("clients without an address are not limited")
	}
	if ok, _ := (*AddressLimiter)(nil).Allow(netip.Addr{}); !ok {
		t.Error("no limiter refused a call")
	}
}

func TestAddressLimiterForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewAddressLimiter(1, 1)
		a := netip.AddrFrom4([4]byte{198, 51, 100, 1})
		l.Allow(a)
		for i := range 3 * maxKeys {
			l.Allow(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
			if i%1000 == 0 { // a stays busy, so it is not the one to be forgotten
				if ok, _ := l.Allow(a); ok {
					t.Fatalf("a crowd of %d made the limiter forget a client that keeps calling", i)
				}
			}
		}
		if n := len(l.young) + len(l.old); n > maxKeys {
			t.Errorf("%d addresses are remembered, at most %d should be", n, maxKeys)
		}
		for range 2 {
			time.Sleep(l.refill + time.Second)
			l.Allow(a)
		}
		if n := len(l.young) + len(l.old); n != 1 {
			t.Errorf("%d addresses are remembered long after all but one had refilled", n)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	tests := []struct {
		wait time.Duration
		want string
	}{
		{0, "1"}, {time.Nanosecond, "1"}, {time.Second, "1"}, {time.Second + 1, "2"}, {time.Minute, "60"}, {-time.Hour, "1"},
	}
	for _, tt := range tests {
		if got := RetryAfter(tt.wait); got != tt.want {
			t.Errorf("RetryAfter(%s) = %s, want %s", tt.wait, got, tt.want)
		}
	}
}
