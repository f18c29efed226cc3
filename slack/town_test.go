package slack

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
	"souk/web"
)

// town is a small marketplace with a server in front of it.
//
// Acme is an enterprise with three workspaces: sales and support are granted
// to the app console, labs is not. Vendor is a workspace that stands alone;
// Rival is an enterprise with one workspace.
type town struct {
	db      *store.DB
	address func(testing.TB) string // of another database on the same engine
	market  *market.Market
	key     souk.Key
	base    string // of the server
	log     *notes

	acme, sales, support, labs, vendor, rival, rivals souk.Org
	olga, ada, bo, vic, rita                          souk.User // owner, admin and member of Acme; vendor's; Rival's owner
	console, desk, deploybot, certified, custom, own  souk.App
	foreign                                           souk.App // Rival's, invisible to Acme
	consoleAt, deskAt                                 souk.Installation
	created                                           time.Time
}

// The scopes of the people who decide.
var both = souk.NewScopes("admin.apps:read", "admin.apps:write")

// everyTown runs a test in a fresh town on each database.
func everyTown(t *testing.T, test func(t *testing.T, town *town)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, newTown(t, sqliteFile)) })
	t.Run("postgres", func(t *testing.T) { test(t, newTown(t, souktest.Postgres)) })
}

// newTownSQLite is a town for a test in which the database plays no part.
func newTownSQLite(t testing.TB) *town {
	t.Helper()
	return newTown(t, sqliteFile)
}

func sqliteFile(t testing.TB) string { return souktest.SQLite(t) }

// newTown builds a town in a new database, which it asks for an address.
func newTown(t testing.TB, address func(testing.TB) string) *town {
	t.Helper()
	o := openTown(t, address)
	t.Cleanup(func() {
		if err := o.db.Close(); err != nil {
			t.Error(err)
		}
	})
	return o
}

// openTown is newTown, but the test closes the database.
func openTown(t testing.TB, address func(testing.TB) string) *town {
	t.Helper()
	db, err := store.Open(t.Context(), address(t))
	if err != nil {
		t.Fatal(err)
	}
	o := &town{
		db: db, address: address, key: souk.NewKey([souk.KeySize]byte{1}), log: new(notes),
		created: time.Now().UTC().Truncate(time.Microsecond),
	}
	o.market = &market.Market{DB: db, Key: o.key, Wires: map[souk.Dialect]market.Wire{souk.Slack: Wire(nil)}}
	o.build(t)
	o.base = o.serve(t, New(o.market, o.logger(), "https://souk.example", Limits{}))
	return o
}

// served is the same town behind another handler.
func (o *town) served(t testing.TB, m *market.Market, limits Limits) *town {
	t.Helper()
	other := *o
	other.base = o.serve(t, New(m, o.logger(), "https://souk.example", limits))
	return &other
}

// logger writes to the town's log.
func (o *town) logger() *slog.Logger { return slog.New(slog.NewTextHandler(o.log, nil)) }

// serve starts a server for a handler and answers its address.
func (o *town) serve(t testing.TB, h *Handler) string {
	t.Helper()
	mux := http.NewServeMux()
	h.Routes(mux)
	s := httptest.NewServer(web.Stack(mux, web.Options{Log: h.log, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}))
	t.Cleanup(s.Close)
	return s.URL
}

