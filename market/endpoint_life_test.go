package market_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
)

// bounded sets how many random sequences there are and how long they are, unless
// the flags say otherwise.
func bounded(t *testing.T, bounds map[string]string) {
	t.Helper()
	for name, value := range bounds {
		if f := flag.Lookup(name); f.Value.String() == f.DefValue {
			ok(t, f.Value.Set(value))
			t.Cleanup(func() { ok(t, f.Value.Set(f.DefValue)) })
		}
	}
}

// Whatever happens to an endpoint, in whatever order: each thing that it was to
// be told is pending, held or over as a simple model has it, once, and whatever
// waits in a line waits for somebody.
func TestLifeOfAnEndpoint(t *testing.T) {
	bounded(t, map[string]string{"rapid.checks": "2", "rapid.steps": "40"})
	for engine, address := range map[string]func(*testing.T) string{
		"sqlite":   func(t *testing.T) string { return souktest.SQLite(t) },
		"postgres": func(t *testing.T) string { return souktest.Postgres(t) },
	} {
		for _, dialect := range []souk.Dialect{souk.Giosg, souk.Native, souk.Slack} {
			t.Run(engine+" "+string(dialect), func(outer *testing.T) {
				outer.Parallel()
				rapid.Check(outer, func(t *rapid.T) { newLife(newTown(outer, address(outer)), t, dialect).run(t) })
			})
		}
	}
}

// life is an endpoint with what should have become of all that it was told.
type life struct {
	*town
	rt      *rapid.T
	dialect souk.Dialect
	sent    int // things that happened

	hook         souk.Webhook
	installation souk.ID // none: the app is not installed
	known        map[souk.ID]*fate
}

// fate is the model of a delivery.
type fate struct {
	status    souk.DeliveryStatus
	at        time.Time
	hook      souk.ID
	justified souk.ID
}

func newLife(w *town, t *rapid.T, dialect souk.Dialect) *life {
	l := &life{town: w, rt: t, dialect: dialect, known: map[souk.ID]*fate{}}
	l.town.t = t
	w.changeApp("ear", func(a *souk.App) { a.BotScopes = souk.NewScopes(souk.MarketplaceRead) })
	l.begin()
	l.install()
	return l
}

// begin makes the webhook.
func (l *life) begin() {
	switch l.dialect {
	case souk.Giosg:
		l.hook = l.listen("ear", all("chats")...)
	case souk.Native:
		l.hook = l.subscribe("ear", souk.Native, "request.created").Webhook
	case souk.Slack:
		l.hook = l.subscribe("ear", souk.Slack, "app_requested").Webhook
	}
}

func (l *life) run(t *rapid.T) {
	steps := map[string]func(*rapid.T){
		"": func(t *rapid.T) {
			l.rt, l.town.t = t, t
			l.check()
		},
	}
	for name, often := range map[string]struct {
		times int
		fn    func()
	}{
		"happen": {4, l.happen}, "deliver": {4, l.deliver}, "disable": {4, l.disable}, "pause": {1, l.pause}, "enable": {4, l.enable},
		"redeliver": {2, l.redeliver}, "replay": {2, l.replay}, "rotate": {1, l.rotate}, "delete": {1, l.delete},
		"uninstall": {1, l.uninstall}, "install": {2, l.install},
	} {
		for i := range often.times {
			steps[fmt.Sprint(name, i)] = func(t *rapid.T) {
				l.rt, l.town.t = t, t
				often.fn()
				ok(t, drop(l.sql.ExecContext(context.Background(), `UPDATE jobs SET next_at = 0`)))
				l.finish()
			}
		}
	}
	t.Repeat(steps)
}

