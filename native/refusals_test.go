package native

import (
	"slices"
	"strings"
	"testing"

	"souk"
	"souk/market"
	"souk/store"
)

// refused is a call that the market refuses in a company to which something
// may have happened before.
type refused struct {
	who, call, body string
	problem         string
	before          func(*testing.T, *company) // nil: nothing
}

var refusedAsking = []refused{
	{"operator", "POST /orgs/{sales}/requests", `{"app":"{guard}"}`, "needs-person", nil},
	{"bo", "POST /orgs/{sales}/requests", `{"app":"{guard}","for":"{mo}"}`, "not-allowed", nil},
	{"sal", "POST /orgs/{sales}/requests", `{"app":"{guard}","for":"{vic}"}`, "unknown-user", nil},
	{"bo", "POST /orgs/{sales}/requests", `{"app":"{guard}"}`, "restricted", by("olga", "POST /orgs/{acme}/apps/{guard}/restrict")},
	{"bo", "POST /orgs/{sales}/requests", `{"app":"{guard}"}`, "closed", closed},
	{"bo", "POST /orgs/{sales}/requests", `{"app":"{inner}"}`, "unknown-app", nil},
	{"bo", "POST /orgs/{rival}/requests", `{"app":"{guard}"}`, "unknown-org", nil},
	{"bo", "POST /orgs/{sales}/requests", `{"app":"{deploy}","scopes":["team:read"]}`, "already-pending", nil},
	{"bo", "POST /orgs/{sales}/requests", `{"app":"{legal}"}`, "already-installed", by("sal", "POST /orgs/{sales}/apps/{legal}/clear")},
	{"bo", "POST /orgs/{sales}/requests", `{"app":"{guard}","scopes":["everything"]}`, "unknown-scope", nil},

	{"operator", "GET /orgs/{sales}/requests?mine=true", "", "needs-person", nil},
	{"bo", "GET /orgs/{labs}/requests", "", "not-allowed", nil},
	{"bo", "GET /orgs/{rival}/requests", "", "unknown-org", nil},
	{"mo", "GET /requests/{asked}", "", "unknown-request", nil},
	{"mo", "POST /requests/{asked}/cancel", "", "not-allowed", nil},
	{"mo", "POST /requests/{nothing}/cancel", "", "unknown-request", nil},
	{"bo", "POST /requests/{asked}/cancel", "", "request-resolved", by("bo", "POST /requests/{asked}/cancel")},

	{"operator", "GET /orgs/{sales}/apps/{deploy}/explanation", "", "needs-person", nil},
	{"bo", "GET /orgs/{sales}/apps/{deploy}/explanation?user={mo}", "", "not-allowed", nil},
	{"sal", "GET /orgs/{sales}/apps/{deploy}/explanation?user={vic}", "", "unknown-user", nil},
	{"bo", "GET /orgs/{sales}/apps/{inner}/explanation", "", "unknown-app", nil},
	{"bo", "GET /orgs/{rival}/apps/{deploy}/explanation", "", "unknown-org", nil},
}

