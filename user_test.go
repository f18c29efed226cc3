package souk_test

import (
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
