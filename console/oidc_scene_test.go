package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"souk"
	"souk/console"
	"souk/market"
	"souk/souktest"
	"souk/souktest/oidc"
	"souk/store"
	"souk/web"
)

// The hosts of a scene.
const (
	consoleAt  = "http://souk.example"
	providerAt = "http://id.example"
)

// scene is a console whose operator has an OpenID provider, and both their hosts
// on a network in memory, so that virtual time covers them.
//
// Ann and Cat stand under the root one, Bob under one and two, Gil was deactivated.
type scene struct {
	t        *testing.T
	m        *market.Market
	db       *store.DB
	provider *oidc.Provider
	handler  *console.Handler
	network  *http.Transport
	log      *lines
	users    map[string]souk.ID
	trips    []string // cookies of trips that were handed out
}

var theClient = oidc.Client{ID: "souk", Secret: "correct-horse-battery-staple", Redirect: consoleAt + "/console/signin/oidc/callback"}

// eachScene runs test in a scene of its own on both engines, in virtual time. In
// the end nothing secret may be in the log.
func eachScene(t *testing.T, client oidc.Client, o console.Options, test func(*testing.T, *scene)) {
	t.Helper()
	souktest.EachAddress(t, func(t *testing.T, address string) {
		synctest.Test(t, func(t *testing.T) {
			s := newScene(t, address, client, o)
			defer s.close()
			test(t, s)
			s.keepsSecrets()
		})
	})
}

func newScene(t *testing.T, address string, client oidc.Client, o console.Options) *scene {
	t.Helper()
	db, err := store.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{
		t: t, db: db, m: &market.Market{DB: db, Key: souk.NewKey([souk.KeySize]byte{3})},
		log: &lines{}, users: map[string]souk.ID{},
	}
	s.people()
	s.start(client, o)
	return s
}

