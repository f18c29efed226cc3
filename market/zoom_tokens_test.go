package market_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/store"
)

// zoomClient is an app that says who it is on Zoom's wire.
func (w *town) zoomClient(app string) market.ZoomClient {
	w.t.Helper()
	w.client(app)
	c := w.credentialsOf(app)
	return market.ZoomClient{ID: c.ZoomClientID, Secret: c.ZoomClientSecret, Face: "test"}
}

// credentialsOf are those of an app.
func (w *town) credentialsOf(app string) (c souk.Credentials) {
	w.t.Helper()
	w.read(func(tx *store.Tx) error {
		sealed, err := tx.Credentials(w.app[app])
		if err == nil {
			c, err = sealed.Open(w.m.Key)
		}
		return err
	})
	return c
}

// pair is what an app gets on Zoom's wire for somebody who lets it speak for them.
func (w *town) pair(name, app string) market.ZoomTokens {
	w.t.Helper()
	c := w.zoomClient(app)
	return must(w.m.RedeemZoom(context.Background(), c, w.redeeming(app, "", w.code(name, app))))(w.t)
}

// A code is good at either wire's token endpoint, once in all, and for as long as
// that wire has it.
func TestCodesOnTwoWires(t *testing.T) {
	eachTownInTime(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.install("sid", "files", w.hq)
		secret, c := w.client("files"), w.zoomClient("files")
		zoom := func(code string) error { return drop(w.m.RedeemZoom(ctx, c, w.redeeming("files", "", code))) }
		giosg := func(code string) error { return drop(w.redeem("files", secret, code)) }

		code := w.code("jane", "files")
		time.Sleep(time.Minute)
		wantRefusal(t, "after a minute", giosg(code), souk.ExpiredCode)
		time.Sleep(4*time.Minute - time.Microsecond)
		ok(t, zoom(code))
		wantRefusal(t, "again", zoom(code), souk.SpentCode)
		code = w.code("jane", "files")
		time.Sleep(5 * time.Minute)
		wantRefusal(t, "after five minutes", zoom(code), souk.ExpiredCode)
		code = w.code("jane", "files")
		ok(t, giosg(code))
		wantRefusal(t, "spent on the other wire", zoom(code), souk.SpentCode)
		code = w.code("jane", "files")
		ok(t, zoom(code))
		wantRefusal(t, "spent on this wire", giosg(code), souk.SpentCode)

		other := w.zoomClient("chat")
		code = w.code("jane", "files")
		before := w.digest()
		wantRefusal(t, "by another app", drop(w.m.RedeemZoom(ctx, other, w.redeeming("files", "", code))), souk.SpentCode)
		for _, secret := range []string{"", secret, other.Secret} {
			wrong := c
			wrong.Secret = secret
			wantRefusal(t, "by who is not the app", drop(w.m.RedeemZoom(ctx, wrong, w.redeeming("files", "", code))), souk.WrongSecret)
		}
		if w.digest() != before {
			t.Error("something that was refused changed something")
		}
	})
}

