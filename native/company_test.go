package native

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
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

// company is a small marketplace with a server in front of it.
//
// Acme is an enterprise with two workspaces, Sales and Labs; Vendor is a
// workspace that stands alone and owns most apps; Rival is an enterprise that
// nobody here knows.
type company struct {
	db     *store.DB
	market *market.Market
	url    string
	log    *lines
	at     time.Time

	acme, sales, labs, vendor, rival       souk.Org
	olga, sal, mo, bo, vic, rita, bot      souk.User // Acme's owner; Sales' admin, settings holder and member; Vendor's and Rival's owners; an app user
	deploy, notes, legal, certified, guard souk.App  // Vendor's, public
	custom, inner                          souk.App  // Sales' own integration; Rival's, private
	tokens                                 map[string]string

	asked    souk.Request      // bo asks for deploy at sales
	hook     souk.Webhook      // of deploy
	delivery souk.Delivery     // to hook, tried once
	notebot  souk.Installation // of notes, at acme
	held     souk.Token        // of its app user, with one of two scopes
	heard    souk.Delivery     // to the trigger URL of notes, tried once
	over     souk.ID           // a delivery to hook that failed for good
	replay   souk.ID           // to hook, done
}

// everyCompany runs a test in a fresh company on each database.
func everyCompany(t *testing.T, test func(t *testing.T, o *company)) {
	t.Helper()
	souktest.Each(t, func(t *testing.T, db *store.DB) { test(t, newCompany(t, db)) })
}

func newCompany(t *testing.T, db *store.DB) *company {
	t.Helper()
	o := &company{db: db, log: new(lines), at: time.Now().UTC().Truncate(time.Microsecond).Add(-time.Hour), tokens: map[string]string{"unheard": "souk-unheard"}}
	o.market = &market.Market{
		DB: db, Key: souk.NewKey([souk.KeySize]byte{7}), Wires: map[souk.Dialect]market.Wire{souk.Native: Wire(), souk.Giosg: {Triggers: triggers}},
		CheckURL: func(url string) error {
			if !strings.HasPrefix(url, "https://") {
				return errors.New("the URL must begin with https://")
			}
			return nil
		},
	}
	o.people(t)
	o.apps(t)
	o.happen(t)
	o.url = o.serve(t, New(o.market, slog.New(slog.NewJSONHandler(o.log, nil)), nil))
	return o
}

// newCompanyAt makes another company in the same database.
func newCompanyAt(t *testing.T, o *company) *company {
	t.Helper()
	return newCompany(t, o.db)
}

// triggers spells triggers plainly.
var triggers = &market.Triggers{
	Encode: func(t souk.Trigger) ([]byte, error) { return []byte(t.Condition), nil },
	Address: func(t souk.Trigger, with souk.Credentials, _ time.Time) (string, error) {
		return t.URL + "?" + url.Values{"type": {string(t.Condition)}, "chat": {t.Chat}, "user": {t.User.String()}}.Encode(), nil
	},
}

// channels makes the market serve a dialect whose webhooks subscribe to
// channels, and on which only what host products publish is told.
func (o *company) channels() {
	o.market.Wires[souk.Giosg] = market.Wire{Triggers: triggers, Channels: &market.Channels{
		Notices: func(e souk.Event) []souk.Notice {
			p := e.Data.Publication
			if p == nil {
				return nil
			}
			return []souk.Notice{{Channel: p.Channel, Action: p.Action, Resource: p.Resource, Org: p.Org, Scope: p.Scope}}
		},
		Installed: func(org, app souk.ID, a souk.Action) souk.Notice { return souk.Notice{Org: org, Action: a} },
		Offered:   func(org, app souk.ID, a souk.Action) souk.Notice { return souk.Notice{Org: org, Action: a} },
		Encode: func(e souk.Event, _ souk.Notice, _ market.Picture) ([]byte, error) {
			if e.Data.Publication == nil {
				return nil, nil
			}
			return []byte(e.Data.Publication.Action), nil
		},
		Owns: func(c souk.Channel) bool { return c.Last() == "users" },
	}}
}

// serve starts a server for a handler and answers its address.
func (o *company) serve(t *testing.T, h *Handler) string {
	t.Helper()
	mux := http.NewServeMux()
	h.Routes(mux)
	s := httptest.NewServer(web.Stack(mux, web.Options{Log: h.log}))
	t.Cleanup(s.Close)
	return s.URL
}

