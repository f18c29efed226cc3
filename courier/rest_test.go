package courier

import (
	"cmp"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"souk"
	"souk/store"
)

// However loads, refusals, failures and what lets go of deliveries come together,
// what the rest of a lane was told of is loaded in the end, and nothing that was not.
func TestRestLosesNothing(t *testing.T) {
	epoch := time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		var s rest
		waits, inHand := map[store.Due]bool{}, map[store.Due]bool{} // in the database alone, and not
		order := func(places map[store.Due]bool) []store.Due {
			return slices.SortedFunc(maps.Keys(places), func(a, b store.Due) int {
				return cmp.Or(a.At.Compare(b.At), a.ID.Compare(b.ID))
			})
		}
		var under *part
		var found []store.Due
		begin := func(room int) {
			p := s.begin(epoch, epoch.Add(time.Hour), room)
			under, found = &p, nil
			for _, at := range order(waits) {
				if p.after.Before(at) && len(found) < room {
					found = append(found, at)
				}
			}
		}
		end := func(take int) {
			upTo := under.after
			s.landed()
			for i, at := range found {
				if i == take {
					s.filled(upTo, true, true)
					under = nil
					return
				}
				delete(waits, at)
				inHand[at] = true
				upTo = at
			}
			s.filled(upTo, len(found) == under.room, false)
			under = nil
		}
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				if s.loading != (under != nil) || s.deep && s.settled() {
					t.Fatalf("it is %+v", s)
				}
				if len(waits) > 0 && s.settled() {
					t.Fatalf("nobody knows of %v", order(waits))
				}
			},
			"arrive, and do not fit": func(t *rapid.T) {
				at := store.Due{
					At: epoch.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "at")) * time.Microsecond),
					ID: souk.ID{15: byte(rapid.IntRange(0, 5).Draw(t, "id"))},
				}
				if !inHand[at] {
					waits[at] = true
					s.beyond(before(&souk.Delivery{NextAt: at.At, ID: at.ID}))
				}
			},
			"let go": func(*rapid.T) {
				maps.Copy(waits, inHand)
				clear(inHand)
				s.beyond(store.Due{})
			},
			"begin": func(t *rapid.T) {
				if s.deep && !s.loading {
					begin(rapid.IntRange(1, 4).Draw(t, "room"))
				}
			},
			"end": func(t *rapid.T) {
				if under != nil {
					end(rapid.IntRange(0, 4).Draw(t, "take"))
				}
			},
			"fail": func(*rapid.T) {
				if under != nil {
					s.landed()
					s.fell(*under)
					under = nil
				}
			},
		})
		for rounds := 0; s.deep || s.loading; rounds++ {
			if rounds > 100 {
				t.Fatalf("there is no end: %+v", s)
			}
			if under == nil {
				begin(4)
			}
			end(4)
		}
		if len(waits) > 0 {
			t.Fatalf("%v were never loaded", order(waits))
		}
	})
}

// What the states of a rest lead to.
func TestRest(t *testing.T) {
	now := time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
	place := func(after time.Duration, id byte) store.Due {
		return store.Due{At: now.Add(after), ID: souk.ID{15: id}}
	}
	type states struct {
		deep, loading, settled, ready bool
		cursor                        store.Due
	}
	for what, tt := range map[string]struct {
		do   func(s *rest)
		want states
	}{
		"nothing": {func(*rest) {}, states{settled: true, ready: true}},
		"more":    {func(s *rest) { s.beyond(place(1, 1)) }, states{deep: true, ready: true, cursor: place(1, 1)}},
		"earlier": {func(s *rest) { s.beyond(place(1, 2)); s.beyond(place(1, 1)) }, states{deep: true, ready: true, cursor: place(1, 1)}},
		"later":   {func(s *rest) { s.beyond(place(1, 1)); s.beyond(place(2, 1)) }, states{deep: true, ready: true, cursor: place(1, 1)}},
		"swept":   {func(s *rest) { s.swept(now) }, states{deep: true, ready: true, cursor: store.Due{At: now}}},
		"swept again too soon": {func(s *rest) {
			s.swept(now)
			p := s.begin(now, now, 9)
			s.landed()
			s.filled(p.after, false, false)
			s.swept(now)
		}, states{deep: true, cursor: store.Due{At: now}}},
		"swept, with a cursor": {func(s *rest) { s.beyond(place(1, 1)); s.swept(now) }, states{deep: true, ready: true, cursor: place(1, 1)}},
		"swept anywhere":       {func(s *rest) { s.beyond(place(1, 1)); s.swept(time.Time{}) }, states{deep: true, ready: true}},
		"another's":            {func(s *rest) { s.beyond(place(1, 1)); s.disown() }, states{settled: true, ready: true, cursor: place(1, 1)}},
		"hungry":               {func(s *rest) { s.stand(slowly) }, states{ready: true}},
		"under way":            {func(s *rest) { s.beyond(place(1, 1)); s.begin(now, now, 9) }, states{loading: true, ready: true, cursor: place(1, 1)}},
		"both":                 {func(s *rest) { s.beyond(place(1, 1)); s.begin(now, now, 9); s.beyond(place(2, 1)) }, states{deep: true, loading: true, ready: true, cursor: place(2, 1)}},
		"failed":               {func(s *rest) { s.beyond(place(1, 1)); p := s.begin(now, now, 9); s.landed(); s.fell(p) }, states{deep: true, ready: true, cursor: place(1, 1)}},
		"all loaded": {func(s *rest) {
			s.swept(time.Time{})
			s.begin(now, now, 9)
			s.landed()
			s.filled(place(1, 1), false, false)
		}, states{settled: true}},
		"more to load": {func(s *rest) {
			s.swept(time.Time{})
			s.begin(now, now, 9)
			s.landed()
			s.filled(place(1, 1), true, false)
		}, states{deep: true, ready: true, cursor: place(1, 1)}},
		"refused": {func(s *rest) {
			s.swept(time.Time{})
			s.begin(now, now, 9)
			s.landed()
			s.filled(place(1, 1), true, true)
		}, states{deep: true, cursor: place(1, 1)}},
		"more, and let go meantime": {func(s *rest) {
			s.swept(time.Time{})
			s.begin(now, now, 9)
			s.swept(time.Time{})
			s.landed()
			s.filled(place(1, 1), true, false)
		}, states{deep: true}},
	} {
		var s rest
		tt.do(&s)
		if got := (states{s.deep, s.loading, s.settled(), !s.readyAt().After(now), s.cursor}); got != tt.want {
			t.Errorf("%s: %+v, want %+v", what, got, tt.want)
		}
	}
}

// What is due by a clock that was set back is asked for until all of it was found,
// and a lane stands in one place at a time.
func TestRestRemembers(t *testing.T) {
	now := time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
	var s rest
	s.overdue = now.Add(time.Hour)
	for _, more := range []bool{true, false} {
		if p := s.begin(now, now, 9); !p.until.Equal(now.Add(time.Hour)) || p.room != 9 {
			t.Errorf("it looks for %+v", p)
		}
		s.landed()
		s.filled(store.Due{}, more, false)
	}
	if p := s.begin(now, now, 9); !p.until.Equal(now) {
		t.Errorf("in the end it looks for %+v", p)
	}
	s.landed()
	if s.craves(anywhere) {
		t.Error("it craves nothing")
	}
	s.beyond(store.Due{})
	if !s.craves(anywhere) || !s.stand(anywhere) || s.stand(anywhere) || s.craves(anywhere) || !s.craves(slowly) || !s.stand(slowly) {
		t.Errorf("where it stands: %+v", s)
	}
}
