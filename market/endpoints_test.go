package market_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
)

// fares writes down how a webhook fares that nothing reached for so long.
func (w *town) fares(hook souk.Webhook, failing time.Duration, failures int, change ...func(*souk.Health)) {
	w.t.Helper()
	at := time.Now().UTC().Truncate(time.Microsecond)
	h := souk.Health{
		Endpoint: hook.ID, App: hook.App, Dialect: hook.Dialect, FailingSince: at.Add(-failing), Failures: failures,
		Breaker: souk.BreakerClosed, UpdatedAt: at,
	}
	for _, c := range change {
		c(&h)
	}
	w.write(func(tx *store.Tx) error { return tx.PutHealth([]souk.Health{h}) })
}

// judge has the chore run.
func (w *town) judge() {
	w.t.Helper()
	must(w.m.JudgeEndpoints(context.Background()))(w.t)
}

// hook reads a webhook.
func (w *town) hook(id souk.ID) souk.Webhook {
	w.t.Helper()
	var found store.SealedWebhook
	w.read(func(tx *store.Tx) (err error) { found, err = tx.Webhook(id); return err })
	return found.Webhook
}

// open spells what is still to be delivered to a webhook: how much of each status.
func (w *town) open(hook souk.ID) string {
	w.t.Helper()
	return strings.Join(w.rows(`SELECT status || ' ' || count(*) FROM deliveries WHERE webhook_id = $1 GROUP BY status`, hook), ", ")
}

// over spells how deliveries to a webhook ended.
func (w *town) over(hook souk.ID) string {
	w.t.Helper()
	return strings.Join(w.rows(`SELECT status || ' ' || count(*) FROM ended_1 WHERE webhook_id = $1 GROUP BY status`, hook), ", ")
}

// letters has nobody but the test get them: each once, with all who get the same.
func (w *town) letters() *[]souk.Letter {
	sent := new([]souk.Letter)
	w.m.Mail = func(_ context.Context, l souk.Letter) error {
		if last := len(*sent) - 1; last >= 0 && (*sent)[last].Text == l.Text {
			(*sent)[last].To = append((*sent)[last].To, l.To...)
			return nil
		}
		*sent = append(*sent, l)
		return nil
	}
	return sent
}

