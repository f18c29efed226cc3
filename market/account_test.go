package market_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/store"
)

func TestPermissions(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		i := w.install("sid", "ear", w.hq)
		for who, actor := range map[string]souk.Actor{"who holds users": w.as("una"), "the admin": w.as("max"), "above": w.as("eve"), "the operator": operator, "for her": onBehalf(w.as("una"))} {
			for user, given := range map[souk.ID][]souk.Permission{w.user["jane"]: {souk.CanUsers}, i.AppUser: {souk.CanReports, souk.CanUsers}} {
				v := must(w.m.SetPermissions(ctx, actor, w.hq, user, append([]souk.Permission{souk.CanUsers}, given...)))(t)
				if v.ID != user || v.Home.ID != w.hq || !slices.Equal(v.Permissions, given) {
					t.Errorf("%s set %+v", who, v)
				}
				if read := must(w.m.Permissions(ctx, w.as("joe"), w.hq, user))(t); !slices.Equal(read.Permissions, v.Permissions) {
					t.Errorf("joe reads %q", read.Permissions)
				}
				if v := must(w.m.SetPermissions(ctx, actor, w.hq, user, nil))(t); len(v.Permissions) != 0 {
					t.Errorf("%s took away and left %q", who, v.Permissions)
				}
			}
		}
		// A role stays, and gives all.
		if v := must(w.m.SetPermissions(ctx, w.as("una"), w.hq, w.user["max"], nil))(t); len(v.Permissions) != 3 {
			t.Errorf("an admin holds %q", v.Permissions)
		}
		told := w.count(`SELECT count(*) FROM events WHERE kind = 'membership.changed'`)
		if entries := w.count(`SELECT count(*) FROM audit WHERE verb = 'PutMembership'`); told != 21 || entries != told {
			t.Errorf("told %d times, and %d times in the audit", told, entries)
		}
		w.wantInvalid([]faulty{{"none", func() error {
			return drop(w.m.SetPermissions(ctx, w.as("una"), w.hq, w.user["jane"], []souk.Permission{"owner"}))
		}, "permissions"}})
		w.checkAudit()
	})
}

func TestPlaces(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		names := func(actor souk.Actor) (names []string) {
			t.Helper()
			for _, o := range must(w.m.Places(ctx, actor))(t) {
				names = append(names, o.Name)
			}
			return names
		}
		wantList(t, "a member", names(w.session("jane")), "hq")
		wantList(t, "of the enterprise", names(w.session("ada")), "acme", "hq", "lab")
		w.write(memberOf(w.user["liz"], w.acme, souk.Member))
		w.write(memberOf(w.user["liz"], w.hq, souk.Member))
		wantList(t, "home, then what was joined", names(w.session("liz")), "lab", "acme", "hq")
		w.changeOrg(w.lab, func(o *souk.Org) { o.ClosedAt = time.Now() })
		wantList(t, "without what closed", names(w.session("ada")), "acme", "hq")
		wantRefusal(t, "nobody's", drop(w.m.Places(ctx, operator)), souk.NeedsPerson)
		for n := range 210 {
			w.write(func(tx *store.Tx) error {
				return tx.PutOrg(souk.Org{ID: souk.NewID(), Kind: souk.Workspace, Enterprise: w.acme, Name: fmt.Sprint(n), Domain: fmt.Sprint("w", n),
					Entitlements: souk.DefaultEntitlements, Switches: souk.DefaultSwitches, CreatedAt: dawn})
			})
		}
		if n := len(names(w.session("ada"))); n != 200 {
			t.Errorf("%d places", n)
		}
	})
}

