package console

import (
	"bytes"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
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

// password is that of everybody at the company.
const password = "correct horse battery"

var passwordHash = sync.OnceValue(func() string { return market.HashPassword(password) })

// site is the console of a company. When its test is over, its log must hold no
// secret that passed through.
type site struct {
	*souktest.Company
	t       *testing.T
	db      *store.DB
	console *Handler
	handler http.Handler
	base    string
	log     *lines
	secrets []string
}

// everySite runs a test on a site of its own on each database.
func everySite(t *testing.T, test func(t *testing.T, s *site)) {
	t.Helper()
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		test(t, newSite(t, db, "http://souk.example", Options{Unlimited: true}))
	})
}

func newSite(t *testing.T, db *store.DB, base string, o Options) *site {
	t.Helper()
	s := &site{Company: souktest.World(t, db, nil), t: t, db: db, base: base, log: new(lines)}
	s.record(func(tx *store.Tx) error {
		for _, name := range []string{"olga", "ada", "bo", "vic", "gus", "solveig"} {
			if err := tx.PutPassword(s.ID("users."+name), passwordHash(), time.Now()); err != nil {
				return err
			}
		}
		return nil
	})
	log := slog.New(slog.NewJSONHandler(s.log, nil))
	s.console = New(s.Market, log, base, o)
	s.serve()
	t.Cleanup(func() {
		for _, secret := range s.secrets {
			if strings.Contains(s.log.String(), secret) {
				t.Errorf("the log holds the secret %q", secret)
			}
		}
	})
	return s
}

// serve routes the console's pages, also those that a test has added.
func (s *site) serve() {
	mux := http.NewServeMux()
	s.console.Routes(mux)
	s.handler = web.Stack(web.Exact(mux, "/console/", "/apps/", "/identity/"), web.Options{Log: s.console.log})
}

func (s *site) record(fn func(tx *store.Tx) error) {
	s.t.Helper()
	if err := s.db.Record(s.t.Context(), fn); err != nil {
		s.t.Fatal(err)
	}
}

// makeOperator makes somebody of the company an operator.
func (s *site) makeOperator(name string) {
	s.t.Helper()
	s.record(func(tx *store.Tx) error {
		u, err := tx.User(s.ID("users." + name))
		if err != nil {
			return err
		}
		org, err := tx.Org(u.Org)
		if err != nil {
			return err
		}
		u.Operator = true
		return tx.PutUser(u, org.Root())
	})
}

// keep says that a text must not come into the log.
func (s *site) keep(secret string) {
	if secret != "" && !slices.Contains(s.secrets, secret) {
		s.secrets = append(s.secrets, secret)
	}
}

// visitor is somebody's browser: it keeps cookies and follows nothing.
type visitor struct {
	*site
	address string
	cookies map[string]string
	header  http.Header // of every request
}

func (s *site) visitor() *visitor {
	return &visitor{s, "198.51.100.7:4711", map[string]string{}, http.Header{
		"User-Agent":     {"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
		"Sec-Fetch-Site": {"same-origin"},
	}}
}

// signedIn is a visitor who has signed in.
func (s *site) signedIn(name string) *visitor {
	s.t.Helper()
	v := s.visitor()
	v.signIn(name).leads(s.t, "/console")
	return v
}

func (v *visitor) signIn(name string) reply {
	v.t.Helper()
	u, err := v.user(name)
	if err != nil {
		v.t.Fatal(err)
	}
	return v.post("/console/signin", "email", u.Email, "password", password)
}

func (s *site) user(name string) (u souk.User, err error) {
	err = s.db.Read(s.t.Context(), func(tx *store.Tx) (err error) {
		u, err = tx.User(s.ID("users." + name))
		return err
	})
	return u, err
}

func (v *visitor) get(path string) reply {
	v.t.Helper()
	return v.send(http.MethodGet, path, "", nil)
}

// post sends a form of pairs of a field and its value.
func (v *visitor) post(path string, fields ...string) reply {
	v.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
		switch fields[i] {
		case "password", "old", "code", "ticket":
			v.keep(fields[i+1])
		}
	}
	return v.send(http.MethodPost, path, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
}

func (v *visitor) send(method, path, contentType string, body io.Reader) reply {
	v.t.Helper()
	r := httptest.NewRequestWithContext(v.t.Context(), method, v.base+path, body)
	r.RemoteAddr = v.address
	for name, values := range v.header {
		r.Header[name] = values
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for name, value := range v.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
		if name != doneCookieName {
			v.keep(value)
		}
	}
	w := httptest.NewRecorder()
	v.handler.ServeHTTP(w, r)
	answer := w.Result()
	for _, c := range answer.Cookies() {
		if c.Name != doneCookieName {
			v.keep(c.Value)
		}
		if v.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(v.cookies, c.Name)
		}
	}
	return reply{method + " " + path, answer.StatusCode, answer.Header, w.Body.String(), answer.Cookies()}
}

