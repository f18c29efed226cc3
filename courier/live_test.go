package courier

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"souk"
	"souk/store"
)

// What makes an attempt pointless is looked at when it would start.
func TestCourierLooksBeforeItSends(t *testing.T) {
	tests := []struct {
		name   string
		change func(tx *store.Tx, w world, hook souk.Webhook) error
		final  bool
		own    bool
		status souk.DeliveryStatus
		note   string
	}{
		{name: "nothing changed", status: souk.DeliverySuccessful},
		{name: "uninstalled", change: uninstall, status: souk.DeliveryCancelled, note: "the installation ended"},
		{name: "uninstalled, final", change: uninstall, final: true, status: souk.DeliverySuccessful},
		{name: "uninstalled, owner's own", change: uninstall, own: true, status: souk.DeliverySuccessful},
		{name: "installation suspended", change: func(tx *store.Tx, w world, _ souk.Webhook) error {
			w.in.Status = souk.InstallationSuspended
			return tx.PutInstallation(w.in)
		}, status: souk.DeliverySkipped, note: "the installation is suspended"},
		{name: "app suspended", change: suspend, status: souk.DeliverySkipped, note: "the app is suspended"},
		{name: "app suspended, final", change: suspend, final: true, status: souk.DeliverySkipped, note: "the app is suspended"},
		{name: "app suspended, owner's own", change: suspend, own: true, status: souk.DeliverySuccessful},
		{name: "app deleted", change: deleteApp, status: souk.DeliveryCancelled, note: "the app was deleted"},
		{name: "app deleted, final", change: deleteApp, final: true, status: souk.DeliverySuccessful},
		{name: "webhook paused", change: func(tx *store.Tx, _ world, hook souk.Webhook) error {
			return tx.SetWebhookStatus(hook.ID, souk.WebhookPaused, time.Now())
		}, status: souk.DeliverySkipped, note: "the webhook is paused"},
		{name: "webhook deleted", change: func(tx *store.Tx, _ world, hook souk.Webhook) error {
			hook.DeletedAt = time.Now()
			return tx.PutWebhook(store.SealedWebhook{Webhook: hook})
		}, final: true, status: souk.DeliveryCancelled, note: "the webhook was deleted"},
		{name: "no subscription", change: unsubscribe, status: souk.DeliverySkipped, note: "the organization has no subscription"},
		{name: "no subscription, owner's own", change: unsubscribe, own: true, status: souk.DeliverySkipped, note: "the organization has no subscription"},
	}
	bubble(t, func(t *testing.T, first world) {
		for _, tt := range tests {
			var in inbox
			w := newWorld(t, first.db, first.address)
			c := w.courier(&in)
			hook := w.hook("receiver", souk.Native)
			d := w.draft(hook)
			d.Final = tt.final
			if tt.own {
				d.Installation = souk.ID{}
			}
			w.put(d)
			if tt.change != nil {
				w.write(func(tx *store.Tx) error { return tt.change(tx, w, hook) })
			}
			stop := start(c)
			time.Sleep(time.Second)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			if got, _ := w.delivery(d.ID); got.Status != tt.status || got.Note != tt.note {
				t.Errorf("%s: %s, %q", tt.name, got.Status, got.Note)
			}
			if sent := len(in.received()) > 0; sent != (tt.status == souk.DeliverySuccessful) {
				t.Errorf("%s: attempted %v", tt.name, sent)
			}
		}
	})
}

func uninstall(tx *store.Tx, w world, _ souk.Webhook) error {
	w.in.Status, w.in.EndedAt = souk.InstallationEnded, time.Now()
	return tx.PutInstallation(w.in)
}

func suspend(tx *store.Tx, w world, _ souk.Webhook) error {
	w.app.Suspended = true
	return tx.PutApp(w.app)
}

func deleteApp(tx *store.Tx, w world, _ souk.Webhook) error {
	w.app.DeletedAt = time.Now()
	return tx.PutApp(w.app)
}

func unsubscribe(tx *store.Tx, w world, _ souk.Webhook) error {
	org, err := tx.Org(w.in.Org)
	if err != nil {
		return err
	}
	org.HasActiveSubscription = false
	return tx.PutOrg(org)
}

// An uninstall that commits while deliveries wait for a slow receiver reaches
// them: none starts later than a second after it.
func TestCourierStopsWithinASecondOfAnUninstall(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var last atomic.Pointer[time.Time]
		c := w.courier(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			last.Store(new(time.Now()))
			readRequest(r)
			<-r.Context().Done()
		}))
		stop := start(c)
		all := w.deliveries(w.hook("pit", souk.Slack), 60)
		c.Wake()
		time.Sleep(4 * time.Second)
		w.write(func(tx *store.Tx) error { return uninstall(tx, w, souk.Webhook{}) })
		committed := time.Now()
		time.Sleep(time.Minute)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if late := last.Load().Sub(committed); late > time.Second {
			t.Errorf("an attempt started %s after the uninstall", late)
		}
		if n := w.count(all)[souk.DeliveryCancelled]; n != len(all) {
			t.Errorf("%d of %d cancelled: %v", n, len(all), w.count(all))
		}
	})
}

// What comes of an attempt whose delivery was cancelled meanwhile is logged and
// changes nothing.
func TestCourierLogsTheOutcomeOfACancelledDelivery(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		c := w.courier(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			readRequest(r)
			time.Sleep(2 * time.Second)
		}))
		stop := start(c)
		d := w.deliveries(w.hook("receiver", souk.Slack), 1)[0]
		c.Wake()
		time.Sleep(time.Second)
		w.write(func(tx *store.Tx) error {
			_, err := tx.SettleInstallation(w.in.ID, souk.DeliveryCancelled, "uninstalled", time.Now(), 10)
			return err
		})
		time.Sleep(10 * time.Second)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		got, attempts := w.delivery(d.ID)
		if got.Status != souk.DeliveryCancelled || got.Note != "uninstalled" || got.Attempts != 0 {
			t.Errorf("delivery %+v", got)
		}
		if len(attempts) != 1 || attempts[0].Outcome != souk.OK {
			t.Errorf("attempts %+v", attempts)
		}
	})
}
