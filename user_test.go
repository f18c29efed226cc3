package souk_test

import (
	"reflect"
	"slices"
	"testing"

	"souk"
)

func TestWhatPeopleAreCalled(t *testing.T) {
	for _, tt := range []struct {
		user         souk.User
		name, handle string
	}{
		{souk.User{Email: "jane@acme.example", FirstName: "Jane", LastName: "Doe", Alias: "JD"}, "JD", "jane"},
		{souk.User{Email: "jane@acme.example", FirstName: "Jane", LastName: "Doe"}, "Jane Doe", "jane"},
		{souk.User{Email: "jane@acme.example", LastName: "Doe"}, "Doe", "jane"},
		{souk.User{Email: "jane@acme.example"}, "jane", "jane"},
		{souk.User{IsBot: true, FirstName: "Chat ", LastName: " Bot"}, "Chat   Bot", "chat.bot"},
	} {
		if got := tt.user.Name(); got != tt.name {
			t.Errorf("%+v is called %q", tt.user, got)
		}
		if got := tt.user.Handle(); got != tt.handle {
			t.Errorf("%+v has the handle %q", tt.user, got)
		}
	}
}

func TestWhatAStandingAllows(t *testing.T) {
	member := souk.Membership{Role: souk.Member}
	settings := souk.Membership{Role: souk.Member, Permissions: []souk.Permission{souk.CanSettings}}
	admin, owner := souk.Membership{Role: souk.Admin}, souk.Membership{Role: souk.Owner}
	for _, tt := range []struct {
		name                                     string
		standing                                 souk.Standing
		isMember, settings, users, decides, owns bool
	}{
		{"nobody", souk.Standing{}, false, false, false, false, false},
		{"member", souk.Standing{Here: member}, true, false, false, false, false},
		{"member above", souk.Standing{Above: member}, true, false, false, false, false},
		{"settings", souk.Standing{Here: settings}, true, true, false, false, false},
		{"settings above", souk.Standing{Here: member, Above: settings}, true, true, false, false, false},
		{"admin", souk.Standing{Here: admin}, true, true, true, true, false},
		{"admin above", souk.Standing{Above: admin}, true, true, true, true, false},
		{"owner", souk.Standing{Here: owner}, true, true, true, true, true},
		{"owner above an admin", souk.Standing{Here: admin, Above: owner}, true, true, true, true, true},
	} {
		s := tt.standing
		if s.IsMember() != tt.isMember || s.Holds(souk.CanSettings) != tt.settings || s.Holds(souk.CanUsers) != tt.users ||
			s.Decides() != tt.decides || s.Owns() != tt.owns {
			t.Errorf("%s: member %v, settings %v, users %v, decides %v, owns %v", tt.name,
				s.IsMember(), s.Holds(souk.CanSettings), s.Holds(souk.CanUsers), s.Decides(), s.Owns())
		}
	}
}

func TestWhatATokenLeavesOfAStanding(t *testing.T) {
	member := souk.Membership{Role: souk.Member}
	manager := souk.Membership{Role: souk.Member, Permissions: []souk.Permission{souk.CanSettings, souk.CanUsers}}
	admin, owner := souk.Membership{Role: souk.Admin}, souk.Membership{Role: souk.Owner}
	everything := souk.NewScopes("settings", "users", "reports", "team:read")
	for _, tt := range []struct {
		name     string
		standing souk.Standing
		ceiling  souk.Scopes
		want     []souk.Permission
	}{
		{"an owner with a scope", souk.Standing{Here: owner}, souk.NewScopes("settings"), []souk.Permission{souk.CanSettings}},
		{"an owner above with a scope", souk.Standing{Above: owner}, souk.NewScopes("users"), []souk.Permission{souk.CanUsers}},
		{"an admin with every scope", souk.Standing{Here: admin}, everything, souk.Permissions},
		{"an admin with other scopes", souk.Standing{Here: admin, Above: owner}, souk.NewScopes("team:read", "settings:read"), nil},
		{"an admin without scopes", souk.Standing{Here: admin}, nil, nil},
		{"a manager with every scope", souk.Standing{Here: manager}, everything, []souk.Permission{souk.CanSettings, souk.CanUsers}},
		{"a manager with one of the scopes", souk.Standing{Here: manager}, souk.NewScopes("users"), []souk.Permission{souk.CanUsers}},
		{"a manager above with one of the scopes", souk.Standing{Here: member, Above: manager}, souk.NewScopes("settings"), []souk.Permission{souk.CanSettings}},
		{"a manager with another scope", souk.Standing{Here: manager}, souk.NewScopes("reports"), nil},
		{"a member with every scope", souk.Standing{Here: member}, everything, nil},
		{"nobody with every scope", souk.Standing{}, everything, nil},
	} {
		s := tt.standing.Within(tt.ceiling)
		for _, p := range souk.Permissions {
			if want := slices.Contains(tt.want, p); s.Holds(p) != want {
				t.Errorf("%s: holds %s: %v", tt.name, p, !want)
			}
		}
		if s.Decides() || s.Owns() {
			t.Errorf("%s: keeps a role: %+v", tt.name, s)
		}
		if s.IsMember() != tt.standing.IsMember() {
			t.Errorf("%s: is a member: %v", tt.name, s.IsMember())
		}
		if again := s.Within(tt.ceiling); !reflect.DeepEqual(again, s) {
			t.Errorf("%s: a second time leaves %+v of %+v", tt.name, again, s)
		}
	}
}

func TestWhoActs(t *testing.T) {
	if !souk.Operator("command line").IsOperator() {
		t.Error("the operator is not the operator")
	}
	if (souk.Actor{Platform: true, User: souk.NewID()}).IsOperator() {
		t.Error("the operator on behalf of somebody has the operator's rights")
	}
	if (souk.Actor{}).IsOperator() {
		t.Error("nobody is the operator")
	}
}
