package console_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"souk"
	"souk/console"
	"souk/market"
	"souk/souktest/oidc"
)

var (
	unlimited = console.Options{Unlimited: true}
	ann       = oidc.Person{Subject: "0815", Email: "Ann@One.Example", Verified: true}
	bob       = oidc.Person{Subject: "4711", Email: "bob@both.example", Verified: true}
)

// Somebody who wanted to see a page signs in by the provider and sees it, however
// the provider signs and authenticates clients.
func TestProviderSignsIn(t *testing.T) {
	public := theClient
	public.Secret = ""
	tests := []struct {
		name   string
		client oidc.Client
		be     oidc.Behaviour
		who    string
		is     oidc.Person
	}{
		{"RS256", theClient, oidc.Behaviour{}, "ann", ann},
		{"ES256", theClient, oidc.Behaviour{Signing: "ES256"}, "ann", ann},
		{"secret in the form", theClient, oidc.Behaviour{Methods: []string{"client_secret_post"}}, "ann", ann},
		{"no secret", public, oidc.Behaviour{Methods: []string{"none"}}, "ann", ann},
		{"longest subject", theClient, oidc.Behaviour{}, "cat", oidc.Person{Subject: strings.Repeat("é", 127), Email: "cat@one.example", Verified: true}},
		{"several audiences", theClient, oidc.Behaviour{Claims: func(c map[string]any) { c["aud"], c["azp"] = []string{"other", "souk"}, "souk" }}, "ann", ann},
	}
	eachScene(t, theClient, console.Options{}, func(t *testing.T, s *scene) {
		for _, tt := range tests {
			s.start(tt.client, console.Options{})
			s.be(tt.is, tt.be)
			b := s.browser()
			const wanted = "/console/account?a=1&b=%2F"
			signIn := b.get(b.get(wanted).to)
			href := `href="/console/signin/oidc?next=` + url.QueryEscape(wanted)
			if !strings.Contains(strings.ToLower(signIn.body), strings.ToLower(href)) || !strings.Contains(signIn.body, "Sign in with Example ID") {
				t.Errorf("%s: the page to sign in has no button that leads to %s:\n%s", tt.name, href, signIn.body)
			}
			p := b.get(b.back(wanted))
			if p.status != http.StatusFound || p.to != wanted || b.user() != s.users[tt.who] {
				t.Fatalf("%s: back from the provider: %d to %q as %s", tt.name, p.status, p.to, b.user())
			}
			if c := p.set["souk_oidc"]; c == nil || c.MaxAge >= 0 {
				t.Errorf("%s: the trip's cookie stays: %v", tt.name, c)
			}
			if shown := b.get(p.to); shown.status != http.StatusOK {
				t.Errorf("%s: the page they wanted: %d", tt.name, shown.status)
			}
			if p := b.get("/console/signin/oidc?next=/console/account"); p.to != "/console/account" {
				t.Errorf("%s: who is signed in is sent to %q", tt.name, p.to)
			}
			const again = "/console/signin/oidc?next=%2fconsole%2faccount&amp;again=1"
			if form := b.get("/console/signin?next=/console/account&again=1"); !strings.Contains(form.body, again) {
				t.Errorf("%s: the page to sign in again does not lead to %s:\n%s", tt.name, again, form.body)
			}
			if p := b.get("/console/signin/oidc?next=/console/account&again=1"); !strings.HasPrefix(p.to, providerAt) || !strings.Contains(p.to, "&prompt=login&") {
				t.Errorf("%s: who is to sign in again is sent to %q", tt.name, p.to)
			}
		}
	})
}

