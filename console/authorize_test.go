package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/store"
)

// challenge is a PKCE challenge by S256.
const challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

// ask is the address by which Clerk asks for what pairs say; a pair replaces what
// is usual, and an empty value leaves it out.
func (s *site) ask(pairs ...string) string {
	for i := range pairs {
		pairs[i] = s.fill(pairs[i])
	}
	usual := carry(authorizePath, "client_id", s.ID("apps.clerk").String(), "redirect_uri", "https://clerk.example/back?a=b",
		"response_type", "code", "state", "s & s")
	return carry(usual, pairs...)
}

const issuer = "http://souk.example/identity/authorize"

// refusesWith fails unless the app is told that error, in words, and nothing else.
func (r reply) refusesWith(t *testing.T, code string) {
	t.Helper()
	told := r.toldAt(t, "https://clerk.example/back")
	description := told.Get("error_description")
	want := url.Values{"a": {"b"}, "error": {code}, "error_description": {description}, "state": {"s & s"}, "iss": {issuer}}
	if told.Encode() != want.Encode() || description == "" {
		t.Errorf("%s: the app is told %v, want %s", r.of, told, code)
	}
}

// agrees is the code that the app is told.
func (r reply) agrees(t *testing.T) string {
	t.Helper()
	told := r.toldAt(t, "https://clerk.example/back")
	code := told.Get("code")
	want := url.Values{"a": {"b"}, "code": {code}, "state": {"s & s"}, "iss": {issuer}}
	if told.Encode() != want.Encode() || code == "" {
		t.Errorf("%s: the app is told %v", r.of, told)
	}
	return code
}

// decide presses a button of the page that asks.
func (v *visitor) decide(page reply, decision string) reply {
	v.t.Helper()
	action := page.between(v.t, `method="post" action="/identity`, `"`)
	return v.post("/identity"+action, "scopes", page.value(v.t, "scopes"), "decision", decision)
}

func TestAuthorize(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		i := s.install("clerk", "fair", "fia")
		v := s.in("finn")
		granted := func() souk.Scopes {
			return look(s, func(tx *store.Tx) (souk.Scopes, error) {
				g, err := grantTo(tx, i.ID, s.ID("users.finn"), i.Org)
				if err != nil {
					return nil, ignoreNone(err)
				}
				return g.Scopes, nil
			})
		}
		page := v.get(s.ask("scope", "openid email reports")).is(t, 200,
			"Let Clerk act for you?", "by Vendor Ltd", "As Finn, at", "Fair", "Know who you are", "finn@fair.example", "Read reports",
			"Vendor Ltd runs Clerk.", "Allow", "Deny", "After this you go on to clerk.example").lacks(t, "Read files")
		v.get(s.ask("scope", "openid reports", "prompt", "none")).refusesWith(t, "consent_required")
		v.decide(page, "deny").refusesWith(t, "access_denied")
		v.decide(page, "perhaps").is(t, 400, "This form cannot be read")
		if got := granted(); got != nil {
			t.Fatalf("before they agree it is granted %s", got)
		}
		v.decide(page, "allow").agrees(t)
		if got := granted(); !got.Equal(souk.NewScopes("reports")) {
			t.Errorf("it is granted %s", got)
		}

		// They are not asked twice, unless the app wants it.
		v.get(s.ask("scope", "openid reports")).agrees(t)
		v.get(s.ask("scope", "profile", "prompt", "none")).agrees(t)
		v.get(s.ask("scope", "reports", "prompt", "consent")).is(t, 200, "Read reports").lacks(t, "Know who you are")
		v.get(s.ask("scope", "reports settings")).is(t, 200, "Change the settings")

		// Without scopes it asks for all that it was allowed there: what was shown.
		page = v.get(s.ask()).is(t, 200, "Read reports", "Change the settings", "Read files", "Sensitive")
		s.record(func(tx *store.Tx) error {
			more := i
			more.Scopes = i.Scopes.Union(souk.NewScopes("chat:write"))
			return tx.PutInstallation(more)
		})
		v.decide(page, "allow").agrees(t)
		if got := granted(); !got.Equal(souk.NewScopes("files:read", "reports", "settings")) {
			t.Errorf("it is granted %s", got)
		}
	})
}

// ignoreNone turns no row into nothing found.
func ignoreNone(err error) error {
	if err == store.ErrNotFound {
		return nil
	}
	return err
}