// session is the secret of the visitor's session, "" for none.
func (v *visitor) session() string { return v.cookies[v.console.cookieName(sessionCookieName)] }

// alive reports whether the visitor is signed in.
func (v *visitor) alive() bool {
	v.t.Helper()
	return v.get("/console").status == http.StatusOK
}

// reply is what a visitor got.
type reply struct {
	of      string
	status  int
	header  http.Header
	body    string
	cookies []*http.Cookie
}

// is fails unless the reply has the status and its page says the texts, as
// people read them.
func (r reply) is(t *testing.T, status int, texts ...string) reply {
	t.Helper()
	if r.status != status {
		t.Fatalf("%s: %d %s, want %d\n%s", r.of, r.status, r.header.Get("Location"), status, r.body)
	}
	for _, text := range texts {
		if !strings.Contains(html.UnescapeString(r.body), text) {
			t.Errorf("%s: the page does not say %q:\n%s", r.of, text, r.body)
		}
	}
	return r
}

// leads fails unless the reply sends the visitor to location.
func (r reply) leads(t *testing.T, location string) reply {
	t.Helper()
	if at := r.header.Get("Location"); r.status != r.moved() || at != location {
		t.Fatalf("%s: %d to %q, want %d to %q\n%s", r.of, r.status, at, r.moved(), location, r.body)
	}
	return r
}

// moved is the status by which a redirect answers what the reply answers.
func (r reply) moved() int {
	if method, _, _ := strings.Cut(r.of, " "); method == http.MethodGet || method == http.MethodHead {
		return http.StatusFound
	}
	return http.StatusSeeOther
}

// leadsDone fails unless the reply sends the visitor to location, with a cookie
// that has the page there say what was done.
func (r reply) leadsDone(t *testing.T, location, what string) reply {
	t.Helper()
	r.leads(t, location)
	for _, c := range r.cookies {
		if strings.HasSuffix(c.Name, doneCookieName) && c.Value == what && c.HttpOnly && c.MaxAge == int(doneLife.Seconds()) {
			return r
		}
	}
	t.Errorf("%s: the next page is not to say %q: %v", r.of, what, r.cookies)
	return r
}

// lacks fails if the page says one of the texts.
func (r reply) lacks(t *testing.T, texts ...string) reply {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(html.UnescapeString(r.body), text) {
			t.Errorf("%s: the page says %q:\n%s", r.of, text, r.body)
		}
	}
	return r
}

// value is what a page's hidden field of that name holds.
func (r reply) value(t *testing.T, name string) string {
	t.Helper()
	return r.between(t, `name="`+name+`" value="`, `"`)
}

// between is what stands between two texts of the page, the first time.
func (r reply) between(t *testing.T, before, after string) string {
	t.Helper()
	_, rest, ok := strings.Cut(r.body, before)
	text, _, closed := strings.Cut(rest, after)
	if !ok || !closed {
		t.Fatalf("%s: nothing between %q and %q:\n%s", r.of, before, after, r.body)
	}
	return html.UnescapeString(text)
}

// lines is a log that may be read while it is written.
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
