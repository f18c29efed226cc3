package zoom

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"souk"
	"souk/souktest/zoomwire"
)

// outgoing is an attempt to tell a webhook something.
func outgoing(auth souk.Auth) souk.Outgoing {
	return souk.Outgoing{
		Delivery:    souk.Delivery{ID: souk.NewID(), Body: []byte(`{"event":"endpoint.url_validation","event_ts":1749365726209,"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}`)},
		Webhook:     souk.Webhook{ID: souk.NewID(), Auth: auth},
		Credentials: souk.Credentials{ZoomWebhookSecret: "secret", ZoomClientID: "ABCDEFGHIJKLMNOPQRSTUV"},
		At:          time.Now(), Began: time.Now(),
	}
}

func headerOf(p souk.Prepared) http.Header {
	h := http.Header{}
	for name, value := range p.Header {
		h.Set(name, value)
	}
	return h
}

func TestPrepare(t *testing.T) {
	prepare := Prepare(nil)
	o := outgoing(souk.Auth{})
	var attempts []souk.Prepared
	for range 2 {
		p, err := prepare(o)
		if err != nil {
			t.Fatal(err)
		}
		sent := zoomwire.Request{Method: http.MethodPost, Header: headerOf(p), Body: p.Body, At: o.At}
		if err := zoomwire.Check(sent, "secret"); err != nil {
			t.Error(err)
		}
		attempts = append(attempts, p)
		o.At = o.At.Add(time.Second)
	}
	for name, same := range map[string]bool{"X-Zm-Request-Id": true, "X-Zm-Trackingid": false, "X-Zm-Signature": false, "X-Zm-Request-Timestamp": false} {
		if (attempts[0].Header[name] == attempts[1].Header[name]) != same {
			t.Errorf("%s: %q, then %q", name, attempts[0].Header[name], attempts[1].Header[name])
		}
	}
	if want := strings.ReplaceAll(o.Delivery.ID.String(), "-", "_"); attempts[0].Header["X-Zm-Request-Id"] != want {
		t.Errorf("the request is %s, want %s", attempts[0].Header["X-Zm-Request-Id"], want)
	}
}

// The header that the webhook's owner asked for, and the legacy token beside it
// or instead of it.
func TestHeaderOptions(t *testing.T) {
	issue := func(context.Context, string, map[string]string, []byte) (int, []byte, error) {
		return 200, []byte(`{"access_token":"tok","expires_in":3599}`), nil
	}
	for _, tt := range []struct {
		name            string
		auth            souk.Auth
		legacy          string
		authorized, own string
	}{
		{"none", souk.Auth{}, "", "", ""},
		{"legacy", souk.Auth{}, "legacy token", "legacy token", ""},
		{"basic", souk.Auth{Kind: souk.BasicAuth, Username: "user", Password: "pa:ss"}, "legacy", "Basic dXNlcjpwYTpzcw==", ""},
		{"token", souk.Auth{Kind: souk.OAuthAuth, TokenURL: "https://t.example"}, "legacy", "Bearer tok", ""},
		{"custom", souk.Auth{Kind: souk.CustomAuth, Key: "x-own", Value: "v"}, "", "", "v"},
		{"custom and legacy", souk.Auth{Kind: souk.CustomAuth, Key: "x-own", Value: "v"}, "legacy", "legacy", "v"},
	} {
		o := outgoing(tt.auth)
		o.Credentials.ZoomVerificationToken = tt.legacy
		p, err := Prepare(issue)(o)
		h := headerOf(p)
		if err != nil || h.Get("Authorization") != tt.authorized || h.Get("X-Own") != tt.own || h.Get("X-Zm-Signature") == "" {
			t.Errorf("%s: %v %v", tt.name, h, err)
		}
	}
}

