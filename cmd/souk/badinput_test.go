package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"souk"
	"souk/souktest"
)

// badCall is a call that must be refused.
type badCall struct {
	name         string
	method, path string
	token        string
	contentType  string
	body         string
	header       http.Header
	status       int
	says         string // Slack's code, or the end of the problem's type
}

// Whatever comes in: each call gets the documented refusal and a line in the
// log, and the database stays as it was.
func TestBadInput(t *testing.T) {
	t.Parallel()
	souktest.EachAddress(t, func(t *testing.T, address string) {
		t.Parallel()
		site := newSite(t, address)
		var mine, theirs company
		var request, foreign souk.Request
		var revoked, gone string
		site.seed(t, func(s *souktest.Seeder) {
			mine, theirs = newCompany(s, "Acme", 2, nil), newCompany(s, "Rival", 1, nil)
			request, foreign = s.Request(mine.apps[0], mine.workspace, mine.member), s.Request(theirs.apps[0], theirs.workspace, theirs.member)
			revoked = s.Token(souk.Token{Kind: souk.PersonToken, User: mine.member.ID, RevokedAt: time.Now()})
			gone = s.Token(souk.Token{Kind: souk.UserToken, User: mine.admin.ID, ExpiresAt: time.Now().Add(-time.Hour)})
		})
		p := site.serve(t)
		check := souktest.Unchanged(t, address)

		slow := make(chan string, 2) // these take as long as a server waits
		go func() { slow <- stall(t, p.Base, "/api/admin.apps.approve", mine.adminToken) }()
		go func() {
			slow <- stall(t, p.Base, "/souk/v1/orgs/"+mine.workspace.ID.String()+"/requests", mine.memberToken)
		}()

		on := newClient(t, p.Base)
		calls := slices.Concat(badForSlack(mine, theirs, request, foreign, gone), badForNative(mine, theirs, request, foreign, revoked))
		for _, c := range calls {
			c.check(t, on, p)
		}
		flood(t, p.Base, mine.adminToken)
		hangUp(t, p.Base, mine.memberToken, mine.workspace)

		said := []string{<-slow, <-slow}
		slices.Sort(said)
		if !strings.Contains(said[0], " 200 ") || !strings.Contains(said[0], `"request_timeout"`) ||
			!strings.Contains(said[1], " 408 ") || !strings.Contains(said[1], "incomplete-body") {
			t.Errorf("slow senders got:\n%s", strings.Join(said, "\n"))
		}
		check("bad input")
		p.stop(t)
		site.checkSays(t, p, append(mine.secrets(), revoked, gone, marker)...)
	})
}

// marker is in bodies, which no log has.
const marker = "nobody-logs-this"

const formType = "application/x-www-form-urlencoded"

func badForSlack(mine, theirs company, request, foreign souk.Request, expired string) []badCall {
	approve := func(name string, args url.Values, says string) badCall {
		return badCall{name: name, body: args.Encode(), contentType: formType, says: says}
	}
	with := func(name string, values ...string) url.Values {
		args := mine.decide(request.ID)
		args[name] = values
		return args
	}
	calls := []badCall{
		approve("a body beyond 1 MiB", with("bot_scopes", strings.Repeat(marker, 1<<20/len(marker)+1)), "invalid_arguments"),
		approve("10,000 scopes", with("bot_scopes", list(10_000, "%d:"+marker)), "invalid_scopes"),
		approve("NUL", with("request_id", "Ar\x00"), "invalid_arguments"),
		approve("broken UTF-8", with("request_id", "Ar\xff"), "invalid_form_data"),
		approve("an argument twice", with("request_id", "Ar1", "Ar2"), "invalid_array_arg"),
		approve("a long name", with(strings.Repeat("n", 65), "1"), "invalid_arg_name"),
		approve("a list of numbers", with("bot_scopes", "[1,2]"), "invalid_arguments"),
		approve("an unknown request", mine.decide(souk.NewID()), "invalid_request_id"),
		approve("somebody else's request", with("request_id", foreign.ID.Slack("Ar")), "invalid_request_id"),
		approve("no id at all", with("request_id", "../../etc/passwd"), "invalid_request_id"),
		approve("an id of another kind", with("request_id", request.ID.Slack("T")), "invalid_request_id"),
		approve("somebody else's workspace", with("team_id", theirs.workspace.ID.Slack("T")), "team_not_found"),
		approve("two levels", with("enterprise_id", mine.enterprise.ID.Slack("E")), "too_many_teams_provided"),
		{name: "no JSON", body: `{"request_id": `, contentType: "application/json; charset=utf-8", says: "invalid_json"},
		{name: "a JSON list", body: `["` + marker + `"]`, contentType: "application/json; charset=utf-8", says: "json_not_object"},
		{name: "broken UTF-8 in JSON", body: "{\"request_id\": \"\xff\"}", contentType: "application/json; charset=utf-8", says: "invalid_json"},
		{name: "a broken form", body: "request_id=%zz", contentType: formType, says: "invalid_form_data"},
		{name: "a broken multipart form", body: "--x\r\n" + marker, contentType: "multipart/form-data; boundary=x", says: "invalid_form_data"},
		{name: "XML", body: "<a/>", contentType: "text/xml", says: "invalid_post_type"},
		{name: "no type", body: "request_id=Ar1", says: "missing_post_type"},
		{name: "an odd charset", body: "request_id=Ar1", contentType: formType + "; charset=utf-16", says: "invalid_charset"},
		{name: "another HTTP method", method: "DELETE", status: http.StatusMethodNotAllowed, says: "invalid_request"},
		{name: "an unknown method", path: "/api/admin.apps.destroy", says: "unknown_method"},
		{name: "no token", token: "-", says: "not_authed"},
		{name: "an unknown token", token: mine.adminToken + "x", says: "invalid_auth"},
		{name: "a token of another face", token: mine.memberToken, says: "invalid_auth"},
		{name: "a dead token", token: expired, says: "token_expired"},
	}
	for i := range calls {
		c := &calls[i]
		c.name, c.method, c.path = "slack: "+c.name, or(c.method, "POST"), or(c.path, "/api/admin.apps.approve")
		c.token = or(c.token, mine.adminToken)
		if c.status == 0 {
			c.status = http.StatusOK
		}
	}
	return calls
}

