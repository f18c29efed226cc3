package zoom

import (
	"database/sql"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"souk"
	"souk/market"
	"souk/store"
)

// stands reads how the askers of an app stand, by first name.
func (o *company) stands(t *testing.T, token, app string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, status := range []string{"pending", "approved", "rejected"} {
		got := o.ok(t, 200, token, "GET /marketplace/apps/{apps."+app+"}/requests?status="+status, "")
		for _, row := range got.body["requests"].([]any) {
			r := row.(map[string]any)
			name, _, _ := strings.Cut(r["request_user_email"].(string), "@")
			if found[name] != "" || r["status"] != status {
				t.Errorf("%s twice, or not %s: %s", name, status, got.text)
			}
			found[name] = status
		}
	}
	return found
}

// told counts the events of cases.
func (o *company) told(t *testing.T, kind souk.EventKind) (n int) {
	t.Helper()
	driver := "sqlite"
	if strings.HasPrefix(o.address, "postgres") {
		driver = "pgx"
	}
	db, err := sql.Open(driver, o.address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM events WHERE kind = $1`, string(kind)).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Three ask for an app in three places of the account; what is said to their
// requests is read back. Each step stands on the one before.
func TestDecisions(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		ada := o.admin(t, "ada")
		const requests, approves = " /marketplace/apps/{apps.notes}/requests", "POST /marketplace/apps/{apps.notes}/preApprove"
		o.asks(t, "bo", "notes", "sales")
		o.asks(t, "mo", "notes", "sales")
		o.asks(t, "liv", "notes", "labs")
		row := o.ok(t, 200, ada, "GET"+requests, "").row(t, "requests", "request_user_id", o.ID("users.mo").Zoom())
		if row["request_date_time"] == nil {
			t.Errorf("%v", row)
		}
		delete(row, "request_date_time")
		if diff := cmp.Diff(map[string]any{
			"request_user_id": o.ID("users.mo").Zoom(), "request_user_name": "Momo", "request_user_email": "mo@acme.example",
			"request_user_department": "Sales", "reason": "because", "status": "pending",
		}, row); diff != "" {
			t.Error(diff)
		}
		of := func(words ...string) map[string]string {
			all := map[string]string{}
			for _, w := range words {
				name, status, _ := strings.Cut(w, " ")
				all[name] = status
			}
			return all
		}
		for _, tt := range []struct {
			call, body         string
			status             int
			want               map[string]string
			approved, declined int // events so far
		}{
			{"PATCH" + requests, `{"action":"approve","request_user_ids":["{users.bo}","{users.mo}"]}`, 204, of("bo approved", "mo approved", "liv pending"), 1, 0},
			{"PATCH" + requests, `{"action":"approve","request_user_ids":["{users.bo}","{users.mo}"]}`, 204, of("bo approved", "mo approved", "liv pending"), 1, 0},
			{"PATCH" + requests, `{"action":"approve","request_user_ids":["{users.cem}"]}`, 204, of("bo approved", "mo approved", "liv pending"), 1, 0},
			{"PATCH" + requests, `{"action":"decline","request_user_ids":["{users.cem}"]}`, 204, of("bo approved", "mo approved", "liv pending"), 1, 0},
			{"PATCH" + requests, `{"action":"cancel","request_user_ids":["{users.liv}","{users.cem}"]}`, 204, of("bo approved", "mo approved"), 1, 0},
			{"POST" + requests, `{"action":"add_user","user_ids":["{users.liv}","{users.bo}"]}`, 201, of("liv pending"), 1, 0}, // the case was closed, and Bo has what he asks
			{"PATCH" + requests, `{"action":"decline","request_user_ids":["{users.liv}"]}`, 204, of("liv rejected"), 1, 1},
			{"POST" + requests, `{"action":"add_group","group_ids":["{groups.crew}"]}`, 201, of("liv pending"), 1, 1}, // so has Mo
			{approves, `{"action":"approve_group","group_ids":["{groups.crew}"]}`, 201, of("liv approved"), 2, 1},
			{approves, `{"action":"disapprove_user","user_ids":["{users.bo}"]}`, 201, of("liv approved"), 2, 1},
			{"POST" + requests, `{"action":"add_user","user_ids":["{users.bo}","{users.liv}"]}`, 201, of("bo pending"), 2, 1},
			{approves, `{"action":"approve_user","user_ids":["{users.bo}"]}`, 201, of("bo approved"), 3, 1},
			{"PATCH" + requests, `{"action":"decline_all"}`, 204, of("bo rejected"), 3, 2},
			{"PATCH" + requests, `{"action":"decline_all"}`, 204, of("bo rejected"), 3, 2},
			{"POST" + requests, `{"action":"add_group","group_ids":["{groups.crew}"]}`, 201, of("mo pending", "liv pending"), 3, 2},
			{"PATCH" + requests, `{"action":"approve_all"}`, 204, of("mo approved", "liv approved"), 4, 2},
			{"PATCH" + requests, `{"action":"approve_all"}`, 204, of("mo approved", "liv approved"), 4, 2},
			{approves, `{"action":"disapprove_all"}`, 201, of("mo approved", "liv approved"), 4, 2},
		} {
			got := o.ok(t, tt.status, ada, tt.call, tt.body)
			if tt.status == 204 && got.text != "" {
				t.Errorf("%s: %s", tt.body, got.text)
			}
			if diff := cmp.Diff(tt.want, o.stands(t, ada, "notes")); diff != "" {
				t.Fatalf("%s: %s", tt.body, diff)
			}
			if a, d := o.told(t, souk.CaseApproved), o.told(t, souk.CaseDeclined); a != tt.approved || d != tt.declined {
				t.Fatalf("%s: %d approved and %d declined were told, want %d and %d", tt.body, a, d, tt.approved, tt.declined)
			}
		}
	})
}

// What a call named is said again, in the words of the call.
func TestWhatWasNamedIsSaid(t *testing.T) {
	o := newCompany(t)
	ada := o.admin(t, "ada")
	for _, tt := range []struct{ call, body, at, users, groups string }{
		{"requests", `{"action":"add_all","user_ids":["{users.bo}"]}`, "added_at", "", ""},
		{"requests", `{"action":"add_user","user_ids":["{users.bo}"],"group_ids":["{groups.crew}"]}`, "added_at", "{users.bo}", ""},
		{"requests", `{"action":"add_group","group_ids":["{groups.crew}"]}`, "added_at", "", "{groups.crew}"},
		{"preApprove", `{"action":"approve_all","user_ids":["{users.bo}"]}`, "executed_at", "", ""},
		{"preApprove", `{"action":"approve_user","user_ids":["{users.bo}","{users.bo}"]}`, "executed_at", "{users.bo} {users.bo}", ""},
		{"preApprove", `{"action":"approve_group","group_ids":["{groups.crew}"]}`, "executed_at", "", "{groups.crew}"},
	} {
		got := o.ok(t, 201, ada, "POST /marketplace/apps/{apps.notes}/"+tt.call, tt.body)
		words := func(name string) string {
			var all []string
			for _, v := range got.body[name].([]any) {
				all = append(all, v.(string))
			}
			return strings.Join(all, " ")
		}
		if at, _ := got.body[tt.at].(string); len(at) != 20 || words("user_ids") != o.at(tt.users) || words("group_ids") != o.at(tt.groups) || len(got.body) != 3 {
			t.Errorf("%s: %s", tt.body, got.text)
		}
	}
}

// Administrators agree to user-level apps alone, and may clean up what other
// faces let in.
func TestAppsOfAdministrators(t *testing.T) {
	o := newCompany(t)
	ada := o.admin(t, "ada")
	o.asks(t, "bo", "warden", "sales")
	for _, tt := range []struct {
		call, body string
		want       refusal // zero: it is done
	}{
		{"PATCH /marketplace/apps/{apps.warden}/requests", `{"action":"approve_all"}`, onlyUserApps},
		{"PATCH /marketplace/apps/{apps.warden}/requests", `{"action":"approve","request_user_ids":["{users.bo}"]}`, onlyUserApps},
		{"POST /marketplace/apps/{apps.warden}/requests", `{"action":"add_user","user_ids":["{users.liv}"]}`, onlyUserApps},
		{"POST /marketplace/apps/{apps.warden}/preApprove", `{"action":"approve_all"}`, cannotPreApprove},
		{"POST /marketplace/apps/{apps.warden}/preApprove", `{"action":"approve_user","user_ids":["{users.bo}"]}`, cannotPreApprove},
		{"POST /marketplace/apps/{apps.console}/preApprove", `{"action":"approve_group","group_ids":["{groups.crew}"]}`, cannotPreApprove},
		{"PATCH /marketplace/apps/{apps.warden}/requests", `{"action":"decline","request_user_ids":["{users.bo}"]}`, refusal{}},
		{"PATCH /marketplace/apps/{apps.warden}/requests", `{"action":"decline_all"}`, refusal{}},
	} {
		got := o.call(t, ada, tt.call, tt.body)
		if tt.want != (refusal{}) {
			refusedWith(t, tt.body, got, tt.want, "")
		} else if got.status != 204 {
			t.Errorf("%s: %d %s", tt.body, got.status, got.text)
		}
	}
}

// A call that ends approvals lifts no restriction.
func TestDisapprovingLiftsNothing(t *testing.T) {
	o := newCompany(t)
	ada := o.admin(t, "ada")
	if _, err := o.Market.Restrict(t.Context(), o.As("olga"), market.Decision{App: o.ID("apps.notes"), At: o.ID("orgs.acme")}); err != nil {
		t.Fatal(err)
	}
	off := refusal{400, 1404, "application_pre_approved_status_off"}
	for _, body := range []string{
		`{"action":"disapprove_all"}`, `{"action":"disapprove_user","user_ids":["{users.bo}"]}`, `{"action":"disapprove_group","group_ids":["{groups.crew}"]}`,
	} {
		refusedWith(t, body, o.call(t, ada, "POST /marketplace/apps/{apps.notes}/preApprove", body), off, "")
	}
	if got := o.ok(t, 200, ada, "GET /marketplace/apps?type=restricted_apps", "").list("apps", "app_name"); len(got) != 1 {
		t.Errorf("restricted: %v", got)
	}
}

// What somebody asked for is listed for them, and for whoever decides.
func TestRequestsOfUsers(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		ada, mo := o.admin(t, "ada"), o.mint(t, "zoom", "mo", ownScopes...)
		o.asks(t, "mo", "notes", "sales")
		o.asks(t, "mo", "notes", "labs")
		o.asks(t, "mo", "deploybot", "sales")
		o.asks(t, "bo", "deploybot", "sales")
		o.ok(t, 204, ada, "PATCH /marketplace/apps/{apps.deploybot}/requests", `{"action":"decline","request_user_ids":["{users.mo}"]}`)
		id := o.ok(t, 200, ada, "GET /marketplace/apps", "").row(t, "apps", "app_name", "Notes & <more>")["request_id"]
		for _, tt := range []struct{ token, user string }{
			{mo, "me"}, {mo, "{users.mo}"}, {mo, "mo@acme.example"}, {mo, "MO@acme.example"}, {ada, "{users.mo}"}, {ada, "mo@acme.example"},
		} {
			active := o.ok(t, 200, tt.token, "GET /marketplace/users/"+tt.user+"/apps", "")
			row := active.row(t, "apps", "app_name", "Notes & <more>")
			if row["request_date_time"] == nil || len(active.body["apps"].([]any)) != 1 {
				t.Errorf("%s: %s", tt.user, active.text)
			}
			delete(row, "request_date_time")
			if diff := cmp.Diff(map[string]any{
				"app_id": o.ID("apps.notes").Zoom(), "app_name": "Notes & <more>", "app_type": "ZoomApp", "app_usage": 2.0, "app_status": "PUBLISHED",
				"request_id": id, "request_status": "pending",
			}, row); diff != "" {
				t.Errorf("%s: %s", tt.user, diff)
			}
			past := o.ok(t, 200, tt.token, "GET /marketplace/users/"+tt.user+"/apps?type=past_requests", "")
			if row := past.row(t, "apps", "app_name", "Deploybot"); row["request_status"] != "rejected" || row["request_date_time"] != nil || len(past.body["apps"].([]any)) != 1 {
				t.Errorf("%s: %s", tt.user, past.text)
			}
		}
		adminAlone := refusal{401, 201, "Invalid access token, does not contain scopes:[marketplace_app:read:admin, marketplace:read:list_user_app_requests:admin]."}
		for _, other := range []string{"{users.bo}", "{users.gus}", "bo@acme.example", "nobody@acme.example", "x"} {
			refusedWith(t, other, o.call(t, mo, "GET /marketplace/users/"+other+"/apps", ""), adminAlone, "")
		}
		for _, other := range []string{"{users.gus}", "gus@globex.example", "nobody@acme.example", "x", "@"} {
			refusedWith(t, other, o.call(t, ada, "GET /marketplace/users/"+other+"/apps", ""), refusals[souk.UnknownUser], "")
		}
		refusedWith(t, "a member with scopes", o.call(t, o.admin(t, "bo"), "GET /marketplace/users/{users.mo}/apps", ""), refusals[souk.NotAllowed], "")
		refusedWith(t, "a member with scopes", o.call(t, o.admin(t, "bo"), "GET /marketplace/users/nobody@acme.example/apps", ""), refusals[souk.NotAllowed], "")
	})
}

// A user's app is disabled and enabled again: the tokens by which it acts for
// them are silent meanwhile.
func TestSubscriptionsOfUsers(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		ada := o.admin(t, "ada")
		const call = "PATCH /marketplace/users/{users.olga}/apps/{apps.console}/subscription"
		disabled := func() bool {
			var found []souk.Grant
			err := o.db.Read(t.Context(), func(tx *store.Tx) (err error) {
				found, err = tx.GrantsUnder(o.ID("apps.console"), o.ID("users.olga"), o.ID("orgs.acme"))
				return err
			})
			if err != nil || len(found) == 0 {
				t.Fatalf("%d grants: %v", len(found), err)
			}
			return !slices.ContainsFunc(found, func(g souk.Grant) bool { return g.DisabledAt.IsZero() })
		}
		for _, tt := range []struct {
			action string
			want   bool
		}{{"disable", true}, {"disable", true}, {"enable", false}, {"enable", false}} {
			if got := o.ok(t, 204, ada, call, `{"action":"`+tt.action+`"}`); got.text != "" || disabled() != tt.want {
				t.Errorf("%s: disabled: %t %s", tt.action, disabled(), got.text)
			}
		}
		o.ok(t, 204, ada, strings.ReplaceAll(call, "{users.olga}", "olga@acme.example"), `{"action":"disable"}`)
		if !disabled() {
			t.Error("by e-mail it was not")
		}
	})
}
