package market_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
)

// triggers spells a trigger in a line, with ids of what it is about:
// "chat_start <app> at <org> by <user> [settings]", and as an address.
func triggers() *market.Triggers {
	spell := func(t souk.Trigger) string {
		line := fmt.Sprintf("%s %s at %s", t.Condition, t.App, t.Org)
		if !t.User.IsZero() {
			line += fmt.Sprintf(" by %s %v", t.User, t.Permissions)
		}
		return strings.TrimRight(strings.Join([]string{line, t.Chat, t.Visitor, t.Room, t.Domain, t.Return}, " "), " ")
	}
	return &market.Triggers{
		Encode: func(t souk.Trigger) ([]byte, error) { return []byte(spell(t)), nil },
		Address: func(t souk.Trigger, with souk.Credentials, _ time.Time) (string, error) {
			if with.App != t.App || with.GiosgSecret == "" {
				return "", fmt.Errorf("no credentials of %s", t.App)
			}
			return t.URL + " " + spell(t), nil
		},
	}
}

// triggered has an app called on conditions.
func (w *town) triggered(app string, conditions ...souk.Condition) {
	w.t.Helper()
	w.changeApp(app, func(a *souk.App) {
		a.TriggerURL, a.Triggers = "https://"+app+".example/trigger", nil
		for _, c := range conditions {
			a.Triggers = append(a.Triggers, string(c))
		}
	})
	w.client(app)
}

// named puts names for ids in a line.
func (w *town) named(line string) string {
	w.t.Helper()
	var names []string
	for _, query := range []string{`SELECT id, name FROM orgs`, `SELECT id, name FROM apps`, `SELECT id, first_name FROM users`} {
		names = append(names, w.names(query)...)
	}
	return strings.NewReplacer(names...).Replace(line)
}

// called spells the calls in the background since it was asked last, in any
// order. What outlives its installation says so.
func (w *town) called() (lines []string) {
	w.t.Helper()
	w.read(func(tx *store.Tx) error {
		lines = nil
		for _, app := range w.app {
			found, err := souktest.Told(tx, app, "", souk.Page{Size: 1000})
			if err != nil {
				return err
			}
			for _, d := range found {
				if w.seen[d.ID] {
					continue
				}
				w.seen[d.ID] = true
				line := string(d.Body)
				if d.Final {
					line += " (final)"
				}
				if d.Dialect != souk.TriggerCall || d.App != app || d.Installation.IsZero() || !strings.HasPrefix(line, string(d.Action)+" ") {
					w.t.Errorf("%s is the call %+v", line, d)
				}
				lines = append(lines, line)
			}
		}
		return nil
	})
	for n := range lines {
		lines[n] = w.named(lines[n])
	}
	slices.Sort(lines)
	return lines
}

// wantCalled asks called, in any order.
func (w *town) wantCalled(what string, want ...string) {
	w.t.Helper()
	slices.Sort(want)
	wantList(w.t, what, w.called(), want...)
}

// signingIn gives somebody a password to sign in with.
func (w *town) signingIn(name string) market.SigningIn {
	w.t.Helper()
	in := market.SigningIn{Email: name + "@town.example", Password: "the word of " + name}
	hash := market.HashPassword(in.Password)
	w.write(func(tx *store.Tx) error { return tx.PutPassword(w.user[name], hash, dawn) })
	return in
}