// A person's tokens renew one another. One that was replaced is good for nothing,
// and shown late it ends what came of it.
func TestRenewing(t *testing.T) {
	eachTownInTime(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.install("sid", "files", w.hq)
		c := w.zoomClient("files")
		renew := func(refresh string) (market.ZoomTokens, error) { return w.m.Renew(ctx, c, refresh) }

		first := w.pair("jane", "files")
		if a := w.by(first.Secret); a.User != w.user["jane"] || a.Kind != souk.ZoomToken || a.Org != w.hq || !a.Scopes.Equal(souk.NewScopes("reports")) {
			t.Errorf("it speaks for %+v", a)
		}
		time.Sleep(market.ZoomAccessLife - time.Microsecond)
		w.by(first.Secret)
		time.Sleep(time.Microsecond)
		w.wantDead("after an hour", first.Secret, souk.DeadByExpiry)
		second := must(renew(first.Refresh))(t)
		w.by(second.Secret)

		time.Sleep(time.Minute)
		wantRefusal(t, "shown again at once", drop(renew(first.Refresh)), souk.SpentCode)
		w.by(second.Secret)
		third := must(renew(second.Refresh))(t)
		time.Sleep(time.Minute)
		wantRefusal(t, "shown again later", drop(renew(first.Refresh)), souk.SpentCode)
		w.wantDead("what came of it", second.Secret, souk.DeadByRevocation)
		w.wantDead("and of that", third.Secret, souk.DeadByRevocation)
		wantRefusal(t, "and what renews that", drop(renew(third.Refresh)), souk.SpentCode)
		wantList(t, "the grant", w.grantsOf("files"), "jane reports", "sid reports")
		wantList(t, "audit", w.rows(`SELECT verb FROM audit WHERE verb = 'RevokeReused'`), "RevokeReused")

		anew := w.pair("jane", "files")
		wantRefusal(t, "one of before", drop(renew(first.Refresh)), souk.SpentCode)
		w.by(anew.Secret)
		other := w.pair("jane", "files")
		w.wantDead("when she agreed once more", anew.Secret, souk.DeadByRevocation)
		wantRefusal(t, "when she agreed once more", drop(renew(anew.Refresh)), souk.SpentCode)
		w.by(other.Secret)

		wantRefusal(t, "an access token", drop(renew(other.Secret)), souk.SpentCode)
		wantRefusal(t, "by another app", drop(w.m.Renew(ctx, w.zoomClient("chat"), other.Refresh)), souk.SpentCode)
		time.Sleep(market.ZoomRefreshLife)
		wantRefusal(t, "after 90 days", drop(renew(other.Refresh)), souk.ExpiredCode)
		w.checkAudit()

		time.Sleep(25 * time.Hour)
		for more := true; more; {
			more = must(w.m.Tidy(ctx))(t)
		}
		wantList(t, "kept", w.rows(`SELECT kind FROM tokens WHERE kind IN ('zoom', 'zoom_refresh')`))
	})
}

// Of many who show one token, or one code, at the same time one gets another.
func TestRenewingAtOnce(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.install("sid", "files", w.hq)
		c, pair := w.zoomClient("files"), w.pair("jane", "files")
		code := w.code("joe", "files")
		for name, show := range map[string]func() error{
			"a token": func() error { return drop(w.m.Renew(ctx, c, pair.Refresh)) },
			"a code":  func() error { return drop(w.m.RedeemZoom(ctx, c, w.redeeming("files", "", code))) },
		} {
			answers := make(chan error)
			for range 16 {
				go func() { answers <- show() }()
			}
			got := 0
			for range 16 {
				if err := <-answers; err == nil {
					got++
				} else {
					wantRefusal(t, name, err, souk.SpentCode)
				}
			}
			if got != 1 {
				t.Errorf("%s was good for %d", name, got)
			}
		}
		if n := w.count(`SELECT count(*) FROM tokens WHERE kind = 'zoom_refresh' AND revoked_at IS NULL`); n != 2 {
			t.Errorf("%d tokens renew", n)
		}
	})
}

// What a renewed token may do is what is still granted.
func TestRenewingAfterLoss(t *testing.T) {
	eachTownInTime(t, func(t *testing.T, w *town) {
		w.install("sid", "ear", w.hq)
		pair := w.pair("jane", "ear")
		w.changeApp("ear", func(a *souk.App) { a.RequiredScopes = souk.NewScopes("settings", "reports") })
		w.install("sid", "ear", w.hq)
		next := must(w.m.Renew(context.Background(), w.zoomClient("ear"), pair.Refresh))(t)
		if !next.Token.Scopes.Equal(souk.NewScopes("settings")) || !w.by(pair.Secret).Scopes.Equal(souk.NewScopes("settings", "users")) {
			t.Errorf("renewed for %s", next.Token.Scopes)
		}
	})
}

