package main

import (
	"runtime/debug"
	"testing"
	"time"
)

func TestCheckClock(t *testing.T) {
	made := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	from := func(settings ...debug.BuildSetting) *debug.BuildInfo { return &debug.BuildInfo{Settings: settings} }
	stamped := from(debug.BuildSetting{Key: "vcs", Value: "git"}, debug.BuildSetting{Key: "vcs.time", Value: "2026-11-20T12:00:00Z"})
	for _, tt := range []struct {
		name    string
		now     time.Time
		info    *debug.BuildInfo
		refused bool
	}{
		{"after the commit", made.Add(time.Second), stamped, false},
		{"with the commit", made, stamped, false},
		{"before the commit", made.Add(-time.Second), stamped, true},
		{"at the beginning of all clocks", time.Unix(0, 0), stamped, true},
		{"west of it", made.In(time.FixedZone("west", -8*3600)), stamped, false},
		{"a build that does not say when", time.Unix(0, 0), from(), false},
		{"a build that says something else", time.Unix(0, 0), from(debug.BuildSetting{Key: "vcs.time", Value: "noon"}), false},
		{"no build", time.Unix(0, 0), nil, false},
	} {
		if err := checkClock(tt.now, tt.info); (err != nil) != tt.refused {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