// A condition is told to the apps that are installed there, list it, and may be
// told: to nobody else.
func TestTrigger(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.triggered("chat", "chat_start", "chat_end_with_msgs", "manual_dialog")
		w.triggered("ear", "chat_start")
		w.triggered("files", "chat_end")
		w.triggered("tool", "chat_start") // is not installed
		w.install("eve", "chat", w.acme, w.hq)
		w.install("sid", "ear", w.hq)
		w.install("sid", "files", w.hq)
		w.install("sid", "monitor", w.hq) // has no trigger
		trigger := func(in market.Triggering) []market.Triggered {
			t.Helper()
			return must(w.m.Trigger(ctx, operator, in))(t)
		}

		woken := 0
		w.m.Told = func([]souk.Delivery) { woken++ }
		told := trigger(market.Triggering{Condition: "chat_start", Org: w.hq, User: w.user["sid"], Chat: "7", Visitor: "v", Room: "r", Domain: "d.example"})
		w.wantCalled("with settings, as far as was granted",
			"chat_start chat at hq by sid [] 7 v r d.example", "chat_start ear at hq by sid [settings] 7 v r d.example")
		if len(told) != 2 || told[0].Delivery.IsZero() || told[0].URL != "" || told[0].Installation.IsZero() || woken != 1 {
			t.Errorf("told %+v, woken %d times", told, woken)
		}
		trigger(market.Triggering{Condition: "chat_start", Org: w.hq, App: w.app["ear"]})
		w.wantCalled("one app, and nobody caused it", "chat_start ear at hq")
		trigger(market.Triggering{Condition: "chat_start", Org: w.acme, User: w.user["eve"]})
		w.wantCalled("the enterprise itself", "chat_start chat at acme by eve []")
		for what, in := range map[string]market.Triggering{
			"listed by nobody here":      {Condition: "chat_focus", Org: w.hq},
			"a word that another begins": {Condition: "chat_end", Org: w.acme},
			"not reached":                {Condition: "chat_start", Org: w.lab},
		} {
			if told := trigger(in); told == nil || len(told) != 0 {
				t.Errorf("%s: %+v", what, told)
			}
			w.wantCalled(what)
		}

		// What a browser opens is not called.
		told = trigger(market.Triggering{Condition: "manual_dialog", Org: w.hq, User: w.user["jane"], Chat: "7"})
		if len(told) != 1 || !told[0].Delivery.IsZero() || w.named(told[0].URL) != "https://chat.example/trigger manual_dialog chat at hq by jane [] 7" {
			t.Errorf("in the browser: %+v", told)
		}
		w.wantCalled("in the browser")

		for what, in := range map[string]market.Triggering{
			"not installed": {Condition: "chat_start", Org: w.hq, App: w.app["tool"]}, "not listed": {Condition: "chat_start", Org: w.hq, App: w.app["files"]},
			"no app": {Condition: "chat_start", Org: w.hq, App: souk.NewID()}, "not here": {Condition: "chat_start", Org: w.acme, App: w.app["ear"]},
		} {
			wantRefusal(t, what, drop(w.m.Trigger(ctx, operator, in)), souk.NoTrigger)
		}
		wantRefusal(t, "no org", drop(w.m.Trigger(ctx, operator, market.Triggering{Condition: "chat_start", Org: souk.NewID()})), souk.UnknownOrg)
		for _, name := range []string{"gus", "vic", "lee"} { // lee works at the lab
			wantRefusal(t, name+" is not of hq", drop(w.m.Trigger(ctx, operator, market.Triggering{Condition: "chat_start", Org: w.hq, User: w.user[name]})), souk.UnknownUser)
		}
		for _, a := range []souk.Actor{w.as("eve"), w.session("eve"), w.as("vic"), w.itself("chat")} {
			wantRefusal(t, "by somebody else", drop(w.m.Trigger(ctx, a, market.Triggering{Condition: "chat_start", Org: w.hq})), souk.NotAllowed)
		}
		long := strings.Repeat("x", 201)
		err := drop(w.m.Trigger(ctx, operator, market.Triggering{Condition: souk.OnUninstall, Org: w.hq, Chat: long, Visitor: long, Room: long, Domain: long}))
		if fields := faultsOf(err); !slices.Equal(fields, []string{"condition", "chat", "visitor", "room", "domain"}) {
			t.Errorf("%v", err)
		}
		w.wantCalled("after all that was refused")
	})
}

// faultsOf lists the fields that are not accepted.
func faultsOf(err error) (fields []string) {
	invalid, _ := err.(souk.Invalid)
	for _, p := range invalid {
		fields = append(fields, p.Field)
	}
	return fields
}

