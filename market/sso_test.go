package market_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/store"
)

// An app never becomes somebody who did not let it.
func TestSigningInByAnApp(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		i := w.install("sid", "ear", w.hq) // settings and users
		w.install("gus", "ear", w.globex)
		secret := w.client("ear")

		// Whom nobody knows becomes a colleague.
		born := must(w.sso("ear", secret, w.hq, " New@Town.Example ", "users", "users"))(t)
		a := w.by(born.Secret)
		if a.Installation != i.ID || a.App != i.App || a.Org != w.hq || !a.Scopes.Equal(souk.NewScopes("users")) || born.Token.Hash != nil ||
			born.Token.ExpiresAt.Sub(born.Token.CreatedAt) != market.AccessLife {
			t.Errorf("it speaks for %+v by %+v", a, born.Token)
		}
		v := must(w.m.Permissions(ctx, w.as("una"), w.hq, a.User))(t)
		if v.Email != "new@town.example" || v.Home.ID != w.hq || v.IsBot || len(v.Permissions) != 1 || v.Permissions[0] != souk.CanUsers {
			t.Errorf("the colleague is %+v", v)
		}
		if kept := w.list(`SELECT role || ' ' || permissions FROM memberships WHERE user_id = $1`, a.User); len(kept) != 1 || kept[0] != "member users" {
			t.Errorf("the colleague's memberships are %q", kept)
		}
		wantList(t, "told", w.list(`SELECT kind FROM events WHERE subject_id = $1`, a.User), "user.added")
		wantList(t, "in the audit", w.rows(`SELECT verb FROM audit WHERE verb IN ('SSOToken', 'Authorize', 'MintToken')`), "Authorize", "MintToken", "SSOToken")

		// Again it is the same person, with no more than at first.
		if again := w.by(must(w.sso("ear", secret, w.hq, "new@town.example"))(t).Secret); again.User != a.User || len(again.Scopes) != 0 {
			t.Errorf("then it speaks for %+v", again)
		}
		before := w.digest()
		wantRefusal(t, "for more than they let it", drop(w.sso("ear", secret, w.hq, "new@town.example", "settings")), souk.NotAuthorized)
		for who, name := range map[string]string{"a colleague": "jane", "the owner": "olga", "the owner above": "eve", "one of another workspace": "lee"} {
			wantRefusal(t, who, drop(w.sso("ear", secret, w.hq, name+"@town.example")), souk.NotAuthorized)
		}
		if w.digest() != before {
			t.Error("something that was refused changed something")
		}

		// A person who let it, and who installed it.
		w.code("jane", "ear", "users")
		if janes := w.by(must(w.sso("ear", secret, w.hq, "jane@town.example", "users"))(t).Secret); janes.User != w.user["jane"] {
			t.Errorf("for jane it speaks for %+v", janes)
		}
		wantRefusal(t, "more than jane let it", drop(w.sso("ear", secret, w.hq, "jane@town.example", "settings")), souk.NotAuthorized)
		if sids := w.by(must(w.sso("ear", secret, w.hq, "sid@town.example", "settings", "users"))(t).Secret); sids.User != w.user["sid"] {
			t.Errorf("for sid it speaks for %+v", sids)
		}
		ok(t, w.m.RevokeGrant(ctx, w.session("jane"), w.grantOf("jane", i.ID).ID))
		wantRefusal(t, "jane took it back", drop(w.sso("ear", secret, w.hq, "jane@town.example", "users")), souk.NotAuthorized)
		ok(t, w.m.DeactivateUser(ctx, w.as("una"), w.user["sid"]))
		wantRefusal(t, "sid is gone", drop(w.sso("ear", secret, w.hq, "sid@town.example")), souk.NotAuthorized)

		// The same e-mail under another root is somebody else.
		there := w.by(must(w.sso("ear", secret, w.globex, "jane@town.example"))(t).Secret)
		if there.User == w.user["jane"] || there.Org != w.globex {
			t.Errorf("at globex it speaks for %+v", there)
		}
		w.by(born.Secret)
		w.checkAudit()
	})
}

// Without the scope users an app makes nobody a colleague.
func TestSigningInWithoutUsers(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		w.install("sid", "files", w.hq) // reports
		secret := w.client("files")
		before := w.digest()
		wantRefusal(t, "a new colleague", drop(w.sso("files", secret, w.hq, "new@town.example", "reports")), souk.NotAuthorized)
		wantRefusal(t, "a person who did not let it", drop(w.sso("files", secret, w.hq, "jane@town.example", "reports")), souk.NotAuthorized)
		if w.digest() != before {
			t.Error("something that was refused changed something")
		}
		must(w.sso("files", secret, w.hq, "sid@town.example", "reports"))(t)
	})
}