var refusedDeciding = []refused{
	{"operator", "POST /requests/{asked}/{decide}", "", "needs-person", nil},
	{"bo", "POST /requests/{asked}/{decide}", "", "not-allowed", nil},
	{"sal", "POST /requests/{asked}/{decide}", `{"org":"{rival}"}`, "unknown-org", nil},
	{"sal", "POST /requests/{nothing}/{decide}", "", "unknown-request", nil},
	{"rita", "POST /requests/{asked}/{decide}", "", "unknown-request", nil},
	{"sal", "POST /requests/{asked}/{decide}", "", "request-resolved", by("bo", "POST /requests/{asked}/cancel")},
	{"olga", "POST /requests/{asked}/{decide}", `{"org":"{acme}"}`, "not-for-enterprise", asks(func(o *company) souk.App { return o.custom })},
	{"operator", "POST /orgs/{sales}/apps/{deploy}/{decide}", "", "needs-person", nil},
	{"bo", "POST /orgs/{sales}/apps/{deploy}/{decide}", "", "not-allowed", nil},
	{"sal", "POST /orgs/{rival}/apps/{deploy}/{decide}", "", "unknown-org", nil},
	{"sal", "POST /orgs/{sales}/apps/{inner}/{decide}", "", "unknown-app", nil},
	{"sal", "POST /orgs/{sales}/apps/{custom}/{decide}", "", "needs-request", nil},

	{"sal", "POST /orgs/{sales}/apps/{certified}/approve", "", "certified-needs-enterprise", nil},
	{"sal", "POST /orgs/{sales}/apps/{guard}/approve", "", "restricted-at-enterprise", by("olga", "POST /orgs/{acme}/apps/{guard}/restrict")},
	{"sal", "POST /orgs/{sales}/apps/{guard}/approve", `{"scopes":["everything"]}`, "unknown-scope", nil},
	{"sal", "POST /requests/{asked}/approve", "", "certified-needs-enterprise", asks(func(o *company) souk.App { return o.certified })},
	{"sal", "POST /requests/{asked}/approve", "", "restricted-at-enterprise", restrictedAbove},
	{"sal", "POST /requests/{asked}/approve", `{"scopes":["everything"]}`, "unknown-scope", nil},
	{"sal", "POST /orgs/{sales}/apps/{guard}/decline", "", "unknown-request", nil},

	{"sal", "POST /orgs/{sales}/apps/{legal}/clear", "", "owners-only", ownersOnly},
	{"operator", "POST /orgs/{sales}/apps/{legal}/clear", "", "needs-person", nil},
	{"bo", "POST /orgs/{sales}/apps/{legal}/clear", "", "not-allowed", nil},
	{"sal", "POST /orgs/{sales}/apps/{guard}/clear", "", "no-resolution", nil},
	{"sal", "POST /orgs/{sales}/apps/{inner}/clear", "", "unknown-app", nil},
	{"sal", "POST /orgs/{rival}/apps/{legal}/clear", "", "unknown-org", nil},
	{"bo", "GET /orgs/{sales}/resolutions", "", "not-allowed", nil},
	{"sal", "GET /orgs/{rival}/resolutions", "", "unknown-org", nil},
}

