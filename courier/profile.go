package courier

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"souk"
)

// Profile is what a dialect's contract asks of whoever delivers: numbers, not
// behaviour.
type Profile struct {
	Timeout   time.Duration // of one attempt, all of it
	Connect   time.Duration // of that, until there is a connection; 0: as long as all of it
	Redirects int           // 301 and 302 that are followed, or RefuseRedirects
	AtOnce    int           // attempts at once to one webhook; 0: perWebhook

	// Retries are the pauses after a failed attempt, counted from its end.
	// Each is drawn from the range that Early and Late, fractions of it, span.
	Retries     []time.Duration
	Early, Late float64

	MaxAge        time.Duration     // from the event's commit on, or since it was asked for again: past it, no attempt starts
	RetryAfter    time.Duration     // how long a pause the receiver may ask for; 0: it is not listened to
	RetryAfterOn  []int             // the statuses on which it may; nil: any
	NoRetryHeader string            // of a failed answer, with the value 1: no retry
	NoRetryStatus int               // of a failed answer: no retry
	Final         func(Result) bool // a failure after which there is no retry; nil: none

	Rate   float64 // attempts in a second to one endpoint; 0: as they come. To wait for it costs no attempt
	Burst  int     // of them, how many at once
	Breaks bool    // the breaker may open; else attempts go one at a time while the endpoint is down

	LogsHeaders bool     // the answer's headers are kept
	LogsSent    []string // and what was sent, with these headers' values: of others only the name; nil: not at all
}

// giosgRetries are those of notifications and of triggers
// (docs/dialects/giosg.md, "Retries").
var giosgRetries = []time.Duration{
	5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute,
	30 * time.Minute, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour,
}

// zoomIsFinal: an answer that refuses or points elsewhere is the last word, as are
// an address that Souk does not send to and a receiver that does not prove who it
// is (docs/dialects/zoom.md, "Outcome, retries, log").
func zoomIsFinal(r Result) bool {
	switch r.Outcome {
	case souk.BadTLS, souk.BadCertificate, souk.WrongHost, souk.Blocked, souk.TooManyMoves:
		return true
	}
	return r.Status >= 300 && r.Status <= 499
}

// Profiles are those of the dialects that can be delivered in
// (docs/dialects/slack.md, "Retries"; docs/dialects/giosg.md, "Notifications"
// and "Triggers"). A native receiver gets as long as a weekend's outage takes.
// What giosg's waits for may itself wait for others about the same resource, so
// it has a week; triggers wait for nothing.
var Profiles = map[souk.Dialect]Profile{
	souk.Slack: {
		Timeout:       3 * time.Second,
		Redirects:     2,
		Retries:       []time.Duration{time.Second, time.Minute, 5 * time.Minute},
		Late:          0.1,
		MaxAge:        2 * time.Hour,
		NoRetryHeader: "X-Slack-No-Retry",
	},
	souk.Native: {
		Timeout: 15 * time.Second,
		Retries: []time.Duration{
			5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
			10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
		},
		Early:         0.2,
		Late:          0.2,
		MaxAge:        7 * 24 * time.Hour,
		RetryAfter:    24 * time.Hour,
		NoRetryStatus: http.StatusGone,
		Breaks:        true,
	},
	souk.Giosg: {
		Timeout:       10 * time.Second,
		Connect:       5 * time.Second,
		Redirects:     RefuseRedirects,
		AtOnce:        4,
		Retries:       giosgRetries,
		Early:         0.2,
		Late:          0.2,
		MaxAge:        7 * 24 * time.Hour,
		RetryAfter:    time.Hour,
		RetryAfterOn:  []int{http.StatusTooManyRequests, http.StatusServiceUnavailable},
		NoRetryStatus: http.StatusGone,
		Breaks:        true,
		LogsHeaders:   true,
	},
	souk.Zoom: {
		Timeout:   3 * time.Second,
		Redirects: RefuseRedirects,
		Retries:   []time.Duration{5 * time.Minute, 20 * time.Minute, time.Hour},
		MaxAge:    4 * time.Hour,
		Final:     zoomIsFinal,

		LogsHeaders: true,
		LogsSent: []string{
			"Accept-Encoding", "Clientid", "Content-Type", "Traceparent", "User-Agent",
			"X-Zm-Request-Id", "X-Zm-Request-Timestamp", "X-Zm-Signature", "X-Zm-Trackingid",
		},
	},
	souk.TriggerCall: {
		Timeout:       10 * time.Second,
		Connect:       5 * time.Second,
		Redirects:     RefuseRedirects,
		AtOnce:        4,
		Retries:       giosgRetries,
		Early:         0.2,
		Late:          0.2,
		MaxAge:        2 * 24 * time.Hour,
		RetryAfter:    time.Hour,
		RetryAfterOn:  []int{http.StatusTooManyRequests, http.StatusServiceUnavailable},
		NoRetryStatus: http.StatusGone,
		Breaks:        true,
	},
}

// profiles are Profiles for lanes to share.
func profiles() map[souk.Dialect]*Profile {
	all := make(map[souk.Dialect]*Profile, len(Profiles))
	for dialect, p := range Profiles {
		all[dialect] = &p
	}
	return all
}

// judgement is what follows from an attempt.
type judgement struct {
	status souk.DeliveryStatus
	nextAt time.Time // while pending
	note   string
}

// judge decides what follows from an attempt that ended at a time: attempts
// is how many were made since it was to be delivered, this one included, and random lies in [0, 1).
func (p Profile) judge(r Result, attempts int, ended time.Time, random float64) judgement {
	switch {
	case r.Outcome == souk.OK:
		return judgement{status: souk.DeliverySuccessful}
	case r.Status != 0 && r.Status == p.NoRetryStatus:
		return judgement{status: souk.DeliveryExhausted, note: "the receiver is gone for good"}
	case p.NoRetryHeader != "" && r.Header.Get(p.NoRetryHeader) == "1":
		return judgement{status: souk.DeliveryExhausted, note: "the receiver wants no retry"}
	case p.Final != nil && p.Final(r):
		return judgement{status: souk.DeliveryExhausted, note: "such an answer is final"}
	case attempts > len(p.Retries):
		return judgement{status: souk.DeliveryExhausted, note: "no attempt is left"}
	}
	pause := float64(p.Retries[attempts-1])
	next := ended.Add(time.Duration(pause * (1 - p.Early + random*(p.Early+p.Late))))
	if p.RetryAfterOn == nil || slices.Contains(p.RetryAfterOn, r.Status) {
		if asked := p.asked(r.Header, ended); asked.After(next) {
			next = asked
		}
	}
	return judgement{status: souk.DeliveryPending, nextAt: next}
}

// asked is when the receiver wants to be asked again, in seconds or as a date,
// but no later than it may ask for; the zero time when it does not say.
func (p Profile) asked(h http.Header, now time.Time) time.Time {
	var at time.Time
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		at = now.Add(time.Duration(seconds) * time.Second)
	} else if at, err = http.ParseTime(value); err != nil {
		return time.Time{}
	}
	if latest := now.Add(p.RetryAfter); at.After(latest) {
		return latest
	}
	return at
}
