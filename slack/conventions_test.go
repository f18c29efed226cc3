package slack

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/store"
	"souk/web"
)

func TestAPITest(t *testing.T) {
	o := newTownSQLite(t)
	multi := multipartBody("Content-Disposition: form-data; name=foo\r\n\r\nbar")
	for _, r := range []*http.Request{
		o.request(t, "POST", "", "api.test", form, "foo=bar"),
		o.request(t, "POST", "", "api.test", jsonUTF, `{"foo":"bar","token":"xoxp-1"}`),
		o.request(t, "POST", "", "api.test", "multipart/form-data; boundary=b", multi),
		o.request(t, "POST", "", "api.test", "text/plain; charset=utf-8", "foo=bar&token=xoxp-1"),
		o.request(t, "GET", "", "api.test?foo=bar&token=xoxp-1", "", ""),
	} {
		if got := o.do(t, r); got.raw != `{"ok":true,"args":{"foo":"bar"}}` || got.status != 200 {
			t.Errorf("%s %s: %s", r.Method, r.Header.Get("Content-Type"), got.raw)
		}
	}
	if got := o.call(t, "", "api.test", nil); got.raw != `{"ok":true,"args":{}}` {
		t.Errorf("no arguments: %s", got.raw)
	}
	for _, c := range []string{"x", "ratelimited"} {
		got := o.call(t, "", "api.test", args{"error": c})
		if got.raw != fmt.Sprintf(`{"ok":false,"error":%q,"args":{"error":%[1]q}}`, c) || got.status != 200 {
			t.Errorf("error=%s: status %d, %s", c, got.status, got.raw)
		}
	}
}

func TestWhereTokensAre(t *testing.T) {
	o := newTownSQLite(t)
	token := o.admin(t, o.ada)
	scheme := func(s string) *http.Request {
		r := o.request(t, "POST", "", "auth.test", "", "")
		r.Header.Set("Authorization", s)
		return r
	}
	for name, r := range map[string]*http.Request{
		"form":          o.request(t, "POST", "", "auth.test", form, "token="+token),
		"text":          o.request(t, "POST", "", "auth.test", "text/plain; charset=utf-8", "token="+token),
		"multipart":     o.request(t, "POST", "", "auth.test", "multipart/form-data; boundary=b", multipartBody("Content-Disposition: form-data; name=token\r\n\r\n"+token)),
		"header":        scheme("Bearer " + token),
		"lower case":    scheme("bearer " + token),
		"empty form":    o.request(t, "POST", token, "auth.test", form, ""),
		"empty JSON":    o.request(t, "POST", token, "auth.test", "application/json;charset=utf-8", ""),
		"empty":         o.request(t, "POST", token, "auth.test", "", ""),
		"GET":           o.request(t, "GET", token, "auth.test", "", ""),
		"header wins":   o.request(t, "POST", token, "auth.test", form, "token=xoxp-wrong"),
		"other address": slackAddress(o.request(t, "POST", token, "auth.test", form, "")),
	} {
		if got := o.do(t, r); got.code() != "" {
			t.Errorf("%s: %s", name, got.raw)
		}
	}
	for name, r := range map[string]*http.Request{
		"nowhere": o.request(t, "POST", "", "auth.test", form, ""),
		"query":   o.request(t, "POST", "", "auth.test?token="+token, form, ""),
		"GET":     o.request(t, "GET", "", "auth.test?token="+token, "", ""),
		"JSON":    o.request(t, "POST", "", "auth.test", jsonUTF, `{"token":"`+token+`"}`),
		"basic":   scheme("Basic " + token),
		"bare":    scheme(token),
		"nothing": scheme("Bearer "),
	} {
		if got := o.do(t, r); got.code() != notAuthed {
			t.Errorf("%s: %s", name, got.raw)
		}
	}
	if strings.Contains(o.log.String(), token) {
		t.Error("a token is in the log")
	}
}

// slackAddress moves a call to the face's second address.
func slackAddress(r *http.Request) *http.Request {
	r.URL.Path = "/slack" + r.URL.Path
	return r
}