// Tokens of Zoom's wire die by what they hang on, and those that renew with them.
func TestZoomTokensDie(t *testing.T) {
	ctx := context.Background()
	for name, tt := range map[string]struct {
		end   func(*town, souk.Installation) error
		cause souk.Death
		renew error
	}{
		"with the grant": {func(w *town, i souk.Installation) error {
			return w.m.RevokeGrant(ctx, w.session("eve"), w.grantOf("eve", i.ID).ID)
		}, souk.DeadByRevocation, souk.SpentCode},
		"with the installation": {func(w *town, i souk.Installation) error {
			return w.m.EndInstallation(ctx, w.as("eve"), w.acme, i.ID)
		}, souk.DeadByInstallation, souk.Dead{Kind: souk.ZoomToken, Cause: souk.DeadByInstallation}},
		"while the app is suspended": {func(w *town, i souk.Installation) error { return w.m.SuspendApp(ctx, operator, i.App) },
			souk.DeadWhileSuspended, souk.Dead{Kind: souk.ZoomToken, Cause: souk.DeadWhileSuspended}},
		"with the app": {func(w *town, i souk.Installation) error { return w.m.DeleteApp(ctx, w.as("vic"), w.vendor, i.App) },
			souk.DeadByInstallation, souk.WrongSecret},
		"with the person": {func(w *town, _ souk.Installation) error {
			w.write(func(tx *store.Tx) error {
				u, err := tx.User(w.user["eve"])
				if err != nil {
					return err
				}
				u.DeactivatedAt = time.Now()
				return tx.PutUser(u, w.acme)
			})
			return nil
		}, souk.DeadByUser, souk.Dead{Kind: souk.ZoomToken, Cause: souk.DeadByUser}},
		"while it is disabled for the person": {func(w *town, i souk.Installation) error {
			return drop(w.m.DisableForUser(ctx, w.as("ada"), i.App, w.acme, w.user["eve"]))
		}, souk.DeadWhileSuspended, souk.Dead{Kind: souk.ZoomToken, Cause: souk.DeadWhileSuspended}},
		"with the org": {func(w *town, _ souk.Installation) error {
			w.changeOrg(w.acme, func(o *souk.Org) { o.ClosedAt = time.Now() })
			return nil
		}, souk.DeadByOrg, souk.Dead{Kind: souk.ZoomToken, Cause: souk.DeadByOrg}},
	} {
		t.Run(name, func(t *testing.T) {
			eachTown(t, func(t *testing.T, w *town) {
				w.changeOrg(w.vendor, func(o *souk.Org) { o.IsAppProvider = true })
				i := w.install("eve", "ear", w.acme, w.hq)
				pair, c := w.pair("eve", "ear"), w.zoomClient("ear")
				account := must(w.m.AccountToken(ctx, c, w.acme))(t)
				ok(t, tt.end(w, i))
				w.finish()
				w.wantDead("a person's", pair.Secret, tt.cause)
				w.wantDead("the account's", account.Secret, tt.cause)
				if err := drop(w.m.Renew(ctx, c, pair.Refresh)); !errors.Is(err, tt.renew) {
					t.Errorf("renewing: %v, want %v", err, tt.renew)
				}
				if err := drop(w.m.AccountToken(ctx, c, w.acme)); err == nil {
					t.Error("there is another for the account")
				}
			})
		})
	}
}