// A token is fetched once and used until a minute before it expires; a change of
// what it is fetched with is one for another token, and a failure is kept by
// nobody.
func TestTokensAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, answer := 0, `{"access_token":"a","token_type":"bearer","expires_in":"3599"}`
		prepare := Prepare(func(context.Context, string, map[string]string, []byte) (int, []byte, error) {
			asked++
			time.Sleep(2 * time.Second)
			return 200, []byte(answer), nil
		})
		o := outgoing(souk.Auth{Kind: souk.OAuthAuth, TokenURL: "https://t.example", ClientID: "c", ClientSecret: "s"})
		is := func(token string, so int) {
			t.Helper()
			o.At, o.Began = time.Now(), time.Now()
			p, err := prepare(o)
			if err != nil || p.Header["Authorization"] != "Bearer "+token || asked != so {
				t.Errorf("%v %v after %d questions, want %s after %d", p.Header["Authorization"], err, asked, token, so)
			}
			if got := p.Header["X-Zm-Request-Timestamp"]; got != fmt.Sprint(time.Now().Unix()) {
				t.Errorf("signed at %s, sent at %d", got, time.Now().Unix())
			}
		}
		var together sync.WaitGroup
		for range 8 {
			together.Go(func() {
				if _, err := prepare(o); err != nil {
					t.Error(err)
				}
			})
		}
		together.Wait()
		is("a", 1)
		time.Sleep(3599*time.Second - spare - 3*time.Second)
		is("a", 1)
		time.Sleep(2 * time.Second)
		answer = `{"access_token":"b","expires_in":3600}`
		is("b", 2)
		o.Webhook.Auth.ClientSecret = "new"
		answer = `{"error":"invalid_client"}`
		var unsent souk.Unsent
		if _, err := prepare(o); !errors.As(err, &unsent) || unsent.Outcome != souk.NoToken || asked != 3 {
			t.Errorf("without a token: %v after %d questions", err, asked)
		}
		answer = `{"access_token":"c"}`
		is("c", 4)
		is("c", 5) // nobody said how long it lives
		answer = `{"access_token":"d","expires_in":86400}`
		is("d", 6)
		time.Sleep(time.Hour)
		answer = `{"access_token":"e","expires_in":3600}`
		is("e", 7) // an hour is the most
	})
}

