package giosg

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"souk"
	"souk/market"
	"souk/souktest"
)

// traders are two apps of the shop's, one that everything is asked of and one
// that knows only setting up.
const traders = `
version: 1
apps:
  kiosk:
    owner: shop
    name: Kiosk
    is_app_user_required: true
    app_user: {first_name: Shop, last_name: Kiosk}
    required_scopes: [settings]
    trigger: {url: "https://kiosk.example/t?mine=%7e1", conditions: [install, setup, uninstall, manual_nav, chat_end]}
    redirect_uris: ["https://kiosk.example/back", "https://kiosk.example/page"]
    credentials: {giosg: {secret: "` + kioskSecret + `"}}
  booth:
    owner: shop
    name: Booth
    is_app_user_required: true
    app_user: {first_name: Shop, last_name: Booth}
    required_scopes: [settings, users]
    trigger: {url: "https://booth.example/", conditions: [setup]}
    redirect_uris: ["https://booth.example/back"]
    credentials: {giosg: {secret: "` + boothSecret + `"}}
installations:
  kiosk@shop: {app: kiosk, org: shop, installed_by: sam}
  booth@shop: {app: booth, org: shop, installed_by: sam}
`

const (
	kioskSecret = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	boothSecret = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// open is what an app at the shop is told when somebody opens its trigger.
func (o *company) open(t *testing.T, who, app string, c souk.Condition) url.Values {
	t.Helper()
	address, err := o.Market.OpenTrigger(t.Context(), o.As(who), market.Opening{
		App: o.ID("apps." + app), At: o.ID("orgs.shop"), Condition: c, Return: base + "/console",
	})
	if err != nil {
		t.Fatal(err)
	}
	return queryOf(t, address)
}

func queryOf(t *testing.T, address string) url.Values {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

// code is what the kiosk may trade for a token of its app user.
func (o *company) code(t *testing.T) string {
	t.Helper()
	var data triggerData
	if !readJWT([]byte(kioskSecret), o.open(t, "sam", "kiosk", souk.OnSetup).Get("data"), &data) || data.AppUserCode == nil {
		t.Fatal("there is no code")
	}
	return *data.AppUserCode
}

// trade posts a form to an address outside of the API.
func (o *company) trade(t *testing.T, path string, form url.Values, header ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, o.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return o.send(t, r)
}

// kioskForm is how the kiosk trades a code, but for some words: name, value.
func (o *company) kioskForm(code string, but ...string) url.Values {
	f := url.Values{
		"grant_type": {"authorization_code"}, "code": {code},
		"client_id": {o.ID("apps.kiosk").String()}, "client_secret": {kioskSecret},
	}
	for i := 0; i < len(but); i += 2 {
		if f.Set(but[i], but[i+1]); but[i+1] == "" {
			f.Del(but[i])
		}
	}
	return f
}

// refusedWith fails unless a reply is a refusal in OAuth's words.
func refusedWith(t *testing.T, name string, got reply, status int, word string) string {
	t.Helper()
	var said oauthError
	if err := json.Unmarshal([]byte(got.body), &said); err != nil || got.status != status || said.Error != word || said.Description == "" {
		t.Errorf("%s: %d %s, want %d %s", name, got.status, got.body, status, word)
	}
	if got.header.Get("Cache-Control") != "no-store" || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("%s: header %v", name, got.header)
	}
	return said.Description
}

// An app's server trades the code of a trigger for its app user's token, once.
func TestTradeAppUserCode(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.Apply(traders)
		code := o.code(t)
		got := o.trade(t, "/identity/token", o.kioskForm(code))
		token := into[map[string]any](t, got, 200)
		v, err := o.Market.AppInstallation(t.Context(), o.As("sam"), o.ID("orgs.shop"), o.ID("installations.kiosk@shop"))
		if err != nil {
			t.Fatal(err)
		}
		if len(token) != 5 || token["token_type"] != "Token" || token["user_id"] != v.AppUser.String() ||
			token["organization_id"] != o.ID("orgs.shop").String() || token["app_id"] != o.ID("apps.kiosk").String() {
			t.Errorf("got %s", got.body)
		}
		if got.header.Get("Cache-Control") != "no-store" || got.header.Get("Pragma") != "no-cache" {
			t.Errorf("header %v", got.header)
		}
		r := o.request(t, "", "GET /users/me", "")
		r.Header.Set("Authorization", fmt.Sprint("Token ", token["access_token"]))
		if me := into[user](t, o.send(t, r), 200); me.ID != v.AppUser || !me.IsBot {
			t.Errorf("it is %+v", me)
		}
		if said := refusedWith(t, "again", o.trade(t, "/identity/token", o.kioskForm(code)), 400, invalidGrant); !strings.Contains(said, "expired") {
			t.Errorf("a used code: %s", said)
		}
		// By the header, and in parts.
		basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(o.ID("apps.kiosk").String()+":"+kioskSecret))
		into[appUserToken](t, o.trade(t, "/identity/token", o.kioskForm(o.code(t), "client_id", "", "client_secret", ""), "Authorization", basic), 200)
		into[appUserToken](t, o.trade(t, "/identity/token", o.kioskForm(o.code(t), "client_secret", ""), "Authorization", basic), 200)
		into[appUserToken](t, o.sendParts(t, "/identity/token", o.kioskForm(o.code(t))), 200)
	})
}