// silencing are the ways in which an installed app is not to be told of what
// happens at hq.
var silencing = map[string]func(*town){
	"its trigger URL is gone":       func(w *town) { w.changeApp("tool", func(a *souk.App) { a.TriggerURL = "" }) },
	"another condition is listed":   func(w *town) { w.triggered("tool", "chat_close") },
	"the app is suspended":          func(w *town) { ok(w.t, w.m.SuspendApp(context.Background(), operator, w.app["tool"])) },
	"the organization does not pay": func(w *town) { w.changeOrg(w.hq, func(o *souk.Org) { o.HasActiveSubscription = false }) },
	"no dialect calls trigger URLs": func(w *town) { delete(w.m.Wires, souk.Giosg) },
}

func TestNobodyIsTriggered(t *testing.T) {
	for name, silence := range silencing {
		t.Run(name, func(t *testing.T) {
			eachTown(t, func(t *testing.T, w *town) {
				ctx := context.Background()
				w.triggered("tool", "chat_start", souk.OnConsoleLoad, souk.OnUninstall, souk.OnNavigation)
				in := w.signingIn("jane")
				w.install("sid", "tool", w.hq)
				silence(w)
				if _, wired := w.m.Wires[souk.Giosg]; wired {
					if told := must(w.m.Trigger(ctx, operator, market.Triggering{Condition: "chat_start", Org: w.hq}))(t); len(told) != 0 {
						t.Errorf("told %+v", told)
					}
				}
				must(w.m.SignIn(ctx, in, "test", netip.Addr{}))(t)
				must(w.m.Uninstall(ctx, w.as("sid"), market.Uninstalling{App: w.app["tool"], From: []souk.ID{w.hq}}))(t)
				w.wantCalled(name)
			})
		})
	}
}

// A suspended installation is told nothing until it works again.
func TestSuspendedInstallationIsNotTriggered(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		w.triggered("tool", "chat_start", souk.OnNavigation)
		i := w.install("sid", "tool", w.hq)
		suspend := func(s souk.InstallationStatus) {
			i.Status = s
			w.write(func(tx *store.Tx) error { return tx.PutInstallation(i) })
		}
		suspend(souk.InstallationSuspended)
		wantRefusal(t, "in the background", drop(w.m.Trigger(context.Background(), operator, market.Triggering{Condition: "chat_start", Org: w.hq, App: i.App})), souk.NoTrigger)
		wantRefusal(t, "by a person", drop(w.m.OpenTrigger(context.Background(), w.as("jane"), market.Opening{App: i.App, At: w.hq, Condition: souk.OnNavigation})), souk.UnknownInstallation)
		suspend(souk.InstallationActive)
		must(w.m.Trigger(context.Background(), operator, market.Triggering{Condition: "chat_start", Org: w.hq, App: i.App}))(t)
		w.wantCalled("it works again", "chat_start tool at hq")
	})
}

