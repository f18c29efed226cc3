package market_test

import (
	"context"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/store"
)

// waitingSince puts deliveries into the outbox that were created one a minute
// from a time on.
func (w *town) waitingSince(hook souk.Webhook, status souk.DeliveryStatus, at time.Time, n int) (all []souk.Delivery) {
	w.t.Helper()
	for range n {
		all = append(all, souk.Delivery{
			ID: souk.NewID(), Event: souk.NewID(), Webhook: hook.ID, App: hook.App, Dialect: hook.Dialect, Epoch: hook.Epoch,
			Body: []byte("told"), Status: status, NextAt: at, Entry: souk.NewID(), EntryAt: at, CreatedAt: at,
		})
		at = at.Add(time.Minute)
	}
	w.write(func(tx *store.Tx) error { return drop(tx.InsertDeliveries(all)) })
	return all
}

// What becomes of what was held is what whoever enables says, however much it is.
func TestEnabling(t *testing.T) {
	ctx := context.Background()
	cases := map[string]struct {
		in         market.Enabling
		open, over string
	}{
		"resume":            {market.Enabling{Held: market.Resume}, "pending 250", "exhausted 40"},
		"skip":              {market.Enabling{Held: market.Skip}, "", "exhausted 40, skipped 250"},
		"replay":            {market.Enabling{Held: market.Replay, Since: dawn.Add(100 * time.Minute)}, "pending 190", "skipped 100"},
		"replay of nothing": {market.Enabling{Held: market.Replay, Since: dawn.AddDate(0, 0, 9)}, "", "exhausted 40, skipped 250"},
	}
	eachTown(t, func(t *testing.T, w *town) {
		w.subscribe("chat", souk.Native, "webhook.enabled")
		for name, tt := range cases {
			hook := w.subscribe("chat", souk.Native, "case.approved").Webhook
			w.became(hook.ID, souk.WebhookDisabled)
			w.waitingSince(hook, souk.DeliveryHeld, dawn, 250)
			for i := range 40 {
				w.past(hook, souk.ID{}, souk.DeliveryExhausted, dawn.Add(time.Duration(200+i)*time.Minute))
			}
			woken := false
			w.m.Told = func(all []souk.Delivery) { woken = true }
			in := tt.in
			in.App, in.Webhook = hook.App, hook.ID
			is := must(w.m.EnableWebhook(ctx, w.as("vic"), in))(t)
			if is.Status != souk.WebhookActive || !is.DisabledAt.IsZero() || is.DisabledWhy != "" || is.UpdatedBy != w.user["vic"] {
				t.Errorf("%s: it is %+v", name, is)
			}
			w.finish()
			if w.open(hook.ID) != tt.open || w.over(hook.ID) != tt.over {
				t.Errorf("%s: open %q, over %q; want %q and %q", name, w.open(hook.ID), w.over(hook.ID), tt.open, tt.over)
			}
			if n := w.count(`SELECT count(*) FROM deliveries WHERE status = 'pending' AND next_at IS NULL`); n != 0 {
				t.Errorf("%s: %d wait for nothing", name, n)
			}
			if n := w.count(`SELECT count(*) FROM jobs`); n != 0 || !woken {
				t.Errorf("%s: %d jobs are left, the courier was woken: %v", name, n, woken)
			}
			wantList(t, name+": what happened", w.list(`SELECT kind FROM events WHERE subject_id = $1 ORDER BY at, id`, hook.ID), "webhook.added", "webhook.enabled")
		}
		w.checkAudit()
	})
}

// A webhook that was skipped past and disabled again is resumed as far as it was
// held since, even while what was skipped is still being settled.
func TestEnablingAgainWhileItIsSettled(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		hook := w.subscribe("chat", souk.Native, "case.approved").Webhook
		hook = w.became(hook.ID, souk.WebhookDisabled)
		w.waitingSince(hook, souk.DeliveryHeld, dawn, 250)
		in := market.Enabling{App: hook.App, Webhook: hook.ID, Held: market.Skip}
		must(w.m.EnableWebhook(ctx, operator, in))(t) // leaves most of them to a job
		hook = w.became(hook.ID, souk.WebhookDisabled)
		w.waitingSince(hook, souk.DeliveryHeld, dawn.AddDate(0, 0, 1), 30)
		in.Held = market.Resume
		must(w.m.EnableWebhook(ctx, operator, in))(t)
		w.finish()
		if w.open(hook.ID) != "pending 30" || w.over(hook.ID) != "skipped 250" {
			t.Errorf("open %q, over %q", w.open(hook.ID), w.over(hook.ID))
		}
	})
}

