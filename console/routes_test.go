package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"souk"
	"souk/souktest"
	"souk/store"
)

// address is one that r answers at, with ids that name nothing.
func (r route) address() string {
	parts := strings.Split(r.path, "/")
	for i, part := range parts {
		if strings.HasPrefix(part, "{") {
			parts[i] = souk.NewID().String()
		}
	}
	return strings.Join(parts, "/")
}

// filled are the fields of r's form, each with something in it.
func (r route) filled() (fields []string) {
	for name := range strings.FieldsSeq(r.fields) {
		fields = append(fields, strings.TrimSuffix(name, "*"), "x")
	}
	return fields
}

// No page of another site does anything here in a visitor's name.
func TestForeignPosts(t *testing.T) {
	souktest.EachAddress(t, func(t *testing.T, address string) {
		db, err := store.Open(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		s := newSite(t, db, "http://souk.example", Options{Unlimited: true})
		v := s.signedIn("ada")
		unchanged := souktest.Unchanged(t, address)
		for _, header := range []http.Header{
			{"Sec-Fetch-Site": {"cross-site"}},
			{"Sec-Fetch-Site": {"same-site"}},
			{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}},
			{"Origin": {"https://evil.example"}},
			{"Origin": {"http://souk.example:8080"}},
			{"Origin": {"http://evil.souk.example"}},
			{"Origin": {"null"}},
		} {
			v.header = header
			posts := 0
			for _, r := range routes {
				if r.method == http.MethodGet {
					continue
				}
				posts++
				for _, who := range []*visitor{v, {site: s, address: v.address, header: header}} {
					who.send(r.method, r.address(), "application/x-www-form-urlencoded", strings.NewReader("")).
						is(t, http.StatusForbidden, "This came from another site")
				}
			}
			if posts < 8 {
				t.Fatalf("only %d routes were tried", posts)
			}
		}
		unchanged("by posts from other sites")
		for _, header := range []http.Header{
			{"Sec-Fetch-Site": {"same-origin"}},
			{"Origin": {"http://souk.example"}},
			{}, // no browser
		} {
			v.header = header
			for _, r := range routes {
				if r.method == http.MethodGet {
					continue
				}
				if got := v.post(r.address(), r.filled()...); strings.Contains(got.body, "another site") {
					t.Errorf("%s with %v is taken for another site's", r.name(), header)
				}
				if !v.alive() {
					v.signIn("ada")
				}
			}
		}
	})
}

// Strangers are sent to sign in before anything else is looked at, and come back
// to a page that can be shown.
func TestGuards(t *testing.T) {
	everySite(t, func(t *testing.T, s *site) {
		v := s.visitor()
		guarded := 0
		for _, r := range routes {
			if r.guard == anybody {
				continue
			}
			guarded++
			got := v.send(r.method, r.address(), "", nil)
			at, err := url.Parse(got.header.Get("Location"))
			if err != nil || got.status != got.moved() || at.Path != "/console/signin" {
				t.Errorf("%s: a stranger gets %d to %q", r.name(), got.status, got.header.Get("Location"))
				continue
			}
			next := at.Query().Get("next")
			if next != safeNext(next) {
				t.Errorf("%s: a stranger comes back to %q", r.name(), next)
			}
			if r.method == http.MethodGet && next != strings.TrimPrefix(got.of, "GET ") {
				t.Errorf("%s: a stranger comes back to %q", r.name(), next)
			}
			if back := s.signedIn("ada").get(next); back.status == http.StatusMethodNotAllowed || strings.Contains(back.body, "There is nothing here") {
				t.Errorf("%s: a stranger comes back to %s: %d", r.name(), next, back.status)
			}
		}
		if guarded < 7 {
			t.Errorf("only %d routes are guarded", guarded)
		}
		for path, next := range map[string]string{
			"/console/account/password":                                    "/console/account",
			"/console/account/tokens/" + souk.NewID().String() + "/revoke": "/console/account",
		} {
			v.post(path).leads(t, "/console/signin?"+url.Values{"next": {next}}.Encode())
		}
		v.get("/").leads(t, "/console")
	})
}

// Every answer, whatever it is, keeps browsers from framing, sniffing, keeping
// and passing on.
func TestHeaders(t *testing.T) {
	for _, base := range []string{"http://souk.example", "https://souk.example"} {
		t.Run(base, func(t *testing.T) {
			souktest.Each(t, func(t *testing.T, db *store.DB) {
				s := newSite(t, db, base, Options{Unlimited: true})
				var all []reply
				for _, v := range []*visitor{s.visitor(), s.signedIn("ada")} {
					for _, r := range routes {
						for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut} {
							all = append(all, v.send(method, r.address(), "", nil))
						}
						if !v.alive() {
							v.signIn("ada")
						}
					}
					all = append(all, v.get("/"), v.get("/console/none"), v.get("/console//account"), v.get("/apps/none"), v.get("/identity/none"), v.get("/console/static/none"), v.get(staticPath+s.console.assets.names["souk.css"]))
				}
				for _, r := range all {
					h := r.header
					directives := strings.Split(h.Get("Content-Security-Policy"), "; ")
					for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
						if !has(directives, want) {
							t.Errorf("%s: %d: the policy lacks %s: %q", r.of, r.status, want, directives)
						}
					}
					if strings.Contains(h.Get("Content-Security-Policy"), "unsafe") {
						t.Errorf("%s: %d: the policy is unsafe: %q", r.of, r.status, directives)
					}
					wanted := map[string]string{
						"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store",
						"Strict-Transport-Security": map[bool]string{true: "max-age=31536000"}[strings.HasPrefix(base, "https:")],
					}
					if strings.HasSuffix(r.of, ".css") {
						wanted["Cache-Control"], wanted["Content-Type"] = "public, max-age=31536000, immutable", "text/css; charset=utf-8"
					}
					for name, want := range wanted {
						if got := h.Get(name); got != want {
							t.Errorf("%s: %d: %s: %q, want %q", r.of, r.status, name, got, want)
						}
					}
				}
			})
		})
	}
}