// reads are all deliveries that there are to webhooks of the app, by ID.
func (l *life) reads() map[souk.ID]souk.Delivery {
	found := map[souk.ID]souk.Delivery{}
	l.read(func(tx *store.Tx) error {
		hooks := []souk.ID{l.hook.ID}
		for _, f := range l.known {
			if !slices.Contains(hooks, f.hook) {
				hooks = append(hooks, f.hook)
			}
		}
		for _, hook := range hooks {
			all, err := tx.DeliveriesPage(hook, "", souk.Page{Size: 10_000})
			if err != nil {
				return err
			}
			for _, d := range all {
				if _, twice := found[d.ID]; twice {
					l.rt.Fatalf("%s is there twice", d.ID)
				}
				found[d.ID] = d
			}
		}
		return nil
	})
	return found
}

// happen is something that the webhook may hear of, up to thirty times.
func (l *life) happen() {
	times := rapid.IntRange(1, 6).Draw(l.rt, "times")
	if rapid.IntRange(0, 4).Draw(l.rt, "much") == 0 {
		times *= 5
	}
	ctx := context.Background()
	for range times {
		l.sent++
		switch l.dialect {
		case souk.Giosg:
			ok(l.rt, drop(l.m.Publish(ctx, operator, market.Publishing{Items: []souk.Publication{chatAt(l.hq, fmt.Sprint(l.sent%3))}})))
		default:
			q := l.ask("jane", "files", l.hq)
			ok(l.rt, l.m.CancelRequest(ctx, l.as("jane"), market.Withdrawal{Request: q.ID}))
		}
	}
	status, heard := souk.DeliveryPending, times
	switch {
	case l.installation.IsZero() || l.hook.Status == souk.WebhookPaused:
		heard = 0
	case l.hook.Status == souk.WebhookDisabled && l.dialect == souk.Slack:
		status = souk.DeliverySkipped
	case l.hook.Status == souk.WebhookDisabled:
		status = souk.DeliveryHeld
	}
	for id, d := range l.reads() {
		if l.known[id] == nil {
			heard--
			l.known[id] = &fate{status: status, at: d.CreatedAt, hook: l.hook.ID, justified: d.Installation}
		}
	}
	if heard != 0 {
		l.rt.Fatalf("of %d things, %d too few were heard", times, heard)
	}
}

// deliver is what the courier does: of what is due some goes well, some fails for
// good, and some is put off.
func (l *life) deliver() {
	if l.hook.Status != souk.WebhookActive {
		return
	}
	l.write(func(tx *store.Tx) error {
		due, err := tx.DueDeliveries(l.hook.ID, time.Now().Add(time.Hour), store.Due{}, 50)
		if err != nil {
			return err
		}
		var done []store.Progress
		for _, d := range due {
			to := rapid.SampledFrom([]souk.DeliveryStatus{"", souk.DeliverySuccessful, souk.DeliveryExhausted, souk.DeliveryPending}).Draw(l.rt, "ends")
			if to == "" {
				continue
			}
			done = append(done, store.Progress{Delivery: d, Status: to, Attempts: d.Attempts + 1, Outcome: souk.BadStatus, NextAt: d.NextAt, Entry: d.Entry, EntryAt: d.EntryAt})
			if l.known[d.ID] == nil {
				return fmt.Errorf("nobody knows of %s", d.ID)
			}
			l.known[d.ID].status = to
		}
		return drop(tx.Record(souk.NewID(), time.Now(), done))
	})
}

// become is what the model has become of deliveries to the webhook.
func (l *life) become(from, to souk.DeliveryStatus, which func(*fate) bool) {
	for _, f := range l.known {
		if f.hook == l.hook.ID && f.status == from && (which == nil || which(f)) {
			f.status = to
		}
	}
}

// disable has nothing reach the webhook for long, and things go on.
func (l *life) disable() {
	l.fares(l.hook, 200*time.Hour, 50)
	l.judge()
	if l.hook.Status == souk.WebhookActive {
		l.hook.Status = souk.WebhookDisabled
		to := souk.DeliveryHeld
		if l.dialect == souk.Slack {
			to = souk.DeliverySkipped
		}
		l.become(souk.DeliveryPending, to, nil)
	}
	l.happen()
}