// What an app asks for wrongly it is told at its redirect URI, and only there.
func TestAuthorizeErrors(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		s.install("clerk", "fair", "fia")
		v, stranger := s.in("fia"), s.visitor()
		for _, tt := range []struct {
			pairs []string
			code  string
		}{
			{[]string{"response_type", ""}, "invalid_request"},
			{[]string{"response_type", "token"}, "unsupported_response_type"},
			{[]string{"response_type", "code id_token"}, "unsupported_response_type"},
			{[]string{"response_mode", "fragment"}, "invalid_request"},
			{[]string{"prompt", "select_account"}, "invalid_request"},
			{[]string{"prompt", "none consent"}, "invalid_request"},
			{[]string{"prompt", "login none"}, "invalid_request"},
			{[]string{"max_age", "soon"}, "invalid_request"},
			{[]string{"max_age", "-1"}, "invalid_request"},
			{[]string{"code_challenge", challenge}, "invalid_request"},
			{[]string{"code_challenge", challenge, "code_challenge_method", "plain"}, "invalid_request"},
			{[]string{"code_challenge_method", "S256"}, "invalid_request"},
			{[]string{"org", "x"}, "invalid_request"},
			{[]string{"request", "x"}, "request_not_supported"},
			{[]string{"request_uri", "x"}, "request_uri_not_supported"},
		} {
			v.get(s.ask(tt.pairs...)).refusesWith(t, tt.code)
			v.post(s.ask(tt.pairs...), "decision", "allow").refusesWith(t, tt.code)
			stranger.get(s.ask(tt.pairs...)).is(t, 400, "This link is not whole")
			stranger.get(s.ask(append(tt.pairs, "state", "x")...)).is(t, 400)
			stranger.post(s.ask(tt.pairs...), "decision", "deny").is(t, 400, "This link is not whole")
		}
		for _, tt := range []struct {
			pairs []string
			code  string
		}{
			{[]string{"scope", "users"}, "invalid_scope"},
			{[]string{"scope", "openid nonsense"}, "invalid_scope"},
			{[]string{"code_challenge", "short", "code_challenge_method", "S256"}, "invalid_request"},
			{[]string{"nonce", strings.Repeat("x", 600)}, "invalid_request"},
			{[]string{"org", "{orgs.solo}"}, "access_denied"},
			{[]string{"org", souk.NewID().String()}, "access_denied"},
		} {
			v.get(s.ask(tt.pairs...)).refusesWith(t, tt.code)
			asked := strings.Join(strings.Fields(strings.ReplaceAll(s.query(s.ask(tt.pairs...), "scope"), "openid", "")), " ")
			v.post(s.ask(tt.pairs...), "decision", "allow", "scopes", asked).refusesWith(t, tt.code)
		}
		v.post(s.ask(), "decision", "allow").is(t, 400, "This form cannot be read")
		v.get(s.ask()+"&nonce=a&nonce=b").refusesWith(t, "invalid_request")
		v.get(s.ask("org", "{orgs.fair}", "code_challenge", challenge, "code_challenge_method", "S256", "response_mode", "query")).agrees(t)
		stranger.get(s.ask("prompt", "none")).refusesWith(t, "login_required")
		for name, change := range map[string]func(*souk.App){
			"not listed": func(a *souk.App) { a.Listing = souk.Submitted },
			"not public": func(a *souk.App) { a.Listing, a.IsAvailableToAnyone = souk.Listed, false },
		} {
			s.change("clerk", change)
			if got := stranger.get(s.ask("prompt", "none")); !strings.HasPrefix(got.header.Get("Location"), "/console/signin?") {
				t.Errorf("an app that is %s has a stranger led to %q", name, got.header.Get("Location"))
			}
		}
		stranger.get(s.ask()).leads(t, "/console/signin?"+url.Values{"next": {s.ask()}}.Encode())
		stranger.post(s.ask(), "decision", "allow").leads(t, "/console/signin?"+url.Values{"next": {s.ask()}}.Encode())
	})
}

