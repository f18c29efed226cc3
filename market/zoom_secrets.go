package market

import (
	"context"
	"time"

	"souk"
	"souk/store"
)

// MaxZoomOverlap is how long after a client secret of Zoom's wire was replaced the
// old one may answer, and how far ahead the secret token of its webhooks may be
// replaced.
const MaxZoomOverlap = 30 * 24 * time.Hour

// Of a client secret all may be changed three times in a while
// (docs/dialects/zoom.md, "Secrets").
const rotationWindow = 15 * time.Minute

// ZoomSecret is a client secret that took the place of another.
type ZoomSecret struct {
	ID       souk.ID
	Secret   string    // told once; empty where only the end of the old one changed
	OldUntil time.Time // the old one answers before this
}

// RotateZoomSecret gives an app another client secret on Zoom's wire. The present
// one answers until a time, at most MaxZoomOverlap from now; the zero time means
// now. One that was replaced before ends at once. Whoever holds settings at the
// app's owner may, and the app itself. It refuses UnknownApp, OrgNotGranted,
// NotAllowed, Invalid and ChangedTooOften.
func (m *Market) RotateZoomSecret(ctx context.Context, actor souk.Actor, app souk.ID, oldUntil time.Time) (ZoomSecret, error) {
	return m.changeZoomSecret(ctx, actor, app, "RotateZoomSecret", oldUntil, func(tx *Tx, c *souk.Credentials) (string, error) {
		c.ZoomOldClientSecret, c.ZoomClientSecret = c.ZoomClientSecret, newZoomSecret()
		c.ZoomRotation.ID, c.ZoomRotation.At = souk.NewID(), tx.at
		return c.ZoomClientSecret, nil
	})
}

// EndOldZoomSecret says when the client secret that was replaced ends: at most
// MaxZoomOverlap from when it was. It refuses what RotateZoomSecret does, and
// UnknownSecret when none that was replaced answers any more.
func (m *Market) EndOldZoomSecret(ctx context.Context, actor souk.Actor, app souk.ID, oldUntil time.Time) (ZoomSecret, error) {
	return m.changeZoomSecret(ctx, actor, app, "EndOldZoomSecret", oldUntil, func(tx *Tx, c *souk.Credentials) (string, error) {
		if c.OldZoomSecret(tx.at) == "" {
			return "", souk.UnknownSecret
		}
		return "", nil
	})
}

func (m *Market) changeZoomSecret(ctx context.Context, actor souk.Actor, id souk.ID, verb string, oldUntil time.Time,
	change func(*Tx, *souk.Credentials) (string, error)) (done ZoomSecret, err error) {
	err = m.write(ctx, actor, ownerOfApp(id), func(tx *Tx) error {
		app, at, err := tx.ownedApp(id)
		if err != nil {
			return err
		}
		c, err := tx.credentials(app.ID)
		if err != nil {
			return err
		}
		if last := c.ZoomRotation.Changes; !last[2].IsZero() && tx.at.Before(last[2].Add(rotationWindow)) {
			return souk.ChangedTooOften
		}
		if done.Secret, err = change(tx, &c); err != nil {
			return err
		}
		until := oldUntil
		if until.IsZero() {
			until = tx.at
		}
		var p problems
		if until.Before(tx.at) || until.After(c.ZoomRotation.At.Add(MaxZoomOverlap)) {
			p.add("revoke_old_secret_time", "must lie ahead, and at most 30 days after the secret was replaced")
			return p.err()
		}
		c.ZoomOldUntil = until
		if !until.After(tx.at) {
			c.ZoomOldClientSecret, c.ZoomOldUntil = "", time.Time{}
		}
		c.ZoomRotation.Changes = [3]time.Time{tx.at, c.ZoomRotation.Changes[0], c.ZoomRotation.Changes[1]}
		done.ID, done.OldUntil = c.ZoomRotation.ID, until
		if err := tx.PutCredentials(store.SealCredentials(tx.market.Key, c)); err != nil {
			return err
		}
		return tx.audit(verb, at.Org, app.ID, done.ID, nil, ZoomSecret{ID: done.ID, OldUntil: until})
	})
	if err != nil {
		return ZoomSecret{}, err
	}
	return done, nil
}

// NextZoomToken is the secret token that will sign what is sent to an app's webhooks on
// Zoom's wire.
type NextZoomToken struct {
	Secret string    // told once
	At     time.Time // from when on it signs
}

// RotateZoomToken gives an app another secret token for its webhooks on Zoom's
// wire, and says when it takes the place of the present one: at a time at most
// MaxZoomOverlap from now, the zero time means now. Until then another call makes
// another. A request has one signature, by the token of the moment. Who may, and
// what it refuses, is as for RotateZoomSecret but for ChangedTooOften.
func (m *Market) RotateZoomToken(ctx context.Context, actor souk.Actor, id souk.ID, from time.Time) (next NextZoomToken, err error) {
	err = m.write(ctx, actor, ownerOfApp(id), func(tx *Tx) error {
		app, at, err := tx.ownedApp(id)
		if err != nil {
			return err
		}
		next = NextZoomToken{newZoomToken(), from}
		if from.IsZero() {
			next.At = tx.at
		}
		var p problems
		if next.At.Before(tx.at) || next.At.After(tx.at.Add(MaxZoomOverlap)) {
			p.add("at", "must lie ahead, at most 30 days")
			return p.err()
		}
		c, err := tx.credentials(app.ID)
		if err != nil {
			return err
		}
		c.ZoomWebhookSecret = c.ZoomSigner(tx.at)
		c.ZoomNextWebhookSecret, c.ZoomSwitchAt = next.Secret, next.At
		if err := tx.PutCredentials(store.SealCredentials(tx.market.Key, c)); err != nil {
			return err
		}
		return tx.audit("RotateZoomToken", at.Org, app.ID, souk.ID{}, nil, NextZoomToken{At: next.At})
	})
	if err != nil {
		return NextZoomToken{}, err
	}
	return next, nil
}
