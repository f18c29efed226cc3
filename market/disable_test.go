package market_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"souk"
	"souk/market"
	"souk/store"
)

// tokenOf makes a token that came to somebody with an installation.
func (w *town) tokenOf(name string, i souk.Installation, at souk.ID) (secret string) {
	w.t.Helper()
	secret = "a token of " + name + " at " + at.String()
	w.write(func(tx *store.Tx) error {
		return tx.PutToken(souk.Token{ID: souk.NewID(), Hash: w.m.Key.Hash(secret), Kind: souk.UserToken, User: w.user[name],
			Installation: i.ID, App: i.App, Org: at, CreatedAt: dawn})
	})
	return secret
}

func TestDisablingForAUser(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		wide := w.install("eve", "chat", w.acme, w.hq, w.lab)
		for _, where := range []souk.ID{w.hq, w.lab} {
			w.write(func(tx *store.Tx) error {
				return tx.PutGrant(souk.Grant{ID: souk.NewID(), User: w.user["sam"], Installation: wide.ID, Org: where,
					Scopes: wide.Scopes, Status: souk.GrantActive, CreatedAt: dawn})
			})
		}
		hq, lab, eves := w.tokenOf("sam", wide, w.hq), w.tokenOf("sam", wide, w.lab), w.tokenOf("eve", wide, w.hq)
		answers := func(when string, want map[string]souk.Death) {
			t.Helper()
			for secret, death := range want {
				_, err := w.m.Authenticate(ctx, secret, "test", netip.Addr{})
				var dead souk.Dead
				errors.As(err, &dead)
				if dead.Cause != death || death == souk.AliveToken && err != nil {
					t.Errorf("%s, %s: %v, want %q", when, secret, err, death)
				}
			}
		}
		all := func(hqs, labs, eve souk.Death) map[string]souk.Death {
			return map[string]souk.Death{hq: hqs, lab: labs, eves: eve}
		}
		answers("before", all("", "", ""))
		set := func(verb func(context.Context, souk.Actor, souk.ID, souk.ID, souk.ID) (int, error), by string, at souk.ID, user string, want int) {
			t.Helper()
			if n := must(verb(ctx, w.as(by), w.app["chat"], at, w.user[user]))(t); n != want {
				t.Errorf("%d grants changed, want %d", n, want)
			}
		}
		before := len(w.events("chat"))
		set(w.m.DisableForUser, "ada", w.acme, "sam", 2)
		set(w.m.DisableForUser, "ada", w.acme, "sam", 0)
		answers("disabled", all(souk.DeadWhileSuspended, souk.DeadWhileSuspended, ""))
		// A workspace's admin speaks for there, and a new grant does not get past it.
		set(w.m.EnableForUser, "liz", w.lab, "sam", 1)
		answers("enabled at the lab", all(souk.DeadWhileSuspended, "", ""))
		set(w.m.EnableForUser, "ada", w.acme, "sam", 1)
		answers("enabled", all("", "", ""))
		// The grant at the enterprise is one for its workspaces.
		set(w.m.DisableForUser, "ada", w.acme, "eve", 1)
		answers("disabled at the enterprise", all("", "", souk.DeadWhileSuspended))
		wantList(t, "told", w.events("chat")[before:], "grant.disabled", "grant.disabled", "grant.enabled", "grant.enabled", "grant.disabled")
		if n := w.count(`SELECT count(*) FROM grants WHERE status = 'revoked'`); n != 0 {
			t.Errorf("%d grants are revoked", n)
		}
		set(w.m.DisableForUser, "ada", w.acme, "jane", 0) // who has none
		w.checkAudit()
	})
}

// The person cannot agree anew to what was disabled for them.
func TestAgreeingToWhatIsDisabled(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.changeApp("chat", func(a *souk.App) { a.RedirectURIs = []string{"https://chat.example/back"} })
		w.install("sid", "chat", w.hq)
		sid := w.as("sid")
		sid.Kind = souk.ConsoleSession
		in := market.Authorizing{App: w.app["chat"], At: w.hq, Redirect: "https://chat.example/back"}
		must(w.m.Authorizable(ctx, sid, in))(t)
		must(w.m.DisableForUser(ctx, w.as("max"), w.app["chat"], w.hq, w.user["sid"]))(t)
		for name, err := range map[string]error{
			"asked": drop(w.m.Authorizable(ctx, sid, in)), "agreeing": drop(w.m.Authorize(ctx, sid, in)),
			"again": drop(w.m.AuthorizeAgain(ctx, sid, in)),
		} {
			wantRefusal(t, name, err, souk.UnknownInstallation)
		}
		// Nor after taking back what they had agreed to.
		var grant souk.ID
		w.read(func(tx *store.Tx) error {
			found, err := tx.GrantsBy(w.user["sid"])
			grant = found[0].ID
			return err
		})
		if err := w.m.RevokeGrant(ctx, sid, grant); err != nil {
			t.Fatal(err)
		}
		wantRefusal(t, "agreeing anew", drop(w.m.Authorize(ctx, sid, in)), souk.UnknownInstallation)
		before := len(w.events("chat"))
		if n := must(w.m.EnableForUser(ctx, w.as("max"), w.app["chat"], w.hq, w.user["sid"]))(t); n != 1 {
			t.Errorf("%d grants changed", n)
		}
		wantList(t, "told of what is over", w.events("chat")[before:])
		must(w.m.Authorize(ctx, sid, in))(t)
		w.checkAudit()
	})
}
