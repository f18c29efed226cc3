package market_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"souk"
	"souk/market"
	"souk/store"
)

// governs has an app hear of requests on Zoom's wire.
func (w *town) governs(app string, scopes ...string) {
	w.t.Helper()
	w.changeApp(app, func(a *souk.App) { a.UserScopes = souk.NewScopes(scopes...) })
}

// zoomHook makes a webhook of Zoom's wire, at another URL each time.
func (w *town) zoomHook(app string, change func(*market.Hook)) souk.Webhook {
	w.t.Helper()
	in := market.Hook{App: w.app[app], Dialect: souk.Zoom, URL: "https://" + app + ".example/" + souk.NewID().String(), Events: []string{asked}}
	if change != nil {
		change(&in)
	}
	return must(w.m.PutWebhook(context.Background(), operator, in))(w.t).Webhook
}

// A webhook of Zoom's wire is saved whole, or not at all, and shows no secret.
func TestPutZoomWebhook(t *testing.T) {
	long := strings.Repeat("é", 257)
	cases := map[string]struct {
		change func(*market.Hook)
		field  string // that is wrong; "": none
		no     error
	}{
		"plain": {func(*market.Hook) {}, "", nil},
		"all there is": {func(in *market.Hook) {
			in.Name, in.Reach, in.Environment, in.Extended = "Requests", souk.AccountReach, souk.Production, true
		}, "", nil},
		"an event there is not":     {func(in *market.Hook) { in.Events = []string{"meeting.started"} }, "events", nil},
		"no event":                  {func(in *market.Hook) { in.Events = nil }, "events", nil},
		"goodbye by subscribing":    {func(in *market.Hook) { in.Events = []string{goodbye} }, "events", nil},
		"a name too long":           {func(in *market.Hook) { in.Name = strings.Repeat("n", 1001) }, "name", nil},
		"a reach there is not":      {func(in *market.Hook) { in.Reach = "world" }, "reach", nil},
		"of some users":             {func(in *market.Hook) { in.Reach = souk.UserReach }, "reach", nil},
		"an environment":            {func(in *market.Hook) { in.Environment = "staging" }, "environment", nil},
		"a source there is not":     {func(in *market.Hook) { in.Source = "wish" }, "source", nil},
		"accounts of people's":      {func(in *market.Hook) { in.Accounts = []souk.ID{souk.NewID()} }, "accounts", nil},
		"goodbye with events":       {func(in *market.Hook) { in.Source = souk.Deauthorization }, "events", nil},
		"a private address":         {func(in *market.Hook) { in.URL = "https://10.0.0.1/" }, "", souk.BlockedAddress},
		"a receiver that is silent": {func(in *market.Hook) { in.URL = "https://silent.example/" }, "", souk.NotVerified},
		"one too many of goodbye": {func(in *market.Hook) {
			in.Source, in.Events, in.URL = souk.Deauthorization, nil, "https://silent.example/"
		}, "", nil},
		"basic":                    {with(souk.Auth{Kind: souk.BasicAuth, Username: "u", Password: "p"}), "", nil},
		"basic without a password": {with(souk.Auth{Kind: souk.BasicAuth, Username: "u"}), "auth.password", nil},
		"basic, too long":          {with(souk.Auth{Kind: souk.BasicAuth, Username: long, Password: "p"}), "auth.username", nil},
		"basic, just short enough": {with(souk.Auth{Kind: souk.BasicAuth, Username: long[:512], Password: "p"}), "", nil},
		"basic with a line feed":   {with(souk.Auth{Kind: souk.BasicAuth, Username: "u", Password: "p\nq"}), "auth.password", nil},
		"the mask":                 {with(souk.Auth{Kind: souk.BasicAuth, Username: "u", Password: souk.Masked}), "auth.password", nil},
		"another's member":         {with(souk.Auth{Kind: souk.BasicAuth, Username: "u", Password: "p", Key: "x-k"}), "auth.kind", nil},
		"a kind there is not":      {with(souk.Auth{Kind: "digest"}), "auth.kind", nil},
		"custom":                   {with(souk.Auth{Kind: souk.CustomAuth, Key: "X-Api-Key", Value: "v"}), "", nil},
		"custom, a reserved name":  {with(souk.Auth{Kind: souk.CustomAuth, Key: "X-Zm-Signature", Value: "v"}), "auth.key", nil},
		"custom, host":             {with(souk.Auth{Kind: souk.CustomAuth, Key: "Host", Value: "v"}), "auth.key", nil},
		"custom, no token":         {with(souk.Auth{Kind: souk.CustomAuth, Key: "x_key", Value: "v"}), "auth.key", nil},
		"custom, header injection": {with(souk.Auth{Kind: souk.CustomAuth, Key: "x-key", Value: "v\r\nHost: a"}), "auth.value", nil},
		"custom without a value":   {with(souk.Auth{Kind: souk.CustomAuth, Key: "x-key"}), "auth.value", nil},
		"oauth":                    {with(souk.Auth{Kind: souk.OAuthAuth, ClientID: "c", ClientSecret: "s", TokenURL: "https://id.example/token"}), "", nil},
		"oauth, a private address": {with(souk.Auth{Kind: souk.OAuthAuth, ClientID: "c", ClientSecret: "s", TokenURL: "https://10.0.0.1/"}), "auth.token_url", nil},
		"oauth, a URL too long":    {with(souk.Auth{Kind: souk.OAuthAuth, ClientID: "c", ClientSecret: "s", TokenURL: "https://id.example/" + strings.Repeat("t", 1000)}), "auth.token_url", nil},
		"oauth, no URL":            {with(souk.Auth{Kind: souk.OAuthAuth, ClientID: "c", ClientSecret: "s", TokenURL: "token"}), "auth.token_url", nil},
		"oauth, a state too long":  {with(souk.Auth{Kind: souk.OAuthAuth, ClientID: "c", ClientSecret: "s", TokenURL: "https://id.example/", State: long[:512]}), "auth.state", nil},
	}
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.governs("chat", "zoom.read")
		w.validate = func(hook souk.Webhook) error {
			if strings.Contains(hook.URL, "silent") {
				return fmt.Errorf("%w: it is silent", souk.NotVerified)
			}
			return nil
		}
		for name, tt := range cases {
			in := market.Hook{App: w.app["chat"], Dialect: souk.Zoom, URL: "https://chat.example/zoom?k=1", Events: []string{approved, asked}}
			tt.change(&in)
			before := w.digest()
			var seen souk.Webhook
			shake := w.validate
			w.validate = func(hook souk.Webhook) error { seen = hook; return shake(hook) }
			saved, err := w.m.PutWebhook(ctx, operator, in)
			w.validate = shake
			var wrong souk.Invalid
			switch {
			case tt.no != nil:
				wantRefusal(t, name, err, tt.no.(souk.Refusal))
			case tt.field != "":
				if !errors.As(err, &wrong) || !slices.ContainsFunc(wrong, func(p souk.Problem) bool { return p.Field == tt.field }) {
					t.Errorf("%s: %v, want something wrong with %s", name, err, tt.field)
				}
			case err != nil:
				t.Errorf("%s: %v", name, err)
			default:
				if in.Auth != nil && (seen.Auth != *in.Auth || saved.Auth != in.Auth.Masked() || saved.Auth == *in.Auth) {
					t.Errorf("%s: the receiver is asked with %+v, shown is %+v", name, seen.Auth, saved.Auth)
				}
				if got := must(w.m.Webhook(ctx, operator, in.App, saved.ID))(t); got.Auth != saved.Auth || got.Name != in.Name {
					t.Errorf("%s: it reads %+v", name, got)
				}
				if n := w.count(`SELECT count(*) FROM url_checks WHERE webhook_id = $1`, saved.ID); (n == 1) != (in.Source != souk.Deauthorization) {
					t.Errorf("%s: it is asked again %d times", name, n)
				}
				ok(t, w.m.DeleteWebhook(ctx, operator, in.App, saved.ID))
				if n := w.count(`SELECT count(*) FROM url_checks`); n != 0 {
					t.Errorf("%s: what was deleted is asked again", name)
				}
				continue
			}
			if w.digest() != before {
				t.Errorf("%s left something", name)
			}
		}
		for _, secret := range []string{`"p"`, `"s"`, `"v"`} {
			if n := w.count(`SELECT count(*) FROM audit WHERE before LIKE $1 OR after LIKE $1`, "%"+secret+"%"); n != 0 {
				t.Errorf("the audit log tells %s", secret)
			}
		}
		w.checkAudit()

		files := market.Hook{App: w.app["files"], Dialect: souk.Zoom, URL: "https://files.example/", Events: []string{asked}}
		if err := drop(w.m.PutWebhook(ctx, operator, files)); !strings.Contains(fmt.Sprint(err), "scopes") {
			t.Errorf("an app that asks for no scope: %v", err)
		}
		if err := drop(w.m.PutWebhook(ctx, operator, market.Hook{App: w.app["chat"], Dialect: souk.Native, URL: "https://chat.example/",
			Events: []string{"case.approved"}, Listening: market.Listening{Name: "Mine"}})); err == nil {
			t.Error("a native webhook has a name")
		}
	})
}