func TestOpenTrigger(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.triggered("ear", souk.OnInstall, souk.OnSetup, souk.OnNavigation, souk.OnConsoleLoad, "manual_dialog")
		w.triggered("files", souk.OnSetup)
		w.triggered("monitor", souk.OnNavigation)
		w.approve("max", "ear", w.hq)
		w.install("jane", "ear", w.hq) // whom the approval lets, without settings
		w.install("eve", "monitor", w.acme, w.hq)
		w.install("sid", "files", w.hq)
		for _, tt := range []struct {
			what, who, app string
			at             souk.ID
			condition      souk.Condition
			back           string
			want           string
		}{
			{"the installer", "jane", "ear", w.hq, souk.OnInstall, "https://souk.example/back", "install ear at hq by jane []     https://souk.example/back"},
			{"the installer, later", "jane", "ear", w.hq, souk.OnSetup, "", "setup ear at hq by jane []"},
			{"who holds settings", "sid", "ear", w.hq, souk.OnSetup, "", "setup ear at hq by sid [settings]"},
			{"from above, with no more than was granted", "eve", "ear", w.hq, souk.OnSetup, "", "setup ear at hq by eve [settings users]"},
			{"a member", "joe", "ear", w.hq, souk.OnNavigation, "", "manual_nav ear at hq by joe []"},
			{"by the enterprise's", "joe", "monitor", w.hq, souk.OnNavigation, "", "manual_nav monitor at hq by joe []"},
			{"at the enterprise", "sam", "monitor", w.acme, souk.OnNavigation, "", "manual_nav monitor at acme by sam []"},
		} {
			in := market.Opening{App: w.app[tt.app], At: tt.at, Condition: tt.condition, Return: tt.back}
			url := must(w.m.OpenTrigger(ctx, w.session(tt.who), in))(t)
			if got := w.named(url); got != "https://"+tt.app+".example/trigger "+tt.want {
				t.Errorf("%s: %s, want %s", tt.what, got, tt.want)
			}
		}
		for _, tt := range []struct {
			what  string
			actor souk.Actor
			in    market.Opening
			want  souk.Refusal
		}{
			{"who may not set up", w.session("joe"), market.Opening{App: w.app["ear"], At: w.hq, Condition: souk.OnSetup}, souk.NotAllowed},
			{"who did not install", w.session("joe"), market.Opening{App: w.app["ear"], At: w.hq, Condition: souk.OnInstall}, souk.NotAllowed},
			{"not listed", w.session("sid"), market.Opening{App: w.app["files"], At: w.hq, Condition: souk.OnNavigation}, souk.NoTrigger},
			{"no person's", w.session("sid"), market.Opening{App: w.app["ear"], At: w.hq, Condition: souk.OnConsoleLoad}, souk.NoTrigger},
			{"the host product's", w.session("sid"), market.Opening{App: w.app["ear"], At: w.hq, Condition: "manual_dialog"}, souk.NoTrigger},
			{"no condition", w.session("sid"), market.Opening{App: w.app["ear"], At: w.hq}, souk.NoTrigger},
			{"not installed", w.session("sid"), market.Opening{App: w.app["tool"], At: w.hq, Condition: souk.OnSetup}, souk.UnknownInstallation},
			{"installed elsewhere", w.session("eve"), market.Opening{App: w.app["ear"], At: w.acme, Condition: souk.OnSetup}, souk.UnknownInstallation},
			{"no app", w.session("sid"), market.Opening{App: souk.NewID(), At: w.hq, Condition: souk.OnSetup}, souk.UnknownInstallation},
			{"another workspace's", w.session("lee"), market.Opening{App: w.app["ear"], At: w.hq, Condition: souk.OnNavigation}, souk.NotAllowed},
			{"another root's", w.session("gus"), market.Opening{App: w.app["ear"], At: w.hq, Condition: souk.OnNavigation}, souk.UnknownOrg},
			{"the app's owner", w.session("vic"), market.Opening{App: w.app["ear"], At: w.hq, Condition: souk.OnNavigation}, souk.UnknownOrg},
			{"nobody", operator, market.Opening{App: w.app["ear"], At: w.hq, Condition: souk.OnNavigation}, souk.NeedsPerson},
		} {
			wantRefusal(t, tt.what, drop(w.m.OpenTrigger(ctx, tt.actor, tt.in)), tt.want)
		}
		ok(t, w.m.SuspendApp(ctx, operator, w.app["ear"]))
		wantRefusal(t, "suspended", drop(w.m.OpenTrigger(ctx, w.session("sid"), market.Opening{App: w.app["ear"], At: w.hq, Condition: souk.OnSetup})), souk.NoTrigger)
		w.wantCalled("all of it is a browser's")
	})
}

