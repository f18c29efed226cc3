package market

import (
	"context"
	"errors"

	"souk"
	"souk/store"
)

// SuspendApp puts an app out of effect everywhere until ResumeApp: its tokens
// answer as dead and nothing new is delivered to it; nothing ends. The operator
// may. It refuses NotAllowed and UnknownApp.
func (m *Market) SuspendApp(ctx context.Context, actor souk.Actor, id souk.ID) error {
	return m.write(ctx, actor, ownerOfApp(id), func(tx *Tx) error {
		return tx.suspend("SuspendApp", souk.AppSuspended, id)
	})
}

// ResumeApp ends what SuspendApp began. It refuses NotAllowed and UnknownApp.
func (m *Market) ResumeApp(ctx context.Context, actor souk.Actor, id souk.ID) error {
	return m.write(ctx, actor, ownerOfApp(id), func(tx *Tx) error {
		return tx.suspend("ResumeApp", souk.AppResumed, id)
	})
}

func (tx *Tx) suspend(verb string, kind souk.EventKind, id souk.ID) error {
	if !tx.actor.IsOperator() {
		return souk.NotAllowed
	}
	app, err := tx.App(id)
	if err != nil {
		return or(err, souk.UnknownApp)
	}
	if !app.DeletedAt.IsZero() {
		return souk.UnknownApp
	}
	if app.Suspended == (kind == souk.AppSuspended) {
		return nil
	}
	before := app
	app.Suspended, app.UpdatedAt = kind == souk.AppSuspended, tx.at
	if err := tx.PutApp(app); err != nil {
		return err
	}
	owner, enterprise, err := tx.OrgAndAbove(app.Owner)
	if err != nil {
		return err
	}
	if err := tx.audit(verb, owner, app.ID, app.ID, before, app); err != nil {
		return err
	}
	return tx.emit(tx.event(kind, owner, enterprise, &app, app.ID))
}

// ownerOfApp finds the locks of a verb that changes an app.
func ownerOfApp(id souk.ID) func(*store.Tx) (store.Locks, error) {
	return func(tx *store.Tx) (store.Locks, error) {
		app, err := tx.App(id)
		if errors.Is(err, store.ErrNotFound) {
			return store.Locks{}, nil // fn refuses it
		}
		if err != nil {
			return store.Locks{}, err
		}
		o, err := tx.Org(app.Owner)
		return store.Locks{ExclusiveApps: []souk.ID{id}, Roots: []souk.ID{o.Root()}}, err
	}
}

// SetEntitlements says what an org paid for; the operator may. Without an
// active subscription nothing is delivered for it from then on; what it has
// stays as it is. It refuses NotAllowed and UnknownOrg.
func (m *Market) SetEntitlements(ctx context.Context, actor souk.Actor, id souk.ID, in souk.Entitlements) (org souk.Org, err error) {
	err = m.write(ctx, actor, rootOf(id), func(tx *Tx) error {
		if !tx.actor.IsOperator() {
			return souk.NotAllowed
		}
		at, err := tx.place(id)
		if err != nil {
			return err
		}
		org = at.Org
		if org.Entitlements == in {
			return nil
		}
		before := org
		org.Entitlements, org.UpdatedAt = in, tx.at
		if err := tx.PutOrg(org); err != nil {
			return err
		}
		if err := tx.audit("SetEntitlements", org, souk.ID{}, org.ID, before, org); err != nil {
			return err
		}
		e := tx.event(souk.OrgChanged, org, at.Enterprise, nil, org.ID)
		e.Data.Before = &souk.EventData{Org: &before}
		return tx.emit(e)
	})
	return org, err
}

// Rules are how an org governs apps.
type Rules struct {
	Policy   souk.Policy // empty: inherited
	Switches souk.Switches
}

// SetPolicy changes how an org governs apps; it settles nothing. Owners and
// admins may, and the operator. It refuses UnknownOrg, OrgNotGranted,
// NotAllowed and Invalid.
func (m *Market) SetPolicy(ctx context.Context, actor souk.Actor, org souk.ID, in Rules) error {
	return m.write(ctx, actor, rootOf(org), func(tx *Tx) error { return tx.setPolicy(org, in) })
}

func (tx *Tx) setPolicy(id souk.ID, in Rules) error {
	if err := in.check(); err != nil {
		return err
	}
	at, err := tx.place(id)
	if err != nil {
		return err
	}
	if err := tx.granted(at.Org); err != nil {
		return err
	}
	if !at.Decides() && !tx.actor.IsOperator() {
		return souk.NotAllowed
	}
	before := at.Org
	at.Org.Policy, at.Org.Switches = in.Policy, in.Switches
	if err := tx.PutOrg(at.Org); err != nil {
		return err
	}
	if err := tx.audit("SetPolicy", at.Org, souk.ID{}, at.Org.ID, before, at.Org); err != nil {
		return err
	}
	e := tx.event(souk.PolicyChanged, at.Org, at.Enterprise, nil, at.Org.ID)
	if e.Data.Actor, err = tx.acting(); err != nil {
		return err
	}
	return tx.emit(e)
}

func (in Rules) check() error {
	var p problems
	switch in.Policy {
	case "", souk.Open, souk.Approval, souk.Closed:
	default:
		p.add("policy", "must be open, approval or closed, or absent to inherit")
	}
	switch in.Switches.Moving {
	case souk.NotMoving, souk.Readable, souk.Locked:
	default:
		p.add("switches.moving", "must be no, readable or locked")
	}
	return p.err()
}