// What is wrong with a call is told whatever the method, and before the token
// is looked at.
func TestBadCalls(t *testing.T) {
	o := newTownSQLite(t)
	for _, method := range []string{"auth.test", "admin.apps.approve", "admin.apps.requests.list"} {
		for _, tt := range []struct {
			want              code
			contentType, body string
		}{
			{missingPostType, "", "app_id=1"},
			{invalidPostType, "text/xml", "<a/>"},
			{invalidCharset, "application/json; charset=utf-16", "{}"},
			{invalidJSON, jsonUTF, `{"a":`},
			{jsonNotObject, jsonUTF, `[]`},
			{invalidFormData, form, "app_id=%zz"},
			{invalidFormData, "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=app_id\r\n\r\nA"},
			{invalidArgName, form, "a-b=1"},
			{invalidArgName, form, strings.Repeat("x", 300) + "=1"},
			{invalidArrayArg, form, "x[]=1"},
			{invalidArrayArg, form, "x=1&x=2"},
		} {
			if got := o.do(t, o.request(t, "POST", "", method, tt.contentType, tt.body)); got.code() != tt.want || got.status != 200 {
				t.Errorf("%s, %s: want %s, got %d %s", method, tt.body, tt.want, got.status, got.raw)
			}
		}
	}
	want(t, invalidArrayArg, o.callJSON(t, "", "admin.apps.approve", `{"app_id":["A1"]}`))

	large := o.do(t, o.request(t, "POST", "", "auth.test", form, "x="+strings.Repeat("y", 2<<20)))
	want(t, invalidArguments, large)
	if large.status != 200 || !large.closed {
		t.Errorf("2 MiB: status %d, connection closed: %v", large.status, large.closed)
	}
}

func TestRequestTimeout(t *testing.T) {
	o := newTownSQLite(t)
	for name := range methods {
		got := short(t, o, name)
		want(t, requestTimeout, got)
		if !got.closed {
			t.Errorf("%s: the connection stays open", name)
		}
	}
}

func TestWarnings(t *testing.T) {
	o := newTownSQLite(t)
	for contentType, warning := range map[string]string{
		form + "; charset=utf-8":   "superfluous_charset",
		"application/json":         "missing_charset",
		"text/plain":               "missing_charset",
		form:                       "",
		jsonUTF:                    "",
		"text/plain;charset=utf-8": "",
	} {
		got := o.do(t, o.request(t, "POST", "", "api.test", contentType, map[bool]string{true: "{}", false: ""}[strings.Contains(contentType, "json")]))
		if got.body["ok"] != true {
			t.Errorf("%s: %s", contentType, got.raw)
		}
		if warning == "" {
			if _, there := got.body["warning"]; there {
				t.Errorf("%s: %s", contentType, got.raw)
			}
			continue
		}
		metadata, _ := got.body["response_metadata"].(map[string]any)
		if got.body["warning"] != warning || fmt.Sprint(metadata["warnings"]) != "["+warning+"]" {
			t.Errorf("%s: %s", contentType, got.raw)
		}
	}
}

func TestUnknownMethods(t *testing.T) {
	o := newTownSQLite(t)
	for _, name := range []string{"admin.apps.Approve", "chat.postMessage", "apps.connections.open", "nothing", ""} {
		got := o.call(t, "", name, nil)
		if got.raw != fmt.Sprintf(`{"ok":false,"error":"unknown_method","req_method":%q}`, name) || got.status != 200 {
			t.Errorf("%s: %d %s", name, got.status, got.raw)
		}
	}
}

func TestVerbs(t *testing.T) {
	o := newTownSQLite(t)
	for _, verb := range []string{"PUT", "DELETE", "PATCH", "OPTIONS"} {
		got := o.do(t, o.request(t, verb, "", "api.test", "", ""))
		if got.status != 405 || got.raw != `{"ok":false,"error":"invalid_request"}` || got.header.Get("Allow") != "GET, POST" {
			t.Errorf("%s: %d %s, allow %q", verb, got.status, got.raw, got.header.Get("Allow"))
		}
	}
}

