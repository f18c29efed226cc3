package market_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
)

// back is where apps have people sent back to.
const back = "https://vendor.example/back"

// eachTownInTime is eachTown in virtual time.
func eachTownInTime(t *testing.T, test func(t *testing.T, w *town)) {
	t.Helper()
	souktest.EachAddress(t, func(t *testing.T, address string) {
		synctest.Test(t, func(t *testing.T) { test(t, newTown(t, address)) })
	})
}

// client has an app take people back at back, and tells its secret.
func (w *town) client(app string) (secret string) {
	w.t.Helper()
	w.changeApp(app, func(a *souk.App) { a.RedirectURIs = []string{back} })
	w.write(func(tx *store.Tx) error {
		sealed, err := tx.Credentials(w.app[app])
		if errors.Is(err, store.ErrNotFound) {
			sealed = store.SealCredentials(w.m.Key, market.NewCredentials(w.app[app]))
			err = tx.PutCredentials(sealed)
		}
		if err != nil {
			return err
		}
		secret, err = sealed.OpenGiosg(w.m.Key)
		return err
	})
	return secret
}

// session is a person who acts in a browser.
func (w *town) session(name string) souk.Actor {
	w.t.Helper()
	a := w.as(name)
	a.Kind = souk.ConsoleSession
	return a
}

// by is whoever a secret speaks for.
func (w *town) by(secret string) souk.Actor {
	w.t.Helper()
	return must(w.m.Authenticate(context.Background(), secret, "test", netip.Addr{}))(w.t).Actor
}

// itself is an app that acts by a token of its own.
func (w *town) itself(app string) souk.Actor {
	return souk.Actor{Kind: souk.AppToken, App: w.app[app], Face: "test"}
}

// wantDead fails unless a secret is refused for that cause.
func (w *town) wantDead(what, secret string, cause souk.Death) {
	w.t.Helper()
	var dead souk.Dead
	if err := drop(w.m.Authenticate(context.Background(), secret, "test", netip.Addr{})); !errors.As(err, &dead) || dead.Cause != cause {
		w.t.Errorf("%s: %v, want dead by %s", what, err, cause)
	}
}

// mint makes a token of an installation's app user, as its app's owner does.
func (w *town) mint(i souk.Installation, scopes ...string) market.Minted {
	w.t.Helper()
	return must(w.m.MintAppUserToken(context.Background(), w.as("vic"), i.App, i.ID, market.Minting{Description: "bot", Scopes: scopes}))(w.t)
}

// authorizing is an app that wants to speak for somebody, with PKCE.
func (w *town) authorizing(app string, scopes ...string) market.Authorizing {
	return market.Authorizing{App: w.app[app], Redirect: back, Scopes: scopes, Challenge: challenge(verifier)}
}

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// code is what an app gets for somebody who let it speak for them.
func (w *town) code(name, app string, scopes ...string) string {
	w.t.Helper()
	return must(w.m.Authorize(context.Background(), w.session(name), w.authorizing(app, scopes...)))(w.t)
}

// redeeming is a code handed in as it should be.
func (w *town) redeeming(app, secret, code string) market.Redeeming {
	return market.Redeeming{App: w.app[app], Secret: secret, Code: code, Redirect: back, Verifier: verifier}
}

func (w *town) redeem(app, secret, code string) (market.Redeemed, error) {
	return w.m.Redeem(context.Background(), w.redeeming(app, secret, code), "test", netip.Addr{})
}

// speaks is a token with which an app speaks for somebody who let it.
func (w *town) speaks(name, app string, scopes ...string) market.Redeemed {
	w.t.Helper()
	return must(w.redeem(app, w.client(app), w.code(name, app, scopes...)))(w.t)
}

// triggerCode is a code that came to an app with a trigger.
func triggerCode(i souk.Installation) market.AppUserCode {
	return market.AppUserCode{ID: souk.NewID(), App: i.App, Installation: i.ID, AppUser: i.AppUser, Expires: time.Now().Add(time.Minute)}
}

func (w *town) exchange(secret string, in market.AppUserCode) (market.Minted, error) {
	return w.m.ExchangeAppUserCode(context.Background(), in.App, secret, in, "test", netip.Addr{})
}

// grantsOf spells who let an app speak for them: "jane reports".
func (w *town) grantsOf(app string) []string {
	w.t.Helper()
	return w.rows(`SELECT u.first_name || ' ' || g.scopes FROM grants g JOIN users u ON u.id = g.user_id JOIN installations i ON i.id = g.installation_id
		WHERE i.app_id = $1 AND g.status = 'active'`, w.app[app])
}

// grantOf is the grant of somebody to an installed app.
func (w *town) grantOf(name string, installation souk.ID) (g souk.Grant) {
	w.t.Helper()
	w.read(func(tx *store.Tx) error {
		i, err := tx.Installation(installation)
		if err == nil {
			g, err = grantTo(tx, installation, w.user[name], i.Org)
		}
		return err
	})
	return g
}

// sso is an app that signs somebody in.
func (w *town) sso(app, secret string, org souk.ID, email string, permissions ...string) (market.Minted, error) {
	return w.m.SSOToken(context.Background(), market.SSO{App: w.app[app], Secret: secret, Org: org, Email: email, Permissions: permissions}, "test", netip.Addr{})
}

// memberOf makes somebody a member of an org.
func memberOf(user, org souk.ID, role souk.Role, permissions ...souk.Permission) func(*store.Tx) error {
	return func(tx *store.Tx) error {
		return tx.PutMembership(souk.Membership{User: user, Org: org, Role: role, Permissions: permissions, CreatedAt: dawn})
	}
}

// grantTo is the active grant of a user to an installation at exactly one org.
func grantTo(tx *store.Tx, installation, user, org souk.ID) (souk.Grant, error) {
	found, err := tx.GrantsTo(installation, user, souk.Org{ID: org})
	if err == nil && len(found) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return souk.Grant{}, err
	}
	return found[0], nil
}