func (o *town) build(t testing.TB) {
	org := func(kind souk.OrgKind, name string, above souk.Org) souk.Org {
		return souk.Org{ID: souk.NewID(), Kind: kind, Enterprise: above.ID, Name: name, Domain: strings.ToLower(name), Policy: souk.Approval,
			Entitlements: souk.DefaultEntitlements, Switches: souk.DefaultSwitches, CreatedAt: o.created}
	}
	o.acme = org(souk.Enterprise, "Acme", souk.Org{})
	o.sales, o.support, o.labs = org(souk.Workspace, "Sales", o.acme), org(souk.Workspace, "Support", o.acme), org(souk.Workspace, "Labs", o.acme)
	o.vendor = org(souk.Workspace, "Vendor", souk.Org{})
	o.rival = org(souk.Enterprise, "Rival", souk.Org{})
	o.rivals = org(souk.Workspace, "Rivals", o.rival)

	user := func(home souk.Org, name string) souk.User {
		return souk.User{ID: souk.NewID(), Org: home.ID, Email: name + "@" + home.Domain + ".example", FirstName: name, CreatedAt: o.created}
	}
	o.olga, o.ada, o.bo = user(o.acme, "olga"), user(o.acme, "ada"), user(o.acme, "bo")
	o.vic, o.rita = user(o.vendor, "vic"), user(o.rival, "rita")

	app := func(owner souk.Org, name string) souk.App {
		return souk.App{ID: souk.NewID(), Owner: owner.ID, Name: name, Description: name + " does things", Kind: souk.ThirdParty, Listing: souk.Listed,
			IsAvailableToAnyone: true, BotScopes: souk.NewScopes("team:read"), UserScopes: souk.NewScopes("users:read"), CreatedAt: o.created, UpdatedAt: o.created}
	}
	o.console, o.desk = app(o.acme, "Console"), app(o.acme, "Desk")
	o.console.UserScopes, o.console.BotScopes = both, nil
	o.desk.UserScopes, o.desk.Protected, o.desk.IsAvailableToAnyone = both, true, false
	o.deploybot, o.certified, o.own = app(o.vendor, "Deploybot"), app(o.vendor, "Certified"), app(o.acme, "Own")
	o.certified.Certified = true
	o.own.IsAvailableToAnyone = false
	o.custom, o.foreign = app(o.sales, "Custom"), app(o.rival, "Foreign")
	o.custom.Kind, o.custom.IsAvailableToAnyone, o.custom.Listing = souk.CustomIntegration, false, souk.Draft
	o.foreign.IsAvailableToAnyone = false

	installed := func(app souk.App, at souk.Org, kind souk.InstallationKind) souk.Installation {
		return souk.Installation{ID: souk.NewID(), App: app.ID, Org: at.ID, Kind: kind, Status: souk.InstallationActive, Scopes: app.Asks(),
			InstalledBy: o.olga.ID, CreatedAt: o.created, UpdatedAt: o.created}
	}
	o.consoleAt, o.deskAt = installed(o.console, o.acme, souk.OrgWide), installed(o.desk, o.sales, souk.OnWorkspace)

	o.write(t, func(tx *store.Tx) error {
		for _, x := range []souk.Org{o.acme, o.sales, o.support, o.labs, o.vendor, o.rival, o.rivals} {
			if err := tx.PutOrg(x); err != nil {
				return err
			}
		}
		for _, x := range []struct {
			user souk.User
			at   souk.Org
			role souk.Role
		}{
			{o.olga, o.acme, souk.Owner}, {o.ada, o.acme, souk.Admin}, {o.bo, o.acme, souk.Member},
			{o.vic, o.vendor, souk.Owner}, {o.rita, o.rival, souk.Owner},
		} {
			if err := tx.PutUser(x.user, x.at.ID); err != nil {
				return err
			}
			if err := tx.PutMembership(souk.Membership{User: x.user.ID, Org: x.at.ID, Role: x.role, CreatedAt: o.created}); err != nil {
				return err
			}
		}
		for _, x := range []souk.App{o.console, o.desk, o.deploybot, o.certified, o.own, o.custom, o.foreign} {
			if err := o.putApp(tx, x); err != nil {
				return err
			}
		}
		if err := o.putInstallation(tx, o.consoleAt, o.acme, o.sales, o.support); err != nil {
			return err
		}
		return o.putInstallation(tx, o.deskAt, o.sales)
	})
}

func (o *town) putApp(tx *store.Tx, a souk.App) error {
	if err := tx.PutApp(a); err != nil {
		return err
	}
	if _, err := tx.PutRight(souk.Right{App: a.ID, To: souk.ToOwner, Org: a.Owner}, o.created); err != nil {
		return err
	}
	if !a.IsPublic() {
		return nil
	}
	_, err := tx.PutRight(souk.Right{App: a.ID, To: souk.ToEveryone, Org: a.Owner}, o.created)
	return err
}

