package courier

import (
	"net/http"
	"testing"
	"time"

	"souk"
)

func TestJudge(t *testing.T) {
	ended := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	failed := func(status int, header ...string) Result {
		r := Result{Outcome: souk.BadStatus, Status: status, Header: http.Header{}}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		return r
	}
	slack, native, giosg := Profiles[souk.Slack], Profiles[souk.Native], Profiles[souk.Giosg]
	zoom, trigger := Profiles[souk.Zoom], Profiles[souk.TriggerCall]
	const last = 0.999999

	tests := []struct {
		name     string
		profile  Profile
		result   Result
		attempts int
		random   float64
		status   souk.DeliveryStatus
		after    time.Duration // to the next attempt, rounded to a second
	}{
		{"taken", slack, Result{Outcome: souk.OK, Status: 204}, 1, 0, souk.DeliverySuccessful, 0},
		{"taken at last", native, Result{Outcome: souk.OK, Status: 200}, 10, 0, souk.DeliverySuccessful, 0},

		{"Slack's first, soon", slack, failed(500), 1, last, souk.DeliveryPending, time.Second},
		{"Slack's second, early", slack, failed(500), 2, 0, souk.DeliveryPending, time.Minute},
		{"Slack's second, late", slack, failed(500), 2, last, souk.DeliveryPending, 66 * time.Second},
		{"Slack's third, early", slack, failed(500), 3, 0, souk.DeliveryPending, 5 * time.Minute},
		{"Slack's third, late", slack, failed(500), 3, last, souk.DeliveryPending, 330 * time.Second},
		{"Slack's last", slack, failed(500), 4, 0, souk.DeliveryExhausted, 0},
		{"Slack without retry", slack, failed(500, "x-slack-no-retry", "1"), 1, 0, souk.DeliveryExhausted, 0},
		{"Slack with no such wish", slack, failed(500, "x-slack-no-retry", "0"), 1, 0, souk.DeliveryPending, time.Second},
		{"Slack is not asked to wait", slack, failed(429, "Retry-After", "3600"), 1, 0, souk.DeliveryPending, time.Second},
		{"Slack gives 410 no meaning", slack, failed(410), 1, 0, souk.DeliveryPending, time.Second},
		{"Slack gets no answer", slack, Result{Outcome: souk.HeaderTimeout}, 1, 0, souk.DeliveryPending, time.Second},

		{"native, first early", native, failed(500), 1, 0, souk.DeliveryPending, 4 * time.Second},
		{"native, first late", native, failed(500), 1, last, souk.DeliveryPending, 6 * time.Second},
		{"native, in the middle", native, failed(500), 4, 0.5, souk.DeliveryPending, 2 * time.Hour},
		{"native, ninth", native, failed(500), 9, 0.5, souk.DeliveryPending, 24 * time.Hour},
		{"native, last", native, failed(500), 10, 0.5, souk.DeliveryExhausted, 0},
		{"native, gone", native, failed(410), 1, 0.5, souk.DeliveryExhausted, 0},
		{"native, no answer", native, Result{Outcome: souk.NoConnection}, 1, 0.5, souk.DeliveryPending, 5 * time.Second},
		{"native asked to wait", native, failed(429, "Retry-After", "90"), 1, 0.5, souk.DeliveryPending, 90 * time.Second},
		{"native asked until", native, failed(503, "Retry-After", "Sun, 22 Nov 2026 12:10:00 GMT"), 1, 0.5, souk.DeliveryPending, 10 * time.Minute},
		{"native asked to hurry", native, failed(503, "Retry-After", "1"), 1, 0.5, souk.DeliveryPending, 5 * time.Second},
		{"native asked for too much", native, failed(503, "Retry-After", "2000000000"), 1, 0.5, souk.DeliveryPending, 24 * time.Hour},
		{"native asked for the past", native, failed(503, "Retry-After", "-5"), 1, 0.5, souk.DeliveryPending, 5 * time.Second},
		{"native asked nonsense", native, failed(503, "Retry-After", "soon"), 1, 0.5, souk.DeliveryPending, 5 * time.Second},
		{"giosg, first early", giosg, failed(500), 1, 0, souk.DeliveryPending, 4 * time.Second},
		{"giosg, first late", giosg, failed(500), 1, last, souk.DeliveryPending, 6 * time.Second},
		{"giosg, eighth", giosg, failed(500), 8, 0.5, souk.DeliveryPending, 12 * time.Hour},
		{"giosg, last", giosg, failed(500), 9, 0.5, souk.DeliveryExhausted, 0},
		{"giosg, gone", giosg, failed(410), 1, 0.5, souk.DeliveryExhausted, 0},
		{"giosg asked to wait, too busy", giosg, failed(429, "Retry-After", "90"), 1, 0.5, souk.DeliveryPending, 90 * time.Second},
		{"giosg asked to wait, out of order", giosg, failed(503, "Retry-After", "90"), 1, 0.5, souk.DeliveryPending, 90 * time.Second},
		{"giosg asked to wait for no reason", giosg, failed(500, "Retry-After", "90"), 1, 0.5, souk.DeliveryPending, 5 * time.Second},
		{"giosg asked for too much", giosg, failed(429, "Retry-After", "7200"), 1, 0.5, souk.DeliveryPending, time.Hour},
		{"giosg asked to hurry", giosg, failed(429, "Retry-After", "1"), 5, 0.5, souk.DeliveryPending, 30 * time.Minute},
		{"trigger, first early", trigger, failed(500), 1, 0, souk.DeliveryPending, 4 * time.Second},
		{"trigger, eighth", trigger, failed(404), 8, 0.5, souk.DeliveryPending, 12 * time.Hour},
		{"trigger, last", trigger, failed(500), 9, 0.5, souk.DeliveryExhausted, 0},
		{"trigger, gone", trigger, failed(410), 1, 0.5, souk.DeliveryExhausted, 0},
		{"trigger asked to wait", trigger, failed(429, "Retry-After", "90"), 1, 0.5, souk.DeliveryPending, 90 * time.Second},
		{"zoom, first", zoom, failed(500), 1, 0.9, souk.DeliveryPending, 5 * time.Minute},
		{"zoom, second", zoom, failed(503, "Retry-After", "1"), 2, 0, souk.DeliveryPending, 20 * time.Minute},
		{"zoom, third", zoom, Result{Outcome: souk.NoConnection}, 3, 0.5, souk.DeliveryPending, time.Hour},
		{"zoom, last", zoom, failed(500), 4, 0.5, souk.DeliveryExhausted, 0},
		{"zoom, refused", zoom, failed(404), 1, 0.5, souk.DeliveryExhausted, 0},
		{"zoom, too busy", zoom, failed(429), 1, 0.5, souk.DeliveryExhausted, 0},
		{"zoom, elsewhere", zoom, Result{Outcome: souk.TooManyMoves, Status: 302}, 1, 0.5, souk.DeliveryExhausted, 0},
		{"zoom, certificate", zoom, Result{Outcome: souk.BadTLS}, 1, 0.5, souk.DeliveryExhausted, 0},
		{"native asked after its last", native, failed(503, "Retry-After", "90"), 10, 0.5, souk.DeliveryExhausted, 0},
	}
	for _, tt := range tests {
		got := tt.profile.judge(tt.result, tt.attempts, ended, tt.random)
		if got.status != tt.status {
			t.Errorf("%s: %s, want %s", tt.name, got.status, tt.status)
			continue
		}
		if got.status == souk.DeliveryPending && got.nextAt.Sub(ended).Round(time.Second) != tt.after {
			t.Errorf("%s: next after %s, want %s", tt.name, got.nextAt.Sub(ended), tt.after)
		}
		if (got.status == souk.DeliveryExhausted) != (got.note != "") {
			t.Errorf("%s: %s because %q", tt.name, got.status, got.note)
		}
	}
}

// A stop must outlast the longest attempt, and the schedule must fit into the age
// at which a delivery is given up, though the clock was set by an hour meanwhile.
func TestProfilesFit(t *testing.T) {
	for dialect, p := range Profiles {
		if p.Timeout > grace {
			t.Errorf("%s: an attempt of %s would be cut off by a stop after %s", dialect, p.Timeout, grace)
		}
		var whole time.Duration
		for _, pause := range p.Retries {
			whole += p.Timeout + time.Duration(float64(pause)*(1+p.Late))
		}
		if whole += time.Hour; whole > p.MaxAge {
			t.Errorf("%s: the last retry comes after %s, past %s", dialect, whole, p.MaxAge)
		}
	}
}
