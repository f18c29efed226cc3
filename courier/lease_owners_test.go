package courier

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"souk/souktest"
)

// Whatever happens to nodes, no two own a shard at a time, and when nothing happens
// for a while those that run own everything in fair parts.
func TestNoShardHasTwoOwners(t *testing.T) {
	souktest.Few(t, 10)
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
					rt.Skip("there is none") // another step is drawn instead, as below
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
