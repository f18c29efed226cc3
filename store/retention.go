package store

import "time"

// The Drops forget what was kept long enough, the oldest first and at
// most limit rows, and tell how many that were.

// DropPublications forgets what host products published before a time.
func (tx *Tx) DropPublications(before time.Time, limit int) (int64, error) {
	return tx.exec(`DELETE FROM events WHERE id IN (SELECT id FROM events
		WHERE kind = 'channel.published' AND at < $1 ORDER BY at LIMIT $2)`, micros(before), limit)
}

// DropCodes forgets used codes that expired before a time.
func (tx *Tx) DropCodes(before time.Time, limit int) (int64, error) {
	return tx.exec(`DELETE FROM used_codes WHERE id IN (SELECT id FROM used_codes
		WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)`, micros(before), limit)
}

// DropTokens forgets tokens of Zoom's wire that expired before a time: on it nobody
// is told what became of a token.
func (tx *Tx) DropTokens(before time.Time, limit int) (int64, error) {
	return tx.exec(`DELETE FROM tokens WHERE id IN (SELECT id FROM tokens
		WHERE kind IN ('zoom', 'zoom_refresh') AND expires_at IS NOT NULL AND expires_at < $1 ORDER BY expires_at LIMIT $2)`, micros(before), limit)
}

// DropAnswers forgets what was answered under idempotency keys before a time.
func (tx *Tx) DropAnswers(before time.Time, limit int) (int64, error) {
	return tx.exec(`DELETE FROM idempotency WHERE key IN (SELECT key FROM idempotency
		WHERE created_at < $1 ORDER BY created_at LIMIT $2)`, micros(before), limit)
}
