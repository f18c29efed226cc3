package market_test

import (
	"context"
	"fmt"
	"testing"

	"souk"
	"souk/market"
	"souk/store"
)

// waitingFor puts deliveries into the outbox that a webhook is to be told for an
// installation.
func (w *town) waitingFor(hook souk.Webhook, i souk.Installation, n int) {
	w.t.Helper()
	w.write(func(tx *store.Tx) error {
		var all []souk.Delivery
		for k := range n {
			all = append(all, souk.Delivery{
				ID: souk.NewID(), Event: souk.NewID(), Webhook: hook.ID, App: hook.App, Installation: i.ID, Dialect: hook.Dialect,
				Epoch: hook.Epoch, Body: fmt.Append(nil, k), Status: souk.DeliveryPending, NextAt: dawn, Entry: souk.NewID(), EntryAt: dawn, CreatedAt: dawn,
			})
		}
		return drop(tx.InsertDeliveries(all))
	})
}

// A verb that cancels settles a few deliveries itself, and a job the rest.
func TestCancellingCostsOneRow(t *testing.T) {
	for name, tt := range map[string]struct {
		cancel func(w *town, hook market.Saved, i souk.Installation) error
		note   string
	}{
		"deleting the webhook": {func(w *town, hook market.Saved, _ souk.Installation) error {
			return w.m.DeleteWebhook(context.Background(), operator, w.app["chat"], hook.ID)
		}, "the webhook was deleted"},
		"uninstalling": {func(w *town, _ market.Saved, i souk.Installation) error {
			return w.m.EndInstallation(context.Background(), w.as("sid"), w.hq, i.ID)
		}, "the installation ended"},
	} {
		t.Run(name, func(t *testing.T) {
			eachTown(t, func(t *testing.T, w *town) {
				for _, n := range []int{3, 250} {
					hook := w.subscribe("chat", souk.Native, string(souk.RequestCreated))
					i := w.install("sid", "chat", w.hq)
					w.waitingFor(hook.Webhook, i, n)
					ok(t, tt.cancel(w, hook, i))
					left := w.count(`SELECT count(*) FROM deliveries WHERE webhook_id = $1`, hook.ID)
					if want := max(0, n-20); left != want {
						t.Errorf("of %d, %d are left when the verb ends, want %d", n, left, want)
					}
					for more := true; more; {
						more = must(w.m.StepJob(context.Background()))(t)
					}
					if left := w.count(`SELECT count(*) FROM deliveries WHERE webhook_id = $1`, hook.ID); left != 0 {
						t.Errorf("of %d, %d are left in the end", n, left)
					}
					ended := w.count(`SELECT count(*) FROM ended_1 WHERE webhook_id = $1 AND status = 'cancelled' AND note = $2`, hook.ID, tt.note)
					if ended != n {
						t.Errorf("%d of %d ended as cancelled, because %s", ended, n, tt.note)
					}
					if name == "deleting the webhook" {
						ok(t, w.m.EndInstallation(context.Background(), w.as("sid"), w.hq, i.ID))
					}
				}
			})
		})
	}
}
