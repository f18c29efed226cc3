package souk_test

import (
	"net/netip"
	"testing"
	"time"

	"souk"
)

// Each ailment kills alone, and of two the one that comes first is told.
func TestTheCauseOfDeathIsTheFirstThatHolds(t *testing.T) {
	now := time.Now()
	ailments := []struct {
		name string
		want souk.Death
		fall func(*souk.TokenFacts)
	}{
		{"revoked", souk.DeadByRevocation, func(f *souk.TokenFacts) { f.Token.RevokedAt = now.Add(-time.Hour) }},
		{"expired", souk.DeadByExpiry, func(f *souk.TokenFacts) { f.Token.ExpiresAt = now }},
		{"user deactivated", souk.DeadByUser, func(f *souk.TokenFacts) { f.User.DeactivatedAt = now }},
		{"user missing", souk.DeadByUser, func(f *souk.TokenFacts) { f.User = souk.User{} }},
		{"uninstalled", souk.DeadByInstallation, func(f *souk.TokenFacts) { f.Installation.Status = souk.InstallationEnded }},
		{"installation missing", souk.DeadByInstallation, func(f *souk.TokenFacts) { f.Installation = souk.Installation{} }},
		{"app deleted", souk.DeadByApp, func(f *souk.TokenFacts) { f.App.DeletedAt = now }},
		{"app missing", souk.DeadByApp, func(f *souk.TokenFacts) { f.App = souk.App{} }},
		{"org closed", souk.DeadByOrg, func(f *souk.TokenFacts) { f.Org.ClosedAt = now }},
		{"org missing", souk.DeadByOrg, func(f *souk.TokenFacts) { f.Org = souk.Org{} }},
		{"app suspended", souk.DeadWhileSuspended, func(f *souk.TokenFacts) { f.App.Suspended = true }},
		{"installation suspended", souk.DeadWhileSuspended, func(f *souk.TokenFacts) { f.Installation.Status = souk.InstallationSuspended }},
	}
	healthy := func() souk.TokenFacts {
		f := souk.TokenFacts{
			User: souk.User{ID: souk.NewID()}, Installation: souk.Installation{ID: souk.NewID(), Status: souk.InstallationActive},
			App: souk.App{ID: souk.NewID()}, Org: souk.Org{ID: souk.NewID()},
		}
		f.Token = souk.Token{User: f.User.ID, Installation: f.Installation.ID, App: f.App.ID, Org: f.Org.ID, ExpiresAt: now.Add(time.Second)}
		return f
	}
	if got := souk.DeathOf(healthy(), now); got != souk.AliveToken {
		t.Errorf("a healthy token is dead: %s", got)
	}
	for i, a := range ailments {
		f := healthy()
		a.fall(&f)
		if got := souk.DeathOf(f, now); got != a.want {
			t.Errorf("%s: %q, want %q", a.name, got, a.want)
		}
		for _, b := range ailments[i+1:] {
			both := healthy()
			b.fall(&both)
			a.fall(&both)
			// What is missing cannot be suspended or closed too.
			if got := souk.DeathOf(both, now); got != a.want {
				t.Errorf("%s and %s: %q, want %q", a.name, b.name, got, a.want)
			}
		}
	}
}

// A token that has no user, installation, app or org does not miss them.
func TestAPlatformTokenHangsOnNothing(t *testing.T) {
	if got := souk.DeathOf(souk.TokenFacts{Token: souk.Token{Kind: souk.PlatformToken}}, time.Now()); got != souk.AliveToken {
		t.Errorf("dead: %s", got)
	}
	stray := souk.TokenFacts{App: souk.App{ID: souk.NewID()}}
	if got := souk.DeathOf(stray, time.Now()); got != souk.DeadByApp {
		t.Errorf("facts about another's app: %q", got)
	}
}

func TestWithin(t *testing.T) {
	office := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	for _, tt := range []struct {
		networks []netip.Prefix
		address  string
		want     bool
	}{
		{nil, "203.0.113.9", true},
		{office, "192.0.2.7", true},
		{office, "::ffff:192.0.2.7", true}, // the same address on a socket for both versions
		{office, "192.0.3.7", false},
		{office, "2001:db8::1", true},
		{office, "2001:db9::1", false},
	} {
		if got := souk.Within(tt.networks, netip.MustParseAddr(tt.address)); got != tt.want {
			t.Errorf("%s in %v: %v", tt.address, tt.networks, got)
		}
	}
	if souk.Within(office, netip.Addr{}) {
		t.Error("an unknown address is within")
	}
}
