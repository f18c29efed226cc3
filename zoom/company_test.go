package zoom

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
	"souk/web"
)

// shelf are what this face's rules need besides the company of all tests: apps
// of every kind that Zoom tells apart, and groups.
const shelf = `
version: 1
users:
  mo:  {org: acme, email: mo@acme.example, first_name: Mo, alias: Momo, department: Sales, groups: [crew], memberships: [{org: sales}, {org: labs}]}
  liv: {org: acme, email: liv@acme.example, first_name: Liv, last_name: Bø, groups: [crew], memberships: [{org: labs}]}
  gil: {org: globex, email: gil@globex.example, first_name: Gil, groups: [globex-crew], memberships: [{org: globex}]}
  tor: {org: solo, email: tor@solo.example, first_name: Tor, groups: [solo-crew], memberships: [{org: solo}]}
apps:
  notes:
    owner: vendor
    name: Notes & <more>
    description: Takes notes.
    listing: listed
    is_available_to_anyone: true
    links:
      directory: https://notes.example/zoom
      documentation: https://notes.example/docs
      support: https://notes.example/help
      terms_of_service: https://notes.example/terms
      privacy_policy: https://notes.example/privacy
    bot_scopes: [chat:write, files:read]
    zoom: {app_type: Zoom App, min_client: 5.7.3, user_role: Any User, premium_events: [meeting.qos], account_types: [Pro]}
  warden:
    owner: vendor
    name: Warden
    description: For administrators.
    listing: listed
    is_available_to_anyone: true
    user_scopes: [marketplace_app:read:admin]
    zoom: {app_type: SDK OAuth App, user_role: Account Admin}
  bench:
    owner: labs
    name: Bench
    description: Made in Labs.
    zoom: {app_type: chatbot}
  secret:
    owner: globex
    name: Secret
    description: Made by Globex for itself.
  inner:
    owner: solo
    name: Inner
    description: Made by Solo for itself.
`

// base is Souk's public address in tests.
const base = "https://souk.example"

// company is souktest's with the shelf and a server in front of it.
type company struct {
	*souktest.Company
	address string // of its database
	db      *store.DB
	url     string
	log     *lines
	handed  http.Handler // what requests are handed to, where there is no server

	groups map[string]souk.ID

	mu     sync.Mutex
	tokens map[string]string // secrets by what they were made of
}

// everyCompany runs a test in a fresh company on each database.
func everyCompany(t *testing.T, test func(t *testing.T, o *company)) {
	t.Helper()
	t.Parallel()
	souktest.EachAddress(t, func(t *testing.T, address string) {
		t.Parallel()
		o := settle(t, address)
		o.url = o.serve(t, Limits{})
		test(t, o)
	})
}

// newCompany is a company on SQLite, for tests in which the database plays no
// part.
func newCompany(t *testing.T) *company {
	t.Helper()
	o := settle(t, souktest.SQLite(t))
	o.url = o.serve(t, Limits{})
	return o
}

// inTime runs a test in a fresh company in virtual time. No server is between:
// requests are handed to the handler.
func inTime(t *testing.T, limits Limits, test func(t *testing.T, o *company)) {
	t.Helper()
	address := souktest.SQLite(t)
	synctest.Test(t, func(t *testing.T) {
		o := settle(t, address)
		o.handed = o.stack(limits)
		test(t, o)
	})
}

// settle is a company that nobody answers for.
func settle(t *testing.T, address string) *company {
	t.Helper()
	db, err := store.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	o := &company{Company: souktest.World(t, db, nil), address: address, db: db, log: new(lines), tokens: map[string]string{}}
	o.Apply(shelf)
	o.groups = map[string]souk.ID{}
	for name, org := range crews {
		o.write(t, func(tx *store.Tx) error {
			g, err := tx.GroupByName(o.ID("orgs."+org), name)
			o.groups["groups."+name] = g.ID
			return err
		})
	}
	return o
}

// testLog writes to the company's log.
func testLog(o *company) *slog.Logger { return slog.New(slog.NewJSONHandler(o.log, nil)) }

func (o *company) stack(limits Limits) http.Handler {
	mux := http.NewServeMux()
	New(o.Market, testLog(o), base+"/", limits).Routes(mux)
	return web.Stack(web.Exact(mux, "/v2/"), web.Options{
		Log: slog.New(slog.DiscardHandler), TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	})
}

// serve starts a server and answers its address.
func (o *company) serve(t *testing.T, limits Limits) string {
	t.Helper()
	s := httptest.NewServer(o.stack(limits))
	t.Cleanup(s.Close)
	return s.URL
}

// write changes the company behind the market's back.
func (o *company) write(t *testing.T, fn func(*store.Tx) error) {
	t.Helper()
	err := o.db.Write(t.Context(), func(*store.Tx) (store.Locks, error) { return store.Locks{}, nil }, fn)
	if err != nil {
		t.Fatal(err)
	}
}

