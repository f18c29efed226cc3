package giosg

import (
	"net/http"
	"strings"
	"testing"

	"souk"
	"souk/market"
)

// probes are routes behind each guard that say where the guard led.
var probes = []route{
	{"GET", "/probe", probeWhere, anybody},
	{"GET", "/probe/token", probeWhere, somebody},
	{"GET", "/probe/home", probeWhere, homeSettings},
	{"GET", "/orgs/{org}/probe", probeWhere, orgSettings},
	{"POST", "/orgs/{org}/probe", probeEcho, orgSettings},
	{"GET", "/orgs/{org}/probe/member", probeWhere, orgMember},
	{"DELETE", "/orgs/{org}/probe/member", probeWhere, orgSettings},
	{"GET", "/orgs/{org}/probe/{app}", probeApp, orgSettings},
	{"PATCH", "/orgs/{org}/probe/{app}", probeApp, orgSettings},
}

func probeWhere(_ *Handler, c *call) (answer, error) { return shown(nameOrg(c.desk.Org)), nil }

// probeEcho shows the name that was sent.
func probeEcho(_ *Handler, c *call) (answer, error) {
	in, err := c.input()
	if err != nil {
		return answer{}, err
	}
	name := in.text("name", required, 75)
	return created(name), in.valid()
}

// probeApp finds the app before it looks at the body.
func probeApp(h *Handler, c *call) (answer, error) {
	v, err := h.market.OwnedApp(c.ctx, c.Actor, c.org(), c.app())
	if err != nil || c.route.method == http.MethodGet {
		return shown(nameApp(v.App)), err
	}
	return probeEcho(h, c)
}

const (
	lapsedText    = "Your organization does not have an active subscription."
	strangerText  = "You do not have access to this organization."
	powerlessText = "You do not have the settings permission."
	unknownText   = "Not found."
	anonymousText = "Authentication credentials were not provided."
)

// Every guard lets in whom it is meant for, and tells everybody else why not.
func TestGuards(t *testing.T) {
	tests := []struct {
		call, who string
		status    int
		said      string // a detail, or what is shown
	}{
		{"GET /probe", "", 200, ""},
		{"GET /probe/token", "", 401, anonymousText},
		{"GET /probe/token", "lars", 200, ""},
		{"GET /probe/home", "", 401, anonymousText},
		{"GET /probe/home", "sam", 200, "Shop"},
		{"GET /probe/home", "kim", 200, "Shop"},
		{"GET /probe/home", "nils", 403, powerlessText},
		{"GET /probe/home", "lars", 403, lapsedText},
		{"GET /orgs/{orgs.shop}/probe", "", 401, anonymousText},
		{"GET /orgs/{orgs.shop}/probe", "sam", 200, "Shop"},
		{"GET /orgs/{orgs.shop}/probe", "kim", 200, "Shop"},
		{"GET /orgs/{orgs.shop}/probe", "lars", 403, lapsedText},
		{"GET /orgs/{orgs.shop}/probe", "solveig", 403, strangerText},
		{"GET /orgs/{orgs.shop}/probe", "nils", 403, strangerText},
		{"GET /orgs/{orgs.solo}/probe", "nils", 403, powerlessText},
		{"GET /orgs/{orgs.lapsed}/probe", "kim", 403, lapsedText},
		{"GET /orgs/{orgs.lapsed}/probe", "solveig", 403, strangerText},
		{"GET /orgs/{orgs.sales}/probe", "ada", 200, "Acme Sales"},
		{"GET /orgs/{orgs.sales}/probe", "bo", 403, powerlessText},
		{"GET /orgs/{orgs.acme}/probe", "bo", 403, strangerText},
		{"GET /orgs/{orgs.labs}/probe/member", "bo", 403, strangerText},
		{"GET /orgs/{nothing}/probe", "sam", 403, strangerText},
		{"GET /orgs/{nothing}/probe", "nils", 403, strangerText},
		{"GET /orgs/{nothing}/probe", "lars", 403, lapsedText},
		{"GET /orgs/00000000-0000-0000-0000-000000000000/probe", "sam", 403, strangerText},
		{"GET /orgs/00000000-0000-0000-0000-000000000000/probe", "nils", 403, strangerText},
		{"GET /orgs/00000000-0000-0000-0000-000000000000/probe", "lars", 403, lapsedText},
		{"GET /orgs/{orgs.solo}/probe/member", "nils", 200, "Solo"},
		{"GET /orgs/{orgs.solo}/probe/member", "solveig", 200, "Solo"},
		{"GET /orgs/{orgs.solo}/probe/member", "sam", 403, strangerText},
		{"DELETE /orgs/{orgs.solo}/probe/member", "nils", 403, powerlessText},
	}
	everyCompany(t, probes, func(t *testing.T, o *company) {
		for _, tt := range tests {
			got := o.call(t, tt.who, tt.call, "")
			want := detailText(tt.said)
			if tt.status == 200 {
				want = `,"name":"` + tt.said + `"}`
			}
			if got.status != tt.status || !strings.HasSuffix(got.body, want) {
				t.Errorf("%s by %q: %d %s, want %d %s", tt.call, tt.who, got.status, got.body, tt.status, want)
			}
			if challenge := got.header.Get("WWW-Authenticate"); (challenge == "Token") != (got.status == 401) {
				t.Errorf("%s by %q: %d with WWW-Authenticate %q", tt.call, tt.who, got.status, challenge)
			}
		}
	})
}

