package giosg

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"souk"
	"souk/market"
	"souk/souktest"
)

// consent lets the kiosk speak for Kim and answers with the code.
func (o *company) consent(t *testing.T, in market.Authorizing) string {
	t.Helper()
	if in.App.IsZero() {
		in.App, in.Redirect = o.ID("apps.kiosk"), "https://kiosk.example/back"
	}
	code, err := o.Market.Authorize(t.Context(), o.session("kim"), in)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// session is somebody at the console.
func (o *company) session(who string) souk.Actor {
	actor := o.As(who)
	actor.Kind = souk.ConsoleSession
	return actor
}

// origin carries what is addressed to Souk to a test's server.
type origin struct{ to *url.URL }

func (o origin) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = o.to.Scheme, o.to.Host
	return http.DefaultTransport.RoundTrip(r)
}

// A stock client of OpenID Connect finds its way by the metadata alone, but for
// the page on which the person agrees.
func TestStockClientSignsIn(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.Apply(traders)
		to, err := url.Parse(o.url)
		if err != nil {
			t.Fatal(err)
		}
		client := &http.Client{Transport: origin{to}}
		ctx := oidc.ClientContext(t.Context(), client)
		provider, err := oidc.NewProvider(ctx, base+"/identity/authorize")
		if err != nil {
			t.Fatal(err)
		}
		kiosk := o.ID("apps.kiosk")
		config := oauth2.Config{
			ClientID: kiosk.String(), ClientSecret: kioskSecret, Endpoint: provider.Endpoint(),
			RedirectURL: "https://kiosk.example/back", Scopes: []string{oidc.ScopeOpenID, "settings"},
		}
		verifier := oauth2.GenerateVerifier()
		page, err := url.Parse(config.AuthCodeURL("state", oidc.Nonce("once"), oauth2.S256ChallengeOption(verifier)))
		if err != nil {
			t.Fatal(err)
		}
		if page.Scheme+"://"+page.Host+page.Path != base+"/identity/authorize" {
			t.Errorf("people are asked at %s", page)
		}
		asked := page.Query()
		code := o.consent(t, market.Authorizing{
			App: kiosk, Redirect: asked.Get("redirect_uri"), Scopes: []string{"settings"}, OpenID: true,
			Nonce: asked.Get("nonce"), Challenge: asked.Get("code_challenge"),
		})

		var refused *oauth2.RetrieveError
		if _, err := config.Exchange(ctx, code, oauth2.VerifierOption(oauth2.GenerateVerifier())); !errors.As(err, &refused) || refused.ErrorCode != invalidGrant {
			t.Errorf("with another verifier: %v", err)
		}
		liar := config
		liar.ClientSecret = boothSecret
		if _, err := liar.Exchange(ctx, code, oauth2.VerifierOption(verifier)); !errors.As(err, &refused) || refused.ErrorCode != invalidClient {
			t.Errorf("with another secret: %v", err)
		}
		token, err := config.Exchange(ctx, code, oauth2.VerifierOption(verifier))
		if err != nil {
			t.Fatal(err)
		}
		if token.TokenType != "Bearer" || token.ExpiresIn != int64(market.AccessLife.Seconds()) || token.Extra("scope") != "openid settings" ||
			token.Extra("user_id") != o.ID("users.kim").String() || token.Extra("organization_id") != o.ID("orgs.shop").String() ||
			token.Extra("app_id") != kiosk.String() || token.RefreshToken != "" {
			t.Errorf("the token is %+v", token)
		}
		raw, _ := token.Extra("id_token").(string)
		told, err := provider.VerifierContext(ctx, &oidc.Config{ClientID: kiosk.String()}).Verify(ctx, raw)
		if err != nil {
			t.Fatal(err)
		}
		var about struct{ Name, Email string }
		if err := told.Claims(&about); err != nil || about.Name != "Kim" || about.Email != "kim@shop.example" ||
			told.Nonce != "once" || told.Subject != o.ID("users.kim").String() {
			t.Errorf("it tells %+v of %s: %v", about, told.Subject, err)
		}
		if _, err := provider.VerifierContext(ctx, &oidc.Config{ClientID: o.ID("apps.booth").String()}).Verify(ctx, raw); err == nil {
			t.Error("another app takes the ID token")
		}
		got, err := config.Client(ctx, token).Get(base + "/api/v5/users/me")
		if err != nil {
			t.Fatal(err)
		}
		defer got.Body.Close()
		var me user
		if err := json.NewDecoder(got.Body).Decode(&me); err != nil || got.StatusCode != 200 || me.ID != o.ID("users.kim") || me.IsBot {
			t.Errorf("%d %+v: %v", got.StatusCode, me, err)
		}
	})
}

