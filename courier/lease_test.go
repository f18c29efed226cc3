package courier

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

func TestNoLease(t *testing.T) {
	var l *Lease
	if s, owns := l.Owns(souk.NewID()); !owns || s != (store.Shard{}) || !l.Node().IsZero() || l.Changed() != nil {
		t.Errorf("the only node: %v, %v", s, owns)
	}
}

func TestOneNodeOwnsAllAtOnce(t *testing.T) {
	leases(t, func(t *testing.T, g *nodes) {
		n := g.join()
		g.want(0)
		<-n.Changed()
		g.want(128)
		time.Sleep(time.Hour)
		g.want(128)
		select {
		case <-n.Changed():
			t.Error("nothing changed, and it says so")
		default:
		}
	})
}

func TestNodesShare(t *testing.T) {
	leases(t, func(t *testing.T, g *nodes) {
		a := g.join()
		time.Sleep(time.Second)
		before := a.shards()
		b, c := g.join(), g.join()
		took := g.until("three share", func() bool { return len(b.shards()) == 43 && len(c.shards()) == 42 })
		if took > 10*time.Second {
			t.Errorf("two that join have their parts after %s", took)
		}
		g.want(43, 43, 42)
		// What stays where it was is the same lease.
		if kept := a.shards(); !slices.Equal(kept, before[:43]) {
			t.Errorf("the first keeps %v of %v", kept, before)
		}

		all := [][]store.Shard{a.shards(), b.shards(), c.shards()}
		g.join()
		g.until("four share", func() bool { return len(g.all[3].shards()) == 32 })
		g.want(32, 32, 32, 32)
		for i, n := range g.all[:3] {
			if kept := n.shards(); !slices.Equal(kept, all[i][:32]) {
				t.Errorf("node %d has %v, of %v", i, kept, all[i])
			}
		}
	})
}

func TestKilledNodeIsReplaced(t *testing.T) {
	leases(t, func(t *testing.T, g *nodes) {
		a, _, _ := g.three()
		time.Sleep(1234 * time.Millisecond)
		g.kill(a)
		if took := g.until("two have all", g.wholly); took > 20*time.Second {
			t.Errorf("taken over after %s", took)
		}
		g.want(64, 64)
	})
}

func TestStoppedNodeIsReplacedWithinABeat(t *testing.T) {
	leases(t, func(t *testing.T, g *nodes) {
		_, b, _ := g.three()
		if err := g.stop(b); err != nil {
			t.Error(err)
		}
		if len(b.shards()) > 0 {
			t.Error("it stopped and owns")
		}
		if took := g.until("two have all", g.wholly); took > 5*time.Second {
			t.Errorf("taken over after %s", took)
		}
		g.want(64, 64)
	})
}

func TestShortLife(t *testing.T) {
	leases(t, func(t *testing.T, g *nodes) {
		a := g.join()
		a.freeze()
		a.Life = 300 * time.Millisecond
		a.thaw()
		b := g.join()
		g.until("two share", func() bool { return len(a.shards()) == 64 && len(b.shards()) == 64 })
		g.kill(a)
		if took := g.until("the other has all", g.wholly); took > 5*time.Second {
			t.Errorf("taken over after %s", took)
		}
	})
}

func TestRunGivesAllBack(t *testing.T) {
	leases(t, func(t *testing.T, g *nodes) {
		l := NewLease(g.db, "alone", slog.New(slog.NewTextHandler(io.Discard, nil)))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- l.Run(ctx) }()
		<-l.Changed()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := g.db.Read(t.Context(), func(tx *store.Tx) error {
			nodes, err := tx.LiveNodes(time.Now())
			if len(nodes) > 0 {
				t.Errorf("there are still %v", nodes)
			}
			all, err2 := tx.Leases()
			for _, s := range all {
				if !s.Node.IsZero() || s.Epoch != 1 {
					t.Errorf("%+v", s)
				}
			}
			return errors.Join(err, err2)
		}); err != nil {
			t.Error(err)
		}
	})
}

func TestFrozenNodeOwnsNothing(t *testing.T) {
	leases(t, func(t *testing.T, g *nodes) {
		a, _, _ := g.three()
		held := a.shards()
		if lost := g.fence(a, held); len(lost) > 0 {
			t.Errorf("lost %v before anything happened", lost)
		}
		a.freeze()
		frozen := time.Now()
		g.until("its lease is over", func() bool { return len(a.shards()) == 0 })
		if lasted := time.Since(frozen); lasted > 14*time.Second {
			t.Errorf("it owned for another %s", lasted)
		}
		// Nobody has taken anything yet: what it made in time is still recorded.
		if lost := g.fence(a, held); len(lost) > 0 {
			t.Errorf("lost %v that nobody has taken", lost)
		}
		time.Sleep(time.Minute)
		g.want(0, 64, 64)
		if lost := g.fence(a, held); len(lost) != len(held) {
			t.Errorf("%d of %d are lost", len(lost), len(held))
		}
		a.thaw()
		g.want(0, 64, 64)
		g.until("it has its part again", func() bool { return len(a.shards()) == 43 })
		g.want(43, 43, 42)
		if lost := g.fence(a, held); len(lost) != len(held) {
			t.Errorf("of old leases %d of %d are lost", len(lost), len(held))
		}
		if lost := g.fence(a, a.shards()); len(lost) > 0 {
			t.Errorf("of new leases %v are lost", lost)
		}
	})
}

// What nobody took meanwhile is its own still, and nothing that it did is void.
func TestAloneAfterAPause(t *testing.T) {
	leases(t, func(t *testing.T, g *nodes) {
		n := g.join()
		<-n.Changed()
		held := n.shards()
		n.freeze()
		time.Sleep(time.Minute)
		g.want(0)
		n.thaw()
		<-n.Changed()
		if got := n.shards(); !slices.Equal(got, held) {
			t.Errorf("it owns %v", got)
		}
		if lost := g.fence(n, held); len(lost) > 0 {
			t.Errorf("lost %v", lost)
		}
	})
}

// Without the database a node stops in time, says so once, and goes on after.
func TestDatabaseIsAway(t *testing.T) {
	address := souktest.Postgres(t)
	synctest.Test(t, func(t *testing.T) {
		db := must(store.Open(t.Context(), address))
		defer func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}()
		var log strings.Builder
		g := &nodes{t: t, db: db}
		n := g.join()
		n.freeze()
		n.log = slog.New(slog.NewTextHandler(&log, nil))
		n.thaw()
		<-n.Changed()
		w := world{t: t, address: address}
		mend := w.breakDatabase()
		time.Sleep(time.Minute)
		g.want(0)
		mend()
		g.until("it goes on", g.wholly)
		n.freeze()
		if failed := strings.Count(log.String(), "leases were not renewed"); failed != 1 {
			t.Errorf("said %d times that leases were not renewed:\n%s", failed, log.String())
		}
		g.end()
	})
}

// The parts of any number of nodes are the whole, and fair.
func TestFairPart(t *testing.T) {
	for n := 1; n <= 2*store.Shards; n++ {
		sum, least, most := 0, store.Shards, 0
		for i := range n {
			part := fairPart(i, n)
			sum, least, most = sum+part, min(least, part), max(most, part)
		}
		if sum != store.Shards || most-least > 1 {
			t.Errorf("%d nodes have %d, from %d to %d each", n, sum, least, most)
		}
	}
}
