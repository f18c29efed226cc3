package zoom

import (
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"souk"
	"souk/souktest"
	"souk/store"
)

// An app gets a token by each of the four ways, with its parameters in the body or
// in the address.
func TestTokensAreGiven(t *testing.T) {
	eachBureau(t, func(t *testing.T, b *bureau) {
		account := filled("grant_type", "account_credentials", "account_id", b.acme.ID.Zoom())
		for name, a := range map[string]answered{
			"in the body":            b.ask("/oauth/token", "desk", account),
			"in the address":         b.ask("/oauth/token?"+account, "desk", ""),
			"in both":                b.ask("/oauth/token?"+account, "desk", account),
			"with an empty JSON":     b.do(b.request("/oauth/token?"+account, "desk", "", "Content-Type", "application/json")),
			"by a client in a form":  b.ask("/oauth/token", "", account+"&"+filled("client_id", b.client["desk"].ZoomClientID, "client_secret", b.client["desk"].ZoomClientSecret)),
			"by a client named also": b.ask("/oauth/token", "desk", account+"&"+filled("client_id", b.client["desk"].ZoomClientID)),
		} {
			token := b.got(a)
			if token.TokenType != "bearer" || token.ExpiresIn != 3599 || token.APIURL != "https://souk.example" || token.Scope != "settings" || token.RefreshToken != "" {
				t.Errorf("%s: %s", name, a.body)
			}
			var members map[string]any
			if err := json.Unmarshal([]byte(a.body), &members); err != nil {
				t.Fatal(err)
			}
			if all := slices.Sorted(maps.Keys(members)); !slices.Equal(all, []string{"access_token", "api_url", "expires_in", "scope", "token_type"}) {
				t.Errorf("%s: %q", name, all)
			}
			c, err := b.m.Authenticate(t.Context(), token.AccessToken, face, b.from())
			if err != nil || c.User.ID != b.ada.ID || c.Org.ID != b.acme.ID || c.App.ID != b.desk.ID || c.Kind != souk.ZoomToken {
				t.Errorf("%s: it speaks for %+v, %v", name, c.Actor, err)
			}
		}
		own := b.got(b.ask("/oauth/token?grant_type=client_credentials", "mill", ""))
		if own.Scope != souk.AppScopes().String() || !strings.Contains(own.Scope, "marketplace:write:event_subscription") || own.RefreshToken != "" {
			t.Errorf("an app's own token: %+v", own)
		}
		c, err := b.m.Authenticate(t.Context(), own.AccessToken, face, b.from())
		if err != nil || !c.IsApp() || c.App.ID != b.mill.ID || !c.Org.ID.IsZero() {
			t.Errorf("it speaks for %+v, %v", c.Actor, err)
		}
	})
}

