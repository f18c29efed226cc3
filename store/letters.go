package store

import (
	"strings"
	"time"

	"souk"
)

// Letter is a mail that is still to be sent.
type Letter struct {
	ID souk.ID
	souk.Letter
	Tries     int // that were begun
	CreatedAt time.Time
}

// PutLetter keeps a mail that is to be sent, with the commit.
func (tx *Tx) PutLetter(l Letter) error {
	_, err := tx.exec(`INSERT INTO letters (id, recipients, subject, text, tries, created_at, next_at)
		VALUES ($1, $2, $3, $4, $5, $6, $6)`,
		l.ID, strings.Join(l.To, "\n"), l.Subject, l.Text, l.Tries, micros(l.CreatedAt))
	return err
}

// TakeLetter takes up the mail that is due longest: it counts a try, and leaves
// the mail alone until a time. It answers ErrNotFound when none is due, or when
// another node took it up this moment.
func (tx *Tx) TakeLetter(at, until time.Time) (Letter, error) {
	return one(tx, func(r row) (l Letter, err error) {
		var to string
		err = r.Scan(&l.ID, &to, &l.Subject, &l.Text, &l.Tries, (*stamp)(&l.CreatedAt))
		l.To = strings.Split(to, "\n")
		return l, err
	}, `UPDATE letters SET tries = tries + 1, next_at = $2
		WHERE id = (SELECT id FROM letters WHERE next_at <= $1 ORDER BY next_at, id LIMIT 1) AND next_at <= $1
		RETURNING id, recipients, subject, text, tries, created_at`, micros(at), micros(until))
}

// PostponeLetter leaves a mail alone until a time.
func (tx *Tx) PostponeLetter(id souk.ID, until time.Time) error {
	_, err := tx.exec(`UPDATE letters SET next_at = $2 WHERE id = $1`, id, micros(until))
	return err
}

// RemoveLetter forgets a mail.
func (tx *Tx) RemoveLetter(id souk.ID) error {
	_, err := tx.exec(`DELETE FROM letters WHERE id = $1`, id)
	return err
}

// Keepers lists the e-mails of those who look after an org: its owners, its
// admins and whoever else holds settings there, in this order, at most limit.
func (tx *Tx) Keepers(org souk.ID, limit int) ([]string, error) {
	return list(tx, func(r row) (email string, err error) {
		err = r.Scan(&email)
		return email, err
	}, `SELECT u.email FROM memberships m JOIN users u ON u.id = m.user_id
		WHERE m.org_id = $1 AND u.deactivated_at IS NULL AND u.is_bot = FALSE AND u.email IS NOT NULL
		AND (m.role IN ('owner', 'admin') OR ' ' || m.permissions || ' ' LIKE '% settings %')
		ORDER BY CASE m.role WHEN 'owner' THEN 0 WHEN 'admin' THEN 1 ELSE 2 END, m.created_at, m.user_id
		LIMIT $2`, org, limit)
}
