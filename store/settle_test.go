package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

// settled runs a step that settles so many.
func settled(t *testing.T, db *store.DB, want int64, step func(*store.Tx) (int64, error)) {
	t.Helper()
	write(t, db, func(tx *store.Tx) error {
		n, err := step(tx)
		if err == nil && n != want {
			err = fmt.Errorf("%d were settled, want %d", n, want)
		}
		return err
	})
}

func TestSettlingLetsOthersFollow(t *testing.T) {
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
		uninstall := func(limit int) func(*store.Tx) (int64, error) {
			return func(tx *store.Tx) (int64, error) {
				return tx.SettleInstallation(gone, souk.DeliveryCancelled, "uninstalled", noon.Add(time.Second), limit)
			}
		}
		settled(t, db, 3, uninstall(3))
		settled(t, db, 1, uninstall(3))
		settled(t, db, 0, uninstall(3))
		wantSchedule(t, db, all, "cancelled", "cancelled", "1", "waits", "0", "cancelled", "cancelled")
		settled(t, db, 3, func(tx *store.Tx) (int64, error) {
			return tx.SettleWebhook(hook, 1, souk.DeliveryCancelled, "the webhook was deleted", noon.Add(2*time.Second), 100)
		})
		wantSchedule(t, db, all, "cancelled", "cancelled", "cancelled", "cancelled", "cancelled", "cancelled", "cancelled")
		if d := delivery(t, db, all[3].ID); d.Note != "the webhook was deleted" || !d.EndedAt.Equal(noon.Add(2*time.Second)) || d.Entry != all[3].Entry {
			t.Errorf("%+v", d)
		}
	})
}

// Raising the epoch of a webhook ends what is older, held or not, however much
// is newer.
func TestSettleWebhookByEpoch(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		hook := souk.NewID()
		var all []souk.Delivery
		for i := range 12 {
			d := due(hook, noon.Add(time.Duration(-i)*time.Second))
			d.Epoch = int64(i % 3)
			if i%2 == 0 {
				d.Status = souk.DeliveryHeld
			}
			all = append(all, d)
		}
		enqueue(t, db, append(slices.Clone(all), due(souk.NewID(), noon))...)
		for _, want := range []int64{5, 3, 0} {
			settled(t, db, want, func(tx *store.Tx) (int64, error) {
				return tx.SettleWebhook(hook, 2, souk.DeliverySkipped, "skipped", noon, 5)
			})
		}
		for i, d := range all {
			now := delivery(t, db, d.ID)
			if over := now.Status == souk.DeliverySkipped; over != (d.Epoch < 2) {
				t.Errorf("%d of epoch %d is %s", i, d.Epoch, now.Status)
			}
		}
	})
}

// What is held is released in its order, from a time on.
func TestHoldAndRelease(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		hook := souk.NewID()
		all := []souk.Delivery{
			about(hook, "chat", noon), about(hook, "chat", noon.Add(time.Second)), about(hook, "", noon.Add(time.Second)),
			about(hook, "chat", noon.Add(2*time.Second)), about(hook, "user", noon.Add(2*time.Second)),
		}
		enqueue(t, db, all...)
		hold := func(tx *store.Tx) (int64, error) { return tx.Hold(hook, 3) }
		settled(t, db, 3, hold)
		settled(t, db, 2, hold)
		settled(t, db, 0, hold)
		wantSchedule(t, db, all, "held", "held", "held", "held", "held")
		// Nobody leads a line in which an earlier one is held, and nobody is due.
		all = append(all, enqueue(t, db, about(hook, "chat", noon.Add(3*time.Second)))...)
		write(t, db, func(tx *store.Tx) error {
			_, err := tx.LeadLines(noon.Add(4*time.Second), store.Line{}, 10)
			return err
		})
		wantSchedule(t, db, all, "held", "held", "held", "held", "held", "waits")

		at := noon.Add(5 * time.Second)
		release := func(limit int) func(tx *store.Tx) (int64, error) {
			return func(tx *store.Tx) (int64, error) { return tx.Release(hook, noon.Add(time.Second), at, limit) }
		}
		settled(t, db, 2, release(2))
		wantSchedule(t, db, all, "held", "waits", "5", "held", "held", "waits")
		settled(t, db, 2, release(3))
		wantSchedule(t, db, all, "held", "waits", "5", "waits", "5", "waits")
		settled(t, db, 0, release(3))
		at = noon.Add(6 * time.Second)
		settled(t, db, 1, func(tx *store.Tx) (int64, error) { return tx.Release(hook, time.Time{}, at, 3) })
		wantSchedule(t, db, all, "6", "waits", "5", "waits", "5", "waits")
	})
}
