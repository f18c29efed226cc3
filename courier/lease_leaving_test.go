package courier

import (
	"context"
	"slices"
	"testing"
	"time"
)

// What flies is awaited before its shard goes to another node, but not for ever.
func TestGivenUpWhenNothingFlies(t *testing.T) {
	for _, tt := range []struct {
		name  string
		flies time.Duration
		gone  time.Duration // since the other joined
	}{
		{"a moment", 100 * time.Millisecond, 7 * time.Second},
		{"as an attempt does", 9 * time.Second, 17 * time.Second},
		{"for ever", time.Hour, 27 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			leases(t, func(t *testing.T, g *nodes) {
				n := g.join()
				<-n.Changed()
				var given time.Time
				n.freeze()
				n.Flying = func(int) bool {
					if given.IsZero() {
						given = time.Now()
					}
					return time.Since(given) < tt.flies
				}
				n.thaw()
				held := n.shards()
				joined := time.Now()
				other := g.join()
				g.until("it gives up", func() bool { return len(n.shards()) == 64 })
				if lost := g.fence(n, held); len(lost) > 0 {
					t.Errorf("lost %v that fly", lost)
				}
				g.until("the other has them", func() bool { return len(other.shards()) == 64 })
				if took := time.Since(joined); took > tt.gone || took < min(tt.flies, drainTime) {
					t.Errorf("moved after %s", took)
				}
				if lost := g.fence(n, held); len(lost) != 64 {
					t.Errorf("%d are lost", len(lost))
				}
			})
		})
	}
}

// A node that leaves records what flies first, and holds nothing else meanwhile.
func TestLeavingWhileSomethingFlies(t *testing.T) {
	leases(t, func(t *testing.T, g *nodes) {
		a, b := g.join(), g.join()
		time.Sleep(15 * time.Second)
		held := a.shards()
		busy, landed := held[7].Number, time.Now().Add(12*time.Second)
		a.freeze()
		a.Flying = func(shard int) bool { return shard == busy && time.Now().Before(landed) }
		gone := make(chan error)
		go func() { gone <- a.leave(context.Background()) }()
		g.until("the other has the rest", func() bool { return len(b.shards()) == 127 })
		if !time.Now().Before(landed) {
			t.Error("all waited for what flies")
		}
		if lost := g.fence(a, held); len(lost) != 63 || lost[held[7]] {
			t.Errorf("lost %v, and %d flies", lost, busy)
		}
		if err := <-gone; err != nil {
			t.Error(err)
		}
		if late := time.Since(landed); late < 0 || late > time.Second {
			t.Errorf("gone %s after the landing", late)
		}
		g.until("the other has all", func() bool { return len(b.shards()) == 128 })
	})
}

// Who comes and goes before anything moved has moved nothing.
func TestGivingUpIsTakenBack(t *testing.T) {
	leases(t, func(t *testing.T, g *nodes) {
		n := g.join()
		<-n.Changed()
		held := n.shards()
		n.freeze()
		n.Flying = func(int) bool { return true }
		n.thaw()
		other := g.join()
		g.until("it gives up", func() bool { return len(n.shards()) == 64 })
		if err := g.stop(other); err != nil {
			t.Error(err)
		}
		g.until("it has all again", g.wholly)
		if got := n.shards(); !slices.Equal(got, held) {
			t.Errorf("it owns %v", got)
		}
	})
}