// start has the console and the provider begin anew, over the same database.
func (s *scene) start(client oidc.Client, o console.Options) {
	s.t.Helper()
	if s.network != nil {
		s.network.CloseIdleConnections()
		s.keepsSecrets()
	}
	s.provider = oidc.New(providerAt, client)
	log := slog.New(web.WithRequestID(slog.NewJSONHandler(s.log, nil)))
	o.OpenID = console.OpenID{Issuer: providerAt, ClientID: client.ID, Secret: client.Secret, Name: "Example ID"}
	s.handler = console.New(s.m, log, consoleAt, o)
	mux := http.NewServeMux()
	s.handler.Routes(mux)
	pages := web.Stack(mux, web.Options{Log: log})
	s.network = connect(s.t, func(w http.ResponseWriter, r *http.Request) {
		if "http://"+r.Host == providerAt {
			s.provider.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
	s.handler.AskProviderBy(s.network)
}

func (s *scene) people() {
	at := time.Now().UTC().Truncate(time.Microsecond)
	err := s.db.Write(s.t.Context(), nil, func(tx *store.Tx) error {
		roots := map[string]souk.ID{}
		for _, name := range []string{"one", "two"} {
			o := souk.Org{ID: souk.NewID(), Kind: souk.Workspace, Name: name, Entitlements: souk.DefaultEntitlements, Switches: souk.DefaultSwitches, CreatedAt: at}
			if err := tx.PutOrg(o); err != nil {
				return err
			}
			roots[name] = o.ID
		}
		for _, p := range []struct{ key, email, root string }{
			{"ann", "ann@one.example", "one"}, {"cat", "cat@one.example", "one"}, {"bob", "bob@both.example", "one"}, {"bob2", "bob@both.example", "two"}, {"gil", "gil@one.example", "one"},
		} {
			u := souk.User{ID: souk.NewID(), Org: roots[p.root], Email: p.email, FirstName: p.key, CreatedAt: at}
			if p.key == "gil" {
				u.DeactivatedAt = at
			}
			s.users[p.key] = u.ID
			if err := tx.PutUser(u, u.Org); err != nil {
				return err
			}
			if err := tx.PutMembership(souk.Membership{User: u.ID, Org: u.Org, Role: souk.Member, CreatedAt: at}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) close() {
	s.network.CloseIdleConnections()
	if err := s.db.Close(); err != nil {
		s.t.Error(err)
	}
}

// be makes the provider vouch for somebody, and otherwise act as told.
func (s *scene) be(who oidc.Person, b oidc.Behaviour) {
	b.Person = who
	s.provider.Be(b)
}

// keepsSecrets fails when the log tells anything that went between the browsers,
// the provider and Souk.
func (s *scene) keepsSecrets() {
	s.t.Helper()
	text := s.log.String()
	for _, secret := range append(s.provider.Secrets(), s.trips...) {
		if strings.Contains(text, secret) || strings.Contains(text, url.QueryEscape(secret)) {
			s.t.Errorf("the log tells %q", secret)
		}
	}
}

// visitor is somebody's browser, with cookies of its own. It follows nothing.
type visitor struct {
	*scene
	client *http.Client
}

func (s *scene) browser() *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &visitor{s, &http.Client{Transport: s.network, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// page is what a browser got.
type page struct {
	status int
	to     string // of a redirect
	body   string
	set    map[string]*http.Cookie
	header http.Header
}

func (b *visitor) get(address string) page {
	b.t.Helper()
	answer, err := b.client.Get(b.at(address))
	return b.page(answer, err)
}

func (b *visitor) post(path string, form url.Values) page {
	b.t.Helper()
	answer, err := b.client.PostForm(b.at(path), form)
	return b.page(answer, err)
}

func (*visitor) at(address string) string {
	if strings.HasPrefix(address, "/") {
		return consoleAt + address
	}
	return address
}

func (b *visitor) page(answer *http.Response, err error) page {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	p := page{answer.StatusCode, answer.Header.Get("Location"), string(body), map[string]*http.Cookie{}, answer.Header}
	for _, c := range answer.Cookies() {
		p.set[c.Name] = c
		if c.Name == "souk_oidc" && c.Value != "" {
			b.trips = append(b.trips, c.Value)
		}
	}
	return p
}

// away is where the provider is to be asked, for somebody who wants to go on at
// next.
func (b *visitor) away(next string) string {
	b.t.Helper()
	p := b.get("/console/signin/oidc?" + url.Values{"next": {next}}.Encode())
	if p.status != http.StatusFound || !strings.HasPrefix(p.to, providerAt) {
		b.t.Fatalf("the way to the provider: %d %q", p.status, p.to)
	}
	return p.to
}

// back is where the provider sends somebody back to.
func (b *visitor) back(next string) string {
	b.t.Helper()
	p := b.get(b.away(next))
	if p.status != http.StatusFound || !strings.HasPrefix(p.to, consoleAt) {
		b.t.Fatalf("the way back from the provider: %d %q %s", p.status, p.to, p.body)
	}
	return p.to
}

// user is who is signed in; the zero ID for nobody.
func (b *visitor) user() souk.ID {
	b.t.Helper()
	at, err := url.Parse(consoleAt)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range b.client.Jar.Cookies(at) {
		if c.Name == "souk_session" {
			caller, err := b.m.Authenticate(context.Background(), c.Value, "test", netip.Addr{})
			if err != nil {
				b.t.Fatalf("the session's cookie: %v", err)
			}
			return caller.Actor.User
		}
	}
	return souk.ID{}
}

// refused fails unless the last page was refused so, and nobody signed in.
func (b *visitor) refused(what string, p page, status int, name string) {
	b.t.Helper()
	if got := b.log.last("refused"); p.status != status || got != name {
		b.t.Errorf("%s: %d %q, want %d %q", what, p.status, got, status, name)
	}
	if user := b.user(); !user.IsZero() {
		b.t.Errorf("%s: %s is signed in", what, user)
	}
}

// lines are a log in memory.
type lines struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

// last is what the last access line says about key, if anything. The line is
// written after the answer, so it waits until all is quiet.
func (l *lines) last(key string) string {
	synctest.Wait()
	for _, line := range slices.Backward(strings.Split(strings.TrimSpace(l.String()), "\n")) {
		var fields map[string]any
		if json.Unmarshal([]byte(line), &fields) == nil && fields["msg"] == "request" {
			text, _ := fields[key].(string)
			return text
		}
	}
	return ""
}

// connect serves h under every name, and is the way there.
func connect(t *testing.T, h http.HandlerFunc) *http.Transport {
	t.Helper()
	w := souktest.NewWire()
	server := &http.Server{Handler: h}
	served := make(chan error, 1)
	go func() { served <- server.Serve(w) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != http.ErrServerClosed {
			t.Error(err)
		}
	})
	return &http.Transport{DialContext: w.Dial}
}

var discard = slog.New(slog.DiscardHandler)

// must fails the test on an error and passes the value on.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// hidden is the value of a page's first hidden field of that name.
func hidden(t *testing.T, body, name string) string {
	t.Helper()
	_, rest, found := strings.Cut(body, `name="`+name+`" value="`)
	value, _, ended := strings.Cut(rest, `"`)
	if !found || !ended {
		t.Fatalf("the page has no field %s:\n%s", name, body)
	}
	return html.UnescapeString(value)
}
