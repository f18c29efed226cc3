package souk_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"souk"
)

var scopeNames = rapid.SliceOf(rapid.SampledFrom([]string{"admin", "chat:write", "reports", "settings", "users", "users:read"}))

func has(names []string, name string) bool { return slices.Contains(names, name) }

// Scopes are held against the plainest model of a set: a list that is searched.
func TestScopesAreASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := scopeNames.Draw(t, "a"), scopeNames.Draw(t, "b")
		given := slices.Clone(a)
		s, u := souk.NewScopes(a...), souk.NewScopes(b...)
		union := s.Union(u)
		if !slices.Equal(a, given) {
			t.Errorf("NewScopes changed its arguments to %q", a)
		}
		if !slices.IsSorted(s) || len(slices.Compact(slices.Clone(s))) != len(s) {
			t.Errorf("%q is not sorted, each once", s)
		}
		covers, equal := true, true
		for _, name := range []string{"admin", "chat:write", "reports", "settings", "users", "users:read", "", "user"} {
			if s.Has(name) != has(a, name) {
				t.Errorf("%q.Has(%q) = %v", s, name, s.Has(name))
			}
			if union.Has(name) != (has(a, name) || has(b, name)) {
				t.Errorf("(%q ∪ %q).Has(%q) = %v", s, u, name, union.Has(name))
			}
			covers = covers && (!has(b, name) || has(a, name))
			equal = equal && has(a, name) == has(b, name)
		}
		if s.Covers(u) != covers {
			t.Errorf("%q.Covers(%q) = %v", s, u, s.Covers(u))
		}
		if s.Equal(u) != equal {
			t.Errorf("%q.Equal(%q) = %v", s, u, s.Equal(u))
		}
		if back := souk.ParseScopes(s.String()); !back.Equal(s) {
			t.Errorf("ParseScopes(%q) = %q", s.String(), back)
		}
	})
}

func TestTheEmptySet(t *testing.T) {
	var none souk.Scopes
	some := souk.NewScopes("users")
	switch {
	case !none.Covers(nil), !some.Covers(none), none.Covers(some):
		t.Error("everything covers nothing, and nothing covers only nothing")
	case !none.Equal(souk.ParseScopes("")), !none.Union(nil).Equal(none), !none.Union(some).Equal(some):
		t.Error("the empty set adds nothing")
	case none.String() != "", none.Has(""):
		t.Error("the empty set has no names")
	}
}

func TestTheCatalogueThatShips(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range souk.BuiltinScopes {
		if seen[s.Name] || s.Name == "" || strings.ContainsAny(s.Name, " \t\n") {
			t.Errorf("scope %q comes twice or cannot stand in a set's text", s.Name)
		}
		seen[s.Name] = true
		if s.Description == "" || s.Group != "View" && s.Group != "Manage" ||
			s.Token != souk.BotScope && s.Token != souk.UserScope && s.Token != souk.AppScope {
			t.Errorf("scope %+v is not whole", s)
		}
	}
	if !seen[souk.MarketplaceRead] {
		t.Errorf("%q is not in the catalogue", souk.MarketplaceRead)
	}
	for _, p := range souk.Permissions {
		if !seen[string(p)] {
			t.Errorf("permission %q has no scope of its name", p)
		}
	}
}
