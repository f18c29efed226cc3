package giosg

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"souk"
)

// promise is what one endpoint promises: the statuses that it answers with, and
// those that it never does.
type promise struct {
	id, call string
	ok       int

	// cells are, in this order, 400, 401, 402, 403 without a subscription, 403
	// without access, 403 without the permission, 404. A status marked - never
	// comes; the others, S or P by where they are written down, do.
	cells string

	refused string // methods that are 405 there

	body   string   // that is taken; see estate.say
	bad    []string // bodies that are 400, besides those that are no JSON
	unpaid string   // body that is 402
	form   bool     // the body is a form with an icon
	spends []string // what is made again after a call that was taken
	undo   string   // where what a call made is deleted, to be made again
}

// aHook and aShare are what is sent to make one.
const (
	aHook  = `{"endpoint_url":"https://shop.example/","channel_subscriptions":[]}`
	aShare = `{"app_id":"{app}","organization_id":"{orgs.globex}"}`
	reads  = "POST PUT PATCH DELETE"
)

// ownThings are what goes with an app.
var ownThings = []string{ownApp, ownHook, sold, anOrg + "/installed_apps/{app}"}

// promises are docs/dialects/giosg.md as a table.
var promises = []promise{
	{id: "E1", call: "GET /public_apps", ok: 200, cells: "- S - S - S P", refused: reads},
	{id: "E2", call: "GET /public_apps/{app}", ok: 200, cells: "- S - S - S S", refused: reads},
	{id: "E3", call: "GET /orgs/{org}/partner_apps", ok: 200, cells: "- S - S P S P", refused: reads},
	{id: "E4", call: "GET /orgs/{org}/partner_apps/{app}", ok: 200, cells: "- S - S P S S", refused: reads},
	{id: "E5", call: "GET /orgs/{org}/owned_apps", ok: 200, cells: "- S - S S S P", refused: "PUT PATCH DELETE"},
	{
		id: "E6", call: "POST /orgs/{org}/owned_apps", ok: 201, cells: "S S P S S S -", refused: "PUT PATCH DELETE",
		body: newApp("New", ""), unpaid: newApp("New", `,"is_available_to_partners":true`),
		bad: slices.Concat(badApps, badNewApps, []string{newApp("New", `,"is_app_user_required":true,"app_user_default_first_name":"A"`)}),
	},
	{id: "E7", call: "GET /orgs/{org}/owned_apps/{app}", ok: 200, cells: "- S - S S S S", refused: "POST"},
	{
		id: "E8a", call: "PUT /orgs/{org}/owned_apps/{app}", ok: 200, cells: "S S S S S S S", refused: "POST",
		body: newApp("Whole", ""), unpaid: newApp("Whole", `,"is_available_to_anyone":true`), bad: slices.Concat(badApps, badNewApps),
	},
	{
		id: "E8b", call: "PATCH /orgs/{org}/owned_apps/{app}", ok: 200, cells: "S S S S S S S", refused: "POST",
		body: `{}`, unpaid: `{"is_available_to_partners":true}`, bad: badApps,
	},
	{id: "E9", call: "DELETE /orgs/{org}/owned_apps/{app}", ok: 204, cells: "- S - S S S S", refused: "POST", spends: ownThings},
	{id: "E10", call: "GET /orgs/{org}/installed_apps", ok: 200, cells: "- S - S S S P", refused: reads},
	{id: "E11", call: "GET /orgs/{org}/installed_apps/{app}", ok: 200, cells: "- S - S S S S", refused: reads},
	{id: "E12", call: "GET /orgs/{org}/app_installations", ok: 200, cells: "- S - S S S P", refused: "PUT PATCH DELETE"},
	{id: "E13", call: "GET /orgs/{org}/app_installations/{installation}", ok: 200, cells: "- S - S S S S", refused: "POST PUT PATCH"},
	{id: "E14", call: "GET /orgs/{org}/owned_apps/{app}/installations", ok: 200, cells: "- S - S S S P", refused: reads},
	{id: "E15", call: "GET /orgs/{org}/owned_apps/{app}/installations/{installation}", ok: 200, cells: "- S - S S S S", refused: "POST PUT PATCH"},
	{
		id: "E16", call: "DELETE /orgs/{org}/owned_apps/{app}/installations/{installation}", ok: 204, cells: "- S - S S S S",
		refused: "POST PUT PATCH", spends: []string{sold},
	},
	{id: "E17", call: "GET /orgs/{org}/owned_apps/{app}/webhooks", ok: 200, cells: "- S - S S S P", refused: "PUT PATCH DELETE"},
	{
		id: "E18", call: "POST /orgs/{org}/owned_apps/{app}/webhooks", ok: 201, cells: "S S - S S S S", refused: "PUT PATCH DELETE",
		body: aHook, bad: slices.Concat(badHooks, []string{`{"channel_subscriptions":[]}`}),
	},
	{id: "E19", call: "GET /orgs/{org}/owned_apps/{app}/webhooks/{webhook}", ok: 200, cells: "- S - S S S S", refused: "POST"},
	{
		id: "E20a", call: "PUT /orgs/{org}/owned_apps/{app}/webhooks/{webhook}", ok: 200, cells: "S S - S S S S", refused: "POST",
		body: aHook, bad: slices.Concat(badHooks, []string{`{"channel_subscriptions":[]}`}),
	},
	{
		id: "E20b", call: "PATCH /orgs/{org}/owned_apps/{app}/webhooks/{webhook}", ok: 200, cells: "S S - S S S S", refused: "POST",
		body: `{}`, bad: badHooks,
	},
	{
		id: "E21", call: "DELETE /orgs/{org}/owned_apps/{app}/webhooks/{webhook}", ok: 204, cells: "- S - S S S S", refused: "POST",
		spends: []string{ownHook},
	},
	{id: "E22", call: "GET /orgs/{org}/owned_apps/{app}/webhook_log_entries", ok: 200, cells: "- S - S S S P", refused: reads},
	{
		id: "X1", call: "POST /orgs/{org}/app_installations", ok: 201, cells: "P P P P P P -", refused: "PUT PATCH DELETE",
		body: `{"app_id":"{apps.deploybot}","is_terms_accepted":true}`, unpaid: `{"app_id":"{apps.console}","is_terms_accepted":true}`,
		bad:  []string{`{"is_terms_accepted":true}`, `{"app_id":"{nothing}","is_terms_accepted":true}`, `{"app_id":"{apps.console}"}`},
		undo: anOrg + "/app_installations/",
	},
	{
		id: "X2", call: "DELETE /orgs/{org}/app_installations/{installation}", ok: 204, cells: "- P - P P P P", refused: "POST PUT PATCH",
		spends: []string{bought},
	},
	{id: "X3", call: "GET /users/me", ok: 200, cells: "- S - - - - -", refused: reads},
	{id: "X4a", call: "GET /orgs/{org}", ok: 200, cells: "- P - P P - -", refused: reads},
	{id: "X4b", call: "GET /orgs/{org}/users", ok: 200, cells: "- P - P P - P", refused: reads},
	{id: "X4c", call: "GET /orgs/{org}/users/{user}", ok: 200, cells: "- P - P P - P", refused: reads},
	{id: "X5a", call: "GET /orgs/{org}/assets", ok: 200, cells: "- P - P P - P", refused: "PUT PATCH DELETE"},
	{id: "X5b", call: "POST /orgs/{org}/assets", ok: 201, cells: "P P - P P P -", refused: "PUT PATCH DELETE", form: true},
	{id: "X5c", call: "GET /orgs/{org}/assets/{asset}", ok: 200, cells: "- P - P P - P", refused: "POST PUT PATCH"},
	{id: "X5d", call: "DELETE /orgs/{org}/assets/{asset}", ok: 204, cells: "- P - P P P P", refused: "POST PUT PATCH", spends: []string{anIcon}},
	{id: "X6a", call: "GET /orgs/{org}/partnerships", ok: 200, cells: "- S - S S - P", refused: reads},
	{id: "X6b", call: "GET /orgs/{org}/partnerships/{partner}", ok: 200, cells: "- S - S S - S", refused: "POST PUT"},
	{
		id: "X6c", call: "PATCH /orgs/{org}/partnerships/{partner}", ok: 200, cells: "P P - P P P P", refused: "POST PUT",
		body: `{"display_name":"Friends"}`, bad: []string{`{"display_name":""}`},
	},
	{
		id: "X6d", call: "DELETE /orgs/{org}/partnerships/{partner}", ok: 204, cells: "- P - P P P P", refused: "POST PUT",
		spends: []string{anAlly, toAlly, byAlly},
	},
	{id: "X7a", call: "GET /orgs/{org}/outgoing_partnership_invitations", ok: 200, cells: "- P - P P P P", refused: "PUT PATCH DELETE"},
	{
		id: "X7b", call: "POST /orgs/{org}/outgoing_partnership_invitations", ok: 201, cells: "P P - P P P -", refused: "PUT PATCH DELETE",
		body: `{"invited_organization_id":"{orgs.sales}"}`, bad: []string{`{}`, `{"invited_organization_id":"{org}"}`},
		undo: anOrg + "/outgoing_partnership_invitations/",
	},
	{id: "X7c", call: "GET " + letOut, ok: 200, cells: "- P - P P P P", refused: "POST PUT PATCH"},
	{id: "X7d", call: "DELETE " + letOut, ok: 204, cells: "- P - P P P P", refused: "POST PUT PATCH", spends: []string{letOut}},
	{id: "X7e", call: "GET /orgs/{org}/incoming_partnership_invitations", ok: 200, cells: "- P - P P P P", refused: reads},
	{id: "X7f", call: "GET " + letIn, ok: 200, cells: "- P - P P P P", refused: "POST PUT PATCH"},
	{id: "X7g", call: "DELETE " + letIn, ok: 204, cells: "- P - P P P P", refused: "POST PUT PATCH", spends: []string{letIn}},
	{id: "X7h", call: "POST " + letIn + "/accept", ok: 200, cells: "- P - P P P P", refused: "GET PUT PATCH DELETE", spends: []string{letIn}},
	{id: "X8a", call: "GET /orgs/{org}/outgoing_app_shares", ok: 200, cells: "- P - P P P P", refused: "PUT PATCH DELETE"},
	{
		id: "X8b", call: "POST /orgs/{org}/outgoing_app_shares", ok: 201, cells: "P P P P P P -", refused: "PUT PATCH DELETE",
		body: aShare, unpaid: aShare, bad: []string{`{"app_id":"{app}"}`, `{"app_id":"{app}","organization_id":"{nothing}"}`},
		undo: anOrg + "/outgoing_app_shares/",
	},
	{id: "X8c", call: "GET " + toAlly, ok: 200, cells: "- P - P P P P", refused: "POST PUT PATCH"},
	{id: "X8d", call: "DELETE " + toAlly, ok: 204, cells: "- P - P P P P", refused: "POST PUT PATCH", spends: []string{toAlly}},
	{id: "X8e", call: "GET /orgs/{org}/incoming_app_shares", ok: 200, cells: "- P - P P P P", refused: reads},
	{id: "X8f", call: "GET " + byAlly, ok: 200, cells: "- P - P P P P", refused: "POST PUT PATCH"},
	{id: "X8g", call: "DELETE " + byAlly, ok: 204, cells: "- P - P P P P", refused: "POST PUT PATCH", spends: []string{byAlly}},
}

