package market

import (
	"context"
	"time"

	"souk"
)

// ZoomAccessLife and ZoomRefreshLife are how long tokens of Zoom's wire answer
// (docs/dialects/zoom.md, "Tokens (OAuth)").
const (
	ZoomAccessLife  = time.Hour
	ZoomRefreshLife = 90 * 24 * time.Hour
)

// reuseGrace is how long after it was replaced a token that renews may be shown
// again without harm: by a client whose answer was lost, or by two of its
// processes at once. It is refused all the same. Whoever shows it later shows what
// the client does not hold any more.
const reuseGrace = time.Minute

// What tokens of Zoom's wire came by, for whoever reads the list.
const (
	forAccount = "Account credentials"
	forItself  = "Client credentials"
)

// ZoomTokens are what an app got for a person.
type ZoomTokens struct {
	Minted         // that answers
	Refresh string // that renews it
}

// AccountToken makes a token with which an app acts in an account where it is
// installed, for whoever installed it there: as long as they administer the
// account and let the app act for them (decision 0056). It refuses WrongSecret,
// UnknownInstallation also for what is no account, NotAuthorized, and souk.Dead.
func (m *Market) AccountToken(ctx context.Context, c ZoomClient, account souk.ID) (done Minted, err error) {
	at := func(*Tx, souk.App) (souk.ID, error) { return account, nil }
	err = m.asClient(ctx, c, at, func(tx *Tx, app souk.App) error {
		i, err := tx.InstallationAt(app.ID, account)
		if err != nil {
			return or(err, souk.UnknownInstallation)
		}
		root, err := tx.Org(account)
		switch {
		case err != nil:
			return err
		case root.Root() != account:
			return souk.UnknownInstallation
		}
		t := souk.Token{Kind: souk.ZoomToken, User: i.InstalledBy, Installation: i.ID, App: app.ID, Org: account, Scopes: i.Scopes}
		if err := tx.wouldAnswer(t); err != nil {
			return err
		}
		_, knows, err := tx.letDo(i, i.InstalledBy, root)
		if err != nil {
			return err
		}
		standing, err := tx.Standing(i.InstalledBy, root)
		if err != nil || !knows || !standing.Decides() {
			return either(err, souk.NotAuthorized)
		}
		done, err = tx.mintNext(t, Minting{Description: forAccount, Life: ZoomAccessLife}, root)
		return err
	})
	return done, err
}

// AppToken makes a token with which an app looks after what is its own, for
// nobody and in no account. It refuses WrongSecret and souk.Dead.
func (m *Market) AppToken(ctx context.Context, c ZoomClient) (done Minted, err error) {
	err = m.asClient(ctx, c, ownerOf, func(tx *Tx, app souk.App) error {
		t := souk.Token{Kind: souk.ZoomToken, App: app.ID, Scopes: souk.AppScopes()}
		if err := tx.wouldAnswer(t); err != nil {
			return err
		}
		org, err := tx.Org(app.Owner)
		if err != nil {
			return err
		}
		done, err = tx.mintNext(t, Minting{Description: forItself, Life: ZoomAccessLife}, org)
		return err
	})
	return done, err
}

// RedeemZoom is Redeem on Zoom's wire, with a token that renews the other. What
// the app got for that person before ends. It refuses what Redeem does.
func (m *Market) RedeemZoom(ctx context.Context, client ZoomClient, in Redeeming) (done ZoomTokens, err error) {
	c := m.readCode(in.Code)
	at := func(*Tx, souk.App) (souk.ID, error) { return c.Org, nil }
	err = m.asClient(ctx, client, at, func(tx *Tx, app souk.App) error {
		in.App = app.ID
		t, err := tx.spend(c, in, souk.ZoomToken, zoomCode)
		if err != nil {
			return err
		}
		if _, err := tx.RevokeFamilies(t.User, t.Installation, tx.at); err != nil {
			return err
		}
		t.Family = c.ID
		done, err = tx.mintBoth(t)
		return err
	})
	return done, err
}

// mintBoth makes a person's token and the one that renews it.
func (tx *Tx) mintBoth(t souk.Token) (done ZoomTokens, err error) {
	org, err := tx.Org(t.Org)
	if err != nil {
		return done, err
	}
	if done.Minted, err = tx.mintNext(t, Minting{Description: authorized, Life: ZoomAccessLife}, org); err != nil {
		return done, err
	}
	t.Kind = souk.ZoomRefreshToken
	next, err := tx.mint(t, Minting{Description: authorized, Life: ZoomRefreshLife}, org)
	done.Refresh = next.Secret
	return done, err
}

