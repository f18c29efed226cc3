package market

import (
	"context"
	"crypto/subtle"
	"net/netip"
	"time"

	"souk"
	"souk/store"
)

// exchanged describes the tokens that codes are exchanged for. They last until
// they are revoked (docs/dialects/giosg.md, "Identity").
const exchanged = "Exchanged for a code"

// AppUserCode is a code that was handed to an app with a trigger, whose
// signature a wire has checked.
type AppUserCode struct {
	ID           souk.ID
	App          souk.ID
	Installation souk.ID
	AppUser      souk.ID
	Expires      time.Time
}

// ExchangeAppUserCode makes a token for an installation's app user, once for
// each code. It refuses WrongSecret when app and secret do not belong together,
// SpentCode for a code that was used or is another app's, ExpiredCode, and
// souk.Dead when the token would not answer.
func (m *Market) ExchangeAppUserCode(ctx context.Context, app souk.ID, secret string, in AppUserCode, face string, from netip.Addr) (done Minted, err error) {
	if err := m.proven(ctx, app, secret); err != nil {
		return done, err
	}
	actor := souk.Actor{App: app, Installation: in.Installation, Face: face, Address: from}
	err = m.write(ctx, actor, rootOfInstalled(app, in.Installation), func(tx *Tx) error {
		if err := tx.proves(app, secret); err != nil {
			return err
		}
		i, err := tx.Installation(in.Installation)
		switch {
		case ignoreMissing(err) != nil:
			return err
		case err != nil, in.App != app, i.App != app, i.AppUser != in.AppUser, i.AppUser.IsZero():
			return souk.SpentCode
		case !tx.at.Before(in.Expires):
			return souk.ExpiredCode
		}
		t := tokenOf(i, i.Scopes)
		if err := tx.wouldAnswer(t); err != nil {
			return err
		}
		if first, err := tx.UseCode(in.ID, in.Expires); err != nil || !first {
			return either(err, souk.SpentCode)
		}
		org, err := tx.Org(i.Org)
		if err != nil {
			return err
		}
		done, err = tx.mintNext(t, Minting{Description: exchanged}, org)
		return err
	})
	return done, err
}

// proven refuses WrongSecret as proves does, before anything is locked for
// somebody who only guesses.
func (m *Market) proven(ctx context.Context, app souk.ID, secret string) error {
	return m.DB.Read(ctx, func(s *store.Tx) error { return (&Tx{Tx: s, market: m}).proves(app, secret) })
}

// proves refuses WrongSecret unless app exists and secret is the one that
// giosg's wire shows its owner.
func (tx *Tx) proves(app souk.ID, secret string) error {
	sealed, err := tx.Credentials(app)
	if ignoreMissing(err) != nil {
		return err
	}
	own, err := sealed.OpenGiosg(tx.market.Key)
	if err != nil {
		return err
	}
	a, err := tx.App(app)
	if ignoreMissing(err) != nil {
		return err
	}
	same := subtle.ConstantTimeCompare([]byte(secret), []byte(own)) == 1
	if err != nil || own == "" || !same || !a.DeletedAt.IsZero() {
		return souk.WrongSecret
	}
	return nil
}

// wouldAnswer refuses souk.Dead when a token that is about to be made would not
// answer.
func (tx *Tx) wouldAnswer(t souk.Token) error {
	c, err := tx.callerOf(t)
	if err != nil {
		return err
	}
	if death := souk.DeathOf(souk.TokenFacts{Token: t, User: c.User, Installation: c.Installation, App: c.App, Org: c.Org, Disabled: c.Disabled}, tx.at); death != souk.AliveToken {
		return souk.Dead{Kind: t.Kind, Cause: death}
	}
	return nil
}
