package web

import (
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxKeys bounds how many keys a limiter remembers: some 10 MB.
const maxKeys = 1 << 16

// Limiter limits how often whoever a key stands for may do something, such as
// sign in. A nil Limiter allows everything.
//
// Its memory is bounded: only when more than 32,768 keys are busy at once are
// some forgotten before their time, those that called least recently.
type Limiter[K comparable] struct {
	every  rate.Limit
	burst  int
	refill time.Duration // from empty to full

	// Two generations: a key that calls is in, or moves to, the young one. When
	// the young one is as old as a refill, what is still in the old one has not
	// called for as long. Its bucket is full, which is what strangers have, so the
	// old one can go.
	mu         sync.Mutex
	young, old map[K]*rate.Limiter
	born       time.Time // when young began
}

// NewLimiter allows each key burst calls at once, and perMinute calls a minute
// in the long run. Both must be positive.
func NewLimiter[K comparable](perMinute, burst int) *Limiter[K] {
	if perMinute <= 0 || burst <= 0 {
		panic("web: a limiter that allows nothing")
	}
	return &Limiter[K]{
		every:  rate.Limit(float64(perMinute) / 60),
		burst:  burst,
		refill: time.Duration(burst) * time.Minute / time.Duration(perMinute),
		young:  map[K]*rate.Limiter{},
	}
}

// Allow counts a call by the key. A call that is one too many is not counted,
// and retryAfter says when there is room for one.
func (l *Limiter[K]) Allow(key K) (ok bool, retryAfter time.Duration) {
	if l == nil {
		return true, 0
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	call := l.bucket(key, now).ReserveN(now, 1)
	if wait := call.DelayFrom(now); wait > 0 {
		call.CancelAt(now)
		return false, wait
	}
	return true, 0
}

func (l *Limiter[K]) bucket(key K, now time.Time) *rate.Limiter {
	if now.Sub(l.born) > l.refill || len(l.young) >= maxKeys/2 {
		l.young, l.old, l.born = map[K]*rate.Limiter{}, l.young, now
	}
	b, ok := l.young[key]
	if !ok {
		if b, ok = l.old[key]; ok {
			delete(l.old, key)
		} else {
			b = rate.NewLimiter(l.every, l.burst)
		}
		l.young[key] = b
	}
	return b
}

// AddressLimiter limits how often one client address may do something, such as
// fail to authenticate. The /64 of an IPv6 address counts as one, as one client
// has it whole. A nil AddressLimiter allows everything.
type AddressLimiter struct{ *Limiter[netip.Addr] }

// NewAddressLimiter allows each address what NewLimiter allows each key.
func NewAddressLimiter(perMinute, burst int) *AddressLimiter {
	return &AddressLimiter{NewLimiter[netip.Addr](perMinute, burst)}
}

// Allow counts a call from the address, as Limiter.Allow does. Clients without
// an address share one bucket.
func (l *AddressLimiter) Allow(from netip.Addr) (ok bool, retryAfter time.Duration) {
	if l == nil {
		return true, 0
	}
	return l.Limiter.Allow(household(from))
}

// household is what an address is counted by.
func household(a netip.Addr) netip.Addr {
	a = plain(a)
	if !a.Is6() {
		return a
	}
	return netip.PrefixFrom(a, 64).Masked().Addr()
}

// RetryAfter spells a wait for the header of that name: whole seconds, rounded
// up, at least one.
func RetryAfter(wait time.Duration) string {
	return strconv.FormatInt(max(1, int64((wait+time.Second-1)/time.Second)), 10)
}
