package store_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"souk"
	"souk/souktest"
	"souk/store"
)

// about is a delivery to hook about a resource.
func about(hook souk.ID, resource string, at time.Time) souk.Delivery {
	d := due(hook, at)
	d.Dialect, d.Resource = souk.Giosg, resource
	return d
}

// on is a delivery to hook about a resource of one channel.
func on(hook souk.ID, channel souk.Channel, resource string, at time.Time) souk.Delivery {
	d := about(hook, resource, at)
	d.Channel = channel
	return d
}

// ends is how a delivery leaves its line.
func ends(d souk.Delivery) store.Progress {
	return store.Progress{
		Delivery: d.ID, Attempts: 1, Outcome: souk.OK, Status: souk.DeliverySuccessful, Logged: true, Ordered: d.Resource != "",
	}
}

func advance(t *testing.T, db *store.DB, at time.Time, all ...store.Progress) {
	t.Helper()
	if err := db.Record(t.Context(), func(tx *store.Tx) error { return tx.AdvanceDeliveries(at, all) }); err != nil {
		t.Fatal(err)
	}
}

// schedule tells when each of some deliveries is due, in seconds after noon;
// "waits" and how it ended for those that are not.
func schedule(t *testing.T, db *store.DB, all ...souk.Delivery) (when []string) {
	t.Helper()
	if err := db.Read(t.Context(), func(tx *store.Tx) error {
		when = nil
		for _, d := range all {
			now, err := tx.Delivery(d.ID)
			switch {
			case err != nil:
				return err
			case now.Status != souk.DeliveryPending:
				when = append(when, string(now.Status))
			case now.NextAt.IsZero():
				when = append(when, "waits")
			default:
				when = append(when, fmt.Sprint(now.NextAt.Sub(noon).Seconds()))
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return when
}

func wantSchedule(t *testing.T, db *store.DB, all []souk.Delivery, want ...string) {
	t.Helper()
	if d := gocmp.Diff(want, schedule(t, db, all...)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestDeliveriesAboutOneResourceStandInLine(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		hook, other := souk.NewID(), souk.NewID()
		all := []souk.Delivery{
			about(hook, "chat", noon), about(hook, "chat", noon), about(hook, "user", noon), about(other, "chat", noon),
			about(hook, "", noon), about(hook, "", noon),
		}
		enqueue(t, db, all...)
		later := about(hook, "chat", noon.Add(time.Second))
		enqueue(t, db, later)
		all = append(all, later)
		wantSchedule(t, db, all, "0", "waits", "0", "0", "0", "0", "waits")

		// A failure keeps the place in front.
		advance(t, db, noon.Add(2*time.Second), store.Progress{
			Delivery: all[0].ID, Attempts: 1, Outcome: souk.BadStatus, Status: souk.DeliveryPending, NextAt: noon.Add(9 * time.Second),
			Ordered: true, Logged: true, Entry: souk.NewID(), EntryAt: noon.Add(2 * time.Second),
		})
		wantSchedule(t, db, all, "9", "waits", "0", "0", "0", "0", "waits")
		done := ends(all[0])
		done.Before, done.Attempts = 1, 2
		for range 2 { // the second time as after a commit whose outcome is unknown
			advance(t, db, noon.Add(10*time.Second), done)
			wantSchedule(t, db, all, "successful", "10", "0", "0", "0", "0", "waits")
		}
		advance(t, db, noon.Add(11*time.Second), store.Progress{
			Delivery: all[1].ID, Status: souk.DeliverySkipped, Note: "paused", Ordered: true,
		})
		wantSchedule(t, db, all, "successful", "skipped", "0", "0", "0", "0", "11")
		again := about(hook, "chat", noon.Add(12*time.Second))
		enqueue(t, db, again)
		advance(t, db, noon.Add(13*time.Second), ends(all[6]))
		all = append(all, again)
		wantSchedule(t, db, all, "successful", "skipped", "0", "0", "0", "0", "successful", "13")
	})
}

// What is "42" on one channel is another thing than what is "42" on the next, be
// it an organization's or one of other things.
func TestLinesOfOtherChannels(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		hook := souk.NewID()
		const chats, theirs, users = souk.Channel("/api/v5/orgs/1/chats"), souk.Channel("/api/v5/orgs/2/chats"), souk.Channel("/api/v5/orgs/1/users")
		all := []souk.Delivery{
			on(hook, chats, "42", noon), on(hook, theirs, "42", noon), on(hook, users, "42", noon), on(hook, chats, "42", noon),
		}
		enqueue(t, db, all...)
		for _, channel := range []souk.Channel{theirs, chats} {
			later := on(hook, channel, "42", noon.Add(time.Second))
			enqueue(t, db, later)
			all = append(all, later)
		}
		wantSchedule(t, db, all, "0", "0", "0", "waits", "waits", "waits")
		if got := claim(t, db, store.Claim{Now: noon, Lease: time.Minute, Limit: 10, PerHook: 10}); len(got) != 3 {
			t.Errorf("claimed %d", len(got))
		}
		advance(t, db, noon.Add(2*time.Second), ends(all[2]))
		wantSchedule(t, db, all, "60", "60", "successful", "waits", "waits", "waits")
		advance(t, db, noon.Add(3*time.Second), ends(all[1]))
		wantSchedule(t, db, all, "60", "successful", "successful", "waits", "3", "waits")
		advance(t, db, noon.Add(4*time.Second), ends(all[0]))
		wantSchedule(t, db, all, "successful", "successful", "successful", "4", "3", "waits")
		advance(t, db, noon.Add(5*time.Second), ends(all[4]), ends(all[3]))
		wantSchedule(t, db, all, "successful", "successful", "successful", "successful", "successful", "5")
	})
}

func TestCancellingDeliveriesLetsOthersFollow(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		hook, gone := souk.NewID(), souk.NewID()
		all := []souk.Delivery{
			about(hook, "chat", noon), about(hook, "chat", noon), about(hook, "chat", noon), about(hook, "chat", noon),
			about(hook, "user", noon), about(hook, "user", noon), about(hook, "", noon),
		}
		for _, i := range []int{0, 1, 2, 5, 6} {
			all[i].Installation = gone
		}
		all[2].Final = true
		enqueue(t, db, all...)
		write(t, db, func(tx *store.Tx) error {
			n, err := tx.CancelDeliveries(gone, noon.Add(time.Second), "uninstalled")
			if err == nil && n != 4 {
				err = fmt.Errorf("%d were cancelled", n)
			}
			return err
		})
		wantSchedule(t, db, all, "cancelled", "cancelled", "1", "waits", "0", "cancelled", "cancelled")
		write(t, db, func(tx *store.Tx) error {
			n, err := tx.CancelDeliveriesTo(hook, noon.Add(2*time.Second), "the webhook was deleted")
			if err == nil && n != 3 {
				err = fmt.Errorf("%d were cancelled", n)
			}
			return err
		})
		wantSchedule(t, db, all, "cancelled", "cancelled", "cancelled", "cancelled", "cancelled", "cancelled", "cancelled")
	})
}

