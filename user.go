package souk

import (
	"slices"
	"strings"
	"time"
)

// User is a person or an app user.
type User struct {
	ID            ID
	Org           ID // home
	IsBot         bool
	Email         string // lower case, unique under one root org; only bots have none
	FirstName     string
	LastName      string
	Alias         string
	Department    string
	SecondFactor  bool // enrolled
	Operator      bool // an account of those who run the platform
	CreatedAt     time.Time
	UpdatedAt     time.Time
	DeactivatedAt time.Time // zero while active; a deactivated user never comes back
}

// Active reports whether u may still act.
func (u User) Active() bool { return u.DeactivatedAt.IsZero() }

// Name is what people call u: the alias, else the full name, else the e-mail's
// local part.
func (u User) Name() string {
	if u.Alias != "" {
		return u.Alias
	}
	if name := strings.TrimSpace(u.FirstName + " " + u.LastName); name != "" {
		return name
	}
	local, _, _ := strings.Cut(u.Email, "@")
	return local
}

// Handle is a short name without spaces, as chat products show it: the
// e-mail's local part, else the name in lower case with dots.
func (u User) Handle() string {
	if local, _, ok := strings.Cut(u.Email, "@"); ok {
		return local
	}
	return strings.ToLower(strings.Join(strings.Fields(u.Name()), "."))
}

// EmailKey is an e-mail address as it is stored and looked for: with the letters
// of ASCII in lower case. Others are left alone, as folding them may make the
// address of somebody else.
func EmailKey(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, strings.TrimSpace(s))
}

// Group is a named set of users of one org. Who is in it is asked when it
// matters, never frozen.
type Group struct {
	ID        ID
	Org       ID
	Name      string
	CreatedAt time.Time
}

// Role is what a user is in an org.
type Role string

// Owners and admins hold every permission.
const (
	Owner  Role = "owner"
	Admin  Role = "admin"
	Member Role = "member"
)

// Permission is a right that a plain member can be given.
type Permission string

// The three permissions; giosg's scopes of the same names are their ceilings
// for app users.
const (
	CanSettings Permission = "settings"
	CanUsers    Permission = "users"
	CanReports  Permission = "reports"
)

// Permissions are all there are.
var Permissions = []Permission{CanReports, CanSettings, CanUsers}

// Membership ties a user to an org. That of an enterprise reaches all its
// workspaces.
type Membership struct {
	User        ID
	Org         ID
	Role        Role
	Permissions []Permission // of a plain member
	CreatedAt   time.Time
}

// Holds reports whether m gives p in its org.
func (m Membership) Holds(p Permission) bool {
	return m.Decides() || slices.Contains(m.Permissions, p)
}

// Decides reports whether m makes its user an owner or admin.
func (m Membership) Decides() bool { return m.Role == Owner || m.Role == Admin }

// Standing is what a user may do at one org: the membership there together
// with the one at the enterprise above.
type Standing struct {
	Here, Above Membership // zero where there is none
}

// IsMember reports whether the user belongs to the org at all.
func (s Standing) IsMember() bool { return s.Here.Role != "" || s.Above.Role != "" }

// Holds reports whether either membership gives p.
func (s Standing) Holds(p Permission) bool { return s.Here.Holds(p) || s.Above.Holds(p) }

// Permissions are those that either membership gives, in the order of
// souk.Permissions.
func (s Standing) Permissions() []Permission {
	held := []Permission{}
	for _, p := range Permissions {
		if s.Holds(p) {
			held = append(held, p)
		}
	}
	return held
}

// Decides reports whether the user is owner or admin of the org or above it.
func (s Standing) Decides() bool { return s.Here.Decides() || s.Above.Decides() }

// Owns reports whether the user is an owner of the org or above it.
func (s Standing) Owns() bool { return s.Here.Role == Owner || s.Above.Role == Owner }

// Within is what is left of s to a token that carries ceiling: the permissions
// that have a scope of the same name. Roles are for people themselves.
func (s Standing) Within(ceiling Scopes) Standing {
	s.Here, s.Above = s.Here.within(ceiling), s.Above.within(ceiling)
	return s
}

func (m Membership) within(ceiling Scopes) Membership {
	if m.Role == "" {
		return m
	}
	var left []Permission
	for _, p := range Permissions {
		if m.Holds(p) && ceiling.Has(string(p)) {
			left = append(left, p)
		}
	}
	m.Role, m.Permissions = Member, left
	return m
}
