package main

import (
	"fmt"
	"io"
)

// invite prints how to go on by hand.
func (c cast) invite(out io.Writer, base string) {
	fmt.Fprintf(out, `
The server stays up at %[1]s until you interrupt it. Try it.

  In a browser, as Beth, who decides at Buyer Ltd (%[11]s, password “%[12]s”):

    install Guide   %[1]s/apps/%[13]s/install
    its apps        %[1]s/console/orgs/%[14]s/apps

  As Ada, who decides for Acme (%[15]s, password “%[16]s”; sign out first):

    what Acme Labs has   %[1]s/console/orgs/%[5]s/apps
    her account          %[1]s/console/account

  Slack's wire, as Ada, who decides for Acme:

    curl -s %[1]s/api/auth.test -H 'Authorization: Bearer %[2]s'
    curl -s %[1]s/api/admin.apps.approved.list -H 'Authorization: Bearer %[2]s' -d team_id=%[3]s

  Souk's own API, as Bo, who works at Acme Labs:

    curl -s %[1]s/souk/v1/me -H 'Authorization: Bearer %[4]s'
    curl -s %[1]s/souk/v1/orgs/%[5]s/apps/%[6]s/explanation -H 'Authorization: Bearer %[4]s'

  giosg's wire, as Vera, who publishes apps:

    curl -s %[1]s/api/v5/orgs/%[9]s/owned_apps -H 'Authorization: Token %[10]s'

  Zoom's wire, as Ada, who decides for Acme:

    curl -s %[1]s/v2/marketplace/apps -H 'Authorization: Bearer %[17]s'

  As the host product, with the platform token, on Bo's behalf:

    curl -s %[1]s/souk/v1/orgs/%[5]s/requests -H 'Authorization: Bearer %[7]s' -H 'Souk-On-Behalf-Of: %[8]s'

  What there is: %[1]s/souk/v1/openapi.yaml
`, base, c.token("ada-admin"), c["orgs.acme-labs"].ID.Slack("T"), c.token("bo"),
		c.id("orgs.acme-labs"), c.id("apps.deploybot"), c.token("host"), c.id("users.bo"),
		c.id("orgs.vendor"), c.token("vera"),
		logins["beth"].Get("email"), logins["beth"].Get("password"), c.id("apps.guide"), c.id("orgs.buyer"),
		logins["ada"].Get("email"), logins["ada"].Get("password"),
		c.token("ada-zoom"))
}
