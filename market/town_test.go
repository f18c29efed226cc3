package market_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
)

// town is a marketplace with two roots and a vendor:
//
//	acme, an enterprise: hq and lab     eve owns it, ada is admin, sam holds settings
//	hq                                  olga owns it, max is admin, sid holds settings, una users, jane and joe ask
//	lab                                 liz owns it, lee asks
//	globex, a workspace that stands alone   gus owns it, gina is admin, gwen asks
//	vendor                              vic owns it and the apps, val is a member
type town struct {
	t   fataler
	db  *store.DB
	sql *sql.DB // the same database, for questions that no verb answers
	m   *market.Market

	acme, hq, lab, globex, vendor souk.ID
	user                          map[string]souk.ID
	app                           map[string]souk.ID
	shake                         func(souk.Webhook) error // Slack's handshake
	validate                      func(souk.Webhook) error // Zoom's
	seen                          map[souk.ID]bool         // deliveries that heard has told of
}

// fataler is a test, or one walk of a random one.
type fataler interface {
	Helper()
	Errorf(string, ...any)
	Fatal(...any)
	Fatalf(string, ...any)
}

// eachTown runs test in a fresh town on both engines.
func eachTown(t *testing.T, test func(t *testing.T, w *town)) {
	t.Helper()
	souktest.EachAddress(t, func(t *testing.T, address string) { test(t, newTown(t, address)) })
}

