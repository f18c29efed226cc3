package store

import (
	"time"

	"souk"
)

const deliveryColumns = `id, event_id, webhook_id, app_id, installation_id, dialect, final, body,
	channel, action, resource, speaker_id, status, attempts, last_outcome, next_at, entry_id, entry_at,
	created_at, ended_at, note`

func scanDelivery(r row) (d souk.Delivery, err error) {
	err = r.Scan(&d.ID, &d.Event, &d.Webhook, &d.App, &d.Installation, &d.Dialect, &d.Final, &d.Body,
		&d.Channel, &d.Action, &d.Resource, &d.Speaker, &d.Status, &d.Attempts, &d.LastOutcome, (*stamp)(&d.NextAt),
		&d.Entry, (*stamp)(&d.EntryAt), (*stamp)(&d.CreatedAt), (*stamp)(&d.EndedAt), &d.Note)
	return d, err
}

// InsertDeliveries puts deliveries into the outbox. One with a resource waits
// without a due time as long as another of its Line is pending, be it one that
// comes before it in the same call.
func (tx *Tx) InsertDeliveries(deliveries []souk.Delivery) error {
	taken, err := tx.takenLines(deliveries)
	if err != nil {
		return err
	}
	var args []any
	for _, d := range deliveries {
		if d.Resource != "" && d.Status == souk.DeliveryPending {
			if l := lineOf(d); taken[l] {
				d.NextAt = time.Time{}
			} else {
				taken[l] = true
			}
		}
		args = append(args, d.ID, d.Event, d.Webhook, d.App, d.Installation, d.Dialect, d.Final, d.Body,
			string(d.Channel), d.Action, d.Resource, d.Speaker, d.Status, d.Attempts, string(d.LastOutcome),
			micros(d.NextAt), d.Entry, micros(d.EntryAt), micros(d.CreatedAt), micros(d.EndedAt), d.Note)
	}
	return tx.insertMany(`INSERT INTO deliveries (`+deliveryColumns+`) VALUES `, 21, args)
}

// Delivery finds a delivery by ID.
func (tx *Tx) Delivery(id souk.ID) (souk.Delivery, error) {
	return one(tx, scanDelivery, `SELECT `+deliveryColumns+` FROM deliveries WHERE id = $1`, id)
}

// DeliveriesPage lists what a webhook was or is to be told, newest first; an
// empty status means any.
func (tx *Tx) DeliveriesPage(webhook souk.ID, status souk.DeliveryStatus, page souk.Page) ([]souk.Delivery, error) {
	c := conditions{args: []any{webhook}}
	if status != "" {
		c.add(`d.status = `, status)
	}
	c.after(`d`, page)
	limit := c.arg(page.Size)
	return list(tx, scanDelivery, `SELECT `+prefixed("d", deliveryColumns)+` FROM deliveries d
		WHERE d.webhook_id = $1`+c.and()+` ORDER BY d.created_at DESC, d.id DESC LIMIT `+limit, c.args...)
}

// CancelDeliveries ends what is still to be delivered for an installation,
// final notifications excepted, and says why. Others that waited for one of
// them are due then.
func (tx *Tx) CancelDeliveries(installation souk.ID, at time.Time, why string) (int64, error) {
	type cancelled struct {
		id      souk.ID
		ordered bool
	}
	all, err := list(tx, func(r row) (c cancelled, err error) {
		err = r.Scan(&c.id, &c.ordered)
		return c, err
	}, `UPDATE deliveries SET status = 'cancelled', next_at = NULL, claimed_at = NULL, ended_at = $2, note = $3
		WHERE installation_id = $1 AND status = 'pending' AND final = FALSE
		RETURNING id, resource <> ''`, installation, micros(at), why)
	if err != nil {
		return 0, err
	}
	var ordered []souk.ID
	for _, c := range all {
		if c.ordered {
			ordered = append(ordered, c.id)
		}
	}
	return int64(len(all)), tx.nextInLine(at, ordered)
}

// CancelDeliveriesTo ends what is still to be delivered to a webhook. It leaves
// nobody who could have waited for any of it.
func (tx *Tx) CancelDeliveriesTo(webhook souk.ID, at time.Time, why string) (int64, error) {
	return tx.exec(`UPDATE deliveries SET status = 'cancelled', next_at = NULL, claimed_at = NULL, ended_at = $2, note = $3
		WHERE webhook_id = $1 AND status = 'pending'`, webhook, micros(at), why)
}
