package market_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"souk"
	"souk/market"
	"souk/store"
)

// subscribe makes a webhook of an app for every event its dialect has.
func (w *town) subscribe(app string, dialect souk.Dialect, events ...string) market.Saved {
	w.t.Helper()
	return must(w.m.PutWebhook(context.Background(), operator, market.Hook{App: w.app[app], Dialect: dialect,
		URL: "https://" + app + ".example/" + string(dialect), Events: events}))(w.t)
}

// told spells what is to be delivered: "app kind".
func (w *town) told() []string {
	w.t.Helper()
	return w.rows(`SELECT a.name || ' ' || d.dialect || ' ' || e.kind FROM deliveries d JOIN apps a ON a.id = d.app_id JOIN events e ON e.id = d.event_id WHERE d.status = 'pending'`)
}

func TestWhoIsTold(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		const created = string(souk.RequestCreated)
		woken := 0
		w.m.Told = func([]souk.Delivery) { woken++ }
		w.subscribe("chat", souk.Native, created) // hears of itself, installed or not
		w.subscribe("files", souk.Native, created)
		w.subscribe("monitor", souk.Native, created) // has the scope
		w.subscribe("manager", souk.Slack, "app_requested")
		w.subscribe("tool", souk.Slack, "app_requested")
		if woken != 0 {
			t.Errorf("the courier was woken %d times and there is nothing to carry", woken)
		}
		since := func(what string, asks func(), want ...string) {
			t.Helper()
			asks()
			wantList(t, what, w.told(), want...)
			w.write(func(tx *store.Tx) error { return cancelAll(tx, w) })
		}
		q := souk.Request{}
		since("nothing is installed", func() { q = w.ask("jane", "chat", w.hq) }, "chat native request.created")
		if woken != 1 {
			t.Errorf("the courier was woken %d times", woken)
		}
		ok(t, w.m.CancelRequest(ctx, w.as("jane"), market.Withdrawal{Request: q.ID}))

		w.install("sid", "files", w.hq)
		w.install("sid", "monitor", w.hq)
		w.install("sid", "tool", w.hq)
		w.install("eve", "manager", w.acme, w.lab)
		since("at hq: those that are installed there, about others with the scope", func() { q = w.ask("jane", "chat", w.hq) },
			"chat native request.created", "monitor native request.created", "tool slack request.created")
		ok(t, w.m.CancelRequest(ctx, w.as("jane"), market.Withdrawal{Request: q.ID}))
		since("at the lab: the org-wide one that was granted it", func() { w.ask("lee", "chat", w.lab) },
			"chat native request.created", "manager slack request.created")
		w.setPolicy(w.acme, souk.Approval)
		since("at the enterprise: the org-wide one", func() { w.ask("sam", "chat", w.acme) },
			"chat native request.created", "manager slack request.created")
		since("under another root: nobody else", func() { w.ask("gwen", "chat", w.globex) }, "chat native request.created")

		ok(t, w.m.SuspendApp(ctx, operator, w.app["monitor"]))
		since("a suspended app is told nothing", func() { q = w.ask("joe", "chat", w.hq) }, "chat native request.created", "tool slack request.created")
		ok(t, w.m.CancelRequest(ctx, w.as("joe"), market.Withdrawal{Request: q.ID}))
		w.changeOrg(w.vendor, func(o *souk.Org) { o.HasActiveSubscription = false })
		since("an owner without a subscription is told nothing", func() { q = w.ask("joe", "chat", w.hq) }, "tool slack request.created")
		ok(t, w.m.CancelRequest(ctx, w.as("joe"), market.Withdrawal{Request: q.ID}))
		w.changeOrg(w.hq, func(o *souk.Org) { o.HasActiveSubscription = false })
		since("an org without a subscription is told nothing", func() { w.ask("joe", "chat", w.hq) })
	})
}

func (w *town) changeOrg(id souk.ID, change func(*souk.Org)) {
	w.t.Helper()
	w.write(func(tx *store.Tx) error {
		o, err := tx.Org(id)
		if err != nil {
			return err
		}
		change(&o)
		return tx.PutOrg(o)
	})
}

// cancelAll takes back what is to be delivered.
func cancelAll(tx *store.Tx, w *town) error {
	for _, app := range w.app {
		hooks, err := tx.WebhooksOf(app)
		if err != nil {
			return err
		}
		for _, h := range hooks {
			if _, err := tx.SettleWebhook(h.ID, math.MaxInt64, souk.DeliveryCancelled, "told", dawn, math.MaxInt32); err != nil {
				return err
			}
		}
	}
	return nil
}

func TestWhatIsNotDeliveredAnyMore(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.subscribe("tool", souk.Slack, "app_requested")
		own := w.subscribe("chat", souk.Native, string(souk.RequestCreated), string(souk.InstallationRemoved), string(souk.GrantWasRevoked))
		w.install("sid", "tool", w.hq)
		w.install("sid", "chat", w.hq)
		w.ask("jane", "files", w.hq)
		wantList(t, "before", w.told(), "tool slack request.created")
		must(w.m.Uninstall(ctx, w.as("sid"), market.Uninstalling{App: w.app["tool"], From: []souk.ID{w.hq}}))(t)
		wantList(t, "after uninstalling", w.told())
		must(w.m.Uninstall(ctx, w.as("sid"), market.Uninstalling{App: w.app["chat"], From: []souk.ID{w.hq}}))(t)
		wantList(t, "an app hears of its own end", w.told(), "chat native grant.revoked", "chat native installation.removed")
		ok(t, w.m.DeleteWebhook(ctx, operator, w.app["chat"], own.ID))
		wantList(t, "after deleting the webhook", w.told())
		wantList(t, "what became of them", w.rows(`SELECT status || ': ' || note FROM ended_1`),
			"cancelled: the installation ended", "cancelled: the webhook was deleted", "cancelled: the webhook was deleted")
	})
}

// A verb whose event cannot be spelled leaves nothing, and nobody is woken.
func TestAVerbThatFailsLeavesNothing(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		w.subscribe("chat", souk.Native, "request.created")
		w.m.Told = func([]souk.Delivery) { t.Error("the courier was woken") }
		wire := w.m.Wires[souk.Native]
		before := w.digest()
		for name, encode := range map[string]func(souk.Event, souk.Endpoint) ([]byte, error){
			"an error": func(souk.Event, souk.Endpoint) ([]byte, error) { return nil, errors.New("no words") },
			"a panic":  func(souk.Event, souk.Endpoint) ([]byte, error) { panic("no words") },
		} {
			wire.Encode = encode
			w.m.Wires[souk.Native] = wire
			err := drop(w.m.RequestApp(context.Background(), w.as("jane"), market.Asking{App: w.app["chat"], At: w.hq}))
			want := map[string]market.Fault{"an error": market.Failure, "a panic": market.Calamity}[name]
			if market.FaultOf(err) != want {
				t.Errorf("%s: %v, fault %q", name, err, market.FaultOf(err))
			}
			if w.digest() != before {
				t.Errorf("%s left something", name)
			}
		}
	})
}
