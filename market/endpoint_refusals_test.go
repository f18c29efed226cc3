package market_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/store"
)

// past puts a delivery into the log that a webhook was to be told.
func (w *town) past(hook souk.Webhook, installation souk.ID, status souk.DeliveryStatus, at time.Time) souk.Delivery {
	w.t.Helper()
	d := souk.Delivery{
		ID: souk.NewID(), Event: souk.NewID(), Webhook: hook.ID, App: hook.App, Installation: installation, Dialect: hook.Dialect,
		Epoch: hook.Epoch, Body: []byte("told"), Status: status, Attempts: 3, LastOutcome: souk.BadStatus,
		Entry: souk.NewID(), EntryAt: at, CreatedAt: at, EndedAt: at,
	}
	w.write(func(tx *store.Tx) error { return drop(tx.InsertDeliveries([]souk.Delivery{d})) })
	return d
}

// became gives a webhook another status, as if Souk or its owner had.
func (w *town) became(id souk.ID, status souk.WebhookStatus) souk.Webhook {
	w.t.Helper()
	var hook store.SealedWebhook
	w.write(func(tx *store.Tx) (err error) {
		if hook, err = tx.Webhook(id); err != nil {
			return err
		}
		hook.Status, hook.DisabledAt, hook.DisabledWhy = status, time.Time{}, ""
		if status == souk.WebhookDisabled {
			hook.DisabledAt, hook.DisabledWhy = dawn, "it was time"
		}
		return tx.PutWebhook(hook)
	})
	return hook.Webhook
}

// endpoints are the refusals of what somebody does about a webhook that nothing
// reached.
func (w *town) endpoints(wide souk.Installation) (rows []refused) {
	ctx := context.Background()
	add := func(name string, want souk.Refusal, call func() error) {
		rows = append(rows, refused{name, call, want})
	}
	chat, nobody := w.app["chat"], souk.NewID()
	hook := w.subscribe("chat", souk.Native, "case.approved").Webhook
	off := w.became(w.subscribe("chat", souk.Native, "case.approved").ID, souk.WebhookDisabled)
	slack := w.subscribe("chat", souk.Slack, "app_requested").Webhook
	private := w.became(w.subscribe("chat", souk.Native, "case.approved").ID, souk.WebhookPaused)
	w.write(func(tx *store.Tx) error {
		sealed, err := tx.Webhook(private.ID)
		if err != nil {
			return err
		}
		sealed.URL = "https://10.0.0.1/"
		return tx.PutWebhook(sealed)
	})
	over := w.past(hook, souk.ID{}, souk.DeliveryExhausted, dawn)
	offOver := w.past(off, souk.ID{}, souk.DeliveryExhausted, dawn)
	gone := w.install("sid", "chat", w.hq)
	ok(w.t, w.m.EndInstallation(ctx, w.as("sid"), w.hq, gone.ID))
	left := w.past(hook, gone.ID, souk.DeliveryCancelled, dawn)
	w.waitingFor(hook, souk.Installation{}, 1)
	var open souk.ID
	w.read(func(tx *store.Tx) error {
		found, err := tx.DeliveriesPage(hook.ID, souk.DeliveryPending, souk.Page{Size: 1})
		open = found[0].ID
		return err
	})
	busy := w.subscribe("chat", souk.Native, "case.approved").Webhook
	running := must(w.m.StartReplay(ctx, w.as("vic"), market.Replaying{App: chat, Webhook: busy.ID, Since: dawn}))(w.t)

	type verb struct {
		name string
		call func(a souk.Actor, app, hook souk.ID) error
	}
	verbs := []verb{
		{"enable", func(a souk.Actor, app, hook souk.ID) error {
			return drop(w.m.EnableWebhook(ctx, a, market.Enabling{App: app, Webhook: hook, Held: market.Resume}))
		}},
		{"redeliver", func(a souk.Actor, app, hook souk.ID) error {
			return drop(w.m.Redeliver(ctx, a, app, hook, over.ID))
		}},
		{"replay", func(a souk.Actor, app, hook souk.ID) error {
			return drop(w.m.StartReplay(ctx, a, market.Replaying{App: app, Webhook: hook, Since: dawn}))
		}},
		{"cancel replay", func(a souk.Actor, app, hook souk.ID) error { return w.m.CancelReplay(ctx, a, app, hook, running.ID) }},
		{"read: replay", func(a souk.Actor, app, hook souk.ID) error { return drop(w.m.Replay(ctx, a, app, hook, running.ID)) }},
		{"read: replays", func(a souk.Actor, app, hook souk.ID) error {
			return drop(w.m.Replays(ctx, a, app, hook, souk.Page{Size: 9}))
		}},
		{"read: state", func(a souk.Actor, app, hook souk.ID) error { return drop(w.m.WebhookState(ctx, a, app, hook)) }},
		{"test", func(a souk.Actor, app, hook souk.ID) error {
			return drop(w.m.TestWebhook(ctx, a, app, hook, "case.approved"))
		}},
		{"rotate", func(a souk.Actor, app, hook souk.ID) error {
			return drop(w.m.RotateWebhookSecret(ctx, a, app, hook, time.Hour))
		}},
	}
	for _, v := range verbs {
		add(v.name+": of an app that is not there", souk.UnknownApp, func() error { return v.call(w.as("vic"), nobody, hook.ID) })
		add(v.name+": another root's", souk.UnknownApp, func() error { return v.call(w.as("eve"), chat, hook.ID) })
		add(v.name+": with another app's token", souk.UnknownApp, func() error { return v.call(souk.Actor{Kind: souk.AppToken, App: w.app["files"]}, chat, hook.ID) })
		add(v.name+": without settings", souk.NotAllowed, func() error { return v.call(w.as("jane"), w.app["bespoke"], hook.ID) })
		add(v.name+": with a token that does not reach it", souk.OrgNotGranted, func() error { return v.call(w.through("vic", wide), chat, hook.ID) })
		add(v.name+": that is not there", souk.UnknownWebhook, func() error { return v.call(w.as("vic"), chat, nobody) })
		add(v.name+": of another app", souk.UnknownWebhook, func() error { return v.call(w.as("vic"), w.app["files"], hook.ID) })
	}
	add("counts: another root's", souk.UnknownApp, func() error { return drop(w.m.DeliveryCounts(ctx, w.as("eve"), chat)) })

	enable := func(id souk.ID, held market.Meanwhile, since time.Time) func() error {
		return func() error {
			return drop(w.m.EnableWebhook(ctx, w.as("vic"), market.Enabling{App: chat, Webhook: id, Held: held, Since: since}))
		}
	}
	add("enable: what fails the handshake", souk.NotVerified, w.failing(enable(slack.ID, market.Resume, time.Time{})))
	add("enable: at a private address", souk.BlockedAddress, enable(private.ID, market.Resume, time.Time{}))
	add("enable: with a replay, while one goes on", souk.ReplayGoesOn, enable(busy.ID, market.Replay, dawn))
	redeliver := func(hook, delivery souk.ID) func() error {
		return func() error { return drop(w.m.Redeliver(ctx, w.as("vic"), chat, hook, delivery)) }
	}
	add("redeliver: what is not there", souk.UnknownDelivery, redeliver(hook.ID, nobody))
	add("redeliver: another webhook's", souk.UnknownDelivery, redeliver(hook.ID, offOver.ID))
	add("redeliver: what is not over", souk.DeliveryOpen, redeliver(hook.ID, open))
	add("redeliver: to a disabled webhook", souk.WebhookInactive, redeliver(off.ID, offOver.ID))
	add("redeliver: for an installation that ended", souk.InstallationOver, redeliver(hook.ID, left.ID))
	add("replay: to a disabled webhook", souk.WebhookInactive, func() error { return verbs[2].call(w.as("vic"), chat, off.ID) })
	add("replay: while one goes on", souk.ReplayGoesOn, func() error { return verbs[2].call(w.as("vic"), chat, busy.ID) })
	add("cancel replay: to another webhook", souk.UnknownReplay, func() error { return w.m.CancelReplay(ctx, w.as("vic"), chat, hook.ID, running.ID) })
	add("cancel replay: that is not there", souk.UnknownReplay, func() error { return w.m.CancelReplay(ctx, w.as("vic"), chat, busy.ID, nobody) })
	add("read: a replay that is not there", souk.UnknownReplay, func() error { return drop(w.m.Replay(ctx, w.as("vic"), chat, busy.ID, nobody)) })
	add("test: a disabled webhook", souk.WebhookInactive, func() error { return verbs[7].call(w.as("vic"), chat, off.ID) })
	add("rotate: what signs with the app's", souk.NoOwnSecret, func() error { return verbs[8].call(w.as("vic"), chat, slack.ID) })
	return rows
}

