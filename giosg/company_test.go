package giosg

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
	"souk/web"
)

// neighbours are who giosg's rules need besides the company of all tests: a mall
// with a shop, which has installed an app that it owns, and with a workspace
// whose subscription has lapsed.
const neighbours = `
version: 1
orgs:
  mall:   {kind: enterprise, name: Mall}
  shop:   {kind: workspace, enterprise: mall, name: Shop, policy: open}
  lapsed: {kind: workspace, enterprise: mall, name: Lapsed, entitlements: {has_active_subscription: false}}
users:
  sam:  {org: shop, email: sam@shop.example, first_name: Sam, last_name: Ström, memberships: [{org: shop, role: owner}]}
  kim:  {org: shop, email: kim@shop.example, first_name: Kim, alias: K, memberships: [{org: shop, permissions: [settings]}, {org: lapsed}]}
  gone: {org: shop, email: gone@shop.example, first_name: Gone, memberships: [{org: shop}]}
  lars: {org: lapsed, email: lars@lapsed.example, first_name: Lars, memberships: [{org: lapsed, role: owner}, {org: shop}]}
apps:
  clerk:
    owner: shop
    name: Clerk
    description: Answers.
    is_app_user_required: true
    app_user: {first_name: Shop, last_name: Clerk}
    required_scopes: [settings]
    credentials: {giosg: {secret: "0123456789abcdef0123456789abcdef01234567"}}
installations:
  clerk@shop: {app: clerk, org: shop, installed_by: sam}
tokens:
  sam:     {kind: token, user: sam, token: souk-company-token-sam}
  kim:     {kind: token, user: kim, token: souk-company-token-kim}
  gone:    {kind: token, user: gone, token: souk-company-token-gone}
  lars:    {kind: token, user: lars, token: souk-company-token-lars}
  expired: {kind: token, user: sam, token: souk-company-token-expired, died: expired}
`

// base is Souk's public address in tests.
const base = "https://souk.example"

// company is souktest's with the neighbours and a server in front of it.
type company struct {
	*souktest.Company
	db  *store.DB
	url string
	log *lines

	handed http.Handler // what requests are handed to, where there is no server
}

// everyCompany runs a test in a fresh company on each database, beside other
// tests: much of their time is waiting for a database to be made. extra are
// routes that only the test has.
func everyCompany(t *testing.T, extra []route, test func(t *testing.T, o *company)) {
	t.Helper()
	t.Parallel()
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		t.Parallel()
		test(t, newCompany(t, db, extra))
	})
}

// everyTime runs a test in a fresh company on each database, in virtual time. No
// server is between: requests are handed to the handler.
func everyTime(t *testing.T, test func(t *testing.T, o *company)) {
	t.Helper()
	t.Parallel()
	souktest.EachAddress(t, func(t *testing.T, address string) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			db, err := store.Open(t.Context(), address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
			o := settle(t, db)
			o.handed = o.stack(o.handler(o.Market, Limits{}), nil)
			test(t, o)
		})
	})
}

// newCompany is the company in an empty database.
func newCompany(t *testing.T, db *store.DB, extra []route) *company {
	t.Helper()
	o := settle(t, db)
	o.url = o.serve(t, o.handler(o.Market, Limits{}), extra)
	return o
}

// settle is the company without anybody who answers for it.
func settle(t *testing.T, db *store.DB) *company {
	t.Helper()
	wires := map[souk.Dialect]market.Wire{souk.Giosg: Wire(souktest.Key, base)}
	o := &company{Company: souktest.World(t, db, wires), db: db, log: new(lines)}
	o.Apply(neighbours)
	return o
}

func (o *company) handler(m *market.Market, limits Limits) *Handler {
	return New(m, slog.New(slog.NewJSONHandler(o.log, nil)), base+"/", limits)
}

// serve starts a server for a handler and answers its address.
func (o *company) serve(t *testing.T, h *Handler, extra []route) string {
	t.Helper()
	s := httptest.NewServer(o.stack(h, extra))
	t.Cleanup(s.Close)
	return s.URL
}

// stack is what a server answers with.
func (o *company) stack(h *Handler, extra []route) http.Handler {
	mux := http.NewServeMux()
	if extra == nil {
		h.Routes(mux)
	} else {
		h.mount(mux, append(extra, routes...))
	}
	return web.Stack(mux, web.Options{Log: h.log})
}

// with is the same company behind another handler.
func (o *company) with(t *testing.T, m *market.Market, limits Limits, extra []route) *company {
	t.Helper()
	other := *o
	other.url = o.serve(t, o.handler(m, limits), extra)
	return &other
}

var place = regexp.MustCompile(`\{[a-z]+\.[a-z@-]+\}`)

// fill puts ids into a text that names objects of the company in braces, such as
// {orgs.shop}; {nothing} is an id that nothing has.
func (o *company) fill(s string) string {
	s = strings.ReplaceAll(s, "{nothing}", souk.NewID().String())
	return place.ReplaceAllStringFunc(s, func(name string) string { return o.ID(name[1 : len(name)-1]).String() })
}

// request makes a call such as "GET /orgs/{orgs.shop}/owned_apps" by whoever
// holds a token of the company; "" is nobody.
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
	if who != "" {
		r.Header.Set("Authorization", "Token "+o.Token(who))
	}
	return r
}

// reply is what came back.
type reply struct {
	status int
	header http.Header
	body   string
	closed bool // the connection
}

func (o *company) send(t *testing.T, r *http.Request) reply {
	t.Helper()
	if o.handed != nil {
		w := httptest.NewRecorder()
		o.handed.ServeHTTP(w, r)
		return reply{w.Code, w.Header(), w.Body.String(), false}
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	got, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(got.Body)
	if err := errors.Join(err, got.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return reply{got.StatusCode, got.Header, string(body), got.Close}
}

func (o *company) call(t *testing.T, who, call, body string) reply {
	t.Helper()
	return o.send(t, o.request(t, who, call, body))
}

// into reads a reply that must have a status.
func into[T any](t *testing.T, r reply, status int) (v T) {
	t.Helper()
	if r.status != status {
		t.Fatalf("%d %s, want %d", r.status, r.body, status)
	}
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		t.Fatalf("%s: %v", r.body, err)
	}
	return v
}

// detailText is the detail that a text is, as it is sent.
func detailText(text string) string { return `{"detail":"` + text + `"}` }

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

// take is what was written since the last time.
func (l *lines) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.b.Reset()
	return l.b.String()
}
