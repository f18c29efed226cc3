package giosg

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"souk"
	"souk/market"
)

// boothForm is how the booth signs somebody in at the shop, but for some words:
// name, value.
func (o *company) boothForm(but ...string) url.Values {
	f := url.Values{
		"client_id": {o.ID("apps.booth").String()}, "client_secret": {boothSecret}, "organization_id": {o.ID("orgs.shop").String()},
		"email": {"Nia@shop.example"}, "first_name": {"Nia"}, "last_name": {"New"}, "permissions": {"settings users"},
	}
	for i := 0; i < len(but); i += 2 {
		if f.Set(but[i], but[i+1]); but[i+1] == "" {
			f.Del(but[i])
		}
	}
	return f
}

const ssoPath = "/sso/access-token"

// A site signs somebody in whom the organization does not know yet, and again.
func TestSSO(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.Apply(traders)
		got := o.sendParts(t, ssoPath, o.boothForm())
		first := into[ssoToken](t, got, 200)
		if len(into[map[string]any](t, got, 200)) != 6 || first.TokenType != "Bearer" || first.ExpiresIn != int(market.AccessLife.Seconds()) ||
			first.OrganizationID != o.ID("orgs.shop") || first.AppID != o.ID("apps.booth") || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s, header %v", got.body, got.header)
		}
		me := into[user](t, o.bearer(t, "GET /users/me", first.AccessToken), 200)
		if me.ID != first.UserID || me.Email == nil || *me.Email != "nia@shop.example" || me.FullName != "Nia New" || me.IsBot {
			t.Errorf("it is %+v", me)
		}
		if got := o.bearer(t, "GET /orgs/{orgs.shop}/app_installations", first.AccessToken); got.status != 200 {
			t.Errorf("with its permissions: %d %s", got.status, got.body)
		}
		again := into[ssoToken](t, o.trade(t, ssoPath, o.boothForm("permissions", "settings")), 200)
		if again.UserID != first.UserID || again.AccessToken == first.AccessToken {
			t.Errorf("again it is %+v", again)
		}
		none := into[ssoToken](t, o.trade(t, ssoPath, o.boothForm("permissions", "")), 200)
		if got := o.bearer(t, "GET /orgs/{orgs.shop}/app_installations", none.AccessToken); got.status != 403 {
			t.Errorf("without permissions: %d %s", got.status, got.body)
		}
		if err := o.Market.EndInstallation(t.Context(), o.As("sam"), o.ID("orgs.shop"), o.ID("installations.booth@shop")); err != nil {
			t.Fatal(err)
		}
		if got := o.bearer(t, "GET /users/me", first.AccessToken); got.status != 401 {
			t.Errorf("after the installation: %d %s", got.status, got.body)
		}
	})
}

func TestSSORefusals(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.Apply(traders)
		kiosk := []string{"client_id", o.ID("apps.kiosk").String(), "client_secret", kioskSecret, "permissions", "settings"}
		for name, tt := range map[string]struct {
			but    []string
			status int
			word   string
		}{
			"no secret":                       {[]string{"client_secret", ""}, 400, invalidClient},
			"wrong secret":                    {[]string{"client_secret", kioskSecret}, 400, invalidClient},
			"an unknown client":               {[]string{"client_id", souk.NewID().String()}, 400, invalidClient},
			"no organization":                 {[]string{"organization_id", ""}, 400, invalidRequest},
			"an organization without the app": {[]string{"organization_id", o.ID("orgs.solo").String()}, 403, accessDenied},
			"an organization of nobody's":     {[]string{"organization_id", souk.NewID().String()}, 403, accessDenied},
			"the zero organization":           {[]string{"organization_id", souk.ID{}.String()}, 403, accessDenied},
			"no e-mail":                       {[]string{"email", ""}, 400, invalidRequest},
			"no e-mail address":               {[]string{"email", "nia"}, 400, invalidRequest},
			"a permission that was not given": {[]string{"permissions", "settings reports"}, 400, invalidRequest},
			"a permission that is none":       {[]string{"permissions", "everything"}, 400, invalidRequest},
			"somebody who did not agree":      {[]string{"email", "kim@shop.example"}, 403, accessDenied},
			"a stranger, without users":       {kiosk, 403, accessDenied},
		} {
			got := o.trade(t, ssoPath, o.boothForm(tt.but...))
			refusedWith(t, name, got, tt.status, tt.word)
			if got.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s: header %v", name, got.header)
			}
		}
		twice := o.boothForm()
		twice.Add("email", "kim@shop.example")
		refusedWith(t, "two e-mails", o.sendParts(t, ssoPath, twice), 400, invalidRequest)
		refusedWith(t, "parts without a boundary", o.trade(t, ssoPath, nil, "Content-Type", "multipart/form-data"), 400, invalidRequest)
		refusedWith(t, "half a form", o.trade(t, ssoPath, o.boothForm(), "Content-Type", "multipart/form-data; boundary=x"), 400, invalidRequest)
		many := url.Values{}
		for i := range 60 {
			many.Set(strings.Repeat("x", i+1), "1")
		}
		refusedWith(t, "many parts", o.sendParts(t, ssoPath, many), 400, invalidRequest)
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			r, err := http.NewRequestWithContext(t.Context(), method, o.url+ssoPath, nil)
			if err != nil {
				t.Fatal(err)
			}
			refusedWith(t, method, o.send(t, r), 405, invalidRequest)
		}
		if _, err := o.Market.SetEntitlements(t.Context(), souk.Operator("test"), o.ID("orgs.shop"), souk.Entitlements{HasAppsFeature: true}); err != nil {
			t.Fatal(err)
		}
		refusedWith(t, "an organization without a subscription", o.trade(t, ssoPath, o.boothForm()), 403, accessDenied)
	})
}

// A page of the app's may read what it is told, and no other may.
func TestSSOFromPages(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.Apply(traders)
		const page, stranger = "https://booth.example", "https://stranger.example"
		for name, tt := range map[string]struct {
			origin string
			but    []string
			status int
			told   bool
		}{
			"its own page":                   {page, nil, 200, true},
			"its own page, refused":          {page, []string{"email", "kim@shop.example"}, 403, true},
			"its own page, wrong":            {page, []string{"email", "kim"}, 400, true},
			"its own page, without a secret": {page, []string{"client_secret", ""}, 400, false},
			"a stranger's page":              {stranger, nil, 403, false},
			"a page of nowhere":              {"null", nil, 403, false},
			"the same host, not the same":    {"http://booth.example", nil, 403, false},
		} {
			got := o.trade(t, ssoPath, o.boothForm(tt.but...), "Origin", tt.origin)
			allowed := got.header.Get("Access-Control-Allow-Origin")
			if got.status != tt.status || (allowed == tt.origin) != tt.told || !tt.told && allowed != "" || got.header.Get("Vary") != "Origin" {
				t.Errorf("%s: %d %s, header %v", name, got.status, got.body, got.header)
			}
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, o.url+ssoPath, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := o.send(t, r); got.status != 204 || got.header.Get("Allow") != "POST, OPTIONS" || got.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("OPTIONS: %d, header %v", got.status, got.header)
		}
		r.Header.Set("Origin", page)
		r.Header.Set("Access-Control-Request-Method", "POST")
		if got := o.send(t, r); got.status != 204 || got.header.Get("Access-Control-Allow-Origin") != page ||
			got.header.Get("Access-Control-Allow-Methods") != "POST" || got.header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("preflight: %d, header %v", got.status, got.header)
		}
	})
}
