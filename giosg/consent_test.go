package giosg

import "testing"

// somebodyAtBoth works at two workspaces of the mall and installed nothing.
const somebodyAtBoth = `
version: 1
users:
  duo: {org: shop, email: duo@shop.example, first_name: Duo, memberships: [{org: shop, permissions: [settings, users]}, {org: stall, permissions: [settings, users]}]}
`

// What somebody let an enterprise's app do at one workspace it does at no other,
// neither by single sign-on nor by what it is told in the background. Whoever
// installed it for the enterprise let it act at all of them.
func TestConsentIsForOneOrganization(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.Apply(traders)
		o.Apply(mallwide)
		o.Apply(somebodyAtBoth)
		o.agrees(t, "duo", "settings")
		for _, tt := range []struct {
			who, email, org string
			status          int
		}{
			{"duo", "duo@shop.example", "shop", 200},
			{"duo", "duo@shop.example", "stall", 403},
			{"mia", "mia@mall.example", "shop", 200},
			{"mia", "mia@mall.example", "stall", 200},
		} {
			call := "GET /orgs/{orgs." + tt.org + "}/owned_apps"
			got := o.trade(t, ssoPath, o.boothForm("client_id", o.ID("apps.agent").String(), "client_secret", kioskSecret,
				"organization_id", o.ID("orgs."+tt.org).String(), "email", tt.email, "permissions", "settings"))
			if tt.status != 200 {
				refusedWith(t, tt.who+" at the "+tt.org, got, 403, accessDenied)
			} else if got := o.bearer(t, call, into[ssoToken](t, got, 200).AccessToken); got.status != 200 {
				t.Errorf("%s signed in at the %s: %d %s", tt.who, tt.org, got.status, got.body)
			}
			r := o.request(t, "", call, "")
			r.Header.Set("Authorization", o.heard(t, tt.who, tt.org))
			if got := o.send(t, r); got.status != tt.status {
				t.Errorf("told of %s in the background at the %s: %d %s", tt.who, tt.org, got.status, got.body)
			}
		}
	})
}
