package store

import (
	"time"

	"souk"
)

// Login is somebody who could be meant by an e-mail.
type Login struct {
	User     souk.User
	Password string // the hash; empty when there is none
}

// Logins finds the active people with an e-mail, by its key, under whatever
// root: at most limit, the oldest first of those who can sign in, then of those
// who never could, of whom anybody may make many.
func (tx *Tx) Logins(email string, limit int) ([]Login, error) {
	scan := func(r row) (l Login, err error) {
		l.User, err = scanUser(withMore(r, &l.Password))
		return l, err
	}
	return list(tx, scan, `SELECT `+prefixed("u", userColumns)+`, COALESCE(p.hash, '')
		FROM users u LEFT JOIN passwords p ON p.user_id = u.id
		WHERE u.email = $1 AND u.email IS NOT NULL AND u.deactivated_at IS NULL AND u.is_bot = FALSE
		ORDER BY CASE WHEN p.hash IS NOT NULL OR EXISTS (SELECT 1 FROM identities i WHERE i.user_id = u.id) THEN 0 ELSE 1 END,
			u.created_at, u.id LIMIT $2`, email, limit)
}

// Subject is whom an issuer of identities means when it speaks of a user.
func (tx *Tx) Subject(user souk.ID, issuer string) (subject string, err error) {
	err = tx.row(`SELECT subject FROM identities WHERE user_id = $1 AND issuer = $2`, user, issuer).Scan(&subject)
	return subject, err
}

// PutSubject keeps whom an issuer means, once.
func (tx *Tx) PutSubject(user souk.ID, issuer, subject string, at time.Time) error {
	_, err := tx.exec(`INSERT INTO identities (user_id, issuer, subject, created_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (user_id, issuer) DO NOTHING`, user, issuer, subject, micros(at))
	return err
}

// UseCode takes note that a code was used; false when it was before. It is
// remembered until it would have expired.
func (tx *Tx) UseCode(id souk.ID, expires time.Time) (bool, error) {
	n, err := tx.exec(`INSERT INTO used_codes (id, expires_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING`, id, micros(expires))
	return n > 0, err
}

// Deciders lists the active owners and admins of an org, then those of the
// enterprise above, at most limit.
func (tx *Tx) Deciders(org souk.Org, limit int) ([]souk.User, error) {
	return list(tx, scanUser, `SELECT `+prefixed("u", userColumns)+`
		FROM memberships m JOIN users u ON u.id = m.user_id
		WHERE m.org_id IN ($1, $2) AND m.role IN ('owner', 'admin') AND u.deactivated_at IS NULL AND u.is_bot = FALSE
		AND NOT (m.org_id <> $1 AND EXISTS (SELECT 1 FROM memberships h
			WHERE h.user_id = m.user_id AND h.org_id = $1 AND h.role IN ('owner', 'admin')))
		ORDER BY CASE WHEN m.org_id = $1 THEN 0 ELSE 1 END, m.created_at, m.user_id LIMIT $3`,
		org.ID, org.Enterprise, limit)
}

// Operators counts the operators' accounts that there ever were, and those that
// are active.
func (tx *Tx) Operators() (ever, active int, err error) {
	err = tx.row(`SELECT count(*), count(CASE WHEN deactivated_at IS NULL THEN 1 END) FROM users WHERE operator = TRUE`).
		Scan(&ever, &active)
	return ever, active, err
}
