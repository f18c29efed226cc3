package main

import (
	"fmt"
	"runtime/debug"
	"time"
)

// checkClock refuses a clock that cannot be right: it says that the binary which
// info tells of was not made yet. Signatures carry its time, and receivers would
// refuse them all. A build that does not say from when it is passes.
func checkClock(now time.Time, info *debug.BuildInfo) error {
	if info == nil {
		return nil
	}
	for _, s := range info.Settings {
		if s.Key != "vcs.time" {
			continue
		}
		if made, err := time.Parse(time.RFC3339, s.Value); err == nil && now.Before(made) {
			return fmt.Errorf("the clock of this machine says %s, and this binary was made from a commit of %s: set the clock",
				now.UTC().Format(time.RFC3339), s.Value)
		}
	}
	return nil
}
