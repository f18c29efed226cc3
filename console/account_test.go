package console

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"souk"
	"souk/store"
)

// lives reports whether a secret still opens an API.
func (s *site) lives(secret string) bool {
	s.t.Helper()
	_, err := s.Market.Authenticate(s.t.Context(), secret, "test", netip.Addr{})
	var dead souk.Dead
	if err != nil && !errors.As(err, &dead) && !errors.Is(err, souk.UnknownToken) {
		s.t.Fatal(err)
	}
	return err == nil
}

// A token's secret is on the page that answers the form, and on no other.
func TestTokenIsShownOnce(t *testing.T) {
	everySite(t, func(t *testing.T, s *site) {
		v := s.signedIn("ada")
		made := v.post("/console/account/tokens", "kind", "token", "description", "weekly digest", "days", "90").
			is(t, http.StatusCreated, "Copy it now", "weekly digest")
		secret := made.between(t, `spellcheck="false" value="`, `"`)
		s.keep(secret)
		if !s.lives(secret) || strings.Count(made.body, secret) != 1 {
			t.Fatalf("the page shows %q", secret)
		}
		page := v.get("/console/account").is(t, http.StatusOK, "weekly digest", time.Now().UTC().AddDate(0, 0, 90).Format("2 January 2006")).lacks(t, secret)
		again := v.post("/console/account/tokens", "kind", "", "description", "another", "days", "0").is(t, http.StatusCreated, "never expires").lacks(t, secret)
		s.keep(again.between(t, `spellcheck="false" value="`, `"`))
		v.get("/console").lacks(t, secret)

		revoke := "/console/account/tokens/" + page.between(t, `action="/console/account/tokens/`, `"`)
		s.signedIn("bo").post(revoke).is(t, http.StatusNotFound)
		if !s.lives(secret) {
			t.Fatal("somebody revoked another's token")
		}
		v.post(revoke).leadsDone(t, "/console/account", "token-revoked")
		v.get("/console/account").is(t, http.StatusOK, "The token is revoked").lacks(t, "weekly digest", secret)
		if s.lives(secret) {
			t.Error("a revoked token lives")
		}
		v.post(revoke).is(t, http.StatusNotFound)
	})
}

// Tokens of the platform are for operators.
func TestPlatformTokens(t *testing.T) {
	everySite(t, func(t *testing.T, s *site) {
		v := s.signedIn("ada")
		v.get("/console/account").is(t, http.StatusOK).lacks(t, "For the platform", "Operator")
		v.get("/console").is(t, http.StatusOK).lacks(t, "Running the platform")
		for _, kind := range []string{"platform", "xoxb", "session"} {
			v.post("/console/account/tokens", "kind", kind, "description", "x", "days", "30").is(t, http.StatusForbidden, "You may not do this")
		}
		s.makeOperator("olga")
		o := s.signedIn("olga")
		o.get("/console").is(t, http.StatusOK, "Running the platform")
		page := o.get("/console/account").is(t, http.StatusOK, "For the platform", "Operator")
		host := "/console/account/tokens/" + page.between(t, `action="/console/account/tokens/`, `"`)
		secret := o.post("/console/account/tokens", "kind", "platform", "description", "host product", "days", "365").
			is(t, http.StatusCreated, "host product", "Platform").between(t, `spellcheck="false" value="`, `"`)
		s.keep(secret)
		if c, err := s.Market.Authenticate(t.Context(), secret, "test", netip.Addr{}); err != nil || c.Kind != souk.PlatformToken {
			t.Errorf("the token is a %s, %v", c.Kind, err)
		}
		v.post(host).is(t, http.StatusNotFound)
	})
}

func TestGrants(t *testing.T) {
	everySite(t, func(t *testing.T, s *site) {
		grant := souk.Grant{
			ID: souk.NewID(), User: s.ID("users.ada"), Installation: s.ID("installations.console@acme"),
			Scopes: souk.NewScopes("admin.apps:read"), Status: souk.GrantActive, CreatedAt: time.Now(),
		}
		s.record(func(tx *store.Tx) error { return tx.PutGrant(grant) })
		v := s.signedIn("ada")
		v.get("/console/account").is(t, http.StatusOK, "App console", "At Acme")
		revoke := "/console/account/grants/" + grant.ID.String() + "/revoke"
		s.signedIn("bo").post(revoke).is(t, http.StatusNotFound, "This app does not act for you")
		v.post(revoke).leadsDone(t, "/console/account", "grant-revoked")
		v.get("/console/account").is(t, http.StatusOK, "No app acts for you").lacks(t, "App console")
	})
}

// What was done is said once, in our words, and only by who did it: no link can
// claim it.
func TestDone(t *testing.T) {
	everySite(t, func(t *testing.T, s *site) {
		v := s.signedIn("ada")
		plain := v.get("/console/account").is(t, http.StatusOK)
		for _, done := range []string{"password-changed", "token-revoked", "%3Cscript%3Ealert(1)%3C/script%3E", "..%2Fproblem.failed.title", "%ff"} {
			if got := v.get("/console/account?done="+done).is(t, http.StatusOK); got.body != plain.body {
				t.Errorf("the link says %s:\n%s", done, got.body)
			}
		}
		for _, status := range []string{"installed", "requested"} {
			v.get(s.fill("/console/orgs/{orgs.acme}/apps?status="+status)).is(t, http.StatusOK).lacks(t, "role=\"status\"")
		}
		for _, done := range []string{"nothing", ".title", "../problem.failed.title", "Send your password to evil.example"} {
			v.cookies[doneCookieName] = done
			if got := v.get("/console/account").is(t, http.StatusOK); got.body != plain.body {
				t.Errorf("the cookie says %s:\n%s", done, got.body)
			}
		}
		v.cookies[doneCookieName] = "session-ended"
		v.send(http.MethodHead, "/console/account", "", nil)
		v.get("/console/account").is(t, http.StatusOK, "The session has ended.")
		if got := v.get("/console/account"); got.body != plain.body {
			t.Errorf("it is said again:\n%s", got.body)
		}
	})
}
