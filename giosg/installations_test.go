package giosg

import (
	"strings"
	"testing"

	"souk"
	"souk/market"
)

// An installation is the same from both ends.
func TestInstallations(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		e, solo := o.furnished(t)
		reply := o.call(t, "kim", e.at("GET "+sold), "")
		i := into[installation](t, reply, 200)
		app := o.call(t, "kim", e.at("GET "+anOrg+"/installed_apps/{app}"), "").body
		want := o.fill(`{"id":"` + e.ids[sold].String() + `","organization_id":"{orgs.shop}","organization":{"id":"{orgs.shop}","name":"Shop"},` +
			`"app_id":"` + e.ids[ownApp].String() + `","app":` + app + `,"app_user_id":"` + i.AppUserID.String() + `","app_user":{"id":"` + i.AppUserID.String() +
			`","first_name":"Own","last_name":"Bot","full_name":"Own Bot","organization_id":"{orgs.shop}","avatar_id":null,"avatar":null,"is_bot":true},` +
			`"allowed_scopes":["settings"],"created_at":"` + i.CreatedAt + `","updated_at":"` + i.UpdatedAt + `"}`)
		if reply.body != want {
			t.Errorf("it is %s\nwant  %s", reply.body, want)
		}
		o.expect(t, "kim", 200, want, e.at("GET "+anOrg+"/app_installations/")+i.ID.String())
		o.expect(t, "kim", 200, `{"next":null,"previous":null,"results":[`+want+`]}`, e.at("GET "+ownApp+"/installations"))
		if v := into[installation](t, o.call(t, "kim", e.at("GET "+bought), ""), 200); v.AppUser != nil || v.AppUserID != nil || v.App.ID != o.ID("apps.vault") {
			t.Errorf("without an app user: %+v", v)
		}
		for _, call := range []string{"GET ", "DELETE "} {
			o.expect(t, "solveig", 404, detailText(unknownText), solo.at(call+anOrg+"/app_installations/")+i.ID.String(),
				solo.at(call+ownApp+"/installations/")+i.ID.String(), solo.at(call+ownApp+"/installations/{orgs.shop}"))
		}
		if got := o.call(t, "kim", e.at("GET "+anOrg+"/installed_apps/")+o.ID("apps.deploybot").String(), ""); got.status != 404 {
			t.Errorf("an app that is not installed: %d %s", got.status, got.body)
		}
	})
}

// Who installs is told what stands in the way, in the words of the wire.
func TestInstalling(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.Apply(furnishings)
		unnamed := o.publishes(t, "sam", "shop", "Unnamed", `,"required_scopes":["users","settings"]`)
		into[ownedApp](t, o.call(t, "sam", "PATCH /orgs/{orgs.shop}/owned_apps/{apps.clerk}", `{"app_user_default_alias":"C"}`), 200)
		app := unnamed.ID.String()
		const noApp = `{"app_id":["Invalid pk \"%s\" - object does not exist."]}`
		for _, tt := range []struct {
			body   string
			status int
			said   string
		}{
			{`{"app_id":"` + app + `"}`, 400, `{"is_terms_accepted":["This field is required."]}`},
			{`{"app_id":"` + app + `","is_terms_accepted":false}`, 400, `{"is_terms_accepted":["The terms must be accepted."]}`},
			{`{"app_id":"` + app + `","is_terms_accepted":true,"allowed_scopes":["users"]}`, 400, `{"allowed_scopes":["These must be exactly the required scopes of the app."]}`},
			{`{"app_id":"{apps.lunch}","is_terms_accepted":true}`, 400, strings.Replace(noApp, "%s", "{apps.lunch}", 1)},
			{`{"app_id":"{orgs.shop}","is_terms_accepted":true}`, 400, strings.Replace(noApp, "%s", "{orgs.shop}", 1)},
			{buying(o.ID("apps.clerk")), 400, `{"app_id":["This app is already installed."]}`},
		} {
			got := o.call(t, "kim", "POST /orgs/{orgs.shop}/app_installations", tt.body)
			if got.status != tt.status || got.body != o.fill(tt.said) {
				t.Errorf("%s: %d %s, want %s", tt.body, got.status, got.body, o.fill(tt.said))
			}
		}
		first := into[installation](t, o.call(t, "kim", "POST /orgs/{orgs.shop}/app_installations",
			`{"app_id":"`+app+`","is_terms_accepted":true,"allowed_scopes":["settings","users"]}`), 201)
		if strings.Join(first.AllowedScopes, " ") != "settings users" || first.AppUser != nil {
			t.Errorf("installed %+v", first)
		}
		bot := into[installation](t, o.call(t, "kim", "POST /orgs/{orgs.shop}/app_installations",
			`{"app_id":"{apps.deploybot}","is_terms_accepted":true,"app_user_first_name":"Shippy"}`), 201)
		if bot.AppUser == nil || bot.AppUser.FullName != "Shippy Bot" || !bot.AppUser.IsBot || bot.AppUser.OrganizationID != o.ID("orgs.shop") {
			t.Errorf("the app user is %+v", bot.AppUser)
		}

		// Uninstalling by the installer: gone, and anew under another id.
		const all = "/orgs/{orgs.shop}/installed_apps"
		item := "/orgs/{orgs.shop}/app_installations/" + bot.ID.String()
		o.expect(t, "kim", 204, "", "DELETE "+item)
		o.expect(t, "kim", 404, detailText(unknownText), "DELETE "+item, "GET "+item)
		if got := o.has(t, "kim", all); got != "Clerk Unnamed" {
			t.Errorf("installed are %s", got)
		}
		if u := into[user](t, o.call(t, "kim", "GET /orgs/{orgs.shop}/users/"+bot.AppUserID.String(), ""), 200); !u.IsDeleted {
			t.Errorf("its app user is %+v", u)
		}
		again := into[installation](t, o.call(t, "kim", "POST /orgs/{orgs.shop}/app_installations", buying(o.ID("apps.deploybot"))), 201)
		if again.ID == bot.ID || *again.AppUserID == *bot.AppUserID {
			t.Errorf("again: %+v", again)
		}
	})
}

