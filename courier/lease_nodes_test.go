package courier

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

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
