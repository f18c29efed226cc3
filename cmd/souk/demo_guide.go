package main

import (
	"context"
	"net/http"
	"net/url"
)

// The people of the demo who sign in, by their names in demo.yaml, with their
// e-mails and passwords there.
var logins = map[string]url.Values{
	"ada":  {"email": {"ada@acme.example"}, "password": {"ada of the demo"}},
	"bo":   {"email": {"bo@acme.example"}, "password": {"bo of the demo"}},
	"beth": {"email": {"beth@buyer.example"}, "password": {"beth of the demo"}},
}

// guide is the chapter told in pages: people follow links, sign in, weigh what an
// app wants, and come back to it; its server trades what it was handed for a
// token.
func (s *story) guide() []scene {
	var (
		guide, buyer, labs   = s.cast.id("apps.guide"), s.cast.id("orgs.buyer"), s.cast["orgs.acme-labs"]
		secret               = s.cast["apps.guide"].Credentials.GiosgSecret
		install              = "/apps/" + guide + "/install"
		beth, bo             = s.browser("beth"), s.browser("bo")
		installed, code, way string // once they are known
		token, request       string
	)
	s.hooks.trustGuide(secret)
	trade := s.trade(func() url.Values {
		return url.Values{"grant_type": {"authorization_code"}, "code": {code}, "client_id": {guide}, "client_secret": {secret}}
	})
	return []scene{
		{"In pages: Vera says where her third app, Guide, has a page of its own.",
			s.giosg("vera", "PATCH", at("/api/v5/orgs/"+s.cast.id("orgs.vendor")+"/owned_apps/"+guide),
				at(`{"trigger_url": "`+s.hooks.url+guidePath+`", "trigger_conditions": ["install", "manual_nav", "setup", "uninstall"]}`)),
			[]string{"name=Guide", "trigger_conditions.0=install"}},
		{"Beth follows Guide's install link and has to sign in first.",
			beth.open(at(install)), []string{"at=/console/signin", "heading=Sign in"}},
		{"She does, and is back at the link: she reads what Guide wants.",
			beth.submit("password", logins["beth"]), []string{"at=" + install, "heading=Install Guide"}},
		{"She accepts, and lands on Guide's own page.",
			beth.submit("terms", url.Values{"terms": {"accepted"}, "first_name": {"Night"}}),
			[]string{"at=" + guidePath, "heading=This is Guide, an app"}},
		{"Guide's server reads who sent her from what Souk signed.",
			s.keep("data.app_user_code", &code, s.keep("redirect_uri", &way, s.keep("data.inst_id", &installed, s.hear(guidePath)))),
			[]string{"type=install", "has_token=true", "data.app_id=" + guide, "data.org_id=" + buyer}},
		{"It trades the code that came with it for a token of its bot.",
			s.keep("access_token", &token, trade), []string{"token_type=Token", "organization_id=" + buyer, "app_id=" + guide}},
		{"A code is good once.", trade, []string{"error=invalid_grant"}},
		{"The bot is somebody, by the name that Beth gave it.",
			s.call(http.MethodGet, at("/api/v5/users/me"), at(""), "the bot", func() string { return "Token " + token }),
			[]string{"full_name=Night Helper", "is_bot=true", "organization.name=Buyer Ltd"}},
		{"Guide sends Beth back to where Souk said.",
			beth.open(func() string { return way }),
			[]string{"at=/console/orgs/" + buyer + "/apps", "query.status=installed", "heading=Installed apps"}},
		{"Bo follows the same link. At Acme Labs somebody has to approve, so he signs in to ask.",
			bo.then(bo.open(at(install+"?state=42")), bo.submit("password", logins["bo"])),
			[]string{"at=" + install, "heading=Ask for Guide"}},
		{"He asks, and the answer carries what Guide's developer wants to know again.",
			s.keep("query.request_id", &request, bo.submit("reason", url.Values{"reason": {"For newcomers"}, "terms": {"accepted"}})),
			[]string{"at=/console/orgs/" + labs.ID.String() + "/apps", "query.status=requested", "query.state=42"}},
		{"Ada's bot hears of it in Slack's words.",
			s.hear("/slack"), []string{"event.type=app_requested", "event.app_request.app.name=Guide", "event.app_request.message=For newcomers"}},
		{"She approves it in Souk's own.",
			s.nativeLater("ada", "POST", func() string { return "/souk/v1/requests/" + request + "/approve" }, `{}`),
			[]string{"resolution.status=approved", "settled.0.status=approved"}},
		{"What Bo wished for is installed.",
			s.native("bo", "GET", "/souk/v1/orgs/"+labs.ID.String()+"/installations", ""), []string{"items.0.app.id=" + guide}},
		{"Beth sees what would stop if she uninstalled Guide, and does.",
			beth.then(beth.open(func() string { return "/console/orgs/" + buyer + "/installations/" + installed + "/uninstall" }), beth.submit("", nil)),
			[]string{"at=/console/orgs/" + buyer + "/apps"}},
		{"Guide's server is told, in the background and without a token.",
			s.hear(guidePath), []string{"type=uninstall", "has_token=false", "data.org_id=" + buyer}},
		{"The bot's token is dead.",
			s.call(http.MethodGet, at("/api/v5/users/me"), at(""), "the bot", func() string { return "Token " + token }),
			[]string{"detail=User inactive or deleted."}},
	}
}

// trade calls the token endpoint as an app's server does.
func (s *story) trade(form func() url.Values) func(context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) {
		return s.post(ctx, "/identity/token", form(), "Guide's server")
	}
}
