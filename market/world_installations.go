package market

import (
	"errors"
	"fmt"
	"slices"

	"souk"
	"souk/store"
)

// WorldInstallation is an app in effect at an organization.
type WorldInstallation struct {
	Given
	App           Ref
	Org           Ref
	Kind          *souk.InstallationKind // follows from the organization's
	Workspaces    []Ref                  // all that an org-wide one is granted
	AllWorkspaces bool                   // those that exist now
	InstalledBy   Ref
	Status        *souk.InstallationStatus // souk.InstallationActive or souk.InstallationSuspended
	Scopes        []string                 // of a new one all that the app asks for
	AppUser       WorldAppUser             // of a new one, if the app needs any
}

// putInstallations ends before it makes: what ends may stand in the way.
func (a *applier) putInstallations() {
	for _, absent := range []bool{true, false} {
		for key, in := range inOrder(a.world.Installations) {
			if in.Absent == absent {
				a.each("installations", key, "installations."+key, func(o *object) { o.putInstallation(in) })
			}
		}
	}
}

func (o *object) putInstallation(in WorldInstallation) {
	i := look(o, in.Given, o.Installation)
	if in.Absent {
		o.absentInstallation(i)
		return
	}
	if !o.isNew && !i.Live() {
		o.renew(in.Given)
	}
	before := i
	if o.isNew {
		i = souk.Installation{ID: o.id, Status: souk.InstallationActive, CreatedAt: o.Tx.at}
	}
	o.need("app", in.App != "")
	o.need("org", in.Org != "")
	o.need("installed_by", in.InstalledBy != "")
	oneOf(o, "status", in.Status, souk.InstallationActive, souk.InstallationSuspended)
	oneOf(o, "kind", in.Kind, souk.OnWorkspace, souk.OrgWide)
	scopes := o.scopesIn("scopes", in.Scopes)
	in = in.completed(i)
	app, okApp := o.app("app", in.App)
	org, above, okOrg := o.org("org", in.Org)
	by, okBy := o.user("installed_by", in.InstalledBy)
	if !okApp || !okOrg || !okBy {
		return
	}
	fix(o, "app", &i.App, &app.ID)
	fix(o, "org", &i.Org, &org.ID)
	fix(o, "installed_by", &i.InstalledBy, &by.ID)
	if o.isNew {
		o.mayAct("installed_by", by, org)
	}
	kind := souk.OnWorkspace
	if org.Kind == souk.Enterprise {
		kind = souk.OrgWide
	}
	if in.Kind != nil && *in.Kind != kind {
		o.wrong("kind", "must be %s at %s", kind, in.Org)
	}
	i.Kind = kind
	if o.isNew && scopes == nil {
		scopes = app.Asks()
	}
	setList(o, "scopes", &i.Scopes, scopes)
	set(o, "status", &i.Status, in.Status)
	o.mayStand(i, app, org)
	wanted := o.workspaces(in, org)
	if !o.ok() {
		return
	}
	if o.isNew {
		o.bringAppUser(&i, in.AppUser, app, org)
		if !o.ok() {
			return
		}
	}
	if o.isNew || len(o.fields) > 0 {
		i.UpdatedAt = o.Tx.at
		if o.failed(o.PutInstallation(i)) || o.isNew && !o.reach(i, org.ID, "org") {
			return
		}
		if o.isNew && o.failed(o.CountInstallation(app.ID, org.Root(), 1)) {
			return
		}
	}
	if o.isNew || slices.Contains(o.fields, "scopes") {
		grant := souk.Grant{ID: souk.NewID(), User: i.InstalledBy, Installation: i.ID, Scopes: i.Scopes, Status: souk.GrantActive, CreatedAt: o.Tx.at}
		if o.failed(o.PutGrant(grant)) {
			return
		}
	}
	had, err := o.workspacesOf(i)
	if o.failed(err) {
		return
	}
	if wanted != nil {
		o.grant(i, had, wanted)
	}
	if !o.ok() {
		return
	}
	if !o.isNew && len(o.fields) == 0 {
		o.written()
		return
	}
	reached, err := o.workspacesOf(i)
	if o.failed(err) {
		return
	}
	kindOf, was := souk.InstallationChanged, any(before)
	if o.isNew {
		kindOf, was = souk.InstallationAdded, nil
	}
	o.tell(kindOf, org, above, &app, was, Installed{Installation: i, Workspaces: reached}, func(d *souk.EventData) {
		d.Installation, d.Workspaces = &i, reached
		if !o.isNew {
			d.Before = &souk.EventData{Installation: &before, Workspaces: had}
		}
	})
	o.written()
}

