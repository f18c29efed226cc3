package giosg

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"souk"
)

// attributesOf are the names in an object, sorted.
func attributesOf(t *testing.T, body string) []string {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &members); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return slices.Sorted(maps.Keys(members))
}

// first is the first row of a list, as it was sent.
func (o *company) first(t *testing.T, who, call string) string {
	t.Helper()
	l := into[listing[json.RawMessage]](t, o.call(t, who, call, ""), 200)
	if len(l.Results) == 0 {
		t.Fatalf("%s is empty", call)
	}
	return string(l.Results[0])
}

// The views of an app differ by what their readers may know.
func TestViewsOfAnApp(t *testing.T) {
	common := []string{
		"created_at", "description", "icon_asset", "icon_asset_id", "id", "installation_count", "is_app_user_required", "name",
		"owned_by_organization", "owned_by_organization_id", "updated_at",
	}
	owned := append([]string{
		"allowed_redirect_uris", "app_user_default_alias", "app_user_default_first_name", "app_user_default_last_name", "created_by_user",
		"created_by_user_id", "is_available_to_anyone", "is_available_to_partners", "privacy_policy_url", "required_scopes", "secret",
		"terms_of_service_url", "trigger_conditions", "trigger_url", "updated_by_user", "updated_by_user_id",
	}, common...)
	everyCompany(t, nil, func(t *testing.T, o *company) {
		e, _ := o.furnished(t)
		for _, tt := range []struct {
			list, item string
			want       []string
		}{
			{"GET /public_apps?ordering=created_at", "GET /public_apps/", append([]string{"required_scopes"}, common...)},
			{"GET /orgs/{orgs.shop}/partner_apps", "GET /orgs/{orgs.shop}/partner_apps/", append([]string{"required_scopes"}, common...)},
			{"GET /orgs/{orgs.shop}/installed_apps", "GET /orgs/{orgs.shop}/installed_apps/", append([]string{"trigger_conditions"}, common...)},
			{"GET /orgs/{orgs.shop}/owned_apps", "GET /orgs/{orgs.shop}/owned_apps/", owned},
		} {
			row := o.first(t, "kim", tt.list)
			slices.Sort(tt.want)
			if got := attributesOf(t, row); !slices.Equal(got, tt.want) {
				t.Errorf("%s has %q, want %q", tt.list, got, tt.want)
			}
			var n names
			if err := json.Unmarshal([]byte(row), &n); err != nil {
				t.Fatal(err)
			}
			if got := o.call(t, "kim", tt.item+n.ID.String(), ""); got.body != row {
				t.Errorf("%s: alone %s, listed %s", tt.item, got.body, row)
			}
		}
		own := into[ownedApp](t, o.call(t, "kim", e.at("GET "+ownApp), ""), 200)
		if own.Secret == nil || len(*own.Secret) != 40 || strings.Trim(*own.Secret, "0123456789abcdef") != "" {
			t.Errorf("the secret is %q", *own.Secret)
		}
		if !slices.Equal(own.TriggerConditions, []string{"install", "setup"}) || own.InstallationCount != 1 {
			t.Errorf("%+v", own)
		}
	})
}

// An app is public when its owner wishes it and the operator agrees, as long as
// both do.
func TestPublicApps(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.Apply(furnishings)
		wished := o.publishes(t, "sam", "shop", "Wished", `,"is_available_to_anyone":true`)
		private := o.publishes(t, "sam", "shop", "Private", "")
		seen := func() bool {
			t.Helper()
			item := o.call(t, "solveig", "GET /public_apps/"+wished.ID.String(), "")
			listed := strings.Contains(o.has(t, "solveig", "/public_apps"), "Wished")
			if (item.status == 200) != listed || !listed && item.body != detailText(unknownText) {
				t.Errorf("listed: %v, alone: %d %s", listed, item.status, item.body)
			}
			return listed
		}
		if seen() {
			t.Error("a wish is public")
		}
		decide := func(listing souk.Listing) {
			t.Helper()
			if _, err := o.Market.ListApp(t.Context(), souk.Operator("test"), wished.ID, listing); err != nil {
				t.Fatal(err)
			}
		}
		if decide(souk.Listed); !seen() {
			t.Error("an approved wish is not public")
		}
		if decide(souk.Submitted); seen() {
			t.Error("without approval it is public")
		}
		decide(souk.Listed)
		into[ownedApp](t, o.call(t, "sam", "PATCH /orgs/{orgs.shop}/owned_apps/"+wished.ID.String(), `{"is_available_to_anyone":false}`), 200)
		if seen() {
			t.Error("without the wish it is public")
		}
		for _, id := range []string{private.ID.String(), o.ID("apps.lunch").String(), "{nothing}", "vault"} {
			o.expect(t, "solveig", 404, detailText(unknownText), "GET /public_apps/"+id)
		}
	})
}