// The guards that look at an org find it in the address, and no address that has
// an org is open to everybody.
func TestGuardsFitTheirAddresses(t *testing.T) {
	for _, r := range routes {
		inOrg := strings.HasPrefix(r.path, "/orgs/{org}")
		if guarded := r.guard == orgMember || r.guard == orgSettings || r.guard == orgRead; guarded != inOrg {
			t.Errorf("%s is for %s", r.name(), r.guard)
		}
	}
}

// The first thing that is wrong with a call is the answer.
func TestPrecedence(t *testing.T) {
	tests := []struct {
		call, who, body, contentType string
		status                       int
		said                         string
	}{
		{"DELETE /orgs/none/probe", "", "{", "text/plain", 404, detailText(unknownText)},
		{"DELETE /orgs/{orgs.shop}/probe?format=xml", "", "{", "text/plain", 404, detailText(unknownText)},
		{"DELETE /orgs/{orgs.shop}/probe", "", "{", "text/plain", 401, detailText(anonymousText)},
		{"DELETE /orgs/{nothing}/probe", "lars", "{", "text/plain", 403, detailText(lapsedText)},
		{"DELETE /orgs/{nothing}/probe", "nils", "{", "text/plain", 403, detailText(strangerText)},
		{"DELETE /orgs/{orgs.solo}/probe", "nils", "{", "text/plain", 403, detailText(powerlessText)},
		{"DELETE /orgs/{orgs.shop}/probe", "sam", "{", "text/plain", 405, detailText(`Method \"DELETE\" not allowed.`)},
		{"DELETE /orgs/{orgs.shop}/probe/{nothing}", "sam", "{", "text/plain", 405, detailText(`Method \"DELETE\" not allowed.`)},
		{"PATCH /orgs/{orgs.shop}/probe/{nothing}", "sam", "{", "text/plain", 404, detailText(unknownText)},
		{"PATCH /orgs/{orgs.shop}/probe/{apps.vault}", "sam", "{", "text/plain", 404, detailText(unknownText)},
		{"PATCH /orgs/{orgs.shop}/probe/00000000000000000000000000000000", "sam", "{", "text/plain", 404, detailText(unknownText)},
		{"PATCH /orgs/{orgs.shop}/probe/{apps.clerk}", "sam", "{", "text/plain", 415, detailText(`Unsupported media type \"text/plain\" in request.`)},
		{"PATCH /orgs/{orgs.shop}/probe/{apps.clerk}", "sam", "{", "application/json", 400, detailText("JSON parse error - unexpected end of JSON input")},
		{"PATCH /orgs/{orgs.shop}/probe/{apps.clerk}", "sam", `{"name":[]}`, "application/json", 400, `{"name":["Not a valid string."]}`},
	}
	everyCompany(t, probes, func(t *testing.T, o *company) {
		for _, tt := range tests {
			r := o.request(t, tt.who, tt.call, tt.body)
			r.Header.Set("Content-Type", tt.contentType)
			if got := o.send(t, r); got.status != tt.status || got.body != tt.said {
				t.Errorf("%s by %q: %d %s, want %d %s", tt.call, tt.who, got.status, got.body, tt.status, tt.said)
			}
		}
		// A caller without access hears of that, not of how often they called; one
		// with access hears of it before the method.
		hasty := o.with(t, o.Market, Limits{PerSecond: 1, Burst: 1}, probes)
		for range 2 {
			if got := hasty.call(t, "nils", "DELETE /orgs/{orgs.solo}/probe", ""); got.status != 403 {
				t.Errorf("without the permission, again: %d %s", got.status, got.body)
			}
		}
		hasty.call(t, "sam", "GET /orgs/{orgs.shop}/probe", "")
		got := hasty.call(t, "sam", "DELETE /orgs/{orgs.shop}/probe", "")
		if got.status != 429 || got.body != detailText("Request was throttled. Expected available in 1 second.") || got.header.Get("Retry-After") != "1" {
			t.Errorf("too early: %d %s, Retry-After %q", got.status, got.body, got.header.Get("Retry-After"))
		}
		if got := hasty.call(t, "kim", "GET /orgs/{orgs.shop}/probe", ""); got.status != 200 {
			t.Errorf("a colleague: %d %s", got.status, got.body)
		}
	})
}