func with(a souk.Auth) func(*market.Hook) { return func(in *market.Hook) { in.Auth = &a } }

// Twenty are enough, and where an app is told of its end does not count.
func TestZoomWebhooksAreFew(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		w.governs("chat", "zoom.read.fine")
		w.zoomHook("chat", func(in *market.Hook) { in.Source, in.Events = souk.Deauthorization, nil })
		for range market.MaxZoomWebhooks {
			w.zoomHook("chat", nil)
		}
		err := drop(w.m.PutWebhook(context.Background(), operator, market.Hook{App: w.app["chat"], Dialect: souk.Zoom, URL: "https://chat.example/", Events: []string{asked}}))
		wantRefusal(t, "one more", err, souk.TooManyWebhooks)
		w.subscribe("chat", souk.Native, "case.approved")
	})
}

// A change keeps the header that it does not speak of, and where the webhook is
// from; it is checked like a new one.
func TestChangeZoomWebhook(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.governs("chat", "zoom.read")
		hook := w.zoomHook("chat", with(souk.Auth{Kind: souk.BasicAuth, Username: "u", Password: "p"}))
		var seen []souk.Webhook
		w.validate = func(hook souk.Webhook) error { seen = append(seen, hook); return nil }
		in := market.Hook{App: hook.App, ID: hook.ID, Dialect: souk.Zoom, URL: "https://chat.example/2", Events: []string{asked}}
		changed := must(w.m.PutWebhook(ctx, operator, in))(t)
		if len(seen) != 1 || seen[0].Auth.Password != "p" || seen[0].URL != in.URL || changed.Auth.Username != "u" || changed.Auth.Password != souk.Masked {
			t.Errorf("asked %+v, now %+v", seen, changed.Auth)
		}
		away := in
		away.URL = "https://mallory.example/"
		if err := drop(w.m.PutWebhook(ctx, operator, away)); !errors.As(err, new(souk.Invalid)) || len(seen) != 1 {
			t.Errorf("the password goes to another server: %v, asked %d times", err, len(seen))
		}
		away.Auth, away.URL = &souk.Auth{Kind: souk.BasicAuth, Username: "u", Password: "p"}, "https://chat.example:8443/"
		must(w.m.PutWebhook(ctx, operator, away))(t)
		in.Auth = &souk.Auth{}
		if changed = must(w.m.PutWebhook(ctx, operator, in))(t); changed.Auth != (souk.Auth{}) {
			t.Errorf("it still has %+v", changed.Auth)
		}
		before := w.digest()
		in.Source = souk.FromAPI
		wantRefusal(t, "another source", drop(w.m.PutWebhook(ctx, operator, in)), souk.UnknownWebhook)
		in.Source, in.Dialect, in.Auth = "", souk.Native, nil
		wantRefusal(t, "another dialect", drop(w.m.PutWebhook(ctx, operator, in)), souk.UnknownWebhook)
		w.validate = func(souk.Webhook) error { return souk.NotVerified }
		in.Dialect = souk.Zoom
		wantRefusal(t, "a receiver that does not answer", drop(w.m.PutWebhook(ctx, operator, in)), souk.NotVerified)
		if w.digest() != before {
			t.Error("what was refused left something")
		}
		in.Paused = new(true)
		must(w.m.PutWebhook(ctx, operator, in))(t)
		if n := w.count(`SELECT count(*) FROM url_checks`); n != 0 {
			t.Error("what is paused is asked again")
		}
		wantRefusal(t, "enabled without an answer", drop(w.m.EnableWebhook(ctx, operator, market.Enabling{App: hook.App, Webhook: hook.ID, Held: market.Resume})), souk.NotVerified)
		w.validate = nil
		must(w.m.EnableWebhook(ctx, operator, market.Enabling{App: hook.App, Webhook: hook.ID, Held: market.Resume}))(t)
		if n := w.count(`SELECT count(*) FROM url_checks`); n != 1 {
			t.Error("what is enabled is not asked again")
		}
	})
}

