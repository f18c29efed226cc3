package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"souk"
	"souk/souktest"
)

// One walk through both faces gets the same bytes from both databases, and its
// receivers the same deliveries, ids and times aside.
func TestWalkIsTheSameOnBothDatabases(t *testing.T) {
	t.Parallel()
	told := map[string]string{}
	souktest.EachAddress(t, func(t *testing.T, address string) {
		w := newWalk(t, address)
		w.ask()
		w.decideOverSlack()
		w.decideNatively()
		w.install()
		w.webhooks()
		w.strayed()
		w.server.stop(t)
		w.received()
		told[strings.SplitAfter(t.Name(), "/")[1]] = plain(w.told.String())
	})
	if t.Failed() {
		return
	}
	if diff := cmp.Diff(strings.Split(told["sqlite"], "\n"), strings.Split(told["postgres"], "\n")); diff != "" {
		t.Errorf("SQLite (-) and PostgreSQL (+) differ:\n%s", diff)
	}
}

// walk is somebody who calls one server, and what they were told.
type walk struct {
	t      *testing.T
	server *process
	on     *client
	hears  *receiver
	company
	requests []string // native ids
	told     strings.Builder
	calls    int
}

func newWalk(t *testing.T, address string) *walk {
	w := &walk{t: t, hears: newReceiver(t)}
	site := newSite(t, address)
	site.seed(t, func(s *souktest.Seeder) { w.company = newCompany(s, "Acme", 6, w.hears) })
	w.server = site.serve(t)
	w.on = newClient(t, w.server.Base)
	return w
}

// step makes a call and writes down what it got.
func (w *walk) step(method, path, token, contentType, body string, header http.Header) answer {
	w.t.Helper()
	a, err := w.on.with(w.t, header, method, path, token, contentType, []byte(body))
	if err != nil {
		w.t.Fatal(err)
	}
	w.calls++
	fmt.Fprintf(&w.told, "%d. %s %s\n%d\n", w.calls, method, path, a.status)
	for _, name := range slices.Sorted(maps.Keys(a.header)) {
		if name != "Date" && name != "Content-Length" {
			fmt.Fprintf(&w.told, "%s: %s\n", name, strings.Join(a.header[name], ", "))
		}
	}
	fmt.Fprintf(&w.told, "%s\n\n", a.body)
	return a
}

// native calls the native API as somebody: a token, or the id of a user whom
// the platform token acts for.
func (w *walk) native(want int, as, method, path, body string) answer {
	w.t.Helper()
	header, contentType := http.Header{}, ""
	if _, err := souk.ParseID(as); err == nil {
		header.Set("Souk-On-Behalf-Of", as)
		as = w.operator
	}
	if body != "" {
		contentType = "application/json"
	}
	a := w.step(method, "/souk/v1"+path, as, contentType, body, header)
	if a.status != want {
		w.t.Errorf("%s %s: want %d, got %d %s", method, path, want, a.status, a.body)
	}
	return a
}

// slack calls a method as the admin, with pairs of names and values.
func (w *walk) slack(want, method string, args ...string) answer {
	w.t.Helper()
	form := url.Values{}
	for pair := range slices.Chunk(args, 2) {
		form.Set(pair[0], pair[1])
	}
	a := w.step("POST", "/api/"+method, w.adminToken, formType, form.Encode(), nil)
	if code, err := a.slackCode(); err != nil || code != want {
		w.t.Errorf("%s %s: want %s, got %s (%v)", method, form.Encode(), want, a.body, err)
	}
	return a
}

// field is a member of an answer, named by dots.
func (w *walk) field(a answer, path string) string {
	w.t.Helper()
	var v any
	if err := json.Unmarshal(a.body, &v); err != nil {
		w.t.Fatal(err)
	}
	for name := range strings.SplitSeq(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			v = at[name]
		case []any:
			if len(at) == 0 {
				w.t.Fatalf("%s: nothing at %s", a.body, path)
			}
			v = at[0]
		}
	}
	s, ok := v.(string)
	if !ok || s == "" {
		w.t.Fatalf("%s: no text at %s", a.body, path)
	}
	return s
}

func (w *walk) team() string { return w.workspace.ID.Slack("T") }
func (w *walk) top() string  { return w.enterprise.ID.Slack("E") }

// request is how Slack names the i-th request.
func (w *walk) request(i int) string {
	id, err := souk.ParseID(w.requests[i])
	if err != nil {
		w.t.Fatal(err)
	}
	return id.Slack("Ar")
}

func (w *walk) app(i int) string { return w.apps[i].ID.Slack("A") }

// at is the native address of the workspace, of an app there if one is named.
func (w *walk) at(app ...int) string {
	path := "/orgs/" + w.workspace.ID.String()
	for _, i := range app {
		path += "/apps/" + w.apps[i].ID.String()
	}
	return path
}