// A browser that held a session gets another, and the one that it had ends.
func TestProviderSignInRotatesTheSession(t *testing.T) {
	eachScene(t, theClient, unlimited, func(t *testing.T, s *scene) {
		s.be(ann, oidc.Behaviour{})
		b := s.browser()
		back := b.back("/console")
		first := b.get(b.back("/console")).set["souk_session"]
		if first == nil {
			t.Fatal("nobody was signed in")
		}
		if p := b.get(back); p.status != http.StatusUnprocessableEntity || b.user() != s.users["ann"] {
			t.Errorf("the way back of the tab before: %d", p.status)
		}
		other := s.browser()
		from := other.back("/console")
		at := must(url.Parse(consoleAt))(t)
		other.client.Jar.SetCookies(at, []*http.Cookie{{Name: "souk_session", Value: first.Value, Path: "/"}})
		second := other.get(from).set["souk_session"]
		if second == nil || second.Value == first.Value {
			t.Fatalf("the session stayed the same: %v", second)
		}
		if p := b.get("/console/account"); !strings.HasPrefix(p.to, "/console/signin") {
			t.Errorf("the session before still opens pages: %d %s", p.status, p.to)
		}
	})
}

func TestProviderSignInUnderSeveralRoots(t *testing.T) {
	eachScene(t, theClient, unlimited, func(t *testing.T, s *scene) {
		s.be(bob, oidc.Behaviour{})
		b := s.browser()
		asked := b.get(b.back("/console/account"))
		if asked.status != http.StatusOK || !b.user().IsZero() {
			t.Fatalf("bob is not asked which organization: %d, signed in as %s", asked.status, b.user())
		}
		form := url.Values{"ticket": {hidden(t, asked.body, "ticket")}, "next": {hidden(t, asked.body, "next")}, "user": {s.users["ann"].String()}}
		if p := b.post("/console/signin/choose", form); p.status != http.StatusUnprocessableEntity || !b.user().IsZero() {
			t.Errorf("bob chose ann: %d", p.status)
		}
		form.Set("user", s.users["bob2"].String())
		if p := b.post("/console/signin/choose", form); p.to != "/console/account" || b.user() != s.users["bob2"] {
			t.Errorf("bob chose two: %d to %q as %s", p.status, p.to, b.user())
		}
		again := s.browser()
		if p := again.post("/console/signin/choose", form); p.status != http.StatusUnprocessableEntity || !again.user().IsZero() {
			t.Errorf("the choice was taken twice: %d", p.status)
		}
	})
}