func (o *town) putInstallation(tx *store.Tx, i souk.Installation, reach ...souk.Org) error {
	if err := tx.PutInstallation(i); err != nil {
		return err
	}
	for _, at := range reach {
		if _, err := tx.Reach(i, at.ID, o.created); err != nil {
			return err
		}
	}
	return nil
}

// write changes the town behind the market's back.
func (o *town) write(t testing.TB, fn func(*store.Tx) error) {
	t.Helper()
	err := o.db.Write(t.Context(), func(*store.Tx) (store.Locks, error) { return store.Locks{}, nil }, fn)
	if err != nil {
		t.Fatal(err)
	}
}

// changeOrg changes the switches of an org for the rest of the test.
func (o *town) changeOrg(t testing.TB, org souk.Org, change func(*souk.Org)) {
	t.Helper()
	put := func(org souk.Org) func(*store.Tx) error {
		return func(tx *store.Tx) error { return tx.PutOrg(org) }
	}
	changed := org
	change(&changed)
	o.write(t, put(changed))
	t.Cleanup(func() {
		err := o.db.Write(context.Background(), func(*store.Tx) (store.Locks, error) { return store.Locks{}, nil }, put(org))
		if err != nil {
			t.Error(err)
		}
	})
}

// app makes one more app like another.
func (o *town) app(t testing.TB, like souk.App) souk.App {
	t.Helper()
	like.ID, like.Name = souk.NewID(), like.Name+" again"
	o.write(t, func(tx *store.Tx) error { return o.putApp(tx, like) })
	return like
}

// install puts an app into effect; its bot user, if it is to have one, is made.
func (o *town) install(t testing.TB, app souk.App, at souk.Org, kind souk.InstallationKind, reach ...souk.Org) souk.Installation {
	t.Helper()
	bot := souk.User{ID: souk.NewID(), Org: at.ID, IsBot: true, FirstName: app.Name, CreatedAt: o.created}
	i := souk.Installation{ID: souk.NewID(), App: app.ID, Org: at.ID, Kind: kind, Status: souk.InstallationActive, Scopes: app.Asks(),
		InstalledBy: o.olga.ID, AppUser: bot.ID, CreatedAt: o.created, UpdatedAt: o.created}
	o.write(t, func(tx *store.Tx) error {
		if err := tx.PutUser(bot, at.Root()); err != nil {
			return err
		}
		return o.putInstallation(tx, i, append(reach, at)...)
	})
	return i
}

// token makes a token of an installation and answers its secret.
func (o *town) token(t testing.TB, kind souk.TokenKind, user souk.ID, i souk.Installation, scopes souk.Scopes, change ...func(*souk.Token)) string {
	t.Helper()
	made := souk.Token{ID: souk.NewID(), Kind: kind, User: user, Installation: i.ID, App: i.App, Org: i.Org, Scopes: scopes, CreatedAt: o.created}
	for _, c := range change {
		c(&made)
	}
	secret := market.NewSecret(kind)
	made.Hash = o.key.Hash(secret)
	o.write(t, func(tx *store.Tx) error { return tx.PutToken(made) })
	return secret
}

// admin is an org-level token of a person's with both scopes.
func (o *town) admin(t testing.TB, user souk.User) string {
	t.Helper()
	return o.token(t, souk.UserToken, user.ID, o.consoleAt, both)
}

// asks files a request of a user's for an app at an org.
func (o *town) asks(t testing.TB, user souk.User, app souk.App, at souk.Org) souk.Request {
	t.Helper()
	asked, err := o.market.RequestApp(t.Context(), souk.Actor{User: user.ID, Kind: souk.PersonToken, Face: "test"},
		market.Asking{App: app.ID, At: at.ID, Reason: "because"})
	if err != nil {
		t.Fatal(err)
	}
	if asked.Request.ID.IsZero() {
		t.Fatalf("no request: %s", asked.Verdict)
	}
	return asked.Request
}

// notes is a log that servers may write to while a test reads it.
type notes struct {
	mu   sync.Mutex
	text strings.Builder
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(p)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}
