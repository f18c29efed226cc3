package console

import (
	"net/http"
	"strings"
	"testing"

	"souk/market"
	"souk/souktest"
	"souk/store"
)

func TestCookie(t *testing.T) {
	for _, tt := range []struct {
		base, name string
		secure     bool
	}{
		{"http://souk.example", "souk_session", false},
		{"https://souk.example", "__Host-souk_session", true},
	} {
		t.Run(tt.base, func(t *testing.T) {
			souktest.Each(t, func(t *testing.T, db *store.DB) {
				s := newSite(t, db, tt.base, Options{Unlimited: true})
				v := s.visitor()
				in := v.signIn("ada").leads(t, "/console")
				if len(in.cookies) != 2 {
					t.Fatalf("signing in sets %d cookies", len(in.cookies))
				}
				c, known := in.cookies[0], in.cookies[1]
				if known.Name != strings.Replace(tt.name, "session", "known", 1) || known.Secure != tt.secure || !known.HttpOnly || known.Path != "/" || known.MaxAge != int(knownLife.Seconds()) {
					t.Errorf("cookie: %s", known)
				}
				if c.Name != tt.name || c.Secure != tt.secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" ||
					c.Domain != "" || c.MaxAge != int(market.SessionLife.Seconds()) {
					t.Errorf("cookie: %s", c)
				}
				v.post("/console/signout").leadsDone(t, "/console/signin", "signed-out")
				if v.session() != "" {
					t.Error("signing out leaves the cookie")
				}
				v.cookies[tt.name] = c.Value
				if v.alive() {
					t.Error("the session lives after it was left")
				}
			})
		})
	}
}

// Whatever cookie somebody planted in a browser before its owner signed in, it
// is not the session afterwards; and a session that the browser came with ends.
func TestFixation(t *testing.T) {
	everySite(t, func(t *testing.T, s *site) {
		attacker := s.signedIn("bo")
		planted := attacker.session()
		for _, secret := range []string{"chosen", planted} {
			v := s.visitor()
			v.cookies["souk_session"] = secret
			v.signIn("ada").leads(t, "/console")
			if v.session() == secret || v.session() == "" {
				t.Errorf("the session after signing in is %q, as it was before", v.session())
			}
			v.get("/console/account").is(t, http.StatusOK, "ada@acme.example")
		}
		if attacker.alive() {
			t.Error("the session that the browser came with goes on")
		}
	})
}

// Nothing but one session is a session.
func TestNoSession(t *testing.T) {
	everySite(t, func(t *testing.T, s *site) {
		session := s.signedIn("ada").session()
		for name, header := range map[string]string{
			"an API token":      "souk_session=" + s.Token("ada"),
			"a platform token":  "souk_session=" + s.Token("host"),
			"a token of Slack":  "souk_session=" + s.Token("ada-admin"),
			"nonsense":          "souk_session=nonsense",
			"nothing":           "souk_session=",
			"two sessions":      "souk_session=" + session + "; souk_session=" + session,
			"another's name":    "__Host-souk_session=" + session,
			"the name in upper": "SOUK_SESSION=" + session,
		} {
			v := s.visitor()
			v.header.Set("Cookie", header)
			if v.alive() {
				t.Errorf("%s opens the console", name)
			}
		}
		v := s.visitor()
		v.header.Set("Authorization", "Bearer "+session)
		if v.alive() {
			t.Error("a session in a header opens the console")
		}
		v.header.Set("Cookie", "souk_session="+session)
		if !v.alive() {
			t.Error("a session in its cookie does not open the console")
		}
	})
}

func TestPasswordChange(t *testing.T) {
	everySite(t, func(t *testing.T, s *site) {
		here, there, other := s.signedIn("ada"), s.signedIn("ada"), s.signedIn("bo")
		const second = "staple battery horse"
		here.post("/console/account/password", "old", "not it at all", "password", second).is(t, http.StatusUnprocessableEntity, "is not your password")
		here.post("/console/account/password", "old", password, "password", "short").is(t, http.StatusUnprocessableEntity, "at least 12 characters")
		if !there.alive() {
			t.Fatal("a refused change ended a session")
		}
		old := here.session()
		here.post("/console/account/password", "old", password, "password", second).leadsDone(t, "/console/account", "password-changed")
		if here.session() == old || !here.alive() {
			t.Error("whoever changed the password has no new session")
		}
		if there.alive() {
			t.Error("another session outlives the password")
		}
		if !other.alive() {
			t.Error("somebody else's session ended")
		}
		there.cookies["souk_session"] = old
		if there.alive() {
			t.Error("the session that changed the password goes on beside the new one")
		}
		s.visitor().signIn("ada").is(t, http.StatusUnprocessableEntity)
		s.visitor().post("/console/signin", "email", "ada@acme.example", "password", second).leads(t, "/console")
	})
}

func TestEndSession(t *testing.T) {
	everySite(t, func(t *testing.T, s *site) {
		here, there, other := s.signedIn("ada"), s.signedIn("ada"), s.signedIn("bo")
		page := here.get("/console/account").is(t, http.StatusOK, "Firefox on Linux", "This one")
		if n := strings.Count(page.body, "/console/account/sessions/"); n != 1 {
			t.Fatalf("%d sessions can be ended, want 1: not this one, and nobody else's", n)
		}
		path := page.between(t, `action="/console/account/sessions/`, `"`)
		other.post("/console/account/sessions/"+path).is(t, http.StatusNotFound)
		if !there.alive() {
			t.Fatal("somebody ended another's session")
		}
		here.post("/console/account/sessions/"+path).leadsDone(t, "/console/account", "session-ended")
		if there.alive() || !here.alive() {
			t.Error("the wrong session ended")
		}
	})
}