// Nothing is told to an address that is not the app's, whoever asks; and an app
// that is unknown looks like one that has not registered the address.
func TestAuthorizeTellsNobodyElse(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		s.install("clerk", "fair", "fia")
		for _, v := range []*visitor{s.in("fia"), s.visitor()} {
			unknown := v.get(s.ask("client_id", souk.NewID().String())).is(t, 400, "This app cannot sign you in")
			addresses := []string{s.ask("client_id", ""), s.ask("client_id", "x"), s.ask("redirect_uri", ""), s.ask() + "&redirect_uri=https%3A%2F%2Fclerk.example%2Fback",
				s.ask() + "&client_id=x", s.ask() + "&x=%zz", s.ask("client_id", "{apps.notes}")}
			for _, next := range append(append([]string{"https://CLERK.example/back", "/console"}, refusedWays...), hostile...) {
				addresses = append(addresses, s.ask("redirect_uri", next))
			}
			for _, address := range addresses {
				for _, r := range []reply{v.get(address), v.post(address, "decision", "deny")} {
					if r.is(t, 400); r.anonymous() != unknown.anonymous() || r.header.Get("Location") != "" {
						t.Errorf("%s is answered otherwise than an unknown app:\n%s", address, r.body)
					}
				}
			}
		}
		s.change("clerk", func(a *souk.App) { a.Suspended = true })
		s.visitor().get(s.ask()).is(t, 400, "This app cannot sign you in")
	})
}

// Where the app is not installed they are offered to install it, and come back
// with all that the app had asked.
func TestAuthorizeWhereNotInstalled(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		v := s.in("fia")
		v.get(s.ask("prompt", "none")).refusesWith(t, "access_denied")
		page := v.get(s.ask("scope", "openid", "org", "{orgs.fair}")).is(t, 200, "The app is not installed")
		link := page.between(t, `<a class="button primary" href="`, `"`)
		install := v.get(link).is(t, 200, "Install Clerk")
		told := v.accept(install, "first_name", "A", "last_name", "B", "terms", "accepted").toldAt(t, "https://clerk.example/open")
		back := v.get(strings.TrimPrefix(told.Get("redirect_uri"), "http://souk.example"))
		back.toldAt(t, "/identity/authorize")
		v.get(back.header.Get("Location")).agrees(t) // whoever installs it lets it act for them
	})
}

// The page that asks leads to the app, is never framed, and takes no press from
// elsewhere.
func TestAuthorizePage(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		s.install("clerk", "fair", "fia")
		v := s.in("finn")
		page := v.get(s.ask("scope", "openid")).is(t, 200)
		policy := page.header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "form-action 'self' https:;") || !strings.Contains(policy, "frame-ancestors 'none'") || page.header.Get("X-Frame-Options") != "DENY" {
			t.Errorf("the page's headers are %v", page.header)
		}
		v.header = http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://clerk.example"}}
		v.decide(page, "allow").is(t, 403, "This came from another site")
		v.send(http.MethodPut, s.ask(), "", nil).is(t, 405)
	})
}

// The form of the page to sign in leads to an app only at an address of the
// app's own.
func TestSignInOnTheWayToAnApp(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		widened := func(next string) string {
			header := s.visitor().get("/console/signin?"+url.Values{"next": {next}}.Encode()).is(t, 200).header
			_, rest, _ := strings.Cut(header.Get("Content-Security-Policy"), "form-action 'self'")
			forms, _, _ := strings.Cut(rest, ";")
			return forms
		}
		dev := s.ask("client_id", "{apps.notes}", "redirect_uri", "http://notes.example:8080/back")
		for next, want := range map[string]string{
			s.ask(): " https:",
			dev:     " https: http://notes.example:8080",
			s.ask("redirect_uri", "http://evil.example/"):                   "",
			s.ask("redirect_uri", "http://notes.example:8080/back"):         "",
			s.ask("client_id", "x", "redirect_uri", "http://evil.example/"): "",
			dev + "&redirect_uri=http%3A%2F%2Fevil.example%2F":              "",
			s.link("notes", "next", "http://notes.example:8080/back"):       "",
		} {
			if got := widened(next); got != want {
				t.Errorf("on the way to %s the form leads to%s, want%s", next, got, want)
			}
		}
		policy := s.in("fia").get(s.link("notes", "next", s.ask("redirect_uri", "http://evil.example/"))).is(t, 200).header.Get("Content-Security-Policy")
		if strings.Contains(policy, "evil") {
			t.Errorf("the install page's policy is %s", policy)
		}
	})
}

// query is a parameter of an address.
func (s *site) query(address, name string) string {
	s.t.Helper()
	at, err := url.Parse(address)
	if err != nil {
		s.t.Fatal(err)
	}
	return at.Query().Get(name)
}

