package store

import "souk"

const partnershipColumns = `a_id, b_id, name_a, name_b, created_at`

func scanPartnership(r row) (p souk.Partnership, err error) {
	err = r.Scan(&p.A, &p.B, &p.NameA, &p.NameB, (*stamp)(&p.CreatedAt))
	return p, err
}

// Partnership finds what ties a to b; a < b.
func (tx *Tx) Partnership(a, b souk.ID) (souk.Partnership, error) {
	return one(tx, scanPartnership, `SELECT `+partnershipColumns+` FROM partnerships WHERE a_id = $1 AND b_id = $2`, a, b)
}

// PutPartnership records that two orgs are partners, or what they call each
// other.
func (tx *Tx) PutPartnership(p souk.Partnership) error {
	_, err := tx.exec(`INSERT INTO partnerships (`+partnershipColumns+`) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (a_id, b_id) DO UPDATE SET name_a = excluded.name_a, name_b = excluded.name_b`,
		p.A, p.B, p.NameA, p.NameB, micros(p.CreatedAt))
	return err
}

// RemovePartnership ends the partnership of a and b, a < b; false when there
// was none.
func (tx *Tx) RemovePartnership(a, b souk.ID) (bool, error) {
	n, err := tx.exec(`DELETE FROM partnerships WHERE a_id = $1 AND b_id = $2`, a, b)
	return n > 0, err
}

// ArePartners reports whether a partnership ties a to b; a < b.
func (tx *Tx) ArePartners(a, b souk.ID) (bool, error) {
	return tx.exists(`SELECT 1 FROM partnerships WHERE a_id = $1 AND b_id = $2`, a, b)
}

// PartnershipsPage lists the partnerships of an org. The ID of a position in
// this list is the partner's.
func (tx *Tx) PartnershipsPage(org souk.ID, page souk.Page) ([]souk.Partnership, error) {
	c := conditions{args: []any{org}}
	end := c.page(`created_at`, `partner_id`, page)
	return list(tx, scanPartnership, `SELECT `+partnershipColumns+` FROM (
		SELECT `+partnershipColumns+`, b_id AS partner_id FROM partnerships WHERE a_id = $1
		UNION ALL
		SELECT `+partnershipColumns+`, a_id AS partner_id FROM partnerships WHERE b_id = $1) AS p
		WHERE TRUE`+c.and()+end, c.args...)
}

const invitationColumns = `id, from_id, to_id, created_by, created_at`

func scanInvitation(r row) (i souk.Invitation, err error) {
	err = r.Scan(&i.ID, &i.From, &i.To, &i.CreatedBy, (*stamp)(&i.CreatedAt))
	return i, err
}

// Invitation finds an invitation that nobody answered yet.
func (tx *Tx) Invitation(id souk.ID) (souk.Invitation, error) {
	return one(tx, scanInvitation, `SELECT `+invitationColumns+` FROM invitations WHERE id = $1`, id)
}

// InvitationsBetween lists those of either org to the other.
func (tx *Tx) InvitationsBetween(a, b souk.ID) ([]souk.Invitation, error) {
	return list(tx, scanInvitation, `SELECT `+invitationColumns+` FROM invitations
		WHERE (from_id = $1 AND to_id = $2) OR (from_id = $2 AND to_id = $1) ORDER BY created_at, id`, a, b)
}

// InsertInvitation records an invitation.
func (tx *Tx) InsertInvitation(i souk.Invitation) error {
	_, err := tx.exec(`INSERT INTO invitations (`+invitationColumns+`) VALUES ($1, $2, $3, $4, $5)`,
		i.ID, i.From, i.To, i.CreatedBy, micros(i.CreatedAt))
	return err
}

// RemoveInvitation ends an invitation.
func (tx *Tx) RemoveInvitation(id souk.ID) error {
	_, err := tx.exec(`DELETE FROM invitations WHERE id = $1`, id)
	return err
}

// OutgoingInvitations lists what an org asked others.
func (tx *Tx) OutgoingInvitations(org souk.ID, page souk.Page) ([]souk.Invitation, error) {
	c := conditions{args: []any{org}}
	end := c.page(`created_at`, `id`, page)
	return list(tx, scanInvitation, `SELECT `+invitationColumns+` FROM invitations WHERE from_id = $1`+c.and()+end, c.args...)
}

// IncomingInvitations lists what others asked an org.
func (tx *Tx) IncomingInvitations(org souk.ID, page souk.Page) ([]souk.Invitation, error) {
	c := conditions{args: []any{org}}
	end := c.page(`created_at`, `id`, page)
	return list(tx, scanInvitation, `SELECT `+invitationColumns+` FROM invitations WHERE to_id = $1`+c.and()+end, c.args...)
}
