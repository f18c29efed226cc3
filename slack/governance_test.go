package slack

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"souk"
	"souk/store"
)

// rows are the objects of a list in an answer.
func rows(t *testing.T, r result, list string) []map[string]any {
	t.Helper()
	want(t, "", r)
	items, ok := r.body[list].([]any)
	if !ok {
		t.Fatalf("no %s in %s", list, r.raw)
	}
	out := make([]map[string]any, len(items))
	for i, item := range items {
		out[i] = item.(map[string]any)
	}
	return out
}

// The lists of the levels as a test asks for them.
const (
	approvedApps   = "admin.apps.approved.list"
	restrictedApps = "admin.apps.restricted.list"
	openRequests   = "admin.apps.requests.list"
)

var listKeys = map[string]string{approvedApps: "approved_apps", restrictedApps: "restricted_apps", openRequests: "app_requests"}

// shows reports whether a list has the app.
func (o *town) shows(t *testing.T, list string, level args, app souk.App) bool {
	t.Helper()
	return slices.ContainsFunc(rows(t, o.call(t, o.admin(t, o.ada), list, level), listKeys[list]), func(row map[string]any) bool {
		return row["app"].(map[string]any)["id"] == app.ID.Slack("A")
	})
}

func (o *town) atSales() args { return args{"team_id": orgID(o.sales)} }
func (o *town) atAcme() args  { return args{"enterprise_id": orgID(o.acme)} }

func appArg(a souk.App) args         { return args{"app_id": a.ID.Slack("A")} }
func requestArg(q souk.Request) args { return args{"request_id": q.ID.Slack("Ar")} }

func TestApproveARequest(t *testing.T) {
	everyTown(t, func(t *testing.T, o *town) {
		q := o.asks(t, o.bo, o.deploybot, o.sales)
		if !o.shows(t, openRequests, o.atSales(), o.deploybot) || !o.shows(t, openRequests, o.atAcme(), o.deploybot) {
			t.Fatal("the request is not listed")
		}
		got := o.call(t, o.admin(t, o.ada), "admin.apps.approve", requestArg(q).with(o.atSales()))
		if got.raw != `{"ok":true}` {
			t.Fatal(got.raw)
		}
		if o.shows(t, openRequests, o.atSales(), o.deploybot) {
			t.Error("the request is still listed")
		}
		if !o.shows(t, approvedApps, o.atSales(), o.deploybot) || o.shows(t, approvedApps, o.atAcme(), o.deploybot) {
			t.Error("it is not approved exactly where it was asked for")
		}
	})
}

func TestApproveByAppSettlesRequests(t *testing.T) {
	everyTown(t, func(t *testing.T, o *town) {
		token := o.admin(t, o.ada)
		o.asks(t, o.bo, o.deploybot, o.sales)
		o.asks(t, o.bo, o.deploybot, o.support)
		atSupport := args{"team_id": orgID(o.support)}
		want(t, "", o.call(t, token, "admin.apps.approve", appArg(o.deploybot).with(o.atSales())))
		if o.shows(t, openRequests, o.atSales(), o.deploybot) || !o.shows(t, openRequests, atSupport, o.deploybot) {
			t.Error("at a workspace it settles other requests than its own")
		}
		want(t, "", o.call(t, token, "admin.apps.approve", appArg(o.deploybot).with(o.atAcme())))
		if o.shows(t, openRequests, o.atAcme(), o.deploybot) {
			t.Error("at the enterprise it leaves requests open")
		}
	})
}