// The calls are for those who look after the app.
func TestTriggerCalls(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.triggered("chat", "chat_start", "chat_end")
		w.subscribe("chat", souk.Native, string(souk.InstallationAdded))
		w.install("sid", "chat", w.hq)
		first := must(w.m.Trigger(ctx, operator, market.Triggering{Condition: "chat_start", Org: w.hq}))(t)[0].Delivery
		second := must(w.m.Trigger(ctx, operator, market.Triggering{Condition: "chat_end", Org: w.hq}))(t)[0].Delivery
		tried := souk.Attempt{ID: souk.NewID(), Delivery: first, Dialect: souk.TriggerCall, App: w.app["chat"], Webhook: w.app["chat"], URL: "https://chat.example/trigger", Outcome: souk.OK, Status: 204, StartedAt: dawn}
		w.write(func(tx *store.Tx) error {
			return drop(tx.Record(souk.ID{}, dawn, []store.Progress{{Delivery: souk.Delivery{ID: souk.NewID()}, Attempt: &tried}}))
		})

		for _, a := range []souk.Actor{w.as("vic"), w.itself("chat"), operator} {
			calls := must(w.m.TriggerCalls(ctx, a, w.app["chat"], "", souk.Page{Size: 5}))(t)
			if len(calls) != 2 || calls[0].ID != second || calls[0].Action != "chat_end" || calls[1].ID != first || calls[1].Status != souk.DeliveryPending {
				t.Errorf("calls: %+v", calls)
			}
			if rest := must(w.m.TriggerCalls(ctx, a, w.app["chat"], souk.DeliveryPending, souk.Page{Size: 5, After: souk.Position{At: calls[0].CreatedAt, ID: calls[0].ID}}))(t); len(rest) != 1 || rest[0].ID != first {
				t.Errorf("the rest: %+v", rest)
			}
			if none := must(w.m.TriggerCalls(ctx, a, w.app["chat"], souk.DeliverySuccessful, souk.Page{Size: 5}))(t); len(none) != 0 {
				t.Errorf("successful: %+v", none)
			}
			if attempts := must(w.m.TriggerAttempts(ctx, a, w.app["chat"], first))(t); len(attempts) != 1 || attempts[0].ID != tried.ID || attempts[0].Status != 204 {
				t.Errorf("attempts: %+v", attempts)
			}
			if attempts := must(w.m.TriggerAttempts(ctx, a, w.app["chat"], second))(t); len(attempts) != 0 {
				t.Errorf("attempts: %+v", attempts)
			}
		}
		hooked := must(w.m.Webhooks(ctx, w.as("vic"), w.app["chat"]))(t)[0]
		told := must(w.m.Deliveries(ctx, w.as("vic"), w.app["chat"], hooked.ID, "", souk.Page{Size: 1}))(t)[0].ID
		for what, delivery := range map[string]souk.ID{"of a webhook": told, "of nothing": souk.NewID()} {
			wantRefusal(t, "attempts "+what, drop(w.m.TriggerAttempts(ctx, w.as("vic"), w.app["chat"], delivery)), souk.UnknownDelivery)
		}
		wantRefusal(t, "another app's attempts", drop(w.m.TriggerAttempts(ctx, w.as("vic"), w.app["tool"], first)), souk.UnknownDelivery)
		wantRefusal(t, "a call by the webhook", drop(w.m.Attempts(ctx, w.as("vic"), w.app["chat"], hooked.ID, first)), souk.UnknownDelivery)
		for _, tt := range []struct {
			actor souk.Actor
			app   souk.ID
			want  souk.Refusal
		}{
			{w.as("val"), w.app["chat"], souk.NotAllowed}, {w.as("sid"), w.app["chat"], souk.UnknownApp}, {w.itself("tool"), w.app["chat"], souk.UnknownApp},
			{w.as("vic"), souk.NewID(), souk.UnknownApp}, {w.as("vic"), w.app["gone"], souk.UnknownApp},
		} {
			wantRefusal(t, "the calls", drop(w.m.TriggerCalls(ctx, tt.actor, tt.app, "", souk.Page{Size: 5})), tt.want)
			wantRefusal(t, "the attempts", drop(w.m.TriggerAttempts(ctx, tt.actor, tt.app, first)), tt.want)
		}
	})
}
