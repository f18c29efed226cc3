package market

import (
	"context"
	"errors"
	"slices"

	"souk"
	"souk/store"
)

// Installing puts an app into effect at an org.
type Installing struct {
	App        souk.ID
	At         souk.ID           // a workspace, or an enterprise for an org-wide installation
	Workspaces []souk.ID         // that an org-wide installation is granted, by name; may be none
	Terms      Terms             // TermsAccepted, when the app has any
	AppUser    souk.AppUserNames // empty fields: the app's defaults
}

// Terms tells whether the installer accepted the app's terms and privacy
// policy.
type Terms string

// TermsAccepted is the word of a person who read them.
const TermsAccepted Terms = "accepted"

// Installed is what came of installing.
type Installed struct {
	Installation souk.Installation
	Workspaces   []souk.ID // that it reaches besides its own org
	Upgraded     bool      // a live installation got the scopes that the app asks for now
}

// Install puts an app into effect with exactly the scopes it asks for, or
// upgrades the live installation to them. Whoever holds settings at the org
// may, and any member whom an approval covers. It refuses UnknownOrg,
// NeedsPerson, OrgNotGranted, NotAllowed, UnknownApp, RestrictedForAsker,
// ClosedToRequests, ApprovalNeeded, NoAppsFeature, TermsNotAccepted,
// AlreadyInstalled and Invalid; where workspaces are named, also what it would
// refuse there.
func (m *Market) Install(ctx context.Context, actor souk.Actor, in Installing) (done Installed, err error) {
	err = m.write(ctx, actor, rootOf(in.At, in.App), func(tx *Tx) (err error) {
		done, err = tx.install(in)
		return err
	})
	return done, err
}

func (tx *Tx) install(in Installing) (done Installed, err error) {
	at, err := tx.place(in.At)
	if err != nil {
		return done, err
	}
	if tx.actor.User.IsZero() {
		return done, souk.NeedsPerson
	}
	if err := tx.granted(at.Org); err != nil {
		return done, err
	}
	if !at.IsMember() {
		return done, souk.NotAllowed
	}
	app, err := tx.App(in.App)
	if err != nil {
		return done, or(err, souk.UnknownApp)
	}
	facts, err := tx.facts(app, at.Org, at.Enterprise, tx.actor.User, app.Asks())
	if err != nil {
		return done, err
	}
	if err := mayInstall(souk.Effective(facts).Verdict); err != nil {
		return done, err
	}
	switch {
	case !at.Org.HasAppsFeature:
		return done, souk.NoAppsFeature
	case app.NeedsTerms() && in.Terms != TermsAccepted:
		return done, souk.TermsNotAccepted
	}
	if err := tx.mayReach(app, at.Org, in.Workspaces); err != nil {
		return done, err
	}
	live, err := tx.InstallationReaching(app.ID, at.Org.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return tx.newInstallation(in, at, app)
	case err != nil:
		return done, err
	case live.Org != at.Org.ID, live.Scopes.Equal(app.Asks()):
		return done, souk.AlreadyInstalled
	}
	return tx.upgrade(live, at, app)
}

// mayInstall is what a verdict means for somebody who installs.
func mayInstall(v souk.Verdict) error {
	switch v {
	case souk.VerdictApproved:
		return nil
	case souk.BlockedByPlatform, souk.Invisible:
		return souk.UnknownApp
	case souk.BlockedByOrganization, souk.BlockedByWorkspace:
		return souk.RestrictedForAsker
	case souk.VerdictClosed:
		return souk.ClosedToRequests
	}
	return souk.ApprovalNeeded
}

