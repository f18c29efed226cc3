package zoom

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
	"souk/web"
)

// office is who the administration of apps is about: Acme, an enterprise, whose
// app desk is installed there by Ada, who owns the account, and Globex, which has
// nothing to do with Acme.
type office struct {
	t       *testing.T
	m       *market.Market
	db      *store.DB
	handler *Handler
	url     string
	log     *strings.Builder

	receiver  *httptest.Server
	hooks     []string // see badManifest
	unchanged func(string)

	secret string   // that signs for mill
	asked  []string // paths at the receiver that were asked to prove themselves

	acme, hq, globex souk.Org
	ada, bob, gus    souk.User
	desk, mill, vat  souk.App // of Acme, of Acme, of Globex
	token            map[string]string
}

// adminScopes are all that the routes of these files ask for.
func adminScopes() souk.Scopes {
	var all []string
	for _, r := range routes {
		all = append(all, r.scopes...)
	}
	return souk.NewScopes(all...)
}

// eachOffice runs a test with a fresh office on each database, and a server
// before it.
func eachOffice(t *testing.T, test func(t *testing.T, o *office)) {
	t.Helper()
	t.Parallel()
	souktest.Each(t, func(t *testing.T, db *store.DB) { test(t, newOffice(t, db)) })
}

func newOffice(t *testing.T, db *store.DB) *office {
	t.Helper()
	o := &office{t: t, db: db, log: new(strings.Builder)}
	o.receiver = httptest.NewServer(http.HandlerFunc(o.receive))
	t.Cleanup(o.receiver.Close)
	o.m = &market.Market{
		DB: db, Key: souktest.Key, Wires: map[souk.Dialect]market.Wire{souk.Zoom: Wire(posted)},
		CheckURL: func(url string) error {
			if strings.Contains(url, "blocked") {
				return errors.New("it is inside")
			}
			return nil
		},
	}
	if err := souktest.Seed(t.Context(), db, souktest.Key, o.seed); err != nil {
		t.Fatal(err)
	}
	o.handler = New(o.m, slog.New(slog.NewTextHandler(o.log, nil)), "https://souk.example", Limits{})
	mux := http.NewServeMux()
	o.handler.Routes(mux)
	server := httptest.NewServer(web.Stack(mux, web.Options{Log: slog.New(slog.DiscardHandler)}))
	t.Cleanup(server.Close)
	o.url = server.URL
	return o
}

