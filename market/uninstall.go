package market

import (
	"context"
	"slices"

	"souk"
	"souk/store"
)

// MaxTargets is how many orgs one Uninstall may name.
const MaxTargets = 100

// Uninstalling takes an app away from orgs. From an enterprise it ends the
// org-wide installation and every workspace's own.
type Uninstalling struct {
	App  souk.ID
	From []souk.ID // at most MaxTargets; all under one root
	only souk.ID   // of the installations there; none: all of them
}

// Uninstall ends installations and returns which. An org where the app is not
// installed is passed over, so that a call may be repeated; ending none is no
// refusal. Whoever holds settings at every org named may, and the operator. It
// refuses TooManyTargets, UnknownOrg, OrgNotGranted, NotAllowed, OwnersOnly,
// UnknownApp, ProtectedApp and MustRevokeOrgWide, the first that holds in this
// order, and then ends nothing.
func (m *Market) Uninstall(ctx context.Context, actor souk.Actor, in Uninstalling) (ended []souk.Installation, err error) {
	if len(in.From) == 0 {
		return nil, souk.UnknownOrg
	}
	if len(in.From) > MaxTargets {
		return nil, souk.TooManyTargets
	}
	err = m.write(ctx, actor, rootOf(in.From[0], in.App), func(tx *Tx) (err error) {
		ended, err = tx.uninstall(in)
		return err
	})
	return ended, err
}

// EndInstallation ends one installation that an org made itself; of an
// enterprise's, the workspaces keep their own. It refuses NoSubscription,
// NotAllowed and what Uninstall does, and UnknownInstallation.
func (m *Market) EndInstallation(ctx context.Context, actor souk.Actor, org, id souk.ID) error {
	return m.write(ctx, actor, rootOfInstallation(org, id), func(tx *Tx) error {
		if _, err := tx.desk(org, MaySettings); err != nil {
			return err
		}
		i, err := tx.InstallationAtOrg(org, id)
		if err != nil {
			return or(err, souk.UnknownInstallation)
		}
		_, err = tx.uninstall(Uninstalling{App: i.App, From: []souk.ID{org}, only: id})
		return err
	})
}

// rootOfInstallation finds the locks of a verb that names an installation of an
// org's.
func rootOfInstallation(org, id souk.ID) func(*store.Tx) (store.Locks, error) {
	return func(tx *store.Tx) (store.Locks, error) {
		i, err := tx.InstallationAtOrg(org, id)
		if err != nil {
			return store.Locks{}, ignoreMissing(err) // fn refuses it
		}
		return rootOf(org, i.App)(tx)
	}
}

func (tx *Tx) uninstall(in Uninstalling) (ended []souk.Installation, err error) {
	places := make([]place, len(in.From))
	for i, id := range in.From {
		if places[i], err = tx.place(id); err != nil {
			return nil, err
		}
		// One verb holds the lock of one root.
		if places[i].Org.Root() != places[0].Org.Root() {
			return nil, souk.UnknownOrg
		}
	}
	for _, p := range places {
		if err := tx.granted(p.Org); err != nil {
			return nil, err
		}
	}
	if err := tx.mayUninstall(places); err != nil {
		return nil, err
	}
	app, targets, granted, err := tx.targets(in.App, places)
	if !in.only.IsZero() {
		targets = slices.DeleteFunc(targets, func(i souk.Installation) bool { return i.ID != in.only })
	}
	switch {
	case err != nil:
		return nil, err
	case app.IsProtected() && !tx.actor.IsOperator():
		return nil, souk.ProtectedApp
	case granted:
		return nil, souk.MustRevokeOrgWide
	}
	// All end before any is told: none hears of the others' end.
	tell := make([]func() error, len(targets))
	for n, i := range targets {
		org, enterprise, err := tx.OrgAndAbove(i.Org)
		if err != nil {
			return nil, err
		}
		if targets[n], tell[n], err = tx.finish(i, app, place{Org: org, Enterprise: enterprise}, "Uninstall"); err != nil {
			return nil, err
		}
	}
	for _, t := range tell {
		if err := t(); err != nil {
			return nil, err
		}
	}
	return targets, nil
}

// mayUninstall asks for settings at every place, and for an owner where policy
// reserves uninstalling to them.
func (tx *Tx) mayUninstall(places []place) error {
	if tx.actor.IsOperator() {
		return nil
	}
	for _, p := range places {
		if !p.Holds(souk.CanSettings) {
			return souk.NotAllowed
		}
	}
	for _, p := range places {
		if (p.Org.UninstallOwnersOnly || p.Enterprise.UninstallOwnersOnly) && !p.Owns() {
			return souk.OwnersOnly
		}
	}
	return nil
}

// targets finds an app and the live installations of it that uninstalling from
// places ends, and whether one of the places was granted by an org-wide one. An
// app that no place has a right to and none has installed is unknown.
func (tx *Tx) targets(id souk.ID, places []place) (app souk.App, found []souk.Installation, granted bool, err error) {
	if app, err = tx.App(id); err != nil {
		return app, nil, false, or(err, souk.UnknownApp)
	}
	known := false
	seen := map[souk.ID]bool{}
	for _, p := range places {
		visible, err := tx.IsVisible(id, p.Org)
		if err != nil {
			return app, nil, false, err
		}
		known = known || visible && app.DeletedAt.IsZero()
		var here []souk.Installation
		if p.Org.Kind == souk.Enterprise {
			here, err = tx.InstallationsUnder(id, p.Org.ID)
		} else {
			var i souk.Installation
			if i, err = tx.InstallationReaching(id, p.Org.ID); err == nil {
				here = []souk.Installation{i}
				granted = granted || i.Kind == souk.OrgWide
			}
		}
		if ignoreMissing(err) != nil {
			return app, nil, false, err
		}
		for _, i := range here {
			if !seen[i.ID] {
				seen[i.ID] = true
				found = append(found, i)
			}
		}
	}
	if !known && len(found) == 0 {
		return app, nil, false, souk.UnknownApp
	}
	return app, found, granted, nil
}

