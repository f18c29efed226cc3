package zoom

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"souk"
	"souk/souktest"
)

// walled has a body for every route under /v2, one that would do if all that it
// names were the caller's. {app}, {user}, {group}, {hook} and {account} stand for
// ids; those of the address come by themselves.
var walled = map[string][]string{
	"GET /v2/marketplace/apps":                                            {""},
	"GET /v2/marketplace/apps/{appId}":                                    {""},
	"GET /v2/marketplace/apps/{appId}/requests":                           {""},
	"POST /v2/marketplace/apps/{appId}/requests":                          {`{"action":"add_all"}`, `{"action":"add_user","user_ids":["{user}"]}`, `{"action":"add_group","group_ids":["{group}"]}`},
	"PATCH /v2/marketplace/apps/{appId}/requests":                         {`{"action":"approve_all"}`, `{"action":"decline_all"}`, `{"action":"approve","request_user_ids":["{user}"]}`, `{"action":"decline","request_user_ids":["{user}"]}`, `{"action":"cancel","request_user_ids":["{user}"]}`},
	"POST /v2/marketplace/apps/{appId}/preApprove":                        {`{"action":"approve_all"}`, `{"action":"disapprove_all"}`, `{"action":"approve_user","user_ids":["{user}"]}`, `{"action":"disapprove_user","user_ids":["{user}"]}`, `{"action":"approve_group","group_ids":["{group}"]}`, `{"action":"disapprove_group","group_ids":["{group}"]}`},
	"GET /v2/marketplace/users/{userId}/apps":                             {""},
	"PATCH /v2/marketplace/users/{userId}/apps/{appId}/subscription":      {`{"action":"enable"}`, `{"action":"disable"}`},
	"GET /v2/marketplace/apps/{appId}/webhook_logs":                       {""},
	"GET /v2/marketplace/apps/{appId}/api_call_logs":                      {""},
	"GET /v2/marketplace/users/{userId}/entitlements":                     {""},
	"GET /v2/marketplace/monetization/entitlements":                       {""},
	"POST /v2/marketplace/apps/{appId}/rotate_client_secret":              {`{"action":"new","revoke_old_secret_time":"now"}`},
	"POST /v2/marketplace/apps/manifest/validate":                         {`{"manifest":{},"app_id":"{app}"}`},
	"GET /v2/marketplace/apps/{appId}/manifest":                           {""},
	"PUT /v2/marketplace/apps/{appId}/manifest":                           {`{"manifest":{"display_information":{"display_name":"X"}}}`},
	"POST /v2/marketplace/apps":                                           {""},
	"DELETE /v2/marketplace/apps/{appId}":                                 {""},
	"POST /v2/marketplace/app/event_subscription":                         {`{"events":["app.authorization_request_created"],"event_webhook_url":"https://a.example","subscription_scope":"user","user_ids":["{user}"],"account_id":"{account}"}`},
	"GET /v2/marketplace/app/event_subscription":                          {""},
	"DELETE /v2/marketplace/app/event_subscription":                       {""},
	"PATCH /v2/marketplace/app/event_subscription/{eventSubscriptionId}":  {`{"account_id":"{account}","user_ids":["{user}"]}`},
	"DELETE /v2/marketplace/app/event_subscription/{eventSubscriptionId}": {""},
}

// queries are the addresses that name things behind a question mark.
var queries = map[string]string{
	"GET /v2/marketplace/app/event_subscription":    "?user_id={user}&account_id={account}",
	"DELETE /v2/marketplace/app/event_subscription": "?event_subscription_id={hook}&account_id={account}&user_ids={user}",
}

// mine and others are what placeholders stand for: the caller's, and another
// account's.
var (
	mine   = map[string]string{"{app}": "apps.notes", "{user}": "users.bo", "{group}": "groups.crew", "{account}": "orgs.acme"}
	others = map[string]string{"{app}": "apps.secret", "{user}": "users.gus", "{group}": "groups.globex-crew", "{hook}": "webhooks.deploybot.native", "{account}": "orgs.globex"}
)

