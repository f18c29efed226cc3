package giosg

import (
	"net/netip"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/souktest"
)

// mallwide adds another workspace of the mall, the mall's owner, and two apps
// that she installed for all of the mall.
const mallwide = `
version: 1
orgs:
  mall:  {policy: open, entitlements: {is_app_provider: true}}
  stall: {kind: workspace, enterprise: mall, name: Stall, policy: open, entitlements: {is_app_provider: true}}
users:
  mia:  {org: mall, email: mia@mall.example, first_name: Mia, memberships: [{org: mall, role: owner}]}
  stan: {org: stall, email: stan@stall.example, first_name: Stan, memberships: [{org: stall}]}
apps:
  agent: {name: Agent, credentials: {giosg: {secret: "` + kioskSecret + `"}}, ` + asksForAll + `}
  idle:  {name: Idle, credentials: {giosg: {secret: "` + boothSecret + `"}}, ` + asksForAll + `}
installations:
  agent@mall: {app: agent, org: mall, workspaces: [shop, stall], installed_by: mia}
  idle@mall:  {app: idle, org: mall, workspaces: [shop, stall], installed_by: mia}
tokens:
  mia: {kind: token, user: mia, token: souk-company-token-mia}
`

const asksForAll = `owner: vendor, listing: listed, is_available_to_anyone: true, is_app_user_required: true,
    app_user: {first_name: Mall, last_name: Bot}, required_scopes: [reports, settings, users],
    trigger: {url: "` + agentPage + `", conditions: [manual_nav, chat_end]}, redirect_uris: ["` + agentPage + `"]`

// handed is something that an app got hold of: what it may where it was made
// for, and whether that is at the shop alone or wherever the app is installed.
type handed struct {
	name, header string
	scopes       souk.Scopes
	idle         bool // its user has none of the permissions
	everywhere   bool
	home         string // of its user
	mail         string // its user's own
	own          bool   // it is the very app's that an address names
}

// allThree are what an app can be allowed here.
var allThree = souk.NewScopes("settings", "users", "reports")

// handsOut makes everything that an app can be handed.
func (o *company) handsOut(t *testing.T) (all []handed) {
	t.Helper()
	ctx, operator := t.Context(), souk.Operator("test")
	fine := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	agreed := func(scopes ...string) string {
		code := o.agrees(t, "mia", scopes...)
		made, err := o.Market.Redeem(ctx, market.Redeeming{App: o.ID("apps.agent"), Secret: kioskSecret, Code: code, Redirect: agentPage}, "test", netip.Addr{})
		fine(err)
		return "Bearer " + made.Secret
	}
	mias := func(name, header string, scopes souk.Scopes) handed {
		return handed{name: name, header: header, scopes: scopes, home: "mall", mail: "mia@mall.example"}
	}
	came, err := o.Market.SSOToken(ctx, market.SSO{
		App: o.ID("apps.agent"), Secret: kioskSecret, Org: o.ID("orgs.shop"), Email: "newcomer@shop.example", FirstName: "New", Permissions: allThree,
	}, "test", netip.Addr{})
	fine(err)
	opened, err := o.Market.OpenTrigger(ctx, o.As("mia"), market.Opening{App: o.ID("apps.agent"), At: o.ID("orgs.shop"), Condition: souk.OnNavigation})
	fine(err)
	all = []handed{
		mias("who Mia is", agreed(), nil),
		mias("Mia's people", agreed("users"), souk.NewScopes("users")),
		mias("all of Mia's", agreed(allThree...), allThree),
		mias("what Mia opened", "GIOSGAPP "+queryOf(t, opened).Get("token")+" "+kioskSecret, allThree),
		{name: "what Kim did", header: o.heard(t, "kim", "shop"), home: "shop", mail: "kim@shop.example"},
		{name: "a newcomer's", header: "Bearer " + came.Secret, scopes: allThree, home: "shop", mail: "newcomer@shop.example"},
	}
	for _, app := range []string{"agent", "idle"} {
		v, err := o.Market.AppInstallation(ctx, operator, o.ID("orgs.mall"), o.ID("installations."+app+"@mall"))
		fine(err)
		worker := func(scopes ...string) string {
			made, err := o.Market.MintAppUserToken(ctx, operator, v.App, v.ID, market.Minting{Description: "worker", Scopes: append([]string{}, scopes...)})
			fine(err)
			return made.Secret
		}
		whole := worker(allThree...)
		short, err := mintToken(souktest.Key, souk.Speaker{Installation: v.ID, App: v.App, Org: v.Installation.Org, User: v.AppUser}, time.Now())
		fine(err)
		if app == "agent" {
			_, err := o.Market.SetPermissions(ctx, operator, o.ID("orgs.mall"), v.AppUser, souk.Permissions)
			fine(err)
		}
		for _, bot := range []handed{
			{name: "token", header: "Token " + whole, scopes: allThree},
			{name: "token as Bearer", header: "Bearer " + whole, scopes: allThree},
			{name: "notification", header: "Bearer " + short, scopes: allThree},
			{name: "token for people", header: "Token " + worker("users"), scopes: souk.NewScopes("users")},
			{name: "token for nothing", header: "Token " + worker()},
		} {
			bot.name, bot.idle, bot.everywhere, bot.home = app+"'s "+bot.name, app == "idle", true, "mall"
			all = append(all, bot)
		}
	}
	return all
}

// agentPage is where the agent has people sent back to.
const agentPage = "https://agent.example/"

// agrees lets the agent do something for somebody at the shop, by a code.
func (o *company) agrees(t *testing.T, who string, scopes ...string) (code string) {
	t.Helper()
	code, err := o.Market.Authorize(t.Context(), o.session(who), market.Authorizing{
		App: o.ID("apps.agent"), At: o.ID("orgs.shop"), Redirect: agentPage, Scopes: append([]string{}, scopes...),
	})
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// heard is what the agent calls with when it was told in the background what
// somebody brought about at an organization.
func (o *company) heard(t *testing.T, who, org string) (header string) {
	t.Helper()
	_, err := o.Market.Trigger(t.Context(), souk.Operator("test"), market.Triggering{Condition: "chat_end", Org: o.ID("orgs." + org), User: o.ID("users." + who), App: o.ID("apps.agent")})
	if err != nil {
		t.Fatal(err)
	}
	prepared, err := PrepareTrigger(souktest.Key, base)(souk.Outgoing{
		Delivery: o.calls(t, "agent")[0], Webhook: souk.Webhook{URL: agentPage},
		Credentials: souk.Credentials{GiosgSecret: kioskSecret}, At: time.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return "GIOSGAPP " + queryOf(t, prepared.URL).Get("token") + " " + kioskSecret
}

// worker is a token of the user of the estate's own app, which holds settings.
func (e *estate) worker(t *testing.T) string {
	t.Helper()
	at := e.ids[sold]
	if e.workers[at] == "" {
		operator := souk.Operator("test")
		v, err := e.Market.AppInstallation(t.Context(), operator, e.ids[anOrg], at)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Market.SetPermissions(t.Context(), operator, e.ids[anOrg], v.AppUser, souk.Permissions); err != nil {
			t.Fatal(err)
		}
		made, err := e.Market.MintAppUserToken(t.Context(), operator, v.App, at, market.Minting{Description: "worker"})
		if err != nil {
			t.Fatal(err)
		}
		e.workers[at] = made.Secret
	}
	return e.workers[at]
}
