package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"souk"
	"souk/souktest"
	"souk/store"
)

func TestDeliveriesAboutOneResourceStandInLine(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		hook, other := souk.NewID(), souk.NewID()
		all := enqueue(t, db,
			about(hook, "chat", noon), about(hook, "chat", noon), about(hook, "user", noon), about(other, "chat", noon),
			about(hook, "", noon), about(hook, "", noon),
		)
		all = append(all, enqueue(t, db, about(hook, "chat", noon.Add(time.Second)))...)
		for i, d := range all {
			if waits := i == 1 || i == 6; d.NextAt.IsZero() != waits {
				t.Errorf("%d is stored as due at %s", i, d.NextAt)
			}
		}
		wantSchedule(t, db, all, "0", "waits", "0", "0", "0", "0", "waits")

		// A failure keeps the place in front.
		wantNext(t, record(t, db, noon.Add(2*time.Second), fails(all[0], noon, noon.Add(9*time.Second))))
		wantSchedule(t, db, all, "9", "waits", "0", "0", "0", "0", "waits")
		done := ends(delivery(t, db, all[0].ID))
		wantNext(t, record(t, db, noon.Add(10*time.Second), done), all[1])
		wantSchedule(t, db, all, "successful", "10", "0", "0", "0", "0", "waits")
		wantNext(t, record(t, db, noon.Add(10*time.Second), done)) // as after a commit whose outcome is unknown
		wantSchedule(t, db, all, "successful", "10", "0", "0", "0", "0", "waits")
		wantNext(t, record(t, db, noon.Add(11*time.Second), skips(all[1])), all[6])
		wantSchedule(t, db, all, "successful", "skipped", "0", "0", "0", "0", "11")
		all = append(all, enqueue(t, db, about(hook, "chat", noon.Add(12*time.Second)))...)
		wantNext(t, record(t, db, noon.Add(13*time.Second), ends(all[6]), ends(all[4])), all[7])
		wantSchedule(t, db, all, "successful", "skipped", "0", "0", "successful", "0", "successful", "13")
		wantNext(t, record(t, db, noon.Add(14*time.Second), ends(all[7]), ends(all[2])))
		again := enqueue(t, db, about(hook, "chat", noon.Add(15*time.Second)))
		wantSchedule(t, db, again, "15")
	})
}

// What is "42" on one channel is another thing than what is "42" on the next, be
// it an organization's or one of other things.
func TestLinesOfOtherChannels(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		hook := souk.NewID()
		const chats, theirs, users = souk.Channel("/api/v5/orgs/1/chats"), souk.Channel("/api/v5/orgs/2/chats"), souk.Channel("/api/v5/orgs/1/users")
		all := enqueue(t, db,
			on(hook, chats, "42", noon), on(hook, theirs, "42", noon), on(hook, users, "42", noon), on(hook, chats, "42", noon),
		)
		for _, channel := range []souk.Channel{theirs, chats} {
			all = append(all, enqueue(t, db, on(hook, channel, "42", noon.Add(time.Second)))...)
		}
		wantSchedule(t, db, all, "0", "0", "0", "waits", "waits", "waits")
		wantNext(t, dueTo(t, db, hook, noon), all[:3]...)
		record(t, db, noon.Add(2*time.Second), ends(all[2]))
		wantSchedule(t, db, all, "0", "0", "successful", "waits", "waits", "waits")
		record(t, db, noon.Add(3*time.Second), ends(all[1]))
		wantSchedule(t, db, all, "0", "successful", "successful", "waits", "3", "waits")
		record(t, db, noon.Add(4*time.Second), ends(all[0]))
		wantSchedule(t, db, all, "successful", "successful", "successful", "4", "3", "waits")
		wantNext(t, record(t, db, noon.Add(5*time.Second), ends(all[4]), ends(all[3])), all[5])
		wantSchedule(t, db, all, "successful", "successful", "successful", "successful", "successful", "5")
	})
}