func TestTokensAreRefused(t *testing.T) {
	eachBureau(t, func(t *testing.T, b *bureau) {
		account := func(id string) string { return filled("grant_type", "account_credentials", "account_id", id) }
		desk := b.client["desk"]
		code := b.code(b.ada, b.sendTo("desk"))
		pair := b.got(b.ask("/oauth/token", "desk", filled("grant_type", "authorization_code", "redirect_uri", back, "code", b.code(b.ada, b.sendTo("desk")))))
		unchanged := souktest.Unchanged(t, b.address)
		for _, tt := range []struct {
			name, client, body string
			status             int
			word               string
		}{
			{"nobody", "", account(b.acme.ID.Zoom()), 401, invalidClient},
			{"another scheme", "Bearer " + b.token["ada"], account(b.acme.ID.Zoom()), 401, invalidClient},
			{"no client", "Basic Og==", account(b.acme.ID.Zoom()), 401, invalidClient},
			{"a client that is not there", "Basic eDp5", account(b.acme.ID.Zoom()), 401, invalidClient},
			{"a client with NUL", "Basic AABhOmI=", account(b.acme.ID.Zoom()), 401, invalidClient},
			{"a client that is no text", "Basic /zph", account(b.acme.ID.Zoom()), 401, invalidClient},
			{"a wrong secret", "", account(b.acme.ID.Zoom()) + "&" + filled("client_id", desk.ZoomClientID, "client_secret", "x"), 401, invalidClient},
			{"another's secret", "", account(b.acme.ID.Zoom()) + "&" + filled("client_id", desk.ZoomClientID, "client_secret", b.client["mill"].ZoomClientSecret), 401, invalidClient},
			{"the secret of another wire", "", account(b.acme.ID.Zoom()) + "&" + filled("client_id", desk.ZoomClientID, "client_secret", desk.GiosgSecret), 401, invalidClient},
			{"the id of another wire", "", account(b.acme.ID.Zoom()) + "&" + filled("client_id", b.desk.ID.String(), "client_secret", desk.ZoomClientSecret), 401, invalidClient},
			{"two clients", "desk", account(b.acme.ID.Zoom()) + "&" + filled("client_id", b.client["mill"].ZoomClientID), 400, invalidRequest},
			{"two secrets", "desk", account(b.acme.ID.Zoom()) + "&" + filled("client_secret", desk.ZoomClientSecret), 400, invalidRequest},

			{"no type", "desk", "x=y", 400, invalidRequest},
			{"an unknown type", "desk", "grant_type=password", 400, unsupportedType},
			{"two types", "desk", "grant_type=client_credentials&grant_type=refresh_token", 400, invalidRequest},
			{"no form", "desk", "%zz", 400, invalidRequest},
			{"NUL", "desk", "grant_type=client_credentials&x=%00", 400, invalidRequest},
			{"no text", "desk", "grant_type=%ff", 400, invalidRequest},

			{"no account", "desk", "grant_type=account_credentials", 400, invalidRequest},
			{"what is no account", "desk", account("me"), 400, invalidRequest},
			{"an account that is not there", "desk", account(souk.NewID().Zoom()), 400, invalidRequest},
			{"an account of others", "desk", account(b.globex.ID.Zoom()), 400, invalidRequest},
			{"a workspace of the account", "desk", account(b.hq.ID.Zoom()), 400, invalidRequest},
			{"an account where it is not installed", "mill", account(b.acme.ID.Zoom()), 400, invalidRequest},

			{"no code", "desk", "grant_type=authorization_code", 400, invalidRequest},
			{"what is no code", "desk", filled("grant_type", "authorization_code", "redirect_uri", back, "code", "x"), 400, invalidGrant},
			{"another's code", "mill", filled("grant_type", "authorization_code", "redirect_uri", back, "code", code), 400, invalidGrant},
			{"a code from elsewhere", "desk", filled("grant_type", "authorization_code", "redirect_uri", "https://app.example/back", "code", code), 400, invalidGrant},
			{"a code from nowhere", "desk", filled("grant_type", "authorization_code", "code", code), 400, invalidGrant},
			{"a code with a verifier too many", "desk", filled("grant_type", "authorization_code", "redirect_uri", back, "code", code, "code_verifier", "x"), 400, invalidGrant},

			{"no refresh token", "desk", "grant_type=refresh_token", 400, invalidRequest},
			{"what is none", "desk", filled("grant_type", "refresh_token", "refresh_token", "x"), 400, invalidGrant},
			{"an access token", "desk", filled("grant_type", "refresh_token", "refresh_token", pair.AccessToken), 400, invalidGrant},
			{"another's", "vat", filled("grant_type", "refresh_token", "refresh_token", pair.RefreshToken), 400, invalidGrant},
		} {
			b.refused(tt.name, b.ask("/oauth/token", tt.client, tt.body), tt.status, tt.word)
		}
		secretInAddress := "/oauth/token?" + filled("grant_type", "client_credentials", "client_id", desk.ZoomClientID, "client_secret", desk.ZoomClientSecret)
		b.refused("a secret in the address", b.ask(secretInAddress, "", ""), 401, invalidClient)
		b.refused("parts", b.do(b.request("/oauth/token", "desk", "x", "Content-Type", "multipart/form-data; boundary=x")), 400, invalidRequest)
		b.refused("JSON", b.do(b.request("/oauth/token", "desk", `{"grant_type":"client_credentials"}`, "Content-Type", "application/json")), 400, invalidRequest)
		b.refused("a large form", b.ask("/oauth/token", "desk", strings.Repeat("x", maxForm+1)), 413, invalidRequest)
		b.refused("nothing there", b.ask("/oauth/tokens", "desk", ""), 404, invalidRequest)
		get := b.request("/oauth/token", "desk", "")
		get.Method = http.MethodGet
		if a := b.do(get); a.status != 405 || a.header.Get("Allow") != http.MethodPost {
			t.Errorf("by GET: %d %v", a.status, a.header)
		}
		unchanged("something that was refused")
		for _, c := range b.client {
			if text := b.log.String(); strings.Contains(text, c.ZoomClientSecret) || strings.Contains(text, pair.RefreshToken) {
				t.Error("a secret is in the log")
			}
		}
	})
}

