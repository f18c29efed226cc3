package zoom

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"souk/market"
)

// apps are those of a page, by name.
func (r reply) list(of, name string) (names []string) {
	rows, _ := r.body[of].([]any)
	for _, row := range rows {
		names = append(names, fmt.Sprint(row.(map[string]any)[name]))
	}
	return names
}

// row is the one of a page whose field has a value.
func (r reply) row(t *testing.T, of, field, value string) map[string]any {
	t.Helper()
	for _, row := range r.body[of].([]any) {
		if row := row.(map[string]any); row[field] == value {
			return row
		}
	}
	t.Fatalf("no %s in %s", value, r.text)
	return nil
}

func TestListsOfApps(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		ada, gus, solveig := o.admin(t, "ada"), o.admin(t, "gus"), o.admin(t, "solveig")
		o.asks(t, "mo", "notes", "sales")
		o.asks(t, "mo", "notes", "labs") // the same user in the same case counts once
		o.asks(t, "cem", "notes", "labs")
		o.asks(t, "bo", "warden", "sales")
		o.asks(t, "cem", "deploybot", "labs")
		o.asks(t, "pat", "deploybot", "globex-plant")
		o.asks(t, "nils", "notes", "solo")
		if _, err := o.Market.Approve(t.Context(), o.As("olga"), market.Decision{App: o.ID("apps.deploybot"), At: o.ID("orgs.acme")}); err != nil {
			t.Fatal(err)
		}
		if _, err := o.Market.Restrict(t.Context(), o.As("ada"), market.Decision{App: o.ID("apps.vault"), At: o.ID("orgs.acme")}); err != nil {
			t.Fatal(err)
		}
		if _, err := o.Market.Approve(t.Context(), o.As("sue"), market.Decision{App: o.ID("apps.notes"), At: o.ID("orgs.sales")}); err != nil {
			t.Fatal(err)
		}

		for _, tt := range []struct {
			token, kind string
			want        []string
		}{
			{ada, "", []string{"Warden", "Notes & <more>"}},
			{ada, "active_requests", []string{"Warden", "Notes & <more>"}},
			{ada, "past_requests", []string{"Deploybot"}},
			{ada, "public", []string{"Warden", "Notes & <more>", "Vault", "Deploybot", "App console"}},
			{ada, "account_created", []string{"Bench", "Lunch"}},
			{ada, "account_added", []string{"App console"}},
			{ada, "approved_apps", []string{"Notes & <more>", "Deploybot"}},
			{ada, "restricted_apps", []string{"Vault"}},
			{gus, "active_requests", []string{"Deploybot"}},
			{gus, "past_requests", nil},
			{gus, "account_created", []string{"Secret"}},
			{gus, "approved_apps", nil},
			{gus, "restricted_apps", nil},
			{solveig, "active_requests", []string{"Notes & <more>"}},
			{solveig, "account_created", []string{"Inner"}},
		} {
			got := o.ok(t, 200, tt.token, "GET /marketplace/apps?type="+tt.kind, "")
			names := got.list("apps", "app_name")
			if tt.kind == "public" || tt.kind == "account_created" { // made in one moment: by id
				slices.Sort(names)
				slices.Sort(tt.want)
			}
			if diff := cmp.Diff(tt.want, names); diff != "" || got.body["next_page_token"] != "" || got.body["page_size"] != 30.0 {
				t.Errorf("%q: %s %s", tt.kind, diff, got.text)
			}
		}

		active := o.ok(t, 200, ada, "GET /marketplace/apps", "").row(t, "apps", "app_name", "Notes & <more>")
		stays := map[string]any{
			"app_id": o.ID("apps.notes").Zoom(), "app_name": "Notes & <more>", "app_type": "ZoomApp", "app_usage": 2.0, "app_status": "PUBLISHED",
			"app_developer_type": "THIRD_PARTY", "app_description": "Takes notes.", "app_directory_url": "https://notes.example/zoom",
			"app_help_url": "https://notes.example/help", "app_privacy_policy_url": "https://notes.example/privacy",
			"scopes": []any{
				map[string]any{"scope_name": "chat:write", "scope_description": "Send messages"},
				map[string]any{"scope_name": "files:read", "scope_description": "Read files"},
			},
			// Sue's approval answered Mo at Sales; what Mo asks at Labs waits.
			"request_total_number": 2.0, "request_pending_number": 2.0,
		}
		if id, _ := active["request_id"].(string); len(id) != 22 || active["latest_request_date_time"] == nil {
			t.Errorf("%v", active)
		}
		delete(active, "request_id")
		delete(active, "latest_request_date_time")
		if diff := cmp.Diff(stays, active); diff != "" {
			t.Error(diff)
		}

		past := o.ok(t, 200, ada, "GET /marketplace/apps?type=past_requests", "").row(t, "apps", "app_name", "Deploybot")
		for name, want := range map[string]any{
			"request_total_number": 1.0, "request_pending_number": 0.0, "request_approved_number": 1.0, "request_declined_number": 0.0,
			"reviewer_name": "Olga Berg", "latest_request_date_time": nil,
		} {
			if past[name] != want {
				t.Errorf("%s: %v, want %v", name, past[name], want)
			}
		}
		if past["review_date_time"] == nil {
			t.Errorf("%v", past)
		}

		approved := o.ok(t, 200, ada, "GET /marketplace/apps?type=approved_apps", "")
		for app, want := range map[string]map[string]any{
			"Deploybot":      {"approved_type": "forAllUser", "approver_id": o.ID("users.olga").Zoom(), "app_approval_closed": false},
			"Notes & <more>": {"approved_type": "forSpecificUser", "approver_id": o.ID("users.sue").Zoom(), "app_approval_closed": false},
		} {
			info := approved.row(t, "apps", "app_name", app)["approval_info"].(map[string]any)
			if info["approved_time"] == nil {
				t.Errorf("%v", info)
			}
			delete(info, "approved_time")
			if diff := cmp.Diff(want, info); diff != "" {
				t.Errorf("%s: %s", app, diff)
			}
		}
		if r := o.ok(t, 200, ada, "GET /marketplace/apps?type=restricted_apps", "").row(t, "apps", "app_name", "Vault"); r["restricted_time"] == nil {
			t.Errorf("%v", r)
		}
		if r := o.ok(t, 200, ada, "GET /marketplace/apps?type=account_created", "").row(t, "apps", "app_name", "Bench"); r["app_developer_type"] != "INTERNAL" || r["app_type"] != "ChatBotApp" || r["app_status"] != "UNPUBLISHED" {
			t.Errorf("%v", r)
		}
		if r := o.ok(t, 200, ada, "GET /marketplace/apps?type=public", "").row(t, "apps", "app_name", "Warden"); r["app_usage"] != 1.0 || r["app_type"] != "OAuthApp" {
			t.Errorf("%v", r)
		}
	})
}

