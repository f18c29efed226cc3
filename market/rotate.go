package market

import (
	"context"
	"fmt"
	"time"

	"souk"
	"souk/store"
)

// MaxSecretOverlap is how long the old secret of a webhook may go on signing
// beside the new one.
const MaxSecretOverlap = 7 * 24 * time.Hour

// RotateWebhookSecret gives a webhook another secret, which is told this once.
// Until the overlap is over every request is signed with the old one, too; one
// that was replaced before ends now. Who may put the webhook may. It refuses
// UnknownApp, UnknownWebhook, OrgNotGranted, NotAllowed, NoOwnSecret and
// Invalid.
func (m *Market) RotateWebhookSecret(ctx context.Context, actor souk.Actor, app, id souk.ID, overlap time.Duration) (w souk.Webhook, err error) {
	var p problems
	if overlap < 0 || overlap > MaxSecretOverlap {
		p.add("overlap", "must be at most %s", MaxSecretOverlap)
		return w, p.err()
	}
	err = m.write(ctx, actor, ownerOfApp(app), func(tx *Tx) error {
		sealed, err := tx.webhookOf(app, id)
		if err != nil {
			return err
		}
		if sealed.Dialect != souk.Native {
			return souk.NoOwnSecret
		}
		before := sealed.Webhook
		if w, err = sealed.Open(tx.market.Key); err != nil {
			return fmt.Errorf("rotating: %w", err)
		}
		w.OldSecret, w.OldUntil = w.Secret, tx.at.Add(overlap)
		if overlap == 0 {
			w.OldSecret, w.OldUntil = "", time.Time{}
		}
		w.Secret, w.UpdatedAt, w.UpdatedBy = newWebhookSecret(), tx.at, tx.actor.User
		if err := tx.PutWebhook(store.SealWebhook(tx.market.Key, w)); err != nil {
			return err
		}
		if err := tx.forget(w); err != nil { // a receiver that had another secret refused everything
			return err
		}
		after := w
		after.Secret, after.OldSecret = "", ""
		return tx.tellWebhook("RotateWebhookSecret", souk.WebhookChanged, after, before, after)
	})
	if err != nil {
		return souk.Webhook{}, err
	}
	return w, nil
}