// What is wrong with the input is told by its field.
func TestBadInputAboutEndpoints(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		hook := w.subscribe("chat", souk.Native, "case.approved")
		later := time.Now().Add(time.Hour)
		before := w.digest()
		for name, tt := range map[string]struct {
			field string
			err   error
		}{
			"enable: no word":             {"held", drop(w.m.EnableWebhook(ctx, operator, market.Enabling{App: hook.App, Webhook: hook.ID}))},
			"enable: replay since never":  {"since", drop(w.m.EnableWebhook(ctx, operator, market.Enabling{App: hook.App, Webhook: hook.ID, Held: market.Replay}))},
			"enable: resume since":        {"since", drop(w.m.EnableWebhook(ctx, operator, market.Enabling{App: hook.App, Webhook: hook.ID, Held: market.Resume, Since: dawn}))},
			"enable: replay since later":  {"since", drop(w.m.EnableWebhook(ctx, operator, market.Enabling{App: hook.App, Webhook: hook.ID, Held: market.Replay, Since: later}))},
			"replay: since never":         {"since", drop(w.m.StartReplay(ctx, operator, market.Replaying{App: hook.App, Webhook: hook.ID}))},
			"replay: before it began":     {"before", drop(w.m.StartReplay(ctx, operator, market.Replaying{App: hook.App, Webhook: hook.ID, Since: dawn, Before: dawn}))},
			"replay: what is pending":     {"statuses", drop(w.m.StartReplay(ctx, operator, market.Replaying{App: hook.App, Webhook: hook.ID, Since: dawn, Statuses: []souk.DeliveryStatus{souk.DeliveryPending}}))},
			"rotate: for a year":          {"overlap", drop(w.m.RotateWebhookSecret(ctx, operator, hook.App, hook.ID, 365*24*time.Hour))},
			"rotate: for less than none":  {"overlap", drop(w.m.RotateWebhookSecret(ctx, operator, hook.App, hook.ID, -time.Second))},
			"test: no event of anybody's": {"event", drop(w.m.TestWebhook(ctx, operator, hook.App, hook.ID, "sun.rose"))},
		} {
			var bad souk.Invalid
			if !errors.As(tt.err, &bad) || bad[0].Field != tt.field {
				t.Errorf("%s: %v, want something about %s", name, tt.err, tt.field)
			}
		}
		if w.digest() != before {
			t.Error("something was changed all the same")
		}
	})
}