// A partner finds what is offered to it as long as the offer and the partnership
// last.
func TestPartnerApps(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.Apply(furnishings)
		app := o.publishes(t, "sam", "shop", "For friends", `,"is_available_to_partners":true`)
		item := "/owned_apps/" + app.ID.String()
		shows := func(when, want string) {
			t.Helper()
			if got := o.has(t, "solveig", "/orgs/{orgs.solo}/partner_apps"); got != want {
				t.Errorf("%s: %q", when, got)
			}
			status := map[bool]int{true: 200, false: 404}[want != ""]
			if got := o.call(t, "solveig", "GET /orgs/{orgs.solo}/partner_apps/"+app.ID.String(), ""); got.status != status {
				t.Errorf("%s: %d %s", when, got.status, got.body)
			}
		}
		shows("before", "")
		o.befriend(t, "sam", "shop", "solveig", "solo")
		shows("partners", "For friends")
		if got := o.has(t, "sam", "/orgs/{orgs.shop}/partner_apps"); got != "" {
			t.Errorf("one's own: %s", got)
		}
		o.call(t, "sam", "PATCH /orgs/{orgs.shop}"+item, `{"is_available_to_partners":false}`)
		shows("without the flag", "")
		o.call(t, "sam", "PATCH /orgs/{orgs.shop}"+item, `{"is_available_to_partners":true}`)
		shows("with the flag", "For friends")
		o.expect(t, "solveig", 204, "", "DELETE "+ofSolo+"/{orgs.shop}")
		shows("partners no more", "")
	})
}

// A new app is what was said of it, and nobody has it.
func TestCreatingApps(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		before := o.has(t, "sam", "/orgs/{orgs.shop}/installed_apps")
		icon := into[asset](t, o.hand(t, "sam", "POST "+shopAssets, icon("i.png", drawn(t, "png", 8, 8)), words("name", "i")), 201)
		reply := o.call(t, "kim", "POST /orgs/{orgs.shop}/owned_apps", `{"name":"  New & old ","description":7,"icon_asset_id":"`+strings.ToUpper(icon.ID.String())+`",
			"is_app_user_required":"yes","app_user_default_first_name":"A","app_user_default_last_name":"B","app_user_default_alias":null,
			"terms_of_service_url":"http://shop.example/t","privacy_policy_url":"https://shop.example/p","trigger_url":"https://shop.example/?a=b",
			"trigger_conditions":["uninstall","install","install"],"required_scopes":["users","reports","users"],
			"allowed_redirect_uris":["https://b.example/","https://a.example/"],"is_available_to_network":true,
			"id":"mine","secret":"mine","installation_count":7,"owned_by_organization_id":"{orgs.solo}","created_at":"1970-01-01T00:00:00.000Z","created_by_user_id":null}`)
		made := into[ownedApp](t, reply, 201)
		kim := `{"id":"{users.kim}","first_name":"Kim","last_name":"","full_name":"Kim","organization_id":"{orgs.shop}","avatar_id":null,"avatar":null,"is_bot":false}`
		want := o.fill(`{"id":"` + made.ID.String() + `","name":"New & old","description":"7","owned_by_organization_id":"{orgs.shop}",` +
			`"owned_by_organization":{"id":"{orgs.shop}","name":"Shop"},"icon_asset_id":"` + icon.ID.String() + `","icon_asset":{"id":"` + icon.ID.String() + `","url":"` + icon.URL + `"},` +
			`"is_available_to_anyone":false,"is_available_to_partners":false,"is_app_user_required":true,"app_user_default_first_name":"A",` +
			`"app_user_default_last_name":"B","app_user_default_alias":null,"terms_of_service_url":"http://shop.example/t",` +
			`"privacy_policy_url":"https://shop.example/p","trigger_url":"https://shop.example/?a=b","trigger_conditions":["install","uninstall"],` +
			`"required_scopes":["reports","users"],"allowed_redirect_uris":["https://b.example/","https://a.example/"],"installation_count":0,` +
			`"created_at":"` + made.CreatedAt + `","updated_at":"` + made.CreatedAt + `","created_by_user_id":"{users.kim}","created_by_user":` + kim +
			`,"updated_by_user_id":"{users.kim}","updated_by_user":` + kim + `,"secret":"` + *made.Secret + `"}`)
		if reply.body != want || reply.header.Get("Location") != "" {
			t.Errorf("made %s\nwant %s", reply.body, want)
		}
		if at, err := time.Parse("2006-01-02T15:04:05.000Z", made.CreatedAt); err != nil || time.Since(at) > time.Minute {
			t.Errorf("made at %s", made.CreatedAt)
		}
		if got := o.has(t, "sam", "/orgs/{orgs.shop}/installed_apps"); got != before {
			t.Errorf("installed are %s, before %s", got, before)
		}

		// PUT needs what is required and leaves what it does not name; PATCH names
		// what it changes. Neither changes the secret.
		item := "/orgs/{orgs.shop}/owned_apps/" + made.ID.String()
		put := into[ownedApp](t, o.call(t, "sam", "PUT "+item, newApp("Put", "")), 200)
		if put.Name != "Put" || put.TriggerURL == nil || len(put.RequiredScopes) != 2 || put.IconAssetID == nil || *put.Secret != *made.Secret ||
			put.UpdatedByUser.FirstName != "Sam" || put.CreatedByUser.FirstName != "Kim" || put.UpdatedAt < made.UpdatedAt || put.CreatedAt != made.CreatedAt {
			t.Errorf("put %+v", put)
		}
		for _, name := range []string{"name", "description", "is_app_user_required", "terms_of_service_url", "privacy_policy_url"} {
			got := o.call(t, "sam", "PUT "+item, strings.Replace(newApp("Put", ""), `"`+name+`"`, `"x"`, 1))
			if got.status != 400 || got.body != `{"`+name+`":["This field is required."]}` {
				t.Errorf("without %s: %d %s", name, got.status, got.body)
			}
		}
		patched := into[ownedApp](t, o.call(t, "sam", "PATCH "+item, `{"icon_asset_id":null,"trigger_url":null}`), 200)
		if patched.IconAsset != nil || patched.TriggerURL != nil || patched.Name != "Put" || *patched.Secret != *made.Secret {
			t.Errorf("patched %+v", patched)
		}
		if same := into[ownedApp](t, o.call(t, "sam", "PATCH "+item, `{}`), 200); same.Name != "Put" {
			t.Errorf("patched nothing: %+v", same)
		}
		if got := o.call(t, "sam", "PATCH "+item, `{"name":"Partners'","is_available_to_partners":true}`); got.status != 402 {
			t.Errorf("without the feature: %d %s", got.status, got.body)
		}
		if same := into[ownedApp](t, o.call(t, "sam", "GET "+item, ""), 200); same.Name != "Put" || same.IsAvailableToPartners {
			t.Errorf("after what was refused: %+v", same)
		}
	})
}

