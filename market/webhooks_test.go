package market_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"souk"
	"souk/market"
	"souk/store"
)

func TestWebhooks(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		native := w.subscribe("chat", souk.Native, "request.created", "case.approved", "request.created")
		if !native.New || !strings.HasPrefix(native.Secret, "whsec_") || fmt.Sprint(native.Events) != "[case.approved request.created]" {
			t.Errorf("made %+v", native)
		}
		if slack := w.subscribe("chat", souk.Slack, "app_requested"); slack.Secret != "" {
			t.Errorf("Slack's webhook has a secret of its own: %q", slack.Secret)
		}
		in := market.Hook{ID: native.ID, App: w.app["chat"], URL: "https://chat.example/new", Events: []string{"case.approved"}, Paused: new(true)}
		own := souk.Actor{Kind: souk.AppToken, App: w.app["chat"], Face: "test"}
		changed := must(w.m.PutWebhook(ctx, own, in))(t)
		if changed.New || changed.Secret != "" || changed.Status != souk.WebhookPaused || changed.URL != in.URL {
			t.Errorf("changed to %+v", changed)
		}
		if w := must(w.m.VerifyWebhook(ctx, own, in.App, in.ID))(t); w.Status != souk.WebhookActive {
			t.Errorf("verified: %+v", w)
		}
		listed := must(w.m.Webhooks(ctx, w.as("vic"), in.App))(t)
		if len(listed) != 2 || listed[0].ID != native.ID || listed[0].Secret != "" {
			t.Errorf("listed %+v", listed)
		}
		var sealed store.SealedWebhook
		w.read(func(tx *store.Tx) (err error) { sealed, err = tx.Webhook(native.ID); return err })
		if opened := must(sealed.Open(w.m.Key))(t); opened.Secret != native.Secret {
			t.Error("the secret did not survive a change")
		}
		for _, table := range []string{"audit", "events"} {
			column := map[string]string{"audit": "after", "events": "data"}[table]
			if n := w.count(`SELECT count(*) FROM ` + table + ` WHERE ` + column + ` LIKE '%whsec_%'`); n != 0 {
				t.Errorf("the secret stands in %s", table)
			}
		}
		ok(t, w.m.DeleteWebhook(ctx, own, in.App, in.ID))
		wantList(t, "what happened", w.events("chat"), "webhook.added", "webhook.added", "webhook.changed", "webhook.changed", "webhook.removed")
	})
}

// One app's webhooks do not grow until every verb is busy telling them.
func TestAnAppHasSoManyWebhooks(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		var last market.Saved
		for range market.MaxWebhooks {
			last = w.subscribe("chat", souk.Native, "request.created")
		}
		in := market.Hook{App: w.app["chat"], Dialect: souk.Native, URL: "https://chat.example/more", Events: []string{"request.created"}}
		var bad souk.Invalid
		if err := drop(w.m.PutWebhook(ctx, w.as("vic"), in)); !errors.As(err, &bad) || bad[0].Field != "url" {
			t.Errorf("one too many: %v", err)
		}
		in.ID = last.ID
		must(w.m.PutWebhook(ctx, w.as("vic"), in))(t) // a change makes none
		ok(t, w.m.DeleteWebhook(ctx, w.as("vic"), in.App, in.ID))
		in.ID = souk.ID{}
		must(w.m.PutWebhook(ctx, w.as("vic"), in))(t) // there is room again
	})
}
