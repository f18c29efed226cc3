package market

import (
	"context"

	"souk"
)

// InstallationView is an installation with its app and its reach.
type InstallationView struct {
	souk.Installation
	App        souk.App
	Workspaces []souk.ID // that it reaches besides its own org, told there alone
}

// Installations lists what is in effect at an org, newest first; members and
// the operator may. It refuses UnknownOrg, OrgNotGranted and NotAllowed.
func (m *Market) Installations(ctx context.Context, actor souk.Actor, org souk.ID, page souk.Page) (views []InstallationView, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		at, err := tx.belonging(org)
		if err != nil {
			return err
		}
		found, err := tx.InstallationsPage(org, page)
		if err != nil {
			return err
		}
		var apps []souk.ID
		for _, i := range found {
			apps = append(apps, i.App)
		}
		appOf, err := tx.Apps(unique(apps))
		if err != nil {
			return err
		}
		for _, i := range found {
			v := InstallationView{Installation: i, App: appOf[i.App]}
			if v.Workspaces, err = tx.workspacesToldAt(at.Org, i); err != nil {
				return err
			}
			views = append(views, v)
		}
		return nil
	})
	return views, err
}

// InstallationOf finds the installation of an app that reaches an org; members
// and the operator may. It refuses UnknownOrg, OrgNotGranted, NotAllowed, and
// UnknownApp when none does.
func (m *Market) InstallationOf(ctx context.Context, actor souk.Actor, app, org souk.ID) (v InstallationView, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		at, err := tx.belonging(org)
		if err != nil {
			return err
		}
		if v.Installation, err = tx.InstallationReaching(app, org); err != nil {
			return or(err, souk.UnknownApp)
		}
		if v.App, err = tx.App(app); err != nil {
			return err
		}
		v.Workspaces, err = tx.workspacesToldAt(at.Org, v.Installation)
		return err
	})
	return v, err
}

// workspacesToldAt lists what an installation reaches besides its own org,
// which is told there alone: it names other orgs.
func (tx *Tx) workspacesToldAt(org souk.Org, i souk.Installation) ([]souk.ID, error) {
	if i.Kind != souk.OrgWide || i.Org != org.ID {
		return nil, nil
	}
	return tx.workspacesOf(i)
}
