package souk_test

import (
	"testing"

	"souk"
)

func TestWhatAnAppAsksFor(t *testing.T) {
	a := souk.App{
		RequiredScopes: souk.NewScopes("users", "reports"),
		BotScopes:      souk.NewScopes("chat:write", "users"),
		UserScopes:     souk.NewScopes("team:read"),
	}
	if got := a.Asks().String(); got != "chat:write reports team:read users" {
		t.Errorf("asks for %q", got)
	}
}

func TestWhatMakesAnAppPublic(t *testing.T) {
	for _, tt := range []struct {
		wish    bool
		listing souk.Listing
		want    bool
	}{
		{true, souk.Listed, true},
		{true, souk.Submitted, false},
		{true, souk.Draft, false},
		{false, souk.Listed, false},
	} {
		if a := (souk.App{IsAvailableToAnyone: tt.wish, Listing: tt.listing}); a.IsPublic() != tt.want {
			t.Errorf("wish %v and %s: public %v", tt.wish, tt.listing, a.IsPublic())
		}
	}
}

func TestWhatProtectsAnApp(t *testing.T) {
	for _, tt := range []struct {
		name string
		app  souk.App
		want bool
	}{
		{"nothing", souk.App{BotScopes: souk.NewScopes("administer", "users")}, false},
		{"the operator's mark", souk.App{Protected: true}, true},
		{"the scope admin", souk.App{UserScopes: souk.NewScopes("admin")}, true},
		{"a scope below admin", souk.App{UserScopes: souk.NewScopes("admin.apps:write")}, true},
		{"an admin scope among the required", souk.App{RequiredScopes: souk.NewScopes("admin.teams:read")}, true},
	} {
		if got := tt.app.IsProtected(); got != tt.want {
			t.Errorf("%s: protected %v", tt.name, got)
		}
	}
}

func TestTermsThatMustBeAccepted(t *testing.T) {
	for links, want := range map[souk.Links]bool{
		{}:                                       false,
		{Homepage: "https://a.example"}:          false,
		{TermsOfService: "https://a.example/t"}:  true,
		{PrivacyPolicy: "https://a.example/pri"}: true,
	} {
		if got := (souk.App{Links: links}).NeedsTerms(); got != want {
			t.Errorf("%+v: terms %v", links, got)
		}
	}
}
