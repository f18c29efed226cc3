package zoom

import (
	"encoding/base64"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

var tracked = regexp.MustCompile(`^v=2\.0;clid=souk;rid=WEB_[0-9a-f]{32}$`)

// refusedWith fails the test unless an answer is that problem and nothing else.
func refusedWith(t *testing.T, what string, got reply, want refusal, field string) {
	t.Helper()
	if got.status != want.status || got.code != want.code || got.body["message"] != want.message {
		t.Errorf("%s: %d %s, want %d/%d %s", what, got.status, got.text, want.status, want.code, want.message)
		return
	}
	if field == "" && got.body["errors"] != nil || !tracked.MatchString(got.header.Get("X-Zm-Trackingid")) {
		t.Errorf("%s: %s %v", what, got.text, got.header)
	}
	if field != "" {
		if named := got.list("errors", "field"); len(named) != 1 || named[0] != field || got.list("errors", "message")[0] == "" {
			t.Errorf("%s: %s, want an error of %s", what, got.text, field)
		}
	}
}

func TestWhoMayCall(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		suspended, dead := o.mint(t, "zoom", "olga", allScopes...), o.mint(t, "zoom", "liv", allScopes...)
		o.write(t, func(tx *store.Tx) error {
			k, err := tx.TokenByHash(souktest.Key.Hash(dead))
			k.RevokedAt = time.Now().UTC()
			if err == nil {
				err = tx.PutToken(k)
			}
			return err
		})
		const call = "GET /marketplace/apps"
		noScopes := func(scopes string) refusal {
			return refusal{401, 201, "Invalid access token, does not contain scopes:[" + scopes + "]."}
		}
		for _, tt := range []struct {
			what, token, call string
			want              refusal
		}{
			{"no token", "", call, invalidToken},
			{"an unknown one", "souk-nothing", call, invalidToken},
			{"a revoked one", dead, call, invalidToken},
			{"a person's", o.Token("ada"), call, invalidToken},
			{"Slack's", o.Token("ada-admin"), call, invalidToken},
			{"the platform's", o.Token("host"), call, invalidToken},
			{"an app's", o.mint(t, souk.AppToken, "ada", allScopes...), call, invalidToken},
			{"without scopes", o.mint(t, "zoom", "ada"), call, noScopes("marketplace_app:read:admin, marketplace:read:list_apps:admin")},
			{"one's own", o.mint(t, "zoom", "ada", ownScopes...), call, noScopes("marketplace_app:read:admin, marketplace:read:list_apps:admin")},
			{"of a member", o.admin(t, "bo"), call, refusals[souk.NotAllowed]},
			{"of who decides below", o.admin(t, "sue"), call, refusals[souk.NotAllowed]},
			{"no such address", suspended, "GET /marketplace", noSuchEndpoint},
			{"no such address for strangers", "", "GET /users/me", noSuchEndpoint},
			{"an address that is not clean", suspended, "GET /marketplace//apps", noSuchEndpoint},
			{"a wrong method", suspended, "DELETE /marketplace/apps/{apps.notes}/requests", wrongMethod},
			{"none of ours", suspended, "BREW /marketplace/apps", wrongMethod},
		} {
			refusedWith(t, tt.what, o.call(t, tt.token, tt.call, ""), tt.want, "")
		}
		if got := o.call(t, "", "DELETE /marketplace/apps/{apps.notes}/requests", ""); got.header.Get("Allow") != "GET, POST, PATCH, HEAD" {
			t.Errorf("allows %q", got.header.Get("Allow"))
		}
		for _, scope := range []string{"marketplace_app:read:admin", "marketplace:read:list_apps:admin"} {
			if got := o.ok(t, 200, o.mint(t, "zoom", "ada", scope), call, ""); !tracked.MatchString(got.header.Get("X-Zm-Trackingid")) {
				t.Errorf("%v", got.header)
			}
		}
		if got := o.ok(t, 200, suspended, "HEAD /marketplace/apps", ""); got.text != "" {
			t.Errorf("HEAD: %s", got.text)
		}

		// Nothing but one header carries a token.
		for what, change := range map[string]func(*http.Request){
			"in the query":     func(r *http.Request) { r.URL.RawQuery = "access_token=" + suspended },
			"without a scheme": func(r *http.Request) { r.Header.Set("Authorization", suspended) },
			"as Basic":         func(r *http.Request) { r.SetBasicAuth(suspended, "") },
			"twice": func(r *http.Request) {
				r.Header["Authorization"] = []string{"Bearer " + suspended, "Bearer " + suspended}
			},
		} {
			r, err := http.NewRequest("GET", o.url+"/v2/marketplace/apps", nil)
			if err != nil {
				t.Fatal(err)
			}
			change(r)
			refusedWith(t, what, o.send(t, r), invalidToken, "")
		}
	})
}