func TestAddresses(t *testing.T) {
	everyCompany(t, probes, func(t *testing.T, o *company) {
		id := o.ID("orgs.shop").String()
		bare := strings.ReplaceAll(id, "-", "")
		tests := []struct {
			call   string
			status int
		}{
			{"GET /users/me", 200},
			{"GET /users/me?format=json", 200},
			{"GET /users/me?format=", 200},
			{"GET /users/me?format=xml", 404},
			{"GET /users/me?format=json&format=api", 404},
			{"GET /users/me?format=%zz", 200},
			{"GET /users/me/", 404},
			{"GET /users", 404},
			{"GET /", 404},
			{"GET ", 404},
			{"POST /nowhere", 404},
			{"GET /orgs/" + id + "/probe", 200},
			{"GET /orgs/" + strings.ToUpper(id) + "/probe", 200},
			{"GET /orgs/" + bare + "/probe", 200},
			{"GET /orgs/" + strings.ToUpper(bare) + "/probe", 200},
			{"GET /orgs/" + id + "/probe/", 404},
			{"POST /orgs/" + id + "/probe/", 404},
			{"GET /orgs/" + id[:35] + "/probe", 404},
			{"GET /orgs/" + id + "0/probe", 404},
			{"GET /orgs/{" + id + "}/probe", 404},
			{"GET /orgs/urn:uuid:" + id + "/probe", 404},
			{"GET /orgs/" + bare[:8] + "-" + bare[8:] + "/probe", 404},
			{"GET /orgs/" + id[1:9] + id[:1] + id[9:] + "/probe", 404},
			{"GET /orgs/" + strings.Repeat("g", 32) + "/probe", 404},
			{"GET /orgs/%00/probe", 404},
			{"GET /orgs/me/probe", 404},
		}
		for _, tt := range tests {
			got := o.call(t, "sam", tt.call, "")
			if got.status != tt.status || tt.status == 404 && got.body != detailText(unknownText) {
				t.Errorf("%s: %d %s, want %d", tt.call, got.status, got.body, tt.status)
			}
			if got.header.Get("Vary") != "Accept" || got.header.Get("Content-Type") != "application/json" {
				t.Errorf("%s: header %v", tt.call, got.header)
			}
		}
	})
}