func TestEveryRouteIsWalled(t *testing.T) {
	for _, r := range routes {
		if strings.HasPrefix(r.path, "/v2/") && walled[r.name()] == nil {
			t.Errorf("%s has no row in the wall", r.name())
		}
	}
}

// What is another's is answered like what nobody has, with the same bytes, and
// nothing changes.
func TestForeignIsUnknown(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		o.asks(t, "pat", "deploybot", "globex-plant")
		var scopes []string
		for _, r := range routes {
			scopes = append(scopes, r.scopes...)
		}
		ada := o.mint(t, souk.ZoomToken, "ada", souk.NewScopes(scopes...)...)
		spelled := func(call, body, place string, id souk.ID) string {
			text := strings.NewReplacer("{appId}", "{app}", "{userId}", "{user}", "{eventSubscriptionId}", "{hook}").Replace(call)
			fill := func(s string) string {
				s = strings.ReplaceAll(s, place, id.Zoom())
				for name, own := range mine {
					s = strings.ReplaceAll(s, name, o.id(own).Zoom())
				}
				return strings.ReplaceAll(s, "{hook}", o.ID("webhooks.deploybot.slack").Zoom())
			}
			got := o.call(t, ada, fill(text), fill(body))
			if got.status < 400 && !strings.Contains(got.text, `"ok":false`) {
				t.Errorf("%s %s, %s: %d %s", call, body, place, got.status, got.text)
			}
			for _, name := range []string{"Date", "X-Request-Id", "X-Zm-Trackingid", "Content-Length", "X-Ratelimit-Remaining"} {
				got.header.Del(name)
			}
			return strings.ReplaceAll(fmt.Sprint(got.status, got.text, http.Header(got.header)), id.Zoom(), "<id>")
		}
		check := souktest.Unchanged(t, o.address)
		probes := 0
		for _, r := range routes {
			for _, body := range walled[r.name()] {
				call := r.name() + queries[r.name()]
				places := strings.NewReplacer("{appId}", "{app}", "{userId}", "{user}", "{eventSubscriptionId}", "{hook}").Replace(call) + body
				for place, foreign := range others {
					if !strings.Contains(places, place) {
						continue
					}
					probes++
					theirs, nobodys := spelled(call, body, place, o.id(foreign)), spelled(call, body, place, souk.NewID())
					if theirs != nobodys {
						t.Errorf("%s %s, %s:\nanother's %s\nnobody's  %s", call, body, place, theirs, nobodys)
					}
				}
			}
		}
		if probes < 25 {
			t.Errorf("only %d probes", probes)
		}
		check("naming what is another's")
	})
}

// In their own account people meet nothing of the others'.
func TestNothingShowsThroughTheWall(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		for _, app := range []string{"notes", "deploybot"} {
			o.asks(t, "bo", app, "sales")
		}
		o.ok(t, 204, o.admin(t, "ada"), "PATCH /marketplace/apps/{apps.deploybot}/requests", `{"action":"approve_all"}`)
		theirs := []string{"Bench", "Lunch", "Lind", "acme", "Ada", "because", o.ID("users.bo").Zoom(), o.ID("users.ada").Zoom(), o.ID("apps.bench").Zoom()}
		calls := []string{"GET /marketplace/apps/{apps.notes}", "GET /marketplace/users/me/apps", "GET /marketplace/users/me/apps?type=past_requests"}
		for which := range appLists {
			calls = append(calls, "GET /marketplace/apps?type="+which)
		}
		for _, status := range []string{"pending", "approved", "rejected"} {
			calls = append(calls, "GET /marketplace/apps/{apps.notes}/requests?status="+status, "GET /marketplace/apps/{apps.deploybot}/requests?status="+status)
		}
		slices.Sort(calls)
		for _, call := range calls {
			got := o.ok(t, 200, o.admin(t, "solveig"), call, "")
			for _, text := range theirs {
				if strings.Contains(got.text, text) {
					t.Errorf("%s shows %s: %s", call, text, got.text)
				}
			}
			if strings.Contains(got.text, "request_id") {
				t.Errorf("%s counts a case of another's: %s", call, got.text)
			}
		}
	})
}