// Where an app sends people leads to the page that asks them, or nowhere.
func TestAuthorizing(t *testing.T) {
	eachBureau(t, func(t *testing.T, b *bureau) {
		const challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" // of the verifier in RFC 7636, appendix B
		const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
		at := func(path string) answered {
			r := b.request(path, "", "")
			r.Method = http.MethodGet
			return b.do(r)
		}
		for _, tt := range []struct {
			name string
			more []string
			want url.Values
		}{
			{"plainly", []string{"state", "a&b"}, url.Values{"state": {"a&b"}}},
			{"with scopes", []string{"scope", "settings admin"}, url.Values{}},
			{"with a challenge", []string{"code_challenge", challenge, "code_challenge_method", "S256"}, url.Values{"code_challenge": {challenge}, "code_challenge_method": {"S256"}}},
			{"with one that is the verifier", []string{"code_challenge", verifier, "code_challenge_method", "plain"}, url.Values{"code_challenge": {challenge}, "code_challenge_method": {"S256"}}},
			{"with one of no method", []string{"code_challenge", verifier}, url.Values{"code_challenge": {challenge}, "code_challenge_method": {"S256"}}},
			{"with one of no sense", []string{"code_challenge", "x"}, url.Values{"code_challenge": {"x"}}},
			{"with a method of no sense", []string{"code_challenge", verifier, "code_challenge_method", "S512"}, url.Values{"code_challenge": {verifier}, "code_challenge_method": {"S512"}}},
			{"for another type", []string{"response_type", "token"}, url.Values{"response_type": {"token"}}},
		} {
			a := at(strings.TrimPrefix(b.sendTo("desk", tt.more...), b.url))
			want := url.Values{"client_id": {b.desk.ID.String()}, "redirect_uri": {back}, "response_type": {"code"}}
			maps.Copy(want, tt.want)
			if got := a.header.Get("Location"); a.status != 302 || got != consentPath+"?"+want.Encode() {
				t.Errorf("%s: %d %s", tt.name, a.status, got)
			}
		}
		client := b.client["desk"].ZoomClientID
		for name, query := range map[string]string{
			"nobody":                     filled("redirect_uri", back),
			"who is not there":           filled("client_id", "x", "redirect_uri", back),
			"by the id of another wire":  filled("client_id", b.desk.ID.String(), "redirect_uri", back),
			"from nowhere":               filled("client_id", client),
			"from elsewhere":             filled("client_id", client, "redirect_uri", "https://app.example/back"),
			"from two places":            filled("client_id", client, "redirect_uri", back, "redirect_uri", back),
			"twice":                      filled("client_id", client, "client_id", client, "redirect_uri", back),
			"with NUL":                   filled("client_id", "\x00", "redirect_uri", back),
			"with what is no text":       "client_id=%ff",
			"with what cannot be read":   "client_id=%zz",
			"with what is no text there": filled("client_id", client) + "&redirect_uri=%ff",
		} {
			a := at("/oauth/authorize?" + query)
			b.refused(name, a, 400, invalidRequest)
			if a.header.Get("Location") != "" {
				t.Errorf("%s: led to %s", name, a.header.Get("Location"))
			}
		}
		if a := b.ask("/oauth/authorize?"+filled("client_id", client, "redirect_uri", back), "", ""); a.status != 405 || a.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("by POST: %d %v", a.status, a.header)
		}
		for _, method := range []string{"plain", ""} {
			code := b.code(b.ada, b.sendTo("desk", "code_challenge", verifier, "code_challenge_method", method))
			redeem := func(verifier string) answered {
				return b.ask("/oauth/token", "desk", filled("grant_type", "authorization_code", "redirect_uri", back, "code", code, "code_verifier", verifier))
			}
			b.refused("by the challenge", redeem(challenge), 400, invalidGrant)
			b.refused("without a verifier", redeem(""), 400, invalidGrant)
			b.got(redeem(verifier))
			b.refused("again", redeem(verifier), 400, invalidGrant)
		}
	})
}

