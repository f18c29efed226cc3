package market

import (
	"context"
	"errors"

	"souk"
	"souk/store"
)

// Need is what somebody must be able to do at an org.
type Need string

// Whoever belongs to an org may read about it; what it has to do with apps is
// for those who hold settings there, or users for its people.
const (
	MayRead     Need = ""
	MaySettings Need = Need(souk.CanSettings)
)

// Desk is an org as somebody who works for it meets it.
type Desk struct {
	Org, Enterprise souk.Org // Enterprise is zero where there is none
}

// Desk finds the org that a caller works for; the zero ID means their home. It
// refuses, in this order, NoSubscription when the caller's own org has none,
// UnknownOrg for an org they do not belong to or that their token does not
// reach, NoSubscription when that org has none, and NotAllowed without what
// need asks for. An org that does not exist and one that is somebody else's
// are refused by the same statements.
func (m *Market) Desk(ctx context.Context, actor souk.Actor, org souk.ID, need Need) (d Desk, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		p, err := tx.deskOrHome(org, need)
		d = Desk{p.Org, p.Enterprise}
		return err
	})
	return d, err
}

// desk is deskOrHome for a verb, which names its org.
func (tx *Tx) desk(id souk.ID, need Need) (place, error) {
	if id.IsZero() {
		return place{}, souk.UnknownOrg
	}
	return tx.deskOrHome(id, need)
}

// deskOrHome finds an org for somebody who works for it; no org means their
// home. The operator works for all of them and is at home in none.
func (tx *Tx) deskOrHome(id souk.ID, need Need) (p place, err error) {
	if tx.actor.IsOperator() {
		if p.Org, p.Enterprise, err = tx.OrgAndAbove(id); err != nil {
			return p, or(err, souk.UnknownOrg)
		}
		if !p.Org.ClosedAt.IsZero() {
			err = souk.UnknownOrg
		}
		return p, err
	}
	d, err := tx.DeskOf(tx.actor.User, id)
	switch {
	case err != nil:
		return p, err
	case d.Home.ID.IsZero():
		return p, souk.NotAllowed
	case !d.Home.HasActiveSubscription:
		return p, souk.NoSubscription
	case d.Org.ID.IsZero() || !d.Org.ClosedAt.IsZero():
		return p, souk.UnknownOrg
	}
	switch err := tx.granted(d.Org); {
	case errors.Is(err, souk.OrgNotGranted):
		return p, souk.UnknownOrg
	case err != nil:
		return p, err
	}
	p.Org, p.Enterprise, p.Standing = d.Org, d.Enterprise, tx.capped(d.Standing)
	switch {
	case !p.Org.HasActiveSubscription:
		return p, souk.NoSubscription
	case need != MayRead && !p.Holds(souk.Permission(need)):
		return p, souk.NotAllowed
	}
	return p, nil
}

// capped is what is left of a standing to the actor's token: one that came with
// an installation carries no more than that was allowed, for whomever it speaks.
// Slack's and Zoom's tokens are held to their scopes by their own wire.
func (tx *Tx) capped(s souk.Standing) souk.Standing {
	if tx.actor.ThroughApp() {
		return s.Within(tx.actor.Scopes)
	}
	return s
}

// ownedBy finds an app that exists and that an org owns.
func (tx *Tx) ownedBy(org, app souk.ID) (souk.App, error) {
	a, err := tx.AppOf(org, app)
	return a, or(err, souk.UnknownApp)
}

// lookedAfter is ownedBy for whoever changes the app or reads what it is told.
// An app looks after no other.
func (tx *Tx) lookedAfter(org, app souk.ID) (souk.App, error) {
	a, err := tx.ownedBy(org, app)
	if err == nil && tx.actor.ThroughApp() && tx.actor.App != app {
		err = souk.NotAllowed
	}
	return a, err
}

// unlessRefused is what went wrong when locks were looked for. What is refused
// needs none: fn refuses it again.
func unlessRefused(err error) error {
	var no souk.Refusal
	if errors.As(err, &no) {
		return nil
	}
	return err
}

// rootsOf finds the locks of a verb that ties orgs to each other. An org that
// does not exist, which the verb refuses, costs a lock too: nobody can tell by
// the time what there is.
func rootsOf(apps []souk.ID, orgs ...souk.ID) func(*store.Tx) (store.Locks, error) {
	return func(tx *store.Tx) (store.Locks, error) {
		found, err := tx.Orgs(orgs)
		locks := store.Locks{Apps: apps}
		for _, id := range orgs {
			root := id
			if o, is := found[id]; is {
				root = o.Root()
			}
			locks.Roots = append(locks.Roots, root)
		}
		return locks, err
	}
}