// The scopes of whoever administers apps, and of whoever does not.
var (
	allScopes = []string{"marketplace_app:read:admin", "marketplace_app:write:admin"}
	ownScopes = []string{"marketplace_app:read"}
)

// accounts are the installations by which people of an account call.
var accounts = map[string]string{"acme": "console@acme", "globex": "console@globex", "solo": "console@solo"}

// homes are the accounts of people; everybody else is at home at acme.
var homes = map[string]string{"gus": "globex", "pat": "globex", "gil": "globex", "solveig": "solo", "nils": "solo", "tor": "solo"}

// mint makes a token of a kind that speaks for a user of the company.
func (o *company) mint(t *testing.T, kind souk.TokenKind, user string, scopes ...string) string {
	t.Helper()
	account := homes[user]
	if account == "" {
		account = "acme"
	}
	key := string(kind) + user + strings.Join(scopes, " ")
	o.mu.Lock()
	defer o.mu.Unlock()
	if secret, ok := o.tokens[key]; ok {
		return secret
	}
	made := souk.Token{
		ID: souk.NewID(), Kind: kind, User: o.ID("users." + user), Installation: o.ID("installations." + accounts[account]),
		App: o.ID("apps.console"), Org: o.ID("orgs." + account), Scopes: souk.NewScopes(scopes...), CreatedAt: time.Now().UTC(),
	}
	secret := market.NewSecret(kind)
	made.Hash = souktest.Key.Hash(secret)
	o.write(t, func(tx *store.Tx) error { return tx.PutToken(made) })
	o.tokens[key] = secret
	return secret
}

// admin is a token with all scopes of administrators.
func (o *company) admin(t *testing.T, user string) string {
	t.Helper()
	return o.mint(t, souk.ZoomToken, user, allScopes...)
}

// place finds {section.key} in a call.
var place = regexp.MustCompile(`\{(\w+\.[\w@-]+)\}`)

// at puts Zoom's ids of the company's objects into a text.
func (o *company) at(text string) string {
	return place.ReplaceAllStringFunc(text, func(m string) string { return o.id(strings.Trim(m, "{}")).Zoom() })
}

// id is that of an object, groups included.
func (o *company) id(place string) souk.ID {
	if id, ok := o.groups[place]; ok {
		return id
	}
	return o.ID(place)
}

// crews are the groups of the shelf and where they are.
var crews = map[string]string{"crew": "acme", "globex-crew": "globex", "solo-crew": "solo"}

// reply is an answer.
type reply struct {
	status int
	code   int // of a problem
	text   string
	header http.Header
	body   map[string]any
}

// call makes a call such as "GET /marketplace/apps?type=public" with a token.
func (o *company) call(t *testing.T, token, call, body string) reply {
	t.Helper()
	method, path, _ := strings.Cut(o.at(call), " ")
	if !strings.HasPrefix(path, "/v2/") && !strings.HasPrefix(path, "/oauth/") {
		path = "/v2" + path
	}
	r, err := http.NewRequestWithContext(t.Context(), method, o.url+path, strings.NewReader(o.at(body)))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return o.send(t, r)
}

func (o *company) send(t *testing.T, r *http.Request) reply {
	t.Helper()
	var answer *http.Response
	if o.handed != nil {
		w := httptest.NewRecorder()
		r.RemoteAddr = "192.0.2.1:1234"
		o.handed.ServeHTTP(w, r)
		answer = w.Result()
	} else {
		var err error
		if answer, err = http.DefaultClient.Do(r); err != nil {
			t.Fatal(err)
		}
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := reply{status: answer.StatusCode, text: string(raw), header: answer.Header}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &got.body); err != nil {
			t.Fatalf("%s %s: %v: %s", r.Method, r.URL.Path, err, raw)
		}
		if code, ok := got.body["code"].(float64); ok {
			got.code = int(code)
		}
	}
	return got
}

// ok makes a call that has to answer with a status.
func (o *company) ok(t *testing.T, status int, token, call, body string) reply {
	t.Helper()
	got := o.call(t, token, call, body)
	if got.status != status {
		t.Fatalf("%s %s: %d %s, want %d", call, body, got.status, got.text, status)
	}
	return got
}

// asks files a request of a user's for an app at an org, natively.
func (o *company) asks(t *testing.T, user, app, at string) souk.Request {
	t.Helper()
	asked, err := o.Market.RequestApp(t.Context(), o.As(user), market.Asking{App: o.ID("apps." + app), At: o.ID("orgs." + at), Reason: "because"})
	if err != nil {
		t.Fatal(err)
	}
	if asked.Request.ID.IsZero() {
		t.Fatalf("no request: %s", asked.Verdict)
	}
	return asked.Request
}

// lines is a log that servers may write to while a test reads it.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
