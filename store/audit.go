package store

import (
	"errors"

	"souk"
)

const auditColumns = `root_id, number, at, verb, face, user_id, token_id, on_behalf,
	org_id, app_id, subject_id, before, after, previous, hash`

func scanAudit(r row) (e souk.AuditEntry, err error) {
	err = r.Scan(&e.Root, &e.Number, (*stamp)(&e.At), &e.Verb, &e.Face, &e.User, &e.Token, &e.OnBehalf,
		&e.Org, &e.App, &e.Subject, &e.Before, &e.After, &e.Previous, &e.Hash)
	return e, err
}

// AppendAudit chains an entry to those of its root org. The platform has a
// chain too, under an ID of zeros: here that is a key, which NULL could not be.
// before and after are the nouns that changed, or nil. The root's lock is held,
// so nobody else appends meanwhile.
func (tx *Tx) AppendAudit(e souk.AuditEntry, before, after any) error {
	last := souk.AuditEntry{Root: e.Root}
	err := tx.row(`SELECT number, hash FROM audit WHERE root_id = $1 ORDER BY number DESC LIMIT 1`, e.Root[:]).
		Scan(&last.Number, &last.Hash)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if before != nil {
		e.Before = text(before)
	}
	if after != nil {
		e.After = text(after)
	}
	e = e.Chained(last)
	previous := e.Previous
	if previous == nil {
		previous = []byte{}
	}
	_, err = tx.exec(`INSERT INTO audit (`+auditColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
		e.Root[:], e.Number, micros(e.At), e.Verb, e.Face, e.User, e.Token, e.OnBehalf,
		e.Org, e.App, e.Subject, e.Before, e.After, previous, e.Hash)
	return err
}

// AuditOf lists the entries of a root org in order, of the platform with the
// zero ID.
func (tx *Tx) AuditOf(root souk.ID) ([]souk.AuditEntry, error) {
	return list(tx, scanAudit, `SELECT `+auditColumns+` FROM audit WHERE root_id = $1 ORDER BY number`, root[:])
}
