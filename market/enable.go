package market

import (
	"context"
	"errors"
	"fmt"
	"time"

	"souk"
	"souk/store"
)

// Meanwhile is what becomes of what a webhook was not told while it was
// disabled.
type Meanwhile string

// What was held is told now, or none of it is; or what was held and what failed
// since a time is told, and nothing older.
const (
	Resume Meanwhile = "resume"
	Skip   Meanwhile = "skip"
	Replay Meanwhile = "replay"
)

// Meanwhiles are all there are.
var Meanwhiles = []Meanwhile{Resume, Skip, Replay}

// Enabling is a webhook that is to be told things again.
type Enabling struct {
	App, Webhook souk.ID
	Held         Meanwhile
	Since        time.Time // of Replay
}

func (in Enabling) check(at time.Time) error {
	var p problems
	switch {
	case in.Held != Resume && in.Held != Skip && in.Held != Replay:
		p.add("held", "must be one of %q", Meanwhiles)
	case in.Held == Replay && in.Since.IsZero():
		p.add("since", "is required for a replay")
	case in.Held != Replay && !in.Since.IsZero():
		p.add("since", "is for a replay")
	case in.Since.After(at):
		p.add("since", "must not lie in the future")
	}
	return p.err()
}

// EnableWebhook has a webhook told things again that was disabled, paused or
// not verified yet, once it has passed its dialect's handshake. How it fared
// before is forgotten. Who may put the webhook may. It refuses what
// VerifyWebhook does, Invalid, and ReplayGoesOn for Replay.
func (m *Market) EnableWebhook(ctx context.Context, actor souk.Actor, in Enabling) (w souk.Webhook, err error) {
	if err := in.check(m.now()); err != nil {
		return w, err
	}
	return m.verified(ctx, actor, in.App, in.Webhook, func(tx *Tx, w store.SealedWebhook) (souk.Webhook, error) {
		return tx.enable("EnableWebhook", souk.WebhookWasEnabled, w, in)
	})
}

// verified runs a webhook's handshake and then fn, unless the webhook got
// another URL meanwhile.
func (m *Market) verified(ctx context.Context, actor souk.Actor, app, id souk.ID, fn func(*Tx, store.SealedWebhook) (souk.Webhook, error)) (w souk.Webhook, err error) {
	var with souk.Credentials
	err = m.read(ctx, actor, func(tx *Tx) error {
		found, err := tx.webhookOf(app, id)
		if err != nil {
			return err
		}
		if w, err = found.Open(m.Key); err != nil {
			return err
		}
		with, err = tx.credentials(app)
		return err
	})
	if err != nil {
		return w, err
	}
	if err := m.CheckURL(w.URL); err != nil {
		return w, fmt.Errorf("%w: %w", souk.BlockedAddress, err)
	}
	w.Status = souk.WebhookActive
	if err := m.prove(ctx, w, with); err != nil {
		return w, err
	}
	asked := w.URL
	err = m.write(ctx, actor, ownerOfApp(app), func(tx *Tx) error {
		found, err := tx.webhookOf(app, id)
		if err != nil {
			return err
		}
		if found.URL != asked {
			return souk.NotVerified // another URL answered the handshake
		}
		if w, err = fn(tx, found); err != nil {
			return err
		}
		w.Auth, err = tx.masked(found)
		return err
	})
	return w, err
}

// enable makes a webhook active, as one that has not failed yet.
func (tx *Tx) enable(verb string, kind souk.EventKind, w store.SealedWebhook, in Enabling) (souk.Webhook, error) {
	before := w.Webhook
	w.Status, w.DisabledAt, w.DisabledWhy = souk.WebhookActive, time.Time{}, ""
	w.UpdatedAt, w.UpdatedBy = tx.at, tx.actor.User
	if in.Held == Skip {
		w.Epoch++
	}
	if err := tx.PutWebhook(w); err != nil {
		return w.Webhook, err
	}
	if err := errors.Join(tx.forget(w.Webhook), tx.checkAgain(w.Webhook)); err != nil {
		return w.Webhook, err
	}
	if err := tx.settleSince(w.Webhook, in.Since); err != nil {
		return w.Webhook, err
	}
	if in.Held == Replay {
		if _, err := tx.startReplay(w.Webhook, Replaying{Since: in.Since}); err != nil {
			return w.Webhook, err
		}
	}
	return w.Webhook, tx.tellWebhook(verb, kind, w.Webhook, before, w.Webhook)
}

// settleSince is settleWebhook, but that of what was held only that is told which
// is from since or later; what is older is skipped.
func (tx *Tx) settleSince(w souk.Webhook, since time.Time) error {
	n, err := tx.settleSome(w, since, few)
	if err != nil || n < few {
		return err
	}
	return tx.later(store.Job{Kind: store.SettleWebhook, App: w.App, Other: w.ID, Verb: "SettleWebhook", After: souk.Position{At: since}})
}

// forget begins a webhook's health anew: what failed before it was changed is not
// held against what it is now.
func (tx *Tx) forget(w souk.Webhook) error {
	known, err := tx.HealthOf([]souk.ID{w.ID})
	if err != nil || known[w.ID].Endpoint.IsZero() {
		return err
	}
	return tx.PutHealth([]souk.Health{{
		Endpoint: w.ID, App: w.App, Dialect: w.Dialect, SucceededAt: known[w.ID].SucceededAt,
		Breaker: souk.BreakerClosed, UpdatedAt: tx.at,
	}})
}
