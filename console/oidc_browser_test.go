package console_test

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"souk"
	"souk/console"
	"souk/market"
	"souk/souktest"
	"souk/souktest/browser"
	"souk/souktest/oidc"
	"souk/store"
)

var screenshots = flag.Bool("screenshots", false, "picture the pages about OpenID providers into docs/screenshots")

// In a real browser the button leads through the provider to the page that was
// wanted, with JavaScript and without, past every rule for pages.
func TestProviderInABrowser(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		s := &scene{t: t, db: db, m: &market.Market{DB: db, Key: souk.NewKey([souk.KeySize]byte{3})}, users: map[string]souk.ID{}}
		s.people()
		mux := http.NewServeMux()
		pages := httptest.NewServer(mux)
		t.Cleanup(pages.Close)
		idp := httptest.NewUnstartedServer(nil)
		issuer := "http://" + idp.Listener.Addr().String()
		s.provider = oidc.New(issuer, oidc.Client{ID: "souk", Redirect: pages.URL + "/console/signin/oidc/callback"})
		idp.Config.Handler = s.provider
		idp.Start()
		t.Cleanup(idp.Close)
		console.New(s.m, discard, pages.URL, console.Options{
			Unlimited: true, OpenID: console.OpenID{Issuer: issuer, ClientID: "souk", Name: "Example ID"},
		}).Routes(mux)

		const button = "Sign in with Example ID"
		signIn := pages.URL + "/console/signin?" + url.Values{"next": {"/console/account"}}.Encode()
		shown := func(b *browser.Tab, name string) {
			t.Helper()
			for _, suffix := range []string{"", "-dark"} {
				if b.Light(); suffix != "" {
					b.Dark()
				}
				for _, width := range []int{1280, 360} {
					b.Width(width)
					b.Axe()
					b.NoSidewaysScroll()
				}
				b.Width(1280)
				if *screenshots {
					b.Screenshot(filepath.Join("..", "docs", "screenshots", name+suffix+".png"))
				}
			}
			b.Light()
			b.KeyboardReach()
		}
		for _, scripts := range []bool{true, false} {
			b := browser.Open(t)
			if !scripts {
				b.WithoutJavaScript()
			}
			s.be(ann, oidc.Behaviour{Deny: "access_denied", Methods: []string{"none"}})
			b.Go(signIn)
			b.Says(button)
			if scripts {
				shown(b, "signin-provider")
			}
			b.Follow(button)
			b.Says("You were not signed in")
			if scripts {
				shown(b, "signin-provider-denied")
			}
			s.be(ann, oidc.Behaviour{Methods: []string{"none"}})
			if !strings.Contains(b.URL(), "/console/signin/oidc/callback?") {
				t.Errorf("the page of the refusal is at %s", b.URL())
			}
			b.Go(signIn)
			b.Follow(button)
			b.Says("ann@one.example")
			if b.URL() != pages.URL+"/console/account" {
				t.Errorf("it leads to %s", b.URL())
			}
		}
		s.be(bob, oidc.Behaviour{Methods: []string{"none"}})
		b := browser.Open(t)
		b.Go(signIn)
		b.Follow(button)
		b.Says("Which organization?", "one", "two")
	})
}
