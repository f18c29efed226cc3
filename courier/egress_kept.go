package courier

import (
	"container/list"
	"slices"
	"sync"
	"time"
)

const (
	idleLimit    = 60 * time.Second
	maxKept      = 512 // idle connections, all places together: the one idle for longest makes room
	maxKeptPlace = 256
)

// kept are the connections that may be used again: those of HTTP/1.1 while they
// are idle, those of HTTP/2 always.
type kept struct {
	mu     sync.Mutex
	idle   map[place][]*list.Element // the one that was used last comes last
	all    list.List                 // those of idle, the one used last at the back
	shared map[place][]*line
	sweep  *time.Timer // runs while there is something to tidy up
}

// take is a line to a place, or nil. It is not used before its deadline, until,
// is set.
func (k *kept) take(p place, until time.Time) *line {
	for {
		l := k.next(p)
		if l == nil || l.shared != nil || time.Since(l.usedAt) < stale {
			return l
		}
		l.SetDeadline(until) // a passed one would look like an end
		if !l.gone() {
			return l
		}
		l.drop()
	}
}

func (k *kept) next(p place) *line {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, l := range k.shared[p] {
		if l.shared.Reserve() == nil {
			l.usedAt = time.Now()
			return l
		}
	}
	lines := k.idle[p]
	if len(lines) == 0 {
		return nil
	}
	e := lines[len(lines)-1]
	k.idle[p] = lines[:len(lines)-1]
	return k.all.Remove(e).(*line)
}

// keep takes a line of HTTP/1.1 that is idle now.
func (k *kept) keep(l *line) {
	l.usedAt = time.Now()
	if over := k.put(l); over != nil {
		over.drop()
	}
}

// put answers with the line that there is no room for.
func (k *kept) put(l *line) (over *line) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case len(k.idle[l.place]) >= maxKeptPlace:
		over = k.forget(k.idle[l.place][0])
	case k.all.Len() >= maxKept:
		over = k.forget(k.all.Front())
	}
	if k.idle == nil {
		k.idle = map[place][]*list.Element{}
	}
	k.idle[l.place] = append(k.idle[l.place], k.all.PushBack(l))
	k.tidyLater()
	return over
}

// share makes a line of HTTP/2 known.
func (k *kept) share(l *line) {
	k.mu.Lock()
	defer k.mu.Unlock()
	l.usedAt = time.Now()
	if k.shared == nil {
		k.shared = map[place][]*line{}
	}
	alive := slices.DeleteFunc(k.shared[l.place], func(l *line) bool { return l.shared.Err() != nil })
	k.shared[l.place] = append(alive, l)
	k.tidyLater()
}

// forget takes e out of the idle ones.
func (k *kept) forget(e *list.Element) *line {
	l := k.all.Remove(e).(*line)
	lines := k.idle[l.place]
	if i := slices.Index(lines, e); i >= 0 {
		lines = slices.Delete(lines, i, i+1)
	}
	if k.idle[l.place] = lines; len(lines) == 0 {
		delete(k.idle, l.place)
	}
	return l
}

func (k *kept) tidyLater() {
	if k.sweep == nil {
		k.sweep = time.AfterFunc(idleLimit, func() { k.closeIdle(time.Now().Add(-idleLimit)) })
	}
}

// closeIdle closes what has not been used since a time, the zero time: all that
// is not in use.
func (k *kept) closeIdle(since time.Time) {
	for _, l := range k.unused(since) {
		l.drop()
	}
}

func (k *kept) unused(since time.Time) (lines []*line) {
	k.mu.Lock()
	defer k.mu.Unlock()
	old := func(l *line) bool { return since.IsZero() || !l.usedAt.After(since) }
	for e := k.all.Front(); e != nil && old(e.Value.(*line)); e = k.all.Front() {
		lines = append(lines, k.forget(e))
	}
	for p, shared := range k.shared {
		k.shared[p] = slices.DeleteFunc(shared, func(l *line) bool {
			unused := l.shared.InFlight() == 0 && old(l) || l.shared.Err() != nil
			if unused {
				lines = append(lines, l)
			}
			return unused
		})
		if len(k.shared[p]) == 0 {
			delete(k.shared, p)
		}
	}
	if k.sweep != nil {
		k.sweep.Stop()
		k.sweep = nil
	}
	for p, idle := range k.idle {
		if len(idle) == 0 {
			delete(k.idle, p)
		}
	}
	if k.all.Len() > 0 || len(k.shared) > 0 {
		k.tidyLater()
	}
	return lines
}