// receive proves that it knows the secret of mill, but at addresses that say no.
func (o *office) receive(w http.ResponseWriter, r *http.Request) {
	o.asked = append(o.asked, r.URL.Path+" "+r.Header.Get("Authorization")+r.Header.Get("X-Mill"))
	var in struct{ Payload struct{ PlainToken string } }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || strings.Contains(r.URL.Path, "no") {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	fmt.Fprintf(w, `{"plainToken":%q,"encryptedToken":%q}`, in.Payload.PlainToken, encrypted(o.secret, in.Payload.PlainToken))
}

func (o *office) seed(s *souktest.Seeder) {
	o.token = map[string]string{}
	o.acme = s.Org(souk.Enterprise, souk.Org{}, "Acme")
	o.hq = s.Org(souk.Workspace, o.acme, "Acme HQ")
	o.globex = s.Org(souk.Workspace, souk.Org{}, "Globex")
	o.ada, o.bob, o.gus = s.Person(o.acme, "Ada", souk.Owner), s.Person(o.acme, "Bob", souk.Member), s.Person(o.globex, "Gus", souk.Owner)
	app := func(owner souk.Org, name string) souk.App {
		return s.App(souk.App{
			Owner: owner.ID, Name: name, Description: name + " & more.", Listing: souk.Draft, RequiredScopes: souk.NewScopes("settings"),
			Links: souk.Links{TermsOfService: "https://app.example/terms", PrivacyPolicy: "https://app.example/privacy"},
		})
	}
	o.desk, o.mill, o.vat = app(o.acme, "Desk"), app(o.acme, "Mill"), app(o.globex, "Vat")
	for _, a := range []souk.App{o.desk, o.mill, o.vat} {
		c := market.NewCredentials(a.ID)
		if s.Credentials(c); a.ID == o.mill.ID {
			o.secret = c.ZoomWebhookSecret
		}
	}
	token := func(name string, i souk.Installation, u souk.User, scopes souk.Scopes) {
		o.token[name] = s.Token(souk.Token{Kind: souk.ZoomToken, User: u.ID, Installation: i.ID, App: i.App, Org: i.Org, Scopes: scopes})
	}
	desk, vat := s.Install(o.desk, o.acme, o.ada, o.hq), s.Install(o.vat, o.globex, o.gus)
	token("ada", desk, o.ada, adminScopes())
	token("bob", desk, o.bob, adminScopes())
	token("gus", vat, o.gus, adminScopes())
	token("none", desk, o.ada, souk.NewScopes("settings"))
}

// answered is what a call was told.
type answered struct {
	status int
	body   string
	header http.Header
}

// call asks as somebody, by the name of their token; what is of an app is spelled
// by the names of apps in braces.
func (o *office) call(who, request, body string) answered {
	o.t.Helper()
	method, path, _ := strings.Cut(request, " ")
	r, err := http.NewRequestWithContext(o.t.Context(), method, o.url+"/v2"+o.fill(path), strings.NewReader(o.fill(body)))
	if err != nil {
		o.t.Fatal(err)
	}
	if who != "" {
		r.Header.Set("Authorization", "Bearer "+o.token[who])
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return o.do(r)
}

// do makes a call and follows no redirect.
func (o *office) do(r *http.Request) answered {
	o.t.Helper()
	stay := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := stay.Do(r)
	if err != nil {
		o.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	return answered{res.StatusCode, string(text), res.Header}
}

// fill spells ids by the names of apps and people.
func (o *office) fill(s string) string {
	return strings.NewReplacer(
		"{desk}", o.desk.ID.Zoom(), "{mill}", o.mill.ID.Zoom(), "{vat}", o.vat.ID.Zoom(), "{nobody}", souk.NewID().Zoom(),
		"{ada}", o.ada.ID.Zoom(), "{gus}", o.gus.ID.Zoom(),
	).Replace(s)
}

// pageByPage are the rows that ada is told of a list, in pages of some size.
func pageByPage[Page, Row any](o *office, list string, size int, open func(Page) (listing, []Row)) (all []Row) {
	o.t.Helper()
	for token := ""; ; {
		request := fmt.Sprintf("GET %s&page_size=%d&next_page_token=%s", list, size, token)
		got := o.call("ada", request, "")
		var page Page
		err := json.Unmarshal([]byte(got.body), &page)
		at, rows := open(page)
		if err != nil || got.status != 200 || at.Size != size || len(rows) > size {
			o.t.Fatalf("%s: %d %s", request, got.status, got.body)
		}
		all = append(all, rows...)
		if token = at.Next; token == "" {
			return all
		}
	}
}

// want checks an answer as a whole.
func (o *office) want(who, request, body string, status int, says string) {
	o.t.Helper()
	if got := o.call(who, request, body); got.status != status || got.body != o.fill(says) {
		o.t.Errorf("%s as %s: %d %s, want %d %s", request, who, got.status, got.body, status, o.fill(says))
	}
}

func (o *office) write(fn func(*store.Tx) error) {
	o.t.Helper()
	if err := o.db.Write(o.t.Context(), nil, fn); err != nil {
		o.t.Fatal(err)
	}
}

// walls are what calls about one app or user are told that may not be made.
func (o *office) walls(request, body string) {
	o.t.Helper()
	for _, tt := range []struct{ who, app string }{{"ada", "{vat}"}, {"ada", "{nobody}"}, {"ada", "x"}, {"gus", "{mill}"}} {
		path := strings.ReplaceAll(request, "{app}", tt.app)
		got := o.call(tt.who, path, body)
		named := strings.Split(strings.SplitN(o.fill(path), "/apps/", 2)[1], "/")[0]
		if tt.app == "{nobody}" {
			named = ""
		}
		if got.status != 404 || !strings.HasPrefix(got.body, `{"code":1401,"message":"App ID does not exist: `+named) {
			o.t.Errorf("%s as %s: %d %s", path, tt.who, got.status, got.body)
		}
	}
	mine := strings.ReplaceAll(request, "{app}", "{mill}")
	o.want("", mine, body, 401, `{"code":124,"message":"Invalid access token."}`)
	if got := o.call("none", mine, body); got.status != 401 || !strings.HasPrefix(got.body, `{"code":201,"message":"Invalid access token, does not contain scopes:[`) {
		o.t.Errorf("%s without a scope: %d %s", mine, got.status, got.body)
	}
	if got := o.call("bob", mine, body); got.status != 400 || !strings.HasPrefix(got.body, `{"code":200,`) {
		o.t.Errorf("%s without the right: %d %s", mine, got.status, got.body)
	}
}
