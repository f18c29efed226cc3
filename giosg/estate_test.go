package giosg

import (
	"strings"
	"testing"

	"souk"
)

// furnishings let organizations of the company deal in apps.
const furnishings = `
version: 1
orgs:
  shop:   {entitlements: {is_app_provider: true}}
  globex: {entitlements: {is_app_provider: true}}
  solo:   {policy: open, entitlements: {is_app_provider: true}}
`

// estate is an organization of the company with one of everything that an
// address can name.
type estate struct {
	*company
	org, owner      string             // as the company calls them
	partner, friend string             // who offers it apps, and who acts there
	ids             map[string]souk.ID // by the address, up to the place of the id
	workers         map[souk.ID]string // tokens of its own app's user, by the installation
}

// The addresses of things that many others are below, or made from.
const (
	anOrg   = "/orgs/{org}"
	ownApp  = anOrg + "/owned_apps/{app}"
	ownHook = ownApp + "/webhooks/{webhook}"
	anIcon  = anOrg + "/assets/{asset}"
	anAlly  = anOrg + "/partnerships/{partner}"
	toAlly  = anOrg + "/outgoing_app_shares/{share}"
	byAlly  = anOrg + "/incoming_app_shares/{share}"
	letOut  = anOrg + "/outgoing_partnership_invitations/{invitation}"
	letIn   = anOrg + "/incoming_partnership_invitations/{invitation}"
	bought  = anOrg + "/app_installations/{installation}"
	sold    = ownApp + "/installations/{installation}"
)

// A thing is made at its address out of those before it.
type thing struct {
	path string
	make func(*testing.T, *estate) souk.ID
}

// things are one of everything.
var things = []thing{
	{anOrg, func(_ *testing.T, e *estate) souk.ID { return e.ID("orgs." + e.org) }},
	{"/public_apps/{app}", func(_ *testing.T, e *estate) souk.ID { return e.ID("apps.vault") }},
	{anOrg + "/users/{user}", func(_ *testing.T, e *estate) souk.ID { return e.ID("users." + e.owner) }},
	{anIcon, func(t *testing.T, e *estate) souk.ID {
		contentType, form := iconForm(t)
		return into[asset](t, e.handRaw(t, e.owner, e.at("POST "+anOrg+"/assets"), contentType, []byte(form)), 201).ID
	}},
	{ownApp, func(t *testing.T, e *estate) souk.ID {
		return e.publishes(t, e.owner, e.org, e.org+"'s own", `,"required_scopes":["settings"],"trigger_conditions":["setup","install"],
			"is_app_user_required":true,"app_user_default_first_name":"Own","app_user_default_last_name":"Bot"`).ID
	}},
	{ownHook, func(t *testing.T, e *estate) souk.ID {
		body := `{"endpoint_url":"https://` + e.org + `.example/?secret=s","channel_subscriptions":[` + subscribe(ownPattern) + `]}`
		return into[webhook](t, e.call(t, e.owner, e.at("POST "+ownApp+"/webhooks"), body), 201).ID
	}},
	{sold, func(t *testing.T, e *estate) souk.ID { return e.buys(t, e.owner, e.org, e.ids[ownApp]) }},
	{anOrg + "/installed_apps/{app}", func(_ *testing.T, e *estate) souk.ID { return e.ids[ownApp] }},
	{bought, func(t *testing.T, e *estate) souk.ID { return e.buys(t, e.owner, e.org, e.ID("apps.vault")) }},
	{anAlly, func(t *testing.T, e *estate) souk.ID {
		e.befriend(t, e.owner, e.org, e.friend, e.partner)
		return e.ID("orgs." + e.partner)
	}},
	{anOrg + "/partner_apps/{app}", func(t *testing.T, e *estate) souk.ID {
		return e.publishes(t, e.friend, e.partner, e.partner+"'s for partners", `,"is_available_to_partners":true`).ID
	}},
	{toAlly, func(t *testing.T, e *estate) souk.ID {
		app := e.publishes(t, e.owner, e.org, e.org+"'s for "+e.partner, "").ID
		return e.shares(t, e.owner, e.org, app, e.partner)
	}},
	{byAlly, func(t *testing.T, e *estate) souk.ID {
		app := e.publishes(t, e.friend, e.partner, e.partner+"'s for "+e.org, "").ID
		return e.shares(t, e.friend, e.partner, app, e.org)
	}},
	{letOut, func(t *testing.T, e *estate) souk.ID { return e.invited(t, e.owner, e.org, "acme").ID }},
	{letIn, func(t *testing.T, e *estate) souk.ID {
		ended := e.call(t, e.owner, e.at("DELETE "+anOrg)+"/partnerships/{orgs.labs}", "")
		if ended.status != 204 && ended.status != 404 { // perhaps the one before was accepted
			t.Fatal(ended.status, ended.body)
		}
		return e.invited(t, "ada", "labs", e.org).ID
	}},
}