// Renew replaces a token that renews by another, and makes a person's token with
// it: with its scopes, as far as they are still granted. It refuses WrongSecret,
// SpentCode for what is no such token of this app or was replaced before,
// ExpiredCode, and souk.Dead. When one that was replaced is shown later than a
// moment after, all that came of it end.
func (m *Market) Renew(ctx context.Context, c ZoomClient, refresh string) (done ZoomTokens, err error) {
	hash := m.Key.Hash(refresh)
	reused := false
	err = m.asClient(ctx, c, orgOfToken(hash), func(tx *Tx, app souk.App) error {
		done, reused = ZoomTokens{}, false // it may run again
		t, err := tx.TokenByHash(hash)
		switch {
		case ignoreMissing(err) != nil:
			return err
		case err != nil, t.Kind != souk.ZoomRefreshToken, t.App != app.ID:
			return souk.SpentCode
		case !t.ExpiresAt.IsZero() && !tx.at.Before(t.ExpiresAt):
			return souk.ExpiredCode
		case !t.RevokedAt.IsZero():
			reused = true // what this ends is to be kept
			return tx.shownAgain(t)
		}
		i, err := tx.Installation(t.Installation)
		if err != nil {
			return err
		}
		next := souk.Token{
			Kind: souk.ZoomToken, User: t.User, Installation: t.Installation, App: t.App, Org: t.Org,
			Family: familyOf(t), Networks: t.Networks,
		}
		for _, s := range t.Scopes {
			if i.Scopes.Has(s) {
				next.Scopes = append(next.Scopes, s)
			}
		}
		if err := tx.wouldAnswer(next); err != nil {
			return err
		}
		org, err := tx.Org(t.Org)
		if err != nil {
			return err
		}
		spent := t
		spent.RevokedAt = tx.at
		if err := tx.endToken("Renew", t, spent, org); err != nil {
			return err
		}
		done, err = tx.mintBoth(next)
		return err
	})
	if err == nil && reused {
		err = souk.SpentCode
	}
	return done, err
}

// familyOf is what names a token among those that renewed one another. One that a
// world document brought along begins its own.
func familyOf(t souk.Token) souk.ID {
	if t.Family.IsZero() {
		return t.ID
	}
	return t.Family
}

// shownAgain ends all that came of a token that renews and was replaced.
func (tx *Tx) shownAgain(t souk.Token) error {
	if tx.at.Sub(t.RevokedAt) <= reuseGrace {
		return nil
	}
	n, err := tx.RevokeFamily(familyOf(t), tx.at)
	if err != nil || n == 0 {
		return err
	}
	org, err := tx.Org(t.Org)
	if err != nil {
		return err
	}
	t.Hash = nil
	return tx.audit("RevokeReused", org, t.App, t.ID, nil, t)
}

// orgOfToken finds where a token belongs.
func orgOfToken(hash []byte) func(*Tx, souk.App) (souk.ID, error) {
	return func(tx *Tx, _ souk.App) (souk.ID, error) {
		t, err := tx.TokenByHash(hash)
		if err != nil {
			return souk.ID{}, err
		}
		org, err := tx.orgOf(t)
		return org.ID, err
	}
}

// Discard ends a token of Zoom's wire for the app that holds it. With a person's,
// the app gives back that it may act for them. What is no token of this app, or
// is over, is nothing to end. It refuses WrongSecret.
func (m *Market) Discard(ctx context.Context, c ZoomClient, secret string) error {
	hash := m.Key.Hash(secret)
	return m.asClient(ctx, c, orgOfToken(hash), func(tx *Tx, app souk.App) error {
		t, err := tx.TokenByHash(hash)
		switch {
		case err != nil:
			return ignoreMissing(err)
		case t.App != app.ID, !t.RevokedAt.IsZero(), t.Kind != souk.ZoomToken && t.Kind != souk.ZoomRefreshToken:
			return nil
		case !t.Family.IsZero() || t.Kind == souk.ZoomRefreshToken:
			return tx.discard(t)
		}
		org, err := tx.orgOf(t)
		if err != nil {
			return err
		}
		ended := t
		ended.RevokedAt = tx.at
		return tx.endToken("Discard", t, ended, org)
	})
}

// discard ends what a person let an app do where a token of theirs answers, and
// all tokens that came of it.
func (tx *Tx) discard(t souk.Token) error {
	org, err := tx.Org(t.Org)
	if err != nil {
		return err
	}
	i, err := tx.Installation(t.Installation)
	if err != nil {
		return err
	}
	found, err := tx.GrantsTo(t.Installation, t.User, org)
	if err != nil {
		return err
	}
	if i.Live() {
		for _, g := range found {
			if err := tx.revokeGrant(g); err != nil {
				return err
			}
		}
	}
	ended := t
	ended.RevokedAt = tx.at
	if err := tx.endToken("Discard", t, ended, org); err != nil {
		return err
	}
	_, err = tx.RevokeFamily(familyOf(t), tx.at)
	return err
}
