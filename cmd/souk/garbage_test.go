package main

import "testing"

func TestGarbage(t *testing.T) {
	for live, want := range map[uint64]int{
		0:         100,
		1:         10_000,
		1 << 20:   3100,
		8 << 20:   300,
		16 << 20:  100,
		20 << 20:  60,
		24 << 20:  50,
		32 << 20:  50,
		40 << 20:  50,
		512 << 20: 50,
	} {
		if got := garbage(live); got != want {
			t.Errorf("%d bytes live: %d %%, want %d %%", live, got, want)
		}
	}
}
