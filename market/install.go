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
	Accepted   []string          // scopes that the installer saw and accepted; nil: all that the app asks for
	Terms      Terms             // TermsAccepted, when the app has any
	AppUser    souk.AppUserNames // empty fields: the app's defaults
	Reason     string            // for whoever decides, if somebody has to: at most souk.MaxReason bytes
	State      string            // the developer's own, on the request then: at most souk.MaxState bytes

	wished bool // it was wished for: it is installed now or not at all
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

	// Requested is set instead when somebody has to approve first: a request
	// that is a wish to install, and comes true with the approval.
	Requested *souk.Request
	At        souk.Org `json:"-"` // where it was requested
}

// Install puts an app into effect with exactly the scopes it asks for, or
// upgrades the live installation to them. Whoever holds settings at the org
// may, and any member whom an approval covers; for anybody else it becomes a
// request. One that is suspended it resumes for those who may resume it, and for
// all when the app was approved since. It refuses UnknownOrg, NeedsPerson, OrgNotGranted, NotAllowed,
// UnknownApp, RestrictedForAsker, ClosedToRequests, Invalid, TermsNotAccepted,
// AlreadyInstalled, NoAppsFeature and AlreadyPending; where workspaces are
// named, also what it would refuse there, and ApprovalNeeded, as only what an
// org has itself can be wished for.
func (m *Market) Install(ctx context.Context, actor souk.Actor, in Installing) (done Installed, err error) {
	err = m.write(ctx, actor, rootOf(in.At, in.App), func(tx *Tx) (err error) {
		done, err = tx.install(in)
		return err
	})
	return done, err
}

func (tx *Tx) install(in Installing) (done Installed, err error) {
	var p problems
	p.text("reason", in.Reason, souk.MaxReason)
	p.text("state", in.State, souk.MaxState)
	if err := p.err(); err != nil {
		return done, err
	}
	at, err := tx.place(in.At)
	if err != nil {
		return done, err
	}
	if tx.actor.User.IsZero() || tx.actor.ThroughApp() {
		return done, souk.NeedsPerson
	}
	if err := tx.granted(at.Org); err != nil {
		return done, err
	}
	if !at.IsMember() {
		return done, souk.NotAllowed
	}
	app, missing := tx.App(in.App)
	if ignoreMissing(missing) != nil {
		return done, missing
	}
	app.ID = in.App // an app that is not there takes as long as one that they may not see
	facts, err := tx.facts(app, at.Org, at.Enterprise, tx.actor.User, app.Asks())
	if err != nil {
		return done, err
	}
	if missing != nil {
		return done, souk.UnknownApp
	}
	verdict := mayInstall(souk.Effective(facts).Verdict)
	wish := errors.Is(verdict, souk.ApprovalNeeded) && len(in.Workspaces) == 0 && !in.wished
	if verdict != nil && !wish {
		return done, verdict
	}
	switch {
	case in.Accepted != nil && !souk.NewScopes(in.Accepted...).Equal(app.Asks()):
		return done, souk.Invalid{{Field: "scopes", Reason: "must be exactly what the app asks for"}}
	case app.NeedsTerms() && in.Terms != TermsAccepted:
		return done, souk.TermsNotAccepted
	}
	if err := tx.mayReach(app, at.Org, in.Workspaces); err != nil {
		return done, err
	}
	live, err := tx.InstallationReaching(app.ID, at.Org.ID)
	isLive := err == nil
	rests := isLive && live.Org == at.Org.ID && live.Status == souk.InstallationSuspended && (wish || mayWake(live, facts))
	switch {
	case ignoreMissing(err) != nil:
		return done, err
	case isLive && !rests && (live.Org != at.Org.ID || live.Scopes.Equal(app.Asks())):
		return done, souk.AlreadyInstalled
	case !isLive && app.IsAppUserRequired:
		if in.AppUser, err = namesOf(in.AppUser, app); err != nil {
			return done, err // now, and not when somebody approves it
		}
	}
	switch {
	case !at.Org.HasAppsFeature:
		return done, souk.NoAppsFeature
	case wish:
		done.At = at.Org
		done.Requested, err = tx.wish(in, at, app)
		return done, err
	case rests:
		return tx.upgrade(live, souk.InstallationActive, at, app)
	case isLive:
		return tx.upgrade(live, live.Status, at, app)
	}
	return tx.newInstallation(in, at, app)
}

