package store

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"time"

	"souk"
)

// The columns of a delivery: what the outbox and the log both have, and behind
// them what each has for itself.
const (
	keptColumns = `id, event_id, webhook_id, app_id, installation_id, dialect, final, epoch, channel, action, resource,
		speaker_id, trace, status, attempts, base, last_outcome, entry_id, entry_at, created_at, note, body`
	openColumns  = keptColumns + `, aside, handed, next_at`
	endedColumns = keptColumns + `, ended_at`
	openWidth    = 25
	endedWidth   = 23
)

// byWebhook is what an index by webhook is for, as well as its condition: it always
// holds, and who does not say so cannot go by such an index (docs/sql.md).
const byWebhook = ` AND webhook_id <> ''`

func keptFields(d *souk.Delivery) []any {
	return []any{&d.ID, &d.Event, &d.Webhook, &d.App, &d.Installation, &d.Dialect, &d.Final, &d.Epoch,
		&d.Channel, &d.Action, &d.Resource, &d.Speaker, &d.Trace, &d.Status, &d.Attempts, &d.Base, &d.LastOutcome,
		&d.Entry, (*stamp)(&d.EntryAt), (*stamp)(&d.CreatedAt), &d.Note, &d.Body}
}

// withOpen appends the arguments for openColumns.
func withOpen(args []any, d *souk.Delivery) []any {
	return append(withKept(args, d), d.Aside, d.Handed, micros(d.NextAt))
}

// withKept appends the arguments for keptColumns.
func withKept(args []any, d *souk.Delivery) []any {
	return append(args, raw(&d.ID), raw(&d.Event), raw(&d.Webhook), raw(&d.App), raw(&d.Installation), string(d.Dialect), d.Final, d.Epoch,
		string(d.Channel), string(d.Action), d.Resource, raw(&d.Speaker), d.Trace, string(d.Status), int64(d.Attempts), int64(d.Base),
		string(d.LastOutcome), raw(&d.Entry), micros(d.EntryAt), micros(d.CreatedAt), d.Note, d.Body)
}

func scanOpen(r row) (d souk.Delivery, err error) {
	err = r.Scan(append(keptFields(&d), &d.Aside, &d.Handed, (*stamp)(&d.NextAt))...)
	return d, err
}

func scanEnded(r row) (d souk.Delivery, err error) {
	err = r.Scan(append(keptFields(&d), (*stamp)(&d.EndedAt))...)
	return d, err
}

// isOpen reports whether a delivery with this status is still to be made.
func isOpen(status souk.DeliveryStatus) bool {
	return status == souk.DeliveryPending || status == souk.DeliveryHeld
}

// InsertDeliveries puts deliveries into the outbox, and those that were over
// before they began into the log. It answers with them as they are stored: one
// with a resource waits without a due time as long as another stands in its
// Line, be it one that comes before it in the same call. One to be held is pending
// if its webhook was enabled meanwhile.
func (tx *Tx) InsertDeliveries(deliveries []souk.Delivery) ([]souk.Delivery, error) {
	stored := slices.Clone(deliveries)
	if err := tx.holdOnly(stored); err != nil {
		return nil, err
	}
	taken, err := tx.takenLines(stored)
	if err != nil {
		return nil, err
	}
	args := make([]any, 0, len(stored)*openWidth)
	var over []souk.Delivery
	for i := range stored {
		d := &stored[i]
		line := lineOf(*d)
		if d.Status != souk.DeliveryPending || inLine(d) && taken[line] {
			d.NextAt = time.Time{}
		}
		if isOpen(d.Status) && inLine(d) {
			taken[line] = true
		}
		if isOpen(d.Status) {
			args = withOpen(args, d)
		} else {
			over = append(over, *d)
		}
	}
	if err := tx.insertMany(`INSERT INTO deliveries (`+openColumns+`) VALUES `, openWidth, args); err != nil {
		return nil, err
	}
	return stored, tx.insertEnded(over)
}

// holdOnly has those due that were to be held of a webhook that is enabled by now.
func (tx *Tx) holdOnly(all []souk.Delivery) error {
	var webhooks []souk.ID
	for _, d := range all {
		if d.Status == souk.DeliveryHeld {
			webhooks = append(webhooks, d.Webhook)
		}
	}
	enabled, err := tx.enabled(webhooks)
	for i := range all {
		if d := &all[i]; d.Status == souk.DeliveryHeld && enabled[d.Webhook] {
			d.Status, d.NextAt = souk.DeliveryPending, d.CreatedAt
		}
	}
	return err
}

