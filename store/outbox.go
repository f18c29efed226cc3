package store

import (
	"cmp"
	"math"
	"slices"
	"time"

	"souk"
)

// Due is a place among what is due to one webhook.
type Due struct {
	At time.Time
	ID souk.ID
}

// Before reports whether a place comes before another.
func (d Due) Before(other Due) bool {
	return cmp.Or(d.At.Compare(other.At), d.ID.Compare(other.ID)) < 0
}

// DueWebhooks lists webhooks, and apps for their trigger URLs, with something
// that came due after since and by until: by ID, beyond after. It passes over what
// was handed over. With the zero since it does not, and goes from webhook to
// webhook, however much is due to each.
func (tx *Tx) DueWebhooks(since, until time.Time, after souk.ID, limit int) ([]souk.ID, error) {
	if !since.IsZero() {
		// By the time, though SQLite would rather go by the webhook.
		return list(tx, scanID, `SELECT DISTINCT webhook_id FROM deliveries
			WHERE handed = FALSE AND next_at > $1 AND next_at <= $2 AND COALESCE(webhook_id, NULL) > $3 ORDER BY webhook_id LIMIT $4`,
			since.UnixMicro(), until.UnixMicro(), after[:], limit)
	}
	const next = `(SELECT id FROM deliveries w WHERE next_at IS NOT NULL` + byWebhook + ` AND `
	const order = ` ORDER BY webhook_id, next_at, id LIMIT 1)`
	// The first of each webhook by the index, and of those the ones that are due.
	found, err := list(tx, scanID, `
		WITH RECURSIVE firsts (id) AS (
			SELECT `+next+`w.webhook_id > $1`+order+`
			UNION ALL
			SELECT `+next+`w.webhook_id > d.webhook_id`+order+` FROM firsts f CROSS JOIN deliveries d WHERE d.id = f.id
		)
		SELECT webhook_id FROM (
			SELECT (SELECT d.webhook_id FROM deliveries d WHERE d.id = f.id AND d.next_at <= $2) AS webhook_id FROM firsts f
		) AS due WHERE webhook_id IS NOT NULL LIMIT $3`,
		after[:], until.UnixMicro(), limit)
	slices.SortFunc(found, souk.ID.Compare)
	return found, err
}

// DueDeliveries lists what is due to a webhook by a time, the longest due first
// and beyond after. It passes over one whose line an earlier one leads.
func (tx *Tx) DueDeliveries(webhook souk.ID, until time.Time, after Due, limit int) ([]souk.Delivery, error) {
	from := int64(math.MinInt64)
	if !after.At.IsZero() {
		from = after.At.UnixMicro()
	}
	found, err := list(tx, scanOpen, `SELECT `+prefixed("d", openColumns)+` FROM deliveries d
		WHERE d.webhook_id = $1 AND d.webhook_id <> '' AND d.next_at <= $2 AND (d.next_at, d.id) > ($3, $4)
		AND (d.resource = '' OR d.aside = TRUE OR NOT EXISTS (SELECT 1 FROM deliveries l
			WHERE `+sameLine(`l`, `d`)+` AND `+leads(`l`)+` AND (l.created_at, l.id) < (d.created_at, d.id)))
		ORDER BY d.next_at, d.id LIMIT $5`, webhook, until.UnixMicro(), from, after.ID[:], limit)
	if err != nil {
		return nil, err
	}
	return tx.withBodies(found)
}

// NextDue is when the first delivery is due after a time, of those that were not
// handed over; the zero time when there is none.
func (tx *Tx) NextDue(after time.Time) (at time.Time, err error) {
	err = tx.row(`SELECT min(next_at) FROM deliveries WHERE handed = FALSE AND next_at > $1`, after.UnixMicro()).Scan((*stamp)(&at))
	return at, err
}

// MarkStarted tells the log that the requests of deliveries have run for a
// while. Recording what came of one takes it back.
func (tx *Tx) MarkStarted(ids []souk.ID, at time.Time) error {
	for some := range slices.Chunk(ids, mostRows) {
		some = padded(some)
		if _, err := tx.exec(`UPDATE deliveries SET started_at = $1
			WHERE next_at IS NOT NULL AND id IN (`+placeholders(2, len(some))+`)`,
			append([]any{at.UnixMicro()}, anys(some)...)...); err != nil {
			return err
		}
	}
	return nil
}

// padded repeats the last of list until its length is a power of two. What is
// asked about a list by IN does not change, and there are few different
// statements to keep compiled.
func padded[T any](list []T) []T {
	n := 1
	for n < len(list) {
		n *= 2
	}
	out := list[:len(list):len(list)]
	for len(out) > 0 && len(out) < n {
		out = append(out, list[len(list)-1])
	}
	return out
}