func TestPersonCodeRefusals(t *testing.T) {
	everyTime(t, func(t *testing.T, o *company) {
		o.Apply(traders)
		const back = "https://kiosk.example/back"
		consent := func() string { return o.consent(t, market.Authorizing{}) }
		trade := func(code string, but ...string) reply {
			return o.trade(t, "/identity/token", o.kioskForm(code, append([]string{"redirect_uri", back}, but...)...))
		}
		code := consent()
		refusedWith(t, "another page", trade(code, "redirect_uri", "https://kiosk.example/page"), 400, invalidGrant)
		refusedWith(t, "no page", trade(code, "redirect_uri", ""), 400, invalidGrant)
		refusedWith(t, "another secret", trade(code, "client_secret", boothSecret), 400, invalidClient)
		refusedWith(t, "another app", trade(code, "client_id", o.ID("apps.booth").String(), "client_secret", boothSecret), 400, invalidGrant)
		refusedWith(t, "a verifier for nothing", trade(code, "code_verifier", strings.Repeat("v", 43)), 400, invalidGrant)
		refusedWith(t, "tampered with", trade(code[:len(code)-2]+"AA"), 400, invalidGrant)

		got := trade(code)
		token := into[personToken](t, got, 200)
		if token.IDToken != "" || token.TokenType != "Bearer" || token.Scope != "settings" || strings.Contains(got.body, "id_token") {
			t.Errorf("got %s", got.body)
		}
		if said := refusedWith(t, "again", trade(code), 400, invalidGrant); !strings.Contains(said, "expired") {
			t.Errorf("again: %s", said)
		}
		into[user](t, o.bearer(t, "GET /users/me", token.AccessToken), 200)

		late := consent()
		time.Sleep(time.Minute)
		if said := refusedWith(t, "late", trade(late), 400, invalidGrant); said != "The authorization code has expired." {
			t.Errorf("late: %s", said)
		}

		held := consent()
		grants, err := o.Market.MyGrants(t.Context(), o.session("kim"))
		if err != nil || len(grants) != 1 {
			t.Fatalf("%+v %v", grants, err)
		}
		if err := o.Market.RevokeGrant(t.Context(), o.session("kim"), grants[0].ID); err != nil {
			t.Fatal(err)
		}
		refusedWith(t, "taken back", trade(held), 400, invalidGrant)
		if got := o.bearer(t, "GET /users/me", token.AccessToken); got.status != 401 {
			t.Errorf("the token, taken back: %d %s", got.status, got.body)
		}

		last := into[personToken](t, trade(consent()), 200)
		time.Sleep(market.AccessLife)
		if got := o.bearer(t, "GET /users/me", last.AccessToken); got.status != 401 {
			t.Errorf("the token, later: %d %s", got.status, got.body)
		}
	})
}

// What a program is told of the server is the same at both addresses, may be
// kept, and names only what is there.
func TestMetadata(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		get := func(method, path string) reply {
			r, err := http.NewRequestWithContext(t.Context(), method, o.url+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			return o.send(t, r)
		}
		const openID, oauth = "/identity/authorize/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/identity/authorize"
		got := into[serverMetadata](t, get("GET", openID), 200)
		if get("GET", oauth).body != get("GET", openID).body {
			t.Error("the two documents differ")
		}
		if got.Issuer != base+"/identity/authorize" || got.TokenEndpoint != base+"/identity/token" || got.KeysURI != base+"/identity/keys" ||
			strings.Join(got.Scopes, " ") != "openid reports settings users" || got.RequestParameter || got.RequestURI {
			t.Errorf("%+v", got)
		}
		keys := get("GET", "/identity/keys")
		if strings.Contains(keys.body, `"d"`) || strings.Count(keys.body, `"kid"`) != 1 {
			t.Errorf("the keys are %s", keys.body)
		}
		for _, path := range []string{openID, oauth, "/identity/keys"} {
			if got := get("GET", path); got.header.Get("Cache-Control") != "public, max-age=3600" || got.header.Get("Content-Type") != "application/json" {
				t.Errorf("%s: header %v", path, got.header)
			}
			if got := get("HEAD", path); got.status != 200 || got.body != "" {
				t.Errorf("HEAD %s: %d", path, got.status)
			}
			got := get("POST", path)
			refusedWith(t, "POST "+path, got, 405, invalidRequest)
			if got.header.Get("Allow") != "GET, HEAD" {
				t.Errorf("POST %s: Allow %q", path, got.header.Get("Allow"))
			}
		}
	})
}

// Whoever keeps failing to prove something has to wait, and is told so in
// OAuth's words.
func TestFailedTradesAreLimited(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.Apply(traders)
		limited := o.with(t, o.Market, Limits{FailedTokens: 1}, nil)
		for range 3 {
			refusedWith(t, "a form without a code", limited.trade(t, "/identity/token", o.kioskForm("")), 400, invalidRequest)
		}
		for range 2 {
			refusedWith(t, "guessing", limited.trade(t, "/identity/token", o.kioskForm("guess")), 400, invalidGrant)
		}
		for _, path := range []string{"/identity/token", "/sso/access-token"} {
			got := limited.trade(t, path, o.kioskForm("guess", "client_secret", "guess", "organization_id", o.ID("orgs.shop").String()))
			if refusedWith(t, path, got, 429, temporarily); got.header.Get("Retry-After") == "" {
				t.Errorf("%s: header %v", path, got.header)
			}
		}
		into[appUserToken](t, limited.trade(t, "/identity/token", o.kioskForm(o.code(t))), 200)
	})
}

// Faults of ours are told in OAuth's words too.
func TestTradeFaults(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.Apply(traders)
		form := o.kioskForm(o.code(t))
		broken := o.with(t, &market.Market{Key: souktest.Key}, Limits{}, nil)
		refusedWith(t, "a server that panics", broken.trade(t, "/identity/token", form), 500, ourFault)
		if err := o.db.Close(); err != nil {
			t.Fatal(err)
		}
		got := o.trade(t, "/identity/token", form)
		if refusedWith(t, "a database that has gone", got, 503, temporarily); got.header.Get("Retry-After") != "5" {
			t.Errorf("header %v", got.header)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if f := spellOAuth(ctx.Err(), tokenRefusals); f.status != 500 {
			t.Errorf("a caller who left: %+v", f)
		}
	})
}