// pause puts the webhook as paused or not, which does not end that it is
// disabled.
func (l *life) pause() {
	paused := rapid.Bool().Draw(l.rt, "paused")
	in := market.Hook{ID: l.hook.ID, App: l.hook.App, Dialect: l.dialect, URL: l.hook.URL, Events: l.hook.Events, Channels: l.hook.Channels, Paused: &paused}
	ok(l.rt, drop(l.m.PutWebhook(context.Background(), operator, in)))
	switch {
	case l.hook.Status == souk.WebhookDisabled:
	case paused:
		l.hook.Status = souk.WebhookPaused
	default:
		l.hook.Status = souk.WebhookActive
	}
}

// enable is mostly what somebody does who has a reason to.
func (l *life) enable() {
	if l.hook.Status == souk.WebhookActive && rapid.IntRange(0, 3).Draw(l.rt, "why") != 0 {
		l.deliver()
		return
	}
	in := market.Enabling{App: l.hook.App, Webhook: l.hook.ID, Held: rapid.SampledFrom(market.Meanwhiles).Draw(l.rt, "held")}
	if in.Held == market.Replay {
		in.Since = l.moment()
	}
	ok(l.rt, drop(l.m.EnableWebhook(context.Background(), operator, in)))
	l.hook.Status = souk.WebhookActive
	switch in.Held {
	case market.Resume:
		l.become(souk.DeliveryHeld, souk.DeliveryPending, nil)
	case market.Skip:
		l.become(souk.DeliveryHeld, souk.DeliverySkipped, nil)
		l.become(souk.DeliveryPending, souk.DeliverySkipped, nil)
	case market.Replay:
		since := func(f *fate) bool { return !f.at.Before(in.Since) }
		l.become(souk.DeliveryHeld, souk.DeliveryPending, since)
		l.become(souk.DeliveryHeld, souk.DeliverySkipped, nil)
		l.replayed(since, souk.Unsuccessful)
	}
}

// moment is long ago, or when something happened that the webhook heard of.
func (l *life) moment() time.Time {
	var times []time.Time
	for _, f := range l.known {
		if f.hook == l.hook.ID {
			times = append(times, f.at)
		}
	}
	if len(times) == 0 {
		return dawn
	}
	slices.SortFunc(times, time.Time.Compare)
	last := len(times) - 1
	return rapid.SampledFrom([]time.Time{times[last*3/4], times[last/2], times[last], dawn}).Draw(l.rt, "since")
}

func (l *life) replayed(when func(*fate) bool, statuses []souk.DeliveryStatus) {
	for _, s := range statuses {
		l.become(s, souk.DeliveryPending, func(f *fate) bool { return when(f) && f.justified == l.installation })
	}
}

func (l *life) replay() {
	in := market.Replaying{App: l.hook.App, Webhook: l.hook.ID, Since: l.moment(), Before: l.moment()}
	if !in.Since.Before(in.Before) {
		in.Before = time.Time{}
	}
	in.Statuses = rapid.SampledFrom([][]souk.DeliveryStatus{nil, {souk.DeliverySuccessful}, souk.Replayable}).Draw(l.rt, "statuses")
	err := drop(l.m.StartReplay(context.Background(), l.as("vic"), in))
	if l.hook.Status != souk.WebhookActive {
		wantRefusal(l.rt, "a replay", err, souk.WebhookInactive)
		return
	}
	ok(l.rt, err)
	statuses := in.Statuses
	if statuses == nil {
		statuses = souk.Unsuccessful
	}
	l.replayed(func(f *fate) bool {
		return !f.at.Before(in.Since) && (in.Before.IsZero() || f.at.Before(in.Before))
	}, statuses)
}

