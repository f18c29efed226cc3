package courier

import (
	"time"

	"souk/store"
)

// rest is what the database has of a lane beyond what is in hand.
//
//	           deep  loading
//	nothing    no    no       that is known of; a sweep tells of more
//	more       yes   no       beyond cursor
//	under way  no    yes      what there was when the load began is being read
//	both       yes   yes      and more was let go or refused meanwhile, beyond a new cursor
//
// From nothing to more leads beyond, from more to under way begin, and from there
// to both beyond again. landed leads back, and then fell or filled says whether the
// load left anything. Whatever beyond was told of is therefore found by one of the
// loads that follow, if each takes something.
//
// The zero rest is nothing.
type rest struct {
	deep     bool
	cursor   store.Due // nothing that is due there or before is meant
	loading  bool
	loadedAt time.Time // when the last load began
	refused  bool      // something of the last load did not fit
	again    bool      // a load would find what the last one found
	overdue  time.Time // when the clock was set back: what was due by then is
	hungry   want      // where in run.loads.hungry the lane stands
}

// settled reports whether there is nothing to be loaded, nor under way to be.
func (s *rest) settled() bool { return !s.deep && !s.loading && s.hungry == nothing }

// beyond says that there is what is due beyond a place.
func (s *rest) beyond(at store.Due) {
	if !s.deep || at.Before(s.cursor) {
		s.cursor = at
	}
	s.deep = true
}

// swept says that a sweep found something that came due since a time: beyond the
// cursor, if there is one. The zero time says that it may lie anywhere. What was due
// before then was found before, and to look there again would be to walk over all
// that PostgreSQL could not vacuum away yet.
func (s *rest) swept(since time.Time) {
	switch {
	case since.IsZero():
		s.beyond(store.Due{})
	case !s.deep:
		s.beyond(store.Due{At: since})
	default:
		return
	}
	s.again = true
}

// disown says that it is another node's.
func (s *rest) disown() { s.deep = false }

// craves reports whether the lane is to stand among those that want something
// loaded, and does not yet.
func (s *rest) craves(w want) bool { return s.deep && s.hungry != w && !s.loading }

// stand has the lane stand among those, and reports whether it did not: an entry
// elsewhere counts no more.
func (s *rest) stand(w want) bool {
	stood := s.hungry == w
	s.hungry = w
	return !stood
}

// readyAt is when the next load may begin: one that would find what the last one
// found waits for a moment.
func (s *rest) readyAt() time.Time {
	if s.cursor == (store.Due{}) || s.again || s.refused {
		return s.loadedAt.Add(loadGap)
	}
	return time.Time{}
}

// begin begins a load of what is due by the clock, as much as there is room for.
func (s *rest) begin(now, clock time.Time, room int) part {
	s.loading, s.deep, s.again, s.loadedAt = true, false, false, now
	return part{after: s.cursor, until: later(clock, s.overdue), room: room}
}

// landed says that the load is over.
func (s *rest) landed() { s.loading = false }

// fell says that it failed: all of it is still there.
func (s *rest) fell(p part) { s.beyond(p.after) }

// filled says how far it got: whether there is more, as something was refused or
// there was no room to look for it.
func (s *rest) filled(upTo store.Due, more, refused bool) {
	s.refused = refused
	if more {
		s.beyond(upTo)
	} else {
		s.overdue = time.Time{}
	}
}
