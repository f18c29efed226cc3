package market

import (
	"context"
	"errors"
	"slices"
	"strings"

	"souk"
	"souk/store"
)

// Bounds of what people and things are called, in bytes.
const (
	maxName  = 200
	maxEmail = 254
)

// Person is a user as somebody writes them down.
type Person struct {
	ID           souk.ID // none: a new one
	Home         souk.ID // of a new one
	Email        string
	FirstName    string
	LastName     string
	Alias        string
	Department   string
	SecondFactor bool
}

// PutUser makes a person, who starts as a member of their home org, or changes
// one. Whoever holds users there may, and the operator. It refuses UnknownOrg,
// UnknownUser, OrgNotGranted, NotAllowed, EmailTaken and Invalid.
func (m *Market) PutUser(ctx context.Context, actor souk.Actor, in Person) (u souk.User, err error) {
	find := rootOf(in.Home)
	if !in.ID.IsZero() {
		find = rootOfUser(in.ID)
	}
	err = m.write(ctx, actor, find, func(tx *Tx) (err error) {
		u, err = tx.putUser(in)
		return err
	})
	return u, err
}

func (tx *Tx) putUser(in Person) (u souk.User, err error) {
	in.Email = strings.TrimSpace(in.Email)
	if err := in.check(); err != nil {
		return u, err
	}
	in.Email = souk.EmailKey(in.Email)
	var home place
	var before any
	kind := souk.UserAdded
	if in.ID.IsZero() {
		u = souk.User{ID: souk.NewID(), Org: in.Home, CreatedAt: tx.at}
		home, err = tx.manageable(u.Org, souk.CanUsers)
	} else {
		u, home, err = tx.managedPerson(in.ID)
		before, kind = u, souk.UserChanged
	}
	if err != nil {
		return u, err
	}
	switch holder, err := tx.UserByEmail(home.Org.Root(), in.Email); {
	case err == nil && holder.ID != u.ID:
		return u, souk.EmailTaken
	case ignoreMissing(err) != nil:
		return u, err
	}
	u.Email, u.FirstName, u.LastName, u.Alias = in.Email, in.FirstName, in.LastName, in.Alias
	u.Department, u.SecondFactor, u.UpdatedAt = in.Department, in.SecondFactor, tx.at
	if err := tx.PutUser(u, home.Org.Root()); err != nil {
		return u, err
	}
	if kind == souk.UserAdded {
		err := tx.PutMembership(souk.Membership{User: u.ID, Org: home.Org.ID, Role: souk.Member, CreatedAt: tx.at})
		if err != nil {
			return u, err
		}
	}
	return u, tx.changed("PutUser", kind, home, u, before, u)
}

// managedPerson finds an active person whose home lets the actor manage its
// users.
func (tx *Tx) managedPerson(id souk.ID) (u souk.User, home place, err error) {
	if u, err = tx.User(id); err != nil {
		return u, home, or(err, souk.UnknownUser)
	}
	if home, err = tx.placeOf(u.Org, souk.UnknownUser); err != nil {
		return u, home, err
	}
	if err := tx.manages(home, souk.CanUsers); err != nil {
		return u, home, err
	}
	if !u.Active() || u.IsBot {
		return u, home, souk.UnknownUser
	}
	return u, home, tx.outranks(home, u)
}

// outranks refuses NotAllowed unless the actor may change who u is: whoever has
// an account's e-mail may come to have the account. Owners and admins are
// changed by owners and admins, operators by themselves and the platform.
func (tx *Tx) outranks(home place, u souk.User) error {
	if tx.actor.IsOperator() || tx.actor.User == u.ID && !tx.actor.ThroughApp() {
		return nil
	}
	theirs, err := tx.Standing(u.ID, home.Org)
	if err == nil && (u.Operator || theirs.Decides() && !home.Decides() || theirs.Owns() && !home.Owns()) {
		err = souk.NotAllowed
	}
	return err
}

