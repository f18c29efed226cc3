package souk

import (
	"fmt"
	"time"
)

// Breaker is whether attempts to an endpoint are made at all.
type Breaker string

// closed → open, after failures in a row; open → half_open, when a probe is due;
// half_open → closed or open, by how the probe ends.
const (
	BreakerClosed   Breaker = "closed"
	BreakerOpen     Breaker = "open"
	BreakerHalfOpen Breaker = "half_open"
)

// Breakers are all there are.
var Breakers = []Breaker{BreakerClosed, BreakerOpen, BreakerHalfOpen}

// Health is how an endpoint fares, as whoever delivers to it writes it down.
type Health struct {
	Endpoint     ID // a webhook, or an app for its trigger URL
	App          ID
	Dialect      Dialect
	SucceededAt  time.Time // last
	FailingSince time.Time // the first failure after the last success; zero while it is well
	Failures     int       // attempts that failed since then
	Gone         bool      // it said that it is gone for good
	Hour         Hour
	Breaker      Breaker
	ProbeAt      time.Time // while the breaker is open: when it is tried again
	Trips        int       // how often the breaker opened since the last success
	Warned       int       // warnings that its owner got since FailingSince
	UpdatedAt    time.Time
}

// slots and slot divide the hour of an Hour.
const (
	slots = 12
	slot  = 5 * time.Minute
)

// Hour counts attempts of a sliding hour, in slots of five minutes. The zero
// value has seen none.
type Hour struct {
	At    int64        // number of the last slot since 1970
	Tried [slots]int32 // by slot modulo 12
	Lost  [slots]int32 // of those, what failed
}

// Add counts attempts that ended at a time.
func (h *Hour) Add(at time.Time, tried, failed int) {
	h.turn(at)
	i := h.At % slots
	h.Tried[i] += int32(tried)
	h.Lost[i] += int32(failed)
}

// turn forgets the slots that have left the hour at a time.
func (h *Hour) turn(at time.Time) {
	now := at.UnixNano() / int64(slot)
	for n := max(h.At+1, now-slots+1); n <= now; n++ {
		h.Tried[n%slots], h.Lost[n%slots] = 0, 0
	}
	h.At = max(h.At, now)
}

// Sum counts the attempts of the hour before a time.
func (h Hour) Sum(at time.Time) (tried, failed int) {
	h.turn(at)
	for i := range h.Tried {
		tried += int(h.Tried[i])
		failed += int(h.Lost[i])
	}
	return tried, failed
}

// Observe counts attempts that ended at a time: those that failed of all that
// were tried. It does not move the breaker.
func (h *Health) Observe(at time.Time, tried, failed int) {
	h.Hour.Add(at, tried, failed)
	h.UpdatedAt = at
	if failed < tried {
		h.SucceededAt, h.FailingSince, h.Failures, h.Trips, h.Warned, h.Gone = at, time.Time{}, 0, 0, 0, false
	}
	if failed > 0 {
		if h.FailingSince.IsZero() {
			h.FailingSince = at
		}
		h.Failures += failed
	}
}

// DisableRule is when a dialect's contract has Souk stop telling an endpoint
// anything, and what becomes of what it was to be told.
type DisableRule struct {
	After    time.Duration // nothing but failures for so long; 0: never for that
	Failures int           // and at least so many
	Share    float64       // or: more than this part of an hour's attempts failed; 0: never for that
	Tried    int           // and at least so many were made
	Gone     bool          // or: it said that it is gone for good
	Holds    bool          // what is to be told meanwhile is held, else it is skipped
}

// DisableRules are those of the dialects (docs/dialects/slack.md, "Disabling";
// docs/dialects/giosg.md, "Notifications"). Zoom disables for failed validations
// alone. Trigger URLs are never disabled: nobody could enable them.
var DisableRules = map[Dialect]DisableRule{
	Native: {After: 5 * 24 * time.Hour, Failures: 10, Gone: true, Holds: true},
	Giosg:  {After: 24 * time.Hour, Failures: 1, Holds: true},
	Slack:  {After: 24 * time.Hour, Failures: 20, Share: 0.95, Tried: 1000},
	Zoom:   {},
}

// Warnings are the parts of After at which an owner is warned.
var Warnings = []float64{0.25, 0.5, 0.75}

// Prognosis is what follows from how an endpoint fares.
type Prognosis struct {
	Disable  bool
	Why      string    // for people, when it is to be disabled
	Warnings int       // how many warnings its owner should have got by now
	Deadline time.Time // when it will be disabled if nothing succeeds; zero when that is not in sight
}

// Judge decides what follows from h at a time.
func (r DisableRule) Judge(h Health, at time.Time) (v Prognosis) {
	tried, failed := h.Hour.Sum(at)
	switch {
	case r.Gone && h.Gone:
		return Prognosis{Disable: true, Why: "it answered that it is gone for good"}
	case r.Share > 0 && tried >= r.Tried && float64(failed) > r.Share*float64(tried):
		return Prognosis{Disable: true, Why: fmt.Sprintf("%d of %d attempts of an hour failed", failed, tried)}
	case r.After == 0 || h.FailingSince.IsZero():
		return v
	}
	failing := at.Sub(h.FailingSince)
	if failing >= r.After && h.Failures >= r.Failures {
		return Prognosis{Disable: true, Why: fmt.Sprintf("nothing succeeded for %d hours, in %d attempts", r.After/time.Hour, h.Failures)}
	}
	v.Deadline = h.FailingSince.Add(r.After)
	for _, part := range Warnings {
		if failing >= time.Duration(part*float64(r.After)) {
			v.Warnings++
		}
	}
	return v
}