// Each dialect's rule has its warnings, its end, and its own idea of what becomes
// of what is to be told meanwhile.
func TestEndpointsAreJudged(t *testing.T) {
	const hour = time.Hour
	gone := func(h *souk.Health) { h.Gone = true }
	busy := func(tried, failed int) func(*souk.Health) {
		return func(h *souk.Health) { h.Hour.Add(time.Now(), tried, failed) }
	}
	cases := map[string]struct {
		dialect  souk.Dialect
		failing  time.Duration
		failures int
		change   []func(*souk.Health)
		events   string
		open     string // of two that are pending
		over     string
	}{
		"native, for a day":                {souk.Native, 24 * hour, 20, nil, "", "pending 2", ""},
		"native, for a quarter":            {souk.Native, 31 * hour, 20, nil, "webhook.failing", "pending 2", ""},
		"native, for long, tried rarely":   {souk.Native, 200 * hour, 9, nil, "webhook.failing", "pending 2", ""},
		"native, for five days":            {souk.Native, 121 * hour, 10, nil, "webhook.disabled", "held 2", ""},
		"native, gone":                     {souk.Native, time.Second, 1, []func(*souk.Health){gone}, "webhook.disabled", "held 2", ""},
		"giosg, gone":                      {souk.Giosg, time.Second, 1, []func(*souk.Health){gone}, "", "pending 2", ""},
		"giosg, for 7 hours":               {souk.Giosg, 7 * hour, 3, nil, "webhook.failing", "pending 2", ""},
		"giosg, for a day":                 {souk.Giosg, 24 * hour, 3, nil, "webhook.disabled", "held 2", ""},
		"Slack, for a day, tried rarely":   {souk.Slack, 25 * hour, 19, nil, "webhook.failing", "pending 2", ""},
		"Slack, for a day":                 {souk.Slack, 25 * hour, 20, nil, "webhook.disabled", "", "skipped 2"},
		"Slack, an hour of failures":       {souk.Slack, time.Minute, 951, []func(*souk.Health){busy(1000, 951)}, "webhook.disabled", "", "skipped 2"},
		"Slack, an hour, just good enough": {souk.Slack, time.Minute, 950, []func(*souk.Health){busy(1000, 950)}, "", "pending 2", ""},
		"native, an hour of failures":      {souk.Native, time.Minute, 1000, []func(*souk.Health){busy(1000, 1000)}, "", "pending 2", ""},
	}
	eachTown(t, func(t *testing.T, w *town) {
		ear := w.subscribe("chat", souk.Native, "webhook.failing", "webhook.disabled") // another, that hears of it
		sent := w.letters()
		for name, tt := range cases {
			var hook souk.Webhook
			switch tt.dialect {
			case souk.Giosg:
				hook = w.listen("chat", own)
			case souk.Slack:
				hook = w.subscribe("chat", tt.dialect, "app_requested").Webhook
			default:
				hook = w.subscribe("chat", tt.dialect, "case.approved").Webhook
			}
			w.waitingFor(hook, souk.Installation{}, 2)
			w.fares(hook, tt.failing, tt.failures, tt.change...)
			*sent = nil
			for range 3 { // as often as one likes
				w.judge()
			}
			happened := strings.Join(w.list(`SELECT kind FROM events WHERE subject_id = $1 AND kind <> 'webhook.added' ORDER BY at, id`, hook.ID), " ")
			if happened != tt.events || w.open(hook.ID) != tt.open || w.over(hook.ID) != tt.over {
				t.Errorf("%s: %q, open %q, over %q; want %q, %q, %q", name, happened, w.open(hook.ID), w.over(hook.ID), tt.events, tt.open, tt.over)
			}
			if told := w.count(`SELECT count(*) FROM deliveries d JOIN events e ON e.id = d.event_id WHERE d.webhook_id = $1 AND e.subject_id = $2`, ear.ID, hook.ID); (told == 1) != (tt.events != "") {
				t.Errorf("%s: another webhook was told %d times", name, told)
			}
			for must(w.m.SendLetters(context.Background()))(t) {
			}
			if len(*sent) != len(strings.Fields(tt.events)) {
				t.Errorf("%s: %d letters", name, len(*sent))
			}
			is := w.hook(hook.ID)
			if disabled := tt.events == "webhook.disabled"; disabled != (is.Status == souk.WebhookDisabled) || disabled == is.DisabledAt.IsZero() || disabled == (is.DisabledWhy == "") || is.Epoch != hook.Epoch {
				t.Errorf("%s: it is %+v", name, is)
			} else if n := w.count(`SELECT count(*) FROM audit WHERE verb = 'DisableWebhook' AND face = 'courier' AND user_id IS NULL AND subject_id = $1`, hook.ID); disabled != (n == 1) {
				t.Errorf("%s: %d entries in the audit", name, n)
			}
		}
		w.checkAudit()
	})
}