// A client of OAuth that knows nothing of Zoom gets its tokens.
func TestAnyClientOfOAuth(t *testing.T) {
	eachBureau(t, func(t *testing.T, b *bureau) {
		ctx := t.Context()
		for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleAutoDetect, oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams} {
			conf := &oauth2.Config{
				ClientID: b.client["desk"].ZoomClientID, ClientSecret: b.client["desk"].ZoomClientSecret, RedirectURL: back,
				Scopes:   []string{"settings"},
				Endpoint: oauth2.Endpoint{AuthURL: b.url + "/oauth/authorize", TokenURL: b.url + "/oauth/token", AuthStyle: style},
			}
			verifier := oauth2.GenerateVerifier()
			code := b.code(b.ada, conf.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier)))
			first, err := conf.Exchange(ctx, code, oauth2.VerifierOption(verifier))
			if err != nil {
				t.Fatal(err)
			}
			if first.Extra("scope") != "settings" || first.Extra("api_url") != "https://souk.example" || !first.Valid() {
				t.Errorf("got %+v", first)
			}
			old := *first
			old.Expiry = old.Expiry.AddDate(0, 0, -1)
			next, err := conf.TokenSource(ctx, &old).Token()
			if err != nil {
				t.Fatal(err)
			}
			if next.AccessToken == first.AccessToken || next.RefreshToken == first.RefreshToken || next.RefreshToken == "" {
				t.Errorf("renewed to %+v", next)
			}
			if _, err := conf.TokenSource(ctx, &old).Token(); err == nil {
				t.Error("a token renewed twice")
			}
			own := clientcredentials.Config{ClientID: conf.ClientID, ClientSecret: conf.ClientSecret, TokenURL: conf.Endpoint.TokenURL, AuthStyle: style}
			if token, err := own.Token(ctx); err != nil || token.Extra("scope") != souk.AppScopes().String() {
				t.Errorf("for itself: %+v, %v", token, err)
			}
		}
	})
}

