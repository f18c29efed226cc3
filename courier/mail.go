package courier

import (
	"sync"

	"souk"
)

// mail is what reaches run.loop from others: deliveries that have just
// committed, and attempts that ended. It never makes them wait.
type mail struct {
	wake chan struct{} // has a token when there may be something

	mu     sync.Mutex
	closed bool
	offers [][]souk.Delivery
	held   int // deliveries in offers
	landed []*flight
	sweep  bool // somebody said that there may be something due
	spilt  bool // there was no room for some that were handed over
}

// mostOffered is how many deliveries lie in the mail. What is more is in the database,
// and as it may be marked as Handed, everything is looked through for it.
const mostOffered = 8192

func (m *mail) rouse() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *mail) offer(ds []souk.Delivery) {
	m.mu.Lock()
	if m.closed || m.held+len(ds) > mostOffered {
		m.spilt = true
	} else {
		m.offers = append(m.offers, ds)
		m.held += len(ds)
	}
	m.mu.Unlock()
	m.rouse()
}

func (m *mail) hint() {
	m.mu.Lock()
	m.sweep = true
	m.mu.Unlock()
	m.rouse()
}

func (m *mail) land(f *flight) {
	m.mu.Lock()
	m.landed = append(m.landed, f)
	m.mu.Unlock()
	m.rouse()
}

// collect takes everything out; the slices given are used for what comes next.
func (m *mail) collect(offers [][]souk.Delivery, landed []*flight) (_ [][]souk.Delivery, _ []*flight, sweep, spilt bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.offers, offers = offers[:0], m.offers
	m.landed, landed = landed[:0], m.landed
	sweep, spilt = m.sweep, m.spilt
	m.held, m.sweep, m.spilt = 0, false, false
	return offers, landed, sweep, spilt
}

// close has nothing taken in any more.
func (m *mail) close(closed bool) {
	m.mu.Lock()
	m.closed = closed
	if closed {
		m.offers, m.held = nil, 0
	}
	m.mu.Unlock()
}