func TestBodies(t *testing.T) {
	o := newCompany(t)
	ada := o.admin(t, "ada")
	check := souktest.Unchanged(t, o.address)
	send := func(body io.Reader, kind string) reply {
		r, err := http.NewRequest("PATCH", o.at(o.url+"/v2/marketplace/apps/{apps.notes}/requests"), body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+ada)
		if kind != "" {
			r.Header.Set("Content-Type", kind)
		}
		return o.send(t, r)
	}
	const json = "application/json"
	for _, tt := range []struct {
		body, kind string
		want       refusal
		field      string
	}{
		{"", json, malformedBody, ""},
		{"", "", malformedBody, ""},
		{"{", json, malformedBody, ""},
		{"[]", json, malformedBody, ""},
		{"null", json, malformedBody, ""},
		{`"approve_all"`, json, malformedBody, ""},
		{`{"action":"approve_all"} {}`, json, malformedBody, ""},
		{"{\"action\":\"approve_all\xff\"}", json, malformedBody, ""},
		{`{"action":"approve_all\u0000"}`, json, malformedBody, ""},
		{`{"action":"approve_all\ud800"}`, json, malformedBody, ""},
		{`{"action":"approve_all"}`, "", wrongBodyType, ""},
		{`{"action":"approve_all"}`, "text/plain", wrongBodyType, ""},
		{`{"action":"approve_all"}`, "application/json; charset=utf-16", wrongBodyType, ""},
		{`{"action":1}`, json, invalidInput, "action"},
		{`{"action":null}`, json, invalidInput, "action"},
		{`{"action":"approve","request_user_ids":"x"}`, json, invalidInput, "request_user_ids"},
		{`{"action":"approve_all` + strings.Repeat(" ", 1<<20) + `"}`, json, oversizedBody, ""},
	} {
		what := tt.body[:min(60, len(tt.body))] + " as " + tt.kind
		refusedWith(t, what, send(strings.NewReader(tt.body), tt.kind), tt.want, tt.field)
	}
	check("a bad body")
	if got := send(strings.NewReader(`{"action":"decline_all","tomorrow":{"is":["unknown"]}}`), "application/json; charset=UTF-8"); got.status != 204 || got.text != "" {
		t.Errorf("a good one: %d %s", got.status, got.text)
	}
}

// pages follows next_page_token to the end.
func (o *company) pages(t *testing.T, token, call, of, name string) (all [][]string) {
	t.Helper()
	next := ""
	for range 100 {
		got := o.ok(t, 200, token, call+"&next_page_token="+next, "")
		all = append(all, got.list(of, name))
		if next = got.body["next_page_token"].(string); next == "" {
			return all
		}
	}
	t.Fatalf("%s has no end", call)
	return nil
}

