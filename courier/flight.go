package courier

import (
	"time"

	"souk"
	"souk/store"
)

// flight is a delivery on its way out of our hands: from its turn until it is
// recorded. While its attempt is made it belongs to a worker.
type flight struct {
	delivery *souk.Delivery
	lane     *lane
	shard    store.Shard // as it was ours when the attempt began

	profile *Profile
	prepare Prepare
	hook    *openWebhook
	speaker souk.Speaker
	org     souk.ID // where it is justified, or none

	began   time.Time     // for waiting
	charged time.Duration // by the schedule
	took    time.Duration
	made    bool // there is an attempt
	gone    bool // the endpoint said that it is gone for good
	attempt souk.Attempt
	failure souk.Outcome // of the attempt, or Unprepared; empty when none was to be made

	progress store.Progress
	keptAt   time.Time // when it was over

	list       *flights // that it is in
	prev, next *flight
}

// airborne is the attempts under way for less than slowFrom: each is on one of the
// lists, where those come first that began first.
type airborne struct {
	brief flights // not shown as under way
	long  flights // those that are, and whose lane does not count as slow for them yet
}

// flights is a list in the order in which they began.
type flights struct{ first, last *flight }

func (l *flights) push(f *flight) {
	f.list, f.prev, f.next = l, l.last, nil
	if l.last == nil {
		l.first = f
	} else {
		l.last.next = f
	}
	l.last = f
}

// remove takes f off; it may be on no list.
func (l *flights) remove(f *flight) {
	if l == nil {
		return
	}
	if f.prev == nil {
		l.first = f.next
	} else {
		f.prev.next = f.next
	}
	if f.next == nil {
		l.last = f.prev
	} else {
		f.next.prev = f.prev
	}
	f.list, f.prev, f.next = nil, nil, nil
}
