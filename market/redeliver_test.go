package market_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/store"
)

// delivery reads a delivery.
func (w *town) delivery(id souk.ID) (d souk.Delivery) {
	w.t.Helper()
	w.read(func(tx *store.Tx) (err error) { d, err = tx.Delivery(id); return err })
	return d
}

// However it ended, it is the same delivery that goes again, due at once and out
// of line.
func TestRedeliver(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		hook := w.listen("chat", own)
		i := w.install("sid", "chat", w.hq)
		var told []souk.Delivery
		w.m.Told = func(all []souk.Delivery) { told = append(told, all...) }
		for _, status := range souk.Replayable {
			d := w.past(hook, i.ID, status, dawn)
			view := must(w.m.Redeliver(ctx, w.as("vic"), hook.App, hook.ID, d.ID))(t)
			is := w.delivery(d.ID)
			if is.Status != souk.DeliveryPending || is.ID != d.ID || is.Event != d.Event || string(is.Body) != string(d.Body) ||
				is.Attempts != 3 || is.Base != 3 || is.NextAt.IsZero() || is.NextAt.After(time.Now()) || is.Entry == d.Entry || !is.CreatedAt.Equal(d.CreatedAt) {
				t.Errorf("%s: it is %+v", status, is)
			}
			if view.ID != d.ID || view.Status != souk.DeliveryPending || view.Kind != souk.ChannelPublished || len(told) == 0 || told[len(told)-1].ID != d.ID {
				t.Errorf("%s: answered %+v, told %+v", status, view, told)
			}
			if _, err := w.m.Redeliver(ctx, w.as("vic"), hook.App, hook.ID, d.ID); err == nil {
				t.Errorf("%s: twice", status)
			}
		}
		// What the owner chose to skip has an epoch that is over; who asks for it
		// knows that.
		d := w.past(hook, souk.ID{}, souk.DeliverySkipped, dawn)
		w.became(hook.ID, souk.WebhookDisabled)
		enabled := must(w.m.EnableWebhook(ctx, operator, market.Enabling{App: hook.App, Webhook: hook.ID, Held: market.Skip}))(t)
		must(w.m.Redeliver(ctx, operator, hook.App, hook.ID, d.ID))(t)
		w.finish()
		if is := w.delivery(d.ID); is.Status != souk.DeliveryPending || is.Epoch != enabled.Epoch {
			t.Errorf("after skipping: %+v", is)
		}
		// The last words to an app outlive what they were about.
		ok(t, w.m.EndInstallation(ctx, w.as("sid"), w.hq, i.ID))
		last := d
		last.ID, last.Installation, last.Final, last.Status = souk.NewID(), i.ID, true, souk.DeliveryExhausted
		w.write(func(tx *store.Tx) error { return drop(tx.InsertDeliveries([]souk.Delivery{last})) })
		must(w.m.Redeliver(ctx, operator, hook.App, hook.ID, last.ID))(t)
		w.checkAudit()
	})
}

// A replay puts back what was asked for and nothing else, each once, and says
// how far it is.
func TestReplay(t *testing.T) {
	ctx := context.Background()
	cases := map[string]struct {
		in             market.Replaying
		seen, replayed int
		over           string
	}{
		"what failed":       {market.Replaying{Since: dawn}, 120, 60, "cancelled 30, successful 30"},
		"all of a time":     {market.Replaying{Since: dawn.Add(10 * time.Minute), Before: dawn.Add(50 * time.Minute), Statuses: souk.Replayable}, 40, 30, "cancelled 30, exhausted 20, skipped 20, successful 20"},
		"what succeeded":    {market.Replaying{Since: dawn, Statuses: []souk.DeliveryStatus{souk.DeliverySuccessful}}, 120, 30, "cancelled 30, exhausted 30, skipped 30"},
		"nothing":           {market.Replaying{Since: dawn.AddDate(1, 0, 0).Add(-time.Hour)}, 0, 0, "cancelled 30, exhausted 30, skipped 30, successful 30"},
		"what is yet to be": {market.Replaying{Since: dawn, Before: time.Now().AddDate(1, 0, 0), Statuses: []souk.DeliveryStatus{souk.DeliverySkipped}}, 120, 30, "cancelled 30, exhausted 30, successful 30"},
	}
	eachTown(t, func(t *testing.T, w *town) {
		gone := w.install("sid", "chat", w.hq)
		ok(t, w.m.EndInstallation(ctx, w.as("sid"), w.hq, gone.ID))
		for name, tt := range cases {
			hook := w.subscribe("chat", souk.Native, "case.approved").Webhook
			for i := range 120 {
				status, installation := souk.Replayable[i%4], souk.ID{}
				if status == souk.DeliveryCancelled {
					installation = gone.ID // which is why it was
				}
				w.past(hook, installation, status, dawn.Add(time.Duration(i)*time.Minute))
			}
			in := tt.in
			in.App, in.Webhook = hook.App, hook.ID
			r := must(w.m.StartReplay(ctx, w.as("vic"), in))(t)
			if r.Status != souk.ReplayRunning || r.CreatedBy != w.user["vic"] || r.Before.After(r.CreatedAt) {
				t.Errorf("%s: began as %+v", name, r)
			}
			w.finish()
			r = must(w.m.Replay(ctx, w.as("vic"), hook.App, hook.ID, r.ID))(t)
			if r.Status != souk.ReplayDone || r.Seen != tt.seen || r.Replayed != tt.replayed || r.EndedAt.IsZero() {
				t.Errorf("%s: ended as %+v, want %d of %d", name, r, tt.replayed, tt.seen)
			}
			pending := fmt.Sprintf("pending %d", tt.replayed)
			if tt.replayed == 0 {
				pending = ""
			}
			if w.over(hook.ID) != tt.over || w.open(hook.ID) != pending {
				t.Errorf("%s: over %q, open %q; want %q, %q", name, w.over(hook.ID), w.open(hook.ID), tt.over, pending)
			}
			if all := must(w.m.Replays(ctx, w.as("vic"), hook.App, hook.ID, souk.Page{Size: 5}))(t); len(all) != 1 || all[0].ID != r.ID {
				t.Errorf("%s: listed %+v", name, all)
			}
		}
		w.checkAudit()
	})
}

