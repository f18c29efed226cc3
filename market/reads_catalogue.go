package market

import (
	"context"

	"souk"
)

// The reads of somebody who works for an org: each refuses what Desk does
// before it looks for anything, and what is not in that org's view is unknown.

// at runs a read at an org's desk.
func (m *Market) at(ctx context.Context, actor souk.Actor, org souk.ID, need Need, fn func(*Tx, place) error) error {
	return m.read(ctx, actor, func(tx *Tx) error {
		p, err := tx.deskOrHome(org, need)
		if err != nil {
			return err
		}
		return fn(tx, p)
	})
}

// PublicApps lists the apps that everybody may have.
func (m *Market) PublicApps(ctx context.Context, actor souk.Actor, page souk.Page) (views []AppView, err error) {
	err = m.at(ctx, actor, souk.ID{}, MaySettings, func(tx *Tx, _ place) error {
		apps, err := tx.Tx.PublicApps(page)
		if err != nil {
			return err
		}
		views, err = tx.appViews(apps)
		return err
	})
	return views, err
}

// PublicApp finds one of PublicApps. It refuses UnknownApp.
func (m *Market) PublicApp(ctx context.Context, actor souk.Actor, id souk.ID) (v AppView, err error) {
	err = m.at(ctx, actor, souk.ID{}, MaySettings, func(tx *Tx, _ place) error {
		app, err := tx.Tx.PublicApp(id)
		if err != nil {
			return or(err, souk.UnknownApp)
		}
		v, err = tx.appView(app)
		return err
	})
	return v, err
}

// PartnerApps lists the apps that an org's partners offer to it or shared with
// it.
func (m *Market) PartnerApps(ctx context.Context, actor souk.Actor, org souk.ID, page souk.Page) (views []AppView, err error) {
	err = m.at(ctx, actor, org, MaySettings, func(tx *Tx, p place) error {
		apps, err := tx.Tx.PartnerApps(p.Org, page)
		if err != nil {
			return err
		}
		views, err = tx.appViews(apps)
		return err
	})
	return views, err
}

// PartnerApp finds one of PartnerApps. It refuses UnknownApp.
func (m *Market) PartnerApp(ctx context.Context, actor souk.Actor, org, id souk.ID) (v AppView, err error) {
	err = m.at(ctx, actor, org, MaySettings, func(tx *Tx, p place) error {
		app, err := tx.Tx.PartnerApp(p.Org, id)
		if err != nil {
			return or(err, souk.UnknownApp)
		}
		v, err = tx.appView(app)
		return err
	})
	return v, err
}

// OwnedApps lists the apps of an org, with their secrets.
func (m *Market) OwnedApps(ctx context.Context, actor souk.Actor, org souk.ID, page souk.Page) (views []AppView, err error) {
	err = m.at(ctx, actor, org, MaySettings, func(tx *Tx, p place) error {
		apps, err := tx.Tx.OwnedApps(org, page)
		if err != nil {
			return err
		}
		views, err = tx.ownedViews(apps, p.Org)
		return err
	})
	return views, err
}

// OwnedApp finds one of OwnedApps. It refuses UnknownApp.
func (m *Market) OwnedApp(ctx context.Context, actor souk.Actor, org, id souk.ID) (v AppView, err error) {
	err = m.at(ctx, actor, org, MaySettings, func(tx *Tx, p place) error {
		app, err := tx.ownedBy(org, id)
		if err != nil {
			return err
		}
		v, err = tx.ownedView(app, p.Org)
		return err
	})
	return v, err
}

// InstalledApps lists the apps that are live at an org, by when the app was
// made, also through an org-wide installation.
func (m *Market) InstalledApps(ctx context.Context, actor souk.Actor, org souk.ID, page souk.Page) (views []AppView, err error) {
	err = m.at(ctx, actor, org, MaySettings, func(tx *Tx, _ place) error {
		apps, err := tx.Tx.InstalledApps(org, page)
		if err != nil {
			return err
		}
		views, err = tx.appViews(apps)
		return err
	})
	return views, err
}

// InstalledApp finds one of InstalledApps. It refuses UnknownApp.
func (m *Market) InstalledApp(ctx context.Context, actor souk.Actor, org, id souk.ID) (v AppView, err error) {
	err = m.at(ctx, actor, org, MaySettings, func(tx *Tx, _ place) error {
		app, err := tx.Tx.InstalledApp(org, id)
		if err != nil {
			return or(err, souk.UnknownApp)
		}
		v, err = tx.appView(app)
		return err
	})
	return v, err
}

// AppInstallations lists the live installations that an org made itself.
func (m *Market) AppInstallations(ctx context.Context, actor souk.Actor, org souk.ID, page souk.Page) (views []InstallView, err error) {
	err = m.at(ctx, actor, org, MaySettings, func(tx *Tx, _ place) error {
		found, err := tx.InstallationsBy(org, page)
		if err != nil {
			return err
		}
		views, err = tx.installViews(found)
		return err
	})
	return views, err
}

// AppInstallation finds one of AppInstallations. It refuses
// UnknownInstallation.
func (m *Market) AppInstallation(ctx context.Context, actor souk.Actor, org, id souk.ID) (v InstallView, err error) {
	err = m.at(ctx, actor, org, MaySettings, func(tx *Tx, _ place) error {
		i, err := tx.InstallationAtOrg(org, id)
		if err != nil {
			return or(err, souk.UnknownInstallation)
		}
		v, err = tx.installView(i)
		if err == nil && !v.Of.DeletedAt.IsZero() {
			err = souk.UnknownInstallation
		}
		return err
	})
	return v, err
}

// InstallationsOfOwned lists the live installations of an org's app, wherever
// they are. It refuses UnknownApp.
func (m *Market) InstallationsOfOwned(ctx context.Context, actor souk.Actor, org, app souk.ID, page souk.Page) (views []InstallView, err error) {
	err = m.at(ctx, actor, org, MaySettings, func(tx *Tx, _ place) error {
		if _, err := tx.lookedAfter(org, app); err != nil {
			return err
		}
		found, err := tx.InstallationsOfApp(app, page)
		if err != nil {
			return err
		}
		views, err = tx.installViews(found)
		return err
	})
	return views, err
}

// InstallationsOf lists the live installations of an app, newest first, to
// whoever may change its webhooks: its owner, and the app by its own token. It
// refuses UnknownApp and NotAllowed.
func (m *Market) InstallationsOf(ctx context.Context, actor souk.Actor, app souk.ID, page souk.Page) (views []InstallView, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		if _, _, err := tx.ownedApp(app); err != nil {
			return err
		}
		found, err := tx.InstallationsOfApp(app, page)
		if err != nil {
			return err
		}
		views, err = tx.installViews(found)
		return err
	})
	return views, err
}

// InstallationOfOwned finds one of InstallationsOfOwned by its ID or by the org
// that made it. It refuses UnknownApp and UnknownInstallation.
func (m *Market) InstallationOfOwned(ctx context.Context, actor souk.Actor, org, app, target souk.ID) (v InstallView, err error) {
	err = m.at(ctx, actor, org, MaySettings, func(tx *Tx, _ place) error {
		if _, err := tx.lookedAfter(org, app); err != nil {
			return err
		}
		i, err := tx.InstallationOf(app, target)
		if err != nil {
			return or(err, souk.UnknownInstallation)
		}
		v, err = tx.installView(i)
		return err
	})
	return v, err
}
