package store

import (
	"cmp"
	"math"
	"slices"
	"time"

	"souk"
)

// The columns of a delivery: what the outbox and the log both have, and behind
// them what each has for itself.
const (
	keptColumns = `id, event_id, webhook_id, app_id, installation_id, dialect, final, epoch, channel, action, resource,
		speaker_id, trace, status, attempts, base, last_outcome, entry_id, entry_at, created_at, note, body_id`
	openColumns  = keptColumns + `, aside, handed, next_at, body_part`
	putColumns   = openColumns + `, body_size`
	endedColumns = keptColumns + `, ended_at`
	putWidth     = 27
	endedWidth   = 23
)

// byWebhook is what an index by webhook is for, as well as its condition: it always
// holds, and who does not say so cannot go by such an index (docs/sql.md).
const byWebhook = ` AND webhook_id <> ''`

func keptFields(d *placed) []any {
	return []any{&d.ID, &d.Event, &d.Webhook, &d.App, &d.Installation, &d.Dialect, &d.Final, &d.Epoch,
		&d.Channel, &d.Action, &d.Resource, &d.Speaker, &d.Trace, &d.Status, &d.Attempts, &d.Base, &d.LastOutcome,
		&d.Entry, (*stamp)(&d.EntryAt), (*stamp)(&d.CreatedAt), &d.Note, &d.body.id}
}

// withOpen appends the arguments for putColumns.
func withOpen(args []any, d *souk.Delivery, k *keeping) []any {
	return append(withKept(args, d, k), d.Aside, d.Handed, micros(d.NextAt), k.part, int64(k.size))
}

// withKept appends the arguments for keptColumns.
func withKept(args []any, d *souk.Delivery, k *keeping) []any {
	return append(args, raw(&d.ID), raw(&d.Event), raw(&d.Webhook), raw(&d.App), raw(&d.Installation), string(d.Dialect), d.Final, d.Epoch,
		string(d.Channel), string(d.Action), d.Resource, raw(&d.Speaker), d.Trace, string(d.Status), int64(d.Attempts), int64(d.Base),
		string(d.LastOutcome), raw(&d.Entry), micros(d.EntryAt), micros(d.CreatedAt), d.Note, raw(&k.of))
}

func scanOpen(r row) (d placed, err error) {
	err = r.Scan(append(keptFields(&d), &d.Aside, &d.Handed, (*stamp)(&d.NextAt), &d.body.part)...)
	return d, err
}

func scanEnded(r row) (d placed, err error) {
	err = r.Scan(append(keptFields(&d), (*stamp)(&d.EndedAt))...)
	return d, err
}

// bare scans a delivery for which nobody needs the body.
func bare(scan func(row) (placed, error)) func(row) (souk.Delivery, error) {
	return func(r row) (souk.Delivery, error) {
		d, err := scan(r)
		return d.Delivery, err
	}
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
	kept, err := tx.keepBodies(stored)
	if err != nil {
		return nil, err
	}
	args := make([]any, 0, len(stored)*putWidth)
	var over []int
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
			args = withOpen(args, d, &kept[i])
		} else {
			over = append(over, i)
		}
	}
	if err := tx.insertMany(`INSERT INTO deliveries (`+putColumns+`) VALUES `, putWidth, args); err != nil {
		return nil, err
	}
	return stored, tx.insertEnded(stored, kept, over)
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

// insertEnded puts those of deliveries that nobody was told into the log.
func (tx *Tx) insertEnded(all []souk.Delivery, kept []keeping, over []int) error {
	if len(over) == 0 {
		return nil
	}
	part := kept[0].part
	var args []any
	var c counted
	for _, i := range over {
		d := &all[i]
		args = append(withKept(args, d, &kept[i]), micros(d.EndedAt))
		c.ended(d.App, d.Status, d.EndedAt, kept[i].size)
	}
	if err := tx.insertMany(`INSERT INTO `+endedIn(part)+` (`+endedColumns+`) VALUES `, endedWidth, args); err != nil {
		return err
	}
	return tx.count(anyNode(), part, c)
}

// Delivery finds a delivery by ID, be it open or in the log.
func (tx *Tx) Delivery(id souk.ID) (souk.Delivery, error) {
	found, err := list(tx, scanOpen, `SELECT `+openColumns+` FROM deliveries WHERE id = $1`, id)
	if err == nil && len(found) == 0 {
		found, err = tx.endedDelivery(id)
	}
	if err == nil && len(found) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return souk.Delivery{}, err
	}
	all, err := tx.withBodies(found)
	if err != nil {
		return souk.Delivery{}, err
	}
	return all[0], nil
}

// endedDelivery looks for a delivery in the log.
func (tx *Tx) endedDelivery(id souk.ID) (found []placed, err error) {
	parts, err := tx.parts()
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		found, err = list(tx, scanEnded, `SELECT `+endedColumns+` FROM `+endedIn(p.Number)+` WHERE id = $1`, id)
		if err != nil || len(found) > 0 {
			for i := range found {
				found[i].body.part = p.Number
			}
			return found, err
		}
	}
	return nil, nil
}

// DeliveriesPage lists what a webhook was or is to be told, newest first and
// without the bodies; an empty status means any.
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
		more, err := list(tx, bare(scanEnded), query, c.args...)
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
			more, err := list(tx, bare(scanOpen), `SELECT `+openColumns+` FROM deliveries
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
// created since a time and before another: oldest first, beyond after, and without
// the bodies.
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
		more, err := list(tx, bare(scanEnded), query, c.args...)
		if err != nil {
			return nil, err
		}
		found = merged(page, found, more, placeOf)
	}
	return found, nil
}

// Reopen has a delivery that ended be made again, due at a time: it leaves the
// log for the outbox, with the Epoch that it is given with, and with its body. It
// stands in no line. ErrNotFound answers one that has not ended.
func (tx *Tx) Reopen(d souk.Delivery, at time.Time) (souk.Delivery, error) {
	parts, err := tx.parts()
	if err != nil {
		return d, err
	}
	for _, p := range parts {
		were, err := list(tx, scanID, `DELETE FROM `+endedIn(p.Number)+` WHERE id = $1 RETURNING COALESCE(body_id, id)`, d.ID)
		if err != nil {
			return d, err
		}
		if len(were) == 0 {
			continue
		}
		k, err := tx.takeBack(&d, place{p.Number, were[0]})
		if err != nil {
			return d, err
		}
		d.Status, d.NextAt, d.EndedAt, d.Note = souk.DeliveryPending, at, time.Time{}, ""
		d.Base, d.Aside, d.Handed, d.Entry, d.EntryAt = d.Attempts, true, false, souk.NewID(), at
		_, err = tx.exec(`INSERT INTO deliveries (`+putColumns+`) VALUES (`+placeholders(1, putWidth)+`)`, withOpen(nil, &d, &k)...)
		return d, err
	}
	return d, ErrNotFound
}

// takeBack gives a delivery its body, and has that lie in the newest part: nothing
// comes to lie in an older one.
func (tx *Tx) takeBack(d *souk.Delivery, from place) (k keeping, err error) {
	bodies, err := tx.bodies([]place{from})
	if err != nil {
		return k, err
	}
	d.Body = bodies[from.id]
	if from.id != d.ID {
		k.of = from.id
	}
	if k.part, err = tx.newest(); err != nil || k.part == from.part {
		return k, err // it was counted there
	}
	k.size = len(d.Body)
	return k, tx.copyBodies(from.part, k.part, []souk.ID{from.id})
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