func TestTokenRequest(t *testing.T) {
	as := souk.Auth{Kind: souk.OAuthAuth, ClientID: "id", ClientSecret: "se:cret", TokenURL: "https://t.example/token"}
	for _, tt := range []struct {
		name   string
		change func(*souk.Auth)
		basic  bool
		form   string
	}{
		{"plain", func(*souk.Auth) {}, true, "grant_type=client_credentials"},
		{"scope and state", func(a *souk.Auth) { a.Scope, a.State = "a b", "s&t" }, true, "grant_type=client_credentials&scope=a+b&state=s%26t"},
		{"the URL says it", func(a *souk.Auth) { a.TokenURL += "?grant_type=client_credentials"; a.Scope = "x" }, true, ""},
		{"in the body", func(a *souk.Auth) { a.InBody = true }, false, "client_id=id&client_secret=se%3Acret&grant_type=client_credentials"},
		{"the URL says it, in the body", func(a *souk.Auth) { a.InBody = true; a.TokenURL += "?grant_type=x" }, false, "client_id=id&client_secret=se%3Acret"},
	} {
		a := as
		tt.change(&a)
		token, _, err := fetchToken(t.Context(), func(_ context.Context, address string, header map[string]string, body []byte) (int, []byte, error) {
			if address != a.TokenURL || string(body) != tt.form || (header["Authorization"] == "Basic aWQ6c2U6Y3JldA==") != tt.basic || header["Content-Type"] != "application/x-www-form-urlencoded" {
				t.Errorf("%s: %s %v %s", tt.name, address, header, body)
			}
			return 200, []byte(`{"access_token":"x"}`), nil
		}, a)
		if token != "x" || err != nil {
			t.Errorf("%s: %q %v", tt.name, token, err)
		}
	}
	for name, answer := range map[string]string{"none": `{}`, "no JSON": `access_token=x`, "a line": `{"access_token":"x\nY: z"}`, "a number": `{"access_token":1}`, "empty": `{"access_token":""}`} {
		if _, _, err := fetchToken(t.Context(), func(context.Context, string, map[string]string, []byte) (int, []byte, error) {
			return 200, []byte(answer), nil
		}, as); !errors.Is(err, errNoToken) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestValidation(t *testing.T) {
	with := souk.Credentials{ZoomWebhookSecret: "secret", ZoomClientID: "ABCDEFGHIJKLMNOPQRSTUV"}
	both := func(plain string) map[string]any {
		return map[string]any{"encryptedToken": zoomwire.Encrypt("secret", plain), "plainToken": plain}
	}
	blocked := fmt.Errorf("%w: 10.0.0.1", souk.BlockedAddress)
	var plains []string
	for _, tt := range []struct {
		name   string
		status int
		answer func(plain string) any
		err    error
		want   error
	}{
		{"both", 200, func(p string) any { return both(p) }, nil, nil},
		{"and more", 200, func(p string) any { m := both(p); m["more"] = 1; return m }, nil, nil},
		{"201", 201, func(p string) any { return both(p) }, nil, souk.NotVerified},
		{"204", 204, func(p string) any { return both(p) }, nil, souk.NotVerified},
		{"500", 500, func(p string) any { return both(p) }, nil, souk.NotVerified},
		{"302", 302, func(p string) any { return both(p) }, nil, souk.NotVerified},
		{"the echo alone", 200, func(p string) any { return map[string]any{"plainToken": p} }, nil, souk.NotVerified},
		{"no echo", 200, func(p string) any { m := both(p); delete(m, "plainToken"); return m }, nil, souk.NotVerified},
		{"another secret", 200, func(p string) any { m := both(p); m["encryptedToken"] = zoomwire.Encrypt("other", p); return m }, nil, souk.NotVerified},
		{"upper case", 200, func(p string) any {
			m := both(p)
			m["encryptedToken"] = strings.ToUpper(m["encryptedToken"].(string))
			return m
		}, nil, souk.NotVerified},
		{"a list", 200, func(p string) any { return []any{both(p)} }, nil, souk.NotVerified},
		{"null", 200, func(string) any { return nil }, nil, souk.NotVerified},
		{"no connection", 0, nil, errors.New("it could not be asked"), souk.NotVerified},
		{"an address that we do not send to", 0, nil, blocked, souk.BlockedAddress},
	} {
		post := func(_ context.Context, address string, header map[string]string, body []byte) (int, []byte, error) {
			sent := zoomwire.Request{Method: http.MethodPost, Header: headerOf(souk.Prepared{Header: header}), Body: body, At: time.Now()}
			if err := zoomwire.Check(sent, "secret"); err != nil || sent.Event() != validationName || address != "https://r.example/" {
				t.Errorf("%s: %v, to %s", tt.name, err, address)
			}
			if header["Authorization"] != "Basic dTpw" {
				t.Errorf("%s: authorized by %q", tt.name, header["Authorization"])
			}
			if tt.err != nil {
				return 0, nil, tt.err
			}
			plain := sent.Payload()["plainToken"].(string)
			plains = append(plains, plain)
			answer, err := json.Marshal(tt.answer(plain))
			return tt.status, answer, err
		}
		hook := souk.Webhook{URL: "https://r.example/", Auth: souk.Auth{Kind: souk.BasicAuth, Username: "u", Password: "p"}}
		err := Wire(post).Handshake(t.Context(), hook, with)
		if !errors.Is(err, tt.want) || (tt.want == nil) != (err == nil) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		if tt.want == souk.BlockedAddress && errors.Is(err, souk.NotVerified) {
			t.Errorf("%s: %v says two things", tt.name, err)
		}
	}
	slices.Sort(plains)
	if len(slices.Compact(plains)) != 12 {
		t.Error("a token came twice")
	}
}

// With a token of the owner's own server the question waits for it, and is not
// asked without.
func TestValidationWithAToken(t *testing.T) {
	for _, status := range []int{200, 503} {
		asked := 0
		post := func(_ context.Context, address string, header map[string]string, body []byte) (int, []byte, error) {
			if u, _ := url.Parse(address); u.Host == "token.example" {
				return status, []byte(`{"access_token":"tok"}`), nil
			}
			asked++
			plain := zoomwire.Request{Body: body}.Payload()["plainToken"].(string)
			answer := fmt.Appendf(nil, `{"plainToken":%q,"encryptedToken":%q}`, plain, zoomwire.Encrypt("s", plain))
			if header["Authorization"] != "Bearer tok" {
				return 401, nil, nil
			}
			return 200, answer, nil
		}
		hook := souk.Webhook{URL: "https://r.example/", Auth: souk.Auth{Kind: souk.OAuthAuth, TokenURL: "https://token.example/"}}
		err := Wire(post).Handshake(t.Context(), hook, souk.Credentials{ZoomWebhookSecret: "s"})
		var unsent souk.Unsent
		if status == 200 && (err != nil || asked != 1) || status != 200 && (!errors.Is(err, souk.NotVerified) || !errors.As(err, &unsent) || asked != 0) {
			t.Errorf("%d: %v after %d questions", status, err, asked)
		}
	}
}

func TestFailedReasons(t *testing.T) {
	for _, tt := range []struct {
		outcome        souk.Outcome
		status, reason int
		logged         int
	}{
		{souk.OK, 200, 0, 200}, {souk.BadStatus, 503, 0, 503}, {souk.TooManyMoves, 302, 0, 302}, {souk.BodyTimeout, 500, 0, 500},
		{souk.BadStatus, 429, 16, 429}, {souk.HeaderTimeout, 0, 1, -1}, {souk.NoConnection, 0, 2, -1}, {souk.Unprepared, 0, 3, -1},
		{souk.AttemptStopped, 0, 3, -1}, {souk.Blocked, 0, 6, -1}, {souk.HungUp, 0, 7, -1}, {souk.BadAnswer, 0, 7, -1}, {souk.WriteFailed, 0, 7, -1},
		{souk.NoToken, 0, 7, -1}, {souk.BadCertificate, 0, 9, -1}, {souk.WrongHost, 0, 11, -1}, {souk.BadTLS, 0, 12, -1}, {souk.BadName, 0, 13, -1},
	} {
		a := souk.Attempt{Outcome: tt.outcome, Status: tt.status}
		if FailedReason(a) != tt.reason || LoggedStatus(a) != tt.logged {
			t.Errorf("%s: reason %d, status %d", tt.outcome, FailedReason(a), LoggedStatus(a))
		}
	}
}