func TestWhatIsInstalledAt(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		page := souk.Page{Size: 9, Order: souk.NewestFirst}
		wide := w.install("eve", "tool", w.acme, w.hq)
		here := w.install("sid", "ear", w.hq)
		w.install("liz", "files", w.lab)
		must(w.m.SetPermissions(ctx, w.as("una"), w.hq, here.AppUser, []souk.Permission{souk.CanUsers}))(t)
		for who, actor := range map[string]souk.Actor{"a member": w.as("jane"), "above": w.as("sam"), "the operator": operator} {
			views := must(w.m.InstalledAt(ctx, actor, w.hq, page))(t)
			if len(views) != 2 || views[0].ID != here.ID || views[1].ID != wide.ID {
				t.Fatalf("%s sees %+v", who, views)
			}
			v := views[0]
			if v.Installer == nil || v.Installer.ID != w.user["sid"] || v.User == nil || v.User.ID != here.AppUser || v.Of.ID != here.App || v.Org.ID != w.hq ||
				!slices.Equal(v.Permissions, []souk.Permission{souk.CanUsers}) || !slices.Equal(scopeNames(v.Granted), []string{"settings", "users"}) {
				t.Errorf("%s sees %+v", who, v)
			}
			if v := views[1]; v.Installer == nil || v.Installer.ID != w.user["eve"] || v.Org.ID != w.acme || len(v.Permissions) != 0 {
				t.Errorf("%s sees of the enterprise's %+v", who, v)
			}
			one := must(w.m.InstalledOne(ctx, actor, w.hq, here.ID))(t)
			if one.ID != here.ID || one.Installer == nil || !slices.Equal(one.Permissions, v.Permissions) {
				t.Errorf("%s sees one as %+v", who, one)
			}
			must(w.m.InstalledOne(ctx, actor, w.hq, wide.ID))(t)
		}
		ok(t, w.m.EndInstallation(ctx, w.as("sid"), w.hq, here.ID))
		wantRefusal(t, "ended", drop(w.m.InstalledOne(ctx, w.as("sid"), w.hq, here.ID)), souk.UnknownInstallation)
		if views := must(w.m.InstalledAt(ctx, w.as("jane"), w.hq, page))(t); len(views) != 1 {
			t.Errorf("left are %+v", views)
		}
	})
}

// A preview counts exactly what uninstalling then ends.
func TestPreviewOfUninstalling(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		must(w.m.PutWebhook(ctx, w.as("vic"), market.Hook{App: w.app["tool"], Dialect: souk.Slack,
			URL: "https://vendor.example/slack", Events: []string{"app_requested"}}))(t)
		i := w.install("eve", "tool", w.acme, w.lab, w.hq)
		var secrets []string
		for range 3 {
			secrets = append(secrets, w.mint(i).Secret)
		}
		revoked := w.mint(i)
		ok(t, w.m.RevokeToken(ctx, w.as("vic"), revoked.Token.ID))
		for _, name := range []string{"liz", "lee", "olga"} {
			secrets = append(secrets, w.speaks(name, "tool").Secret)
		}
		gone := w.speaks("joe", "tool")
		secrets = append(secrets, gone.Secret, revoked.Secret)
		ok(t, w.m.DeactivateUser(ctx, w.as("una"), w.user["joe"]))
		w.ask("jane", "chat", w.hq)
		w.ask("lee", "chat", w.lab)

		alive := func() (n int) {
			for _, s := range secrets {
				if _, err := w.m.Authenticate(ctx, s, "test", netip.Addr{}); err == nil {
					n++
				}
			}
			return n
		}
		grants := func() int { return len(w.grantsOf("tool")) }
		pending := func() int { return w.count(`SELECT count(*) FROM deliveries WHERE status = 'pending'`) }
		before := w.digest()
		stops := must(w.m.UninstallPreview(ctx, w.as("sam"), w.acme, i.ID))(t)
		if w.digest() != before {
			t.Error("a preview changed something")
		}
		had := store.Stops{Tokens: alive(), Grants: grants(), Pending: pending()}
		if tokens := must(w.m.TokensAt(ctx, w.as("sam"), w.acme, i.ID))(t); len(tokens) != had.Tokens {
			t.Errorf("%d tokens are listed, and %d live", len(tokens), had.Tokens)
		}
		ok(t, w.m.EndInstallation(ctx, w.as("eve"), w.acme, i.ID))
		ended := store.Stops{Tokens: had.Tokens - alive(), Grants: had.Grants - grants(), Pending: had.Pending - pending()}
		if stops.Stops != ended || ended != (store.Stops{Tokens: 6, Grants: 4, Pending: 2}) {
			t.Errorf("previewed %+v, and %+v ended", stops.Stops, ended)
		}
		var places []string
		for _, o := range stops.Workspaces {
			places = append(places, o.Name)
		}
		if slices.Sort(places); !slices.Equal(places, []string{"hq", "lab"}) || stops.AppUser == nil || stops.AppUser.ID != i.AppUser {
			t.Errorf("previewed at %q for %+v", places, stops.AppUser)
		}
		small := w.install("gus", "files", w.globex)
		if s := must(w.m.UninstallPreview(ctx, w.as("gus"), w.globex, small.ID))(t); s.Stops != (store.Stops{Grants: 1}) || s.AppUser != nil || s.Workspaces != nil {
			t.Errorf("previewed %+v", s)
		}
	})
}

