package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"souk"
	"souk/souktest"
	"souk/store"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// due is a delivery to hook that is due at a time.
func due(hook souk.ID, at time.Time) souk.Delivery {
	return souk.Delivery{
		ID: souk.NewID(), Event: souk.NewID(), Webhook: hook, App: souk.NewID(), Dialect: souk.Slack,
		Body: []byte("{}"), Status: souk.DeliveryPending, NextAt: at, CreatedAt: at,
		Entry: souk.NewID(), EntryAt: at,
	}
}

func enqueue(t *testing.T, db *store.DB, all ...souk.Delivery) {
	t.Helper()
	if err := db.Record(t.Context(), func(tx *store.Tx) error { return tx.InsertDeliveries(all) }); err != nil {
		t.Fatal(err)
	}
}

func claim(t *testing.T, db *store.DB, c store.Claim) (claimed []souk.Delivery) {
	t.Helper()
	err := db.Record(t.Context(), func(tx *store.Tx) (err error) {
		claimed, err = tx.ClaimDeliveries(c)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return claimed
}

func TestClaimDeliveries(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		busy, calm, idle := souk.NewID(), souk.NewID(), souk.NewID()
		var all []souk.Delivery
		for i := range 10 {
			all = append(all, due(busy, noon.Add(time.Duration(i)*time.Second)))
		}
		all = append(all, due(calm, noon.Add(20*time.Second)), due(idle, noon.Add(time.Hour)))
		ended := due(calm, noon)
		ended.Status, ended.NextAt, ended.EndedAt = souk.DeliverySuccessful, time.Time{}, noon
		enqueue(t, db, append(all, ended)...)

		names := map[souk.ID]string{}
		for i, d := range all {
			names[d.ID] = fmt.Sprint(i)
		}
		tests := []struct {
			name string
			c    store.Claim
			want []string
		}{
			{"too early", store.Claim{Now: noon.Add(-time.Second), Limit: 100, PerHook: 100}, nil},
			{"the longest due", store.Claim{Now: noon.Add(time.Minute), Limit: 2, PerHook: 100}, []string{"0", "1"}},
			{"so many a webhook", store.Claim{Now: noon.Add(time.Minute), Limit: 100, PerHook: 3}, []string{"10", "2", "3", "4"}},
			{"without those that are busy", store.Claim{Now: noon.Add(time.Minute), Limit: 100, PerHook: 3, Except: []souk.ID{busy, calm, idle}}, nil},
			{"what is left", store.Claim{Now: noon.Add(time.Minute), Limit: 100, PerHook: 100}, []string{"5", "6", "7", "8", "9"}},
			{"under the lease", store.Claim{Now: noon.Add(2*time.Minute - time.Microsecond), Limit: 100, PerHook: 100}, nil},
			{"after the lease", store.Claim{Now: noon.Add(2 * time.Minute), Limit: 100, PerHook: 100},
				[]string{"0", "1", "10", "2", "3", "4", "5", "6", "7", "8", "9"}},
		}
		for _, tt := range tests {
			tt.c.Lease = time.Minute
			var got []string
			for _, d := range claim(t, db, tt.c) {
				got = append(got, names[d.ID])
				if !d.NextAt.Equal(tt.c.Now.Add(time.Minute)) {
					t.Errorf("%s: leased until %s", tt.name, d.NextAt)
				}
			}
			slices.Sort(got)
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("%s (-want +got):\n%s", tt.name, d)
			}
		}
	})
}

// Two that claim at the same time never get the same delivery.
func TestClaimDeliveriesOfManyClaimers(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		var all []souk.Delivery
		for i := range 400 {
			all = append(all, due(souk.ID{15: byte(i%20 + 1)}, noon))
		}
		enqueue(t, db, all...)
		var mu sync.Mutex
		var claimers sync.WaitGroup
		seen := map[souk.ID]int{}
		for range 8 {
			claimers.Go(func() {
				for {
					n := 0
					err := db.Record(context.Background(), func(tx *store.Tx) error {
						claimed, err := tx.ClaimDeliveries(store.Claim{Now: noon, Lease: time.Minute, Limit: 16, PerHook: 4})
						if err != nil {
							return err
						}
						n = len(claimed)
						mu.Lock()
						defer mu.Unlock()
						for _, d := range claimed {
							seen[d.ID]++
						}
						return nil
					})
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					all := len(seen)
					mu.Unlock()
					if n == 0 && all == 400 {
						return
					}
				}
			})
		}
		claimers.Wait()
		for id, n := range seen {
			if n != 1 {
				t.Errorf("%s was claimed %d times", id, n)
			}
		}
	})
}

