package main

import (
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"souk/console"
	"souk/souktest/oidc"
)

func TestOpenIDFlags(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	kept, empty := file("secret", "s3cret\n"), file("empty", "\n")
	const at = "https://id.example/realm"
	for _, tt := range []struct {
		name  string
		flags openIDFlags
		env   string
		want  console.OpenID
		says  string // of an error
		usage bool   // it is a fault of usage
	}{
		{"none", openIDFlags{}, "", console.OpenID{}, "", false},
		{"a secret in a file", openIDFlags{at, "souk", kept, "Us"}, "", console.OpenID{Issuer: at, ClientID: "souk", Secret: "s3cret", Name: "Us"}, "", false},
		{"a secret in the environment", openIDFlags{at, "souk", "", ""}, "s3cret", console.OpenID{Issuer: at, ClientID: "souk", Secret: "s3cret"}, "", false},
		{"no secret", openIDFlags{at + "/", "souk", "", ""}, "", console.OpenID{Issuer: at + "/", ClientID: "souk"}, "", false},
		{"loopback by name", openIDFlags{"http://localhost:1", "souk", "", ""}, "", console.OpenID{Issuer: "http://localhost:1", ClientID: "souk"}, "", false},
		{"loopback by number", openIDFlags{"http://[::1]:1", "souk", "", ""}, "", console.OpenID{Issuer: "http://[::1]:1", ClientID: "souk"}, "", false},
		{"both secrets", openIDFlags{at, "souk", kept, ""}, "s3cret", console.OpenID{}, "both given", true},
		{"an empty file", openIDFlags{at, "souk", empty, ""}, "", console.OpenID{}, "is empty", false},
		{"no file", openIDFlags{at, "souk", filepath.Join(dir, "none"), ""}, "", console.OpenID{}, "no such file", false},
		{"a secret alone", openIDFlags{}, "s3cret", console.OpenID{}, "--oidc-issuer", true},
		{"a client alone", openIDFlags{"", "souk", "", ""}, "", console.OpenID{}, "--oidc-issuer", true},
		{"no client", openIDFlags{at, "", "", ""}, "", console.OpenID{}, "--oidc-client-id", true},
		{"no TLS", openIDFlags{"http://id.example", "souk", "", ""}, "", console.OpenID{}, "--oidc-issuer", true},
		{"a query", openIDFlags{at + "?a", "souk", "", ""}, "", console.OpenID{}, "--oidc-issuer", true},
		{"a user", openIDFlags{"https://me@id.example", "souk", "", ""}, "", console.OpenID{}, "--oidc-issuer", true},
		{"no URL", openIDFlags{"id.example", "souk", "", ""}, "", console.OpenID{}, "--oidc-issuer", true},
	} {
		t.Setenv(clientSecret, tt.env)
		got, err := tt.flags.provider()
		var usage badText
		switch {
		case tt.says == "" && err != nil, tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)):
			t.Errorf("%s: %v, want %q", tt.name, err, tt.says)
		case err == nil && got != tt.want:
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		case errors.As(err, &usage) != tt.usage:
			t.Errorf("%s: %v is a fault of usage: %v", tt.name, err, !tt.usage)
		case err != nil && strings.Contains(err.Error(), "s3cret"):
			t.Errorf("%s: the error tells the secret", tt.name)
		}
	}
}

var welcomeLink = regexp.MustCompile(`http://\S+/console/welcome\?code=\S+`)

// The server starts before its provider does, and the first operator, who made
// their account with a password, signs in by the provider as well.
func TestServeWithAProvider(t *testing.T) {
	t.Parallel()
	var provider atomic.Pointer[oidc.Provider] // nil: not started yet
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := provider.Load(); p != nil {
			p.ServeHTTP(w, r)
			return
		}
		http.Error(w, "not yet", http.StatusBadGateway)
	}))
	t.Cleanup(site.Close)
	const secret = "a-secret-of-the-client"
	p := start(t, t.TempDir(), []string{clientSecret + "=" + secret, "SOUK_OIDC_CLIENT_ID=souk"},
		"serve", "--addr", "127.0.0.1:0", "--oidc-issuer", site.URL, "--oidc-name", "Example ID")
	p.ready(t)
	idp := oidc.New(site.URL, oidc.Client{ID: "souk", Secret: secret, Redirect: p.Base + "/console/signin/oidc/callback"})
	idp.Be(oidc.Behaviour{Person: oidc.Person{Subject: "1", Email: "olive@operator.example", Verified: true}})
	provider.Store(idp)

	link, err := url.Parse(welcomeLink.FindString(p.Out.String()))
	if err != nil {
		t.Fatal(err)
	}
	page := visit(t, newJar(t), func(c *http.Client) (*http.Response, error) {
		return c.PostForm(p.Base+"/console/welcome", url.Values{
			"code": {link.Query().Get("code")}, "organization": {"Operators"}, "first_name": {"Olive"}, "last_name": {"Oil"},
			"email": {"olive@operator.example"}, "password": {"a long enough one"},
		})
	})
	if !strings.Contains(page, "Olive") {
		t.Fatalf("the operator is not welcome:\n%s", page)
	}
	page = visit(t, newJar(t), func(c *http.Client) (*http.Response, error) {
		return c.Get(p.Base + "/console/signin/oidc?next=/console/account")
	})
	if !strings.Contains(page, "olive@operator.example") {
		t.Errorf("the operator did not come to their account:\n%s", page)
	}
	p.stop(t)
	for _, told := range idp.Secrets() {
		if strings.Contains(p.Log.String()+p.Out.String(), told) {
			t.Errorf("the server told %q", told)
		}
	}
}

func newJar(t *testing.T) *cookiejar.Jar {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return jar
}

// visit is the page that a browser with these cookies ends up on.
func visit(t *testing.T, jar *cookiejar.Jar, ask func(*http.Client) (*http.Response, error)) string {
	t.Helper()
	answer, err := ask(&http.Client{Jar: jar})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v\n%s", answer.Request.URL.Path, answer.StatusCode, err, body)
	}
	return string(body)
}