// What an enterprise installed is set up from a workspace, and its app user is
// the enterprise's all the same.
func TestTradeAppUserCodeOrgWide(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.Apply(traders)
		o.Apply(`
version: 1
users:
  max: {org: mall, email: max@mall.example, first_name: Max, memberships: [{org: mall, role: owner}, {org: shop, role: member}]}
apps:
  guide:
    owner: mall
    name: Guide
    is_app_user_required: true
    app_user: {first_name: Mall, last_name: Guide}
    trigger: {url: "https://guide.example/", conditions: [setup]}
    credentials: {giosg: {secret: "` + kioskSecret + `"}}
installations:
  guide@mall: {app: guide, org: mall, workspaces: [shop], installed_by: max}
`)
		at := market.Opening{App: o.ID("apps.guide"), At: o.ID("orgs.shop"), Condition: souk.OnSetup}
		if _, err := o.Market.OpenTrigger(t.Context(), o.As("sam"), at); !errors.Is(err, souk.NotAllowed) {
			t.Errorf("sam, who holds settings at one workspace, sets up for all: %v", err)
		}
		setup := o.open(t, "max", "guide", souk.OnSetup)
		var data triggerData
		if !readJWT([]byte(kioskSecret), setup.Get("data"), &data) || data.Org != o.ID("orgs.shop") || data.AppUserCode == nil {
			t.Fatalf("the guide is told %+v", data)
		}
		form := o.kioskForm(*data.AppUserCode, "client_id", o.ID("apps.guide").String())
		if token := into[appUserToken](t, o.trade(t, "/identity/token", form), 200); token.OrganizationID != o.ID("orgs.mall") || token.UserID != *data.AppUser {
			t.Errorf("it gets %+v", token)
		}
		if me := into[user](t, o.asApp(t, "GIOSGAPP "+setup.Get("token")+" "+kioskSecret), 200); me.ID != o.ID("users.max") {
			t.Errorf("it speaks for %+v", me)
		}
	})
}