var refusedInstalling = []refused{
	{"operator", "POST /orgs/{sales}/installations", `{"app":"{guard}"}`, "needs-person", nil},
	{"bo", "POST /orgs/{labs}/installations", `{"app":"{guard}"}`, "not-allowed", nil},
	{"mo", "POST /orgs/{sales}/installations", `{"app":"{guard}"}`, "restricted", by("olga", "POST /orgs/{acme}/apps/{guard}/restrict")},
	{"mo", "POST /orgs/{sales}/installations", `{"app":"{guard}"}`, "closed", closed},
	{"olga", "POST /orgs/{acme}/installations", `{"app":"{guard}","workspaces":["{sales}"]}`, "approval-needed", nil},
	{"mo", "POST /orgs/{sales}/installations", `{"app":"{guard}"}`, "already-pending", by("mo", "POST /orgs/{sales}/requests", `{"app":"{guard}","scopes":["team:read"]}`)},
	{"mo", "POST /orgs/{sales}/installations", `{"app":"{guard}"}`, "no-apps-feature", featureless},
	{"olga", "POST /orgs/{labs}/installations", `{"app":"{legal}"}`, "terms-not-accepted", by("olga", "POST /orgs/{labs}/apps/{legal}/approve")},
	{"mo", "POST /orgs/{sales}/installations", `{"app":"{legal}","terms_accepted":true}`, "already-installed", nil},
	{"mo", "POST /orgs/{sales}/installations", `{"app":"{inner}"}`, "unknown-app", nil},
	{"mo", "POST /orgs/{rival}/installations", `{"app":"{guard}"}`, "unknown-org", nil},
	{"mo", "GET /orgs/{rival}/installations", "", "unknown-org", nil},
	{"mo", "GET /orgs/{rival}/apps/{notes}/installation", "", "unknown-org", nil},
	{"mo", "GET /orgs/{sales}/apps/{guard}/installation", "", "unknown-app", nil},

	{"bo", "DELETE /orgs/{sales}/apps/{legal}/installation", "", "not-allowed", nil},
	{"mo", "DELETE /orgs/{sales}/apps/{legal}/installation", "", "owners-only", ownersOnly},
	{"olga", "DELETE /orgs/{acme}/apps/{guard}/installation", "", "protected-app", nil},
	{"olga", "DELETE /orgs/{acme}/apps/{inner}/installation", "", "unknown-app", nil},
	{"mo", "DELETE /orgs/{sales}/apps/{notes}/installation", "", "granted-org-wide", nil},
	{"mo", "DELETE /orgs/{rival}/apps/{notes}/installation", "", "unknown-org", nil},
	{"mo", "PUT /orgs/{acme}/apps/{notes}/installation/workspaces", `{"workspaces":[]}`, "not-allowed", nil},
	{"olga", "PUT /orgs/{acme}/apps/{guard}/installation/workspaces", `{"workspaces":[]}`, "unknown-app", nil},
	{"olga", "PUT /orgs/{acme}/apps/{notes}/installation/workspaces", `{"workspaces":["{rival}"]}`, "unknown-org", nil},
	{"operator", "PUT /orgs/{acme}/apps/{notes}/installation/workspaces", `{"workspaces":[]}`, "needs-person", nil},
	{"olga", "PUT /orgs/{acme}/apps/{notes}/installation/workspaces", `{"workspaces":["{labs}"]}`, "restricted", by("olga", "POST /orgs/{labs}/apps/{notes}/restrict")},
	{"olga", "PUT /orgs/{acme}/apps/{notes}/installation/workspaces", `{"workspaces":["{labs}"]}`, "approval-needed", by("olga", "POST /orgs/{acme}/apps/{notes}/clear")},
	{"olga", "PUT /orgs/{acme}/apps/{notes}/installation/workspaces", `{"workspaces":["{labs}"]}`, "closed", closedBelow},
	{"olga", "PUT /orgs/{acme}/apps/{notes}/installation/workspaces", `{"workspaces":["{labs}"]}`, "no-apps-feature", featurelessBelow},
	{"olga", "PUT /orgs/{acme}/apps/{notes}/installation/workspaces", `{"workspaces":["{sales}","{labs}"]}`, "already-installed",
		by("olga", "POST /orgs/{labs}/installations", `{"app":"{notes}"}`)},
}

var refusedOperating = []refused{
	{"operator", "GET /apps/{nothing}/listing", "", "unknown-app", nil},
	{"operator", "PUT /apps/{nothing}/listing", `{"listing":"listed"}`, "unknown-app", nil},
	{"operator", "GET /orgs/{nothing}/entitlements", "", "unknown-org", nil},
	{"operator", "PUT /orgs/{nothing}/entitlements", `{"has_active_subscription":true,"has_apps_feature":true,"is_app_provider":true}`, "unknown-org", nil},
}

