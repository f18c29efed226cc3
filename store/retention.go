package store

import "time"

// The Drops forget what was kept long enough, the oldest first and at
// most limit rows, and tell how many that were.

// DropAttempts forgets giosg's requests, and calls of trigger URLs, that were
// listed before a time.
func (tx *Tx) DropAttempts(before time.Time, limit int) (int64, error) {
	return tx.exec(`DELETE FROM attempts WHERE (delivery_id, id) IN (SELECT delivery_id, id FROM attempts
		WHERE dialect IN ('giosg', 'trigger') AND listed_at + 0 < $1 ORDER BY listed_at + 0 LIMIT $2)`, micros(before), limit)
}

// DropDeliveries forgets giosg's deliveries, and calls of trigger URLs, that
// ended before a time.
func (tx *Tx) DropDeliveries(before time.Time, limit int) (int64, error) {
	return tx.exec(`DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries
		WHERE dialect IN ('giosg', 'trigger') AND ended_at < $1 ORDER BY ended_at LIMIT $2)`, micros(before), limit)
}

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

// DropAnswers forgets what was answered under idempotency keys before a time.
func (tx *Tx) DropAnswers(before time.Time, limit int) (int64, error) {
	return tx.exec(`DELETE FROM idempotency WHERE key IN (SELECT key FROM idempotency
		WHERE created_at < $1 ORDER BY created_at LIMIT $2)`, micros(before), limit)
}