func TestPages(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		ada := o.admin(t, "ada")
		whole := o.ok(t, 200, ada, "GET /marketplace/apps?type=public", "").list("apps", "app_id")
		for size := 1; size <= 6; size++ {
			pages := o.pages(t, ada, "GET /marketplace/apps?type=public&page_size="+strconv.Itoa(size), "apps", "app_id")
			var all []string
			for i, p := range pages {
				all = append(all, p...)
				if len(p) != size && i != len(pages)-1 {
					t.Errorf("a page of %d has %d", size, len(p))
				}
			}
			if strings.Join(all, " ") != strings.Join(whole, " ") || len(pages) != (len(whole)+size-1)/size {
				t.Errorf("in pages of %d: %v, want %v", size, pages, whole)
			}
		}

		const call = "GET /marketplace/apps?type=public&page_size=2"
		next := o.ok(t, 200, ada, call, "").body["next_page_token"].(string)
		raw, err := base64.RawURLEncoding.DecodeString(next)
		if err != nil {
			t.Fatal(err)
		}
		raw[len(raw)-1] ^= 1
		for what, bad := range map[string]string{
			"another size":   "GET /marketplace/apps?type=public&page_size=3&next_page_token=" + next,
			"another type":   "GET /marketplace/apps?type=approved_apps&page_size=2&next_page_token=" + next,
			"no type":        "GET /marketplace/apps?page_size=2&next_page_token=" + next,
			"another list":   "GET /marketplace/apps/{apps.notes}/requests?type=public&page_size=2&next_page_token=" + next,
			"tampered with":  call + "&next_page_token=" + base64.RawURLEncoding.EncodeToString(raw),
			"cut":            call + "&next_page_token=" + next[:20],
			"no base64":      call + "&next_page_token=***",
			"something long": call + "&next_page_token=" + strings.Repeat("A", 4000),
			"Slack's cursor": call + "&next_page_token=" + souktest.Key.Cursor("", souk.Position{At: time.Now(), ID: souk.NewID()}),
		} {
			refusedWith(t, what, o.call(t, ada, bad, ""), badPageToken, "")
		}
		refusedWith(t, "of another account", o.call(t, o.admin(t, "gus"), call+"&next_page_token="+next, ""), badPageToken, "")
		if got := o.call(t, o.admin(t, "olga"), "GET /marketplace/apps?page_size=2&type=public&next_page_token="+next, ""); got.status != 200 {
			t.Errorf("a colleague's token, in another order: %s", got.text)
		}
		for _, size := range []string{"0", "-1", "301", "30.0", "many", "99999999999999999999"} {
			refusedWith(t, "page_size "+size, o.call(t, ada, "GET /marketplace/apps?page_size="+size, ""), invalidInput, "page_size")
		}
		if got := o.ok(t, 200, ada, "GET /marketplace/apps?page_size=300", ""); got.body["page_size"] != 300.0 {
			t.Errorf("%s", got.text)
		}
	})
}

func TestPageTokensExpire(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, o *company) {
		ada := o.admin(t, "ada")
		const call = "GET /marketplace/apps?type=public&page_size=2"
		next := o.ok(t, 200, ada, call, "").body["next_page_token"].(string)
		time.Sleep(pageLife)
		o.ok(t, 200, ada, call+"&next_page_token="+next, "")
		time.Sleep(time.Millisecond)
		refusedWith(t, "too late", o.call(t, ada, call+"&next_page_token="+next, ""), badPageToken, "")
	})
}