// Requests are told to those who hold a scope for it, as far as they reach.
func TestWhoHearsOnZoomsWire(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		w.governs("chat", "zoom.read")      // to be installed for the enterprise
		w.governs("monitor", "zoom.read")   // at hq alone
		w.governs("tool", "zoom.read.fine") // nowhere
		hook := func(app, what string, change func(*market.Hook)) {
			w.zoomHook(app, func(in *market.Hook) {
				in.Name = app + " " + what
				if change != nil {
					change(in)
				}
			})
		}
		hook("chat", "plain", nil)
		hook("chat", "account", func(in *market.Hook) { in.Reach = souk.AccountReach })
		hook("chat", "master", func(in *market.Hook) { in.Reach = souk.MasterReach })
		hook("chat", "production", func(in *market.Hook) { in.Environment = souk.Production })
		hook("chat", "development", func(in *market.Hook) { in.Environment = souk.Development })
		hook("chat", "other event", func(in *market.Hook) { in.Events = []string{approved} })
		hook("chat", "goodbye", func(in *market.Hook) { in.Source, in.Events = souk.Deauthorization, nil })
		api := func(accounts ...souk.ID) func(*market.Hook) {
			return func(in *market.Hook) { in.Source, in.Accounts = souk.FromAPI, accounts }
		}
		hook("chat", "api", api(w.globex, w.acme))
		hook("chat", "api elsewhere", api(w.globex))
		hook("chat", "api nowhere", api())
		hook("monitor", "account", func(in *market.Hook) { in.Reach = souk.AccountReach })
		hook("tool", "plain", nil)
		since := func(what string, who string, at souk.ID, want ...string) {
			t.Helper()
			q := w.ask(who, "files", at)
			wantList(t, what, w.rows(`SELECT w.name FROM deliveries d JOIN webhooks w ON w.id = d.webhook_id WHERE d.dialect = 'zoom'`), want...)
			w.write(func(tx *store.Tx) error { return cancelAll(tx, w) })
			ok(t, w.m.CancelRequest(context.Background(), w.as(who), market.Withdrawal{Request: q.ID}))
		}
		since("nobody is installed", "jane", w.hq)
		w.install("eve", "chat", w.acme, w.lab)
		w.install("sid", "monitor", w.hq)
		reaching := []string{"chat api", "chat master", "chat plain", "chat production"}
		since("at hq, where one is installed and the other not granted", "jane", w.hq, "monitor account")
		since("at the lab, which the enterprise's reaches", "lee", w.lab, reaching...)
		w.setPolicy(w.acme, souk.Approval)
		since("at the enterprise itself", "sam", w.acme, "chat account", "chat api", "chat master", "chat plain", "chat production")
		w.changeApp("chat", func(a *souk.App) { a.Listing = souk.Draft })
		since("of an app in development", "lee", w.lab, "chat api", "chat development", "chat master", "chat plain")
		w.write(func(tx *store.Tx) error {
			i, err := tx.InstallationReaching(w.app["chat"], w.lab)
			i.Scopes = souk.NewScopes("team:read")
			return errors.Join(err, tx.PutInstallation(i))
		})
		since("without the scope, which was granted later", "lee", w.lab)
	})
}

