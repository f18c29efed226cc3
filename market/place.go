package market

import (
	"errors"

	"souk"
	"souk/store"
)

// place is one org with all that a verb asks about it: the enterprise above
// and what the actor is there.
type place struct {
	Org, Enterprise souk.Org // Enterprise is zero where there is none
	souk.Standing            // of the actor
}

// place finds an org for an actor who has business there: the operator, a
// member of the org, or a member of any org under the same root. To anybody
// else it does not exist.
func (tx *Tx) place(id souk.ID) (p place, err error) {
	p.Org, p.Enterprise, err = tx.OrgAndAbove(id)
	if err != nil {
		return p, or(err, souk.UnknownOrg)
	}
	if !p.Org.ClosedAt.IsZero() {
		return p, souk.UnknownOrg
	}
	if tx.actor.User.IsZero() {
		if tx.actor.Platform {
			return p, nil
		}
		return p, souk.UnknownOrg
	}
	standing, err := tx.Standing(tx.actor.User, p.Org)
	if p.Standing = tx.capped(standing); err != nil || p.IsMember() {
		return p, err
	}
	home, err := tx.homeRoot(tx.actor.User)
	if err == nil && home != p.Org.Root() {
		err = souk.UnknownOrg
	}
	return p, err
}

// placeOf is place for something that lies at an org and that the actor names:
// to whoever does not belong to that org it does not exist either, and unknown
// says so.
func (tx *Tx) placeOf(org souk.ID, unknown souk.Refusal) (place, error) {
	p, err := tx.place(org)
	if errors.Is(err, souk.UnknownOrg) || err == nil && !p.IsMember() && !tx.actor.IsOperator() {
		err = unknown
	}
	return p, err
}

// homeRoot is the root org of a user's home.
func (tx *Tx) homeRoot(user souk.ID) (souk.ID, error) {
	u, err := tx.User(user)
	if err != nil {
		return souk.ID{}, or(err, souk.NotAllowed)
	}
	home, err := tx.Org(u.Org)
	return home.Root(), err
}

// belonging finds an org that the actor belongs to, by a token that reaches it,
// and any for the operator.
func (tx *Tx) belonging(id souk.ID) (place, error) {
	p, err := tx.place(id)
	if err != nil || tx.actor.IsOperator() {
		return p, err
	}
	if err := tx.granted(p.Org); err != nil {
		return p, err
	}
	if !p.IsMember() {
		return p, souk.NotAllowed
	}
	return p, nil
}

// decidable finds an org where the actor may decide about apps: a person who
// is owner or admin there or above, with a token that reaches it.
func (tx *Tx) decidable(id souk.ID) (place, error) {
	p, err := tx.place(id)
	if err != nil {
		return p, err
	}
	return p, tx.decides(p)
}

// decides refuses an actor who may not decide about apps at p.
func (tx *Tx) decides(p place) error {
	if tx.actor.User.IsZero() || tx.actor.Kind == souk.BotToken {
		return souk.NeedsPerson
	}
	if err := tx.granted(p.Org); err != nil {
		return err
	}
	if !p.Decides() {
		return souk.NotAllowed
	}
	return nil
}

// granted refuses an org that the installation behind the actor's token does
// not reach. What an app was handed at a workspace is for there alone, what it
// was handed at an enterprise for the workspaces too.
func (tx *Tx) granted(org souk.Org) error {
	if tx.actor.Installation.IsZero() {
		return nil
	}
	if at := tx.actor.Org; tx.actor.ThroughApp() && !at.IsZero() && org.ID != at && org.Enterprise != at {
		return souk.OrgNotGranted
	}
	reaches, err := tx.Reaches(tx.actor.Installation, org.ID)
	if err == nil && !reaches {
		err = souk.OrgNotGranted
	}
	return err
}

// manageable finds an org where the actor holds a permission, or anywhere for
// the operator.
func (tx *Tx) manageable(id souk.ID, permission souk.Permission) (place, error) {
	p, err := tx.place(id)
	if err != nil {
		return p, err
	}
	return p, tx.manages(p, permission)
}

// manages refuses an actor who is not the operator and does not hold a
// permission at p, or whose token does not reach it.
func (tx *Tx) manages(p place, permission souk.Permission) error {
	if tx.actor.IsOperator() {
		return nil
	}
	if err := tx.granted(p.Org); err != nil {
		return err
	}
	if !p.Holds(permission) {
		return souk.NotAllowed
	}
	return nil
}

// knownApp finds an app that an org can speak of: it exists and the org has a
// right to it. The operator's suspension does not hide it from those who decide.
func (tx *Tx) knownApp(id souk.ID, org souk.Org) (souk.App, error) {
	app, err := tx.App(id)
	if err != nil {
		return app, or(err, souk.UnknownApp)
	}
	visible, err := tx.IsVisible(id, org)
	if err == nil && (!visible || !app.DeletedAt.IsZero()) {
		err = souk.UnknownApp
	}
	return app, err
}

// ownedApp finds an app whose owner org lets the actor change its settings, or
// that the actor's token belongs to. An app looks after no other: what that is
// told, and where, is more than it may be allowed itself.
func (tx *Tx) ownedApp(id souk.ID) (souk.App, place, error) {
	app, err := tx.App(id)
	if err != nil {
		return app, place{}, or(err, souk.UnknownApp)
	}
	if !app.DeletedAt.IsZero() {
		return app, place{}, souk.UnknownApp
	}
	if tx.actor.IsApp() && tx.actor.App == id {
		org, enterprise, err := tx.OrgAndAbove(app.Owner)
		return app, place{Org: org, Enterprise: enterprise}, err
	}
	p, err := tx.placeOf(app.Owner, souk.UnknownApp)
	if err != nil {
		return app, p, err
	}
	if err := tx.manages(p, souk.CanSettings); err != nil {
		return app, p, err
	}
	if tx.actor.ThroughApp() && tx.actor.App != id {
		return app, p, souk.NotAllowed
	}
	return app, p, nil
}

// rootOf finds the locks of a verb that concerns apps at an org.
func rootOf(org souk.ID, apps ...souk.ID) func(*store.Tx) (store.Locks, error) {
	return func(tx *store.Tx) (store.Locks, error) {
		o, err := tx.Org(org)
		if errors.Is(err, store.ErrNotFound) {
			return store.Locks{}, nil // fn refuses it
		}
		return store.Locks{Apps: apps, Roots: []souk.ID{o.Root()}}, err
	}
}