// newInstallation writes an installation with all it brings: its reach, the
// app user, and the installer's grant.
func (tx *Tx) newInstallation(in Installing, at place, app souk.App) (done Installed, err error) {
	i := souk.Installation{
		ID: souk.NewID(), App: app.ID, Org: at.Org.ID, Kind: souk.OnWorkspace, Status: souk.InstallationActive,
		Scopes: app.Asks(), InstalledBy: tx.actor.User, CreatedAt: tx.at, UpdatedAt: tx.at,
	}
	if at.Org.Kind == souk.Enterprise {
		i.Kind = souk.OrgWide
	}
	if app.IsAppUserRequired {
		if i.AppUser, err = tx.newAppUser(in.AppUser, app, at.Org); err != nil {
			return done, err
		}
	}
	if err := tx.PutInstallation(i); err != nil {
		return done, err
	}
	if _, err := tx.Reach(i, at.Org.ID, tx.at); err != nil {
		return done, err
	}
	done.Installation = i
	if done.Workspaces, err = tx.grantWorkspaces(i, in.Workspaces); err != nil {
		return done, err
	}
	g := souk.Grant{ID: souk.NewID(), User: tx.actor.User, Installation: i.ID, Scopes: i.Scopes, Status: souk.GrantActive, CreatedAt: tx.at}
	if err := tx.PutGrant(g); err != nil {
		return done, err
	}
	if err := tx.audit("Install", at.Org, app.ID, i.ID, nil, done); err != nil {
		return done, err
	}
	return done, tx.tellInstallation(souk.InstallationAdded, at, app, done)
}

