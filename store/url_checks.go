package store

import (
	"time"

	"souk"
)

const checkColumns = `webhook_id, app_id, next_at, checked_at, failing_since, failures, why`

func scanChecks(r row) (c souk.Checks, err error) {
	err = r.Scan(&c.Webhook, &c.App, (*stamp)(&c.NextAt), (*stamp)(&c.CheckedAt), (*stamp)(&c.FailingSince), &c.Failures, &c.Why)
	return c, err
}

// Checks finds how the URL of a webhook answered when it was asked again.
func (tx *Tx) Checks(webhook souk.ID) (souk.Checks, error) {
	return one(tx, scanChecks, `SELECT `+checkColumns+` FROM url_checks WHERE webhook_id = $1`, webhook)
}

// PutChecks keeps how the URL of a webhook answered, and when it is asked next.
func (tx *Tx) PutChecks(c souk.Checks) error {
	_, err := tx.exec(`INSERT INTO url_checks (`+checkColumns+`) VALUES (`+placeholders(1, 7)+`)
		ON CONFLICT (webhook_id) DO UPDATE SET
			next_at = excluded.next_at, checked_at = excluded.checked_at, failing_since = excluded.failing_since,
			failures = excluded.failures, why = excluded.why`,
		c.Webhook, c.App, micros(c.NextAt), micros(c.CheckedAt), micros(c.FailingSince), c.Failures, c.Why)
	return err
}

// DropChecks has the URL of a webhook asked no more.
func (tx *Tx) DropChecks(webhook souk.ID) error {
	_, err := tx.exec(`DELETE FROM url_checks WHERE webhook_id = $1`, webhook)
	return err
}

// TakeChecks takes up those checks that are due longest: nobody else does until
// a time. Of those that another node took up at this moment it finds none.
func (tx *Tx) TakeChecks(at, until time.Time, limit int) (due []souk.Checks, err error) {
	ids, err := list(tx, scanID, `SELECT webhook_id FROM url_checks WHERE next_at <= $1
		ORDER BY next_at, webhook_id LIMIT $2`, micros(at), limit)
	for _, id := range ids {
		taken, err := list(tx, scanChecks, `UPDATE url_checks SET next_at = $3 WHERE webhook_id = $1 AND next_at <= $2
			RETURNING `+checkColumns, id, micros(at), micros(until))
		if err != nil {
			return nil, err
		}
		due = append(due, taken...)
	}
	return due, err
}