func TestApproveAgain(t *testing.T) {
	everyTown(t, func(t *testing.T, o *town) {
		long := o.created.Add(-time.Hour)
		o.write(t, func(tx *store.Tx) error {
			return tx.InsertResolution(souk.Resolution{ID: souk.NewID(), App: o.deploybot.ID, Org: o.sales.ID, Status: souk.Approved,
				Scopes: souk.NewScopes("team:read"), By: o.olga.ID, CreatedAt: long})
		})
		want(t, "", o.call(t, o.admin(t, o.ada), "admin.apps.approve", appArg(o.deploybot).with(o.atSales()).with(args{"bot_scopes": "team:read", "user_scopes": `["users:read.email"]`})))
		approved := rows(t, o.call(t, o.admin(t, o.ada), approvedApps, o.atSales()), "approved_apps")
		if len(approved) != 1 {
			t.Fatalf("%d approvals", len(approved))
		}
		if at := approved[0]["date_updated"].(float64); at <= float64(long.Unix()) {
			t.Errorf("it still dates from %v", at)
		}
		if by := approved[0]["last_resolved_by"].(map[string]any); by["actor_id"] != o.ada.ID.Slack("U") || by["actor_type"] != "user" {
			t.Errorf("by %v", by)
		}
		if got := names(approved[0]["scopes"]); got != "team:read users:read.email" {
			t.Errorf("scopes %s", got)
		}
	})
}

// names are the scopes in an answer.
func names(scopes any) string {
	var all []string
	for _, s := range scopes.([]any) {
		all = append(all, s.(map[string]any)["name"].(string))
	}
	return strings.Join(all, " ")
}

func TestScopesOfApprovals(t *testing.T) {
	everyTown(t, func(t *testing.T, o *town) {
		for name, tt := range map[string]struct {
			scopes args
			want   string
		}{
			"none given":        {nil, "team:read users:read"},
			"bot":               {args{"bot_scopes": "team:read"}, "team:read"},
			"in advance":        {args{"user_scopes": "users:read.email, reports"}, "reports users:read.email"},
			"an empty list":     {args{"bot_scopes": "[]"}, "team:read users:read"},
			"bot and user once": {args{"bot_scopes": "team:read", "user_scopes": "team:read"}, "team:read"},
		} {
			app := o.app(t, o.deploybot)
			want(t, "", o.call(t, o.admin(t, o.ada), "admin.apps.approve", appArg(app).with(o.atSales()).with(tt.scopes)))
			row := rows(t, o.call(t, o.admin(t, o.ada), approvedApps, o.atSales()), "approved_apps")[0]
			if got := names(row["scopes"]); got != tt.want {
				t.Errorf("%s: %q, want %q", name, got, tt.want)
			}
		}
	})
}

func TestCertifiedAppsAreDecidedByTheEnterprise(t *testing.T) {
	everyTown(t, func(t *testing.T, o *town) {
		token := o.admin(t, o.ada)
		want(t, "", o.call(t, token, "admin.apps.approve", appArg(o.certified).with(o.atAcme())))
		want(t, "", o.call(t, token, "admin.apps.restrict", appArg(o.certified).with(o.atSales())))
	})
}

func TestRestrictAtTheEnterprise(t *testing.T) {
	everyTown(t, func(t *testing.T, o *town) {
		token := o.admin(t, o.ada)
		o.install(t, o.deploybot, o.sales, souk.OnWorkspace)
		want(t, "", o.call(t, token, "admin.apps.approve", appArg(o.deploybot).with(o.atSales())))
		want(t, "", o.call(t, token, "admin.apps.restrict", appArg(o.deploybot).with(o.atAcme())))
		if o.shows(t, approvedApps, o.atSales(), o.deploybot) || !o.shows(t, restrictedApps, o.atAcme(), o.deploybot) {
			t.Error("the workspace's approval outlives it")
		}
		if !o.installed(t, o.deploybot.ID.Slack("A"), o.sales) {
			t.Error("it uninstalls")
		}
		want(t, "", o.call(t, token, "admin.apps.restrict", appArg(o.deploybot).with(o.atSales()))) // under it, too
		want(t, "", o.call(t, token, "admin.apps.clearResolution", appArg(o.deploybot).with(o.atAcme())))
		if o.shows(t, approvedApps, o.atSales(), o.deploybot) {
			t.Error("clearing brings the approval back")
		}
	})
}

func TestRestrictUnderAnApproval(t *testing.T) {
	everyTown(t, func(t *testing.T, o *town) {
		token := o.admin(t, o.ada)
		want(t, "", o.call(t, token, "admin.apps.approve", appArg(o.deploybot).with(o.atAcme())))
		want(t, "", o.call(t, token, "admin.apps.restrict", appArg(o.deploybot).with(o.atSales())))
		if !o.shows(t, restrictedApps, o.atSales(), o.deploybot) || !o.shows(t, approvedApps, o.atAcme(), o.deploybot) {
			t.Error("the two levels do not stand beside each other")
		}
	})
}

