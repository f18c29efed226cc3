package market_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"souk"
	"souk/market"
	"souk/store"
)

// identities is what a walk remembers of tokens and codes.
type identities struct {
	secrets  map[souk.ID]string // of apps that take people back
	held     []*held
	codes    []*handed
	triggers []*handed
}

// held is a token that somebody was told.
type held struct {
	souk.Token
	secret  string
	ceiling souk.Scopes // what its installation was granted when it was made
	revoked bool
}

// handed is a code, and how often it was taken.
type handed struct {
	app     souk.ID
	text    string             // a person's
	trigger market.AppUserCode // or a trigger's
	taken   int
}

var silent = []string{"MintToken", "MintAppUserToken", "RotateToken", "RevokeToken", "Authorize", "Redeem", "ExchangeAppUserCode", "SSOToken", "SignIn"}

// meet has the apps of a walk take people back.
func (k *walk) meet() {
	k.secrets = map[souk.ID]string{}
	for _, app := range k.apps {
		k.secrets[k.app[app]] = k.client(app)
	}
}

// here is try for what is only done in a browser, not on somebody's behalf.
func (k *walk) here(verb string, actor souk.Actor, call func(souk.Actor) error) bool {
	return k.try(verb, actor, func(a souk.Actor) error {
		own := actor
		own.Face = a.Face
		return call(own)
	})
}

// without is try for what is done by a secret alone.
func (k *walk) without(verb string, call func() error) bool {
	return k.try(verb, souk.Actor{}, func(souk.Actor) error { return call() })
}

// keep remembers a token, and forgets the oldest.
func (k *walk) keep(m market.Minted) {
	h := &held{Token: m.Token, secret: m.Secret}
	if !h.Installation.IsZero() {
		h.ceiling = k.installation(h.Installation).Scopes
		if !h.ceiling.Covers(h.Scopes) {
			k.rt.Fatalf("a token was made with %q, and granted was %q", h.Scopes, h.ceiling)
		}
	}
	if k.held = append(k.held, h); len(k.held) > 24 {
		k.held = k.held[1:]
	}
}

// anInstallation is mostly a live one.
func (k *walk) anInstallation() souk.Installation {
	ids := slices.SortedFunc(maps.Values(k.live), func(a, b souk.ID) int { return strings.Compare(a.String(), b.String()) })
	if len(ids) == 0 || k.rarely("none") {
		return souk.Installation{ID: souk.NewID(), App: k.anApp(), Org: k.place()}
	}
	return k.installation(rapid.SampledFrom(ids).Draw(k.rt, "installation"))
}

func (k *walk) someScopes() []string {
	return rapid.SampledFrom([][]string{nil, nil, {}, {"team:read"}, {"settings"}, {"settings", "users"}, {"reports"}}).Draw(k.rt, "some scopes")
}

func (k *walk) mintToken() {
	in := market.Minting{Description: "x", Kind: rapid.SampledFrom([]souk.TokenKind{"", souk.PersonToken, souk.PlatformToken}).Draw(k.rt, "kind")}
	var done market.Minted
	if k.here("MintToken", k.session(k.pick("who", k.names)), func(a souk.Actor) (err error) {
		done, err = k.m.MintToken(context.Background(), a, in)
		return err
	}) {
		k.keep(done)
	}
}

func (k *walk) mintAppUserToken() {
	i, in := k.anInstallation(), market.Minting{Description: "x", Scopes: k.someScopes()}
	actor := k.actor(k.anAppNow(i.App).Owner)
	if k.rarely("itself") {
		actor = souk.Actor{Kind: souk.AppToken, App: i.App, Face: "test"}
	}
	var done market.Minted
	if k.try("MintAppUserToken", actor, func(a souk.Actor) (err error) {
		done, err = k.m.MintAppUserToken(context.Background(), a, i.App, i.ID, in)
		return err
	}) {
		k.keep(done)
	}
}

// aToken is one that somebody was told, mostly one that lives.
func (k *walk) aToken() *held {
	if len(k.held) == 0 {
		return &held{Token: souk.Token{ID: souk.NewID()}}
	}
	return rapid.SampledFrom(k.held).Draw(k.rt, "token")
}