func newTown(t testing.TB, address string) *town {
	t.Helper()
	db, err := store.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	w := &town{t: t, db: db, user: map[string]souk.ID{}, app: map[string]souk.ID{}, seen: map[souk.ID]bool{}}
	driver := "sqlite"
	if strings.HasPrefix(address, "postgres") {
		driver = "pgx"
	}
	if w.sql, err = sql.Open(driver, address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(w.sql.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	w.m = w.marketOn(db)
	w.build()
	return w
}

// marketOn is a market on a database with wires that spell events plainly.
func (w *town) marketOn(db *store.DB) *market.Market {
	var kinds []string
	for _, k := range souk.EventKinds {
		kinds = append(kinds, string(k))
	}
	spell := func(e souk.Event, to souk.Endpoint) ([]byte, error) {
		return fmt.Appendf(nil, "%s %s %s", e.Kind, e.Subject, to.Installation.ID), nil
	}
	return &market.Market{
		DB: db, Key: souk.NewKey([souk.KeySize]byte{7}),
		CheckURL: func(url string) error {
			if strings.Contains(url, "//10.") {
				return errors.New("is a private address")
			}
			return nil
		},
		Wires: map[souk.Dialect]market.Wire{
			souk.Native: {Name: func(k souk.EventKind) string { return string(k) }, Encode: spell, Events: kinds},
			souk.Slack: {
				Name: func(k souk.EventKind) string {
					return map[souk.EventKind]string{souk.RequestCreated: "app_requested"}[k]
				},
				Encode: func(e souk.Event, to souk.Endpoint) ([]byte, error) {
					if to.Installation.ID.IsZero() {
						return nil, nil
					}
					return spell(e, to)
				},
				Handshake: func(_ context.Context, hook souk.Webhook, _ souk.Credentials) error {
					if w.shake == nil {
						return nil
					}
					return w.shake(hook)
				},
				Events: []string{"app_requested"},
			},
			souk.Giosg: {Channels: channels(), Triggers: triggers()},
			souk.Zoom: {
				Name:   func(k souk.EventKind) string { return zoomNames[k] },
				Encode: spell,
				Handshake: func(_ context.Context, hook souk.Webhook, _ souk.Credentials) error {
					if w.validate == nil {
						return nil
					}
					return w.validate(hook)
				},
				Events: slices.Sorted(maps.Values(zoomNames)),
				Needs: map[string]souk.Scopes{
					asked: souk.NewScopes("zoom.read", "zoom.read.fine"), approved: souk.NewScopes("zoom.read", "zoom.read.fine"),
				},
				Goodbye: goodbye,
			},
		},
	}
}

// Zoom's names of some events.
const (
	asked    = "request_made"
	approved = "request_approved"
	goodbye  = "deauthorized"
)

var zoomNames = map[souk.EventKind]string{
	souk.RequestCreated: asked, souk.CaseApproved: approved, souk.GrantWasRevoked: goodbye,
}

// dawn is when the town was built: before everything that happens in it.
var dawn = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (w *town) build() {
	w.t.Helper()
	w.write(func(tx *store.Tx) error {
		var failed []error
		did := func(err error) { failed = append(failed, err) }
		org := func(name string, kind souk.OrgKind, under souk.ID) souk.ID {
			o := souk.Org{ID: souk.NewID(), Kind: kind, Enterprise: under, Name: name, Domain: name,
				Entitlements: souk.DefaultEntitlements, Switches: souk.DefaultSwitches, CreatedAt: dawn}
			did(tx.PutOrg(o))
			return o.ID
		}
		w.acme = org("acme", souk.Enterprise, souk.ID{})
		w.hq, w.lab = org("hq", souk.Workspace, w.acme), org("lab", souk.Workspace, w.acme)
		w.globex, w.vendor = org("globex", souk.Workspace, souk.ID{}), org("vendor", souk.Workspace, souk.ID{})

		person := func(name string, home, root souk.ID, role souk.Role, permissions ...souk.Permission) {
			u := souk.User{ID: souk.NewID(), Org: home, Email: name + "@town.example", FirstName: name, CreatedAt: dawn}
			w.user[name] = u.ID
			did(tx.PutUser(u, root))
			did(tx.PutMembership(souk.Membership{User: u.ID, Org: home, Role: role, Permissions: permissions, CreatedAt: dawn}))
		}
		person("eve", w.acme, w.acme, souk.Owner)
		person("ada", w.acme, w.acme, souk.Admin)
		person("sam", w.acme, w.acme, souk.Member, souk.CanSettings)
		person("olga", w.hq, w.acme, souk.Owner)
		person("max", w.hq, w.acme, souk.Admin)
		person("sid", w.hq, w.acme, souk.Member, souk.CanSettings)
		person("una", w.hq, w.acme, souk.Member, souk.CanUsers)
		person("jane", w.hq, w.acme, souk.Member)
		person("joe", w.hq, w.acme, souk.Member)
		person("liz", w.lab, w.acme, souk.Owner)
		person("lee", w.lab, w.acme, souk.Member)
		person("gus", w.globex, w.globex, souk.Owner)
		person("gina", w.globex, w.globex, souk.Admin)
		person("gwen", w.globex, w.globex, souk.Member)
		person("vic", w.vendor, w.vendor, souk.Owner)
		person("val", w.vendor, w.vendor, souk.Member)

		app := func(name string, change func(*souk.App)) {
			a := souk.App{ID: souk.NewID(), Owner: w.vendor, Name: name, Kind: souk.ThirdParty, Listing: souk.Listed,
				IsAvailableToAnyone: true, BotScopes: souk.NewScopes("team:read", "users:read"), CreatedAt: dawn, UpdatedAt: dawn}
			change(&a)
			w.app[name] = a.ID
			did(tx.PutApp(a))
			rights := []souk.Right{{App: a.ID, To: souk.ToOwner, Org: a.Owner}}
			if a.IsPublic() {
				rights = append(rights, souk.Right{App: a.ID, To: souk.ToEveryone, Org: a.Owner})
			}
			for _, r := range rights {
				_, err := tx.PutRight(r, dawn)
				did(err)
			}
		}
		app("chat", func(*souk.App) {})
		app("files", func(a *souk.App) { a.BotScopes = souk.NewScopes("reports") })
		app("tool", func(a *souk.App) {
			a.IsAppUserRequired, a.AppUser = true, souk.AppUserNames{FirstName: "Tool", LastName: "Bot"}
		})
		app("manager", func(a *souk.App) { a.UserScopes = souk.NewScopes("admin.apps:read", "admin.apps:write") })
		app("monitor", func(a *souk.App) { a.BotScopes = souk.NewScopes(souk.MarketplaceRead) })
		app("certified", func(a *souk.App) { a.Certified = true })
		app("lawyer", func(a *souk.App) { a.Links.TermsOfService = "https://lawyer.example/terms" })
		app("nameless", func(a *souk.App) { a.IsAppUserRequired = true })
		app("barred", func(*souk.App) {})
		app("unwanted", func(*souk.App) {})
		app("ear", func(a *souk.App) {
			a.RequiredScopes, a.BotScopes = souk.NewScopes("settings", "users"), nil
			a.IsAppUserRequired, a.AppUser = true, souk.AppUserNames{FirstName: "Ear", LastName: "Bot"}
		})
		app("gone", func(a *souk.App) { a.DeletedAt = dawn })
		app("stopped", func(a *souk.App) { a.Suspended = true })
		app("draft", func(a *souk.App) { a.Listing = souk.Draft })
		app("bespoke", func(a *souk.App) { a.Owner, a.Kind, a.Listing = w.hq, souk.CustomIntegration, souk.Draft })
		app("theirs", func(a *souk.App) { a.Owner, a.Listing = w.globex, souk.Draft })
		return errors.Join(failed...)
	})
}

func (w *town) write(fn func(*store.Tx) error) {
	w.t.Helper()
	if err := w.db.Write(context.Background(), nil, fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *town) read(fn func(*store.Tx) error) {
	w.t.Helper()
	if err := w.db.Read(context.Background(), fn); err != nil {
		w.t.Fatal(err)
	}
}

// as is a person who acts by a token of their own.
func (w *town) as(name string) souk.Actor {
	w.t.Helper()
	id, known := w.user[name]
	if !known {
		w.t.Fatalf("nobody is called %q", name)
	}
	return souk.Actor{User: id, Kind: souk.PersonToken, Face: "test"}
}

// through is a person who acts by a token that came with an installation.
func (w *town) through(name string, i souk.Installation) souk.Actor {
	a := w.as(name)
	a.Kind, a.Installation, a.App, a.Org = souk.UserToken, i.ID, i.App, i.Org
	return a
}

var operator = souk.Operator("test")

// must fails the test on an error and passes the value on.
func must[T any](v T, err error) func(fataler) T {
	return func(t fataler) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t fataler, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantRefusal fails unless err is that refusal.
func wantRefusal(t fataler, what string, err error, want souk.Refusal) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %q", what, err, want)
	}
}

func (w *town) ask(name, app string, at souk.ID) souk.Request {
	w.t.Helper()
	asked := must(w.m.RequestApp(context.Background(), w.as(name), market.Asking{App: w.app[app], At: at, Reason: "why not"}))(w.t)
	if asked.Request.ID.IsZero() {
		w.t.Fatalf("%s asked for %s: %s, no request", name, app, asked.Verdict)
	}
	return asked.Request
}

func (w *town) approve(name, app string, at souk.ID, scopes ...string) market.Decided {
	w.t.Helper()
	return must(w.m.Approve(context.Background(), w.as(name), market.Decision{App: w.app[app], At: at, Scopes: scopes}))(w.t)
}

func (w *town) restrict(name, app string, at souk.ID) market.Decided {
	w.t.Helper()
	return must(w.m.Restrict(context.Background(), w.as(name), market.Decision{App: w.app[app], At: at}))(w.t)
}

func (w *town) install(name, app string, at souk.ID, workspaces ...souk.ID) souk.Installation {
	w.t.Helper()
	in := market.Installing{App: w.app[app], At: at, Workspaces: workspaces, Terms: market.TermsAccepted}
	return must(w.m.Install(context.Background(), w.as(name), in))(w.t).Installation
}

// setPolicy changes the policy of an org and leaves its switches as they are.
func (w *town) setPolicy(org souk.ID, policy souk.Policy) {
	w.t.Helper()
	ok(w.t, w.m.SetPolicy(context.Background(), operator, org, market.Rules{Policy: policy, Switches: w.org(org).Switches}))
}

func (w *town) org(id souk.ID) (o souk.Org) {
	w.t.Helper()
	w.read(func(tx *store.Tx) (err error) { o, err = tx.Org(id); return err })
	return o
}

func (w *town) request(id souk.ID) (q souk.Request) {
	w.t.Helper()
	w.read(func(tx *store.Tx) (err error) { q, err = tx.Request(id); return err })
	return q
}

func (w *town) installation(id souk.ID) (i souk.Installation) {
	w.t.Helper()
	w.read(func(tx *store.Tx) (err error) { i, err = tx.Installation(id); return err })
	return i
}

// live spells where an app is installed.
func (w *town) live(app string) []string {
	w.t.Helper()
	return w.rows(`SELECT o.name FROM installations i JOIN orgs o ON o.id = i.org_id WHERE i.app_id = $1 AND i.status <> 'ended'`, w.app[app])
}

// ally makes the vendor an app provider and a partner of some orgs.
func (w *town) ally(partners ...souk.ID) {
	w.t.Helper()
	w.changeOrg(w.vendor, func(o *souk.Org) { o.IsAppProvider = true })
	for _, partner := range partners {
		i := must(w.m.Invite(context.Background(), operator, w.vendor, partner))(w.t)
		must(w.m.Accept(context.Background(), operator, partner, i.ID))(w.t)
	}
}

func (w *town) share(app string, with souk.ID) souk.Share {
	w.t.Helper()
	return must(w.m.ShareApp(context.Background(), w.as("vic"), market.Sharing{Owner: w.vendor, App: w.app[app], With: with}))(w.t).Share
}

// update changes an app of the vendor's.
func (w *town) update(app string, in market.AppForm) market.AppView {
	w.t.Helper()
	return must(w.m.UpdateApp(context.Background(), w.as("vic"), w.vendor, w.app[app], in))(w.t)
}

// finish does what was left to be done bit by bit, and counts the steps.
func (w *town) finish() (steps int) {
	w.t.Helper()
	for must(w.m.StepJob(context.Background()))(w.t) {
		steps++
	}
	return steps
}

// changeApp changes an app as its vendor would.
func (w *town) changeApp(name string, change func(*souk.App)) {
	w.t.Helper()
	w.write(func(tx *store.Tx) error {
		a, err := tx.App(w.app[name])
		if err != nil {
			return err
		}
		change(&a)
		return tx.PutApp(a)
	})
}

// standing spells the answers that stand about an app: "org status audience scopes".
func (w *town) standing(app string) []string {
	w.t.Helper()
	return w.rows(`SELECT o.name || ' ' || r.status || ' ' || CASE WHEN r.audience = 'everyone' THEN 'everyone' ELSE 'some' END || ' ' || r.scopes
		FROM resolutions r JOIN orgs o ON o.id = r.org_id WHERE r.app_id = $1 AND r.ended_at IS NULL`, w.app[app])
}

// events spells what happened to an app so far, in order.
func (w *town) events(app string) []string {
	w.t.Helper()
	return w.list(`SELECT kind FROM events WHERE app_id = $1 ORDER BY at, id`, w.app[app])
}

// rows is list, sorted.
func (w *town) rows(query string, args ...any) []string {
	w.t.Helper()
	all := w.list(query, args...)
	slices.Sort(all)
	return all
}

// list reads a query of one text column.
func (w *town) list(query string, args ...any) (all []string) {
	w.t.Helper()
	rows, err := w.sql.QueryContext(context.Background(), query, args...)
	if err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			w.t.Fatal(err)
		}
		all = append(all, strings.TrimSpace(s))
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return all
}

// count reads a query of one number.
func (w *town) count(query string, args ...any) (n int) {
	w.t.Helper()
	if err := w.sql.QueryRowContext(context.Background(), query, args...).Scan(&n); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// tables are all that a verb can write.
var tables = []string{
	"orgs", "partnerships", "invitations", "assets", "users", "passwords", "identities", "user_groups", "group_members", "memberships", "scopes", "apps", "credentials", "rights",
	"cases", "requests", "resolutions", "installations", "installation_counts", "reach", "grants", "tokens", "used_codes",
	"webhooks", "subscriptions", "channel_subscriptions", "url_checks", "lanes", "replays", "letters", "events", "deliveries", "audit", "settings", "jobs", "idempotency",
}

// digest tells two states of some tables apart; of none named, of all.
func (w *town) digest(some ...string) string {
	w.t.Helper()
	if len(some) == 0 {
		some = tables
	}
	h := sha256.New()
	for _, table := range some {
		all := w.everything(table)
		slices.Sort(all)
		fmt.Fprintf(h, "%s %d %q\n", table, len(all), all)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// everything spells the rows of a table.
func (w *town) everything(table string) (all []string) {
	w.t.Helper()
	rows, err := w.sql.QueryContext(context.Background(), `SELECT * FROM `+table)
	if err != nil {
		w.t.Fatal(err)
	}
	columns, err := rows.Columns()
	if err != nil {
		w.t.Fatal(err)
	}
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			w.t.Fatal(err)
		}
		for i, v := range values {
			if b, isText := v.([]byte); isText {
				values[i] = string(b)
			}
		}
		all = append(all, fmt.Sprintf("%v", values))
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		w.t.Fatal(err)
	}
	return all
}

func wantList(t fataler, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}