// Of two that came to lead one line, as they did not see each other, the
// earlier one goes, unless the other is on its way.
func TestClaimDeliveriesKeepsTheLine(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		hook := souk.NewID()
		// unseen is put into the outbox as if nobody else were in its line.
		unseen := func(d souk.Delivery) {
			t.Helper()
			resource := d.Resource
			d.Resource = ""
			enqueue(t, db, d)
			write(t, db, func(tx *store.Tx) error {
				_, err := tx.Exec(`UPDATE deliveries SET resource = $1 WHERE id = $2`, resource, d.ID)
				return err
			})
		}
		all := []souk.Delivery{
			about(hook, "chat", noon), about(hook, "chat", noon.Add(time.Second)),
			about(hook, "user", noon), about(hook, "user", noon.Add(time.Second)),
		}
		unseen(all[1])
		unseen(all[0])
		unseen(all[3])
		c := store.Claim{Now: noon.Add(time.Second), Lease: time.Minute, Limit: 1, PerHook: 1}
		write(t, db, func(tx *store.Tx) error { // only the later one about the user is due yet
			_, err := tx.Exec(`UPDATE deliveries SET next_at = $1 WHERE resource = 'chat'`, noon.Add(time.Hour).UnixMicro())
			return err
		})
		if got := claim(t, db, c); len(got) != 1 || got[0].ID != all[3].ID {
			t.Fatalf("claimed %+v", got)
		}
		unseen(all[2])
		write(t, db, func(tx *store.Tx) error {
			_, err := tx.Exec(`UPDATE deliveries SET next_at = $1 WHERE resource = 'chat'`, noon.Add(time.Second).UnixMicro())
			return err
		})
		c.Now, c.Limit, c.PerHook = noon.Add(2*time.Second), 10, 10
		if got := claim(t, db, c); len(got) != 1 || got[0].ID != all[0].ID {
			t.Errorf("claimed %+v", got)
		}
		wantSchedule(t, db, all, "62", "waits", "waits", "61")
		advance(t, db, noon.Add(3*time.Second), ends(all[0]), ends(all[3]))
		wantSchedule(t, db, all, "successful", "3", "3", "successful")
	})
}

