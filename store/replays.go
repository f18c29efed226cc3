package store

import (
	"strings"
	"time"

	"souk"
)

const replayColumns = `id, webhook_id, app_id, since, before, statuses, status, seen, replayed,
	created_by, created_at, ended_at`

func scanReplay(r row) (p souk.Replay, err error) {
	var statuses string
	err = r.Scan(&p.ID, &p.Webhook, &p.App, (*stamp)(&p.Since), (*stamp)(&p.Before), &statuses, &p.Status, &p.Seen, &p.Replayed,
		&p.CreatedBy, (*stamp)(&p.CreatedAt), (*stamp)(&p.EndedAt))
	for _, s := range strings.Fields(statuses) {
		p.Statuses = append(p.Statuses, souk.DeliveryStatus(s))
	}
	return p, err
}

// Replay finds a replay by ID.
func (tx *Tx) Replay(id souk.ID) (souk.Replay, error) {
	return one(tx, scanReplay, `SELECT `+replayColumns+` FROM replays WHERE id = $1`, id)
}

// RunningReplay finds the replay to a webhook that goes on.
func (tx *Tx) RunningReplay(webhook souk.ID) (souk.Replay, error) {
	return one(tx, scanReplay, `SELECT `+replayColumns+` FROM replays WHERE webhook_id = $1 AND status = 'running'`, webhook)
}

// ReplaysPage lists what was to be delivered to a webhook again, newest first.
func (tx *Tx) ReplaysPage(webhook souk.ID, page souk.Page) ([]souk.Replay, error) {
	c := conditions{args: []any{webhook}}
	c.after(`p`, page)
	limit := c.arg(page.Size)
	return list(tx, scanReplay, `SELECT `+prefixed("p", replayColumns)+` FROM replays p
		WHERE p.webhook_id = $1`+c.and()+` ORDER BY p.created_at DESC, p.id DESC LIMIT `+limit, c.args...)
}

// PutReplay inserts a replay, or says how far it came.
func (tx *Tx) PutReplay(p souk.Replay) error {
	statuses := make([]string, len(p.Statuses))
	for i, s := range p.Statuses {
		statuses[i] = string(s)
	}
	_, err := tx.exec(`INSERT INTO replays (`+replayColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		ON CONFLICT (id) DO UPDATE SET
			status = excluded.status, seen = excluded.seen, replayed = excluded.replayed, ended_at = excluded.ended_at`,
		p.ID, p.Webhook, p.App, micros(p.Since), micros(p.Before), strings.Join(statuses, " "), string(p.Status), p.Seen, p.Replayed,
		p.CreatedBy, micros(p.CreatedAt), micros(p.EndedAt))
	return err
}

// CountOpen counts what is still to be delivered to a webhook, held or not, up
// to most.
func (tx *Tx) CountOpen(webhook souk.ID, most int) (n int, err error) {
	err = tx.row(`SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE webhook_id = $1 LIMIT $2) open`, webhook, most).Scan(&n)
	return n, err
}

// HeldBefore lists disabled webhooks of which something is held that was created
// before a time, at most limit.
func (tx *Tx) HeldBefore(before time.Time, limit int) ([]souk.ID, error) {
	return list(tx, scanID, `SELECT w.id FROM webhooks w WHERE w.status = 'disabled' AND w.deleted_at IS NULL
		AND EXISTS (SELECT 1 FROM deliveries d WHERE d.webhook_id = w.id AND d.status = 'held' AND d.created_at < $1)
		ORDER BY w.id LIMIT $2`, micros(before), limit)
}