// Bodies that are refused: of any app, of one that must be whole, of webhooks.
var (
	badApps = []string{
		`[]`, `{"name":""}`, `{"name":null}`, `{"name":"` + strings.Repeat("x", 76) + `"}`, `{"trigger_conditions":["lunch"]}`,
		`{"required_scopes":["chat:write"]}`, `{"allowed_redirect_uris":["http://shop.example/"]}`, `{"icon_asset_id":"{nothing}"}`,
		`{"is_app_user_required":true,"app_user_default_first_name":null}`,
	}
	badNewApps = []string{
		`{}`, strings.Replace(newApp("New", ""), `"name"`, `"x"`, 1), strings.Replace(newApp("New", ""), `"description"`, `"x"`, 1),
		strings.Replace(newApp("New", ""), `"is_app_user_required"`, `"x"`, 1), strings.Replace(newApp("New", ""), `"terms_of_service_url"`, `"x"`, 1),
		strings.Replace(newApp("New", ""), `"privacy_policy_url"`, `"x"`, 1),
	}
	badHooks = []string{
		`{"endpoint_url":""}`, `{"endpoint_url":"https://shop.example/","channel_subscriptions":[{"channel_pattern":"` + chats + `"}]}`,
		`{"endpoint_url":"https://shop.example/","channel_subscriptions":[` + subscribe("/api/v5/public_apps") + `]}`,
	}
)

