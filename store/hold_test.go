package store_test

import (
	"testing"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

// held is what comes of a delivery by a look at its webhook as it was.
func held(d souk.Delivery) store.Progress {
	return store.Progress{Delivery: d, Status: souk.DeliveryHeld, Attempts: d.Attempts}
}

// putHook has a webhook be as given.
func putHook(t *testing.T, db *store.DB, hook souk.Webhook, status souk.WebhookStatus) {
	t.Helper()
	write(t, db, func(tx *store.Tx) error {
		hook.Status = status
		return tx.PutWebhook(store.SealedWebhook{Webhook: hook})
	})
}

// Nothing is held of a webhook that was enabled meanwhile, as nobody would
// release it.
func TestNothingIsHeldOfAnEnabledWebhook(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		hook := listening(t, db)
		first := enqueue(t, db, about(hook.ID, "a", noon))[0]
		second := about(hook.ID, "b", noon)
		second.Status, second.NextAt = souk.DeliveryHeld, time.Time{}
		third := enqueue(t, db, second, about(hook.ID, "b", noon))[1]
		at := noon.Add(time.Minute)
		record(t, db, at, held(first))
		wantSchedule(t, db, []souk.Delivery{first, second, third}, "60", "0", "waits")

		putHook(t, db, hook, souk.WebhookDisabled)
		record(t, db, at, held(first))
		fourth := about(hook.ID, "c", noon)
		fourth.Status = souk.DeliveryHeld
		enqueue(t, db, fourth)
		wantSchedule(t, db, []souk.Delivery{first, fourth}, "held", "held")
	})
}

// Nor is it if the transaction that enables the webhook has not ended: who comes
// to hold something waits for it, or is seen by it.
func TestHoldingBesideEnabling(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		hook := listening(t, db)
		putHook(t, db, hook, souk.WebhookDisabled)
		first := enqueue(t, db, about(hook.ID, "a", noon))[0]
		second := about(hook.ID, "b", noon)
		second.Status = souk.DeliveryHeld
		for _, hold := range []func(tx *store.Tx) error{
			func(tx *store.Tx) error {
				_, err := tx.Record(souk.ID{1}, noon, []store.Progress{held(first)})
				return err
			},
			func(tx *store.Tx) error {
				_, err := tx.InsertDeliveries([]souk.Delivery{second})
				return err
			},
		} {
			putHook(t, db, hook, souk.WebhookDisabled)
			ended := make(chan error, 1)
			write(t, db, func(tx *store.Tx) error {
				if err := tx.SetWebhookStatus(hook.ID, souk.WebhookActive, noon); err != nil {
					return err
				}
				if _, err := tx.Release(hook.ID, time.Time{}, noon, 10); err != nil {
					return err
				}
				go func() { ended <- db.Record(t.Context(), hold) }()
				// It waits. If it does not, it is over long before the time is.
				select {
				case err := <-ended:
					ended <- err
				case <-time.After(200 * time.Millisecond):
				}
				return nil
			})
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			wantSchedule(t, db, []souk.Delivery{first}, "0")
		}
		wantSchedule(t, db, []souk.Delivery{second}, "0")
	})
}
