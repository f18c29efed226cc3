package zoom

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
)

// back is where apps have people sent back to.
const back = "https://app.example/back?from=souk"

// bureau is an office in which apps get tokens for themselves.
type bureau struct {
	*office
	address string                      // of the database
	client  map[string]souk.Credentials // by the name of the app
}

func eachBureau(t *testing.T, test func(t *testing.T, b *bureau)) {
	t.Helper()
	inOffice(t, func(t *testing.T, o *office, address string) {
		b := &bureau{o, address, map[string]souk.Credentials{}}
		o.write(func(tx *store.Tx) error {
			for name, app := range map[string]souk.App{"desk": o.desk, "mill": o.mill, "vat": o.vat} {
				app.RedirectURIs = []string{back}
				if err := tx.PutApp(app); err != nil {
					return err
				}
				sealed, err := tx.Credentials(app.ID)
				if err != nil {
					return err
				}
				if b.client[name], err = sealed.Open(souktest.Key); err != nil {
					return err
				}
			}
			for app, by := range map[souk.ID]souk.User{o.desk.ID: o.ada, o.vat.ID: o.gus} {
				i, err := tx.InstallationAt(app, by.Org)
				if err != nil {
					return err
				}
				g := souk.Grant{ID: souk.NewID(), User: by.ID, Installation: i.ID, Scopes: i.Scopes, Status: souk.GrantActive, CreatedAt: i.CreatedAt}
				if err := tx.PutGrant(g); err != nil {
					return err
				}
			}
			return nil
		})
		test(t, b)
	})
}

// request is a call of an address of OAuth. Whose client asks is a name, or the
// whole header.
func (b *bureau) request(path, client, body string, header ...string) *http.Request {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if c, ok := b.client[client]; ok {
		r.SetBasicAuth(c.ZoomClientID, c.ZoomClientSecret)
	} else if client != "" {
		r.Header.Set("Authorization", client)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func (b *bureau) ask(path, client, body string) answered {
	b.t.Helper()
	return b.do(b.request(path, client, body))
}

// got reads an answer that says yes.
func (b *bureau) got(a answered) (token grantAnswer) {
	b.t.Helper()
	if a.status != 200 || a.header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
		b.t.Fatalf("%d %v %s", a.status, a.header, a.body)
	}
	if err := json.Unmarshal([]byte(a.body), &token); err != nil {
		b.t.Fatal(err)
	}
	return token
}

// refused checks an answer that says no.
func (b *bureau) refused(what string, a answered, status int, word string) {
	b.t.Helper()
	var said map[string]string
	err := json.Unmarshal([]byte(a.body), &said)
	if err != nil || a.status != status || said["error"] != word || said["reason"] == "" || len(said) != 2 {
		b.t.Errorf("%s: %d %s, want %d %s", what, a.status, a.body, status, word)
	}
	if (status == 401) != (a.header.Get("WWW-Authenticate") != "") || a.header.Get("Cache-Control") != "no-store" {
		b.t.Errorf("%s: %v", what, a.header)
	}
}

// code is what an app gets when somebody agrees whom it sent to address.
func (b *bureau) code(who souk.User, address string) string {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	a := b.do(r)
	to, err := url.Parse(a.header.Get("Location"))
	if err != nil || a.status != http.StatusFound || to.Path != consentPath {
		b.t.Fatalf("sent to %q: %d %s", a.header.Get("Location"), a.status, a.body)
	}
	query := to.Query()
	app, err := souk.ParseID(query.Get("client_id"))
	if err != nil {
		b.t.Fatal(err)
	}
	// What the page asks the market when somebody says yes.
	code, err := b.m.Authorize(b.t.Context(), souk.Actor{User: who.ID, Kind: souk.ConsoleSession, Face: "test"}, market.Authorizing{
		App: app, Redirect: query.Get("redirect_uri"), Challenge: query.Get("code_challenge"),
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return code
}

// sendTo is where an app sends people, with more parameters.
func (b *bureau) sendTo(app string, more ...string) string {
	query := url.Values{"response_type": {"code"}, "client_id": {b.client[app].ZoomClientID}, "redirect_uri": {back}}
	for i := 0; i < len(more); i += 2 {
		query.Set(more[i], more[i+1])
	}
	return b.url + "/oauth/authorize?" + query.Encode()
}

func filled(pairs ...string) string {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return values.Encode()
}

// from is where calls of the market come from.
func (b *bureau) from() netip.Addr { return netip.MustParseAddr("127.0.0.1") }
