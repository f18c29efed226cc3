package market_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"souk"
	"souk/market"
)

// What an app holds for a person who runs everything is held to what was
// granted: roles do not come along, and no other org is reached.
func TestTokensOfAppsAreCapped(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.setPolicy(w.hq, souk.Approval)
		q := w.ask("jane", "chat", w.hq)
		w.setPolicy(w.hq, souk.Open)
		i := w.install("olga", "files", w.hq) // reports
		bot := w.install("olga", "tool", w.hq)
		w.install("eve", "files", w.acme)
		olgas := w.speaks("olga", "files")
		script := must(w.m.MintToken(ctx, w.session("olga"), market.Minting{Description: "script"}))(t)
		w.write(memberOf(w.user["olga"], w.lab, souk.Admin))
		actor := w.by(olgas.Secret)
		if c := must(w.m.Authenticate(ctx, olgas.Secret, "test", netip.Addr{}))(t); c.Installation.ID != i.ID || !c.Scopes.Equal(souk.NewScopes("reports")) {
			t.Fatalf("it speaks for %+v", c.Actor)
		}
		before := w.digest()
		app, page := w.app["chat"], souk.Page{Size: 5}
		decision := market.Decision{App: app, At: w.hq}
		for _, tt := range []refused{
			{"decide", func() error { return drop(w.m.Approve(ctx, actor, decision)) }, souk.NotAllowed},
			{"approve a request", func() error { return drop(w.m.Approve(ctx, actor, market.Decision{Request: q.ID})) }, souk.NotAllowed},
			{"restrict", func() error { return drop(w.m.Restrict(ctx, actor, decision)) }, souk.NotAllowed},
			{"decline", func() error { return drop(w.m.Decline(ctx, actor, market.Decision{Request: q.ID})) }, souk.NotAllowed},
			{"clear", func() error { return w.m.Clear(ctx, actor, market.Clearing{App: app, At: w.hq}) }, souk.NotAllowed},
			{"cancel a colleague's request", func() error { return w.m.CancelRequest(ctx, actor, market.Withdrawal{Request: q.ID}) }, souk.NotAllowed},
			{"ask for a colleague", func() error {
				return drop(w.m.RequestApp(ctx, actor, market.Asking{App: app, At: w.hq, For: w.user["joe"]}))
			}, souk.NeedsPerson},
			{"ask for her", func() error { return drop(w.m.RequestApp(ctx, actor, market.Asking{App: app, At: w.hq})) }, souk.NeedsPerson},
			{"install", func() error { return drop(w.m.Install(ctx, actor, market.Installing{App: app, At: w.hq})) }, souk.NeedsPerson},
			{"uninstall", func() error {
				return drop(w.m.Uninstall(ctx, actor, market.Uninstalling{App: bot.App, From: []souk.ID{w.hq}}))
			}, souk.NotAllowed},
			{"end itself", func() error { return w.m.EndInstallation(ctx, actor, w.hq, i.ID) }, souk.NotAllowed},
			{"preview an end", func() error { return drop(w.m.UninstallPreview(ctx, actor, w.hq, bot.ID)) }, souk.NotAllowed},
			{"set the policy", func() error { return w.m.SetPolicy(ctx, actor, w.hq, rules) }, souk.NotAllowed},
			{"make a colleague", func() error { return drop(w.m.PutUser(ctx, actor, market.Person{Home: w.hq, Email: "x@town.example"})) }, souk.NotAllowed},
			{"deactivate a colleague", func() error { return w.m.DeactivateUser(ctx, actor, w.user["joe"]) }, souk.NotAllowed},
			{"make an admin", func() error {
				return w.m.PutMembership(ctx, actor, souk.Membership{User: w.user["joe"], Org: w.hq, Role: souk.Admin})
			}, souk.NotAllowed},
			{"set permissions", func() error {
				return drop(w.m.SetPermissions(ctx, actor, w.hq, w.user["joe"], []souk.Permission{souk.CanReports}))
			}, souk.NotAllowed},
			{"publish", func() error { return drop(w.m.PublishApp(ctx, actor, w.hq, form("new"))) }, souk.NotAllowed},
			{"change an app", func() error { return drop(w.m.UpdateApp(ctx, actor, w.hq, w.app["bespoke"], form("new"))) }, souk.NotAllowed},
			{"hook an app", func() error { return drop(w.m.Webhooks(ctx, actor, w.app["bespoke"])) }, souk.NotAllowed},
			{"mint for itself", func() error { return drop(w.m.MintToken(ctx, actor, market.Minting{Description: "x"})) }, souk.NotAllowed},
			{"mint for an app user", func() error {
				return drop(w.m.MintAppUserToken(ctx, actor, bot.App, bot.ID, market.Minting{Description: "x"}))
			}, souk.UnknownApp},
			{"list tokens", func() error { return drop(w.m.TokensAt(ctx, actor, w.hq, bot.ID)) }, souk.NotAllowed},
			{"list her own", func() error { return drop(w.m.MyTokens(ctx, actor)) }, souk.NotAllowed},
			{"list her sessions", func() error { return drop(w.m.MySessions(ctx, actor)) }, souk.NotAllowed},
			{"list her grants", func() error { return drop(w.m.MyGrants(ctx, actor)) }, souk.NotAllowed},
			{"end her script", func() error { return w.m.RevokeToken(ctx, actor, script.Token.ID) }, souk.UnknownToken},
			{"take a grant back", func() error { return w.m.RevokeGrant(ctx, actor, w.grantOf("olga", bot.ID).ID) }, souk.UnknownGrant},
			{"agree for her", func() error { return drop(w.m.Authorize(ctx, actor, w.authorizing("files"))) }, souk.NeedsPerson},
			{"read what is installed elsewhere", func() error { return drop(w.m.InstalledAt(ctx, actor, w.lab, page)) }, souk.OrgNotGranted},
			{"consider elsewhere", func() error { return drop(w.m.Consider(ctx, actor, app, w.lab)) }, souk.OrgNotGranted},
			{"ask elsewhere", func() error { return drop(w.m.RequestApp(ctx, actor, market.Asking{App: app, At: w.lab})) }, souk.NeedsPerson},
			{"install elsewhere", func() error { return drop(w.m.Install(ctx, actor, market.Installing{App: app, At: w.lab})) }, souk.NeedsPerson},
			{"work elsewhere", func() error { return drop(w.m.Desk(ctx, actor, w.lab, market.MayRead)) }, souk.UnknownOrg},
			{"work with settings", func() error { return drop(w.m.Desk(ctx, actor, w.hq, market.MaySettings)) }, souk.NotAllowed},
		} {
			wantRefusal(t, tt.name, tt.call(), tt.want)
			if w.digest() != before {
				t.Fatalf("%s: was refused and changed something", tt.name)
			}
		}
		if places := must(w.m.Places(ctx, actor))(t); len(places) != 1 || places[0].ID != w.hq {
			t.Errorf("it finds itself at %+v", places)
		}
		if c := must(w.m.Consider(ctx, actor, app, w.hq))(t); c.Settings {
			t.Error("it considers as if it held settings")
		}
		must(w.m.InstalledAt(ctx, actor, w.hq, page))(t)

		// An app user stays within its scopes too, whatever it was given.
		given := []souk.Permission{souk.CanReports, souk.CanSettings, souk.CanUsers}
		must(w.m.SetPermissions(ctx, w.as("una"), w.hq, bot.AppUser, given))(t)
		tool := w.by(w.mint(bot).Secret)
		wantRefusal(t, "an app user without the scope", drop(w.m.SetPermissions(ctx, tool, w.hq, w.user["joe"], nil)), souk.NotAllowed)
		ear := w.install("olga", "ear", w.hq) // settings and users
		must(w.m.SetPermissions(ctx, w.as("una"), w.hq, ear.AppUser, given))(t)
		whole, half := w.by(w.mint(ear).Secret), w.by(w.mint(ear, "settings").Secret)
		must(w.m.SetPermissions(ctx, whole, w.hq, w.user["joe"], nil))(t)
		wantRefusal(t, "half of its scopes", drop(w.m.SetPermissions(ctx, half, w.hq, w.user["joe"], nil)), souk.NotAllowed)
		must(w.m.SetPermissions(ctx, w.as("una"), w.hq, ear.AppUser, nil))(t)
		wantRefusal(t, "all of its scopes and no permission", drop(w.m.SetPermissions(ctx, whole, w.hq, w.user["joe"], nil)), souk.NotAllowed)
	})
}

// Nothing secret is written down where it is not kept.
func TestSecretsAreToldOnce(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		i := w.install("sid", "ear", w.hq)
		secret := w.client("ear")
		code := w.code("jane", "ear", "users")
		told := []string{secret, code, verifier, must(w.m.MintToken(ctx, w.session("jane"), market.Minting{Description: "x"}))(t).Secret,
			w.mint(i).Secret, must(w.redeem("ear", secret, code))(t).Secret, must(w.exchange(secret, triggerCode(i)))(t).Secret,
			must(w.sso("ear", secret, w.hq, "new@town.example", "users"))(t).Secret}
		for _, table := range []string{"audit", "events", "deliveries", "tokens", "used_codes", "grants"} {
			for _, row := range w.everything(table) {
				for _, s := range told {
					if strings.Contains(row, s) {
						t.Errorf("%s holds a secret: %s", table, row)
					}
				}
			}
		}
	})
}
