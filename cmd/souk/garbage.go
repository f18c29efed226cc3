package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// garbageRoom is how large the heap may grow before it is collected, in bytes. What
	// a courier under load makes is short-lived: with Go's own rule, which is twice
	// what lives, the few MB of a small installation are gone through dozens of times a
	// second, for a tenth of the processor.
	garbageRoom = 32 << 20
	// leastGarbage is how much garbage there may be in any case, in percent of what
	// lives: half of what Go allows, so that a large installation takes less memory.
	leastGarbage = 50
)

// collectSeldom has garbage collected when the heap has grown to garbageRoom, or by
// half where more than that lives. Whoever sets GOGC or GOMEMLIMIT decides
// differently.
func collectSeldom() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	newPace().keep()
}

// pace is how often garbage is collected.
type pace struct {
	live    []metrics.Sample
	percent int
}

func newPace() *pace {
	return &pace{live: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}}
}

// keep sets the pace anew after each collection: it is called when one finds that
// nobody holds its mark.
func (p *pace) keep() {
	metrics.Read(p.live)
	if percent := garbage(p.live[0].Value.Uint64()); percent != p.percent {
		p.percent = percent
		debug.SetGCPercent(percent)
	}
	runtime.AddCleanup(new(mark), func(p *pace) { p.keep() }, p)
}

// mark is what a collection finds. It has a pointer, so that it is not allocated
// together with others that live longer.
type mark struct{ _ *mark }

// garbage is how much of it there may be, in percent of what lives, in steps of ten.
func garbage(live uint64) int {
	if live == 0 { // nothing was collected yet
		return 100
	}
	room := (garbageRoom - min(live, garbageRoom)) * 100 / live
	return max(leastGarbage, int(min(room, 10_000))/10*10)
}
