package market

import (
	"context"

	"souk"
	"souk/store"
)

// Redeliver has a delivery that is over made once more, however it ended: at
// once, as it was and under the same ID, outside of any order, and with all the
// retries of a first one. Who may put the webhook may. It refuses UnknownApp,
// UnknownWebhook, UnknownDelivery, OrgNotGranted, NotAllowed, WebhookInactive,
// DeliveryOpen and InstallationOver.
func (m *Market) Redeliver(ctx context.Context, actor souk.Actor, app, webhook, delivery souk.ID) (v DeliveryView, err error) {
	err = m.write(ctx, actor, ownerOfApp(app), func(tx *Tx) error {
		w, err := tx.webhookOf(app, webhook)
		if err != nil {
			return err
		}
		d, err := tx.Delivery(delivery)
		if err != nil {
			return or(err, souk.UnknownDelivery)
		}
		switch {
		case d.Webhook != webhook:
			return souk.UnknownDelivery
		case d.Status == souk.DeliveryPending, d.Status == souk.DeliveryHeld:
			return souk.DeliveryOpen
		case w.Status != souk.WebhookActive:
			return souk.WebhookInactive
		}
		justified, err := tx.justified([]souk.Delivery{d})
		if err != nil {
			return err
		}
		if !justified(d) {
			return souk.InstallationOver
		}
		before := d.Status
		if d, err = tx.again(d, w.Webhook); err != nil {
			return err
		}
		views, err := tx.deliveryViews([]souk.Delivery{d})
		if err != nil {
			return err
		}
		v = views[0]
		_, at, err := tx.ownedApp(app)
		if err != nil {
			return err
		}
		return tx.audit("Redeliver", at.Org, app, d.ID, before, d.Status)
	})
	return v, err
}

// again puts a delivery that ended back into the outbox, due now. It is of the
// webhook's present epoch: somebody asked for it who knows what was skipped.
func (tx *Tx) again(d souk.Delivery, w souk.Webhook) (souk.Delivery, error) {
	d.Epoch = w.Epoch
	d, err := tx.Reopen(d, tx.at)
	if err == nil {
		tx.told = append(tx.told, d)
	}
	return d, err
}

// justified tells of which of some deliveries the installation has not ended
// that they are made for. What is final needs none.
func (tx *Tx) justified(all []souk.Delivery) (func(souk.Delivery) bool, error) {
	var ids []souk.ID
	for _, d := range all {
		ids = some(ids, d.Installation)
	}
	live := map[souk.ID]store.LiveInstallation{}
	var err error
	if ids = unique(ids); len(ids) > 0 {
		live, err = tx.LiveInstallations(ids)
	}
	return func(d souk.Delivery) bool {
		i, known := live[d.Installation]
		return d.Final || d.Installation.IsZero() || known && i.Status != souk.InstallationEnded
	}, err
}