// In an account an app acts for whoever installed it, while they administer it.
func TestAccountTokens(t *testing.T) {
	eachTownInTime(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		i := w.install("ada", "chat", w.acme, w.hq)
		w.install("sid", "files", w.hq)
		c, files := w.zoomClient("chat"), w.zoomClient("files")
		got := must(w.m.AccountToken(ctx, c, w.acme))(t)
		if a := w.by(got.Secret); a.User != w.user["ada"] || a.Installation != i.ID || a.Org != w.acme || !a.Scopes.Equal(i.Scopes) || got.Token.Hash != nil {
			t.Errorf("it speaks for %+v", a)
		}
		before := w.digest()
		for _, tt := range []struct {
			name    string
			client  market.ZoomClient
			account souk.ID
		}{
			{"a workspace that it reaches", c, w.hq},
			{"an account that is not its own", c, w.globex},
			{"its maker's", c, w.vendor},
			{"none", c, souk.ID{}},
			{"one that is not there", c, souk.NewID()},
			{"installed below", files, w.acme},
			{"installed there, which is no account", files, w.hq},
		} {
			wantRefusal(t, tt.name, drop(w.m.AccountToken(ctx, tt.client, tt.account)), souk.UnknownInstallation)
		}
		if w.digest() != before {
			t.Error("something that was refused changed something")
		}
		role := func(r souk.Role) {
			w.write(func(tx *store.Tx) error {
				return tx.PutMembership(souk.Membership{User: w.user["ada"], Org: w.acme, Role: r, CreatedAt: dawn})
			})
		}
		role(souk.Member)
		wantRefusal(t, "for a member", drop(w.m.AccountToken(ctx, c, w.acme)), souk.NotAuthorized)
		role(souk.Owner)
		must(w.m.AccountToken(ctx, c, w.acme))(t)
		ok(t, w.m.RevokeGrant(ctx, w.session("ada"), w.grantOf("ada", i.ID).ID))
		w.wantDead("when she took it back", got.Secret, souk.DeadByRevocation)
		wantRefusal(t, "when she took it back", drop(w.m.AccountToken(ctx, c, w.acme)), souk.NotAuthorized)
		w.checkAudit()
	})
}

// An app's own token looks after the app, and the oldest of too many ends.
func TestAppTokens(t *testing.T) {
	eachTownInTime(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		c := w.zoomClient("chat")
		first := must(w.m.AppToken(ctx, c))(t)
		a := w.by(first.Secret)
		if !a.IsApp() || a.App != w.app["chat"] || !a.User.IsZero() || !a.Scopes.Equal(souk.AppScopes()) {
			t.Errorf("it speaks for %+v", a)
		}
		must(w.m.Webhooks(ctx, a, w.app["chat"]))(t)
		wantRefusal(t, "another app's", drop(w.m.Webhooks(ctx, a, w.app["files"])), souk.UnknownApp)
		wantRefusal(t, "deciding", drop(w.m.Approve(ctx, a, market.Decision{App: w.app["chat"], At: w.acme})), souk.UnknownOrg)
		for range market.MaxTokens {
			time.Sleep(time.Microsecond)
			must(w.m.AppToken(ctx, c))(t)
		}
		w.wantDead("the oldest of too many", first.Secret, souk.DeadByRevocation)
		w.checkAudit()
	})
}

// Giving back a person's token is giving back that the app may act for them.
func TestDiscarding(t *testing.T) {
	eachTownInTime(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.install("sid", "files", w.hq)
		c, chat := w.zoomClient("files"), w.zoomClient("chat")
		pair, joes := w.pair("jane", "files"), w.pair("joe", "files")
		before := w.digest()
		ok(t, w.m.Discard(ctx, chat, pair.Secret))
		ok(t, w.m.Discard(ctx, c, "nothing"))
		if w.digest() != before {
			t.Error("nothing was to end and something did")
		}
		ok(t, w.m.Discard(ctx, c, pair.Refresh))
		w.wantDead("jane's", pair.Secret, souk.DeadByRevocation)
		w.by(joes.Secret)
		wantList(t, "grants", w.grantsOf("files"), "joe reports", "sid reports")
		if e, n := w.lastTold("files", souk.GrantWasRevoked); n != 1 || e.Data.User.ID != w.user["jane"] {
			t.Errorf("told %d times, last of %+v", n, e.Data.User)
		}
		before = w.digest()
		ok(t, w.m.Discard(ctx, c, pair.Refresh))
		if w.digest() != before {
			t.Error("what is over ended again")
		}
		w.checkAudit()
	})
}