func (o *company) people(t *testing.T) {
	org := func(kind souk.OrgKind, name string, above souk.ID) souk.Org {
		return souk.Org{ID: souk.NewID(), Kind: kind, Enterprise: above, Name: name, Domain: strings.ToLower(name), Policy: souk.Approval,
			Entitlements: souk.DefaultEntitlements, Switches: souk.DefaultSwitches, CreatedAt: o.at}
	}
	o.acme, o.vendor, o.rival = org(souk.Enterprise, "Acme", souk.ID{}), org(souk.Workspace, "Vendor", souk.ID{}), org(souk.Enterprise, "Rival", souk.ID{})
	o.sales, o.labs = org(souk.Workspace, "Sales", o.acme.ID), org(souk.Workspace, "Labs", o.acme.ID)
	o.put(t, func(tx *store.Tx) error {
		for _, x := range []souk.Org{o.acme, o.sales, o.labs, o.vendor, o.rival} {
			if err := tx.PutOrg(x); err != nil {
				return err
			}
		}
		for _, p := range []struct {
			user        *souk.User
			name        string
			at          souk.Org
			role        souk.Role
			permissions []souk.Permission
		}{
			{&o.olga, "olga", o.acme, souk.Owner, nil},
			{&o.sal, "sal", o.sales, souk.Admin, nil},
			{&o.mo, "mo", o.sales, souk.Member, []souk.Permission{souk.CanSettings}},
			{&o.bo, "bo", o.sales, souk.Member, nil},
			{&o.vic, "vic", o.vendor, souk.Owner, nil},
			{&o.rita, "rita", o.rival, souk.Owner, nil},
			{&o.bot, "bot", o.sales, souk.Member, nil},
		} {
			*p.user = souk.User{ID: souk.NewID(), Org: p.at.ID, FirstName: p.name, CreatedAt: o.at}
			if p.user.IsBot = p.name == "bot"; !p.user.IsBot {
				p.user.Email = p.name + "@" + p.at.Domain + ".example"
			}
			if err := tx.PutUser(*p.user, p.at.Root()); err != nil {
				return err
			}
			m := souk.Membership{User: p.user.ID, Org: p.at.ID, Role: p.role, Permissions: p.permissions, CreatedAt: o.at}
			if err := tx.PutMembership(m); err != nil {
				return err
			}
			if err := o.mint(tx, p.name, souk.Token{Kind: souk.PersonToken, User: p.user.ID, Org: p.at.ID}); err != nil {
				return err
			}
		}
		return o.mint(tx, "operator", souk.Token{Kind: souk.PlatformToken})
	})
}

// mint makes a token that the tests know by name.
func (o *company) mint(tx *store.Tx, name string, k souk.Token) error {
	o.tokens[name] = market.NewSecret(k.Kind)
	k.ID, k.Hash, k.CreatedAt = souk.NewID(), o.market.Key.Hash(o.tokens[name]), o.at
	return tx.PutToken(k)
}