var refusedTriggering = []refused{
	{"operator/bo", "POST /triggers", `{"condition":"chat_start","org":"{sales}"}`, "not-allowed", nil},
	{"operator", "POST /triggers", `{"condition":"chat_start","org":"{nothing}"}`, "unknown-org", nil},
	{"operator", "POST /triggers", `{"condition":"chat_start","org":"{sales}","user":"{vic}"}`, "unknown-user", nil},
	{"operator", "POST /triggers", `{"condition":"chat_start","org":"{sales}","app":"{deploy}"}`, "no-trigger", nil},
	{"operator", "POST /triggers", `{"condition":"chat_end","org":"{sales}","app":"{notes}"}`, "no-trigger", nil},
	{"operator", "POST /triggers", `{"condition":"chat_start","org":"{sales}","app":"{nothing}"}`, "no-trigger", nil},
	{"vic", "GET /apps/{deploy}/trigger/deliveries/{heard}/attempts", "", "unknown-delivery", nil},
	{"vic", "GET /apps/{notes}/trigger/deliveries/{delivery}/attempts", "", "unknown-delivery", nil},
	{"vic", "GET /apps/{notes}/trigger/deliveries/{nothing}/attempts", "", "unknown-delivery", nil},
	{"vic", "GET /apps/{notes}/trigger/deliveries/told/attempts", "", "unknown-delivery", nil},
}

var refusedTokens = []refused{
	{"vic", "POST /apps/{notes}/installations/{notebot}/tokens", `{"description":"one more"}`, "too-many-tokens", full},
	{"olga", "GET /apps/{notes}/installations/{notebot}/tokens", "", "unknown-app", nil}, // it is installed there, and somebody else's
	{"vic", "GET /orgs/{acme}/installations/{notebot}/tokens", "", "unknown-org", nil},
	{"mo", "GET /orgs/{acme}/installations/{notebot}/tokens", "", "not-allowed", nil},
	{"mo", "GET /orgs/{sales}/installations/{notebot}/tokens", "", "unknown-installation", nil}, // the enterprise's
	{"mo", "DELETE /orgs/{sales}/installations/{notebot}/tokens/{held}", "", "unknown-installation", nil},
	{"olga", "DELETE /orgs/{acme}/installations/{notebot}/tokens/{nothing}", "", "no-such-token", nil},
	{"olga", "DELETE /orgs/{acme}/installations/{notebot}/tokens/held", "", "no-such-token", nil},
	{"olga", "DELETE /orgs/{acme}/installations/{notebot}/tokens/{held}", "", "no-such-token", by("vic", "DELETE /apps/{notes}/installations/{notebot}/tokens/{held}")},
	{"notebot", "GET /orgs/{labs}/installations", "", "org-not-granted", nil},
	{"notebot", "GET /orgs/{acme}/installations/{notebot}/tokens", "", "not-allowed", nil},
	{"notebot", "POST /apps/{notes}/installations/{notebot}/tokens", `{"description":"self-made"}`, "unknown-app", nil},

	{"bo", "GET /orgs/{labs}/users/{olga}/permissions", "", "not-allowed", nil},
	{"bo", "GET /orgs/{rival}/users/{rita}/permissions", "", "unknown-org", nil},
	{"sal", "GET /orgs/{sales}/users/{vic}/permissions", "", "unknown-user", nil},
	{"sal", "GET /orgs/{sales}/users/mo/permissions", "", "unknown-user", nil},
	{"bo", "PUT /orgs/{sales}/users/{vic}/permissions", `{"permissions":[]}`, "not-allowed", nil}, // before anything about who belongs there
	{"mo", "PUT /orgs/{sales}/users/{mo}/permissions", `{"permissions":["users"]}`, "not-allowed", nil},
	{"mo", "PUT /orgs/{sales}/users/{bo}/permissions", `{"permissions":["settings"]}`, "not-allowed", by("sal", "PUT /orgs/{sales}/users/{mo}/permissions", `{"permissions":["users"]}`)}, // nor has
	{"sal", "PUT /orgs/{rival}/users/{rita}/permissions", `{"permissions":[]}`, "unknown-org", nil},
	{"sal", "PUT /orgs/{sales}/users/{vic}/permissions", `{"permissions":[]}`, "unknown-user", nil},
}