func TestApp(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		got := o.ok(t, 200, o.mint(t, "zoom", "bo", ownScopes...), "GET /marketplace/apps/{apps.notes}", "")
		want := map[string]any{
			"app_id": o.ID("apps.notes").Zoom(), "app_name": "Notes & <more>", "app_description": "Takes notes.", "app_type": "ZoomApp",
			"app_usage": 2.0, "app_status": "PUBLISHED",
			"app_links": map[string]any{
				"documentation_url": "https://notes.example/docs", "privacy_policy_url": "https://notes.example/privacy",
				"support_url": "https://notes.example/help", "terms_of_use_url": "https://notes.example/terms",
			},
			"app_permissions": []any{
				map[string]any{"group": "View", "group_message": "App can view information", "title": "Associated with you", "permissions": []any{map[string]any{"name": "Read files"}}},
				map[string]any{"group": "Manage", "group_message": "App can manage information", "title": "Associated with you", "permissions": []any{map[string]any{"name": "Send messages"}}},
			},
			"app_requirements": map[string]any{
				"user_role": "user", "min_client_version": "5.7.3",
				"account_eligibility": map[string]any{"account_types": []any{"Pro"}, "premium_events": []any{map[string]any{"event_name": "meeting.qos", "event": "meeting.qos"}}},
			},
			"app_scopes": []any{"chat:write", "files:read"},
		}
		if diff := cmp.Diff(want, got.body); diff != "" {
			t.Error(diff)
		}
		if !strings.Contains(got.text, `"Notes & <more>"`) {
			t.Errorf("escaped: %s", got.text)
		}
		bare := o.ok(t, 200, o.admin(t, "ada"), "GET /marketplace/apps/{apps.bench}", "")
		if diff := cmp.Diff(map[string]any{
			"app_id": o.ID("apps.bench").Zoom(), "app_name": "Bench", "app_description": "Made in Labs.", "app_type": "ChatBotApp",
			"app_usage": 2.0, "app_status": "UNPUBLISHED", "app_links": map[string]any{}, "app_permissions": []any{}, "app_scopes": []any{},
			"app_requirements": map[string]any{"user_role": "user", "account_eligibility": map[string]any{"account_types": []any{}, "premium_events": []any{}}},
		}, bare.body); diff != "" {
			t.Error(diff)
		}
	})
}
