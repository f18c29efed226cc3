package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
)

// everySiteInTime runs a test in virtual time, on a site of its own with limits,
// on each database.
func everySiteInTime(t *testing.T, test func(t *testing.T, s *site)) {
	t.Helper()
	souktest.EachAddress(t, func(t *testing.T, address string) {
		synctest.Test(t, func(t *testing.T) {
			db, err := store.Open(t.Context(), address)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			test(t, newSite(t, db, "http://souk.example", Options{}))
		})
	})
}

// Whoever cannot sign in learns nothing about why: not by the status, not by a
// byte of the page, not by a header, not by the time.
func TestNothingToldAboutAccounts(t *testing.T) {
	everySiteInTime(t, func(t *testing.T, s *site) {
		s.record(func(tx *store.Tx) error {
			gone, err := tx.User(s.ID("users.gus"))
			if err != nil {
				return err
			}
			gone.DeactivatedAt = time.Now()
			return tx.PutUser(gone, s.ID("orgs.globex"))
		})
		var first reply
		for i, tt := range []struct{ name, email, password string }{
			{"a wrong password", "ada@acme.example", "incorrect horse"},
			{"an unknown account", "eve@acme.example", password},
			{"an account without a password", "cem@acme.example", password},
			{"an empty password", "ada@acme.example", ""},
			{"an empty password where there is none", "cem@acme.example", ""},
			{"an account that is closed", "gus@globex.example", password},
			{"no e-mail at all", "no e-mail", password},
			{"far too long a password", "ada@acme.example", strings.Repeat(password, 100)},
		} {
			began := time.Now()
			got := s.visitor().post("/console/signin", "email", tt.email, "password", tt.password).is(t, http.StatusUnprocessableEntity, "do not go together", tt.email)
			if took := time.Since(began); took != slowestRefusal {
				t.Errorf("%s: told after %s, want %s", tt.name, took, slowestRefusal)
			}
			got.body = strings.ReplaceAll(got.body, tt.email, "…")
			got.header.Del("X-Request-Id")
			if i == 0 {
				first = got
				continue
			}
			if got.body != first.body {
				t.Errorf("%s: another page than for a wrong password:\n%s", tt.name, got.body)
			}
			if a, b := spell(got.header), spell(first.header); a != b {
				t.Errorf("%s: other headers than for a wrong password:\n%s\n%s", tt.name, a, b)
			}
		}
		s.visitor().post("/console/signin", "email", " ADA@acme.example", "password", password).leads(t, "/console")
	})
}

func spell(h http.Header) string {
	var b strings.Builder
	if err := h.Write(&b); err != nil {
		return err.Error()
	}
	return b.String()
}

// One client alone runs out of tries before the account does, so its owner gets
// in all the while; and the client itself gets more tries as time goes by.
func TestLimitOfOneClient(t *testing.T) {
	everySiteInTime(t, func(t *testing.T, s *site) {
		attacker, owner := s.visitor(), s.visitor()
		owner.address = "203.0.113.1:1"
		var refused reply
		tries := 0
		for ; tries < 200 && refused.status != http.StatusTooManyRequests; tries++ {
			refused = attacker.post("/console/signin", "email", "ada@acme.example", "password", "guess "+strconv.Itoa(tries))
		}
		if tries <= burstOfAddress || tries >= burstOfAccount {
			t.Errorf("the client ran out after %d tries", tries)
		}
		refused.is(t, http.StatusTooManyRequests, "Too many tries", "Try again in")
		for range 50 { // for as long as it goes on
			attacker.post("/console/signin", "email", "ada@acme.example", "password", "guess").is(t, http.StatusTooManyRequests)
		}
		attacker.signIn("bo").is(t, http.StatusTooManyRequests)
		owner.signIn("ada").leads(t, "/console")

		wait, err := strconv.Atoi(refused.header.Get("Retry-After"))
		if err != nil || wait < 1 || wait > 60/triesPerAddress {
			t.Fatalf("Retry-After: %q", refused.header.Get("Retry-After"))
		}
		time.Sleep(time.Duration(wait) * time.Second)
		attacker.signIn("bo").leads(t, "/console")
	})
}

// Many clients together can run an account out of tries, for seconds. How many
// they have is the same for an account that does not exist.
func TestLimitOfOneAccount(t *testing.T) {
	everySiteInTime(t, func(t *testing.T, s *site) {
		siege := func(email string) (tries int) {
			for last := (reply{}); last.status != http.StatusTooManyRequests; tries++ {
				if tries > 200 {
					t.Fatal("an account may be tried without end")
				}
				v := s.visitor()
				v.address = "192.0.2." + strconv.Itoa(tries) + ":1"
				last = v.post("/console/signin", "email", email, "password", "guess "+strconv.Itoa(tries))
			}
			return tries
		}
		known, unknown := siege("Ada@acme.example"), siege("eve@acme.example")
		if known != unknown || known <= burstOfAccount {
			t.Errorf("%d tries at an account that exists, %d at one that does not", known, unknown)
		}
		siege("ada@acme.example")
		owner := s.visitor()
		wait, err := strconv.Atoi(owner.signIn("ada").is(t, http.StatusTooManyRequests).header.Get("Retry-After"))
		if err != nil || wait < 1 || wait > 60/triesPerAccount {
			t.Fatalf("Retry-After: %d, %v", wait, err)
		}
		time.Sleep(time.Duration(wait) * time.Second)
		owner.signIn("ada").leads(t, "/console")
	})
}