func (o *company) apps(t *testing.T) {
	o.put(t, func(tx *store.Tx) error {
		for _, a := range []struct {
			app   *souk.App
			name  string
			owner souk.Org
			make  func(*souk.App)
		}{
			{&o.deploy, "Deploy", o.vendor, func(*souk.App) {}},
			{&o.notes, "Notes", o.vendor, func(a *souk.App) {
				a.IsAppUserRequired, a.AppUser = true, souk.AppUserNames{FirstName: "Notes", LastName: "Bot"}
				a.TriggerURL, a.Triggers = "https://notes.example/trigger", []string{"chat_start", "manual_dialog", "uninstall"}
			}},
			{&o.legal, "Legal", o.vendor, func(a *souk.App) { a.Links.TermsOfService = "https://vendor.example/terms" }},
			{&o.certified, "Certified", o.vendor, func(a *souk.App) { a.Certified = true }},
			{&o.guard, "Guard", o.vendor, func(a *souk.App) { a.Protected = true }},
			{&o.custom, "Custom", o.sales, func(a *souk.App) { a.Kind, a.IsAvailableToAnyone = souk.CustomIntegration, false }},
			{&o.inner, "Inner", o.rival, func(a *souk.App) { a.IsAvailableToAnyone = false }},
		} {
			*a.app = souk.App{ID: souk.NewID(), Owner: a.owner.ID, Name: a.name, Description: a.name, Kind: souk.ThirdParty, Listing: souk.Listed,
				IsAvailableToAnyone: true, BotScopes: souk.NewScopes("team:read", "users:read"), CreatedAt: o.at, UpdatedAt: o.at}
			a.make(a.app)
			if err := tx.PutApp(*a.app); err != nil {
				return err
			}
			if err := tx.PutCredentials(store.SealCredentials(o.market.Key, market.NewCredentials(a.app.ID))); err != nil {
				return err
			}
			right := souk.Right{App: a.app.ID, To: souk.ToOwner, Org: a.owner.ID}
			if a.app.IsPublic() {
				if _, err := tx.PutRight(souk.Right{App: a.app.ID, To: souk.ToEveryone, Org: a.owner.ID}, o.at); err != nil {
					return err
				}
			}
			if _, err := tx.PutRight(right, o.at); err != nil {
				return err
			}
		}
		for name, app := range map[string]souk.App{"deploy": o.deploy, "notes": o.notes} {
			if err := o.mint(tx, name, souk.Token{Kind: souk.AppToken, App: app.ID}); err != nil {
				return err
			}
		}
		if err := o.mint(tx, "xoxp", souk.Token{Kind: souk.UserToken, User: o.olga.ID, Org: o.acme.ID}); err != nil {
			return err
		}
		return o.mint(tx, "expired", souk.Token{Kind: souk.PersonToken, User: o.bo.ID, Org: o.sales.ID, ExpiresAt: o.at})
	})
}

// happen is what went on before: bo asked for Deploy, Notes was approved for
// all of Acme and installed org-wide for Sales, Legal was approved and
// installed at Sales, Certified was restricted at Labs, Deploy's webhook heard
// of the request, Notes has a token of its app user, and its trigger URL heard
// of a chat.
func (o *company) happen(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	saved, err := o.market.PutWebhook(ctx, actor(o.vic), market.Hook{
		App: o.deploy.ID, Dialect: souk.Native, URL: "https://receiver.example/", Events: []string{"request.created", "case.approved"},
	})
	ok(err)
	o.hook = saved.Webhook
	asked, err := o.market.RequestApp(ctx, actor(o.bo), market.Asking{App: o.deploy.ID, At: o.sales.ID, Reason: "why not"})
	ok(err)
	o.asked = asked.Request
	_, err = o.market.Approve(ctx, actor(o.olga), market.Decision{App: o.notes.ID, At: o.acme.ID})
	ok(err)
	installed, err := o.market.Install(ctx, actor(o.olga), market.Installing{App: o.notes.ID, At: o.acme.ID, Workspaces: []souk.ID{o.sales.ID}})
	ok(err)
	o.notebot = installed.Installation
	made, err := o.market.MintAppUserToken(ctx, actor(o.vic), o.notes.ID, o.notebot.ID, market.Minting{Description: "worker", Scopes: []string{"team:read"}})
	ok(err)
	o.held, o.tokens["notebot"] = made.Token, made.Secret
	_, err = o.market.Trigger(ctx, souk.Operator("test"), market.Triggering{Condition: "chat_start", Org: o.sales.ID, User: o.bo.ID, Chat: "77"})
	ok(err)
	_, err = o.market.Approve(ctx, actor(o.sal), market.Decision{App: o.legal.ID, At: o.sales.ID})
	ok(err)
	_, err = o.market.Install(ctx, actor(o.mo), market.Installing{App: o.legal.ID, At: o.sales.ID, Terms: market.TermsAccepted})
	ok(err)
	_, err = o.market.Restrict(ctx, actor(o.olga), market.Decision{App: o.certified.ID, At: o.labs.ID})
	ok(err)
	ok(o.db.Read(ctx, func(tx *store.Tx) error {
		found, err := souktest.Told(tx, o.hook.ID, "", souk.Page{Size: 1})
		if err != nil {
			return err
		}
		calls, err := souktest.Told(tx, o.notes.ID, "", souk.Page{Size: 1})
		if err == nil {
			o.delivery, o.heard = found[0], calls[0]
		}
		return err
	}))
	o.put(t, func(tx *store.Tx) error {
		tried := souk.Attempt{Outcome: souk.BadStatus, Status: 500, Answer: "oh", Detail: "status 500", StartedAt: o.at, Duration: time.Millisecond}
		hook, trigger := tried, tried
		hook.ID, hook.Delivery, hook.Webhook, hook.URL = souk.NewID(), o.delivery.ID, o.hook.ID, o.hook.URL
		trigger.ID, trigger.Delivery, trigger.Webhook, trigger.URL = souk.NewID(), o.heard.ID, o.notes.ID, o.notes.TriggerURL
		again := func(d souk.Delivery, a *souk.Attempt) store.Progress {
			return store.Progress{Delivery: d, Attempt: a, Status: d.Status, NextAt: d.NextAt, Entry: d.Entry, EntryAt: d.EntryAt}
		}
		_, err := tx.Record(souk.ID{}, o.at, []store.Progress{again(o.delivery, &hook), again(o.heard, &trigger)})
		return err
	})
	o.over, o.replay = o.past(t, o.hook)
}