func TestNavigation(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		for _, app := range []string{"chat", "files", "tool"} {
			w.changeApp(app, func(a *souk.App) {
				a.TriggerURL, a.Triggers = "https://vendor.example/open", []string{"chat_open", "manual_nav"}
			})
		}
		w.changeApp("ear", func(a *souk.App) {
			a.TriggerURL, a.Triggers = "https://vendor.example/open", []string{"manual_dialog", "install"}
		})
		names := func(actor souk.Actor) string {
			t.Helper()
			var names []string
			for _, o := range must(w.m.Navigation(ctx, actor))(t) {
				names = append(names, o.App.Name+"@"+w.org(o.Org).Name)
			}
			slices.Sort(names)
			return strings.Join(names, " ")
		}
		want := func(what, got, want string) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %q, want %q", what, got, want)
			}
		}
		want("nothing is installed", names(w.session("jane")), "")
		chat := w.install("sid", "chat", w.hq)
		w.install("sid", "ear", w.hq)
		w.install("liz", "chat", w.lab)
		w.install("liz", "files", w.lab)
		w.install("eve", "tool", w.acme, w.hq)
		want("at home", names(w.session("jane")), "chat@hq tool@hq")
		w.write(memberOf(w.user["jane"], w.lab, souk.Member))
		want("and elsewhere, each once", names(w.session("jane")), "chat@hq files@lab tool@hq")
		want("to the app for her", names(w.by(w.speaks("jane", "chat").Secret)), "chat@hq tool@hq")
		ok(t, w.m.SuspendApp(ctx, operator, w.app["tool"]))
		w.changeOrg(w.lab, func(o *souk.Org) { o.HasActiveSubscription = false })
		want("what works", names(w.session("jane")), "chat@hq")
		ok(t, w.m.EndInstallation(ctx, w.as("sid"), w.hq, chat.ID))
		want("nothing left", names(w.session("jane")), "")
		want("nobody's", names(operator), "")
	})
}