// Every route has a promise.
func TestEveryRouteIsPromised(t *testing.T) {
	var served, promised []string
	for _, r := range routes {
		served = append(served, r.name())
	}
	for _, p := range promises {
		promised = append(promised, p.call)
	}
	slices.Sort(served)
	slices.Sort(promised)
	if !slices.Equal(served, promised) {
		t.Errorf("served are %q\npromised are %q", served, promised)
	}
}

// Every endpoint answers with what it promises, and with nothing else where a
// call can try.
func TestConformance(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		e, _ := o.furnished(t)
		for _, p := range promises {
			e.keep(t, p)
			e.refusals(t, p)
			e.faults(t, p)
			e.absences(t, p)
			e.methods(t, p)
		}
		e.unpaid(t)
	})
}

// The columns of a promise.
const (
	badRequest = iota
	unauthorized
	paymentRequired
	noSubscription
	noAccessThere
	noPermission
	absent
)

// has reports whether a promise has a status.
func (p promise) has(column int) bool { return strings.Fields(p.cells)[column] != "-" }

// send makes the call of a promise, with a body in place of its own.
func (e *estate) send(t *testing.T, who string, p promise, call, body string) reply {
	t.Helper()
	return e.company.send(t, e.promised(t, who, p, call, body))
}

// promised is the call of a promise, with a body in place of its own.
func (e *estate) promised(t *testing.T, who string, p promise, call, body string) *http.Request {
	t.Helper()
	if p.form && body == "" {
		contentType, form := iconForm(t)
		r := e.request(t, who, e.at(call), form)
		r.Header.Set("Content-Type", contentType)
		return r
	}
	return e.request(t, who, e.at(call), e.say(body))
}