// sendParts posts a form in parts.
func (o *company) sendParts(t *testing.T, path string, form url.Values, header ...string) reply {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name := range form {
		for _, value := range form[name] {
			if err := w.WriteField(name, value); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, o.url+path, &body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return o.send(t, r)
}

func TestTradeRefusals(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.Apply(traders)
		code := o.code(t)
		parts := strings.Split(code, ".")
		setup := o.open(t, "sam", "kiosk", souk.OnSetup)
		claims := func(change func(*appUserCode)) string {
			var c appUserCode
			if !readJWT(souktest.Key.Codes(), code, &c) {
				t.Fatal("not a code")
			}
			change(&c)
			return signBy(t, jose.HS256, souktest.Key.Codes(), c)
		}
		wide := append(souktest.Key.Codes(), souktest.Key.Codes()...)
		var asIs appUserCode
		readJWT(souktest.Key.Codes(), code, &asIs)
		booth := o.ID("apps.booth").String()
		basic := base64.StdEncoding.EncodeToString([]byte(booth + ":" + boothSecret))
		for name, tt := range map[string]struct {
			form   url.Values
			header string
			word   string
		}{
			"no grant type":            {o.kioskForm(code, "grant_type", ""), "", invalidRequest},
			"another grant type":       {o.kioskForm(code, "grant_type", "refresh_token"), "", unsupportedType},
			"no code":                  {o.kioskForm(code, "code", ""), "", invalidRequest},
			"two codes":                {url.Values{"grant_type": {"authorization_code"}, "code": {code, code}}, "", invalidRequest},
			"no client":                {o.kioskForm(code, "client_id", ""), "", invalidClient},
			"a client that is no id":   {o.kioskForm(code, "client_id", "kiosk"), "", invalidClient},
			"an unknown client":        {o.kioskForm(code, "client_id", souk.NewID().String()), "", invalidClient},
			"the zero client":          {o.kioskForm(code, "client_id", souk.ID{}.String()), "", invalidClient},
			"no secret":                {o.kioskForm(code, "client_secret", ""), "", invalidClient},
			"wrong secret":             {o.kioskForm(code, "client_secret", boothSecret), "", invalidClient},
			"NUL":                      {o.kioskForm(code + "\x00"), "", invalidRequest},
			"two clients":              {o.kioskForm(code, "client_secret", ""), basic, invalidRequest},
			"two secrets":              {o.kioskForm(code, "client_id", booth), basic, invalidRequest},
			"another app's":            {o.kioskForm(code, "client_id", booth, "client_secret", boothSecret), "", invalidGrant},
			"no code at all":           {o.kioskForm("nonsense"), "", invalidGrant},
			"a trigger's token":        {o.kioskForm(setup.Get("token")), "", invalidGrant},
			"a trigger's data":         {o.kioskForm(setup.Get("data")), "", invalidGrant},
			"tampered with":            {o.kioskForm(parts[0] + "." + parts[1] + "A." + parts[2]), "", invalidGrant},
			"another signature":        {o.kioskForm(parts[0] + "." + parts[1] + "." + strings.Repeat("A", 43)), "", invalidGrant},
			"without a signature":      {o.kioskForm("eyJhbGciOiJub25lIn0." + parts[1] + "."), "", invalidGrant},
			"signed by another rule":   {o.kioskForm(signBy(t, jose.HS512, wide, asIs)), "", invalidGrant},
			"signed with the secret":   {o.kioskForm(signBy(t, jose.HS256, []byte(kioskSecret), asIs)), "", invalidGrant},
			"meant for something else": {o.kioskForm(claims(func(c *appUserCode) { c.Audience = []string{base + "/x"} })), "", invalidGrant},
			"made by something else":   {o.kioskForm(claims(func(c *appUserCode) { c.Issuer = base })), "", invalidGrant},
			"for a person":             {o.kioskForm(claims(func(c *appUserCode) { c.User = o.ID("users.sam") })), "", invalidGrant},
			"for another installation": {o.kioskForm(claims(func(c *appUserCode) { c.Installation = o.ID("installations.booth@shop") })), "", invalidGrant},
			"without an end":           {o.kioskForm(claims(func(c *appUserCode) { c.Expires = 0 })), "", invalidGrant},
		} {
			var header []string
			if tt.header != "" {
				header = []string{"Authorization", "Basic " + tt.header}
			}
			refusedWith(t, name, o.trade(t, "/identity/token", tt.form, header...), 400, tt.word)
		}
		refusedWith(t, "JSON", o.trade(t, "/identity/token", nil, "Content-Type", "application/json"), 400, invalidRequest)
		refusedWith(t, "too big", o.trade(t, "/identity/token", url.Values{"code": {strings.Repeat("x", maxWords)}}), 413, invalidRequest)
		for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			r, err := http.NewRequestWithContext(t.Context(), method, o.url+"/identity/token", nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := o.send(t, r); got.status != 405 || got.header.Get("Allow") != "POST" {
				t.Errorf("%s: %d %s, Allow %q", method, got.status, got.body, got.header.Get("Allow"))
			}
		}
		// None of that spent it.
		into[appUserToken](t, o.trade(t, "/identity/token", o.kioskForm(code)), 200)
	})
}

