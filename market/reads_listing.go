package market

import (
	"context"

	"souk"
)

// What the operator looks at before deciding what others cannot.

// ListingQueue lists the apps that are so far on their way into the public
// catalogue, suspended ones too; the operator may. It refuses NotAllowed.
func (m *Market) ListingQueue(ctx context.Context, actor souk.Actor, listing souk.Listing, page souk.Page) (views []AppView, err error) {
	if !actor.IsOperator() {
		return nil, souk.NotAllowed
	}
	err = m.read(ctx, actor, func(tx *Tx) error {
		apps, err := tx.AppsListedAs(listing, page)
		if err != nil {
			return err
		}
		views, err = tx.appViews(apps)
		return err
	})
	return views, err
}

// Listing finds one app as ListingQueue shows it. It refuses NotAllowed and
// UnknownApp.
func (m *Market) Listing(ctx context.Context, actor souk.Actor, id souk.ID) (v AppView, err error) {
	if !actor.IsOperator() {
		return v, souk.NotAllowed
	}
	err = m.read(ctx, actor, func(tx *Tx) error {
		app, err := tx.App(id)
		if err != nil {
			return or(err, souk.UnknownApp)
		}
		if !app.DeletedAt.IsZero() {
			return souk.UnknownApp
		}
		v, err = tx.appView(app)
		return err
	})
	return v, err
}

// Entitlements finds an org with what it paid for; the operator may. It refuses
// NotAllowed and UnknownOrg.
func (m *Market) Entitlements(ctx context.Context, actor souk.Actor, id souk.ID) (org souk.Org, err error) {
	if !actor.IsOperator() {
		return org, souk.NotAllowed
	}
	err = m.read(ctx, actor, func(tx *Tx) error {
		at, err := tx.place(id)
		org = at.Org
		return err
	})
	return org, err
}