func TestScopeHeaders(t *testing.T) {
	o := newTownSQLite(t)
	got := o.call(t, o.admin(t, o.ada), "admin.apps.requests.list", args{"enterprise_id": orgID(o.acme)})
	want(t, "", got)
	if all, needed := got.header.Get("X-OAuth-Scopes"), got.header.Get("X-Accepted-OAuth-Scopes"); all != "admin.apps:read,admin.apps:write" || needed != "admin.apps:read" {
		t.Errorf("scopes %q, needed %q", all, needed)
	}
	got = o.call(t, o.admin(t, o.ada), "auth.test", nil)
	if _, there := got.header["X-Accepted-Oauth-Scopes"]; there || got.header.Get("X-OAuth-Scopes") == "" {
		t.Errorf("auth.test: %v", got.header)
	}
}

func TestAuthTest(t *testing.T) {
	o := newTownSQLite(t)
	i := o.install(t, o.deploybot, o.sales, souk.OnWorkspace)
	expires := func(tok *souk.Token) { tok.ExpiresAt = time.Now().Add(12 * time.Hour) }
	app := func(name string, a souk.App) string {
		return `"app_id":"` + a.ID.Slack("A") + `","app_name":"` + name + `"`
	}
	for name, tt := range map[string]struct{ token, want string }{
		"org-level": {o.admin(t, o.ada), `{"ok":true,"url":"https://souk.example/","team":"Acme","user":"ada","team_id":"` + orgID(o.acme) + `","user_id":"` + o.ada.ID.Slack("U") +
			`","enterprise_id":"` + orgID(o.acme) + `","is_enterprise_install":true,` + app("Console", o.console) + `}`},
		"workspace-level": {o.token(t, souk.UserToken, o.bo.ID, o.deskAt, both), `{"ok":true,"url":"https://souk.example/","team":"Sales","user":"bo","team_id":"` + orgID(o.sales) + `","user_id":"` + o.bo.ID.Slack("U") +
			`","enterprise_id":"` + orgID(o.acme) + `","is_enterprise_install":false,` + app("Desk", o.desk) + `}`},
		"bot": {o.token(t, souk.BotToken, i.AppUser, i, nil), `{"ok":true,"url":"https://souk.example/","team":"Sales","user":"deploybot","team_id":"` + orgID(o.sales) + `","user_id":"` + i.AppUser.Slack("U") +
			`","bot_id":"` + i.AppUser.Slack("B") + `","enterprise_id":"` + orgID(o.acme) + `","is_enterprise_install":false,` + app("Deploybot", o.deploybot) + `}`},
		"app-level": {o.token(t, souk.AppToken, souk.ID{}, souk.Installation{App: o.deploybot.ID}, nil), `{"ok":true,"url":"https://souk.example/","is_enterprise_install":false,` + app("Deploybot", o.deploybot) + `}`},
	} {
		if got := o.call(t, tt.token, "auth.test", nil); got.raw != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got.raw, tt.want)
		}
	}
	rotating := o.call(t, o.token(t, souk.UserToken, o.ada.ID, o.consoleAt, both, expires), "auth.test", nil)
	if left, _ := rotating.body["expires_in"].(float64); left < 43_000 || left > 43_200 {
		t.Errorf("a token that expires: %s", rotating.raw)
	}
	if alone := o.call(t, o.token(t, souk.UserToken, o.vic.ID, o.install(t, o.own, o.vendor, souk.OnWorkspace), nil), "auth.test", nil); alone.body["enterprise_id"] != nil {
		t.Errorf("a workspace that stands alone: %s", alone.raw)
	}
}

