package souk_test

import (
	"testing"
	"time"

	"souk"
)

func TestJudge(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	hour := func(tried, failed int) (h souk.Hour) {
		h.Add(noon.Add(-time.Minute), tried, failed)
		return h
	}
	since := func(d time.Duration, failures int) souk.Health {
		return souk.Health{FailingSince: noon.Add(-d), Failures: failures}
	}
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name     string
		dialect  souk.Dialect
		h        souk.Health
		disable  bool
		warnings int
	}{
		{"native: well", souk.Native, souk.Health{}, false, 0},
		{"native: failing for an hour", souk.Native, since(time.Hour, 50), false, 0},
		{"native: failing for two days", souk.Native, since(2*day, 50), false, 1},
		{"native: failing for four days", souk.Native, since(4*day, 50), false, 3},
		{"native: five days, ten attempts", souk.Native, since(5*day, 10), true, 0},
		{"native: five days, nine attempts", souk.Native, since(5*day, 9), false, 3},
		{"native: gone", souk.Native, souk.Health{Gone: true}, true, 0},
		{"giosg: gone means that notification alone", souk.Giosg, souk.Health{Gone: true}, false, 0},
		{"giosg: a day", souk.Giosg, since(day, 1), true, 0},
		{"giosg: 23 hours", souk.Giosg, since(23*time.Hour, 9), false, 3},
		{"slack: a day, twenty attempts", souk.Slack, since(day, 20), true, 0},
		{"slack: a day, nineteen attempts", souk.Slack, since(day, 19), false, 3},
		{"slack: 951 of 1,000", souk.Slack, souk.Health{Hour: hour(1000, 951)}, true, 0},
		{"slack: 950 of 1,000", souk.Slack, souk.Health{Hour: hour(1000, 950)}, false, 0},
		{"slack: 999 of 999", souk.Slack, souk.Health{Hour: hour(999, 999)}, false, 0},
		{"native: 1,000 of 1,000", souk.Native, souk.Health{Hour: hour(1000, 1000)}, false, 0},
		{"zoom: failures do not count", souk.Zoom, since(30*day, 5000), false, 0},
		{"trigger: failures do not count", souk.TriggerCall, since(30*day, 5000), false, 0},
	} {
		v := souk.DisableRules[tt.dialect].Judge(tt.h, noon)
		if v.Disable != tt.disable || v.Warnings != tt.warnings || v.Disable != (v.Why != "") {
			t.Errorf("%s: %+v", tt.name, v)
		}
	}
}

func TestHourSlides(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	var h souk.Hour
	for minute := range 120 {
		h.Add(noon.Add(time.Duration(minute)*time.Minute), 10, 1)
	}
	end := noon.Add(119 * time.Minute)
	if tried, failed := h.Sum(end); tried != 600 || failed != 60 {
		t.Errorf("after two hours of 10 a minute the hour has %d and %d, want 600 and 60", tried, failed)
	}
	if tried, _ := h.Sum(end.Add(30 * time.Minute)); tried != 300 {
		t.Errorf("half an hour later it has %d, want 300", tried)
	}
	if tried, _ := h.Sum(end.Add(10 * time.Hour)); tried != 0 {
		t.Errorf("ten hours later it has %d, want 0", tried)
	}
	h.Add(noon, 1, 1) // by a clock that was set back: it counts as the latest
	if tried, failed := h.Sum(end); tried != 601 || failed != 61 {
		t.Errorf("after a late one it has %d and %d, want 601 and 61", tried, failed)
	}
}

func TestObserve(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	var h souk.Health
	h.Observe(noon, 1, 1)
	h.Observe(noon.Add(time.Minute), 2, 2)
	if h.Failures != 3 || !h.FailingSince.Equal(noon) {
		t.Errorf("after three failures: %+v", h)
	}
	h.Warned, h.Trips = 2, 1
	h.Observe(noon.Add(2*time.Minute), 1, 0)
	if h.Failures != 0 || !h.FailingSince.IsZero() || h.Warned != 0 || h.Trips != 0 || !h.SucceededAt.Equal(noon.Add(2*time.Minute)) {
		t.Errorf("after a success: %+v", h)
	}
	h.Observe(noon.Add(3*time.Minute), 3, 1)
	if h.Failures != 1 || h.FailingSince.IsZero() {
		t.Errorf("after a failure beside successes: %+v", h)
	}
}