// What a provider vouches for badly, nobody is signed in by.
func TestProviderRefused(t *testing.T) {
	claim := func(name string, value any) oidc.Behaviour {
		return oidc.Behaviour{Claims: func(c map[string]any) {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		}}
	}
	with := func(change func(*oidc.Person)) oidc.Person {
		p := ann
		change(&p)
		return p
	}
	answer := func(path, body string) oidc.Behaviour {
		return oidc.Behaviour{Instead: map[string]http.Handler{path: tell(http.StatusOK, body)}}
	}
	tests := []struct {
		name   string
		who    oidc.Person
		be     oidc.Behaviour
		status int
		why    string
	}{
		{"unverified e-mail", with(func(p *oidc.Person) { p.Verified = false }), oidc.Behaviour{}, 403, "provider-unverified"},
		{"no e-mail", ann, claim("email", nil), 403, "provider-unverified"},
		{"not said whether verified", ann, claim("email_verified", nil), 403, "provider-unverified"},
		{"verified in words", ann, claim("email_verified", "true"), 502, "provider-broken"},
		{"the e-mail of nobody", with(func(p *oidc.Person) { p.Email = "nobody@one.example" }), oidc.Behaviour{}, 403, "provider-stranger"},
		{"an e-mail that is none", with(func(p *oidc.Person) { p.Email = "ann@one.example\x00" }), oidc.Behaviour{}, 403, "provider-stranger"},
		{"deactivated", oidc.Person{Subject: "9", Email: "gil@one.example", Verified: true}, oidc.Behaviour{}, 403, "provider-stranger"},
		{"another nonce", ann, claim("nonce", "another"), 502, "provider-broken"},
		{"no nonce", ann, claim("nonce", nil), 502, "provider-broken"},
		{"another audience", ann, claim("aud", "another"), 502, "provider-broken"},
		{"another audience too", ann, claim("aud", []string{"souk", "another"}), 502, "provider-broken"},
		{"another party", ann, claim("azp", "another"), 502, "provider-broken"},
		{"another issuer", ann, claim("iss", "http://other.example"), 502, "provider-broken"},
		{"expired", ann, claim("exp", time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC).Unix()), 502, "provider-broken"},
		{"never expires", ann, claim("exp", nil), 502, "provider-broken"},
		{"no subject", ann, claim("sub", ""), 502, "provider-broken"},
		{"a subject too long", ann, claim("sub", strings.Repeat("s", 256)), 502, "provider-broken"},
		{"a subject with NUL", ann, claim("sub", "0815\x00"), 502, "provider-broken"},
		{"unsigned", ann, oidc.Behaviour{Signing: "none"}, 502, "provider-broken"},
		{"signed by the public key", ann, oidc.Behaviour{Signing: "HS256"}, 502, "provider-broken"},
		{"cancelled there", ann, oidc.Behaviour{Deny: "access_denied"}, 403, "provider-denied"},
		{"busy there", ann, oidc.Behaviour{Deny: "temporarily_unavailable"}, 503, "provider-away"},
		{"misunderstood there", ann, oidc.Behaviour{Deny: "invalid_scope"}, 502, "provider-broken"},
		{"an error of its own", ann, oidc.Behaviour{Deny: "<script>"}, 502, "provider-broken"},
		{"other clients only", ann, oidc.Behaviour{Methods: []string{"private_key_jwt"}}, 502, "provider-broken"},
		{"rubbish for tokens", ann, answer(oidc.Token, strings.Repeat("x", 1<<20)), 503, "provider-away"},
		{"an error of its own for tokens", ann, answer(oidc.Token, `{"error":"<script>"}`), 502, "provider-broken"},
		{"no ID token", ann, answer(oidc.Token, `{"access_token":"a","token_type":"Bearer"}`), 502, "provider-broken"},
		{"an ID token that is none", ann, answer(oidc.Token, `{"access_token":"a","token_type":"Bearer","id_token":7}`), 502, "provider-broken"},
		{"a token endpoint that moved", ann, oidc.Behaviour{Instead: map[string]http.Handler{oidc.Token: http.RedirectHandler(providerAt+"/elsewhere", http.StatusTemporaryRedirect)}}, 502, "provider-broken"},
		{"rubbish for keys", ann, answer(oidc.Keys, strings.Repeat("[", 1<<20)), 502, "provider-broken"},
		{"no keys", ann, answer(oidc.Keys, `{"keys":[]}`), 502, "provider-broken"},
	}
	eachScene(t, theClient, unlimited, func(t *testing.T, s *scene) {
		for _, tt := range tests {
			time.Sleep(time.Hour) // so that the metadata are asked for again
			s.be(tt.who, tt.be)
			b := s.browser()
			p := b.get(b.back("/console"))
			b.refused(tt.name, p, tt.status, tt.why)
			for _, foreign := range []string{"<script>", "access_denied", "invalid_", "another", "other.example", "xxxx"} {
				if strings.Contains(p.body, foreign) {
					t.Errorf("%s: the page repeats %q", tt.name, foreign)
				}
			}
		}
		if strings.Contains(s.log.String(), "script") || strings.Contains(s.log.String(), strings.Repeat("x", 500)) {
			t.Error("the log repeats what the provider chose")
		}
		if s.provider.Asked("/elsewhere") != 0 {
			t.Error("a code was taken elsewhere")
		}
		time.Sleep(time.Hour)
		s.be(ann, oidc.Behaviour{})
		b := s.browser()
		if b.get(b.back("/console")); b.user() != s.users["ann"] {
			t.Error("a good one signs nobody in either")
		}
	})
}

// tell answers everything alike.
func tell(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		w.Write([]byte(body)) // who cuts it off has read enough
	})
}

// slowly answers when nobody waits any more.
func slowly(_ http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body) // until then the server does not see that they have left
	<-r.Context().Done()
}