func TestMethods(t *testing.T) {
	everyCompany(t, probes, func(t *testing.T, o *company) {
		tests := []struct {
			call        string
			status      int
			allow, body string
		}{
			{"POST /users/me", 405, "GET, HEAD, OPTIONS", detailText(`Method \"POST\" not allowed.`)},
			{"DELETE /users/me", 405, "GET, HEAD, OPTIONS", detailText(`Method \"DELETE\" not allowed.`)},
			{"BREW /users/me", 405, "GET, HEAD, OPTIONS", detailText(`Method \"BREW\" not allowed.`)},
			{"get /users/me", 405, "GET, HEAD, OPTIONS", detailText(`Method \"get\" not allowed.`)},
			{"PUT /orgs/{orgs.shop}/probe", 405, "GET, POST, HEAD, OPTIONS", detailText(`Method \"PUT\" not allowed.`)},
			{"POST /orgs/{orgs.shop}/probe/{apps.clerk}", 405, "GET, PATCH, HEAD, OPTIONS", detailText(`Method \"POST\" not allowed.`)},
			{"OPTIONS /orgs/{orgs.shop}/probe", 204, "GET, POST, HEAD, OPTIONS", ""},
			{"OPTIONS /orgs/{orgs.solo}/probe", 403, "", detailText(strangerText)},
			{"HEAD /users/me", 200, "", ""},
			{"HEAD /orgs/{orgs.shop}/probe", 200, "", ""},
			{"HEAD /orgs/{orgs.solo}/probe", 403, "", ""},
		}
		for _, tt := range tests {
			got := o.call(t, "sam", tt.call, "")
			if got.status != tt.status || got.header.Get("Allow") != tt.allow || got.body != tt.body {
				t.Errorf("%s: %d %s, Allow %q", tt.call, got.status, got.body, got.header.Get("Allow"))
			}
			if typed := got.header.Get("Content-Type") != ""; typed == (got.status == 204) {
				t.Errorf("%s: %d with a content type %q", tt.call, got.status, got.header.Get("Content-Type"))
			}
		}
	})
}

// What goes wrong on our side is told in one sentence, and logged once under the
// id of the request.
func TestFailures(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		text := detailText("A server error occurred.")
		broken := o.with(t, &market.Market{}, Limits{}, nil)
		o.log.take()
		for range 2 {
			got := broken.call(t, "sam", "GET /users/me", "")
			if got.status != 500 || got.body != text || got.header.Get("Retry-After") != "" {
				t.Errorf("a server that panics: %d %s", got.status, got.body)
			}
			log := o.log.take()
			if strings.Count(log, `"level":"ERROR"`) != 1 || !strings.Contains(log, `"request_id":"`+got.header.Get("X-Request-Id")+`"`) || !strings.Contains(log, "panic: ") {
				t.Errorf("logged: %s", log)
			}
		}
		refusing := []route{{"GET", "/probe", func(*Handler, *call) (answer, error) { return answer{}, souk.LastOwner }, anybody}}
		if got := o.with(t, o.Market, Limits{}, refusing).call(t, "", "GET /probe", ""); got.status != 500 || got.body != text {
			t.Errorf("a refusal that cannot be: %d %s", got.status, got.body)
		}
		speechless := []route{{"GET", "/probe", func(*Handler, *call) (answer, error) { return shown(func() {}), nil }, anybody}}
		if got := o.with(t, o.Market, Limits{}, speechless).call(t, "", "GET /probe", ""); got.status != 500 || got.body != text {
			t.Errorf("an answer that has no spelling: %d %s", got.status, got.body)
		}
		if err := o.db.Close(); err != nil {
			t.Fatal(err)
		}
		got := o.call(t, "sam", "GET /users/me", "")
		if got.status != 503 || got.body != text || got.header.Get("Retry-After") != "5" {
			t.Errorf("a database that has gone: %d %s, Retry-After %q", got.status, got.body, got.header.Get("Retry-After"))
		}
	})
}