// insertEnded puts deliveries that nobody was told into the log.
func (tx *Tx) insertEnded(over []souk.Delivery) error {
	if len(over) == 0 {
		return nil
	}
	part, err := tx.newest()
	if err != nil {
		return err
	}
	var args []any
	var c counted
	for i := range over {
		args = append(withKept(args, &over[i]), micros(over[i].EndedAt))
		c.ended(&over[i], over[i].Status, over[i].EndedAt)
	}
	if err := tx.insertMany(`INSERT INTO `+endedIn(part)+` (`+endedColumns+`) VALUES `, endedWidth, args); err != nil {
		return err
	}
	return tx.count(anyNode(), part, c)
}

// Delivery finds a delivery by ID, be it open or in the log.
func (tx *Tx) Delivery(id souk.ID) (souk.Delivery, error) {
	d, err := one(tx, scanOpen, `SELECT `+openColumns+` FROM deliveries WHERE id = $1`, id)
	if !errors.Is(err, ErrNotFound) {
		return d, err
	}
	parts, err := tx.parts()
	if err != nil {
		return d, err
	}
	for _, p := range parts {
		d, err = one(tx, scanEnded, `SELECT `+endedColumns+` FROM `+endedIn(p.Number)+` WHERE id = $1`, id)
		if !errors.Is(err, ErrNotFound) {
			return d, err
		}
	}
	return d, ErrNotFound
}

// DeliveriesPage lists what a webhook was or is to be told, newest first; an
// empty status means any.
func (tx *Tx) DeliveriesPage(webhook souk.ID, status souk.DeliveryStatus, page souk.Page) ([]souk.Delivery, error) {
	page.Order = souk.NewestFirst
	var found []souk.Delivery
	if status == "" || !isOpen(status) {
		var err error
		if found, err = tx.endedPage(webhook, status, page); err != nil || status != "" {
			return found, err
		}
	}
	// Where those that ended make a page, only what is newer can be on it: before
	// that, PostgreSQL may have much that it could not vacuum away yet.
	var since time.Time
	if len(found) == page.Size {
		since = found[page.Size-1].CreatedAt
	}
	open, err := tx.openPage(webhook, status, since, page)
	return merged(page, found, open, placeOf), err
}

// endedPage is the part of a page that is in the log.
func (tx *Tx) endedPage(webhook souk.ID, status souk.DeliveryStatus, page souk.Page) (found []souk.Delivery, err error) {
	parts, err := tx.parts()
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		if len(found) == page.Size && p.before(found[page.Size-1].CreatedAt) {
			break
		}
		// Those of each status lie in the order in which they are asked for.
		var kinds []string
		c := conditions{args: []any{webhook}}
		for _, s := range endings {
			if status == "" || status == s {
				one := conditions{args: c.args}
				end := one.page(`created_at`, `id`, page)
				kinds = append(kinds, `SELECT `+endedColumns+` FROM `+endedIn(p.Number)+
					` WHERE webhook_id = $1`+byWebhook+` AND status = '`+string(s)+`'`+one.and()+end)
				c.args = one.args
			}
		}
		query := c.union(kinds, `created_at DESC, id DESC`, page.Size)
		more, err := list(tx, scanEnded, query, c.args...)
		if err != nil {
			return nil, err
		}
		found = merged(page, found, more, placeOf)
	}
	return found, nil
}

// openPage is the part of a page that is still in the outbox, of what was created
// since a time.
func (tx *Tx) openPage(webhook souk.ID, status souk.DeliveryStatus, since time.Time, page souk.Page) (found []souk.Delivery, err error) {
	for _, s := range openings {
		if status != "" && status != s {
			continue
		}
		epochs, err := tx.epochs(webhook, s)
		if err != nil {
			return nil, err
		}
		for _, epoch := range epochs {
			c := conditions{args: []any{webhook, epoch}}
			if !since.IsZero() {
				c.add(`created_at >= `, since.UnixMicro())
			}
			end := c.page(`created_at`, `id`, page)
			more, err := list(tx, scanOpen, `SELECT `+openColumns+` FROM deliveries
				WHERE webhook_id = $1`+byWebhook+` AND status = '`+string(s)+`' AND epoch = $2`+c.and()+end, c.args...)
			if err != nil {
				return nil, err
			}
			found = merged(page, found, more, placeOf)
		}
	}
	return found, nil
}