func (k *walk) rotate() {
	old, overlap := k.aToken(), rapid.SampledFrom([]time.Duration{0, 0, time.Hour}).Draw(k.rt, "overlap")
	for _, h := range k.held {
		if !h.revoked && !h.Installation.IsZero() && h.User == k.installation(h.Installation).AppUser && !k.rarely("another") {
			old = h
		}
	}
	var done market.Minted
	if k.try("RotateToken", k.actor(k.vendor), func(a souk.Actor) (err error) {
		done, err = k.m.RotateToken(context.Background(), a, old.App, old.Installation, old.ID, overlap)
		return err
	}) {
		if old.revoked || !old.Scopes.Covers(done.Token.Scopes) {
			k.rt.Fatalf("%+v was replaced by %+v", old, done.Token)
		}
		old.revoked = overlap == 0
		k.keep(done)
	}
}

func (k *walk) revokeToken() {
	t := k.aToken()
	actor := k.actor(t.Org)
	switch {
	case k.rarely("operator"):
		actor = operator
	case rapid.Bool().Draw(k.rt, "one's own") && !t.User.IsZero():
		actor = souk.Actor{User: t.User, Kind: souk.PersonToken, Face: "test"}
	}
	if k.try("RevokeToken", actor, func(a souk.Actor) error { return k.m.RevokeToken(context.Background(), a, t.ID) }) {
		t.revoked = true
	}
}

func (k *walk) authorize() {
	i := k.anInstallation()
	in := market.Authorizing{App: i.App, At: i.Org, Redirect: back, Scopes: k.someScopes()}
	if k.rarely("at home") {
		in.At = souk.ID{}
	}
	name := k.pick("who", k.people[i.Org])
	var code string
	if k.here("Authorize", k.session(name), func(a souk.Actor) (err error) {
		code, err = k.m.Authorize(context.Background(), a, in)
		return err
	}) {
		k.codes = append(k.codes, &handed{app: in.App, text: code})
	}
}

func (k *walk) redeemCode() {
	if len(k.codes) == 0 {
		return
	}
	c := k.codes[len(k.codes)-1]
	if k.rarely("an older code") {
		c = rapid.SampledFrom(k.codes).Draw(k.rt, "code")
	}
	in := market.Redeeming{App: c.app, Secret: k.secrets[c.app], Code: c.text, Redirect: back}
	if k.rarely("another app") {
		in.App = k.anApp()
		in.Secret = k.secrets[in.App]
	}
	var done market.Redeemed
	if k.without("Redeem", func() (err error) {
		done, err = k.m.Redeem(context.Background(), in, "test", netip.Addr{})
		return err
	}) {
		if c.taken++; c.taken > 1 || in.App != c.app {
			k.rt.Fatalf("a code was taken %d times, at last from %s", c.taken, in.App)
		}
		k.keep(done.Minted)
	}
}

func (k *walk) exchangeCode() {
	c := &handed{}
	if len(k.triggers) > 0 && k.rarely("an older one") {
		c = rapid.SampledFrom(k.triggers).Draw(k.rt, "trigger")
	} else {
		i := k.anInstallation()
		c.app, c.trigger = i.App, triggerCode(i)
		k.triggers = append(k.triggers, c)
	}
	var done market.Minted
	if k.without("ExchangeAppUserCode", func() (err error) {
		done, err = k.exchange(k.secrets[c.app], c.trigger)
		return err
	}) {
		if c.taken++; c.taken > 1 {
			k.rt.Fatalf("a trigger's code was taken %d times", c.taken)
		}
		k.keep(done)
	}
}

func (k *walk) revokeGrant() {
	i := k.anInstallation()
	g := souk.Grant{ID: souk.NewID(), User: k.user["jane"]}
	k.read(func(tx *store.Tx) error {
		found, err := tx.GrantsOf(i.ID)
		if len(found) > 0 {
			g = rapid.SampledFrom(found).Draw(k.rt, "grant")
		}
		return err
	})
	actor := souk.Actor{User: g.User, Kind: souk.ConsoleSession, Face: "test"}
	if k.rarely("not one's own") {
		actor = k.session(k.pick("another", k.names))
	}
	if k.try("RevokeGrant", actor, func(a souk.Actor) error { return k.m.RevokeGrant(context.Background(), a, g.ID) }) {
		if actor.User != g.User {
			k.rt.Fatalf("somebody else took a grant back")
		}
		for _, h := range k.held {
			h.revoked = h.revoked || h.User == g.User && h.Installation == g.Installation
		}
		for secret, id := range k.tokens {
			if id == g.Installation && strings.HasPrefix(secret, string(souk.UserToken)) && k.installation(id).InstalledBy == g.User {
				k.wantDead("who installed it took it back", secret, souk.DeadByRevocation)
			}
		}
	}
}