func badForNative(mine, theirs company, request, foreign souk.Request, revoked string) []badCall {
	app := mine.apps[1].ID.String()
	ask := func(format string, args ...any) string {
		return `{"app": "` + app + `", ` + fmt.Sprintf(format, args...) + `}`
	}
	requests := func(org souk.ID) string { return "/orgs/" + org.String() + "/requests" }
	calls := []badCall{
		{name: "a body beyond 1 MiB", body: ask(`"reason": %q`, strings.Repeat(marker, 1<<20/len(marker))), status: 413, says: "oversized-body"},
		{name: "10,000 scopes", body: ask(`"scopes": %s`, list(10_000, "%d:"+marker)), status: 422, says: "invalid-input"},
		{name: "unknown scopes", body: ask(`"scopes": ["fly"]`), status: 422, says: "unknown-scope"},
		{name: "a reason too long", body: ask(`"reason": %q`, strings.Repeat("r", souk.MaxReason+1)), status: 422, says: "invalid-input"},
		{name: "NUL", body: ask(`"reason": "\u0000%s"`, marker), status: 422, says: "invalid-input"},
		{name: "half a surrogate pair", body: ask(`"reason": "\ud800"`), status: 422, says: "invalid-input"},
		{name: "broken UTF-8", body: ask("\"reason\": \"\xff\""), status: 400, says: "malformed-body"},
		{name: "no JSON", body: `{"app": `, status: 400, says: "malformed-body"},
		{name: "two JSON texts", body: `{} {}`, status: 400, says: "malformed-body"},
		{name: "deep JSON", body: strings.Repeat("[", 100_000), status: 400, says: "malformed-body"},
		{name: "a JSON list", body: `[]`, status: 422, says: "invalid-input"},
		{name: "a number for a text", body: ask(`"reason": 7`), status: 422, says: "invalid-input"},
		{name: "null for a text", body: ask(`"reason": null`), status: 422, says: "invalid-input"},
		{name: "an unknown member", body: ask(`"colour": "red"`), status: 422, says: "invalid-input"},
		{name: "a member twice", body: ask(`"reason": "a", "reason": "b"`), status: 422, says: "invalid-input"},
		{name: "nothing", body: `{}`, status: 422, says: "invalid-input"},
		{name: "another type", body: ask(`"reason": ""`), contentType: "text/plain", status: 415, says: "wrong-content-type"},
		{name: "an unknown app", body: `{"app": "` + souk.NewID().String() + `"}`, status: 404, says: "unknown-app"},
		{name: "somebody else's app", body: `{"app": "` + theirs.apps[0].ID.String() + `"}`, status: 404, says: "unknown-app"},
		{name: "somebody else", body: ask(`"for": %q`, theirs.member.ID), status: 403, says: "not-allowed"},
		{name: "somebody else's org", path: requests(theirs.workspace.ID), body: ask(`"reason": ""`), status: 404, says: "unknown-org"},
		{name: "an unknown org", path: requests(souk.NewID()), body: ask(`"reason": ""`), status: 404, says: "unknown-org"},
		{name: "no org", path: "/orgs/%00/requests", body: ask(`"reason": ""`), status: 404, says: "unknown-org"},
		{name: "somebody else's request", path: "/requests/" + foreign.ID.String() + "/cancel", status: 404, says: "unknown-request"},
		{name: "a member who decides", path: "/requests/" + request.ID.String() + "/approve", status: 403, says: "not-allowed"},
		{name: "an unknown parameter", method: "GET", path: "/me?colour=red", status: 422, says: "invalid-input"},
		{name: "a forged cursor", method: "GET", path: requests(mine.workspace.ID) + "?cursor=AAAA", status: 422, says: "invalid-input"},
		{name: "a limit beyond all", method: "GET", path: requests(mine.workspace.ID) + "?limit=100000", status: 422, says: "invalid-input"},
		{name: "an unknown address", path: "/nowhere", status: 404, says: "unknown-route"},
		{name: "another HTTP method", method: "PATCH", status: 405, says: "wrong-method"},
		{name: "no token", token: "-", status: 401, says: "missing-token"},
		{name: "an unknown token", token: mine.memberToken + "x", status: 401, says: "unknown-token"},
		{name: "a token of another face", token: mine.adminToken, status: 403, says: "wrong-token-kind"},
		{name: "a dead token", token: revoked, status: 401, says: "dead-token"},
		{name: "on behalf of nobody", token: mine.operator, header: http.Header{"Souk-On-Behalf-Of": {souk.NewID().String()}}, status: 404, says: "unknown-user"},
		{name: "a member on behalf of another", header: http.Header{"Souk-On-Behalf-Of": {mine.admin.ID.String()}}, status: 403, says: "not-allowed"},
		{name: "a platform token that asks", token: mine.operator, body: ask(`"reason": ""`), status: 403, says: "needs-person"},
	}
	for i := range calls {
		c := &calls[i]
		c.name, c.method, c.path = "native: "+c.name, or(c.method, "POST"), "/souk/v1"+or(c.path, requests(mine.workspace.ID))
		c.token, c.contentType = or(c.token, mine.memberToken), or(c.contentType, "application/json")
	}
	return calls
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// list is a JSON list of n texts.
func list(n int, format string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = fmt.Sprintf(format, i)
	}
	text, err := json.Marshal(items)
	if err != nil {
		panic(err) // texts have a spelling
	}
	return string(text)
}