// What lies with another root is refused as what is nowhere, by every verb about
// people's tokens and what they let apps do.
func TestTheWallAroundIdentities(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		theirs := w.install("sid", "ear", w.hq)
		w.install("gus", "ear", w.globex)
		secret := w.client("bespoke") // hq's
		w.changeApp("bespoke", func(a *souk.App) {
			a.IsAppUserRequired, a.AppUser = true, souk.AppUserNames{FirstName: "B", LastName: "B"}
		})
		own := w.install("sid", "bespoke", w.hq)
		token := must(w.m.MintAppUserToken(ctx, w.as("sid"), own.App, own.ID, market.Minting{Description: "x"}))(t)
		w.client("ear")
		w.code("jane", "ear")
		page := souk.Page{Size: 5}
		minting := market.Minting{Description: "x"}
		type ids struct{ org, user, app, installation, token, grant souk.ID }
		foreign := ids{w.hq, w.user["jane"], own.App, own.ID, token.Token.ID, w.grantOf("jane", theirs.ID).ID}
		verbs := map[string]func(souk.Actor, ids) error{
			"mint": func(a souk.Actor, x ids) error {
				return drop(w.m.MintAppUserToken(ctx, a, x.app, x.installation, minting))
			},
			"mint for an app of one's own": func(a souk.Actor, x ids) error {
				return drop(w.m.MintAppUserToken(ctx, a, w.app["theirs"], x.installation, minting))
			},
			"rotate": func(a souk.Actor, x ids) error {
				return drop(w.m.RotateToken(ctx, a, x.app, x.installation, x.token, time.Hour))
			},
			"revoke":       func(a souk.Actor, x ids) error { return w.m.RevokeToken(ctx, a, x.token) },
			"list":         func(a souk.Actor, x ids) error { return drop(w.m.AppUserTokens(ctx, a, x.app, x.installation)) },
			"list at":      func(a souk.Actor, x ids) error { return drop(w.m.TokensAt(ctx, a, x.org, x.installation)) },
			"list at home": func(a souk.Actor, x ids) error { return drop(w.m.TokensAt(ctx, a, w.globex, x.installation)) },
			"take a grant": func(a souk.Actor, x ids) error { return w.m.RevokeGrant(ctx, a, x.grant) },
			"authorize at": func(a souk.Actor, x ids) error {
				in := w.authorizing("ear")
				in.At = x.org
				return drop(w.m.Authorize(ctx, a, in))
			},
			"set permissions": func(a souk.Actor, x ids) error { return drop(w.m.SetPermissions(ctx, a, x.org, x.user, nil)) },
			"set bad permissions": func(a souk.Actor, x ids) error {
				return drop(w.m.SetPermissions(ctx, a, x.org, x.user, []souk.Permission{"owner"}))
			},
			"set permissions at home": func(a souk.Actor, x ids) error { return drop(w.m.SetPermissions(ctx, a, w.globex, x.user, nil)) },
			"permissions":             func(a souk.Actor, x ids) error { return drop(w.m.Permissions(ctx, a, x.org, x.user)) },
			"permissions at home":     func(a souk.Actor, x ids) error { return drop(w.m.Permissions(ctx, a, w.globex, x.user)) },
			"consider":                func(a souk.Actor, x ids) error { return drop(w.m.Consider(ctx, a, w.app["chat"], x.org)) },
			"consider an app":         func(a souk.Actor, x ids) error { return drop(w.m.Consider(ctx, a, x.app, w.globex)) },
			"installed":               func(a souk.Actor, x ids) error { return drop(w.m.InstalledAt(ctx, a, x.org, page)) },
			"installed one":           func(a souk.Actor, x ids) error { return drop(w.m.InstalledOne(ctx, a, x.org, x.installation)) },
			"installed one at home":   func(a souk.Actor, x ids) error { return drop(w.m.InstalledOne(ctx, a, w.globex, x.installation)) },
			"preview":                 func(a souk.Actor, x ids) error { return drop(w.m.UninstallPreview(ctx, a, x.org, x.installation)) },
			"preview at home":         func(a souk.Actor, x ids) error { return drop(w.m.UninstallPreview(ctx, a, w.globex, x.installation)) },
			"sign in by an app": func(_ souk.Actor, x ids) error {
				return drop(w.m.SSOToken(ctx, market.SSO{App: w.app["bespoke"], Secret: secret, Org: x.org, Email: "new@town.example"}, "test", netip.Addr{}))
			},
		}
		before := w.digest()
		for verb, call := range verbs {
			for who, actor := range map[string]souk.Actor{
				"a stranger": w.session("gwen"), "an owner": w.session("gus"), "an owner's token": w.as("gus"), "another app": w.itself("chat"), "for an owner": onBehalf(w.as("gus")),
			} {
				x := foreign
				if verb == "sign in by an app" {
					x.org = w.globex // where it is not installed
				}
				theirs, none := call(actor, x), call(actor, ids{souk.NewID(), souk.NewID(), souk.NewID(), souk.NewID(), souk.NewID(), souk.NewID()})
				if theirs == nil || none == nil || theirs.Error() != none.Error() || market.FaultOf(none) != market.NoFault {
					t.Errorf("%s, %s: what is another's is refused with %v, what is nowhere with %v", who, verb, theirs, none)
				}
			}
		}
		if w.digest() != before {
			t.Error("something changed")
		}
		var dead souk.Dead
		if errors.As(drop(w.m.Authenticate(ctx, token.Secret, "test", netip.Addr{})), &dead) {
			t.Error("a token ended")
		}
	})
}