// What waits in a line that nobody leads is found, line by line.
func TestLeadLines(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		var all []souk.Delivery
		for i := range 7 {
			hook := souk.ID{15: byte(i/3 + 1)}
			for j := range 3 {
				channel := []souk.Channel{"a", "b", "b"}[i%3] // on both of them is a resource0
				all = append(all, on(hook, channel, fmt.Sprint("resource", []int{0, 0, 1}[i%3]), noon.Add(time.Duration(j)*time.Second)))
			}
		}
		enqueue(t, db, all...)
		write(t, db, func(tx *store.Tx) error {
			for _, i := range []int{0, 9, 18} { // those ended unseen by the ones that wait
				if _, err := tx.Exec(`UPDATE deliveries SET status = 'successful', next_at = NULL WHERE id = $1`, all[i].ID); err != nil {
					return err
				}
			}
			return nil
		})
		var looks []string
		var last store.Line
		for range 10 {
			err := db.Record(t.Context(), func(tx *store.Tx) (err error) {
				last, err = tx.LeadLines(noon.Add(time.Minute), last, 2)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			looks = append(looks, fmt.Sprint(last.Webhook[15], " ", last.Channel, " ", last.Resource))
			if last == (store.Line{}) {
				break
			}
		}
		if d := gocmp.Diff([]string{"1 b resource0", "2 a resource0", "2 b resource1", "0  "}, looks); d != "" {
			t.Errorf("looked up to (-want +got):\n%s", d)
		}
		for i, when := range schedule(t, db, all...) {
			want := "waits"
			switch {
			case i == 0, i == 9, i == 18:
				want = "successful"
			case i == 1, i == 10, i == 19:
				want = "60"
			case i%3 == 0:
				want = "0"
			}
			if when != want {
				t.Errorf("%d: %s, want %s", i, when, want)
			}
		}
	})
}

// Many who put in, claim and end at the same time never have two of one line in
// hand, and leave nothing behind.
func TestLinesOfMany(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		const many = 200
		hook := souk.NewID()
		var mu sync.Mutex
		inHand, done := map[string]bool{}, 0
		record := func(fn func(*store.Tx) error) {
			if err := db.Record(context.Background(), fn); err != nil {
				t.Error(err)
			}
		}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for i := range many / 4 {
					d := about(hook, fmt.Sprint("resource", i%3), noon)
					record(func(tx *store.Tx) error { return tx.InsertDeliveries([]souk.Delivery{d}) })
				}
			})
			all.Go(func() {
				for finished := false; !finished && !t.Failed(); {
					var mine []souk.Delivery
					record(func(tx *store.Tx) (err error) {
						mine, err = tx.ClaimDeliveries(store.Claim{Now: noon, Lease: time.Minute, Limit: 4, PerHook: 4})
						return err
					})
					var ended []store.Progress
					mu.Lock()
					for _, d := range mine {
						if inHand[d.Resource] {
							t.Errorf("two about %s in hand", d.Resource)
						}
						inHand[d.Resource] = true
						ended = append(ended, ends(d))
					}
					mu.Unlock()
					record(func(tx *store.Tx) error { // time passes
						_, err := tx.NextDue()
						return err
					})
					mu.Lock()
					for _, d := range mine {
						inHand[d.Resource] = false
					}
					mu.Unlock()
					record(func(tx *store.Tx) error { return tx.AdvanceDeliveries(noon, ended) })
					record(func(tx *store.Tx) error {
						_, err := tx.LeadLines(noon, store.Line{}, 10)
						return err
					})
					mu.Lock()
					done += len(mine)
					finished = done == many
					mu.Unlock()
				}
			})
		}
		all.Wait()
	})
}