// restore makes a call that was taken possible once more.
func (e *estate) restore(t *testing.T, p promise, taken reply) {
	t.Helper()
	e.renew(t, p.spends...)
	if p.undo != "" {
		made := into[names](t, taken, p.ok)
		e.expect(t, e.owner, 204, "", e.at("DELETE "+p.undo)+made.ID.String())
	}
}

// keep makes the call that is taken.
func (e *estate) keep(t *testing.T, p promise) reply {
	t.Helper()
	got := e.send(t, "kim", p, p.call, p.body)
	if got.status != p.ok || (got.body == "") != (p.ok == http.StatusNoContent) {
		t.Errorf("%s %s: %d %s, want %d", p.id, p.call, got.status, got.body, p.ok)
	}
	e.restore(t, p, got)
	return got
}

// refusals calls as those who may not.
func (e *estate) refusals(t *testing.T, p promise) {
	t.Helper()
	for _, caller := range []struct {
		who    string
		column int
		status int
		said   string
	}{
		{"", unauthorized, 401, anonymousText},
		{"lars", noSubscription, 403, lapsedText},
		{"solveig", noAccessThere, 403, strangerText},
		{"gone", noPermission, 403, powerlessText},
	} {
		got := e.send(t, caller.who, p, p.call, p.body)
		if told := got.status == caller.status && got.body == detailText(caller.said); told != p.has(caller.column) {
			t.Errorf("%s %s by %q: %d %s", p.id, p.call, caller.who, got.status, got.body)
		}
		if !p.has(caller.column) && got.status != p.ok {
			t.Errorf("%s %s by %q: %d %s, want %d", p.id, p.call, caller.who, got.status, got.body, p.ok)
		}
	}
}