func TestClearLeavesRequestsPending(t *testing.T) {
	everyTown(t, func(t *testing.T, o *town) {
		token := o.admin(t, o.ada)
		want(t, "", o.call(t, token, "admin.apps.restrict", appArg(o.deploybot).with(args{"team_id": orgID(o.support)})))
		o.asks(t, o.bo, o.deploybot, o.sales)
		want(t, "", o.call(t, token, "admin.apps.clearResolution", appArg(o.deploybot).with(args{"team_id": orgID(o.support)})))
		if !o.shows(t, openRequests, o.atSales(), o.deploybot) {
			t.Error("the request is gone")
		}
	})
}

func TestRacingApprovals(t *testing.T) {
	everyTown(t, func(t *testing.T, o *town) {
		tokens := []string{o.admin(t, o.ada), o.admin(t, o.olga)}
		for range 10 {
			q := requestArg(o.asks(t, o.bo, o.app(t, o.deploybot), o.sales)).with(o.atSales())
			got := make([]result, len(tokens))
			var wg sync.WaitGroup
			for i, token := range tokens {
				wg.Go(func() { got[i] = o.call(t, token, "admin.apps.approve", q) })
			}
			wg.Wait()
			codes := []code{got[0].code(), got[1].code()}
			slices.Sort(codes)
			if !slices.Equal(codes, []code{"", requestAlreadyResolved}) {
				t.Errorf("got %q", codes)
			}
		}
	})
}

func TestCancelARequest(t *testing.T) {
	everyTown(t, func(t *testing.T, o *town) {
		token := o.admin(t, o.ada)
		for name, level := range map[string]args{"where it was made": o.atSales(), "the enterprise": o.atAcme(), "nowhere": nil} {
			q := requestArg(o.asks(t, o.bo, o.app(t, o.deploybot), o.sales))
			if got := o.call(t, token, "admin.apps.requests.cancel", q.with(level)); got.raw != `{"ok":true}` {
				t.Errorf("%s: %s", name, got.raw)
			}
			want(t, requestAlreadyResolved, o.call(t, token, "admin.apps.requests.cancel", q.with(level)))
			want(t, requestAlreadyResolved, o.call(t, token, "admin.apps.approve", q.with(o.atSales())))
		}
		theirs := requestArg(o.asks(t, o.rita, o.deploybot, o.rivals))
		want(t, invalidRequestID, o.call(t, token, "admin.apps.requests.cancel", theirs))
	})
}

func TestOwnersOnly(t *testing.T) {
	o := newTownSQLite(t)
	admin, owner := o.admin(t, o.ada), o.admin(t, o.olga)
	o.changeOrg(t, o.acme, func(a *souk.Org) { a.ClearOwnersOnly, a.UninstallOwnersOnly = true, true })
	o.install(t, o.deploybot, o.sales, souk.OnWorkspace)
	want(t, "", o.call(t, admin, "admin.apps.approve", appArg(o.deploybot).with(o.atSales())))
	want(t, "", o.call(t, owner, "admin.apps.clearResolution", appArg(o.deploybot).with(o.atSales())))
	want(t, "", o.call(t, owner, "admin.apps.uninstall", appArg(o.deploybot).with(args{"team_ids": orgID(o.sales)})))
}

// A client that was made for one workspace adds its team_id to every call.
func TestInjectedTeam(t *testing.T) {
	o := newTownSQLite(t)
	want(t, tooManyTeamsProvided, o.callJSON(t, o.admin(t, o.ada), "admin.apps.approve",
		fmt.Sprintf(`{"app_id":%q,"enterprise_id":%q,"team_id":%q,"allow_child_auto_install":true,"new":["x"]}`,
			o.deploybot.ID.Slack("A"), orgID(o.acme), orgID(o.sales))))
}