// Everything that ends a token, and what the token is told then.
func TestDeadTokens(t *testing.T) {
	everyTown(t, func(t *testing.T, o *town) {
		revoked := func(tok *souk.Token) { tok.RevokedAt = o.created }
		expired := func(tok *souk.Token) { tok.ExpiresAt = o.created }
		elsewhere := func(tok *souk.Token) { tok.Networks = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")} }
		gone := o.bo
		gone.DeactivatedAt = o.created
		o.write(t, func(tx *store.Tx) error { return tx.PutUser(gone, o.acme.ID) })
		ended := o.install(t, o.deploybot, o.labs, souk.OnWorkspace)
		botOfEnded := o.token(t, souk.BotToken, ended.AppUser, ended, nil)
		userOfEnded := o.token(t, souk.UserToken, o.ada.ID, ended, nil)
		ended.Status, ended.EndedAt = souk.InstallationEnded, o.created
		o.write(t, func(tx *store.Tx) error { return tx.PutInstallation(ended) })
		bot := o.install(t, o.deploybot, o.sales, souk.OnWorkspace)
		asleep := o.app(t, o.deploybot)
		asleep.Suspended = true
		o.write(t, func(tx *store.Tx) error { return tx.PutApp(asleep) })
		inSleep := o.install(t, asleep, o.sales, souk.OnWorkspace)
		shut := o.rivals
		shut.ClosedAt = o.created
		o.write(t, func(tx *store.Tx) error { return tx.PutOrg(shut) })
		inShut := o.install(t, o.deploybot, shut, souk.OnWorkspace)

		for name, tt := range map[string]struct {
			token string
			want  code
		}{
			"unknown":              {"xoxp-souk-nobody", invalidAuth},
			"malformed":            {"xoxp a b", invalidAuth},
			"user's revoked":       {o.token(t, souk.UserToken, o.ada.ID, o.consoleAt, both, revoked), tokenRevoked},
			"bot's revoked":        {o.token(t, souk.BotToken, bot.AppUser, bot, nil, revoked), accountInactive},
			"user's expired":       {o.token(t, souk.UserToken, o.ada.ID, o.consoleAt, both, expired), tokenExpired},
			"bot's expired":        {o.token(t, souk.BotToken, bot.AppUser, bot, nil, expired), tokenExpired},
			"of a user who left":   {o.admin(t, gone), tokenRevoked},
			"user's of an ended":   {userOfEnded, tokenRevoked},
			"bot's of an ended":    {botOfEnded, accountInactive},
			"user's, suspended":    {o.token(t, souk.UserToken, o.ada.ID, inSleep, nil), tokenRevoked},
			"bot's, suspended":     {o.token(t, souk.BotToken, inSleep.AppUser, inSleep, nil), accountInactive},
			"user's, closed org":   {o.token(t, souk.UserToken, o.rita.ID, inShut, nil), tokenRevoked},
			"bot's, closed org":    {o.token(t, souk.BotToken, inShut.AppUser, inShut, nil), accountInactive},
			"another's, revoked":   {o.token(t, souk.PersonToken, o.ada.ID, souk.Installation{}, nil, revoked), invalidAuth},
			"from another network": {o.token(t, souk.UserToken, o.ada.ID, o.consoleAt, both, elsewhere), invalidAuth},
			"of another face":      {o.token(t, souk.PersonToken, o.ada.ID, souk.Installation{}, nil), invalidAuth},
			"the operator's":       {o.token(t, souk.PlatformToken, souk.ID{}, souk.Installation{}, nil), invalidAuth},
		} {
			for _, method := range []string{"auth.test", "admin.apps.approve", "admin.apps.uninstall"} {
				if got := o.call(t, tt.token, method, nil); got.code() != tt.want {
					t.Errorf("%s, %s: want %s, got %s", name, method, tt.want, got.raw)
				}
			}
		}
	})
}

func TestRateLimit(t *testing.T) {
	o := newTownSQLite(t)
	o = o.served(t, o.market, Limits{Tier1: 1, Tier2: 1, FailedTokens: 1, Special: 1})
	token := o.admin(t, o.ada)
	for name, m := range methods {
		if !m.governs {
			continue
		}
		for range 2 {
			if got := o.call(t, token, name, nil); got.status != 200 {
				t.Fatalf("%s: %d %s", name, got.status, got.raw)
			}
		}
		got := o.call(t, token, name, nil)
		if got.status != 429 || got.raw != `{"ok":false,"error":"ratelimited"}` {
			t.Errorf("%s: %d %s", name, got.status, got.raw)
		}
		if wait := got.header.Get("Retry-After"); wait != "60" && wait != "59" {
			t.Errorf("%s: retry after %q", name, wait)
		}
	}
	for i, c := range []code{invalidAuth, invalidAuth, rateLimited} {
		if got := o.call(t, "xoxp-wrong", "auth.test", nil); got.code() != c {
			t.Errorf("wrong token %d: %s", i+1, got.raw)
		}
	}
	want(t, "", o.call(t, token, "auth.test", nil)) // a good token from there is good all the same
}

func TestLogsHoldNoSecrets(t *testing.T) {
	o := newTownSQLite(t)
	token := o.admin(t, o.ada)
	o.call(t, token, "admin.apps.approve", args{"app_id": "A1", "enterprise_id": orgID(o.acme)})
	o.do(t, o.request(t, "GET", "", "auth.test?token="+token, "", ""))
	o.do(t, o.request(t, "POST", "", "auth.test", form, "token="+token+"&secret=verySecret"))
	log := o.log.String()
	for _, secret := range []string{token, "verySecret"} {
		if strings.Contains(log, secret) {
			t.Errorf("%s is in the log", secret)
		}
	}
	if !strings.Contains(log, "admin.apps.approve") || !strings.Contains(log, "refused=invalid_app_id") {
		t.Errorf("the log does not say what happened:\n%s", log)
	}
}

// A server that is stopping sends calls elsewhere.
func TestDraining(t *testing.T) {
	o := newTownSQLite(t)
	for name := range methods {
		got := drained(t, o, name)
		want(t, serviceUnavailable, got)
		if got.status != 503 || got.header.Get("Retry-After") == "" {
			t.Errorf("%s: status %d, retry after %q", name, got.status, got.header.Get("Retry-After"))
		}
	}
}

func TestMethodNamesHaveADot(t *testing.T) {
	for name := range methods {
		if !strings.Contains(name, ".") || strings.Contains(name, "/") {
			t.Errorf("%s would meet another face's addresses", name)
		}
	}
}

// drained calls a method while the server is stopping: the call has come in
// when the server is told to, and is answered afterwards.
func drained(t *testing.T, o *town, name string) result {
	t.Helper()
	mux := http.NewServeMux()
	New(o.market, o.logger(), "https://souk.example", Limits{}).Routes(mux)
	ctx, stop := context.WithCancel(t.Context())
	stack := web.Stack(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stop()
		for !web.Draining(r.Context()) {
			runtime.Gosched()
		}
		mux.ServeHTTP(w, r)
	}), web.Options{Log: o.logger()})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- web.NewServer(stack, o.logger()).Serve(ctx, l) }()
	r := o.request(t, "POST", "", name, "", "")
	r.URL.Host = l.Addr().String()
	got := o.do(t, r)
	if err := <-served; err != nil {
		t.Error(err)
	}
	return got
}