func TestWhereAnAppSignsIn(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		i := w.install("sid", "ear", w.hq)
		secret, others := w.client("ear"), w.client("files")
		w.changeApp("ear", func(a *souk.App) {
			a.RedirectURIs = []string{"https://vendor.example/back", "https://App.Example:443/x?y=z", "http://localhost:8080/cb", "https://[2001:db8::1]:8443/", "vendor-app://vendor.example/back"}
		})
		sso := func(change func(*market.SSO)) error {
			in := market.SSO{App: i.App, Secret: secret, Org: w.hq, Email: "sid@town.example"}
			change(&in)
			return drop(w.m.SSOToken(ctx, in, "test", netip.Addr{}))
		}
		from := func(origin string) error { return sso(func(in *market.SSO) { in.Origin = origin }) }
		for _, origin := range []string{"", "https://vendor.example", "https://app.example", "http://localhost:8080", "https://[2001:db8::1]:8443"} {
			if err := from(origin); err != nil {
				t.Errorf("from %q: %v", origin, err)
			}
		}
		w.finish()
		before := w.digest()
		for _, origin := range []string{
			"null", "https://vendor.example/", "https://vendor.example/back", "http://vendor.example", "https://vendor.example:8443",
			"https://vendor.example.evil.example", "https://evil.example", "https://a.vendor.example", "vendor-app://vendor.example", "https://",
			"http://localhost", "http://localhost:80", "https://[2001:db8::1]", "https://app.example:443", "*", " ",
		} {
			wantRefusal(t, origin, from(origin), souk.BadRedirect)
		}
		nobody := souk.NewID()
		for _, tt := range []struct {
			name   string
			change func(*market.SSO)
			want   souk.Refusal
		}{
			{"no secret", func(in *market.SSO) { in.Secret = "" }, souk.WrongSecret},
			{"another's secret", func(in *market.SSO) { in.Secret = others }, souk.WrongSecret},
			{"no app", func(in *market.SSO) { in.App = nobody }, souk.WrongSecret},
			{"no org", func(in *market.SSO) { in.Org = nobody }, souk.UnknownInstallation},
			{"where it is not installed", func(in *market.SSO) { in.Org = w.globex }, souk.UnknownInstallation},
			{"the enterprise above", func(in *market.SSO) { in.Org = w.acme }, souk.UnknownInstallation},
		} {
			wantRefusal(t, tt.name, sso(tt.change), tt.want)
		}
		faults := []faulty{}
		for name, tt := range map[string]struct {
			change func(*market.SSO)
			field  string
		}{
			"no e-mail":                   {func(in *market.SSO) { in.Email = "" }, "email"},
			"an e-mail that is none":      {func(in *market.SSO) { in.Email = "sid" }, "email"},
			"a name with NUL":             {func(in *market.SSO) { in.FirstName = "\x00" }, "first_name"},
			"a permission that is none":   {func(in *market.SSO) { in.Permissions = []string{"team:read"} }, "permissions"},
			"what was not granted to it":  {func(in *market.SSO) { in.Permissions = []string{"users", "reports"} }, "permissions"},
			"a role for a permission":     {func(in *market.SSO) { in.Permissions = []string{"owner"} }, "permissions"},
			"a new colleague beyond that": {func(in *market.SSO) { in.Email, in.Permissions = "new@town.example", []string{"reports"} }, "permissions"},
		} {
			faults = append(faults, faulty{name, func() error { return sso(tt.change) }, tt.field})
		}
		w.wantInvalid(faults)
		if w.digest() != before {
			t.Error("something that was refused changed something")
		}
		ok(t, w.m.SuspendApp(ctx, operator, i.App))
		wantRefusal(t, "suspended", from(""), souk.UnknownInstallation)
		ok(t, w.m.ResumeApp(ctx, operator, i.App))
		ok(t, from(""))
		ok(t, w.m.EndInstallation(ctx, w.as("sid"), w.hq, i.ID))
		wantRefusal(t, "uninstalled", from(""), souk.UnknownInstallation)
		w.changeApp("ear", func(a *souk.App) { a.DeletedAt = dawn })
		wantRefusal(t, "deleted", from(""), souk.WrongSecret)
	})
}

// An org-wide installation signs in where it reaches.
func TestSigningInBelowAnEnterprise(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		i := w.install("eve", "ear", w.acme, w.hq)
		secret := w.client("ear")
		born := w.by(must(w.sso("ear", secret, w.hq, "new@town.example", "users"))(t).Secret)
		must(w.m.Permissions(context.Background(), born, w.hq, born.User))(t)
		wantRefusal(t, "where it does not reach", drop(w.sso("ear", secret, w.lab, "new@town.example")), souk.UnknownInstallation)
		wantRefusal(t, "above, where they do not belong", drop(w.sso("ear", secret, w.acme, "new@town.example")), souk.NotAuthorized)
		if g := w.count(`SELECT count(*) FROM grants WHERE user_id = $1 AND installation_id = $2`, born.User, i.ID); g != 1 {
			t.Errorf("%d grants", g)
		}
		// Who belongs to the enterprise belongs to its workspaces.
		w.by(must(w.sso("ear", secret, w.hq, "eve@town.example", "users"))(t).Secret)
	})
}

// Who is signed in often keeps the newest hundred tokens.
func TestSigningInOften(t *testing.T) {
	eachTownInTime(t, func(t *testing.T, w *town) {
		w.install("sid", "ear", w.hq)
		secret := w.client("ear")
		w.code("jane", "ear")
		others := must(w.sso("ear", secret, w.hq, "jane@town.example"))(t)
		var all []market.Minted
		for range market.MaxTokens + 2 {
			time.Sleep(time.Second)
			all = append(all, must(w.sso("ear", secret, w.hq, "sid@town.example"))(t))
		}
		for i, minted := range append(all, others) {
			_, err := w.m.Authenticate(t.Context(), minted.Secret, "test", netip.Addr{})
			if ended := i < 2; (err != nil) != ended {
				t.Errorf("token %d of %d: %v", i+1, len(all), err)
			}
		}
	})
}

// Two who sign in one new colleague at once make one.
func TestSigningInAColleagueTwice(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		w.install("sid", "ear", w.hq)
		secret := w.client("ear")
		sign := func() error { return drop(w.sso("ear", secret, w.hq, "new@town.example")) }
		for _, err := range atOnce(sign, sign) {
			ok(t, err)
		}
		w.read(func(tx *store.Tx) error { return drop(tx.UserByEmail(w.acme, "new@town.example")) })
		if n := w.count(`SELECT count(*) FROM events WHERE kind = 'user.added' AND org_id = $1`, w.hq); n != 2 { // and the app user
			t.Errorf("%d users were added", n)
		}
	})
}