// isEmail reports whether s looks like an e-mail address; whether anybody reads
// it there, only mail could tell.
func isEmail(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	return ok && local != "" && domain != "" && !strings.ContainsAny(s, " \t\r\n")
}

func (in Person) check() error {
	var p problems
	if !isEmail(in.Email) {
		p.add("email", "must be an e-mail address")
	}
	p.text("email", in.Email, maxEmail)
	p.text("first_name", in.FirstName, maxName)
	p.text("last_name", in.LastName, maxName)
	p.text("alias", in.Alias, maxName)
	p.text("department", in.Department, maxName)
	return p.err()
}

// changed audits and tells something about a user at an org.
func (tx *Tx) changed(verb string, kind souk.EventKind, at place, u souk.User, before, after any) error {
	if err := tx.audit(verb, at.Org, souk.ID{}, u.ID, before, after); err != nil {
		return err
	}
	e := tx.event(kind, at.Org, at.Enterprise, nil, u.ID)
	e.Data.User = &u
	if had, ok := before.(souk.User); ok {
		e.Data.Before = &souk.EventData{User: &had}
	}
	if had, ok := before.(souk.Membership); ok {
		e.Data.Before = &souk.EventData{Membership: &had}
	}
	if m, ok := after.(souk.Membership); ok {
		e.Data.Membership = &m
	}
	var err error
	if e.Data.Actor, err = tx.acting(); err != nil {
		return err
	}
	return tx.emit(e)
}

// DeactivateUser ends a person for good: their pending requests, grants, the
// standing answers for them alone and, by it, their tokens. What they installed
// stays. It refuses UnknownUser, OrgNotGranted, NotAllowed and LastOwner.
func (m *Market) DeactivateUser(ctx context.Context, actor souk.Actor, id souk.ID) error {
	return m.write(ctx, actor, rootOfUser(id), func(tx *Tx) error { return tx.deactivateUser(id) })
}

func (tx *Tx) deactivateUser(id souk.ID) error {
	u, home, err := tx.managedPerson(id)
	if err != nil {
		return err
	}
	memberships, err := tx.Memberships(id)
	if err != nil {
		return err
	}
	for _, m := range memberships {
		if err := tx.notLastOwner(m); err != nil {
			return err
		}
	}
	before := u
	u.DeactivatedAt, u.UpdatedAt = tx.at, tx.at
	if err := tx.PutUser(u, home.Org.Root()); err != nil {
		return err
	}
	if err := tx.changed("DeactivateUser", souk.UserDeactivated, home, u, before, u); err != nil {
		return err
	}
	return tx.endAllOf(u)
}

// endAllOf ends what hangs on a user who was deactivated.
func (tx *Tx) endAllOf(u souk.User) error {
	pending, err := tx.PendingOfUser(u.ID)
	if err != nil {
		return err
	}
	for _, q := range pending {
		app, at, err := tx.where(q.App, q.Org)
		if err != nil {
			return err
		}
		if err := tx.cancel(q, app, at, "DeactivateUser"); err != nil {
			return err
		}
	}
	grants, err := tx.GrantsBy(u.ID)
	if err != nil {
		return err
	}
	for _, g := range grants {
		if err := tx.endGrant(g, "DeactivateUser"); err != nil {
			return err
		}
	}
	standing, err := tx.StandingForUser(u.ID)
	if err != nil {
		return err
	}
	if err := tx.end(standing); err != nil {
		return err
	}
	for i, r := range standing {
		app, at, err := tx.where(r.App, r.Org)
		if err != nil {
			return err
		}
		e := tx.event(souk.ResolutionCleared, at.Org, at.Enterprise, &app, r.ID)
		e.Data.Resolution, e.Data.Ended = &standing[i], standing[i:i+1]
		if err := tx.audit("DeactivateUser", at.Org, app.ID, r.ID, r, nil); err != nil {
			return err
		}
		if err := tx.emit(e); err != nil {
			return err
		}
	}
	return nil
}

