package courier

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"souk"
	"souk/souktest"
	"souk/store"
)

// endpoints has one in each shard.
var endpoints = sync.OnceValue(func() (all [store.Shards]souk.ID) {
	for missing := store.Shards; missing > 0; {
		id := souk.NewID()
		if n := store.ShardOf(id); all[n].IsZero() {
			all[n] = id
			missing--
		}
	}
	return all
})

// nodes lease from one PostgreSQL, in virtual time.
type nodes struct {
	t   testing.TB
	db  *store.DB
	all []*member
}

// member is a node: its lease, and what runs it.
type member struct {
	*Lease
	cut  context.CancelFunc // while it runs
	over chan struct{}
}

// leases runs test in virtual time.
func leases(t *testing.T, test func(t *testing.T, g *nodes)) {
	t.Helper()
	address := souktest.Postgres(t)
	synctest.Test(t, func(t *testing.T) {
		db, err := store.Open(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}()
		g := &nodes{t: t, db: db}
		defer g.end()
		test(t, g)
	})
}

// end kills all that is left.
func (g *nodes) end() {
	for len(g.all) > 0 {
		g.kill(g.all[0])
	}
}

// join starts a node.
func (g *nodes) join() *member {
	n := &member{Lease: NewLease(g.db, fmt.Sprint("node ", len(g.all)), slog.New(slog.NewTextHandler(io.Discard, nil)))}
	g.all = append(g.all, n)
	n.thaw()
	return n
}

// three nodes that have shared the endpoints out.
func (g *nodes) three() (a, b, c *member) {
	a, b, c = g.join(), g.join(), g.join()
	time.Sleep(15 * time.Second)
	g.want(43, 43, 42)
	return a, b, c
}

// freeze has a node do nothing, though it can still be asked.
func (n *member) freeze() {
	if n.cut != nil {
		n.cut()
		<-n.over
		n.cut = nil
	}
}

// thaw has it go on as if no time had passed.
func (n *member) thaw() {
	ctx, cut := context.WithCancel(context.Background())
	n.cut, n.over = cut, make(chan struct{})
	go func() {
		defer close(n.over)
		n.stay(ctx)
	}()
}

// kill ends a node without a word.
func (g *nodes) kill(n *member) {
	n.freeze()
	n.owned.Store(new(owned))
	g.forget(n)
}

// stop ends a node as Run does.
func (g *nodes) stop(n *member) error {
	n.freeze()
	err := n.leave(context.Background())
	g.forget(n)
	return err
}

func (g *nodes) forget(n *member) {
	g.all = slices.DeleteFunc(g.all, func(other *member) bool { return other == n })
}

// shards are those that a node owns.
func (n *member) shards() (all []store.Shard) {
	for number, endpoint := range endpoints() {
		if s, owns := n.Owns(endpoint); owns {
			if s.Number != number {
				panic("another shard than asked for")
			}
			all = append(all, s)
		}
	}
	return all
}

// want checks how many shards each node owns, in the order in which they joined.
func (g *nodes) want(counts ...int) {
	g.t.Helper()
	var got []int
	for _, n := range g.all {
		got = append(got, len(n.shards()))
	}
	if !slices.Equal(got, counts) {
		g.t.Errorf("nodes own %v shards, want %v", got, counts)
	}
}

// twice names a shard that two nodes own, or is "".
func (g *nodes) twice() string {
	owners := map[int]souk.ID{}
	for _, n := range g.all {
		for _, s := range n.shards() {
			if other, is := owners[s.Number]; is {
				return fmt.Sprintf("%s: shard %d is owned by %s and %s", time.Now().Format(time.TimeOnly), s.Number, other, n.Node())
			}
			owners[s.Number] = n.Node()
		}
	}
	return ""
}

// until waits for something, and answers how long it took.
func (g *nodes) until(what string, is func() bool) time.Duration {
	g.t.Helper()
	began := time.Now()
	for !is() {
		if s := g.twice(); s != "" {
			g.t.Fatal(s)
		}
		if time.Since(began) > time.Minute {
			g.t.Fatalf("never: %s", what)
		}
		time.Sleep(100 * time.Millisecond)
	}
	return time.Since(began)
}

// wholly reports whether the nodes own everything among them.
func (g *nodes) wholly() bool {
	sum := 0
	for _, n := range g.all {
		sum += len(n.shards())
	}
	return sum == store.Shards
}

func (g *nodes) fence(n *member, held []store.Shard) (lost map[store.Shard]bool) {
	g.t.Helper()
	if err := g.db.Record(context.Background(), func(tx *store.Tx) (err error) {
		lost, err = tx.Fence(n.Node(), held)
		return err
	}); err != nil {
		g.t.Fatal(err)
	}
	return lost
}

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

// few has rapid make a number of checks, unless -rapid.checks says how many.
func few(t *testing.T, checks int) {
	f := flag.Lookup("rapid.checks")
	if f.Value.String() != f.DefValue {
		return
	}
	if err := f.Value.Set(strconv.Itoa(checks)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Value.Set(f.DefValue); err != nil {
			t.Error(err)
		}
	})
}

// Whatever happens to nodes, no two own a shard at a time, and when nothing happens
// for a while those that run own everything in fair parts.
func TestNoShardHasTwoOwners(t *testing.T) {
	few(t, 10)
	leases(t, func(t *testing.T, g *nodes) {
		// A deadline of the test is none of virtual time.
		rapid.Check(struct{ testing.TB }{t}, func(rt *rapid.T) {
			g.end()
			runs := func(n *member) bool { return n.cut != nil }
			some := func(rt *rapid.T, which func(*member) bool) *member {
				var of []*member
				for _, n := range g.all {
					if which(n) {
						of = append(of, n)
					}
				}
				if len(of) == 0 {
					rt.Skip("there is none")
				}
				return rapid.SampledFrom(of).Draw(rt, "node")
			}
			rt.Repeat(map[string]func(*rapid.T){
				"join": func(rt *rapid.T) {
					if len(g.all) == 5 {
						rt.Skip("enough")
					}
					flies := time.Duration(rapid.IntRange(0, 25).Draw(rt, "seconds that all flies")) * time.Second
					n := g.join()
					n.freeze()
					n.Flying = func(shard int) bool { return time.Since(n.giving[shard]) < flies }
					n.thaw()
				},
				"kill":   func(rt *rapid.T) { g.kill(some(rt, func(*member) bool { return true })) },
				"freeze": func(rt *rapid.T) { some(rt, runs).freeze() },
				"thaw":   func(rt *rapid.T) { some(rt, func(n *member) bool { return !runs(n) }).thaw() },
				"stop": func(rt *rapid.T) {
					if err := g.stop(some(rt, runs)); err != nil {
						rt.Fatal(err)
					}
				},
				"wait": func(rt *rapid.T) {
					for range rapid.IntRange(1, 100).Draw(rt, "tenths of a second") {
						time.Sleep(100 * time.Millisecond)
						if s := g.twice(); s != "" {
							rt.Fatal(s)
						}
					}
				},
				"": func(rt *rapid.T) {
					if s := g.twice(); s != "" {
						rt.Fatal(s)
					}
				},
			})
			time.Sleep(time.Minute)
			var parts, want []int
			for _, n := range g.all {
				if runs(n) {
					parts = append(parts, len(n.shards()))
					want = append(want, 0)
				} else if len(n.shards()) > 0 {
					rt.Fatal("a frozen node owns")
				}
			}
			for i := range want {
				want[i] = fairPart(i, len(want))
			}
			if !slices.Equal(parts, want) {
				rt.Fatalf("after a while they own %v, and not %v", parts, want)
			}
		})
	})
}
