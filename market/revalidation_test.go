package market_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"souk"
	"souk/market"
)

// A URL is asked every 72 hours; what fails is warned of and in the end disabled,
// and success makes good.
func TestRevalidation(t *testing.T) {
	eachTownInTime(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.governs("chat", "zoom.read")
		sent := w.letters()
		asked, fails := 0, false
		w.validate = func(hook souk.Webhook) error {
			asked++
			if hook.Auth.Password != "p" {
				t.Errorf("it is asked with %+v", hook.Auth)
			}
			if fails {
				return souk.NotVerified
			}
			return nil
		}
		hook := w.zoomHook("chat", with(souk.Auth{Kind: souk.BasicAuth, Username: "u", Password: "p"}))
		w.zoomHook("chat", func(in *market.Hook) { in.Source, in.Events = souk.Deauthorization, nil })
		rounds := func(n, wantAsked, wantLetters int, status souk.WebhookStatus) {
			t.Helper()
			asked, *sent = 0, nil
			for range n {
				time.Sleep(souk.CheckEvery)
				for range 3 { // as often as one likes
					must(w.m.RevalidateWebhooks(ctx))(t)
				}
			}
			for must(w.m.SendLetters(ctx))(t) {
			}
			if asked != wantAsked || len(*sent) != wantLetters || w.hook(hook.ID).Status != status {
				t.Errorf("asked %d times, %d letters, %s; want %d, %d, %s", asked, len(*sent), w.hook(hook.ID).Status, wantAsked, wantLetters, status)
			}
		}
		asked = 0
		time.Sleep(souk.CheckEvery - 2*time.Hour)
		must(w.m.RevalidateWebhooks(ctx))(t)
		if asked != 0 {
			t.Error("it is asked too soon")
		}
		rounds(2, 2, 0, souk.WebhookActive)
		fails = true
		rounds(1, 1, 0, souk.WebhookActive)
		rounds(1, 1, 1, souk.WebhookActive)
		if !strings.Contains((*sent)[0].Text, "2 validations") || len((*sent)[0].To) != 1 || (*sent)[0].To[0] != "vic@town.example" {
			t.Errorf("the letter: %+v", *sent)
		}
		rounds(2, 2, 1, souk.WebhookActive)
		rounds(1, 1, 0, souk.WebhookActive)
		fails = false
		rounds(1, 1, 0, souk.WebhookActive)
		if c := must(w.m.WebhookState(ctx, operator, hook.App, hook.ID))(t).Checks; c.Failures != 0 || c.Why != "" || !c.FailingSince.IsZero() {
			t.Errorf("success leaves %+v", c)
		}
		fails = true
		rounds(5, 5, 2, souk.WebhookActive)
		rounds(1, 1, 1, souk.WebhookDisabled)
		rounds(2, 0, 0, souk.WebhookDisabled)
		wantList(t, "what happened", w.list(`SELECT kind FROM events WHERE subject_id = $1 ORDER BY at, id`, hook.ID),
			"webhook.added", "webhook.failing", "webhook.failing", "webhook.failing", "webhook.failing", "webhook.disabled")
		if n := w.count(`SELECT count(*) FROM audit WHERE verb = 'DisableWebhook' AND face = 'courier' AND subject_id = $1`, hook.ID); n != 1 {
			t.Errorf("%d entries in the audit", n)
		}

		w.install("sid", "chat", w.hq)
		w.ask("jane", "files", w.hq)
		if got := w.open(hook.ID); got != "" {
			t.Errorf("disabled, it is told: %s", got)
		}
		enable := func() error {
			return drop(w.m.EnableWebhook(ctx, w.as("vic"), market.Enabling{App: hook.App, Webhook: hook.ID, Held: market.Resume}))
		}
		wantRefusal(t, "enabled while it fails", enable(), souk.NotVerified)
		fails = false
		ok(t, enable())
		w.ask("joe", "files", w.hq)
		if got := w.open(hook.ID); got != "pending 1" {
			t.Errorf("enabled, it is told: %s", got)
		}
		rounds(1, 1, 0, souk.WebhookActive)
		fails = true
		rounds(1, 1, 0, souk.WebhookActive)

		w.changeApp("chat", func(a *souk.App) { a.Suspended = true })
		rounds(2, 0, 0, souk.WebhookActive)
		w.changeApp("chat", func(a *souk.App) { a.Suspended = false })
		rounds(1, 1, 1, souk.WebhookActive) // the second in a row
		w.checkAudit()
	})
}

// Of nodes that look at the same moment one asks; what changed while it was asked
// counts as it is now; a URL that Souk does not send to any more fails.
func TestRevalidationAlone(t *testing.T) {
	eachTownInTime(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.governs("chat", "zoom.read")
		hooks := make([]souk.Webhook, 9)
		for i := range hooks {
			hooks[i] = w.zoomHook("chat", nil)
		}
		time.Sleep(souk.CheckEvery)
		var mu sync.Mutex
		times, changed := map[souk.ID]int{}, false
		w.validate = func(hook souk.Webhook) error {
			mu.Lock()
			times[hook.ID]++
			mu.Unlock()
			if hook.ID == hooks[0].ID && !changed { // by its owner, in the meantime
				changed = true
				must(w.m.PutWebhook(ctx, operator, market.Hook{App: hook.App, ID: hook.ID, Dialect: souk.Zoom, URL: hook.URL, Events: []string{asked}}))(t)
				return souk.NotVerified
			}
			return nil
		}
		rounds := 0
		for more := true; more; rounds++ {
			more = must(w.m.RevalidateWebhooks(ctx))(t)
		}
		times[hooks[0].ID]-- // when it was changed
		for _, hook := range hooks {
			if times[hook.ID] != 1 {
				t.Errorf("one is asked %d times", times[hook.ID])
			}
		}
		if rounds != 3 || w.count(`SELECT count(*) FROM url_checks WHERE failures > 0`) != 0 {
			t.Errorf("%d rounds, %d failures", rounds, w.count(`SELECT count(*) FROM url_checks WHERE failures > 0`))
		}
	})
}
