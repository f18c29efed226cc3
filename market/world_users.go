package market

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"souk"
	"souk/store"
)

// WorldUser is a person. App users come with installations.
type WorldUser struct {
	Given
	Org          Ref // home
	Email        *string
	FirstName    *string
	LastName     *string
	Alias        *string
	Department   *string
	Groups       []string // names, all there are
	SecondFactor *bool
	Operator     *bool // of those who run the platform
	Password     *string
	Memberships  []WorldMembership // nil, of a new user: a member of Org
}

// WorldMembership ties a user to an organization. Those that a document does
// not mention stay.
type WorldMembership struct {
	Org         Ref
	Role        *souk.Role // of a new one Member
	Permissions []souk.Permission
	Absent      bool
}

// MaxPassword bounds a password, in bytes.
const MaxPassword = 1000

func (a *applier) putUsers() {
	for key, in := range inOrder(a.world.Users) {
		if !in.Absent {
			a.each("users", key, "users."+key, func(o *object) { o.putUser(in) })
		}
	}
	// Only now all memberships are written: an owner may have been replaced.
	for _, lost := range a.demoted {
		if a.err == nil {
			a.failed(a.keepsOwner(lost))
		}
	}
}

// demotion is an owner who is none any more, and the place that says so.
type demotion struct {
	souk.Membership
	spot string
}

// keepsOwner notes an organization that lost its last owner.
func (a *applier) keepsOwner(lost demotion) error {
	err := a.notLastOwner(lost.Membership)
	if errors.Is(err, souk.LastOwner) {
		a.problems.add(lost.spot, "is the organization's last owner")
		return nil
	}
	return err
}

func (o *object) putUser(in WorldUser) {
	u := look(o, in.Given, o.User)
	if !o.isNew && (!u.Active() || u.IsBot) {
		o.wrong("", "is deactivated for good, or an app user")
	}
	before := u
	if o.isNew {
		u = souk.User{ID: o.id, CreatedAt: o.Tx.at}
	}
	o.need("org", in.Org != "")
	o.need("email", in.Email != nil)
	home, above, known := o.org("org", in.Org)
	if known {
		fix(o, "org", &u.Org, &home.ID)
	} else if !o.isNew {
		var err error
		if home, above, err = o.OrgAndAbove(u.Org); o.failed(err) {
			return
		}
	}
	if in.Email != nil {
		email := souk.EmailKey(*in.Email)
		set(o, "email", &u.Email, &email)
	}
	set(o, "first_name", &u.FirstName, in.FirstName)
	set(o, "last_name", &u.LastName, in.LastName)
	set(o, "alias", &u.Alias, in.Alias)
	set(o, "department", &u.Department, in.Department)
	set(o, "second_factor", &u.SecondFactor, in.SecondFactor)
	set(o, "operator", &u.Operator, in.Operator)
	if in.Email != nil {
		o.refused("", Person{Email: u.Email, FirstName: u.FirstName, LastName: u.LastName, Alias: u.Alias, Department: u.Department}.check())
	}
	if o.text("password", in.Password, MaxPassword); in.Password != nil && *in.Password == "" {
		o.wrong("password", "must not be empty")
	}
	for i, group := range in.Groups {
		o.text(fmt.Sprintf("groups[%d]", i), &group, maxName)
		if strings.TrimSpace(group) == "" {
			o.wrong(fmt.Sprintf("groups[%d]", i), "must not be empty")
		}
	}
	if home.ID.IsZero() || o.err != nil {
		return
	}
	switch holder, err := o.UserByEmail(home.Root(), u.Email); {
	case err == nil && holder.ID != u.ID:
		o.wrong("email", "is taken by user %s", holder.ID)
	case !errors.Is(err, store.ErrNotFound) && o.failed(err):
		return
	}
	if !o.ok() {
		return
	}
	changed := o.isNew || len(o.fields) > 0
	if changed {
		u.UpdatedAt = o.Tx.at
		if o.failed(o.PutUser(u, home.Root())) {
			return
		}
	}
	o.putPassword(u.ID)
	o.putGroups(u, in.Groups)
	if changed || len(o.fields) > 0 {
		if o.isNew {
			o.tell(souk.UserAdded, home, above, nil, nil, u, about(u))
		} else {
			o.tell(souk.UserChanged, home, above, nil, before, u, about(u))
		}
	}
	if in.Memberships == nil && o.isNew {
		in.Memberships = []WorldMembership{{Org: Ref(home.ID.String())}}
	}
	for i, membership := range in.Memberships {
		o.putMembership(fmt.Sprintf("memberships[%d]", i), membership, u, home)
	}
	if o.ok() {
		o.written()
	}
}