// dueTo lists what is due to a webhook.
func dueTo(t *testing.T, db *store.DB, hook souk.ID, until time.Time) (all []souk.Delivery) {
	t.Helper()
	if err := db.Read(t.Context(), func(tx *store.Tx) (err error) {
		all, err = tx.DueDeliveries(hook, until, store.Due{}, 100)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// Two that came to lead one line, as they did not see each other, go one after
// the other all the same.
func TestTwoThatLeadOneLine(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		hook := souk.NewID()
		// unseen is put into the outbox as if nobody else were in its line.
		unseen := func(d souk.Delivery) souk.Delivery {
			t.Helper()
			resource := d.Resource
			d.Resource = ""
			enqueue(t, db, d)
			write(t, db, func(tx *store.Tx) error {
				_, err := tx.Exec(`UPDATE deliveries SET resource = $1 WHERE id = $2`, resource, d.ID)
				return err
			})
			d.Resource = resource
			return d
		}
		later := unseen(about(hook, "chat", noon.Add(time.Second)))
		earlier := unseen(about(hook, "chat", noon))
		last := enqueue(t, db, about(hook, "chat", noon.Add(2*time.Second)))[0]
		wantNext(t, dueTo(t, db, hook, noon.Add(time.Hour)), earlier)
		// Also while it waits for another attempt.
		wantNext(t, record(t, db, noon.Add(3*time.Second), fails(earlier, noon, noon.Add(time.Hour))))
		wantNext(t, dueTo(t, db, hook, noon.Add(time.Minute)))
		wantNext(t, record(t, db, noon.Add(4*time.Second), ends(delivery(t, db, earlier.ID))), later)
		wantNext(t, dueTo(t, db, hook, noon.Add(time.Minute)), later)
		wantSchedule(t, db, []souk.Delivery{earlier, later, last}, "successful", "1", "waits")
		wantNext(t, record(t, db, noon.Add(5*time.Second), ends(later)), last)
	})
}

// What is delivered again stands aside: nobody waits for it, and it for nobody.
func TestReopenedDeliveriesStandAside(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		hook := souk.NewID()
		all := enqueue(t, db, about(hook, "chat", noon), about(hook, "chat", noon.Add(time.Second)), about(hook, "chat", noon.Add(2*time.Second)))
		record(t, db, noon.Add(3*time.Second), ends(all[0]))
		again := all[0]
		write(t, db, func(tx *store.Tx) (err error) {
			d, err := tx.Delivery(all[0].ID)
			if err != nil {
				return err
			}
			d.Epoch = 7
			again, err = tx.Reopen(d, noon.Add(4*time.Second))
			return err
		})
		want := all[0]
		want.Status, want.Attempts, want.Base, want.LastOutcome, want.Epoch = souk.DeliveryPending, 1, 1, souk.OK, 7
		want.Aside, want.NextAt, want.Entry, want.EntryAt = true, noon.Add(4*time.Second), again.Entry, noon.Add(4*time.Second)
		if d := gocmp.Diff(want, again); d != "" || again.Entry == all[0].Entry {
			t.Errorf("reopened (-want +got):\n%s", d)
		}
		if d := gocmp.Diff(again, delivery(t, db, again.ID)); d != "" {
			t.Errorf("stored (-want +got):\n%s", d)
		}
		wantSchedule(t, db, all, "4", "3", "waits")
		wantNext(t, dueTo(t, db, hook, noon.Add(time.Minute)), all[0], all[1])
		wantNext(t, record(t, db, noon.Add(5*time.Second), fails(again, noon, noon.Add(time.Hour))))
		wantNext(t, record(t, db, noon.Add(6*time.Second), ends(all[1])), all[2])
		wantNext(t, record(t, db, noon.Add(7*time.Second), ends(all[2])))
		alone := enqueue(t, db, about(hook, "chat", noon.Add(8*time.Second)))
		wantSchedule(t, db, alone, "8")

		// It may be held too, and goes on aside.
		write(t, db, func(tx *store.Tx) error {
			_, err := tx.Hold(hook, 10)
			return err
		})
		write(t, db, func(tx *store.Tx) error {
			_, err := tx.Release(hook, time.Time{}, noon.Add(9*time.Second), 10)
			return err
		})
		wantSchedule(t, db, append(alone, again), "9", "9")

		// Nobody can reopen what has not ended.
		err := db.Write(t.Context(), nil, func(tx *store.Tx) error {
			_, err := tx.Reopen(again, noon)
			return err
		})
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("reopening an open one: %v", err)
		}

		// What ended is aside no more: it may be asked for again.
		record(t, db, noon.Add(10*time.Second), ends(delivery(t, db, again.ID)))
		if d := delivery(t, db, again.ID); d.Status != souk.DeliverySuccessful || d.Aside {
			t.Errorf("in the end: %+v", d)
		}
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
				if _, err := tx.Exec(`DELETE FROM deliveries WHERE id = $1`, all[i].ID); err != nil {
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
				want = "gone"
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

// However many put in at the same time, of each line one goes after another, and
// nobody is left behind.
func TestLinesOfMany(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		const many = 200
		hook := souk.NewID()
		do := func(fn func(*store.Tx) error) {
			if err := db.Record(context.Background(), fn); err != nil {
				t.Error(err)
			}
		}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for i := range many / 4 {
					d := about(hook, fmt.Sprint("resource", i%3), noon)
					do(func(tx *store.Tx) error {
						_, err := tx.InsertDeliveries([]souk.Delivery{d})
						return err
					})
				}
			})
		}
		all.Go(func() { // who has the lane sends what is due and what follows
			inHand := map[souk.ID]souk.Delivery{}
			lines := map[string]bool{}
			take := func(d souk.Delivery) {
				if _, known := inHand[d.ID]; known {
					return
				}
				if lines[d.Resource] {
					t.Errorf("two about %s in hand", d.Resource)
				}
				inHand[d.ID], lines[d.Resource] = d, true
			}
			for done := 0; done < many && !t.Failed(); {
				var mine []souk.Delivery
				do(func(tx *store.Tx) (err error) {
					mine, err = tx.DueDeliveries(hook, noon, store.Due{}, 4)
					return err
				})
				for _, d := range mine {
					take(d)
				}
				var over []store.Progress
				for id, d := range inHand {
					over = append(over, ends(d))
					delete(inHand, id)
					delete(lines, d.Resource)
				}
				var next []souk.Delivery
				do(func(tx *store.Tx) (err error) {
					next, err = tx.Record(souk.ID{}, noon, over)
					return err
				})
				done += len(over)
				for _, d := range next {
					take(d)
				}
				do(func(tx *store.Tx) error {
					_, err := tx.LeadLines(noon, store.Line{}, 10)
					return err
				})
			}
		})
		all.Wait()
	})
}
