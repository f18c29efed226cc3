package market

import (
	"context"
	"slices"
	"time"

	"souk"
	"souk/store"
)

// AccessLife is how long a token answers with which an app speaks for a person.
// There is none to renew it: the app asks again, and the person is not bothered
// as long as their grant holds.
const AccessLife = 8 * time.Hour

const (
	maxNonce    = 500 // bytes
	challengeOf = 43  // characters of a PKCE challenge: SHA-256 as base64url
)

// Authorizing is an app that wants to speak for the person who acts, where it
// is installed (docs/dialects/giosg.md, "Identity").
type Authorizing struct {
	App       souk.ID
	At        souk.ID  // none: where the person has the app, their home first
	Redirect  string   // exactly one of the app's redirect URIs
	Scopes    []string // nil: all that was granted to the installation; empty: none, who they are is enough
	OpenID    bool     // an ID token is wanted
	Nonce     string   // for the ID token
	Challenge string   // PKCE's, by S256; empty: none
}

// Authorization is what the person is asked.
type Authorization struct {
	App     AppView
	Org     souk.Org
	User    souk.User
	Scopes  []souk.Scope
	Granted bool // they let the app do all this before: there is nothing to ask

	// Elsewhere are other orgs where they have the app, at most twenty, when
	// Authorizing named none.
	Elsewhere []souk.Org
}

// maxElsewhere is how many orgs a person may choose from.
const maxElsewhere = 20

// RedirectAllowed refuses BadRedirect for an address that the app did not
// announce, and UnknownApp: nothing may be told to uri then.
func (m *Market) RedirectAllowed(ctx context.Context, app souk.ID, uri string) error {
	return m.DB.Read(ctx, func(s *store.Tx) error {
		_, err := (&Tx{Tx: s, market: m}).redirectable(app, uri)
		return err
	})
}

func (tx *Tx) redirectable(app souk.ID, uri string) (souk.App, error) {
	a, err := tx.App(app)
	switch {
	case err != nil:
		return a, or(err, souk.UnknownApp)
	case !a.DeletedAt.IsZero() || a.Suspended:
		return a, souk.UnknownApp
	case !slices.Contains(a.RedirectURIs, uri):
		return a, souk.BadRedirect
	}
	return a, nil
}

// Authorizable finds what the person is asked. It refuses UnknownApp,
// BadRedirect, NeedsPerson, UnknownOrg, UnknownInstallation where the app is not
// in effect or was disabled for the person, and Invalid.
func (m *Market) Authorizable(ctx context.Context, actor souk.Actor, in Authorizing) (v Authorization, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		a, err := tx.authorizable(in)
		if err != nil {
			return err
		}
		v = Authorization{Org: a.org, User: a.user, Elsewhere: a.elsewhere}
		if v.App, err = tx.appView(a.app); err != nil {
			return err
		}
		if v.Scopes, err = tx.entries(a.scopes); err != nil {
			return err
		}
		v.Granted, err = tx.agreed(a)
		return err
	})
	return v, err
}

// agreed reports whether the person agreed to a before. What they let an
// enterprise's app do at one workspace they did not let it do at the next.
func (tx *Tx) agreed(a asked) (bool, error) {
	scopes, knows, err := tx.letDo(a.installation, a.user.ID, a.org)
	return knows && scopes.Covers(a.scopes), err
}

// letDo is what a person let an installed app do for them at an org, there or at
// the enterprise above; knows tells whether they let it do anything, be it only
// know who they are.
func (tx *Tx) letDo(i souk.Installation, user souk.ID, org souk.Org) (scopes souk.Scopes, knows bool, err error) {
	found, err := tx.GrantsTo(i.ID, user, org)
	for _, g := range found {
		scopes, knows = scopes.Union(g.Scopes), true
	}
	return scopes, knows, err
}

// asked is an Authorizing that may be granted.
type asked struct {
	elsewhere    []souk.Org
	app          souk.App
	org          souk.Org
	user         souk.User
	installation souk.Installation
	scopes       souk.Scopes
}

func (tx *Tx) authorizable(in Authorizing) (a asked, err error) {
	if a.app, err = tx.redirectable(in.App, in.Redirect); err != nil {
		return a, err
	}
	if tx.actor.User.IsZero() || tx.actor.Kind != souk.ConsoleSession {
		return a, souk.NeedsPerson
	}
	if a.user, err = tx.User(tx.actor.User); err != nil {
		return a, or(err, souk.NeedsPerson)
	}
	if in.At.IsZero() {
		places, err := tx.placesWith(in.App)
		if err != nil {
			return a, err
		}
		if len(places) == 0 {
			return a, souk.UnknownInstallation
		}
		in.At, a.elsewhere = places[0].ID, places[1:min(len(places), maxElsewhere+1)]
	}
	at, err := tx.place(in.At)
	if err != nil {
		return a, err
	}
	if !at.IsMember() {
		return a, souk.UnknownOrg
	}
	a.org = at.Org
	a.installation, err = tx.InstallationReaching(in.App, at.Org.ID)
	switch {
	case err != nil:
		return a, or(err, souk.UnknownInstallation)
	case a.installation.Status != souk.InstallationActive:
		return a, souk.UnknownInstallation
	}
	if disabled, err := tx.IsDisabled(a.installation.ID, a.user.ID, at.Org); err != nil || disabled {
		return a, either(err, souk.UnknownInstallation)
	}
	a.scopes = a.installation.Scopes
	if in.Scopes != nil {
		a.scopes = souk.NewScopes(in.Scopes...)
	}
	var p problems
	if !a.installation.Scopes.Covers(a.scopes) {
		p.add("scope", "must be of those that the organization granted: %s", a.installation.Scopes)
	}
	p.text("nonce", in.Nonce, maxNonce)
	if in.Challenge != "" && len(in.Challenge) != challengeOf {
		p.add("code_challenge", "must be of the method S256")
	}
	return a, p.err()
}