// Everything is wrong with a call at first. Each step puts one thing right, in
// the order in which they are looked at.
func TestOrderOfChecks(t *testing.T) {
	o := newTownSQLite(t)
	o.changeOrg(t, o.acme, func(a *souk.Org) {
		a.SecondFactor, a.Moving, a.AdminAPI = true, souk.Locked, false
		a.AdminNetworks = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
	})
	acme := func(change func(*souk.Org)) {
		o.write(t, func(tx *store.Tx) error {
			now, err := tx.Org(o.acme.ID)
			if err != nil {
				return err
			}
			change(&now)
			return tx.PutOrg(now)
		})
	}
	deskAtSales := o.deskAt
	noScope := souk.NewScopes("users:read")
	bot := o.install(t, o.deploybot, o.support, souk.OnWorkspace)
	dead := func(tok *souk.Token) { tok.RevokedAt = o.created }
	q := o.asks(t, o.bo, o.certified, o.support)
	settled := o.asks(t, o.bo, o.app(t, o.deploybot), o.sales)

	verb, method, contentType, token := "PUT", "admin.apps.deny", "", ""
	a := args{"bot_scopes": "[", "app_id": "A1", "request_id": "Ar1", "team_id": "T1", "enterprise_id": "E1"}
	without := func(names ...string) func() {
		return func() {
			for _, name := range names {
				delete(a, name)
			}
		}
	}
	set := func(name, value string) func() { return func() { a[name] = value } }
	for _, step := range []struct {
		want  code
		right func()
	}{
		{invalidRequest, func() { verb = "POST" }},
		{unknownMethod, func() { method = "admin.apps.approve" }},
		{missingPostType, func() { contentType = form }},
		{notAuthed, func() { token = o.token(t, souk.BotToken, bot.AppUser, bot, noScope, dead) }},
		{accountInactive, func() { token = o.token(t, souk.BotToken, bot.AppUser, bot, noScope) }},
		{notAllowedTokenType, func() { token = o.token(t, souk.UserToken, o.bo.ID, deskAtSales, noScope) }},
		{twoFactorSetupRequired, func() { acme(func(a *souk.Org) { a.SecondFactor = false }) }},
		{orgLoginRequired, func() { acme(func(a *souk.Org) { a.Moving = souk.Readable }) }},
		{teamAddedToOrg, func() { acme(func(a *souk.Org) { a.Moving = souk.NotMoving }) }},
		{featureNotEnabled, func() { acme(func(a *souk.Org) { a.AdminAPI = true }) }},
		{missingScope, func() { token = o.token(t, souk.UserToken, o.bo.ID, deskAtSales, both) }},
		{appNotInstalledOnOrg, func() { token = o.admin(t, o.bo) }},
		{notAnAdmin, func() { token = o.admin(t, o.ada) }},
		{accessLimited, func() { acme(func(a *souk.Org) { a.AdminNetworks = nil }) }},
		{invalidArguments, set("bot_scopes", "no:such")},
		{tooManyIDs, without("app_id", "request_id")},
		{requestIDOrAppIDRequired, set("request_id", "Ar1")},
		{tooManyTeamsProvided, without("team_id", "enterprise_id")},
		{teamNotFound, set("team_id", "T1")},
		{teamNotFound, set("team_id", orgID(o.labs))},
		{teamAccessNotGranted, set("team_id", orgID(o.support))},
		{invalidRequestID, func() {
			want(t, "", o.call(t, token, "admin.apps.requests.cancel", requestArg(settled)))
			a["request_id"], a["team_id"] = settled.ID.Slack("Ar"), orgID(o.sales)
		}},
		{requestAlreadyResolved, func() { a["request_id"], a["team_id"] = q.ID.Slack("Ar"), orgID(o.support) }},
		{invalidScopes, without("bot_scopes")},
		{orgResolutionRequired, func() {
			want(t, "", o.call(t, token, "admin.apps.restrict", appArg(o.deploybot).with(o.atAcme())))
			delete(a, "request_id")
			a["app_id"] = o.deploybot.ID.Slack("A")
		}},
		{appRestrictedOrgWide, func() {
			want(t, "", o.call(t, token, "admin.apps.clearResolution", appArg(o.deploybot).with(o.atAcme())))
		}},
		{"", func() {}},
	} {
		got := o.do(t, o.request(t, verb, token, method, contentType, formOf(a)))
		want(t, step.want, got)
		step.right()
	}
}