func TestRateLimits(t *testing.T) {
	limits := Limits{Light: 4, Medium: 3, Heavy: 2, HeavyDaily: 3, FailedTokens: 2}
	inTime(t, limits, func(t *testing.T, o *company) {
		ada, olga, gus := o.admin(t, "ada"), o.admin(t, "olga"), o.admin(t, "gus")
		const call = "GET /marketplace/apps"
		time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
		for i, token := range []string{ada, olga, ada} {
			got := o.ok(t, 200, token, call, "")
			if h := got.header; h.Get("X-RateLimit-Category") != "Medium" || h.Get("X-RateLimit-Type") != "QPS" ||
				h.Get("X-RateLimit-Limit") != "3" || h.Get("X-RateLimit-Remaining") != strconv.Itoa(2-i) {
				t.Errorf("call %d: %v", i, h)
			}
		}
		over := o.call(t, olga, call, "")
		refusedWith(t, "one too many", over, tooManyPerSecond, "")
		if h := over.header; h.Get("Retry-After") != "1" || h.Get("X-RateLimit-Remaining") != "0" || h.Get("X-RateLimit-Reset") != stamp(time.Now().Add(time.Second)) {
			t.Errorf("%v", h)
		}
		o.ok(t, 200, gus, call, "") // who is another account
		if got := o.call(t, ada, "PATCH /marketplace/apps/{apps.notes}/requests", `{}`); got.status != 400 || got.header.Get("X-RateLimit-Category") != "Light" {
			t.Errorf("of another weight: %d %v", got.status, got.header)
		}
		time.Sleep(time.Second)
		o.ok(t, 200, ada, call, "")

		for range 2 * limits.FailedTokens {
			refusedWith(t, "a bad token", o.call(t, "nothing", call, ""), invalidToken, "")
		}
		if got := o.call(t, "nothing", call, ""); got.status != 429 || got.header.Get("Retry-After") == "" {
			t.Errorf("too many bad tokens: %d %v", got.status, got.header)
		}
		o.ok(t, 200, ada, call, "") // a good one is none of them
	})
}

// The heavy routes have a limit a day, too.
func TestDailyLimit(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, o *company) {
		l := newLimiter(Limits{Heavy: 100, HeavyDaily: 3})
		count := func() (http.Header, error) {
			w := header{}
			return http.Header(w), l.count(&call{writer: w, route: route{weight: heavy}, account: souk.Org{ID: souk.ID{1}}})
		}
		for range 3 {
			if _, err := count(); err != nil {
				t.Fatal(err)
			}
		}
		_, err := count()
		f, ok := err.(*failure)
		tomorrow := stamp(time.Now().UTC().Truncate(24 * time.Hour).Add(24 * time.Hour))
		if !ok || f.refusal != tooManyPerDay || f.header["Retry-After"] != tomorrow || f.header["X-RateLimit-Type"] != "Daily-limit" {
			t.Fatalf("%v", err)
		}
		time.Sleep(24 * time.Hour)
		if h, err := count(); err != nil || h.Get("X-RateLimit-Remaining") != "99" {
			t.Errorf("the next day: %v %v", err, h)
		}
	})
}

// header is a writer of nothing else.
type header http.Header

func (h header) Header() http.Header         { return http.Header(h) }
func (h header) Write(p []byte) (int, error) { return len(p), nil }
func (h header) WriteHeader(int)             {}

// The limiter's memory has a bound, whoever calls.
func TestLimiterForgets(t *testing.T) {
	l := newLimiter(DefaultLimits)
	for range 2 * maxCounted {
		if err := l.count(&call{writer: header{}, route: route{weight: light}, account: souk.Org{ID: souk.NewID()}}); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.spent) > maxCounted {
		t.Errorf("it remembers %d", len(l.spent))
	}
}

// What goes wrong on our side is told in a fixed sentence, and kept in the log.
func TestFaultsAreNotTold(t *testing.T) {
	o := newCompany(t)
	ada := o.admin(t, "ada")
	h := New(o.Market, testLog(o), base, Limits{})
	mux := http.NewServeMux()
	mux.Handle("/v2/boom", h.serve(resource{{method: "GET", path: "/v2/boom", weight: light, serve: func(*call) (answer, error) { panic("secret") }}}))
	o.handed = mux
	refusedWith(t, "a panic", o.call(t, ada, "GET /boom", ""), internal, "")
	if !strings.Contains(o.log.String(), "secret") {
		t.Errorf("the log says %s", o.log)
	}
	if strings.Contains(o.log.String(), ada) {
		t.Error("the log has a token")
	}
}