// endInstallation ends an installation for good and tells so.
func (tx *Tx) endInstallation(i souk.Installation, app souk.App, at place, verb string) (souk.Installation, error) {
	i, tell, err := tx.finish(i, app, at, verb)
	if err != nil {
		return i, err
	}
	return i, tell()
}

// finish ends an installation: what it reached, its app user, its grants and
// what was still to be delivered for it. Its tokens are dead by it. tell emits
// that, and is called once everything has ended that ends together.
func (tx *Tx) finish(i souk.Installation, app souk.App, at place, verb string) (_ souk.Installation, tell func() error, err error) {
	before := i
	workspaces, err := tx.workspacesOf(i)
	if err != nil {
		return i, nil, err
	}
	i.Status, i.EndedAt, i.UpdatedAt = souk.InstallationEnded, tx.at, tx.at
	if err := tx.PutInstallation(i); err != nil {
		return i, nil, err
	}
	if err := tx.CountInstallation(app.ID, at.Org.Root(), -1); err != nil {
		return i, nil, err
	}
	if err := tx.UnreachAll(i.ID); err != nil {
		return i, nil, err
	}
	if err := tx.settleInstallation(i); err != nil {
		return i, nil, err
	}
	removed, err := tx.installationEvent(souk.InstallationRemoved, at, app, Installed{Installation: i, Workspaces: workspaces})
	if err != nil {
		return i, nil, err
	}
	grants, err := tx.SomeGrantsOf(i.ID, few)
	if err != nil {
		return i, nil, err
	}
	if len(grants) == few {
		if err := tx.later(store.Job{Kind: store.EndGrants, App: i.App, Org: i.Org, Other: i.ID, Verb: verb}); err != nil {
			return i, nil, err
		}
	}
	revoked, err := tx.revoke(grants, i, app, at)
	if err != nil {
		return i, nil, err
	}
	retired, err := tx.retireAppUser(i, app, at)
	if err != nil {
		return i, nil, err
	}
	tell = func() error {
		if err := tx.emit(slices.Concat([]souk.Event{removed}, revoked, retired)...); err != nil {
			return err
		}
		return tx.tellUninstalled(before, app, at)
	}
	return i, tell, tx.audit(verb, at.Org, app.ID, i.ID, before, i)
}

// stepGrants ends more grants of an installation that ended, and tells of them.
func (tx *Tx) stepGrants(j *store.Job) (left bool, err error) {
	i, err := tx.Installation(j.Other)
	if err != nil {
		return false, err
	}
	app, err := tx.App(i.App)
	if err != nil {
		return false, err
	}
	at := place{}
	if at.Org, at.Enterprise, err = tx.OrgAndAbove(i.Org); err != nil {
		return false, err
	}
	grants, err := tx.SomeGrantsOf(i.ID, stepSize)
	if err != nil || len(grants) == 0 {
		return false, err
	}
	revoked, err := tx.revoke(grants, i, app, at)
	if err != nil {
		return false, err
	}
	last := grants[len(grants)-1]
	j.After = souk.Position{At: last.CreatedAt, ID: last.ID}
	return len(grants) == stepSize, tx.emit(revoked...)
}

// retireAppUser deactivates the app user of an installation that ends; the
// event is to be emitted.
func (tx *Tx) retireAppUser(i souk.Installation, app souk.App, at place) ([]souk.Event, error) {
	if i.AppUser.IsZero() {
		return nil, nil
	}
	bot, err := tx.User(i.AppUser)
	if err != nil {
		return nil, err
	}
	home, err := tx.Org(bot.Org)
	if err != nil {
		return nil, err
	}
	bot.DeactivatedAt, bot.UpdatedAt = tx.at, tx.at
	e := tx.event(souk.UserDeactivated, at.Org, at.Enterprise, &app, bot.ID)
	e.Data.User = &bot
	return []souk.Event{e}, tx.PutUser(bot, home.Root())
}

// revoke ends grants of one installation; the events are to be emitted.
func (tx *Tx) revoke(grants []souk.Grant, i souk.Installation, app souk.App, at place) ([]souk.Event, error) {
	ids := make([]souk.ID, len(grants))
	for n, g := range grants {
		ids[n] = g.User
	}
	userOf, err := tx.Users(ids)
	if err != nil {
		return nil, err
	}
	events := make([]souk.Event, len(grants))
	for n := range grants {
		g := &grants[n]
		g.Status, g.RevokedAt = souk.GrantRevoked, tx.at
		ids[n] = g.ID
		user := userOf[g.User]
		e := tx.event(souk.GrantWasRevoked, at.Org, at.Enterprise, &app, g.ID)
		e.Data.Grant, e.Data.User, e.Data.Installation = g, &user, &i
		events[n] = e
	}
	return events, tx.RevokeGrants(ids, tx.at)
}