// Nobody comes back who was not sent, from another browser, or a second time.
func TestProviderTripIsOneBrowsersAndOnce(t *testing.T) {
	eachScene(t, theClient, unlimited, func(t *testing.T, s *scene) {
		s.be(ann, oidc.Behaviour{})
		late := func(what string, b *visitor, back string) {
			t.Helper()
			b.refused(what, b.get(back), http.StatusUnprocessableEntity, "provider-late")
		}
		changed := func(back, name, value string) string {
			u := must(url.Parse(back))(t)
			q := u.Query()
			if q.Set(name, value); value == "" {
				q.Del(name)
			}
			u.RawQuery = q.Encode()
			return u.String()
		}
		b := s.browser()
		late("another browser", s.browser(), b.back("/console"))
		late("another state", b, changed(b.back("/console"), "state", "another"))
		late("no state", b, changed(b.back("/console"), "state", ""))
		late("no code", b, changed(b.back("/console"), "code", ""))
		late("another code", b, changed(b.back("/console"), "code", "another"))
		other := s.browser()
		late("the code of another browser", b, changed(b.back("/console"), "code", must(url.Parse(other.back("/console")))(t).Query().Get("code")))
		b.refused("another issuer answers", b.get(changed(b.back("/console"), "iss", "http://other.example")), http.StatusBadGateway, "provider-broken")
		b.refused("no issuer answers", b.get(changed(b.back("/console"), "iss", "")), http.StatusBadGateway, "provider-broken")

		back := b.back("/console")
		time.Sleep(10 * time.Minute)
		late("ten minutes later", b, back)
		at := must(url.Parse(consoleAt))(t)
		back = b.back("/console")
		b.client.Jar.SetCookies(at, []*http.Cookie{{Name: "souk_oidc", Value: s.trips[len(s.trips)-1], Path: "/"}}) // for ever
		time.Sleep(10 * time.Minute)
		late("ten minutes later, by a browser that keeps it", b, back)

		for _, value := range []string{"", "x", "AAAA", strings.Repeat("A", 200)} {
			back := b.back("/console")
			b.client.Jar.SetCookies(at, []*http.Cookie{{Name: "souk_oidc", Value: value, Path: "/"}})
			late("a trip that says "+value, b, back)
		}
		// Both cookies are sealed by the same key.
		back = b.back("/console")
		b.client.Jar.SetCookies(at, []*http.Cookie{{Name: "souk_oidc", Value: must(s.m.WelcomeCode(t.Context()))(t), Path: "/"}})
		late("something else that is sealed", b, back)

		back = b.back("/console")
		trip := s.trips[len(s.trips)-1]
		if b.get(back); b.user() != s.users["ann"] {
			t.Fatal("the good one signs nobody in")
		}
		again := s.browser()
		late("a second time", again, back)
		again.client.Jar.SetCookies(at, []*http.Cookie{{Name: "souk_oidc", Value: trip, Path: "/"}})
		late("a second time with the trip", again, back)
	})
}

// The first time the e-mail says who is meant; from then on the subject does.
func TestProviderMeansTheSubject(t *testing.T) {
	eachScene(t, theClient, unlimited, func(t *testing.T, s *scene) {
		s.be(ann, oidc.Behaviour{})
		b := s.browser()
		if b.get(b.back("/console")); b.user() != s.users["ann"] {
			t.Fatal("ann is not signed in")
		}
		heir := ann
		heir.Subject = "0816"
		s.be(heir, oidc.Behaviour{})
		b = s.browser()
		b.refused("the e-mail's next owner", b.get(b.back("/console")), http.StatusForbidden, "provider-stranger")
		s.be(ann, oidc.Behaviour{Signing: "ES256"})
		if b.get(b.back("/console")); b.user() != s.users["ann"] {
			t.Error("ann herself is not signed in any more")
		}
	})
}

func TestProviderRotatesItsKeys(t *testing.T) {
	eachScene(t, theClient, unlimited, func(t *testing.T, s *scene) {
		s.be(ann, oidc.Behaviour{})
		for range 3 {
			b := s.browser()
			if b.get(b.back("/console")); b.user() != s.users["ann"] {
				t.Fatal("ann is not signed in")
			}
			s.provider.Rotate()
		}
		if asked := s.provider.Asked(oidc.Discovery); asked != 1 {
			t.Errorf("the metadata were asked for %d times", asked)
		}
	})
}