// A replay waits while much is to be delivered, and while its webhook is told
// nothing; it ends with its webhook, or when somebody says so.
func TestReplaysWait(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		hook := w.subscribe("chat", souk.Native, "case.approved").Webhook
		start := func() souk.Replay {
			t.Helper()
			for i := range 60 {
				w.past(hook, souk.ID{}, souk.DeliveryExhausted, dawn.Add(time.Duration(i)*time.Minute))
			}
			return must(w.m.StartReplay(ctx, operator, market.Replaying{App: hook.App, Webhook: hook.ID, Since: dawn}))(t)
		}
		is := func(what string, r souk.Replay, status souk.ReplayStatus, replayed int) {
			t.Helper()
			w.finish()
			if r = must(w.m.Replay(ctx, operator, hook.App, hook.ID, r.ID))(t); r.Status != status || r.Replayed != replayed {
				t.Errorf("%s: %s, %d replayed", what, r.Status, r.Replayed)
			}
		}
		due := func() { must(w.sql.ExecContext(ctx, `UPDATE jobs SET next_at = 0`))(t) }
		r := start()
		must(w.m.StepJob(ctx))(t)
		crowd := w.waitingSince(hook, souk.DeliveryPending, dawn.AddDate(0, 1, 0), 1000)
		is("in a crowd", r, souk.ReplayRunning, 25)
		due()
		is("still in a crowd", r, souk.ReplayRunning, 25)
		w.write(func(tx *store.Tx) error {
			for some := range slices.Chunk(crowd, 100) {
				var all []store.Progress
				for _, d := range some {
					all = append(all, store.Progress{Delivery: d, Status: souk.DeliverySuccessful, Attempts: 1, Outcome: souk.OK})
				}
				if err := drop(tx.Record(souk.ID{}, time.Now(), all)); err != nil {
					return err
				}
			}
			return nil
		})
		w.became(hook.ID, souk.WebhookDisabled)
		due()
		is("disabled", r, souk.ReplayRunning, 25)
		w.became(hook.ID, souk.WebhookActive)
		due()
		is("alone", r, souk.ReplayDone, 60)

		r = start()
		must(w.m.StepJob(ctx))(t)
		ok(t, w.m.CancelReplay(ctx, w.as("vic"), hook.App, hook.ID, r.ID))
		ok(t, w.m.CancelReplay(ctx, w.as("vic"), hook.App, hook.ID, r.ID))
		is("cancelled", r, souk.ReplayCancelled, 25)

		r = start()
		must(w.m.StepJob(ctx))(t)
		ok(t, w.m.DeleteWebhook(ctx, operator, hook.App, hook.ID))
		w.finish()
		w.read(func(tx *store.Tx) (err error) { r, err = tx.Replay(r.ID); return err })
		if r.Status != souk.ReplayCancelled || r.Replayed != 25 || r.EndedAt.IsZero() {
			t.Errorf("with its webhook gone: %+v", r)
		}
		if n := w.count(`SELECT count(*) FROM jobs`); n != 0 {
			t.Errorf("%d jobs are left", n)
		}
	})
}