func (w *walk) ask() {
	w.native(200, w.memberToken, "GET", "/me", "")
	w.native(200, w.operator, "GET", "/me", "")
	w.native(200, w.admin.ID.String(), "GET", "/me", "")
	for i := range 5 {
		a := w.native(201, w.memberToken, "POST", w.at()+"/requests",
			fmt.Sprintf(`{"app": %q, "reason": "För växeln: №%d & <more>", "state": "s%d"}`, w.apps[i].ID, i, i))
		w.requests = append(w.requests, w.field(a, "request.id"))
	}
	w.native(200, w.memberToken, "POST", w.at()+"/requests", fmt.Sprintf(`{"app": %q}`, w.apps[0].ID))
	w.native(409, w.memberToken, "POST", w.at()+"/requests", fmt.Sprintf(`{"app": %q, "scopes": ["team:read"]}`, w.apps[0].ID))
	w.native(422, w.memberToken, "POST", w.at()+"/requests", `{"app": "x", "reason": 7, "colour": "red"}`)
	w.native(200, w.admin.ID.String(), "GET", w.at()+"/requests", "")
	a := w.native(200, w.admin.ID.String(), "GET", w.at()+"/requests?status=pending&limit=2", "")
	w.native(200, w.admin.ID.String(), "GET", w.at()+"/requests?status=pending&limit=2&cursor="+w.field(a, "next_cursor"), "")
	w.native(200, w.memberToken, "GET", w.at()+"/requests?mine=true", "")
	w.native(200, w.memberToken, "GET", "/requests/"+w.requests[0], "")
	w.native(200, w.memberToken, "GET", w.at(0)+"/explanation", "")
}

func (w *walk) decideOverSlack() {
	w.slack("ok", "api.test", "foo", "bar")
	w.slack("ok", "auth.test")
	a := w.slack("ok", "admin.apps.requests.list", "team_id", w.team(), "limit", "2")
	w.slack("ok", "admin.apps.requests.list", "team_id", w.team(), "limit", "2", "cursor", w.field(a, "response_metadata.next_cursor"))
	w.slack("ok", "admin.apps.requests.list", "enterprise_id", w.top(), "certified", "false")
	w.slack("ok", "admin.apps.approve", "request_id", w.request(0), "team_id", w.team())
	w.slack("request_already_resolved", "admin.apps.approve", "request_id", w.request(0), "team_id", w.team())
	w.slack("ok", "admin.apps.restrict", "request_id", w.request(1), "team_id", w.team())
	w.slack("ok", "admin.apps.requests.cancel", "request_id", w.request(2), "team_id", w.team())
	w.slack("ok", "admin.apps.approved.list", "team_id", w.team())
	w.slack("ok", "admin.apps.restricted.list", "team_id", w.team())
	w.slack("ok", "admin.apps.approve", "app_id", w.app(5), "enterprise_id", w.top(), "bot_scopes", "users:read,team:read")
	w.slack("ok", "admin.apps.approved.list", "enterprise_id", w.top(), "limit", "1")
	w.slack("ok", "admin.apps.clearResolution", "app_id", w.app(1), "team_id", w.team())
	w.slack("no_resolution_found", "admin.apps.clearResolution", "app_id", w.app(1), "team_id", w.team())
	w.slack("ok", "admin.apps.restrict", "app_id", w.app(1), "enterprise_id", w.top())
	w.slack("app_restricted_org_wide", "admin.apps.approve", "app_id", w.app(1), "team_id", w.team())
	w.slack("invalid_arguments", "admin.apps.approved.list", "team_id", w.team(), "limit", "many", "certified", "perhaps")
	w.slack("invalid_cursor", "admin.apps.approved.list", "team_id", w.team(), "cursor", "forged")
}

func (w *walk) decideNatively() {
	ada := w.admin.ID.String()
	w.native(200, ada, "POST", "/requests/"+w.requests[3]+"/approve", `{"scopes": ["users:read", "team:read"]}`)
	w.native(200, ada, "POST", "/requests/"+w.requests[4]+"/decline", "")
	w.native(409, ada, "POST", "/requests/"+w.requests[4]+"/approve", "")
	w.native(200, ada, "POST", w.at(2)+"/restrict", "")
	w.native(200, ada, "GET", w.at()+"/resolutions", "")
	a := w.native(200, ada, "GET", w.at()+"/resolutions?status=approved&limit=1", "")
	w.native(200, ada, "GET", w.at()+"/resolutions?status=approved&limit=1&cursor="+w.field(a, "next_cursor"), "")
	w.native(204, ada, "POST", w.at(2)+"/clear", "")
	w.native(409, ada, "POST", w.at(2)+"/clear", "")
	w.native(403, w.memberToken, "POST", w.at(2)+"/approve", "")
	w.native(200, ada, "GET", w.at(3)+"/explanation?scopes=users:read&user="+w.member.ID.String(), "")
}