func (l *life) redeliver() {
	ids := slices.SortedFunc(maps.Keys(l.known), souk.ID.Compare)
	if len(ids) == 0 {
		return
	}
	id := rapid.SampledFrom(ids).Draw(l.rt, "delivery")
	f := l.known[id]
	err := drop(l.m.Redeliver(context.Background(), operator, l.hook.App, l.hook.ID, id))
	var want souk.Refusal
	switch {
	case f.hook != l.hook.ID:
		want = souk.UnknownDelivery
	case f.status == souk.DeliveryPending || f.status == souk.DeliveryHeld:
		want = souk.DeliveryOpen
	case l.hook.Status != souk.WebhookActive:
		want = souk.WebhookInactive
	case f.justified != l.installation:
		want = souk.InstallationOver
	default:
		f.status = souk.DeliveryPending
	}
	if want == "" {
		ok(l.rt, err)
	} else if !errors.Is(err, want) {
		l.rt.Fatalf("redelivering what is %s: %v, want %s", f.status, err, want)
	}
}

func (l *life) rotate() {
	err := drop(l.m.RotateWebhookSecret(context.Background(), operator, l.hook.App, l.hook.ID, time.Hour))
	if l.dialect != souk.Native {
		wantRefusal(l.rt, "rotating", err, souk.NoOwnSecret)
		return
	}
	ok(l.rt, err)
}

func (l *life) delete() {
	ok(l.rt, l.m.DeleteWebhook(context.Background(), operator, l.hook.App, l.hook.ID))
	l.become(souk.DeliveryPending, souk.DeliveryCancelled, nil)
	l.become(souk.DeliveryHeld, souk.DeliveryCancelled, nil)
	l.begin()
}

func (l *life) uninstall() {
	if l.installation.IsZero() {
		return
	}
	ok(l.rt, l.m.EndInstallation(context.Background(), l.as("olga"), l.hq, l.installation))
	l.installation = souk.ID{}
	l.become(souk.DeliveryPending, souk.DeliveryCancelled, nil)
	l.become(souk.DeliveryHeld, souk.DeliveryCancelled, nil)
}

func (l *life) install() {
	if l.installation.IsZero() {
		l.installation = l.town.install("sid", "ear", l.hq).ID
	}
}

// check holds what is against the model.
func (l *life) check() {
	found := l.reads()
	for id, f := range l.known {
		d, there := found[id]
		if !there {
			l.rt.Fatalf("%s, which should be %s, is lost", id, f.status)
		}
		if d.Status != f.status {
			l.rt.Fatalf("%s is %s (%s), and should be %s", id, d.Status, d.Note, f.status)
		}
	}
	if len(found) != len(l.known) {
		l.rt.Fatalf("%d deliveries, want %d", len(found), len(l.known))
	}
	if is := l.town.hook(l.hook.ID); is.Status != l.hook.Status || (is.Status == souk.WebhookDisabled) == is.DisabledAt.IsZero() {
		l.rt.Fatalf("the webhook is %s, and should be %s", is.Status, l.hook.Status)
	}
	if n := l.count(`SELECT count(*) FROM deliveries d WHERE status = 'pending' AND next_at IS NULL AND NOT EXISTS (
		SELECT 1 FROM deliveries o WHERE o.webhook_id = d.webhook_id AND o.channel = d.channel AND o.resource = d.resource
			AND o.next_at IS NOT NULL AND o.aside = FALSE)`); n != 0 {
		l.rt.Fatalf("%d wait in lines that nobody leads", n)
	}
	if n := l.count(`SELECT count(*) FROM deliveries d JOIN webhooks w ON w.id = d.webhook_id WHERE d.epoch < w.epoch`); n != 0 {
		l.rt.Fatalf("%d are open that the courier would skip", n)
	}
	if n := l.count(`SELECT count(*) FROM jobs`); n != 0 {
		l.rt.Fatalf("%d jobs are left", n)
	}
}