// Whatever is put in, ends or is cancelled, of each line exactly one leads, and
// it is the earliest.
func TestLinesHaveOneLeader(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		rapid.Check(t, func(rt *rapid.T) {
			hooks := []souk.ID{souk.NewID(), souk.NewID()}
			installations := []souk.ID{souk.NewID(), souk.NewID()}
			at, open := noon, map[souk.ID]souk.Delivery{}
			some := func(label string) (ids []souk.ID) {
				for _, d := range inOrder(open) {
					if rapid.Bool().Draw(rt, label) {
						ids = append(ids, d.ID)
					}
				}
				return ids
			}
			var step func(tx *store.Tx) error
			do := func() {
				at = at.Add(time.Second)
				if err := db.Record(t.Context(), step); err != nil {
					rt.Fatal(err)
				}
			}
			rt.Repeat(map[string]func(*rapid.T){
				"insert": func(rt *rapid.T) {
					batch := make([]souk.Delivery, rapid.IntRange(1, 4).Draw(rt, "many"))
					for i := range batch {
						batch[i] = on(rapid.SampledFrom(hooks).Draw(rt, "hook"), rapid.SampledFrom([]souk.Channel{"", "c"}).Draw(rt, "channel"),
							rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "resource"), at)
						batch[i].Installation = rapid.SampledFrom(installations).Draw(rt, "installation")
						batch[i].Final = rapid.Bool().Draw(rt, "final")
						open[batch[i].ID] = batch[i]
					}
					step = func(tx *store.Tx) error { return tx.InsertDeliveries(batch) }
					do()
				},
				"end": func(rt *rapid.T) {
					var all []store.Progress
					for _, id := range some("ends") {
						all = append(all, ends(open[id]))
						delete(open, id)
					}
					step = func(tx *store.Tx) error { return tx.AdvanceDeliveries(at, all) }
					do()
				},
				"claim": func(*rapid.T) {
					step = func(tx *store.Tx) error {
						claimed, err := tx.ClaimDeliveries(store.Claim{Now: at, Lease: 3 * time.Second, Limit: 3, PerHook: 2})
						for _, d := range claimed {
							if _, there := open[d.ID]; !there && slices.Contains(hooks, d.Webhook) {
								rt.Errorf("claimed %s, which has ended", d.ID)
							}
						}
						return err
					}
					do()
				},
				"uninstall": func(rt *rapid.T) {
					i := rapid.SampledFrom(installations).Draw(rt, "installation")
					for id, d := range open {
						if d.Installation == i && !d.Final {
							delete(open, id)
						}
					}
					step = func(tx *store.Tx) error {
						_, err := tx.CancelDeliveries(i, at, "uninstalled")
						return err
					}
					do()
				},
				"": func(rt *rapid.T) {
					leads := map[store.Line]bool{}
					err := db.Read(t.Context(), func(tx *store.Tx) error {
						for _, d := range inOrder(open) {
							now, err := tx.Delivery(d.ID)
							if err != nil {
								return err
							}
							line := store.Line{Webhook: d.Webhook, Channel: d.Channel, Resource: d.Resource}
							if first := !leads[line]; now.Status != souk.DeliveryPending || now.NextAt.IsZero() == first {
								rt.Errorf("%s of %v is %s, due at %s, and first: %v", d.ID, line, now.Status, now.NextAt, first)
							}
							leads[line] = true
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
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID.String(), b.ID.String()))
	})
	return all
}
