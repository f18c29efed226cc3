package giosg

import (
	"encoding/binary"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"souk"
)

func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(DefaultLimits)
		token := souk.Token{ID: souk.ID{1}}
		for i := range DefaultLimits.Burst {
			if err := l.call(token); err != nil {
				t.Fatalf("call %d of a burst: %v", i+1, err)
			}
		}
		var f *failure
		if err := l.call(token); !errors.As(err, &f) || f.wait != time.Second/50 {
			t.Fatalf("the call after the burst: %+v", err)
		}
		if err := l.call(souk.Token{ID: souk.ID{2}}); err != nil {
			t.Errorf("another token waits: %v", err)
		}
		time.Sleep(f.wait)
		if err := l.call(token); err != nil {
			t.Errorf("after the wait: %v", err)
		}
		if err := l.call(token); err == nil {
			t.Error("and there was room for a second call")
		}
	})
}

// The short tokens of one installation share a bucket.
func TestShortTokensAreCountedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(Limits{PerSecond: 1, Burst: 1})
		bot := souk.Token{Kind: souk.ShortToken, Installation: souk.ID{1}}
		if err := l.call(bot); err != nil {
			t.Fatal(err)
		}
		if err := l.call(bot); err == nil {
			t.Error("a second token has a bucket of its own")
		}
		if err := l.call(souk.Token{Kind: souk.ShortToken, Installation: souk.ID{2}}); err != nil {
			t.Errorf("another installation waits: %v", err)
		}
	})
}

// A token that goes on calling is never forgotten, and one that stopped is.
func TestLimiterForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(DefaultLimits)
		busy := souk.Token{ID: souk.ID{1}}
		granted := 0
		for second := range 60 {
			for range 200 {
				if l.call(busy) == nil {
					granted++
				}
			}
			for n := range 100 {
				var once souk.ID
				binary.BigEndian.PutUint32(once[8:], uint32(second))
				binary.BigEndian.PutUint32(once[12:], uint32(n+1))
				if err := l.call(souk.Token{ID: once}); err != nil {
					t.Fatal(err)
				}
			}
			if n := len(l.young) + len(l.old); n > 1000 {
				t.Fatalf("%d buckets after %d s", n, second)
			}
			time.Sleep(time.Second)
		}
		if granted != 100+59*50 {
			t.Errorf("%d calls were granted", granted)
		}
	})
}

func TestNoLimits(t *testing.T) {
	l := newLimiter(Limits{})
	for range 10_000 {
		if err := l.call(souk.Token{}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestThrottled(t *testing.T) {
	for wait, want := range map[time.Duration]string{
		time.Millisecond:         "Request was throttled. Expected available in 1 second.",
		time.Second:              "Request was throttled. Expected available in 1 second.",
		1001 * time.Millisecond:  "Request was throttled. Expected available in 2 seconds.",
		11500 * time.Millisecond: "Request was throttled. Expected available in 12 seconds.",
	} {
		if f := throttled(wait); f.body != (detail{want}) || f.status != 429 || f.wait != wait {
			t.Errorf("%v: %+v", wait, f)
		}
	}
}
