package market

import (
	"math"
	"time"

	"souk"
	"souk/store"
)

// settleRows is how many deliveries a step settles.
const settleRows = 100

// settleWebhook has what a webhook is still to be told follow what the webhook
// is now. A verb settles a few itself and a job the rest; until then the courier
// looks at the webhook before each attempt.
func (tx *Tx) settleWebhook(w souk.Webhook) error {
	n, err := tx.settleSome(w, time.Time{}, few)
	if err != nil || n < few {
		return err
	}
	return tx.later(store.Job{Kind: store.SettleWebhook, App: w.App, Other: w.ID, Verb: "SettleWebhook"})
}

func (tx *Tx) stepSettleWebhook(j *store.Job) (left bool, err error) {
	found, err := tx.LiveWebhooks([]souk.ID{j.Other})
	if err != nil {
		return false, err
	}
	n, err := tx.settleSome(found[j.Other].Webhook, j.After.At, settleRows)
	return n == settleRows, err
}

// settleSome is a part of it, at most so many deliveries. What was held of an
// active webhook is due again if it is from since or later, and else skipped.
func (tx *Tx) settleSome(w souk.Webhook, since time.Time, most int) (n int64, err error) {
	if !w.DeletedAt.IsZero() {
		return tx.SettleWebhook(w.ID, math.MaxInt64, souk.DeliveryCancelled, "the webhook was deleted", tx.at, most)
	}
	did := func(more int64, failed error) {
		n, err = n+more, failed
		most -= int(more)
	}
	did(tx.SettleWebhook(w.ID, w.Epoch, souk.DeliverySkipped, "it was skipped when the webhook was enabled", tx.at, most))
	switch {
	case err != nil || most == 0:
	case w.Status == souk.WebhookDisabled && souk.DisableRules[w.Dialect].Holds:
		did(tx.Hold(w.ID, most))
	case w.Status == souk.WebhookDisabled:
		did(tx.SettleWebhook(w.ID, math.MaxInt64, souk.DeliverySkipped, "the webhook is disabled", tx.at, most))
	case w.Status == souk.WebhookActive:
		before := n
		did(tx.Release(w.ID, since, tx.at, most))
		tx.freed = tx.freed || n > before
		if err == nil && most > 0 && !since.IsZero() {
			did(tx.skipHeld(w.ID, since, most, "it is older than what the webhook was to be told when it was enabled"))
		}
	}
	return n, err
}

// settleInstallation ends what is still to be told for an installation that
// ended, its last words excepted.
func (tx *Tx) settleInstallation(i souk.Installation) error {
	n, err := tx.cancelFor(i.ID, few)
	if err != nil || n < few {
		return err
	}
	return tx.later(store.Job{Kind: store.SettleInstallation, App: i.App, Other: i.ID, Verb: "SettleInstallation"})
}

func (tx *Tx) stepSettleInstallation(j *store.Job) (left bool, err error) {
	n, err := tx.cancelFor(j.Other, settleRows)
	return n == settleRows, err
}

// cancelFor is a part of it. Others may have waited for what it ends.
func (tx *Tx) cancelFor(installation souk.ID, most int) (int64, error) {
	n, err := tx.SettleInstallation(installation, souk.DeliveryCancelled, "the installation ended", tx.at, most)
	tx.freed = tx.freed || n > 0
	return n, err
}

// supersede ends the last words about installations that a new one came in place
// of: whoever heard them now could not tell them from news of the new one.
func (tx *Tx) supersede(by souk.Installation) error {
	n, err := tx.settleFinals(by, few)
	if err != nil || n < few {
		return err
	}
	return tx.later(store.Job{Kind: store.SettleFinals, App: by.App, Other: by.ID, Verb: "SettleFinals"})
}

func (tx *Tx) stepSettleFinals(j *store.Job) (left bool, err error) {
	by, err := tx.Installation(j.Other)
	if err != nil {
		return false, err
	}
	n, err := tx.settleFinals(by, settleRows)
	return n == settleRows, err
}

func (tx *Tx) settleFinals(by souk.Installation, most int) (int64, error) {
	n, err := tx.SettleFinals(by, souk.DeliveryCancelled, "superseded: the app was installed again", tx.at, most)
	tx.freed = tx.freed || n > 0
	return n, err
}