// Warnings come one after another as time goes by, and begin anew after a
// success. Whatever is not active, or was deleted, is left alone.
func TestWarnings(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		hook := w.subscribe("chat", souk.Native, "case.approved").Webhook
		warned := func() int {
			t.Helper()
			w.judge()
			return w.count(`SELECT count(*) FROM events WHERE kind = 'webhook.failing' AND subject_id = $1`, hook.ID)
		}
		since := time.Now().Add(-29 * time.Hour)
		failing := func(h *souk.Health) { h.FailingSince = since }
		for i, hours := range []time.Duration{29, 31, 61, 91} {
			// Time goes by for a webhook when it has been failing for longer.
			since = time.Now().Add(-hours * time.Hour)
			w.write(func(tx *store.Tx) error { // as if it had been failing since then all the time
				known, err := tx.HealthOf([]souk.ID{hook.ID})
				if err != nil {
					return err
				}
				h := known[hook.ID]
				before := h.Warned
				h = souk.Health{Endpoint: hook.ID, App: hook.App, Dialect: hook.Dialect, Failures: 20, Breaker: souk.BreakerClosed, UpdatedAt: time.Now()}
				failing(&h)
				if err := tx.PutHealth([]souk.Health{h}); err != nil {
					return err
				}
				return tx.SetWarned(hook.ID, before)
			})
			if n := warned(); n != i {
				t.Errorf("after %d hours: %d warnings", hours, n)
			}
		}
		w.fares(hook, 31*time.Hour, 20) // it succeeded, and fails anew
		if n := warned(); n != 4 {
			t.Errorf("failing anew: %d warnings", n)
		}
		for _, status := range []souk.WebhookStatus{souk.WebhookPaused, souk.WebhookUnverified, souk.WebhookDisabled} {
			w.became(hook.ID, status)
			w.fares(hook, 200*time.Hour, 20)
			if n := warned(); n != 4 || w.hook(hook.ID).Status != status {
				t.Errorf("%s: %d warnings, %s", status, n, w.hook(hook.ID).Status)
			}
		}
		ok(t, w.m.DeleteWebhook(context.Background(), operator, hook.App, hook.ID))
		w.fares(hook, 200*time.Hour, 20)
		w.fares(souk.Webhook{ID: hook.App, App: hook.App, Dialect: souk.TriggerCall}, 2000*time.Hour, 2000)
		if n := warned(); n != 4 {
			t.Errorf("deleted: %d warnings", n)
		}
	})
}

// Many are looked at, page by page.
func TestManyFailingEndpoints(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		hooks := make([]souk.Webhook, 30)
		for i := range hooks {
			hooks[i] = w.subscribe("chat", souk.Native, "case.approved").Webhook
			w.fares(hooks[i], 200*time.Hour+time.Duration(i)*time.Minute, 20)
		}
		w.write(func(tx *store.Tx) error {
			var all []souk.Health
			for i := range 400 { // deleted ones, between them
				all = append(all, souk.Health{Endpoint: souk.NewID(), App: hooks[0].App, Dialect: souk.Native, Failures: 20, Breaker: souk.BreakerClosed,
					FailingSince: time.Now().Add(-200*time.Hour - time.Duration(i)*time.Second), UpdatedAt: time.Now()})
			}
			return tx.PutHealth(all)
		})
		w.judge()
		if n := w.count(`SELECT count(*) FROM webhooks WHERE status = 'disabled'`); n != len(hooks) {
			t.Errorf("%d of %d are disabled", n, len(hooks))
		}
	})
}

// Two nodes that judge at the same moment do it once.
func TestTwoNodesJudge(t *testing.T) {
	souktest.EachAddress(t, func(t *testing.T, address string) {
		w := newTown(t, address)
		here, there := w.nodes(address)
		w.letters()
		there.Mail = w.m.Mail
		for range 3 {
			hook := w.subscribe("chat", souk.Native, "case.approved").Webhook
			w.fares(hook, 200*time.Hour, 20)
			judge := func(m *market.Market) func() error {
				return func() error { return drop(m.JudgeEndpoints(context.Background())) }
			}
			for _, err := range atOnce(judge(here), judge(there)) {
				ok(t, err)
			}
			if n := w.count(`SELECT count(*) FROM events WHERE kind = 'webhook.disabled' AND subject_id = $1`, hook.ID); n != 1 {
				t.Errorf("disabled %d times", n)
			}
		}
		if n := w.count(`SELECT count(*) FROM letters`); n != 3 {
			t.Errorf("%d letters", n)
		}
	})
}

