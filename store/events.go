package store

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"souk"
)

const eventColumns = `id, kind, root_id, org_id, app_id, subject_id, at, data`

func scanEvent(r row) (e souk.Event, err error) {
	var data string
	err = r.Scan(&e.ID, &e.Kind, &e.Root, &e.Org, &e.App, &e.Subject, (*stamp)(&e.At), &data)
	if err != nil {
		return e, err
	}
	e.Data = new(souk.EventData)
	return e, json.Unmarshal([]byte(data), e.Data)
}

// Event finds an event by ID.
func (tx *Tx) Event(id souk.ID) (souk.Event, error) {
	return one(tx, scanEvent, `SELECT `+eventColumns+` FROM events WHERE id = $1`, id)
}

// EventsOf lists the events of one root org, oldest first.
func (tx *Tx) EventsOf(root souk.ID) ([]souk.Event, error) {
	return list(tx, scanEvent, `SELECT `+eventColumns+` FROM events WHERE root_id = $1 ORDER BY at, id`, root)
}

// InsertEvents records events.
func (tx *Tx) InsertEvents(events []souk.Event) error {
	var args []any
	var data string
	for i, e := range events {
		if i == 0 || e.Data != events[i-1].Data { // often shared, and the dearest part
			data = text(e.Data)
		}
		args = append(args, e.ID, e.Kind, e.Root, e.Org, e.App, e.Subject, micros(e.At), data)
	}
	return tx.insertMany(`INSERT INTO events (`+eventColumns+`) VALUES `, 8, args)
}

const deliveryColumns = `id, event_id, webhook_id, app_id, installation_id, dialect, final, body,
	channel, action, resource, speaker_id, status, attempts, last_outcome, next_at, entry_id, entry_at,
	created_at, ended_at, note`

func scanDelivery(r row) (d souk.Delivery, err error) {
	err = r.Scan(&d.ID, &d.Event, &d.Webhook, &d.App, &d.Installation, &d.Dialect, &d.Final, &d.Body,
		&d.Channel, &d.Action, &d.Resource, &d.Speaker, &d.Status, &d.Attempts, &d.LastOutcome, (*stamp)(&d.NextAt),
		&d.Entry, (*stamp)(&d.EntryAt), (*stamp)(&d.CreatedAt), (*stamp)(&d.EndedAt), &d.Note)
	return d, err
}

// InsertDeliveries puts deliveries into the outbox.
func (tx *Tx) InsertDeliveries(deliveries []souk.Delivery) error {
	var args []any
	for _, d := range deliveries {
		args = append(args, d.ID, d.Event, d.Webhook, d.App, d.Installation, d.Dialect, d.Final, d.Body,
			string(d.Channel), d.Action, d.Resource, d.Speaker, d.Status, d.Attempts, string(d.LastOutcome),
			micros(d.NextAt), d.Entry, micros(d.EntryAt), micros(d.CreatedAt), micros(d.EndedAt), d.Note)
	}
	return tx.insertMany(`INSERT INTO deliveries (`+deliveryColumns+`) VALUES `, 21, args)
}

// mostRows bounds one INSERT: SQLite's driver binds the n-th argument in a time
// that grows with n.
const mostRows = 64

// insertMany runs an INSERT whose text ends in "VALUES " for rows of width
// columns each.
func (tx *Tx) insertMany(insert string, width int, args []any) error {
	for part := range slices.Chunk(args, mostRows*width) {
		var b strings.Builder
		b.WriteString(insert)
		for i := range len(part) / width {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString("(" + placeholders(i*width+1, width) + ")")
		}
		if _, err := tx.exec(b.String(), part...); err != nil {
			return err
		}
	}
	return nil
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

const attemptColumns = `id, delivery_id, webhook_id, number, url, outcome, status, answer, detail, started_at, duration`

func scanAttempt(r row) (a souk.Attempt, err error) {
	var duration int64
	err = r.Scan(&a.ID, &a.Delivery, &a.Webhook, &a.Number, &a.URL, &a.Outcome, &a.Status, &a.Answer, &a.Detail,
		(*stamp)(&a.StartedAt), &duration)
	a.Duration = time.Duration(duration) * time.Microsecond
	return a, err
}

// Attempts lists what was tried for a delivery, in order.
func (tx *Tx) Attempts(delivery souk.ID) ([]souk.Attempt, error) {
	return list(tx, scanAttempt, `SELECT `+attemptColumns+` FROM attempts
		WHERE delivery_id = $1 ORDER BY started_at, id`, delivery)
}

// CancelDeliveries ends what is still to be delivered for an installation,
// final notifications excepted, and says why.
func (tx *Tx) CancelDeliveries(installation souk.ID, at time.Time, why string) (int64, error) {
	return tx.exec(`UPDATE deliveries SET status = 'cancelled', next_at = NULL, ended_at = $2, note = $3
		WHERE installation_id = $1 AND next_at IS NOT NULL AND final = FALSE`, installation, micros(at), why)
}

// CancelDeliveriesTo ends what is still to be delivered to a webhook.
func (tx *Tx) CancelDeliveriesTo(webhook souk.ID, at time.Time, why string) (int64, error) {
	return tx.exec(`UPDATE deliveries SET status = 'cancelled', next_at = NULL, ended_at = $2, note = $3
		WHERE webhook_id = $1 AND next_at IS NOT NULL`, webhook, micros(at), why)
}

// EventKinds tells what kind of event each of many was.
func (tx *Tx) EventKinds(ids []souk.ID) (map[souk.ID]souk.EventKind, error) {
	found, err := byID(tx, func(r row) (e souk.Event, err error) {
		err = r.Scan(&e.ID, &e.Kind)
		return e, err
	}, func(e souk.Event) souk.ID { return e.ID }, `SELECT id, kind FROM events WHERE id IN (`, ids)
	kinds := make(map[souk.ID]souk.EventKind, len(found))
	for id, e := range found {
		kinds[id] = e.Kind
	}
	return kinds, err
}