// An app gives back what it holds, and is told the same of what it does not.
func TestGivingTokensBack(t *testing.T) {
	eachBureau(t, func(t *testing.T, b *bureau) {
		alive := func(secret string) bool {
			_, err := b.m.Authenticate(t.Context(), secret, face, b.from())
			return err == nil
		}
		giveBack := func(client, secret string) {
			t.Helper()
			if a := b.ask("/oauth/revoke", client, filled("token", secret)); a.status != 200 || a.body != `{"status":"success"}` {
				t.Errorf("%d %s", a.status, a.body)
			}
		}
		account := b.got(b.ask("/oauth/token", "desk", filled("grant_type", "account_credentials", "account_id", b.acme.ID.Zoom()))).AccessToken
		own := b.got(b.ask("/oauth/token", "desk", "grant_type=client_credentials")).AccessToken
		agreed := func() grantAnswer {
			t.Helper()
			return b.got(b.ask("/oauth/token", "desk", filled("grant_type", "authorization_code", "redirect_uri", back, "code", b.code(b.ada, b.sendTo("desk")))))
		}
		pair := agreed()
		for _, secret := range []string{account, own, pair.AccessToken, "x"} {
			giveBack("mill", secret)
			if secret != "x" && !alive(secret) {
				t.Error("another app ended a token")
			}
		}
		giveBack("desk", b.token["ada"])
		giveBack("desk", own)
		giveBack("desk", own)
		if alive(own) || alive(b.token["ada"]) || !alive(account) || !alive(pair.AccessToken) {
			t.Error("one was to end, and no other")
		}
		giveBack("desk", pair.AccessToken)
		if alive(pair.AccessToken) || b.ask("/oauth/token", "desk", filled("grant_type", "refresh_token", "refresh_token", pair.RefreshToken)).status != 400 {
			t.Error("a person's tokens go on")
		}
		b.refused("for the account, when the installer took it back", b.ask("/oauth/token", "desk", filled("grant_type", "account_credentials", "account_id", b.acme.ID.Zoom())), 400, invalidGrant)
		pair = agreed()
		giveBack("desk", pair.RefreshToken)
		if alive(pair.AccessToken) {
			t.Error("a token outlived the one that renews it")
		}
		b.refused("nothing", b.ask("/oauth/revoke", "desk", "x=y"), 400, invalidRequest)
		b.refused("by nobody", b.ask("/oauth/revoke", "", filled("token", account)), 401, invalidClient)
	})
}

func TestDataCompliance(t *testing.T) {
	eachBureau(t, func(t *testing.T, b *bureau) {
		comply := func(client, body string) answered {
			return b.do(b.request("/oauth/data/compliance", client, body, "Content-Type", "application/json"))
		}
		said := `{"client_id":"` + b.client["desk"].ZoomClientID + `","user_id":"` + b.ada.ID.Zoom() + `","account_id":"` + b.acme.ID.Zoom() +
			`","deauthorization_event_received":{"user_data_retention":"false"},"compliance_completed":true}`
		unchanged := souktest.Unchanged(t, b.address)
		b.refused("by nobody", comply("", said), 401, invalidClient)
		b.refused("for another", comply("mill", said), 400, invalidRequest)
		b.refused("what is none", comply("desk", "compliance_completed=true"), 400, invalidRequest)
		unchanged("something that was refused")
		if a := comply("desk", said); a.status != 200 || a.body != `{}` {
			t.Errorf("%d %s", a.status, a.body)
		}
		b.write(func(tx *store.Tx) error {
			all, err := tx.AuditOf(b.acme.ID)
			if len(all) != 1 || all[0].Verb != "Comply" || all[0].App != b.desk.ID || all[0].Subject != b.ada.ID {
				t.Errorf("it left %+v", all)
			}
			return err
		})
	})
}

// Whoever guesses from one address has to wait; who is right never is.
func TestGuessingClientsWait(t *testing.T) {
	eachBureau(t, func(t *testing.T, b *bureau) {
		mux := http.NewServeMux()
		New(b.m, slog.New(slog.DiscardHandler), "https://souk.example", Limits{FailedTokens: 2}).Routes(mux)
		server := httptest.NewServer(mux)
		t.Cleanup(server.Close)
		b.url = server.URL
		for range 4 {
			b.refused("a guess", b.ask("/oauth/token", "Basic eDp5", "grant_type=client_credentials"), 401, invalidClient)
		}
		a := b.ask("/oauth/token", "Basic eDp5", "grant_type=client_credentials")
		b.refused("one too many", a, 429, temporarily)
		if a.header.Get("Retry-After") == "" {
			t.Error("for how long is not told")
		}
		b.got(b.ask("/oauth/token", "desk", "grant_type=client_credentials"))
	})
}