// An owner parts from an installer, whom they name by the installation or by the
// organization.
func TestUninstallingFrom(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.Apply(furnishings)
		o.befriend(t, "sam", "shop", "solveig", "solo")
		app := o.publishes(t, "sam", "shop", "App", `,"is_available_to_partners":true`)
		other := o.publishes(t, "sam", "shop", "Other", `,"is_available_to_partners":true`)
		o.buys(t, "solveig", "solo", other.ID)
		installations := "/orgs/{orgs.shop}/owned_apps/" + app.ID.String() + "/installations"
		for _, byOrg := range []bool{false, true} {
			id := o.buys(t, "solveig", "solo", app.ID)
			if seen := into[listing[installation]](t, o.call(t, "sam", "GET "+installations, ""), 200).Results; len(seen) != 1 || seen[0].ID != id || seen[0].Organization.Name != "Solo" {
				t.Errorf("the owner sees %+v", seen)
			}
			path := installations + "/" + id.String()
			if byOrg {
				path = installations + "/{orgs.solo}"
			}
			o.expect(t, "sam", 204, "", "DELETE "+path)
			o.expect(t, "sam", 404, detailText(unknownText), "DELETE "+path, "GET "+path)
			o.expect(t, "solveig", 404, detailText(unknownText), "GET /orgs/{orgs.solo}/app_installations/"+id.String())
			if got := o.has(t, "solveig", "/orgs/{orgs.solo}/installed_apps"); got != "App console Other" {
				t.Errorf("left is %s", got)
			}
		}
	})
}

// What an organization decided about an app is what somebody who installs it is
// told.
func TestInstallingUnderRules(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		buy := func(who string) reply {
			t.Helper()
			return o.call(t, who, "POST /orgs/{orgs.solo}/app_installations", buying(o.ID("apps.vault")))
		}
		rule := func(policy souk.Policy) {
			t.Helper()
			o.Apply("version: 1\norgs: {solo: {policy: " + string(policy) + "}}\n")
		}
		// Somebody other than an admin has to ask.
		o.Apply("version: 1\nusers: {nils: {memberships: [{org: solo, permissions: [settings]}]}}\n")
		answer := buy("nils")
		asked := into[requested](t, answer, 202)
		if asked.Detail != "Approval requested." || asked.RequestID.IsZero() || asked.CaseID.IsZero() {
			t.Errorf("asked: %s", answer.body)
		}
		if again := buy("nils"); again.status != 202 || again.body != answer.body {
			t.Errorf("asked again: %d %s, at first %s", again.status, again.body, answer.body)
		}
		if got := o.has(t, "solveig", "/orgs/{orgs.solo}/installed_apps"); got != "App console" {
			t.Errorf("asking installed %s", got)
		}
		if _, err := o.Market.Approve(t.Context(), o.As("solveig"), market.Decision{Request: asked.RequestID}); err != nil {
			t.Fatal(err)
		}
		if got := o.has(t, "solveig", "/orgs/{orgs.solo}/installed_apps"); got != "App console Vault" {
			t.Errorf("approving left %s", got)
		}
		if _, err := o.Market.Restrict(t.Context(), o.As("solveig"), market.Decision{App: o.ID("apps.vault"), At: o.ID("orgs.solo")}); err != nil {
			t.Fatal(err)
		}
		if got := buy("nils"); got.status != 403 || got.body != detailText("This app is restricted by your organization.") {
			t.Errorf("restricted: %d %s", got.status, got.body)
		}
		if got := o.call(t, "solveig", "GET /public_apps/{apps.vault}", ""); got.status != 200 {
			t.Errorf("restricted, its page is %d %s", got.status, got.body)
		}
		if got := o.has(t, "solveig", "/orgs/{orgs.solo}/installed_apps"); got != "App console Vault" {
			t.Errorf("restricting left %s", got)
		}
		if err := o.Market.Clear(t.Context(), o.As("solveig"), market.Clearing{App: o.ID("apps.vault"), At: o.ID("orgs.solo")}); err != nil {
			t.Fatal(err)
		}
		rule(souk.Closed)
		o.expect(t, "solveig", 204, "", "DELETE /orgs/{orgs.solo}/app_installations/"+into[listing[installation]](t,
			o.call(t, "solveig", "GET /orgs/{orgs.solo}/app_installations", ""), 200).Results[0].ID.String())
		if got := buy("nils"); got.status != 403 || got.body != detailText("This app is not open to requests in your organization.") {
			t.Errorf("closed: %d %s", got.status, got.body)
		}
		rule(souk.Open)
		if got := buy("nils"); got.status != 201 {
			t.Errorf("open: %d %s", got.status, got.body)
		}
	})
}
