package store_test

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"souk"
	"souk/souktest"
	"souk/store"
)

// Whatever is put in, ends, is settled, held or released: of each line exactly
// one leads, and it is the earliest that is not held.
func TestLinesHaveOneLeader(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		rapid.Check(t, func(rt *rapid.T) {
			hooks := []souk.ID{souk.NewID(), souk.NewID()}
			installations := []souk.ID{souk.NewID(), souk.NewID()}
			at, open := noon, map[souk.ID]souk.Delivery{}
			do := func(step func(tx *store.Tx) error) {
				at = at.Add(time.Second)
				if err := db.Record(t.Context(), step); err != nil {
					rt.Fatal(err)
				}
			}
			hook := func(rt *rapid.T) souk.ID { return rapid.SampledFrom(hooks).Draw(rt, "hook") }
			// told of a webhook with a status, the earliest first, at most limit.
			of := func(hook souk.ID, status souk.DeliveryStatus, limit int) (some []souk.Delivery) {
				for _, d := range inOrder(open) {
					if d.Webhook == hook && d.Status == status && len(some) < limit {
						some = append(some, d)
					}
				}
				return some
			}
			rt.Repeat(map[string]func(*rapid.T){
				"insert": func(rt *rapid.T) {
					batch := make([]souk.Delivery, rapid.IntRange(1, 4).Draw(rt, "many"))
					for i := range batch {
						batch[i] = on(hook(rt), rapid.SampledFrom([]souk.Channel{"", "c"}).Draw(rt, "channel"),
							rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "resource"), at)
						batch[i].Installation = rapid.SampledFrom(installations).Draw(rt, "installation")
						batch[i].Final = rapid.Bool().Draw(rt, "final")
						if rapid.Bool().Draw(rt, "held") {
							batch[i].Status = souk.DeliveryHeld
						}
						open[batch[i].ID] = batch[i]
					}
					do(func(tx *store.Tx) error {
						_, err := tx.InsertDeliveries(batch)
						return err
					})
				},
				"end": func(rt *rapid.T) {
					var all []store.Progress
					for _, d := range inOrder(open) {
						if d.Status == souk.DeliveryPending && rapid.Bool().Draw(rt, "ends") {
							all = append(all, ends(d))
							delete(open, d.ID)
						}
					}
					do(func(tx *store.Tx) error {
						next, err := tx.Record(souk.ID{}, at, all)
						for _, d := range next {
							if o, there := open[d.ID]; !there || o.Status != souk.DeliveryPending || d.NextAt.IsZero() {
								rt.Errorf("next is %+v", d)
							}
						}
						return err
					})
				},
				"uninstall": func(rt *rapid.T) {
					i := rapid.SampledFrom(installations).Draw(rt, "installation")
					for id, d := range open {
						if d.Installation == i && !d.Final {
							delete(open, id)
						}
					}
					do(func(tx *store.Tx) error {
						_, err := tx.SettleInstallation(i, souk.DeliveryCancelled, "uninstalled", at, 100)
						return err
					})
				},
				"hold": func(rt *rapid.T) {
					h := hook(rt)
					for _, d := range of(h, souk.DeliveryPending, 100) {
						d.Status = souk.DeliveryHeld
						open[d.ID] = d
					}
					do(func(tx *store.Tx) error {
						_, err := tx.Hold(h, 100)
						return err
					})
				},
				"release": func(rt *rapid.T) {
					h, limit := hook(rt), rapid.IntRange(1, 5).Draw(rt, "limit")
					want := of(h, souk.DeliveryHeld, limit)
					for _, d := range want {
						d.Status = souk.DeliveryPending
						open[d.ID] = d
					}
					do(func(tx *store.Tx) error {
						n, err := tx.Release(h, time.Time{}, at, limit)
						if int(n) != len(want) {
							rt.Errorf("released %d of %d", n, len(want))
						}
						return err
					})
				},
				"": func(rt *rapid.T) {
					stands := map[store.Line]bool{} // somebody leads, or is held
					err := db.Read(t.Context(), func(tx *store.Tx) error {
						for _, d := range inOrder(open) {
							now, err := tx.Delivery(d.ID)
							if err != nil {
								return err
							}
							line := store.Line{Webhook: d.Webhook, Channel: d.Channel, Resource: d.Resource}
							leads := d.Status == souk.DeliveryPending && !stands[line]
							if now.Status != d.Status || now.NextAt.IsZero() == leads {
								rt.Errorf("%s of %v is %s, due at %s, and leads: %v", d.ID, line, now.Status, now.NextAt, leads)
							}
							stands[line] = true
						}
						return nil
					})
					if err != nil {
						rt.Fatal(err)
					}
				},
			})
		})
	})
}

// inOrder lists deliveries, the earliest first.
func inOrder(open map[souk.ID]souk.Delivery) []souk.Delivery {
	all := make([]souk.Delivery, 0, len(open))
	for _, d := range open {
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b souk.Delivery) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), a.ID.Compare(b.ID))
	})
	return all
}