func TestAdvanceDeliveries(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		hook := souk.NewID()
		var all []souk.Delivery
		for range 7 {
			all = append(all, due(hook, noon))
		}
		all[6].Status, all[6].NextAt, all[6].EndedAt, all[6].Note = souk.DeliveryCancelled, time.Time{}, noon, "uninstalled"
		enqueue(t, db, all...)

		later := noon.Add(time.Second)
		move := func(i, before, after int, outcome souk.Outcome, status souk.DeliveryStatus, next time.Time, note string) store.Progress {
			return store.Progress{Delivery: all[i].ID, Before: before, Attempts: after, Outcome: outcome, Status: status, NextAt: next, Note: note}
		}
		moves := []store.Progress{
			move(0, 0, 1, souk.OK, souk.DeliverySuccessful, time.Time{}, ""),
			move(1, 0, 1, souk.OK, souk.DeliverySuccessful, time.Time{}, ""),
			move(2, 0, 1, souk.BadStatus, souk.DeliveryPending, noon.Add(time.Minute), ""),
			move(3, 0, 1, souk.BadStatus, souk.DeliveryPending, noon.Add(time.Hour), ""),
			move(4, 0, 0, "", souk.DeliverySkipped, time.Time{}, "paused"),
			move(5, 3, 4, souk.OK, souk.DeliverySuccessful, time.Time{}, ""), // somebody else carried on
			move(6, 0, 1, souk.OK, souk.DeliverySuccessful, time.Time{}, ""), // cancelled meanwhile
		}
		for _, i := range []int{0, 2, 3} {
			moves[i].Logged = true
		}
		for _, i := range []int{2, 3} {
			moves[i].Entry, moves[i].EntryAt = souk.NewID(), noon.Add(time.Duration(i)*time.Millisecond)
		}
		want := slices.Clone(all)
		for i := range 5 {
			want[i].Status, want[i].Attempts, want[i].LastOutcome = moves[i].Status, moves[i].Attempts, moves[i].Outcome
			want[i].NextAt, want[i].Note = moves[i].NextAt, moves[i].Note
			if moves[i].Logged {
				want[i].Entry = moves[i].Entry
			}
			if !moves[i].EntryAt.IsZero() {
				want[i].EntryAt = moves[i].EntryAt
			}
			if want[i].Status != souk.DeliveryPending {
				want[i].EndedAt = later
			}
		}
		// Twice, as after a commit whose outcome is unknown.
		for range 2 {
			var got []souk.Delivery
			err := db.Record(t.Context(), func(tx *store.Tx) error {
				if err := tx.AdvanceDeliveries(later, moves); err != nil {
					return err
				}
				got = nil
				for _, d := range all {
					now, err := tx.Delivery(d.ID)
					if err != nil {
						return err
					}
					got = append(got, now)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		}
	})
}

func TestInsertAttempts(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		delivery := souk.NewID()
		var want []souk.Attempt
		for i := range 101 {
			want = append(want, souk.Attempt{
				ID: souk.NewID(), Delivery: delivery, Dialect: souk.Giosg, App: souk.NewID(), Webhook: souk.NewID(),
				Channel: "/api/v5/orgs/1/chats", Action: souk.Removed, Resource: "7", Number: i, URL: "https://example.com/",
				Outcome: souk.BadStatus, Status: 500, Answer: "no", Headers: `{"A": "b"}`, Detail: "it said no", ListedAt: noon,
				StartedAt: noon.Add(time.Duration(i) * time.Second), Duration: 5 * time.Millisecond,
			})
		}
		for range 2 { // the second changes nothing
			var got []souk.Attempt
			err := db.Record(t.Context(), func(tx *store.Tx) (err error) {
				if err = tx.InsertAttempts(want); err == nil {
					got, err = tx.Attempts(delivery)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		}
	})
}

// Two processes may make the attempt of one entry. Both were requests.
func TestInsertAttemptsOfOneEntry(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		d := due(souk.NewID(), noon)
		first, second := tried(d, 0, souk.OK, noon.Add(time.Minute)), tried(d, 0, souk.HeaderTimeout, noon.Add(time.Second))
		next := due(d.Webhook, noon)
		for range 2 { // as after a commit whose outcome is unknown
			for _, some := range [][]souk.Attempt{{first}, {second, tried(next, 0, souk.OK, noon)}} {
				write(t, db, func(tx *store.Tx) error { return tx.InsertAttempts(some) })
			}
		}
		var got []souk.Attempt
		write(t, db, func(tx *store.Tx) (err error) {
			got, err = tx.Attempts(d.ID)
			return err
		})
		if len(got) != 2 || got[0].ID == first.ID {
			t.Fatalf("attempts: %+v", got)
		}
		second.ID, second.ListedAt = got[0].ID, second.StartedAt
		if d := cmp.Diff([]souk.Attempt{second, first}, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}

func TestNextDue(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		next := func() (at time.Time) {
			t.Helper()
			err := db.Read(t.Context(), func(tx *store.Tx) (err error) {
				at, err = tx.NextDue()
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return at
		}
		if at := next(); !at.IsZero() {
			t.Errorf("an empty outbox is due at %s", at)
		}
		enqueue(t, db, due(souk.NewID(), noon.Add(time.Hour)), due(souk.NewID(), noon))
		if at := next(); !at.Equal(noon) {
			t.Errorf("due at %s, want %s", at, noon)
		}
		claim(t, db, store.Claim{Now: noon, Lease: 2 * time.Hour, Limit: 10, PerHook: 10})
		if at := next(); !at.Equal(noon.Add(time.Hour)) {
			t.Errorf("after a claim due at %s, want %s", at, noon.Add(time.Hour))
		}
	})
}

// A claim whose transaction fails took nothing.
func TestClaimDeliveriesRollsBack(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		enqueue(t, db, due(souk.NewID(), noon))
		c := store.Claim{Now: noon, Lease: time.Minute, Limit: 1, PerHook: 1}
		broken := errors.New("broken")
		err := db.Record(t.Context(), func(tx *store.Tx) error {
			if _, err := tx.ClaimDeliveries(c); err != nil {
				return err
			}
			return broken
		})
		if !errors.Is(err, broken) {
			t.Fatal(err)
		}
		if n := len(claim(t, db, c)); n != 1 {
			t.Errorf("claimed %d", n)
		}
	})
}