// Who is not verified is not enabled; who verifies a disabled webhook resumes it.
func TestEnablingVerifies(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		asked := 0
		w.shake = func(hook souk.Webhook) error {
			asked++
			if hook.URL != "https://chat.example/slack" || hook.Status != souk.WebhookActive {
				t.Errorf("shook hands with %+v", hook)
			}
			return nil
		}
		hook := w.subscribe("chat", souk.Slack, "app_requested").Webhook
		for _, from := range []souk.WebhookStatus{souk.WebhookUnverified, souk.WebhookPaused, souk.WebhookDisabled, souk.WebhookActive} {
			w.became(hook.ID, from)
			must(w.m.EnableWebhook(ctx, operator, market.Enabling{App: hook.App, Webhook: hook.ID, Held: market.Resume}))(t)
			if is := w.hook(hook.ID); is.Status != souk.WebhookActive {
				t.Errorf("from %s it became %s", from, is.Status)
			}
		}
		if asked != 5 {
			t.Errorf("%d handshakes", asked)
		}
		giosg := w.listen("chat", own)
		w.became(giosg.ID, souk.WebhookDisabled)
		w.waitingSince(giosg, souk.DeliveryHeld, dawn, 3)
		put := market.Hook{ID: giosg.ID, App: giosg.App, Dialect: souk.Giosg, URL: "https://chat.example/other", Paused: new(false)}
		if saved := must(w.m.PutWebhook(ctx, operator, put))(t); saved.Status != souk.WebhookDisabled {
			t.Errorf("putting a disabled webhook made it %s", saved.Status)
		}
		must(w.m.VerifyWebhook(ctx, operator, giosg.App, giosg.ID))(t)
		if w.open(giosg.ID) != "pending 3" || w.hook(giosg.ID).Status != souk.WebhookActive {
			t.Errorf("verified: %s, %s", w.open(giosg.ID), w.hook(giosg.ID).Status)
		}
	})
}

// What happens while a webhook is disabled is held for it, or skipped.
func TestMeanwhile(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		native, giosg := w.subscribe("chat", souk.Native, "installation.added").Webhook, w.listen("chat", own)
		slack := w.subscribe("chat", souk.Slack, "app_requested").Webhook
		w.install("sid", "chat", w.hq)
		for _, hook := range []souk.Webhook{native, giosg, slack} {
			w.became(hook.ID, souk.WebhookDisabled)
		}
		w.install("gus", "chat", w.globex)
		w.ask("jane", "files", w.hq) // Slack's webhook hears of it
		for hook, want := range map[souk.ID]string{native.ID: "held 1, pending 1", giosg.ID: "held 1, pending 1", slack.ID: ""} {
			if got := w.open(hook); got != want {
				t.Errorf("open: %q, want %q", got, want)
			}
		}
		if got := w.over(slack.ID); got != "skipped 1" {
			t.Errorf("Slack's: %q", got)
		}
	})
}

// What is held for longer than the log is kept is skipped, and nothing else.
func TestHeldForLong(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		off, on := w.listen("chat", own), w.listen("files", own)
		w.became(off.ID, souk.WebhookDisabled)
		week := time.Now().UTC().Truncate(time.Microsecond).Add(-souk.LogKept)
		w.waitingSince(off, souk.DeliveryHeld, week.Add(-130*time.Minute), 130)
		w.waitingSince(off, souk.DeliveryHeld, week.Add(time.Minute), 5)
		w.waitingSince(on, souk.DeliveryPending, week.Add(-time.Hour), 3)
		for must(w.m.DropHeld(ctx))(t) {
		}
		if w.open(off.ID) != "held 5" || w.over(off.ID) != "skipped 130" || w.open(on.ID) != "pending 3" {
			t.Errorf("open %q, over %q; of the other %q", w.open(off.ID), w.over(off.ID), w.open(on.ID))
		}
	})
}
