package courier

import (
	"testing"
	"time"

	"souk"
)

// What was asked to be delivered again leads no line and counts from then on;
// anything else leads its line, and counts from its commit, whatever became of the
// attempts so far.
func TestAside(t *testing.T) {
	commit := time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
	later := commit.Add(time.Hour)
	for what, tt := range map[string]struct {
		delivery souk.Delivery
		since    time.Time
		leads    bool
	}{
		"new":                             {souk.Delivery{EntryAt: commit, Resource: "a"}, commit, true},
		"new, in no line":                 {souk.Delivery{EntryAt: commit}, commit, false},
		"tried":                           {souk.Delivery{EntryAt: later, Attempts: 2, Resource: "a"}, commit, true},
		"stopped by Souk":                 {souk.Delivery{EntryAt: later, Resource: "a"}, commit, true},
		"again":                           {souk.Delivery{EntryAt: later, Attempts: 2, Base: 2, Aside: true, Resource: "a"}, later, false},
		"again, never tried":              {souk.Delivery{EntryAt: later, Aside: true, Resource: "a"}, later, false},
		"again, tried for the first time": {souk.Delivery{EntryAt: later, Attempts: 1, Aside: true, Resource: "a"}, later, false},
		"again, the clock was set back":   {souk.Delivery{EntryAt: commit.Add(-time.Hour), Aside: true}, commit, false},
	} {
		d := tt.delivery
		d.CreatedAt = commit
		if got := awaited(&d); !got.Equal(tt.since) {
			t.Errorf("%s: awaited since %s, want %s", what, got, tt.since)
		}
		if _, leads := lineOf(&d); leads != tt.leads {
			t.Errorf("%s: leads %t", what, leads)
		}
	}
}