// A test goes to one webhook alone, subscribed or not, and is in no line.
func TestTestEvents(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		native, giosg := w.subscribe("chat", souk.Native, "case.approved").Webhook, w.listen("chat", own)
		slack := w.subscribe("chat", souk.Slack, "app_requested").Webhook
		w.subscribe("chat", souk.Native, "installation.added", "webhook.tested")
		for hook, event := range map[souk.ID]string{native.ID: "installation.added", giosg.ID: "installation.added", slack.ID: "app_requested"} {
			for range 2 { // one does not wait for the other
				v := must(w.m.TestWebhook(ctx, w.as("vic"), w.app["chat"], hook, event))(t)
				d := w.delivery(v.ID)
				if v.Kind != souk.WebhookTested || d.Webhook != hook || d.Status != souk.DeliveryPending || d.NextAt.IsZero() || !d.Installation.IsZero() || d.Resource != "" {
					t.Errorf("%s: %+v", event, d)
				}
			}
			if err := drop(w.m.TestWebhook(ctx, operator, w.app["chat"], hook, "request_created")); !errors.As(err, new(souk.Invalid)) {
				t.Errorf("nobody's name: %v", err)
			}
		}
		if n := w.count(`SELECT count(*) FROM deliveries`); n != 6 {
			t.Errorf("%d deliveries", n)
		}
		if n := w.count(`SELECT count(*) FROM events WHERE kind = 'webhook.tested'`); n != 6 {
			t.Errorf("%d tests are written down", n)
		}
		w.checkAudit()
	})
}

// A rotation keeps one old secret for a while, sealed, and tells nobody.
func TestRotateWebhookSecret(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		first := w.subscribe("chat", souk.Native, "case.approved")
		opened := func() souk.Webhook {
			t.Helper()
			var sealed store.SealedWebhook
			w.read(func(tx *store.Tx) (err error) { sealed, err = tx.Webhook(first.ID); return err })
			return must(sealed.Open(w.m.Key))(t)
		}
		second := must(w.m.RotateWebhookSecret(ctx, w.as("vic"), first.App, first.ID, time.Hour))(t)
		if is := opened(); second.Secret == first.Secret || is.Secret != second.Secret || is.OldSecret != first.Secret || !is.OldUntil.Equal(second.OldUntil) || second.OldUntil.Before(time.Now().Add(59*time.Minute)) {
			t.Errorf("it is %+v", is)
		}
		third := must(w.m.RotateWebhookSecret(ctx, w.as("vic"), first.App, first.ID, 0))(t)
		if is := opened(); is.Secret != third.Secret || is.OldSecret != "" || !is.OldUntil.IsZero() {
			t.Errorf("without an overlap it is %+v", is)
		}
		for _, table := range []string{"audit", "events", "webhooks"} {
			for _, row := range w.everything(table) {
				for _, secret := range []string{first.Secret, second.Secret, third.Secret} {
					if strings.Contains(row, secret) {
						t.Errorf("a secret stands in %s", table)
					}
				}
			}
		}
		wantList(t, "what happened", w.events("chat"), "webhook.added", "webhook.changed", "webhook.changed")
		w.checkAudit()
	})
}

// How deliveries ended is told by day.
func TestDeliveryCounts(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		hook := w.subscribe("chat", souk.Native, "case.approved").Webhook
		day := time.Now().UTC().Truncate(24 * time.Hour)
		for _, tt := range []struct {
			ago    int
			status souk.DeliveryStatus
			n      int
		}{{0, souk.DeliverySuccessful, 3}, {0, souk.DeliverySkipped, 1}, {29, souk.DeliveryExhausted, 2}, {30, souk.DeliveryExhausted, 5}} {
			for range tt.n {
				w.past(hook, souk.ID{}, tt.status, day.AddDate(0, 0, -tt.ago).Add(time.Minute))
			}
		}
		w.past(w.subscribe("files", souk.Native, "case.approved").Webhook, souk.ID{}, souk.DeliverySuccessful, day)
		days := must(w.m.DeliveryCounts(context.Background(), w.as("vic"), hook.App))(t)
		if got := fmt.Sprint(days); got != fmt.Sprint([]market.DayCount{
			{Day: day.AddDate(0, 0, -29), Counts: map[souk.DeliveryStatus]int64{souk.DeliveryExhausted: 2}},
			{Day: day, Counts: map[souk.DeliveryStatus]int64{souk.DeliverySkipped: 1, souk.DeliverySuccessful: 3}},
		}) {
			t.Errorf("counted %s", got)
		}
	})
}