func (w *walk) install() {
	ada := w.admin.ID.String()
	w.native(201, ada, "POST", w.at()+"/installations", fmt.Sprintf(`{"app": %q}`, w.apps[0].ID))
	w.native(409, ada, "POST", w.at()+"/installations", fmt.Sprintf(`{"app": %q}`, w.apps[0].ID))
	w.native(201, ada, "POST", "/orgs/"+w.enterprise.ID.String()+"/installations",
		fmt.Sprintf(`{"app": %q, "workspaces": [%q]}`, w.apps[5].ID, w.workspace.ID))
	w.native(200, ada, "GET", w.at()+"/installations", "")
	w.native(200, ada, "GET", w.at(0)+"/installation", "")
	w.native(200, ada, "PUT", "/orgs/"+w.enterprise.ID.String()+"/apps/"+w.apps[5].ID.String()+"/installation/workspaces", `{"workspaces": []}`)
	w.native(200, ada, "DELETE", w.at(0)+"/installation", "")
	w.native(200, ada, "DELETE", w.at(0)+"/installation", "")
	w.slack("ok", "admin.apps.uninstall", "app_id", w.app(5), "enterprise_id", w.top())
}

func (w *walk) webhooks() {
	hooks := "/apps/" + w.listener.ID.String() + "/webhooks"
	a := w.native(201, w.operator, "POST", hooks, `{"dialect": "native", "url": "https://hooks.example/1", "events": ["request.created"]}`)
	made := hooks + "/" + w.field(a, "id")
	w.native(200, w.operator, "GET", hooks, "")
	w.native(200, w.operator, "GET", made, "")
	w.native(200, w.operator, "PUT", made, `{"url": "https://hooks.example/2", "events": ["case.approved", "case.declined"], "paused": true}`)
	w.native(204, w.operator, "DELETE", made, "")
	w.native(404, w.operator, "GET", made, "")

	awaitDeliveries(w.t, w.server, w.company, w.hears)
	for _, hook := range []souk.Webhook{w.nativeHook, w.slackHook} {
		path := "/apps/" + hook.App.String() + "/webhooks/" + hook.ID.String() + "/deliveries"
		a := w.native(200, w.operator, "GET", path+"?limit=4", "")
		w.native(200, w.operator, "GET", path+"?status=successful&limit=50", "")
		w.native(200, w.operator, "GET", path+"/"+w.field(a, "items.0.id")+"/attempts", "")
	}
}

func (w *walk) strayed() {
	w.native(200, "", "GET", "/openapi.yaml", "")
	w.native(404, "", "GET", "/nowhere", "")
	w.native(204, "", "OPTIONS", w.at()+"/requests", "")
	w.native(401, "nobody's", "GET", "/me", "")
	w.slack("unknown_method", "admin.apps.destroy")
}

// received writes down what the receivers got, in the order of the events.
func (w *walk) received() {
	letters := w.hears.letters()
	all := make([]letter, 0, len(letters))
	for l := range letters {
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b letter) int { return strings.Compare(a.path+a.event, b.path+b.event) })
	if len(all) != 5+2+5 { // requests and approved cases natively, requests over Slack
		w.t.Errorf("%d letters", len(all))
	}
	for _, l := range all {
		for _, body := range letters[l] {
			fmt.Fprintf(&w.told, "%s\n%s\n\n", l.path, body)
		}
	}
}

// aside are ids, times and what hangs on them.
var aside = regexp.MustCompile(strings.Join([]string{
	`[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`, // ids
	`\b(?:Ar|Ev|EC|[ABETU])[0-9A-Z]{25}\b`,
	`"zoom_id":"[^"]+"`,
	`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z`, // times
	`\b1\d{9}(?:\.\d{6})?\b`,
	`"duration_us":\d+`,
	`cursor":"[^"]+"`,
	`cursor=[^\s&]+`,
	`whsec_[0-9A-Za-z+/=]+`,
	`"event_context":"[^"]+"`,
	`127\.0\.0\.1:\d+`,
}, "|"))

// times are those of them that no other line refers to.
var times = regexp.MustCompile(`^(?:\d{4}-\d\d-\d\dT|1\d{9}|"duration_us")`)

// plain replaces what differs between two walks by its number, in the order of
// first appearance: what was the same stays the same.
func plain(text string) string {
	numbers := map[string]int{}
	return aside.ReplaceAllStringFunc(text, func(s string) string {
		if times.MatchString(s) {
			return "<time>" // two may be the same by chance
		}
		if numbers[s] == 0 {
			numbers[s] = len(numbers) + 1
		}
		return fmt.Sprintf("<%d>", numbers[s])
	})
}