// A provider that is away, slow or out of its mind keeps nobody from the pages,
// and is asked again.
func TestProviderAway(t *testing.T) {
	trickle := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range 1000 {
			if _, err := w.Write([]byte(" ")); err != nil || http.NewResponseController(w).Flush() != nil {
				return
			}
			select {
			case <-r.Context().Done():
				return
			case <-time.After(time.Second):
			}
		}
	})
	providers := map[string]http.Handler{
		"down":      tell(http.StatusBadGateway, strings.Repeat("x", 100<<10)),
		"slow":      http.HandlerFunc(slowly),
		"trickling": trickle,
		"rubbish":   tell(http.StatusOK, strings.Repeat("{", 1<<20)),
		"too long": tell(http.StatusOK, `{"issuer":"`+providerAt+`","authorization_endpoint":"http://id.example/a","token_endpoint":"http://id.example/t","jwks_uri":"http://id.example/k"}`+
			strings.Repeat(" ", 1<<20)),
		"moved":          http.RedirectHandler(providerAt+"/elsewhere", http.StatusFound),
		"another issuer": tell(http.StatusOK, `{"issuer":"http://other.example","authorization_endpoint":"http://other.example/a","token_endpoint":"http://other.example/t","jwks_uri":"http://other.example/k"}`),
		"no addresses":   tell(http.StatusOK, `{"issuer":"`+providerAt+`"}`),
		"a script":       tell(http.StatusOK, `{"issuer":"`+providerAt+`","authorization_endpoint":"javascript:alert(1)","token_endpoint":"http://id.example/t","jwks_uri":"http://id.example/k"}`),
	}
	eachScene(t, theClient, unlimited, func(t *testing.T, s *scene) {
		for name, away := range providers {
			s.start(theClient, unlimited)
			s.be(ann, oidc.Behaviour{Instead: map[string]http.Handler{oidc.Discovery: away}})
			began := time.Now()
			var all sync.WaitGroup
			for range 20 {
				all.Go(func() {
					if p := s.browser().get("/console/signin/oidc"); p.status != http.StatusServiceUnavailable || p.header.Get("Retry-After") == "" {
						t.Errorf("%s: the way to the provider: %d %q", name, p.status, p.to)
					}
				})
			}
			all.Wait()
			if took := time.Since(began); took > 10*time.Second || s.provider.Asked(oidc.Discovery) != 1 {
				t.Errorf("%s: 20 visitors waited %s for %d questions", name, took, s.provider.Asked(oidc.Discovery))
			}
			if got := s.log.last("refused"); got != "provider-away" {
				t.Errorf("%s: they were told %q", name, got)
			}
			if strings.Contains(s.log.String(), strings.Repeat("x", 500)) {
				t.Errorf("%s: the log repeats what the provider chose", name)
			}
			if s.provider.Asked("/elsewhere") != 0 {
				t.Errorf("%s: the metadata were asked for elsewhere", name)
			}
			if p := s.browser().get("/console/signin"); p.status != http.StatusOK {
				t.Errorf("%s: the page to sign in: %d", name, p.status)
			}
			s.be(ann, oidc.Behaviour{})
			time.Sleep(5 * time.Second)
			b := s.browser()
			if b.get(b.back("/console")); b.user() != s.users["ann"] {
				t.Errorf("%s: it is back, and ann is not signed in", name)
			}
			// What is known stays good while nothing newer is to be had.
			s.be(ann, oidc.Behaviour{Instead: map[string]http.Handler{oidc.Discovery: away}})
			time.Sleep(time.Hour)
			b = s.browser()
			if b.get(b.back("/console")); b.user() != s.users["ann"] {
				t.Errorf("%s: it is away again, and ann is not signed in by what is known", name)
			}
			synctest.Wait()
		}
	})
}

// A provider that lets people wait at its token endpoint is given up.
func TestProviderSlowToTrade(t *testing.T) {
	eachScene(t, theClient, unlimited, func(t *testing.T, s *scene) {
		s.be(ann, oidc.Behaviour{Instead: map[string]http.Handler{oidc.Token: http.HandlerFunc(slowly)}})
		b := s.browser()
		back, began := b.back("/console"), time.Now()
		b.refused("a slow token endpoint", b.get(back), http.StatusServiceUnavailable, "provider-away")
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("it was given up after %s", took)
		}
	})
}

