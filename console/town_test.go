package console

import (
	"net/netip"
	"net/url"
	"regexp"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
)

// town is who the pages about apps need besides the company of all tests: an org
// for each way that apps are let in, and apps that ask for this and that.
const town = `
version: 1
orgs:
  fair:   {kind: workspace, name: Fair, policy: open}
  shut:   {kind: workspace, name: Shut, policy: closed}
  frugal: {kind: workspace, name: Frugal, policy: open, entitlements: {has_apps_feature: false}}
  lapsed: {kind: workspace, name: Lapsed, policy: open, entitlements: {has_active_subscription: false}}
users:
  fia:  {org: fair, email: fia@fair.example, first_name: Fia, last_name: Holm, memberships: [{org: fair, role: owner}]}
  finn: {org: fair, email: finn@fair.example, first_name: Finn, memberships: [{org: fair}]}
  flo:  {org: fair, email: flo@fair.example, first_name: Flo, memberships: [{org: fair, permissions: [users]}]}
  shia: {org: shut, email: shia@shut.example, first_name: Shia, memberships: [{org: shut, role: owner}]}
  fred: {org: frugal, email: fred@frugal.example, first_name: Fred, memberships: [{org: frugal, role: owner}]}
  lars: {org: lapsed, email: lars@lapsed.example, first_name: Lars, memberships: [{org: lapsed, role: owner}]}
apps:
  clerk:
    owner: vendor
    name: Clerk
    description: Answers for you.
    listing: listed
    is_available_to_anyone: true
    is_app_user_required: true
    app_user: {first_name: Friendly, last_name: Clerk, alias: Clerky}
    required_scopes: [reports, settings]
    bot_scopes: [files:read]
    redirect_uris: ["https://clerk.example/back", "https://clerk.example/back?a=b"]
    trigger: {url: "https://clerk.example/open?v=1", conditions: [install, setup, manual_nav]}
    links: {terms_of_service: "https://vendor.example/terms", privacy_policy: "https://vendor.example/privacy"}
  notes:
    owner: vendor
    name: Notes
    description: Keeps what was said.
    listing: listed
    is_available_to_anyone: true
    bot_scopes: [chat:write]
    redirect_uris: ["https://notes.example/back", "http://notes.example:8080/back"]
  unheard:
    owner: vendor
    name: Unheard
    description: Nobody else may see it.
    redirect_uris: ["https://unheard.example/back"]
`

// everyTown runs a test on a site with the town on each database, beside other
// tests: much of their time is waiting for a database to be made.
func everyTown(t *testing.T, test func(t *testing.T, s *site)) {
	t.Helper()
	t.Parallel()
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		t.Parallel()
		s := newSite(t, db, "http://souk.example", Options{Unlimited: true})
		s.settle()
		test(t, s)
	})
}

// settle adds the town to a site, with a dialect that opens trigger URLs.
func (s *site) settle() {
	s.t.Helper()
	s.Apply(town)
	s.Market.Wires = map[souk.Dialect]market.Wire{souk.Giosg: {Triggers: &market.Triggers{
		Encode: func(souk.Trigger) ([]byte, error) { return []byte("{}"), nil },
		Address: func(t souk.Trigger, _ souk.Credentials, _ time.Time) (string, error) {
			return carry(t.URL, "type", string(t.Condition), "org", t.Org.String(), "user", t.User.String(), "redirect_uri", t.Return), nil
		},
	}}}
}

// in is a visitor who has signed in, by the word of a provider: pages about apps
// are none the wiser, and no password is hashed for each of them.
func (s *site) in(name string) *visitor {
	s.t.Helper()
	u, err := s.user(name)
	if err != nil {
		s.t.Fatal(err)
	}
	done, err := s.Market.SignInAs(s.t.Context(), market.Identity{Issuer: "https://login.example", Subject: name, Email: u.Email}, face, netip.Addr{})
	if err != nil {
		s.t.Fatal(err)
	}
	v := s.visitor()
	v.cookies[s.console.cookieName(sessionCookieName)] = done.Secret
	return v
}

var place = regexp.MustCompile(`\{[a-z]+\.[a-z@-]+\}`)

// fill puts ids into a text that names objects of the company in braces, such as
// {orgs.fair}.
func (s *site) fill(text string) string {
	return place.ReplaceAllStringFunc(text, func(name string) string { return s.ID(name[1 : len(name)-1]).String() })
}

// link is the install page of an app with pairs of a name and a value.
func (s *site) link(app string, pairs ...string) string {
	for i := range pairs {
		pairs[i] = s.fill(pairs[i])
	}
	return carry("/apps/"+s.ID("apps."+app).String()+"/install", pairs...)
}

// accept posts what the form on an install page says, with more fields.
func (v *visitor) accept(page reply, fields ...string) reply {
	v.t.Helper()
	action := page.between(v.t, `method="post" action="/apps/`, `"`)
	return v.post("/apps/"+action, append([]string{"offer", page.value(v.t, "offer"), "scopes", page.value(v.t, "scopes")}, fields...)...)
}

// install has somebody install an app at an org.
func (s *site) install(app, org, by string) souk.Installation {
	s.t.Helper()
	done, err := s.Market.Install(s.t.Context(), s.As(by), market.Installing{App: s.ID("apps." + app), At: s.ID("orgs." + org), Terms: market.TermsAccepted})
	if err != nil {
		s.t.Fatal(err)
	}
	return done.Installation
}

// change changes an app behind everybody's back.
func (s *site) change(app string, to func(*souk.App)) {
	s.t.Helper()
	s.record(func(tx *store.Tx) error {
		a, err := tx.App(s.ID("apps." + app))
		if err != nil {
			return err
		}
		to(&a)
		return tx.PutApp(a)
	})
}

// look reads from the database.
func look[T any](s *site, read func(*store.Tx) (T, error)) (found T) {
	s.t.Helper()
	err := s.db.Read(s.t.Context(), func(tx *store.Tx) (err error) {
		found, err = read(tx)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return found
}

// toldAt is what the address that a reply leads to is told, which begins with at.
func (r reply) toldAt(t *testing.T, at string) url.Values {
	t.Helper()
	to, err := url.Parse(r.header.Get("Location"))
	if err != nil || r.status != r.moved() {
		t.Fatalf("%s: %d to %q, %v\n%s", r.of, r.status, r.header.Get("Location"), err, r.body)
	}
	told := to.Query()
	if to.RawQuery = ""; to.String() != at {
		t.Fatalf("%s leads to %s, want %s", r.of, to, at)
	}
	return told
}

// anonymous is a page without what is of this one request.
func (r reply) anonymous() string {
	return regexp.MustCompile(`<code>[0-9a-f-]{36}</code>`).ReplaceAllString(r.body, "")
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