func has(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// Forms are what our pages send, and nothing else.
func TestForms(t *testing.T) {
	everySite(t, func(t *testing.T, s *site) {
		const form = "application/x-www-form-urlencoded"
		v := s.signedIn("ada")
		for _, tt := range []struct {
			name, contentType, body string
			status                  int
		}{
			{"as ours", form, "kind=token&description=x&days=30", http.StatusCreated},
			{"as ours, with a charset", form + "; charset=utf-8", "kind=token&description=x&days=30", http.StatusCreated},
			{"a field too many", form, "kind=token&description=x&days=30&scopes=all", http.StatusBadRequest},
			{"a field twice", form, "kind=token&kind=platform&description=x&days=30", http.StatusBadRequest},
			{"a life of its own", form, "kind=token&description=x&days=31", http.StatusBadRequest},
			{"no life", form, "kind=token&description=x", http.StatusBadRequest},
			{"no text", form, "kind=token&description=%ff&days=30", http.StatusBadRequest},
			{"NUL", form, "kind=token&description=a%00b&days=30", http.StatusBadRequest},
			{"a broken escape", form, "kind=token&description=%zz&days=30", http.StatusBadRequest},
			{"JSON", "application/json", `{"description":"x"}`, http.StatusBadRequest},
			{"no type", "", "kind=token&description=x&days=30", http.StatusBadRequest},
			{"multipart", "multipart/form-data; boundary=x", "--x--", http.StatusBadRequest},
			{"nothing", form, "", http.StatusBadRequest},
			{"too much", form, "description=" + strings.Repeat("x", maxForm), http.StatusRequestEntityTooLarge},
			{"no description", form, "kind=token&description=&days=30", http.StatusUnprocessableEntity},
		} {
			if got := v.send(http.MethodPost, "/console/account/tokens", tt.contentType, strings.NewReader(tt.body)); got.status != tt.status {
				t.Errorf("%s: %d, want %d\n%s", tt.name, got.status, tt.status, got.body)
			}
		}
	})
}

func TestNoSuchPage(t *testing.T) {
	everySite(t, func(t *testing.T, s *site) {
		v := s.signedIn("ada")
		for _, path := range []string{"/console/", "/console/none", "/console//account", "/console/account/", "/console/./account", "/console/static/", "/console/static/souk.css", "/console/static/../account",
			"/apps/", "/apps/none", "/apps//install", "/apps/" + souk.NewID().String() + "/install/none", "/identity/", "/identity/none", "/identity//authorize", "/identity/authorize/"} {
			v.get(path).is(t, http.StatusNotFound, "There is nothing here", "Ada Virtanen")
		}
		for _, path := range []string{
			"/console/account/tokens/none/revoke", "/console/account/tokens/" + souk.NewID().String() + "/revoke",
			"/console/account/grants/none/revoke", "/console/account/grants/" + souk.NewID().String() + "/revoke",
		} {
			v.post(path).is(t, http.StatusNotFound)
		}
		got := v.get("/console/account/password").is(t, http.StatusMethodNotAllowed)
		if allow := got.header.Get("Allow"); allow != "POST" {
			t.Errorf("Allow: %q", allow)
		}
		if allow := v.send(http.MethodDelete, "/console/account", "", nil).header.Get("Allow"); allow != "GET, HEAD" {
			t.Errorf("Allow: %q", allow)
		}
	})
}

// What goes wrong inside stays there: the page has a number, the log has the
// rest.
func TestFaults(t *testing.T) {
	everySite(t, func(t *testing.T, s *site) {
		v := s.signedIn("ada")
		s.console.routes["/console/boom"] = resource{http.MethodGet: {http.MethodGet, "/console/boom", anybody, func(*Handler, *visit) (answer, error) { panic("the vase") }, ""}}
		s.serve()
		id := v.get("/console/boom").is(t, http.StatusInternalServerError, "went wrong on our side").lacks(t, "vase", "goroutine").header.Get("X-Request-Id")
		v.get("/console/boom").lacks(t, id)
		if log := s.log.String(); !strings.Contains(log, "the vase") || !strings.Contains(log, id) {
			t.Errorf("the log does not tell of the fault %s:\n%s", id, log)
		}
		if err := s.db.Close(); err != nil {
			t.Fatal(err)
		}
		got := v.get("/console").is(t, http.StatusServiceUnavailable, "not available right now").lacks(t, "sql", "database", "closed")
		if got.header.Get("Retry-After") == "" {
			t.Error("nobody is told when to come back")
		}
	})
}

func TestEveryRefusalHasAPage(t *testing.T) {
	for _, r := range souk.Refusals() {
		if p, ok := refusals[r]; !ok || p.status < 400 || p.status > 499 || p.name == "" {
			t.Errorf("refusal %q has no page", r)
		}
	}
}