// where finds an app and an org that rows speak of.
func (tx *Tx) where(appID, orgID souk.ID) (app souk.App, at place, err error) {
	if app, err = tx.App(appID); err != nil {
		return app, at, err
	}
	at.Org, at.Enterprise, err = tx.OrgAndAbove(orgID)
	return app, at, err
}

// PutMembership makes a user a member of an org or changes what they are there:
// whoever holds users may, roles are for owners and admins, and the operator
// may both. The user's home lies under the same root. It refuses UnknownOrg,
// OrgNotGranted, NotAllowed, UnknownUser, LastOwner and Invalid.
func (m *Market) PutMembership(ctx context.Context, actor souk.Actor, in souk.Membership) error {
	return m.write(ctx, actor, rootOf(in.Org), func(tx *Tx) error { return tx.putMembership(in) })
}

func (tx *Tx) putMembership(in souk.Membership) error {
	var p problems
	if in.Role != souk.Owner && in.Role != souk.Admin && in.Role != souk.Member {
		p.add("role", "must be owner, admin or member")
	}
	for _, permission := range in.Permissions {
		if !slices.Contains(souk.Permissions, permission) {
			p.add("permissions", "must be of settings, users and reports")
		}
	}
	if err := p.err(); err != nil {
		return err
	}
	in.Permissions = slices.Compact(slices.Sorted(slices.Values(in.Permissions)))
	at, err := tx.manageable(in.Org, souk.CanUsers)
	if err != nil {
		return err
	}
	u, err := tx.User(in.User)
	if err != nil {
		return or(err, souk.UnknownUser)
	}
	home, err := tx.Org(u.Org)
	if err != nil {
		return err
	}
	if !u.Active() || home.Root() != at.Org.Root() {
		return souk.UnknownUser
	}
	var before any
	had, err := tx.Membership(in.User, in.Org)
	switch {
	case err == nil:
		before, in.CreatedAt = had, had.CreatedAt
	case errors.Is(err, store.ErrNotFound):
		had.Role, in.CreatedAt = souk.Member, tx.at
	default:
		return err
	}
	if in.Role != had.Role {
		if !at.Decides() && !tx.actor.IsOperator() {
			return souk.NotAllowed
		}
		if err := tx.notLastOwner(had); err != nil {
			return err
		}
	}
	if err := tx.mayGive(at, u, had.Permissions, in.Permissions); err != nil {
		return err
	}
	if err := tx.PutMembership(in); err != nil {
		return err
	}
	return tx.changed("PutMembership", souk.MembershipChanged, at, u, before, in)
}

// mayGive refuses NotAllowed to give or take a permission that the actor does
// not hold: with users alone nobody comes to settings. What an app user may do
// is up to every person who holds users, as the app's installation bounds it.
func (tx *Tx) mayGive(at place, to souk.User, before, after []souk.Permission) error {
	if tx.actor.IsOperator() || at.Decides() || to.IsBot && !tx.actor.ThroughApp() {
		return nil
	}
	for _, p := range souk.Permissions {
		if slices.Contains(before, p) != slices.Contains(after, p) && !at.Holds(p) {
			return souk.NotAllowed
		}
	}
	return nil
}

// notLastOwner refuses to lose the last owner of an org.
func (tx *Tx) notLastOwner(m souk.Membership) error {
	if m.Role != souk.Owner {
		return nil
	}
	others, err := tx.OtherOwners(m.Org, m.User)
	if err == nil && others == 0 {
		err = souk.LastOwner
	}
	return err
}

// rootOfUser finds the locks of a verb that names a user.
func rootOfUser(id souk.ID) func(*store.Tx) (store.Locks, error) {
	return func(tx *store.Tx) (store.Locks, error) {
		u, err := tx.User(id)
		if errors.Is(err, store.ErrNotFound) {
			return store.Locks{}, nil // fn refuses it
		}
		if err != nil {
			return store.Locks{}, err
		}
		o, err := tx.Org(u.Org)
		return store.Locks{Roots: []souk.ID{o.Root()}}, err
	}
}
