package market

import (
	"context"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"souk"
)

// SSO is an app that signs in somebody it knows at an organization where it is
// installed (docs/dialects/giosg.md, "Single sign-on").
type SSO struct {
	App         souk.ID
	Secret      string // giosg's, of the app
	Org         souk.ID
	Email       string
	FirstName   string
	LastName    string
	Permissions []string // that the token is to have, of those granted to the installation
	Origin      string   // of the page that asks, as browsers send it; empty: a server asks
}

// SSOToken makes a token with which an app speaks for the person with an e-mail.
// Whom the organization does not know yet becomes a member, with those
// permissions, if the installation was granted the scope users; anybody else
// must have let the app speak for them before. It refuses WrongSecret,
// BadRedirect for a page that is not at one of the app's redirect URIs,
// UnknownInstallation, NoSubscription, Invalid and NotAuthorized.
func (m *Market) SSOToken(ctx context.Context, in SSO, face string, from netip.Addr) (done Minted, err error) {
	if err := m.proven(ctx, in.App, in.Secret); err != nil {
		return done, err
	}
	in.Email = strings.TrimSpace(in.Email)
	actor := souk.Actor{App: in.App, Face: face, Address: from}
	err = m.write(ctx, actor, rootOf(in.Org, in.App), func(tx *Tx) error {
		done, err = tx.ssoToken(in)
		return err
	})
	return done, err
}

func (tx *Tx) ssoToken(in SSO) (done Minted, err error) {
	if err := tx.proves(in.App, in.Secret); err != nil {
		return done, err
	}
	app, err := tx.App(in.App)
	if err != nil {
		return done, err
	}
	if in.Origin != "" && !slices.ContainsFunc(app.RedirectURIs, func(uri string) bool { return originOf(uri) == in.Origin }) {
		return done, souk.BadRedirect
	}
	org, enterprise, err := tx.OrgAndAbove(in.Org)
	if err != nil {
		return done, or(err, souk.UnknownInstallation)
	}
	i, err := tx.InstallationReaching(in.App, in.Org)
	switch {
	case err != nil:
		return done, or(err, souk.UnknownInstallation)
	case i.Status != souk.InstallationActive || app.Suspended || !org.ClosedAt.IsZero():
		return done, souk.UnknownInstallation
	case !org.HasActiveSubscription:
		return done, souk.NoSubscription
	}
	permissions, err := in.check(i)
	if err != nil {
		return done, err
	}
	scopes := souk.NewScopes(in.Permissions...)
	u, err := tx.UserByEmail(org.Root(), souk.EmailKey(in.Email))
	switch {
	case ignoreMissing(err) != nil:
		return done, err
	case err == nil:
		err = tx.speaksFor(i, u, org, scopes)
	case !i.Scopes.Has(string(souk.CanUsers)):
		err = souk.NotAuthorized
	default:
		u, err = tx.newColleague(in, place{Org: org, Enterprise: enterprise}, permissions)
		if err == nil {
			_, err = tx.grant(i, u.ID, scopes, org)
		}
	}
	if err != nil {
		return done, err
	}
	t := souk.Token{Kind: souk.PersonToken, User: u.ID, Installation: i.ID, App: i.App, Org: org.ID, Scopes: scopes}
	return tx.mintNext(t, Minting{Description: "Signed in by the app", Life: AccessLife}, org)
}

func (in SSO) check(i souk.Installation) (permissions []souk.Permission, err error) {
	var p problems
	if err := (Person{Email: in.Email, FirstName: in.FirstName, LastName: in.LastName}).check(); err != nil {
		p = append(p, err.(souk.Invalid)...)
	}
	for _, word := range in.Permissions {
		switch permission := souk.Permission(word); {
		case !slices.Contains(souk.Permissions, permission):
			p.add("permissions", "must be of settings, users and reports")
		case !i.Scopes.Has(word):
			p.add("permissions", "must be of those that the organization granted: %s", i.Scopes)
		default:
			permissions = append(permissions, permission)
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(permissions))), p.err()
}

// speaksFor refuses NotAuthorized unless a person belongs to an org and let the
// installed app do all of scopes for them.
func (tx *Tx) speaksFor(i souk.Installation, u souk.User, org souk.Org, scopes souk.Scopes) error {
	standing, err := tx.Standing(u.ID, org)
	if err != nil {
		return err
	}
	let, knows, err := tx.letDo(i, u.ID, org)
	if err != nil {
		return err
	}
	if !knows || u.IsBot || !u.Active() || !standing.IsMember() || !let.Covers(scopes) {
		return souk.NotAuthorized
	}
	return nil
}

// newColleague makes a person whom an app knows a member of an org.
func (tx *Tx) newColleague(in SSO, at place, permissions []souk.Permission) (u souk.User, err error) {
	u = souk.User{
		ID: souk.NewID(), Org: at.Org.ID, Email: souk.EmailKey(in.Email), FirstName: in.FirstName, LastName: in.LastName,
		CreatedAt: tx.at, UpdatedAt: tx.at,
	}
	if err := tx.PutUser(u, at.Org.Root()); err != nil {
		return u, err
	}
	err = tx.PutMembership(souk.Membership{User: u.ID, Org: at.Org.ID, Role: souk.Member, Permissions: permissions, CreatedAt: tx.at})
	if err != nil {
		return u, err
	}
	return u, tx.changed("SSOToken", souk.UserAdded, at, u, nil, u)
}

// originOf is the scheme, host and port of a URL, as browsers name where a page
// is from; "" for what is no URL of a page.
func originOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return ""
	}
	host := strings.ToLower(u.Host)
	if port := map[string]string{"https": ":443", "http": ":80"}[u.Scheme]; strings.HasSuffix(host, port) {
		host = strings.TrimSuffix(host, port)
	}
	return u.Scheme + "://" + host
}