// Taking an app back from all partners leaves it to those it was shared with.
func TestPublicityTakenBack(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.Apply(furnishings)
		app := o.publishes(t, "sam", "shop", "App", `,"is_available_to_partners":true`)
		o.Apply("version: 1\norgs: {globex: {policy: open}}\n")
		o.befriend(t, "sam", "shop", "solveig", "solo")
		o.befriend(t, "sam", "shop", "gus", "globex")
		o.shares(t, "sam", "shop", app.ID, "solo")
		for _, at := range []struct{ who, org string }{{"solveig", "solo"}, {"gus", "globex"}, {"sam", "shop"}} {
			o.buys(t, at.who, at.org, app.ID)
		}
		changed := into[ownedApp](t, o.call(t, "sam", "PATCH /orgs/{orgs.shop}/owned_apps/"+app.ID.String(), `{"is_available_to_partners":false}`), 200)
		if changed.InstallationCount != 2 {
			t.Errorf("%d installations are left", changed.InstallationCount)
		}
		for _, at := range []struct{ who, org, left string }{
			{"solveig", "solo", "App App console"}, {"gus", "globex", "App console"}, {"sam", "shop", "App Clerk"},
		} {
			if got := o.has(t, at.who, "/orgs/{orgs."+at.org+"}/installed_apps"); got != at.left {
				t.Errorf("%s has %s, want %s", at.org, got, at.left)
			}
		}
	})
}

// With an app goes everything of it, wherever it is.
func TestDeletingApps(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		e, _ := o.furnished(t)
		v, err := o.Market.AppInstallation(t.Context(), o.As("sam"), e.ids[anOrg], e.ids[sold])
		if err != nil {
			t.Fatal(err)
		}
		token, err := mintToken(o.Market.Key, souk.Speaker{Installation: v.ID, App: v.App, Org: v.Installation.Org, User: v.AppUser}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if got := o.bearer(t, "GET /users/me", token); got.status != 200 {
			t.Errorf("the app user before: %d %s", got.status, got.body)
		}
		o.expect(t, "kim", 204, "", e.at("DELETE "+ownApp))
		o.expect(t, "kim", 404, detailText(unknownText), e.at("DELETE "+ownApp), e.at("GET "+ownApp), e.at("GET "+sold), e.at("GET "+ownHook),
			e.at("GET "+ownApp+"/webhook_log_entries"), e.at("GET "+anOrg+"/installed_apps/{app}"),
			e.at("GET "+anOrg+"/app_installations/")+e.ids[sold].String())
		if got := o.has(t, "kim", e.at(anOrg+"/installed_apps")); got != "Clerk Vault" {
			t.Errorf("installed is still %s", got)
		}
		if got := o.bearer(t, "GET /users/me", token); got.status != 401 {
			t.Errorf("the app user after: %d %s", got.status, got.body)
		}
	})
}