// The same e-mail under two roots: the password decides which accounts it may
// be, and the visitor which of them it is.
func TestChoose(t *testing.T) {
	everySite(t, func(t *testing.T, s *site) {
		s.Apply(`
version: 1
users:
  twin-solo:   {org: solo, email: twin@both.example, first_name: Solo Twin, memberships: [{org: solo}]}
  twin-globex: {org: globex, email: twin@both.example, first_name: Globex Twin, memberships: [{org: globex}]}
  twin-vendor: {org: vendor, email: twin@both.example, first_name: Vendor Twin, memberships: [{org: vendor}]}
`)
		s.record(func(tx *store.Tx) error {
			for _, name := range []string{"twin-solo", "twin-globex"} {
				if err := tx.PutPassword(s.ID("users."+name), passwordHash(), time.Now()); err != nil {
					return err
				}
			}
			return tx.PutPassword(s.ID("users.twin-vendor"), market.HashPassword("another one of mine"), time.Now())
		})
		v := s.visitor()
		in := func() reply {
			return v.post("/console/signin", "email", "twin@both.example", "password", password, "next", "/console/account").
				is(t, http.StatusOK, "Which organization?", "Solo", "Globex").lacks(t, "Vendor")
		}
		page := in()
		if v.session() != "" {
			t.Fatal("a session began before there was a choice")
		}
		ticket := page.value(t, "ticket")
		choose := func(user string) reply {
			return v.post("/console/signin/choose", "ticket", ticket, "user", s.ID("users."+user).String(), "next", page.value(t, "next"))
		}
		for _, other := range []string{"twin-vendor", "ada"} {
			choose(other).is(t, http.StatusUnprocessableEntity, "Sign in again")
		}
		choose("twin-globex").leads(t, "/console/account")
		v.get("/console/account").is(t, http.StatusOK, "Globex Twin")
		choose("twin-solo").is(t, http.StatusUnprocessableEntity, "Sign in again")
		v.post("/console/signin/choose", "ticket", "nonsense", "user", souk.NewID().String()).is(t, http.StatusUnprocessableEntity, "Sign in again")

		s.visitor().post("/console/signin", "email", "twin@both.example", "password", "another one of mine").leads(t, "/console")
	})
}

func TestWelcome(t *testing.T) {
	everySiteInTime(t, func(t *testing.T, s *site) {
		link := func() (path, code string) {
			code, err := s.Market.WelcomeCode(t.Context())
			if err != nil || code == "" {
				t.Fatalf("code %q, %v", code, err)
			}
			s.keep(code)
			return strings.TrimPrefix(WelcomeLink(s.base, code), s.base), code
		}
		v := s.visitor()
		late, _ := link()
		time.Sleep(24 * time.Hour)
		v.get(late).is(t, http.StatusGone, "expired")

		path, code := link()
		other, _ := link()
		form := v.get(path).is(t, http.StatusOK, "Welcome to Souk")
		if form.value(t, "code") != code {
			t.Error("the form has another code than the link")
		}
		fields := func(password string) []string {
			return []string{"code", code, "organization", `<b>"Bazaar"`, "first_name", "Nadia", "last_name", "", "email", "nadia@bazaar.example", "password", password}
		}
		v.post("/console/welcome", fields("short")...).is(t, http.StatusUnprocessableEntity, "at least 12 characters", "nadia@bazaar.example", "Nadia").lacks(t, "short\"")
		v.post("/console/welcome", fields("a bazaar of one's own")...).leadsDone(t, "/console", "welcomed")
		home := v.get("/console").is(t, http.StatusOK, "Your account is ready", "Nadia", `<b>"Bazaar"`, "Running the platform")
		if strings.Contains(home.body, "<b>") {
			t.Error("a name is taken for HTML")
		}
		for _, spent := range []string{path, other, "/console/welcome", "/console/welcome?" + url.Values{"code": {code + "x"}}.Encode()} {
			s.visitor().get(spent).is(t, http.StatusGone, "not good any more")
		}
		s.visitor().post("/console/welcome", fields("a bazaar of one's own")...).is(t, http.StatusGone)
		if code, err := s.Market.WelcomeCode(t.Context()); code != "" || err != nil {
			t.Errorf("there is another code, %v", err)
		}
		s.visitor().post("/console/signin", "email", "nadia@bazaar.example", "password", "a bazaar of one's own").leads(t, "/console")
	})
}