// check makes the call and looks for its line in the log.
func (c badCall) check(t *testing.T, on *client, p *process) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), c.method, on.base+c.path, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	if c.header != nil {
		r.Header = c.header
	}
	if c.token != "-" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.contentType != "" {
		r.Header.Set("Content-Type", c.contentType)
	}
	got, err := on.http.Do(r)
	if err != nil {
		t.Errorf("%s: %v", c.name, err)
		return
	}
	defer got.Body.Close()
	var said struct {
		Error string
		Type  string
	}
	if err := json.NewDecoder(got.Body).Decode(&said); err != nil {
		t.Errorf("%s: %v", c.name, err)
		return
	}
	if code := said.Error + path.Base("/"+said.Type); got.StatusCode != c.status || strings.Trim(code, "/") != c.says {
		t.Errorf("%s: got %d %s, want %d %s", c.name, got.StatusCode, code, c.status, c.says)
	}
	line := regexp.MustCompile(`"msg":"request"[^\n]*"status":` + fmt.Sprint(got.StatusCode) + `[^\n]*"request_id":"` + got.Header.Get("X-Request-Id") + `"`)
	if p.Log.await(line) == nil {
		t.Errorf("%s: the log has no line of it", c.name)
	}
}

// dial opens a connection to a server and sends on it.
func dial(t *testing.T, base, text string) (net.Conn, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", u.Host)
	if err != nil {
		return nil, err
	}
	_, err = conn.Write([]byte(text))
	return conn, errors.Join(err, conn.SetDeadline(time.Now().Add(patience)))
}

// stall sends half a body and waits for what the server says.
func stall(t *testing.T, base, path, token string) string {
	conn, err := dial(t, base, "POST "+path+" HTTP/1.1\r\nHost: souk\r\nAuthorization: Bearer "+token+
		"\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"request_id\": \"")
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	var said bytes.Buffer
	if _, err := said.ReadFrom(conn); err != nil {
		return err.Error()
	}
	return said.String()
}

// flood sends more headers than a server reads.
func flood(t *testing.T, base, token string) {
	t.Helper()
	var head strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&head, "X-Flood-%d: %s\r\n", i, strings.Repeat("x", 40))
	}
	conn, err := dial(t, base, "POST /api/auth.test HTTP/1.1\r\nHost: souk\r\nAuthorization: Bearer "+token+"\r\n"+head.String()+"\r\n")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	line := make([]byte, len("HTTP/1.1 431"))
	if n, err := conn.Read(line); err != nil || string(line[:n]) != "HTTP/1.1 431" {
		t.Errorf("a flood of headers got %q (%v)", line[:n], err)
	}
}

// hangUp leaves in the middle of a call that would be good.
func hangUp(t *testing.T, base, token string, at souk.Org) {
	t.Helper()
	conn, err := dial(t, base, "POST /souk/v1/orgs/"+at.ID.String()+"/requests HTTP/1.1\r\nHost: souk\r\nAuthorization: Bearer "+token+
		"\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"app\": ")
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}