// What went wrong on our side is in the log, with the id that the caller got,
// and nowhere else.
func TestFaultsStayInside(t *testing.T) {
	o := newTownSQLite(t)
	for c, play := range map[code]scene{
		internalError:      commonScenes[internalError],
		fatalError:         commonScenes[fatalError],
		serviceUnavailable: commonScenes[serviceUnavailable],
	} {
		got := play(t, o, "admin.apps.approve", decidable(t, o))
		if want := `{"ok":false,"error":"` + string(c) + `"}`; got.raw != want {
			t.Errorf("got %s, want %s", got.raw, want)
		}
	}
	log := o.log.String()
	for _, reason := range []string{"no ink", "no paper"} {
		if !strings.Contains(log, reason) {
			t.Errorf("the log does not say %q", reason)
		}
	}
}

// A handler that panics outside of any transaction is answered, too.
func TestPanic(t *testing.T) {
	o := newTownSQLite(t)
	broken := o.served(t, new(market.Market), Limits{})
	got := broken.call(t, "xoxp-any", "auth.test", nil)
	if got.raw != `{"ok":false,"error":"fatal_error"}` || got.status != 200 {
		t.Errorf("got %d %s", got.status, got.raw)
	}
	if log := o.log.String(); !strings.Contains(log, "panic") || !strings.Contains(log, got.header.Get("X-Slack-Req-Id")) {
		t.Errorf("the log does not say so:\n%s", log)
	}
}