// refusedProviders are those of every operation on what an app's owner looks
// after besides webhooks.
func refusedProviders() (rows []refused) {
	for _, o := range operations {
		s := samples[o.name()]
		if !strings.HasPrefix(o.path, "/apps/{app}/installations") && !strings.HasPrefix(o.path, "/apps/{app}/trigger") {
			continue
		}
		row := func(who, of, other, problem string) {
			rows = append(rows, refused{who, strings.Replace(s.call, of, other, 1), s.body, problem, nil})
		}
		row("vic", "{notes}", "{nothing}", "unknown-app")
		row("vic", "{notes}", "{inner}", "unknown-app")
		row("vic", "{notes}", "notes", "unknown-app")
		row("bo", "{notes}", "{custom}", "not-allowed")
		if slices.Contains(o.tokens, souk.AppToken) {
			row("deploy", "{notes}", "{notes}", "unknown-app")
		}
		if strings.Contains(s.call, "{notebot}") {
			row("vic", "{notebot}", "{nothing}", "unknown-installation")
			row("vic", "{notebot}", "{acme}", "unknown-installation")
			row("vic", "{notes}", "{deploy}", "unknown-installation")
			row("notes", "{notebot}", "it", "unknown-installation")
		}
		if strings.Contains(s.call, "{held}") {
			row("vic", "{held}", "{nothing}", "no-such-token")
			row("vic", "{held}", "it", "no-such-token")
		}
	}
	return rows
}

// refusedHooks are those of every operation on webhooks, and some of single
// ones.
func refusedHooks() (rows []refused) {
	for _, o := range operations {
		s := samples[o.name()]
		if !strings.HasPrefix(o.path, "/apps/{app}/webhooks") && o.path != "/apps/{app}/delivery-counts" {
			continue
		}
		row := func(who, app, hook, problem string) {
			call := strings.NewReplacer("{deploy}", app, "{hook}", hook).Replace(s.call)
			rows = append(rows, refused{who, call, s.body, problem, nil})
		}
		row("vic", "{nothing}", "{hook}", "unknown-app")
		row("vic", "{inner}", "{hook}", "unknown-app")
		row("deploy", "{notes}", "{hook}", "unknown-app")
		row("bo", "{custom}", "{hook}", "not-allowed")
		if strings.Contains(s.call, "{hook}") {
			row("vic", "{notes}", "{hook}", "unknown-webhook")
			row("vic", "{deploy}", "{nothing}", "unknown-webhook")
		}
	}
	rows = append(rows, refusedEndpoints...)
	return append(rows,
		refused{"vic", "GET /apps/{deploy}/webhooks/{hook}/deliveries/{nothing}/attempts", "", "unknown-delivery", nil},
		refused{"vic", "POST /apps/{deploy}/webhooks", `{"dialect":"native","url":"http://r.example/","events":["request.created"]}`, "blocked-address", nil},
		refused{"vic", "PUT /apps/{deploy}/webhooks/{hook}", `{"url":"http://r.example/","events":["request.created"]}`, "blocked-address", nil},
		refused{"vic", "POST /apps/{deploy}/webhooks", `{"dialect":"slack","url":"https://r.example/","events":["app_requested"]}`, "not-verified", deaf},
		refused{"vic", "PUT /apps/{deploy}/webhooks/{hook}", `{"url":"https://r.example/","events":["app_requested"]}`, "not-verified", deaf},
		refused{"vic", "POST /apps/{deploy}/webhooks/{hook}/verify", "", "not-verified", deaf},
		refused{"vic", "POST /apps/{deploy}/webhooks", `{"dialect":"giosg","url":"https://r.example/","channels":[]}`, "too-many-webhooks", crowded},
	)
}

