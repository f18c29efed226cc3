package store_test

import (
	"fmt"
	"slices"
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

// enqueue puts deliveries into the outbox, and answers with them as they are
// stored.
func enqueue(t *testing.T, db *store.DB, all ...souk.Delivery) (stored []souk.Delivery) {
	t.Helper()
	if err := db.Record(t.Context(), func(tx *store.Tx) (err error) {
		stored, err = tx.InsertDeliveries(all)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return stored
}

// delivery finds a delivery, open or in the log.
func delivery(t *testing.T, db *store.DB, id souk.ID) (d souk.Delivery) {
	t.Helper()
	if err := db.Read(t.Context(), func(tx *store.Tx) (err error) {
		d, err = tx.Delivery(id)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestInsertDeliveries(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		var all []souk.Delivery
		for i := range 40 {
			d := due(souk.NewID(), noon.Add(time.Duration(i)*time.Second))
			d.Installation, d.Speaker, d.Dialect = souk.NewID(), souk.NewID(), souk.Giosg
			d.Channel, d.Action, d.Resource, d.Trace = "c", souk.Changed, fmt.Sprint(i), "00-0-0-01"
			d.Epoch, d.Attempts, d.Base, d.LastOutcome, d.Final = int64(i), i+1, i, souk.BadStatus, i%2 == 0
			d.Aside = i%3 == 0
			switch i % 4 {
			case 1:
				d.Status = souk.DeliveryHeld
			case 2:
				d.Status, d.EndedAt, d.Note, d.Aside = souk.DeliverySkipped, noon, "the webhook is disabled", false
			}
			all = append(all, d)
		}
		stored := enqueue(t, db, all...)
		for i, d := range stored {
			want := all[i]
			if d.Status != souk.DeliveryPending {
				want.NextAt = time.Time{}
			}
			if diff := cmp.Diff(want, d); diff != "" {
				t.Errorf("answered (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want, delivery(t, db, d.ID)); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
		}
	})
}

// What is due is found by webhook, and in the order in which it came due.
func TestDue(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		hooks := []souk.ID{{15: 1}, {15: 2}, {15: 3}, {15: 4}, {15: 5}}
		var all []souk.Delivery
		for i := range 20 {
			all = append(all, due(hooks[i%3], noon.Add(time.Duration(i/3)*time.Minute)))
		}
		idle := due(hooks[3], noon)
		idle.Status = souk.DeliveryHeld
		handed := due(hooks[4], noon.Add(30*time.Second)) // which looks for what came due pass over
		handed.Handed = true
		enqueue(t, db, append(slices.Clone(all), idle, handed)...)
		read := func(fn func(*store.Tx) error) {
			t.Helper()
			if err := db.Read(t.Context(), fn); err != nil {
				t.Fatal(err)
			}
		}
		webhooks := []struct {
			since, until time.Time
			after        souk.ID
			limit        int
			want         []souk.ID
		}{
			{time.Time{}, noon.Add(-1), souk.ID{}, 9, nil},
			{time.Time{}, noon, souk.ID{}, 9, hooks[:3]},
			{time.Time{}, noon.Add(time.Hour), souk.ID{}, 9, append(slices.Clone(hooks[:3]), hooks[4])},
			{time.Time{}, noon.Add(time.Hour), souk.ID{}, 2, hooks[:2]},
			{time.Time{}, noon.Add(time.Hour), hooks[0], 2, hooks[1:3]},
			{time.Time{}, noon.Add(time.Hour), hooks[2], 2, hooks[4:]},
			{noon.Add(-time.Second), noon.Add(time.Hour), souk.ID{}, 9, hooks[:3]},
			{noon.Add(5 * time.Minute), noon.Add(6 * time.Minute), souk.ID{}, 9, hooks[:2]},
			{noon.Add(4 * time.Minute), noon.Add(5 * time.Minute), souk.ID{}, 9, hooks[:3]},
			{noon.Add(4 * time.Minute), noon.Add(5 * time.Minute), hooks[0], 1, hooks[1:2]},
			{noon.Add(6 * time.Minute), noon.Add(time.Hour), souk.ID{}, 9, nil},
		}
		for _, tt := range webhooks {
			read(func(tx *store.Tx) error {
				got, err := tx.DueWebhooks(tt.since, tt.until, tt.after, tt.limit)
				if d := cmp.Diff(tt.want, got); d != "" {
					t.Errorf("due after %s until %s beyond %s (-want +got):\n%s", tt.since, tt.until, tt.after, d)
				}
				return err
			})
		}
		// Page by page, all of one webhook that is due.
		var got, want []souk.ID
		for i := 0; i < 20 && !all[i].NextAt.After(noon.Add(5*time.Minute)); i += 3 {
			want = append(want, all[i].ID)
		}
		for after := (store.Due{}); ; {
			var some []souk.Delivery
			read(func(tx *store.Tx) (err error) {
				some, err = tx.DueDeliveries(hooks[0], noon.Add(5*time.Minute), after, 2)
				return err
			})
			for _, d := range some {
				got = append(got, d.ID)
				after = store.Due{At: d.NextAt, ID: d.ID}
			}
			if len(some) < 2 {
				break
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("due to one (-want +got):\n%s", d)
		}
		for after, want := range map[time.Time]time.Time{
			noon.Add(-time.Hour): noon, noon: noon.Add(time.Minute), noon.Add(90 * time.Second): noon.Add(2 * time.Minute), noon.Add(time.Hour): {},
		} {
			read(func(tx *store.Tx) error {
				at, err := tx.NextDue(after)
				if !at.Equal(want) {
					t.Errorf("after %s something is due at %s, want %s", after, at, want)
				}
				return err
			})
		}
	})
}

// What was handed over is looked for once it comes due anew: to be tried again, to
// lead its line, or released.
func TestHandedOnce(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		handed := func(d souk.Delivery) souk.Delivery {
			d.Handed = true
			return d
		}
		later := noon.Add(time.Hour)
		failing := handed(due(souk.ID{15: 1}, noon))
		leader, next := handed(about(souk.ID{15: 2}, "42", noon)), handed(about(souk.ID{15: 2}, "42", noon.Add(1)))
		held := handed(due(souk.ID{15: 3}, noon))
		going := handed(due(souk.ID{15: 4}, noon))
		enqueue(t, db, failing, leader, next, held, going)
		want := func(webhooks ...souk.ID) {
			t.Helper()
			if err := db.Read(t.Context(), func(tx *store.Tx) error {
				got, err := tx.DueWebhooks(noon.Add(-time.Hour), later, souk.ID{}, 9)
				if d := cmp.Diff(webhooks, got); d != "" {
					t.Errorf("due (-want +got):\n%s", d)
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		want()
		record(t, db, noon, fails(failing, noon, later))
		want(failing.Webhook)
		record(t, db, noon, ends(leader))
		want(failing.Webhook, next.Webhook)
		settled(t, db, 1, func(tx *store.Tx) (int64, error) { return tx.Hold(held.Webhook, 9) })
		want(failing.Webhook, next.Webhook)
		settled(t, db, 1, func(tx *store.Tx) (int64, error) { return tx.Release(held.Webhook, time.Time{}, later, 9) })
		want(failing.Webhook, next.Webhook, held.Webhook)
		record(t, db, noon, ends(going))
		write(t, db, func(tx *store.Tx) error { return dropped(tx.Reopen(delivery(t, db, going.ID), later)) })
		want(failing.Webhook, next.Webhook, held.Webhook, going.Webhook)
	})
}