// What is changed about a webhook, so that it may be another now, forgets how it
// failed before.
func TestAChangedWebhookBeginsAnew(t *testing.T) {
	ctx := context.Background()
	changes := map[string]struct {
		change  func(w *town, hook souk.Webhook) error
		forgets bool
	}{
		"another address": {func(w *town, hook souk.Webhook) error {
			return drop(w.m.PutWebhook(ctx, operator, market.Hook{ID: hook.ID, App: hook.App, URL: "https://new.example/", Events: []string{"case.approved"}}))
		}, true},
		"other events": {func(w *town, hook souk.Webhook) error {
			return drop(w.m.PutWebhook(ctx, operator, market.Hook{ID: hook.ID, App: hook.App, URL: hook.URL, Events: []string{"case.declined"}}))
		}, false},
		"after a pause": {func(w *town, hook souk.Webhook) error {
			w.became(hook.ID, souk.WebhookPaused)
			return drop(w.m.PutWebhook(ctx, operator, market.Hook{ID: hook.ID, App: hook.App, URL: hook.URL, Events: []string{"case.approved"}, Paused: new(false)}))
		}, true},
		"verified": {func(w *town, hook souk.Webhook) error {
			return drop(w.m.VerifyWebhook(ctx, operator, hook.App, hook.ID))
		}, true},
		"enabled": {func(w *town, hook souk.Webhook) error {
			return drop(w.m.EnableWebhook(ctx, operator, market.Enabling{App: hook.App, Webhook: hook.ID, Held: market.Skip}))
		}, true},
		"another secret": {func(w *town, hook souk.Webhook) error {
			return drop(w.m.RotateWebhookSecret(ctx, operator, hook.App, hook.ID, 0))
		}, true},
	}
	eachTown(t, func(t *testing.T, w *town) {
		for name, tt := range changes {
			hook := w.subscribe("chat", souk.Native, "case.approved").Webhook
			w.fares(hook, 200*time.Hour, 20, func(h *souk.Health) { h.SucceededAt = dawn })
			ok(t, tt.change(w, hook))
			w.judge()
			if is := w.hook(hook.ID); (is.Status == souk.WebhookActive) != tt.forgets {
				t.Errorf("%s: it is %s", name, is.Status)
			}
			state := must(w.m.WebhookState(ctx, operator, hook.App, hook.ID))(t)
			if h := state.Health; h.FailingSince.IsZero() != tt.forgets || !h.SucceededAt.Equal(dawn) {
				t.Errorf("%s: it fares %+v", name, h)
			}
		}
	})
}

// Letters go to those who can do something about it, and tell no secret.
func TestLetters(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		sent := w.letters()
		w.changeApp("bespoke", func(a *souk.App) { a.Name = "Be\nspoke" })
		saved := must(w.m.PutWebhook(ctx, operator, market.Hook{
			App: w.app["bespoke"], Dialect: souk.Native, URL: "https://hq.example/hook?secret=s#x", Events: []string{"case.approved"},
		}))(t)
		for _, days := range []int{3, 6} {
			w.fares(saved.Webhook, time.Duration(days)*24*time.Hour, 17)
			w.judge()
		}
		for must(w.m.SendLetters(ctx))(t) {
		}
		if len(*sent) != 2 {
			t.Fatalf("%d letters", len(*sent))
		}
		for i, l := range *sent {
			wantList(t, "they go to", l.To, "olga@town.example", "max@town.example", "sid@town.example")
			wants := []string{"https://hq.example/hook\n", saved.ID.String(), "native", "17 attempts", "UTC"}
			wants = append(wants, [][]string{{"is disabled on", "The first success ends this warning."}, {"has disabled it, because nothing succeeded", "is held", "enable the webhook"}}[i]...)
			for _, want := range wants {
				if !strings.Contains(l.Text, want) {
					t.Errorf("it lacks %q:\n%s", want, l.Text)
				}
			}
			if l.Subject != []string{"Be spoke: a webhook is failing", "Be spoke: a webhook was disabled"}[i] {
				t.Errorf("the subject is %q", l.Subject)
			}
			for _, secret := range []string{"secret=", saved.Secret} {
				if strings.Contains(l.Text+l.Subject, secret) {
					t.Errorf("it tells a secret:\n%s", l.Text)
				}
			}
		}
		if n := w.count(`SELECT count(*) FROM letters`); n != 0 {
			t.Errorf("%d letters are left", n)
		}
	})
}