// faults sends what cannot be read, or not be taken.
func (e *estate) faults(t *testing.T, p promise) {
	t.Helper()
	if p.has(badRequest) {
		for _, body := range append([]string{"{"}, p.bad...) {
			if got := e.send(t, "kim", p, p.call, body); got.status != 400 && !p.form || p.form && got.status != 415 {
				t.Errorf("%s %s %s: %d %s, want 400", p.id, p.call, body, got.status, got.body)
			}
		}
		if p.form {
			if got := e.hand(t, "kim", e.at(p.call), words("name", "x")); got.status != 400 {
				t.Errorf("%s %s without a file: %d %s", p.id, p.call, got.status, got.body)
			}
		}
		return
	}
	got := e.send(t, "kim", p, p.call, "{")
	if got.status != p.ok {
		t.Errorf("%s %s with a body: %d %s, want %d", p.id, p.call, got.status, got.body, p.ok)
	}
	e.restore(t, p, got)
}

// absences asks for what is not there: each id of the address in turn, and a
// place in a list. Where there is neither, nothing is missing.
func (e *estate) absences(t *testing.T, p promise) {
	t.Helper()
	method, path, _ := strings.Cut(p.call, " ")
	if !p.has(absent) {
		got := e.send(t, "kim", p, p.call+"?cursor=x", p.body)
		if got.status != p.ok {
			t.Errorf("%s %s?cursor=x: %d %s", p.id, p.call, got.status, got.body)
		}
		e.restore(t, p, got)
		return
	}
	missing := map[string]string{}
	for _, place := range placesOf(path) {
		if place != anOrg {
			missing[e.at(p.call, map[string]souk.ID{place: souk.NewID()})] = unknownText
		}
	}
	if method == "GET" && !strings.HasSuffix(path, "}") {
		missing[p.call+"?cursor=x"] = "Invalid cursor"
	}
	for call, said := range missing {
		if got := e.send(t, "kim", p, call, p.body); got.status != 404 || got.body != detailText(said) {
			t.Errorf("%s %s: %d %s, want 404 %s", p.id, call, got.status, got.body, said)
		}
	}
	if len(missing) == 0 {
		t.Errorf("%s %s: nothing can be missing", p.id, p.call)
	}
}

// placesOf are the places of ids in a path, by all that stands before them.
func placesOf(path string) (places []string) {
	for i, c := range path {
		if c == '}' {
			places = append(places, path[:i+1])
		}
	}
	return places
}

// methods tries those that an address does not have.
func (e *estate) methods(t *testing.T, p promise) {
	t.Helper()
	_, path, _ := strings.Cut(p.call, " ")
	var allowed []string
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		if !slices.Contains(strings.Fields(p.refused), method) {
			allowed = append(allowed, method)
		}
	}
	if slices.Contains(allowed, "GET") {
		allowed = append(allowed, "HEAD")
	}
	allow := strings.Join(append(allowed, "OPTIONS"), ", ")
	for method := range strings.FieldsSeq(p.refused) {
		got := e.call(t, "kim", e.at(method+" "+path), "")
		if got.status != 405 || got.header.Get("Allow") != allow || got.body != detailText(`Method \"`+method+`\" not allowed.`) {
			t.Errorf("%s %s %s: %d %s, Allow %q, want %q", p.id, method, path, got.status, got.body, got.header.Get("Allow"), allow)
		}
	}
}

// unpaid calls on behalf of an organization that has no features.
func (e *estate) unpaid(t *testing.T) {
	t.Helper()
	pays := func(features souk.Entitlements) {
		features.HasActiveSubscription = true
		if _, err := e.Market.SetEntitlements(t.Context(), souk.Operator("test"), e.ids[anOrg], features); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range promises {
		pays(souk.Entitlements{})
		body := p.body
		if p.has(paymentRequired) {
			body = p.unpaid
		}
		got := e.send(t, "kim", p, p.call, body)
		if (got.status == 402) != p.has(paymentRequired) || got.status == 402 && !strings.HasPrefix(got.body, `{"detail":"Your organization does not have the `) {
			t.Errorf("%s %s without features: %d %s", p.id, p.call, got.status, got.body)
		}
		pays(souk.Entitlements{HasAppsFeature: true, IsAppProvider: true})
		if got.status == p.ok {
			e.restore(t, p, got)
		}
	}
}