func (k *walk) setPermissions() {
	at := k.place()
	user := k.user[k.pick("whom", k.names)]
	if i := k.anInstallation(); !i.AppUser.IsZero() && rapid.Bool().Draw(k.rt, "an app user") {
		at, user = i.Org, i.AppUser
	}
	permissions := rapid.SampledFrom([][]souk.Permission{nil, {souk.CanSettings}, {souk.CanUsers, souk.CanSettings}}).Draw(k.rt, "permissions")
	k.try("SetPermissions", k.actor(at), func(a souk.Actor) error {
		return drop(k.m.SetPermissions(context.Background(), a, at, user, permissions))
	})
}

// signInByApp has an app sign somebody in, whom it may speak for or bring along.
func (k *walk) signInByApp() {
	i := k.anInstallation()
	in := market.SSO{App: i.App, Secret: k.secrets[i.App], Org: i.Org, Email: k.pick("e-mail", append(slices.Clone(k.names), "new1", "new2")) + "@town.example",
		Permissions: rapid.SampledFrom([][]string{nil, {"settings"}, {"users"}, {"reports", "users"}}).Draw(k.rt, "permissions")}
	var known souk.User
	var let souk.Grant
	k.read(func(tx *store.Tx) (err error) {
		if known, err = tx.UserByEmail(k.org(in.Org).Root(), in.Email); err == nil {
			let, err = grantTo(tx, i.ID, known.ID, i.Org)
		}
		if errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		return err
	})
	var done market.Minted
	if k.without("SSOToken", func() (err error) {
		done, err = k.m.SSOToken(context.Background(), in, "test", netip.Addr{})
		return err
	}) {
		if done.Token.User == known.ID && !let.Scopes.Covers(done.Token.Scopes) || known.ID != done.Token.User && (!known.ID.IsZero() || !i.Scopes.Has("users")) ||
			known.ID == done.Token.User && let.ID.IsZero() {
			k.rt.Fatalf("an app became %+v by the grant %+v", done.Token, let)
		}
		k.keep(done)
	}
}

// signIn begins a session by a provider's word.
func (k *walk) signIn() {
	in := market.Identity{Issuer: "https://id.example", Email: k.pick("e-mail", append(slices.Clone(k.names), "new1")) + "@town.example"}
	in.Subject = in.Email + fmt.Sprint(k.rarely("another subject"))
	var done market.SignedIn
	if k.without("SignIn", func() (err error) {
		if done, err = k.m.SignInAs(context.Background(), in, "test", netip.Addr{}); err == nil && len(done.Choices) > 0 {
			done, err = k.m.Choose(context.Background(), done.Ticket, done.Choices[0].User.ID, "", "test", netip.Addr{})
		}
		return err
	}) {
		k.keep(market.Minted{Token: done.Session, Secret: done.Secret})
	}
}

// checkHeld asks each token what it may by now: what came with an installation
// never outlives it, nor what its person or app user let or was granted.
func (k *walk) checkHeld() {
	live := slices.Collect(maps.Values(k.live))
	for _, h := range k.held {
		c, err := k.m.Authenticate(context.Background(), h.secret, "test", netip.Addr{})
		var dead souk.Dead
		if err != nil && !errors.As(err, &dead) {
			k.rt.Fatalf("a token answers with %v", err)
		}
		ended := !h.Installation.IsZero() && !slices.Contains(live, h.Installation)
		gone := !h.User.IsZero() && !k.active(h.User)
		stopped := !h.App.IsZero() && !ended && k.anAppNow(h.App).Suspended
		if should := h.revoked || ended || gone || stopped; (err != nil) != should {
			k.rt.Fatalf("a token answers with %v: revoked %t, its installation ended %t, its user gone %t, its app stopped %t: %+v", err, h.revoked, ended, gone, stopped, h.Token)
		}
		if h.revoked != (dead.Cause == souk.DeadByRevocation) {
			k.rt.Fatalf("a token is %q and revoked %t", dead.Cause, h.revoked)
		}
		if err != nil || h.Installation.IsZero() {
			continue
		}
		if !c.Scopes.Equal(h.Scopes) || !h.ceiling.Covers(c.Scopes) {
			k.rt.Fatalf("a token has %q, was made with %q, and granted was %q", c.Scopes, h.Scopes, h.ceiling)
		}
		if _, err := k.m.Desk(context.Background(), c.Actor, h.Org, market.MaySettings); err == nil && !h.Scopes.Has("settings") {
			k.rt.Fatalf("a token with %q does what needs settings", h.Scopes)
		}
		if err := drop(k.m.Approve(context.Background(), c.Actor, market.Decision{App: k.app["chat"], At: h.Org})); err == nil {
			k.rt.Fatalf("a token of an app decides")
		}
	}
}