// signBy signs claims by any rule, as an attacker might.
func signBy(t *testing.T, rule jose.SignatureAlgorithm, key []byte, claims any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: rule, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// Of many who hand a code in at once, one gets the token.
func TestTradeRaces(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.Apply(traders)
		for name, form := range map[string]url.Values{
			"of an app user": o.kioskForm(o.code(t)),
			"of a person":    o.kioskForm(o.consent(t, market.Authorizing{OpenID: true}), "redirect_uri", "https://kiosk.example/back"),
		} {
			var won, lost atomic.Int64
			var all sync.WaitGroup
			begin := make(chan struct{})
			for range 64 {
				all.Go(func() {
					<-begin
					switch got := o.trade(t, "/identity/token", form); {
					case got.status == 200:
						won.Add(1)
					case got.status == 400 && strings.Contains(got.body, invalidGrant):
						lost.Add(1)
					default:
						t.Errorf("%s: %d %s", name, got.status, got.body)
					}
				})
			}
			close(begin)
			all.Wait()
			if won.Load() != 1 || lost.Load() != 63 {
				t.Errorf("%s: %d won, %d lost", name, won.Load(), lost.Load())
			}
		}
	})
}

// Codes end by themselves, with their installation and while it is suspended.
func TestCodesEnd(t *testing.T) {
	everyTime(t, func(t *testing.T, o *company) {
		o.Apply(traders)
		late, early := o.code(t), o.code(t)
		time.Sleep(codeLife - 2*time.Second)
		into[appUserToken](t, o.trade(t, "/identity/token", o.kioskForm(early)), 200)
		time.Sleep(2 * time.Second)
		if said := refusedWith(t, "late", o.trade(t, "/identity/token", o.kioskForm(late)), 400, invalidGrant); said != "The authorization code has expired." {
			t.Errorf("late: %s", said)
		}

		code, kiosk := o.code(t), o.ID("apps.kiosk")
		if err := o.Market.SuspendApp(t.Context(), souk.Operator("test"), kiosk); err != nil {
			t.Fatal(err)
		}
		refusedWith(t, "suspended", o.trade(t, "/identity/token", o.kioskForm(code)), 400, invalidGrant)
		if err := o.Market.ResumeApp(t.Context(), souk.Operator("test"), kiosk); err != nil {
			t.Fatal(err)
		}
		into[appUserToken](t, o.trade(t, "/identity/token", o.kioskForm(code)), 200)

		code = o.code(t)
		person := o.consent(t, market.Authorizing{})
		if err := o.Market.EndInstallation(t.Context(), o.As("sam"), o.ID("orgs.shop"), o.ID("installations.kiosk@shop")); err != nil {
			t.Fatal(err)
		}
		refusedWith(t, "uninstalled", o.trade(t, "/identity/token", o.kioskForm(code)), 400, invalidGrant)
		refusedWith(t, "uninstalled, a person's",
			o.trade(t, "/identity/token", o.kioskForm(person, "redirect_uri", "https://kiosk.example/back")), 400, invalidGrant)
		if err := o.Market.DeleteApp(t.Context(), o.As("sam"), o.ID("orgs.shop"), kiosk); err != nil {
			t.Fatal(err)
		}
		refusedWith(t, "deleted", o.trade(t, "/identity/token", o.kioskForm(code)), 400, invalidClient)
	})
}