// about puts a user into an event's data.
func about(u souk.User) func(*souk.EventData) {
	return func(d *souk.EventData) { d.User = &u }
}

// putGroups makes the groups of a user exactly those named, which are made at
// the user's home when they are not there.
func (o *object) putGroups(u souk.User, names []string) {
	if names == nil || o.err != nil {
		return
	}
	had, err := o.Groups(u.ID)
	if o.failed(err) {
		return
	}
	for _, g := range had {
		if slices.Contains(names, g.Name) {
			continue
		}
		if _, err := o.LeaveGroup(g.ID, u.ID); o.failed(err) {
			return
		}
		o.fields = append(o.fields, "groups")
	}
	for _, n := range names {
		g, err := o.GroupNamed(u.Org, n, o.Tx.at)
		if o.failed(err) {
			return
		}
		joined, err := o.JoinGroup(g.ID, u.ID)
		if o.failed(err) {
			return
		}
		if joined {
			o.fields = append(o.fields, "groups")
		}
	}
}

func (o *object) putMembership(field string, in WorldMembership, u souk.User, home souk.Org) {
	oneOf(o, field+".role", in.Role, souk.Owner, souk.Admin, souk.Member)
	for i, p := range in.Permissions {
		oneOf(o, fmt.Sprintf("%s.permissions[%d]", field, i), &p, souk.Permissions...)
	}
	if in.Org == "" {
		o.wrong(field+".org", "is required")
	}
	org, above, ok := o.org(field+".org", in.Org)
	if ok && org.Root() != home.Root() {
		o.wrong(field+".org", "belongs to another root organization than the user")
	}
	if !ok || !o.ok() {
		return
	}
	m, err := o.Membership(u.ID, org.ID)
	isNew := errors.Is(err, store.ErrNotFound)
	if !isNew && o.failed(err) {
		return
	}
	if in.Absent {
		if removed, err := o.RemoveMembership(u.ID, org.ID); o.failed(err) || !removed {
			return
		}
		o.fields = append(o.fields, field)
		o.demote(m, field)
		o.tell(souk.MembershipChanged, org, above, nil, m, nil, func(d *souk.EventData) { d.User = &u })
		return
	}
	before := m
	if isNew {
		m = souk.Membership{User: u.ID, Org: org.ID, Role: souk.Member, CreatedAt: o.Tx.at}
	}
	if in.Role != nil {
		m.Role = *in.Role
	}
	if in.Permissions != nil {
		m.Permissions = slices.Compact(slices.Sorted(slices.Values(in.Permissions)))
	}
	if !isNew && m.Role == before.Role && slices.Equal(m.Permissions, before.Permissions) {
		return
	}
	if o.failed(o.PutMembership(m)) {
		return
	}
	o.fields = append(o.fields, field)
	var had any
	if !isNew {
		had = before
	}
	o.tell(souk.MembershipChanged, org, above, nil, had, m, func(d *souk.EventData) {
		d.User, d.Membership = &u, &m
		if isNew { // who does not belong there holds nothing
			d.Before = &souk.EventData{Membership: &souk.Membership{User: u.ID, Org: org.ID}}
		}
	})
	if m.Role != souk.Owner {
		o.demote(before, field)
	}
}

// demote notes that what had was an owner's is so no more.
func (o *object) demote(had souk.Membership, field string) {
	if had.Role == souk.Owner {
		o.demoted = append(o.demoted, demotion{had, o.in(field)})
	}
}

// deactivateUsers comes last: what ends with a user may be in the document.
func (a *applier) deactivateUsers() {
	for key, in := range inOrder(a.world.Users) {
		if in.Absent {
			a.each("users", key, "users."+key, func(o *object) { o.deactivate(in) })
		}
	}
}

func (o *object) deactivate(in WorldUser) {
	u := look(o, in.Given, o.User)
	if o.isNew || !o.ok() || !u.Active() {
		return
	}
	if !o.refused("state", o.deactivateUser(u.ID)) {
		o.remember()
		o.step(Remove, nil)
	}
}