func TestRefusals(t *testing.T) {
	rows := slices.Concat(refusedMany(), refusedResuming, refusedAsking, refusedInstalling, refusedOperating, refusedTriggering, refusedTokens, refusedProviders(), refusedHooks())
	for _, r := range refusedDeciding {
		verbs := []string{"approve", "restrict", "decline"}
		if !strings.Contains(r.call, "{decide}") {
			verbs = verbs[:1] // it names its own
		}
		for _, verb := range verbs {
			rows = append(rows, refused{r.who, strings.Replace(r.call, "{decide}", verb, 1), r.body, r.problem, r.before})
		}
	}
	everyCompany(t, func(t *testing.T, shared *company) {
		for _, r := range rows {
			t.Run(r.who+" "+r.call+" "+r.problem, func(t *testing.T) {
				o := shared // in which what is refused changes nothing
				if r.before != nil {
					o = newCompanyAt(t, shared)
					r.before(t, o)
				}
				if got := o.call(t, r.who, r.call, r.body); got.problem() != r.problem {
					t.Errorf("%d %s, want %s", got.status, got.body, r.problem)
				}
			})
		}
	})
}

// by makes a call that went well before.
func by(who, call string, body ...string) func(*testing.T, *company) {
	return func(t *testing.T, o *company) {
		t.Helper()
		if got := o.call(t, who, call, strings.Join(body, "")); got.status >= 400 {
			t.Fatalf("%s: %s", call, got.body)
		}
	}
}

// asks makes bo's request one for another app.
func asks(app func(*company) souk.App) func(*testing.T, *company) {
	return func(t *testing.T, o *company) {
		t.Helper()
		asked, err := o.market.RequestApp(t.Context(), actor(o.bo), market.Asking{App: app(o).ID, At: o.sales.ID})
		if err != nil {
			t.Fatal(err)
		}
		o.asked = asked.Request
	}
}

// crowded gives an app as many webhooks with channels as it may have.
func crowded(t *testing.T, o *company) {
	t.Helper()
	o.channels()
	for range market.MaxChannelWebhooks {
		into[savedObject](t, o.call(t, "vic", "POST /apps/{deploy}/webhooks", `{"dialect":"giosg","url":"https://r.example/","channels":[]}`), 201)
	}
}

// full gives an app user as many tokens as it may have.
func full(t *testing.T, o *company) {
	t.Helper()
	for n := 1; n < market.MaxTokens; n++ { // it has one
		if _, err := o.market.MintAppUserToken(t.Context(), actor(o.vic), o.notes.ID, o.notebot.ID, market.Minting{Description: "more"}); err != nil {
			t.Fatal(err)
		}
	}
}

func closed(t *testing.T, o *company) {
	o.sales.Policy = souk.Closed
	o.put(t, func(tx *store.Tx) error { return tx.PutOrg(o.sales) })
}

func ownersOnly(t *testing.T, o *company) {
	o.sales.ClearOwnersOnly, o.sales.UninstallOwnersOnly = true, true
	o.put(t, func(tx *store.Tx) error { return tx.PutOrg(o.sales) })
}

func closedBelow(t *testing.T, o *company) {
	by("olga", "POST /orgs/{acme}/apps/{notes}/clear")(t, o)
	o.labs.Policy = souk.Closed
	o.put(t, func(tx *store.Tx) error { return tx.PutOrg(o.labs) })
}

func featurelessBelow(t *testing.T, o *company) {
	o.labs.HasAppsFeature = false
	o.put(t, func(tx *store.Tx) error { return tx.PutOrg(o.labs) })
}

func featureless(t *testing.T, o *company) {
	by("sal", "POST /orgs/{sales}/apps/{guard}/approve")(t, o)
	o.sales.HasAppsFeature = false
	o.put(t, func(tx *store.Tx) error { return tx.PutOrg(o.sales) })
}

// restrictedAbove leaves bo's request pending under an enterprise that
// restricts the app, as an import may.
func restrictedAbove(t *testing.T, o *company) {
	o.put(t, func(tx *store.Tx) error {
		return tx.InsertResolution(souk.Resolution{
			ID: souk.NewID(), App: o.deploy.ID, Org: o.acme.ID, Status: souk.Restricted, By: o.olga.ID, CreatedAt: o.at,
		})
	})
}