// An app that wants it fresh has them sign in again, by whatever way they do; and
// who has just done so is not asked once more.
func TestAuthorizeFreshly(t *testing.T) {
	everySiteInTime(t, func(t *testing.T, s *site) {
		s.settle()
		s.record(func(tx *store.Tx) error { return tx.PutPassword(s.ID("users.finn"), passwordHash(), time.Now()) })
		s.install("clerk", "fair", "fia")
		v := s.in("finn")
		again := func(ask string) string { return "/console/signin?" + url.Values{"next": {ask}}.Encode() + "&again=1" }
		for _, tt := range []struct {
			pairs []string
			after time.Duration // that they are asked to sign in again
		}{
			{[]string{"prompt", "login"}, time.Minute},
			{[]string{"prompt", "consent login"}, time.Minute},
			{[]string{"max_age", "600"}, 10 * time.Minute},
			{[]string{"max_age", "0"}, time.Minute},
			{[]string{"max_age", "600", "prompt", "login"}, time.Minute},
		} {
			ask := s.ask(tt.pairs...)
			time.Sleep(tt.after - time.Second)
			page := v.get(ask).is(t, 200, "Let Clerk act for you?")
			time.Sleep(time.Minute)
			v.get(ask).leads(t, again(ask))
			v.get(s.ask()).is(t, 200) // another app may not mind
			v.decide(page, "deny").refusesWith(t, "access_denied")

			before := v.session()
			form := v.get(again(ask)).is(t, 200, "wants you to sign in once more")
			fields := []string{"next", form.value(t, "next"), "again", form.value(t, "again"), "email", "finn@fair.example", "password"}
			v.post("/console/signin", append(fields, "nonsense")...).is(t, 422, "wants you to sign in once more")
			v.post("/console/signin", append(fields, password)...).leads(t, ask)
			if v.session() == before {
				t.Error("the session is the old one")
			}
			v.get(ask).is(t, 200, "Let Clerk act for you?")
		}
		time.Sleep(time.Hour)
		v.get(s.ask("prompt", "none", "max_age", "600")).refusesWith(t, "login_required")
	})
}

// What they agree to is what the page showed, where it showed it: also when they
// have the app in several places.
func TestAuthorizeWhatWasShown(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		if _, err := s.Market.Approve(t.Context(), s.As("olga"), market.Decision{App: s.ID("apps.clerk"), At: s.ID("orgs.acme")}); err != nil {
			t.Fatal(err)
		}
		done, err := s.Market.Install(t.Context(), s.As("olga"), market.Installing{
			App: s.ID("apps.clerk"), At: s.ID("orgs.acme"), Workspaces: []souk.ID{s.ID("orgs.sales"), s.ID("orgs.labs")}, Terms: market.TermsAccepted,
		})
		if err != nil {
			t.Fatal(err)
		}
		v := s.in("olga")
		given := look(s, func(tx *store.Tx) (souk.Grant, error) {
			return grantTo(tx, done.Installation.ID, s.ID("users.olga"), done.Installation.Org)
		})
		v.post("/console/account/grants/"+given.ID.String()+"/revoke").leads(t, "/console/account") // whoever installs an app lets it act for them
		page := v.get(s.ask("scope", "reports settings")).is(t, 200, "You have the app elsewhere, too.", "Acme Sales", "Acme Labs")
		action := authorizePath + page.between(t, `method="post" action="`+authorizePath, `"`)
		if org := s.query(action, "org"); org != s.ID("orgs.acme").String() {
			t.Errorf("the form agrees for %q", org)
		}
		v.get(s.ask("scope", "reports settings", "org", "{orgs.labs}")).is(t, 200, "Acme Labs").lacks(t, "elsewhere")
		if link := page.between(t, `Choose instead: <a href="`, `"`); s.query(link, "org") == s.ID("orgs.acme").String() || s.query(link, "state") != "s & s" {
			t.Errorf("another place is %s", link)
		}
		v.post(action, "decision", "allow", "scopes", "reports").agrees(t)
		granted := look(s, func(tx *store.Tx) (souk.Grant, error) {
			return grantTo(tx, done.Installation.ID, s.ID("users.olga"), done.Installation.Org)
		})
		if !granted.Scopes.Equal(souk.NewScopes("reports")) {
			t.Errorf("it is granted %s", granted.Scopes)
		}
		v.get(s.ask("scope", "reports")).agrees(t) // and is not asked again
		v.get(s.ask("scope", "reports settings")).is(t, 200, "Let Clerk act for you?")
	})
}
