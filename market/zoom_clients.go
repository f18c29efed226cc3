package market

import (
	"context"
	"crypto/subtle"
	"net/netip"

	"souk"
	"souk/store"
)

// ZoomClient is an app that says who it is by its client id and secret of Zoom's
// wire.
type ZoomClient struct {
	ID, Secret string
	Face       string
	From       netip.Addr
}

// ZoomApp finds the app that goes by a client id of Zoom's wire. It refuses
// UnknownApp.
func (m *Market) ZoomApp(ctx context.Context, client string) (app souk.ID, err error) {
	err = m.DB.Read(ctx, func(s *store.Tx) error {
		app, err = s.AppWithZoomClient(client)
		return or(err, souk.UnknownApp)
	})
	return app, err
}

// asClient runs fn for the app that a client proved to be. at finds the org that
// fn works at; what it refuses is for fn to refuse. It refuses WrongSecret, before
// anything is locked for somebody who only guesses.
func (m *Market) asClient(ctx context.Context, c ZoomClient, at func(*Tx, souk.App) (souk.ID, error), fn func(*Tx, souk.App) error) error {
	var app souk.App
	err := m.DB.Read(ctx, func(s *store.Tx) (err error) {
		app, err = (&Tx{Tx: s, market: m, at: m.now()}).provenBy(c)
		return err
	})
	if err != nil {
		return err
	}
	find := func(s *store.Tx) (store.Locks, error) {
		org, err := at(&Tx{Tx: s, market: m}, app)
		if err != nil {
			return store.Locks{}, unlessRefused(ignoreMissing(err))
		}
		return rootOf(org, app.ID)(s)
	}
	return m.write(ctx, souk.Actor{App: app.ID, Face: c.Face, Address: c.From}, find, func(tx *Tx) error {
		app, err := tx.provenBy(c)
		if err != nil {
			return err
		}
		return fn(tx, app)
	})
}

// provenBy finds the app that c is by its word and its secret, the present one or
// one that was replaced and still answers. It refuses WrongSecret.
func (tx *Tx) provenBy(c ZoomClient) (app souk.App, err error) {
	id, err := tx.AppWithZoomClient(c.ID)
	if err != nil {
		return app, or(err, souk.WrongSecret)
	}
	own, err := tx.credentials(id)
	if err != nil {
		return app, err
	}
	same := false
	for _, secret := range []string{own.ZoomClientSecret, own.OldZoomSecret(tx.at)} {
		same = secret != "" && subtle.ConstantTimeCompare([]byte(c.Secret), []byte(secret)) == 1 || same
	}
	if !same {
		return app, souk.WrongSecret
	}
	if app, err = tx.App(id); err == nil && !app.DeletedAt.IsZero() {
		err = souk.WrongSecret
	}
	return app, err
}

// ownerOf is where an app works for itself.
func ownerOf(_ *Tx, app souk.App) (souk.ID, error) { return app.Owner, nil }

// Compliance is what an app says that it did with the data of somebody who left
// it.
type Compliance struct {
	User, Account souk.ID // none where it says nothing that is one
	Completed     bool
}

// Comply takes down what an app says, and does nothing else
// (docs/dialects/zoom.md, "Deauthorization and data compliance"). It refuses
// WrongSecret.
func (m *Market) Comply(ctx context.Context, c ZoomClient, said Compliance) error {
	return m.asClient(ctx, c, ownerOf, func(tx *Tx, app souk.App) error {
		org, err := tx.Org(app.Owner)
		if err != nil {
			return err
		}
		return tx.audit("Comply", org, app.ID, said.User, nil, said)
	})
}