func TestProviderTriesAreLimited(t *testing.T) {
	eachScene(t, theClient, console.Options{}, func(t *testing.T, s *scene) {
		s.be(ann, oidc.Behaviour{})
		b := s.browser()
		for range 50 { // pictures on other sites, say
			b.refused("who was not sent", b.get("/console/signin/oidc/callback?state=x&code=y"), http.StatusUnprocessableEntity, "provider-late")
		}
		var last page
		for range 31 {
			b.away("/console")
			last = b.get("/console/signin/oidc/callback?state=x&code=y")
		}
		b.refused("the thirty-first", last, http.StatusTooManyRequests, "too-many-tries")
	})
}

// Only pages of ours are gone on to, and a way that no cookie holds is forgotten.
func TestProviderNext(t *testing.T) {
	eachScene(t, theClient, unlimited, func(t *testing.T, s *scene) {
		s.be(ann, oidc.Behaviour{})
		for next, want := range map[string]string{
			"https://evil.example/": "/console", "//evil.example": "/console", "/\\evil.example": "/console", "": "/console",
			"/console/account?long=" + strings.Repeat("x", 3900): "/console",
			"/console/account?long=" + strings.Repeat("&", 350):  "/console/account?long=" + strings.Repeat("&", 350),
		} {
			b := s.browser()
			if p := b.get(b.back(next)); p.to != want {
				t.Errorf("next %.40q: on to %.40q", next, p.to)
			}
			if trip := s.trips[len(s.trips)-1]; len(trip) > 3800 {
				t.Errorf("next %.40q: a cookie of %d bytes", next, len(trip))
			}
		}
	})
}

// Behind https the trip's cookie is as guarded as the session's.
func TestProviderCookie(t *testing.T) {
	eachScene(t, theClient, unlimited, func(t *testing.T, s *scene) {
		h := console.New(s.m, discard, "https://souk.example", console.Options{OpenID: console.OpenID{Issuer: providerAt, ClientID: "souk"}})
		h.AskProviderBy(s.network)
		for _, tt := range []struct {
			h    *console.Handler
			want string
		}{
			{h, "__Host-souk_oidc=*; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=Lax"},
			{s.handler, "souk_oidc=*; Path=/; Max-Age=600; HttpOnly; SameSite=Lax"},
		} {
			mux := http.NewServeMux()
			tt.h.Routes(mux)
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/console/signin/oidc", nil))
			name, rest, _ := strings.Cut(w.Header().Get("Set-Cookie"), "=")
			value, rest, _ := strings.Cut(rest, ";")
			if got := name + "=*;" + rest; got != tt.want || len(value) < 100 {
				t.Errorf("the trip's cookie: %s, %d bytes, want %s", got, len(value), tt.want)
			}
		}
	})
}

func TestNoProvider(t *testing.T) {
	eachScene(t, theClient, unlimited, func(t *testing.T, s *scene) {
		mux := http.NewServeMux()
		console.New(s.m, discard, consoleAt, unlimited).Routes(mux)
		for path, want := range map[string]int{"/console/signin/oidc": 404, "/console/signin/oidc/callback?state=x&code=y": 404, "/console/signin": 200} {
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
			if w.Code != want || strings.Contains(w.Body.String(), "oidc") {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
	})
}

// The session of somebody who came by the provider is listed as any other.
func TestProviderSession(t *testing.T) {
	eachScene(t, theClient, unlimited, func(t *testing.T, s *scene) {
		s.be(ann, oidc.Behaviour{})
		b := s.browser()
		if b.get(b.back("/console")); b.user() != s.users["ann"] {
			t.Fatal("ann is not signed in")
		}
		sessions := must(s.m.MySessions(t.Context(), souk.Actor{User: s.users["ann"], Kind: souk.ConsoleSession}))(t)
		if len(sessions) != 1 || sessions[0].Description != "Go-http-client/1.1" || !sessions[0].ExpiresAt.Equal(sessions[0].CreatedAt.Add(market.SessionLife)) {
			t.Errorf("the session: %+v", sessions)
		}
	})
}
