package store

import "time"

// Answered finds what was answered under an idempotency key, and to which
// input.
func (tx *Tx) Answered(key []byte) (input []byte, answer string, err error) {
	err = tx.row(`SELECT input, answer FROM idempotency WHERE key = $1`, key).Scan(&input, &answer)
	return input, answer, err
}

// PutAnswer keeps what was answered under an idempotency key; false when
// another call with the key was first.
func (tx *Tx) PutAnswer(key, input []byte, answer string, at time.Time) (bool, error) {
	n, err := tx.exec(`INSERT INTO idempotency (key, input, answer, created_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (key) DO NOTHING`, key, input, answer, micros(at))
	return n > 0, err
}