// completed fills in what the document need not repeat of an installation that
// is there.
func (in WorldInstallation) completed(i souk.Installation) WorldInstallation {
	for _, f := range []struct {
		ref *Ref
		id  souk.ID
	}{{&in.App, i.App}, {&in.Org, i.Org}, {&in.InstalledBy, i.InstalledBy}} {
		if *f.ref == "" && !f.id.IsZero() {
			*f.ref = Ref(f.id.String())
		}
	}
	return in
}

// mayStand notes what keeps an installation from its place.
func (o *object) mayStand(i souk.Installation, app souk.App, org souk.Org) {
	visible, err := o.IsVisible(app.ID, org)
	if o.failed(err) {
		return
	}
	if !visible {
		o.wrong("app", "the organization has no right to it: it is not public, shared, a partner's or its own")
	}
	switch reaching, err := o.InstallationReaching(app.ID, org.ID); {
	case err == nil && reaching.ID != i.ID:
		o.wrong("org", "is reached by installation %s of this app already", reaching.ID)
	case !errors.Is(err, store.ErrNotFound):
		o.failed(err)
	}
}

// workspaces are those that the document grants; nil when it says nothing.
func (o *object) workspaces(in WorldInstallation, org souk.Org) []souk.ID {
	if in.Workspaces == nil && !in.AllWorkspaces {
		return nil
	}
	if org.Kind != souk.Enterprise {
		o.wrong("workspaces", "only an installation on an enterprise is granted workspaces")
		return nil
	}
	wanted := []souk.ID{}
	if in.AllWorkspaces {
		all, err := o.Workspaces(org.ID)
		o.failed(err)
		for _, w := range all {
			wanted = append(wanted, w.ID)
		}
		return wanted
	}
	for n, ref := range in.Workspaces {
		field := fmt.Sprintf("workspaces[%d]", n)
		w, _, ok := o.org(field, ref)
		if ok && w.Enterprise != org.ID {
			o.wrong(field, "does not lie under the enterprise")
		}
		if ok && !slices.Contains(wanted, w.ID) {
			wanted = append(wanted, w.ID)
		}
	}
	return wanted
}

// grant makes an org-wide installation that had some workspaces reach exactly
// those wanted.
func (o *object) grant(i souk.Installation, had, wanted []souk.ID) {
	var lost []souk.ID
	for _, id := range had {
		if !slices.Contains(wanted, id) {
			lost = append(lost, id)
		}
	}
	if len(lost) > 0 {
		o.fields = append(o.fields, "workspaces")
		if o.failed(o.Unreach(i.ID, lost...)) {
			return
		}
	}
	for _, id := range wanted {
		if slices.Contains(had, id) {
			continue
		}
		o.fields = append(o.fields, "workspaces")
		if !o.reach(i, id, "workspaces") {
			return
		}
	}
}

// reach makes an installation reach an org, which no other of the app does.
func (o *object) reach(i souk.Installation, org souk.ID, field string) bool {
	reached, err := o.Reach(i, org, o.Tx.at)
	if o.failed(err) {
		return false
	}
	if !reached {
		o.wrong(field, "%s is reached by another installation of this app already", org)
	}
	return reached
}

// bringAppUser makes the app user of a new installation.
func (o *object) bringAppUser(i *souk.Installation, in WorldAppUser, app souk.App, org souk.Org) {
	if !app.IsAppUserRequired {
		return
	}
	var names souk.AppUserNames
	for to, given := range map[*string]*string{&names.FirstName: in.FirstName, &names.LastName: in.LastName, &names.Alias: in.Alias} {
		if given != nil {
			*to = *given
		}
	}
	u, err := o.newAppUser(names, app, org)
	if !o.refused("app_user", err) {
		i.AppUser = u.ID
	}
}

func (o *object) absentInstallation(i souk.Installation) {
	if o.isNew || !i.Live() || !o.ok() {
		return
	}
	app, at, err := o.where(i.App, i.Org)
	if o.failed(err) {
		return
	}
	if _, err := o.endInstallation(i, app, at, "ApplyWorld"); o.failed(err) {
		return
	}
	o.step(Remove, nil)
}