// mayWake reports whether whoever may install an app puts it into effect again by
// that where it is suspended: those who may resume it do, and anybody when it was
// approved since. An approval that stood already says nothing about what an admin
// suspended after it.
func mayWake(i souk.Installation, f souk.Facts) bool {
	return f.Settings || slices.ContainsFunc(f.Standing, func(r souk.Resolution) bool {
		return r.Status == souk.Approved && r.CreatedAt.After(i.UpdatedAt)
	})
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
	var told []souk.Event
	if app.IsAppUserRequired {
		u, err := tx.newAppUser(in.AppUser, app, at.Org)
		if err != nil {
			return done, err
		}
		i.AppUser = u.ID
		e := tx.event(souk.UserAdded, at.Org, at.Enterprise, &app, u.ID)
		e.Data.User = &u
		told = append(told, e)
	}
	if err := tx.PutInstallation(i); err != nil {
		return done, err
	}
	if err := tx.CountInstallation(app.ID, at.Org.Root(), 1); err != nil {
		return done, err
	}
	if _, err := tx.Reach(i, at.Org.ID, tx.at); err != nil {
		return done, err
	}
	if err := tx.supersede(i); err != nil {
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
	added, err := tx.installationEvent(souk.InstallationAdded, at, app, done)
	if err != nil {
		return done, err
	}
	return done, tx.emit(append(told, added)...)
}

// newAppUser makes the bot user of an installation.
func (tx *Tx) newAppUser(names souk.AppUserNames, app souk.App, home souk.Org) (u souk.User, err error) {
	names, err = namesOf(names, app)
	if err != nil {
		return u, err
	}
	u = souk.User{
		ID: souk.NewID(), Org: home.ID, IsBot: true, CreatedAt: tx.at, UpdatedAt: tx.at,
		FirstName: names.FirstName, LastName: names.LastName, Alias: names.Alias,
	}
	if err := tx.PutUser(u, home.Root()); err != nil {
		return u, err
	}
	return u, tx.PutMembership(souk.Membership{User: u.ID, Org: home.ID, Role: souk.Member, CreatedAt: tx.at})
}

// namesOf fills in the app's defaults where an installer gave no name.
func namesOf(names souk.AppUserNames, app souk.App) (souk.AppUserNames, error) {
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
	return names, p.err()
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
func (tx *Tx) upgrade(i souk.Installation, to souk.InstallationStatus, at place, app souk.App) (done Installed, err error) {
	was := i
	i.Scopes, i.Status, i.UpdatedAt = app.Asks(), to, tx.at
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
	if err := tx.audit("Install", at.Org, app.ID, i.ID, was, done); err != nil {
		return done, err
	}
	return done, tx.tellInstallation(souk.InstallationChanged, at, app, done, &souk.EventData{Installation: &was, Workspaces: done.Workspaces})
}

// workspacesOf lists what an installation reaches besides its own org.
func (tx *Tx) workspacesOf(i souk.Installation) ([]souk.ID, error) {
	reached, err := tx.Reached(i.ID)
	return slices.DeleteFunc(reached, func(id souk.ID) bool { return id == i.Org }), err
}

// tellInstallation tells of an installation; before is nil but for a change.
func (tx *Tx) tellInstallation(kind souk.EventKind, at place, app souk.App, done Installed, before *souk.EventData) error {
	e, err := tx.installationEvent(kind, at, app, done)
	if err != nil {
		return err
	}
	e.Data.Before = before
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
	if tx.actor.User.IsZero() || tx.actor.ThroughApp() {
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
	return done, tx.tellInstallation(souk.InstallationChanged, at, app, done, &souk.EventData{Installation: &i, Workspaces: had})
}