func (o *company) putApp(t *testing.T, a souk.App) {
	t.Helper()
	o.put(t, func(tx *store.Tx) error { return tx.PutApp(a) })
}

func actor(u souk.User) souk.Actor {
	return souk.Actor{User: u.ID, Kind: souk.PersonToken, Face: "test"}
}

// put writes rows as they are.
func (o *company) put(t *testing.T, fn func(*store.Tx) error) {
	t.Helper()
	if err := o.db.Write(t.Context(), func(*store.Tx) (store.Locks, error) { return store.Locks{}, nil }, fn); err != nil {
		t.Fatal(err)
	}
}

// fill puts ids into a path or a body that names objects in braces.
func (o *company) fill(s string) string {
	return strings.NewReplacer(
		"{acme}", o.acme.ID.String(), "{sales}", o.sales.ID.String(), "{labs}", o.labs.ID.String(), "{vendor}", o.vendor.ID.String(), "{rival}", o.rival.ID.String(),
		"{olga}", o.olga.ID.String(), "{sal}", o.sal.ID.String(), "{mo}", o.mo.ID.String(), "{bo}", o.bo.ID.String(),
		"{vic}", o.vic.ID.String(), "{rita}", o.rita.ID.String(), "{bot}", o.bot.ID.String(),
		"{deploy}", o.deploy.ID.String(), "{notes}", o.notes.ID.String(), "{legal}", o.legal.ID.String(), "{certified}", o.certified.ID.String(),
		"{guard}", o.guard.ID.String(), "{custom}", o.custom.ID.String(), "{inner}", o.inner.ID.String(),
		"{asked}", o.asked.ID.String(), "{hook}", o.hook.ID.String(), "{delivery}", o.delivery.ID.String(),
		"{notebot}", o.notebot.ID.String(), "{held}", o.held.ID.String(), "{heard}", o.heard.ID.String(),
		"{over}", o.over.String(), "{replay}", o.replay.String(), "{nothing}", souk.NewID().String(),
	).Replace(s)
}

// reply is an answer that kept to the contract.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// problem is the name of the problem that a reply is, "" for none.
func (r reply) problem() string {
	_, name, _ := strings.Cut(string(r.body), `"`+prefix+"/problems/")
	name, _, _ = strings.Cut(name, `"`)
	return name
}

// call sends a call, as somebody: the name of a token, "" for nobody, or
// operator/bo for the operator on behalf of bo.
func (o *company) call(t *testing.T, who, call, body string) reply {
	t.Helper()
	return o.send(t, o.request(t, who, call, body))
}

func (o *company) request(t *testing.T, who, call, body string) *http.Request {
	t.Helper()
	method, path, _ := strings.Cut(o.fill(call), " ")
	r, err := http.NewRequestWithContext(t.Context(), method, o.url+prefix+path, strings.NewReader(o.fill(body)))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	token, behalf, _ := strings.Cut(who, "/")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+o.tokens[token])
	}
	if behalf != "" {
		r.Header.Set(onBehalf, o.fill("{"+behalf+"}"))
	}
	return r
}

func (o *company) send(t *testing.T, r *http.Request) reply {
	t.Helper()
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(got.Body)
	if err := errors.Join(err, got.Body.Close()); err != nil {
		t.Fatal(err)
	}
	if err := published.check(r.Method, r.URL.Path, got.StatusCode, got.Header, body); err != nil {
		t.Errorf("%s %s answered %s: %v", r.Method, r.URL.Path, got.Status, err)
	}
	return reply{got.StatusCode, got.Header, body}
}

// lines is a log that the server writes while the test reads.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