// An org without anybody who could do something has its enterprise told, and at
// most ten people get a letter, owners first. Without mail nothing is kept.
func TestWhoGetsLetters(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		hook := must(w.m.PutWebhook(ctx, operator, market.Hook{App: w.app["bespoke"], Dialect: souk.Native, URL: "https://hq.example/", Events: []string{"case.approved"}}))(t).Webhook
		failures := 10
		fails := func() {
			w.became(hook.ID, souk.WebhookActive)
			failures++
			w.fares(hook, 6*24*time.Hour, failures)
			w.judge()
		}
		fails()
		if n := w.count(`SELECT count(*) FROM letters`); n != 0 {
			t.Errorf("%d letters, and nobody sends them", n)
		}
		if must(w.m.SendLetters(ctx))(t) {
			t.Error("there is more to send")
		}
		sent := w.letters()
		lonely := func(where string) {
			w.write(func(tx *store.Tx) error {
				for name, id := range w.user {
					if u, err := tx.User(id); err != nil {
						return err
					} else if u.Org == w.hq && (where == "" || name == where) {
						u.DeactivatedAt = dawn
						if err := tx.PutUser(u, w.acme); err != nil {
							return err
						}
					}
				}
				return nil
			})
		}
		lonely("olga")
		for i := range 12 {
			w.write(func(tx *store.Tx) error {
				u := souk.User{ID: souk.NewID(), Org: w.hq, Email: fmt.Sprintf("owner%d@town.example", i), FirstName: "o", CreatedAt: dawn}
				w.user[u.Email] = u.ID
				if err := tx.PutUser(u, w.acme); err != nil {
					return err
				}
				return tx.PutMembership(souk.Membership{User: u.ID, Org: w.hq, Role: souk.Owner, CreatedAt: dawn.Add(time.Duration(i) * time.Second)})
			})
		}
		fails()
		lonely("")
		fails()
		for must(w.m.SendLetters(ctx))(t) {
		}
		if len(*sent) != 2 || len((*sent)[0].To) != 10 || (*sent)[0].To[9] != "owner9@town.example" {
			t.Fatalf("they went to %q", *sent)
		}
		wantList(t, "above", (*sent)[1].To, "eve@town.example", "ada@town.example", "sam@town.example")
	})
}

// A letter that is not taken waits, longer each time, and is dropped after five
// tries. One that somebody took up and never finished is taken up again.
func TestLettersThatAreNotTaken(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		tries := 0
		w.m.Mail = func(context.Context, souk.Letter) error {
			tries++
			return fmt.Errorf("the server is full")
		}
		hook := w.subscribe("chat", souk.Native, "case.approved").Webhook
		w.fares(hook, 6*24*time.Hour, 17)
		w.judge()
		for n := 1; n <= 5; n++ {
			more, err := w.m.SendLetters(ctx)
			if !more || err == nil || !strings.Contains(err.Error(), fmt.Sprintf("in try %d: the server is full", n)) || strings.Contains(err.Error(), "dropped") != (n == 5) {
				t.Errorf("try %d: %v %v", n, more, err)
			}
			if more, err := w.m.SendLetters(ctx); more || err != nil || tries != n {
				t.Errorf("at once again: %v %v, %d tries", more, err, tries)
			}
			must(w.sql.ExecContext(ctx, `UPDATE letters SET next_at = 0`))(t)
		}
		if n := w.count(`SELECT count(*) FROM letters`); n != 0 {
			t.Errorf("%d letters are left", n)
		}
	})
}