// A webhook that the API made is for some accounts.
func TestAccountsOfZoomWebhooks(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.governs("chat", "zoom.read")
		made := w.zoomHook("chat", func(in *market.Hook) { in.Source, in.Accounts = souk.FromAPI, []souk.ID{w.acme} })
		peoples := w.zoomHook("chat", nil)
		in := func(account souk.ID, people ...string) market.Subscribing {
			s := market.Subscribing{App: made.App, Account: account}
			for _, name := range people {
				s.Users = append(s.Users, w.user[name])
			}
			return s
		}
		add := func(by string, to souk.Webhook, in market.Subscribing) error {
			return w.m.SubscribeAccount(ctx, w.as(by), in, to.ID)
		}
		remove := func(by string, from souk.Webhook, in market.Subscribing) error {
			return w.m.UnsubscribeAccount(ctx, w.as(by), in, from.ID)
		}
		before := w.digest()
		wantRefusal(t, "an account that does not have the app", add("vic", made, in(w.globex)), souk.NotAuthorized)
		w.install("gus", "chat", w.globex)
		w.install("sid", "chat", w.hq)
		if before == w.digest() {
			t.Fatal("nothing is installed")
		}
		before = w.digest()
		wantRefusal(t, "a workspace is no account", add("vic", made, in(w.hq)), souk.NotAuthorized)
		wantRefusal(t, "what is none", add("vic", made, in(souk.NewID())), souk.NotAuthorized)
		wantRefusal(t, "the owner's own, without the app", add("vic", made, in(souk.ID{})), souk.NotAuthorized)
		wantRefusal(t, "somebody of another account", add("vic", made, in(w.globex, "jane")), souk.UnknownUser)
		wantRefusal(t, "people's webhook", add("vic", peoples, in(w.globex)), souk.UnknownWebhook)
		wantRefusal(t, "a stranger", add("gus", made, in(w.globex)), souk.UnknownApp)
		wantRefusal(t, "what it is not told of", remove("vic", made, in(w.globex)), souk.UnknownWebhook)
		if w.digest() != before {
			t.Error("what was refused left something")
		}
		is := func(want ...souk.ID) {
			t.Helper()
			if got := w.hook(made.ID).Accounts; !slices.Equal(got, want) {
				t.Errorf("accounts: %v, want %v", got, want)
			}
		}
		ok(t, add("vic", made, in(w.globex, "gwen")))
		is(w.acme, w.globex)
		events := w.count(`SELECT count(*) FROM events`)
		ok(t, add("vic", made, in(w.globex)))
		if w.count(`SELECT count(*) FROM events`) != events {
			t.Error("what is no change is told")
		}
		ok(t, remove("vic", made, in(w.acme, "jane")))
		is(w.globex)
		ok(t, remove("vic", made, in(w.globex)))
		is()
		w.checkAudit()
	})
}
