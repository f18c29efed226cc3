package market

import (
	"context"

	"souk"
	"souk/store"
)

// Sharing lets a partner install an app, whoever else may.
type Sharing struct {
	Owner souk.ID
	App   souk.ID
	With  souk.ID
}

// ShareApp shares an app with a partner of its owner. Whoever holds settings in
// the owner org may, and the operator. It refuses NoSubscription, UnknownOrg,
// NotAllowed, UnknownApp, NotPartner, AlreadyShared and NotAppProvider.
func (m *Market) ShareApp(ctx context.Context, actor souk.Actor, in Sharing) (v ShareView, err error) {
	err = m.write(ctx, actor, rootsOf([]souk.ID{in.App}, in.Owner, in.With), func(tx *Tx) (err error) {
		v, err = tx.shareApp(in)
		return err
	})
	return v, err
}

func (tx *Tx) shareApp(in Sharing) (v ShareView, err error) {
	at, err := tx.desk(in.Owner, MaySettings)
	if err != nil {
		return v, err
	}
	app, err := tx.lookedAfter(in.Owner, in.App)
	if err != nil {
		return v, err
	}
	// Who is no partner is unknown here, whether there is such an org or not.
	partners, err := tx.ArePartners(ordered(in.Owner, in.With))
	switch {
	case err != nil:
		return v, err
	case !partners:
		return v, souk.NotPartner
	}
	switch had, err := tx.ShareWith(app.ID, in.With); {
	case err == nil && !had.ID.IsZero():
		return v, souk.AlreadyShared
	case ignoreMissing(err) != nil:
		return v, err
	}
	if !at.Org.IsAppProvider {
		return v, souk.NotAppProvider
	}
	share := souk.Share{ID: souk.NewID(), App: app.ID, Org: in.With, CreatedBy: tx.actor.User, CreatedAt: tx.at}
	if _, err := tx.PutShare(share); err != nil {
		return v, err
	}
	if err := tx.tellShare("ShareApp", souk.ShareAdded, at, app, share); err != nil {
		return v, err
	}
	return tx.shareView(Outgoing, share)
}

// UnshareApp takes back a share that an org made, or refuses one that was made
// with it; the installations it gave a right to end. Whoever holds settings
// there may, and the operator. It refuses NoSubscription, UnknownOrg, NotAllowed
// and UnknownShare.
func (m *Market) UnshareApp(ctx context.Context, actor souk.Actor, org souk.ID, d Direction, id souk.ID) error {
	return m.write(ctx, actor, rootsOfShare(org, d, id), func(tx *Tx) error { return tx.unshareApp(org, d, id) })
}

func (tx *Tx) unshareApp(org souk.ID, d Direction, id souk.ID) error {
	if _, err := tx.desk(org, MaySettings); err != nil {
		return err
	}
	share, app, err := tx.shareOf(org, d, id)
	if err != nil {
		return err
	}
	if d == Outgoing && tx.actor.ThroughApp() && tx.actor.App != app.ID {
		return souk.NotAllowed // as it could not have made it
	}
	var owner place
	if owner.Org, owner.Enterprise, err = tx.OrgAndAbove(app.Owner); err != nil {
		return err
	}
	if _, err := tx.RemoveShare(share); err != nil {
		return err
	}
	if err := tx.tellShare("UnshareApp", souk.ShareRemoved, owner, app, share); err != nil {
		return err
	}
	return tx.losePartnersSoon("UnshareApp", parting{owner: app.Owner, org: share.Org})
}

// shareOf finds a share that an org made, or that was made with it, with its
// app. One that is others' takes as long to find as one that does not exist.
func (tx *Tx) shareOf(org souk.ID, d Direction, id souk.ID) (share souk.Share, app souk.App, err error) {
	find := tx.OutgoingShare
	if d == Incoming {
		find = tx.IncomingShare
	}
	if share, err = find(org, id); err != nil {
		return share, app, or(err, souk.UnknownShare)
	}
	app, err = tx.App(share.App)
	return share, app, err
}

// tellShare audits a share under both roots and tells of it at the owner.
func (tx *Tx) tellShare(verb string, kind souk.EventKind, owner place, app souk.App, share souk.Share) error {
	with, err := tx.Org(share.Org)
	if err != nil {
		return err
	}
	var before, after any = nil, share
	if kind == souk.ShareRemoved {
		before, after = share, nil
	}
	if err := tx.audit(verb, owner.Org, app.ID, share.ID, before, after); err != nil {
		return err
	}
	if with.Root() != owner.Org.Root() {
		if err := tx.audit(verb, with, app.ID, share.ID, before, after); err != nil {
			return err
		}
	}
	e := tx.event(kind, owner.Org, owner.Enterprise, &app, share.Org)
	e.Data.Share, e.Data.Other = &share, &with
	if e.Data.Actor, err = tx.acting(); err != nil {
		return err
	}
	return tx.emit(e)
}

// rootsOfShare finds the locks of a verb that ends a share.
func rootsOfShare(org souk.ID, d Direction, id souk.ID) func(*store.Tx) (store.Locks, error) {
	return func(s *store.Tx) (store.Locks, error) {
		share, app, err := (&Tx{Tx: s}).shareOf(org, d, id)
		if err != nil {
			return store.Locks{}, unlessRefused(err)
		}
		return rootsOf([]souk.ID{app.ID}, app.Owner, share.Org)(s)
	}
}

// UninstallFrom ends an installation of an owner's app at another org: target
// is the installation or the org that made it. Whoever holds settings in the
// owner org may, and the operator. It refuses NoSubscription, UnknownOrg,
// NotAllowed, UnknownApp, UnknownInstallation and ProtectedApp.
func (m *Market) UninstallFrom(ctx context.Context, actor souk.Actor, owner, app, target souk.ID) error {
	return m.write(ctx, actor, rootsOfTarget(owner, app, target), func(tx *Tx) error {
		if _, err := tx.desk(owner, MaySettings); err != nil {
			return err
		}
		a, err := tx.lookedAfter(owner, app)
		if err != nil {
			return err
		}
		i, err := tx.InstallationOf(app, target)
		if err != nil {
			return or(err, souk.UnknownInstallation)
		}
		if a.IsProtected() && !tx.actor.IsOperator() {
			return souk.ProtectedApp
		}
		var at place
		if at.Org, at.Enterprise, err = tx.OrgAndAbove(i.Org); err != nil {
			return err
		}
		if _, err := tx.endInstallation(i, a, at, "UninstallFrom"); err != nil {
			return err
		}
		return tx.alsoAudit("UninstallFrom", owner, at.Org, app, i.ID)
	})
}

// alsoAudit leaves a line in the chain of whoever acted, when what they did is
// audited under another root.
func (tx *Tx) alsoAudit(verb string, actor souk.ID, at souk.Org, app, subject souk.ID) error {
	org, err := tx.Org(actor)
	if err != nil || org.Root() == at.Root() {
		return err
	}
	return tx.audit(verb, org, app, subject, nil, nil)
}

func rootsOfTarget(owner, app, target souk.ID) func(*store.Tx) (store.Locks, error) {
	return func(tx *store.Tx) (store.Locks, error) {
		if _, err := tx.AppOf(owner, app); err != nil {
			return store.Locks{}, ignoreMissing(err) // fn refuses it
		}
		i, err := tx.InstallationOf(app, target)
		if err != nil {
			return store.Locks{}, ignoreMissing(err)
		}
		return rootsOf([]souk.ID{app}, owner, i.Org)(tx)
	}
}