// furnished are the estates of two strangers: the shop's and solo's.
func (o *company) furnished(t *testing.T) (shop, solo *estate) {
	t.Helper()
	o.Apply(furnishings)
	shop = &estate{company: o, org: "shop", owner: "sam", partner: "globex", friend: "gus", ids: map[string]souk.ID{}}
	solo = &estate{company: o, org: "solo", owner: "solveig", partner: "vendor", friend: "vic", ids: map[string]souk.ID{}}
	for _, e := range []*estate{shop, solo} {
		for _, one := range things {
			e.ids[one.path] = one.make(t, e)
		}
	}
	return shop, solo
}

// renew makes what was at addresses again, in this order.
func (e *estate) renew(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		for _, one := range things {
			if one.path == path {
				e.ids[path] = one.make(t, e)
			}
		}
	}
}

// at fills the ids of the estate into an address, but for those that are given
// by address. What it has no id for it leaves.
func (e *estate) at(address string, but ...map[string]souk.ID) string {
	method, path, hasMethod := strings.Cut(address, " ")
	if !hasMethod {
		method, path = "", address
	}
	path, query, _ := strings.Cut(path, "?")
	var filled, named string
	for _, segment := range strings.Split(path, "/")[1:] {
		named += "/" + segment
		if id, known := e.ids[named]; known {
			segment = id.String()
		}
		for _, other := range but {
			if id, given := other[named]; given {
				segment = id.String()
			}
		}
		filled += "/" + segment
	}
	if query != "" {
		filled += "?" + query
	}
	return strings.TrimPrefix(method+" "+filled, " ")
}

// say fills the ids of the estate into a body.
func (e *estate) say(body string) string {
	return strings.NewReplacer(
		"{app}", e.ids[ownApp].String(), "{partner}", e.ids[anAlly].String(), "{asset}", e.ids[anIcon].String(),
	).Replace(body)
}

// newApp is what is sent to make an app.
func newApp(name, more string) string {
	return `{"name":"` + name + `","description":"D","is_app_user_required":false,` +
		`"terms_of_service_url":"https://shop.example/t","privacy_policy_url":"https://shop.example/p"` + more + `}`
}

// publishes makes an app of an organization's.
func (o *company) publishes(t *testing.T, who, org, name, more string) ownedApp {
	t.Helper()
	return into[ownedApp](t, o.call(t, who, "POST /orgs/{orgs."+org+"}/owned_apps", newApp(name, more)), 201)
}

func (o *company) buys(t *testing.T, who, org string, app souk.ID) souk.ID {
	t.Helper()
	return into[installation](t, o.call(t, who, "POST /orgs/{orgs."+org+"}/app_installations", buying(app)), 201).ID
}

func buying(app souk.ID) string {
	return `{"app_id":"` + app.String() + `","is_terms_accepted":true}`
}

func (o *company) shares(t *testing.T, who, org string, app souk.ID, with string) souk.ID {
	t.Helper()
	return into[share](t, o.call(t, who, "POST /orgs/{orgs."+org+"}/outgoing_app_shares", sharing(app, with)), 201).ID
}

// iconForm is a form that hands in an icon.
func iconForm(t *testing.T) (contentType, body string) {
	t.Helper()
	return "multipart/form-data; boundary=edge", "--edge\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nIcon\r\n" +
		"--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"icon.png\"\r\n\r\n" + string(drawn(t, "png", 8, 8)) + "\r\n--edge--\r\n"
}