// newAppUser makes the bot user of an installation.
func (tx *Tx) newAppUser(names souk.AppUserNames, app souk.App, home souk.Org) (souk.ID, error) {
	names.FirstName = first(names.FirstName, app.AppUser.FirstName)
	names.LastName = first(names.LastName, app.AppUser.LastName)
	names.Alias = first(names.Alias, app.AppUser.Alias)
	var p problems
	if names.FirstName == "" {
		p.add("app_user.first_name", "is required: the app has no default")
	}
	if names.LastName == "" {
		p.add("app_user.last_name", "is required: the app has no default")
	}
	p.text("app_user.first_name", names.FirstName, maxName)
	p.text("app_user.last_name", names.LastName, maxName)
	p.text("app_user.alias", names.Alias, maxName)
	if err := p.err(); err != nil {
		return souk.ID{}, err
	}
	u := souk.User{
		ID: souk.NewID(), Org: home.ID, IsBot: true, CreatedAt: tx.at,
		FirstName: names.FirstName, LastName: names.LastName, Alias: names.Alias,
	}
	if err := tx.PutUser(u, home.Root()); err != nil {
		return u.ID, err
	}
	return u.ID, tx.PutMembership(souk.Membership{User: u.ID, Org: home.ID, Role: souk.Member, CreatedAt: tx.at})
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// mayReach refuses to bring an app to workspaces of an enterprise where the
// actor could not install it: each may restrict it for itself.
func (tx *Tx) mayReach(app souk.App, enterprise souk.Org, workspaces []souk.ID) error {
	if len(workspaces) > 0 && enterprise.Kind != souk.Enterprise {
		return souk.Invalid{{Field: "workspaces", Reason: "only an installation on an enterprise is granted workspaces"}}
	}
	for _, id := range workspaces {
		w, err := tx.Org(id)
		switch {
		case errors.Is(err, store.ErrNotFound), err == nil && (w.Enterprise != enterprise.ID || !w.ClosedAt.IsZero()):
			return souk.UnknownOrg
		case err != nil:
			return err
		}
		facts, err := tx.facts(app, w, enterprise, tx.actor.User, app.Asks())
		if err != nil {
			return err
		}
		if err := mayInstall(souk.Effective(facts).Verdict); err != nil {
			return err
		}
		if !w.HasAppsFeature {
			return souk.NoAppsFeature
		}
	}
	return nil
}

// grantWorkspaces makes an org-wide installation reach workspaces of its
// enterprise.
func (tx *Tx) grantWorkspaces(i souk.Installation, workspaces []souk.ID) (granted []souk.ID, err error) {
	for _, id := range workspaces {
		if slices.Contains(granted, id) {
			continue
		}
		reached, err := tx.Reach(i, id, tx.at)
		if err != nil {
			return nil, err
		}
		if !reached {
			return nil, souk.AlreadyInstalled
		}
		granted = append(granted, id)
	}
	return granted, nil
}

// upgrade gives a live installation exactly the scopes that the app asks for
// now. Tokens keep theirs until they are reissued.
func (tx *Tx) upgrade(i souk.Installation, at place, app souk.App) (done Installed, err error) {
	before := i
	i.Scopes, i.UpdatedAt = app.Asks(), tx.at
	if err := tx.PutInstallation(i); err != nil {
		return done, err
	}
	done = Installed{Installation: i, Upgraded: true}
	if done.Workspaces, err = tx.workspacesOf(i); err != nil {
		return done, err
	}
	g := souk.Grant{ID: souk.NewID(), User: tx.actor.User, Installation: i.ID, Scopes: i.Scopes, Status: souk.GrantActive, CreatedAt: tx.at}
	if err := tx.PutGrant(g); err != nil {
		return done, err
	}
	if err := tx.audit("Install", at.Org, app.ID, i.ID, before, done); err != nil {
		return done, err
	}
	return done, tx.tellInstallation(souk.InstallationChanged, at, app, done)
}

// workspacesOf lists what an installation reaches besides its own org.
func (tx *Tx) workspacesOf(i souk.Installation) ([]souk.ID, error) {
	reached, err := tx.Reached(i.ID)
	return slices.DeleteFunc(reached, func(id souk.ID) bool { return id == i.Org }), err
}

func (tx *Tx) tellInstallation(kind souk.EventKind, at place, app souk.App, done Installed) error {
	e, err := tx.installationEvent(kind, at, app, done)
	if err != nil {
		return err
	}
	return tx.emit(e)
}

// installationEvent starts an event about an installation.
func (tx *Tx) installationEvent(kind souk.EventKind, at place, app souk.App, done Installed) (e souk.Event, err error) {
	e = tx.event(kind, at.Org, at.Enterprise, &app, done.Installation.ID)
	e.Data.Installation, e.Data.Workspaces = &done.Installation, done.Workspaces
	e.Data.Actor, err = tx.acting()
	return e, err
}

// Granting names the workspaces that an org-wide installation reaches.
type Granting struct {
	App        souk.ID
	At         souk.ID   // the enterprise
	Workspaces []souk.ID // all of them; those left out are taken away
}

// SetWorkspaces changes which workspaces an org-wide installation reaches;
// whoever holds settings at the enterprise may. It refuses UnknownOrg,
// NeedsPerson, OrgNotGranted, NotAllowed, UnknownApp when it is not installed
// there, AlreadyInstalled when a workspace has an installation of its own, and
// what Install would refuse at a workspace that is new.
func (m *Market) SetWorkspaces(ctx context.Context, actor souk.Actor, in Granting) (done Installed, err error) {
	err = m.write(ctx, actor, rootOf(in.At, in.App), func(tx *Tx) (err error) {
		done, err = tx.setWorkspaces(in)
		return err
	})
	return done, err
}

func (tx *Tx) setWorkspaces(in Granting) (done Installed, err error) {
	at, err := tx.manageable(in.At, souk.CanSettings)
	if err != nil {
		return done, err
	}
	if tx.actor.User.IsZero() {
		return done, souk.NeedsPerson
	}
	i, err := tx.InstallationAt(in.App, at.Org.ID)
	if err != nil {
		return done, or(err, souk.UnknownApp)
	}
	app, err := tx.App(in.App)
	if err != nil {
		return done, err
	}
	had, err := tx.workspacesOf(i)
	if err != nil {
		return done, err
	}
	lost := slices.DeleteFunc(slices.Clone(had), func(id souk.ID) bool { return slices.Contains(in.Workspaces, id) })
	gained := slices.DeleteFunc(slices.Clone(in.Workspaces), func(id souk.ID) bool { return slices.Contains(had, id) })
	if err := tx.mayReach(app, at.Org, gained); err != nil {
		return done, err
	}
	if err := tx.Unreach(i.ID, lost...); err != nil {
		return done, err
	}
	if _, err := tx.grantWorkspaces(i, gained); err != nil {
		return done, err
	}
	done.Installation = i
	if done.Workspaces, err = tx.workspacesOf(i); err != nil || len(lost)+len(gained) == 0 {
		return done, err
	}
	if err := tx.audit("SetWorkspaces", at.Org, app.ID, i.ID, had, done.Workspaces); err != nil {
		return done, err
	}
	return done, tx.tellInstallation(souk.InstallationChanged, at, app, done)
}