// epochs lists those that what is open to a webhook with a status may have, without
// reading it all: the webhook's own, which most have, be there any or not, and
// before it those of what is not settled yet. The app that a trigger URL stands for
// has none of its own.
func (tx *Tx) epochs(webhook souk.ID, status souk.DeliveryStatus) ([]int64, error) {
	own, err := list(tx, scanEpoch, `SELECT epoch FROM webhooks WHERE id = $1`, webhook)
	if err != nil {
		return nil, err
	}
	next := func(than string) string {
		return `(SELECT max(epoch) FROM deliveries WHERE webhook_id = $1` + byWebhook + ` AND status = '` + string(status) + `' AND epoch < ` + than + `)`
	}
	all, err := list(tx, scanEpoch, `WITH RECURSIVE e (epoch) AS (
			SELECT `+next(`$2`)+` UNION ALL SELECT `+next(`e.epoch`)+` FROM e WHERE e.epoch IS NOT NULL
		) SELECT epoch FROM e WHERE epoch IS NOT NULL`, webhook, append(own, math.MaxInt64)[0])
	slices.Reverse(all)
	return append(all, own...), err
}

func scanEpoch(r row) (epoch int64, err error) {
	err = r.Scan(&epoch)
	return epoch, err
}

// Those that a delivery may have in the outbox, and in the log.
var (
	openings = []souk.DeliveryStatus{souk.DeliveryPending, souk.DeliveryHeld}
	endings  = []souk.DeliveryStatus{souk.DeliverySuccessful, souk.DeliveryExhausted, souk.DeliveryCancelled, souk.DeliverySkipped}
)

// EndedBetween lists what a webhook was to be told that ended, of what was
// created since a time and before another: oldest first, beyond after.
func (tx *Tx) EndedBetween(webhook souk.ID, since, before time.Time, after souk.Position, limit int) ([]souk.Delivery, error) {
	parts, err := tx.parts()
	if err != nil {
		return nil, err
	}
	// One bound from below, not two: SQLite reads on from either, and not always
	// from the further one.
	if after.At.Before(since) {
		after = souk.Position{At: since}
	}
	page := souk.Page{Size: limit, Order: souk.OldestFirst}
	var found []souk.Delivery
	for _, p := range parts {
		if p.before(after.At) {
			break
		}
		var kinds []string
		for _, s := range endings {
			kinds = append(kinds, `SELECT `+endedColumns+` FROM `+endedIn(p.Number)+` WHERE webhook_id = $1`+byWebhook+` AND status = '`+string(s)+`'
				AND (created_at, id) > ($2, $3) AND created_at < $4 ORDER BY created_at, id LIMIT $5`)
		}
		c := conditions{args: []any{webhook, after.At.UnixMicro(), after.ID[:], before.UnixMicro(), limit}}
		query := c.union(kinds, `created_at, id`, limit)
		more, err := list(tx, scanEnded, query, c.args...)
		if err != nil {
			return nil, err
		}
		found = merged(page, found, more, placeOf)
	}
	return found, nil
}

// Reopen has a delivery that ended be made again, due at a time: it leaves the
// log for the outbox, with the Epoch that it is given with. It stands in no line.
// ErrNotFound answers one that has not ended.
func (tx *Tx) Reopen(d souk.Delivery, at time.Time) (souk.Delivery, error) {
	parts, err := tx.parts()
	if err != nil {
		return d, err
	}
	for _, p := range parts {
		n, err := tx.exec(`DELETE FROM `+endedIn(p.Number)+` WHERE id = $1`, d.ID)
		if err != nil {
			return d, err
		}
		if n == 0 {
			continue
		}
		d.Status, d.NextAt, d.EndedAt, d.Note = souk.DeliveryPending, at, time.Time{}, ""
		d.Base, d.Aside, d.Handed, d.Entry, d.EntryAt = d.Attempts, true, false, souk.NewID(), at
		_, err = tx.exec(`INSERT INTO deliveries (`+openColumns+`) VALUES (`+placeholders(1, openWidth)+`)`, withOpen(nil, &d)...)
		return d, err
	}
	return d, ErrNotFound
}

func placeOf(d souk.Delivery) souk.Position { return souk.Position{At: d.CreatedAt, ID: d.ID} }

// merged is the page that begins what two lists hold.
func merged[T any](page souk.Page, a, b []T, place func(T) souk.Position) []T {
	all := append(a, b...)
	slices.SortStableFunc(all, func(x, y T) int {
		p, q := place(x), place(y)
		if page.Order == souk.NewestFirst {
			p, q = q, p
		}
		return cmp.Or(p.At.Compare(q.At), p.ID.Compare(q.ID))
	})
	return all[:min(len(all), page.Size)]
}