// Authorize lets an app speak for the person who acts and answers with a code
// for Redeem, good once and for a minute, or for RedeemZoom, good for five. It
// refuses what Authorizable does.
func (m *Market) Authorize(ctx context.Context, actor souk.Actor, in Authorizing) (code string, err error) {
	return m.authorize(ctx, actor, in, func(*Tx, asked) error { return nil })
}

// AuthorizeAgain is Authorize for what the person agreed to before, without
// asking them. It refuses NotAuthorized for anything else.
func (m *Market) AuthorizeAgain(ctx context.Context, actor souk.Actor, in Authorizing) (code string, err error) {
	return m.authorize(ctx, actor, in, func(tx *Tx, a asked) error {
		if agreed, err := tx.agreed(a); err != nil || !agreed {
			return either(err, souk.NotAuthorized)
		}
		return nil
	})
}

func (m *Market) authorize(ctx context.Context, actor souk.Actor, in Authorizing, may func(*Tx, asked) error) (code string, err error) {
	err = m.write(ctx, actor, rootOfUser(actor.User), func(tx *Tx) error {
		a, err := tx.authorizable(in)
		if err != nil {
			return err
		}
		if err := may(tx, a); err != nil {
			return err
		}
		g, err := tx.grant(a.installation, a.user.ID, a.scopes, a.org)
		if err != nil {
			return err
		}
		session, err := tx.Token(tx.actor.Token)
		if ignoreMissing(err) != nil {
			return err
		}
		code = m.seal("authorization code", authorizationCode{
			ID: souk.NewID(), App: a.app.ID, User: a.user.ID, Org: a.org.ID, Grant: g.ID, Redirect: in.Redirect,
			Scopes: a.scopes, OpenID: in.OpenID, Nonce: in.Nonce, Challenge: in.Challenge,
			At: tx.at, SignedIn: session.CreatedAt,
		})
		return nil
	})
	return code, err
}

// grant takes down that a person let an installed app do something for them,
// beside what they let it do before.
func (tx *Tx) grant(i souk.Installation, user souk.ID, scopes souk.Scopes, org souk.Org) (g souk.Grant, err error) {
	found, err := tx.GrantsTo(i.ID, user, org)
	if err != nil {
		return g, err
	}
	g = souk.Grant{ID: souk.NewID(), User: user, Installation: i.ID, Org: org.ID, Scopes: scopes, Status: souk.GrantActive, CreatedAt: tx.at}
	var before any
	for _, had := range found {
		switch {
		case had.Scopes.Covers(scopes):
			return had, nil
		case had.Org == org.ID:
			before = had
			g.ID, g.CreatedAt, g.Scopes = had.ID, had.CreatedAt, had.Scopes.Union(scopes)
		}
	}
	if err := tx.PutGrant(g); err != nil {
		return g, err
	}
	return g, tx.audit("Authorize", org, i.App, g.ID, before, g)
}

// RevokeGrant takes back that an app may speak for the person who acts: the
// tokens that came by it end. It refuses UnknownGrant.
func (m *Market) RevokeGrant(ctx context.Context, actor souk.Actor, id souk.ID) error {
	return m.write(ctx, actor, rootOfUser(actor.User), func(tx *Tx) error {
		g, err := tx.Grant(id)
		if err != nil {
			return or(err, souk.UnknownGrant)
		}
		if g.User != tx.actor.User || !tx.actor.Installation.IsZero() || g.Status != souk.GrantActive {
			return souk.UnknownGrant
		}
		return tx.revokeGrant(g)
	})
}

// revokeGrant takes back a grant, and with it the tokens that came by it.
func (tx *Tx) revokeGrant(g souk.Grant) error {
	if _, err := tx.RevokeGranted(g, tx.at); err != nil {
		return err
	}
	return tx.endGrant(g, "RevokeGrant")
}

// endGrant ends a grant, and tells it; the tokens that came by it are left.
func (tx *Tx) endGrant(g souk.Grant, verb string) error {
	i, err := tx.Installation(g.Installation)
	if err != nil {
		return err
	}
	app, at, err := tx.where(i.App, i.Org)
	if err != nil {
		return err
	}
	ended := []souk.Grant{g}
	revoked, err := tx.revoke(ended, i, app, at)
	if err != nil {
		return err
	}
	if err := tx.audit(verb, at.Org, app.ID, g.ID, g, ended[0]); err != nil {
		return err
	}
	return tx.emit(revoked...)
}
