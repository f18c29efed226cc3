package store_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"souk"
	"souk/souktest"
	"souk/store"
)

// An endpoint goes from node to node while the heads of its lines are in flight, and
// what the last node hears it records late: of each line one at a time may be sent,
// the earliest, none is lost, and they end in order.
func TestLinesGoFromNodeToNode(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		at := noon
		rapid.Check(t, func(rt *rapid.T) {
			hook := souk.NewID()
			nodes := []souk.ID{souk.NewID(), souk.NewID()}
			if !db.Leased() {
				nodes = nodes[:1]
			}
			type flight struct {
				d     souk.Delivery
				shard store.Shard
			}
			owner, shard := 0, store.Shard{}
			flying := [2]map[souk.ID]flight{{}, {}}
			open := map[souk.ID]souk.Delivery{}
			do := func(fn func(*store.Tx) error) {
				at = at.Add(time.Second)
				if err := db.Record(t.Context(), fn); err != nil {
					rt.Fatal(err)
				}
			}
			first := func(d souk.Delivery) bool {
				for _, o := range inOrder(open) {
					if o.Resource == d.Resource {
						return o.ID == d.ID
					}
				}
				return false
			}
			move := func(to int) {
				owner, at = to, at.Add(time.Hour)
				do(func(tx *store.Tx) error {
					taken, err := tx.TakeShards(nodes[to], at, at.Add(time.Minute), store.Shards)
					for _, s := range taken {
						if s.Number == store.ShardOf(hook) {
							shard = s
						}
					}
					return err
				})
			}
			send := func() (sent int) {
				for _, d := range dueTo(t, db, hook, at.Add(24*time.Hour)) {
					if !first(d) {
						rt.Errorf("%s may be sent, and is not the first about %s", d.ID, d.Resource)
					}
					flying[owner][d.ID] = flight{d, shard}
					sent++
				}
				return sent
			}
			land := func(node int, succeeds func() bool) {
				var came []store.Progress
				var shards []store.Shard
				for _, f := range flying[node] {
					shards = append(shards, f.shard)
				}
				do(func(tx *store.Tx) error {
					lost, err := tx.Fence(nodes[node], shards)
					if err != nil {
						return err
					}
					for _, f := range flying[node] {
						p := fails(f.d, at, at)
						if succeeds() {
							p = ends(f.d)
						}
						p.Lost = lost[f.shard]
						came = append(came, p)
					}
					return dropped(tx.Record(nodes[node], at, came))
				})
				flying[node] = map[souk.ID]flight{}
				for _, p := range came {
					was, there := open[p.Delivery.ID]
					if over := delivery(t, db, p.Delivery.ID).Status == souk.DeliverySuccessful; over && there {
						if !first(was) {
							rt.Errorf("%s ended before its turn", was.ID)
						}
						delete(open, was.ID)
					}
				}
			}
			move(0)
			rt.Repeat(map[string]func(*rapid.T){
				"insert": func(rt *rapid.T) {
					d := about(hook, rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "resource"), at)
					open[d.ID] = d
					do(func(tx *store.Tx) error { return dropped(tx.InsertDeliveries([]souk.Delivery{d})) })
				},
				"move": func(rt *rapid.T) { move(rapid.IntRange(0, len(nodes)-1).Draw(rt, "to")) },
				"send": func(*rapid.T) { send() },
				"land": func(rt *rapid.T) {
					land(rapid.IntRange(0, len(nodes)-1).Draw(rt, "node"), func() bool { return rapid.Bool().Draw(rt, "ends") })
				},
			})
			for len(open) > 0 && send() > 0 {
				land(owner, func() bool { return true })
			}
			if len(open) > 0 {
				rt.Errorf("%d were never sent", len(open))
			}
		})
	})
}
