package market

import (
	"context"
	"fmt"

	"souk"
)

// TestWebhook sends one made-up event to a webhook, whether it subscribed to
// that or not, and to nobody else. The event is named as the webhook's dialect
// does; one with channels has no names, and takes the market's. It is about the
// app and its owner, and souk.SampleID is the ID of all else that it speaks of.
// The delivery is one like any other, but in no order. Who may put the webhook
// may. It refuses UnknownApp, UnknownWebhook, OrgNotGranted, NotAllowed,
// WebhookInactive and Invalid.
func (m *Market) TestWebhook(ctx context.Context, actor souk.Actor, app, id souk.ID, name string) (v DeliveryView, err error) {
	err = m.write(ctx, actor, ownerOfApp(app), func(tx *Tx) error {
		w, err := tx.webhookOf(app, id)
		if err != nil {
			return err
		}
		if w.Status != souk.WebhookActive {
			return souk.WebhookInactive
		}
		of, at, err := tx.ownedApp(app)
		if err != nil {
			return err
		}
		d, err := tx.rehearse(w.Webhook, of, at, name)
		if err != nil {
			return err
		}
		tested := tx.event(souk.WebhookTested, at.Org, at.Enterprise, &of, w.ID)
		tested.ID, tested.Data.Webhook = d.Event, &w.Webhook
		if tested.Data.Actor, err = tx.acting(); err != nil {
			return err
		}
		if err := tx.InsertEvents([]souk.Event{tested}); err != nil {
			return err
		}
		if err := tx.send([]souk.Delivery{d}); err != nil {
			return err
		}
		v = DeliveryView{Delivery: d, Kind: tested.Kind}
		return tx.audit("TestWebhook", at.Org, of.ID, w.ID, nil, name)
	})
	return v, err
}

// rehearse makes the delivery of a test event.
func (tx *Tx) rehearse(w souk.Webhook, app souk.App, at place, name string) (d souk.Delivery, err error) {
	wire := tx.market.Wires[w.Dialect]
	for _, kind := range souk.EventKinds {
		if wire.Name != nil && wire.Name(kind) != name || wire.Name == nil && string(kind) != name {
			continue
		}
		e := tx.sample(kind, app, at, w)
		if wire.Channels != nil {
			d, err = tx.testNotice(wire.Channels, e, w)
		} else {
			d.Body, err = wire.Encode(e, souk.Endpoint{Webhook: w, Installation: sampleInstallation(app, at.Org, tx.at), Enterprise: at.Org.Enterprise})
		}
		if err != nil {
			return d, fmt.Errorf("encoding a test of %s for %s: %w", kind, w.Dialect, err)
		}
		if d.Body != nil {
			made := tx.delivery(e, w, souk.ID{}, d.Body)
			made.Channel, made.Action = d.Channel, d.Action
			return made, nil
		}
	}
	var p problems
	p.add("event", "%q is nothing that a webhook of the dialect %s is told", name, w.Dialect)
	return d, p.err()
}

// testNotice spells the first thing that is told of e on a channel. It stands in
// no line: one test does not wait for another.
func (tx *Tx) testNotice(c *Channels, e souk.Event, w souk.Webhook) (d souk.Delivery, err error) {
	t := teller{Tx: tx, dialect: w.Dialect, Channels: c}
	for _, n := range c.Notices(e) {
		n.Resource = souk.SampleID.String()
		picture, err := t.picture(noticed{Notice: n, event: e})
		if err != nil {
			return d, err
		}
		if d.Body, err = c.Encode(e, n, picture); err != nil || d.Body != nil {
			d.Channel, d.Action = n.Channel, n.Action
			return d, err
		}
	}
	return d, nil
}
