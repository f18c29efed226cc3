package store

import "souk"

// Whom a verb asks for, a part at a time: active people, app users left out.

func scanPosition(r row) (p souk.Position, err error) {
	err = r.Scan((*stamp)(&p.At), &p.ID)
	return p, err
}

// PeopleUnder lists the people under a root org from a position on, oldest
// first.
func (tx *Tx) PeopleUnder(root souk.ID, after souk.Position, limit int) ([]souk.Position, error) {
	return list(tx, scanPosition, `SELECT created_at, id FROM users
		WHERE root_id = $1 AND deactivated_at IS NULL AND is_bot = FALSE AND (created_at, id) > ($2, $3)
		ORDER BY created_at, id LIMIT $4`, root, after.At.UnixMicro(), after.ID[:], limit)
}

// PeopleOf lists the people who are members of an org itself from a position on,
// in the order in which they joined.
func (tx *Tx) PeopleOf(org souk.ID, after souk.Position, limit int) ([]souk.Position, error) {
	return list(tx, scanPosition, `SELECT m.created_at, m.user_id FROM memberships m JOIN users u ON u.id = m.user_id
		WHERE m.org_id = $1 AND u.deactivated_at IS NULL AND u.is_bot = FALSE AND (m.created_at, m.user_id) > ($2, $3)
		ORDER BY m.created_at, m.user_id LIMIT $4`, org, after.At.UnixMicro(), after.ID[:], limit)
}

// PeopleOfGroup lists the people in a group from a position on, in the order of
// their IDs.
func (tx *Tx) PeopleOfGroup(group souk.ID, after souk.Position, limit int) ([]souk.Position, error) {
	return list(tx, scanPosition, `SELECT u.created_at, m.user_id FROM group_members m JOIN users u ON u.id = m.user_id
		WHERE m.group_id = $1 AND u.deactivated_at IS NULL AND u.is_bot = FALSE AND m.user_id > $2
		ORDER BY m.user_id LIMIT $3`, group, after.ID[:], limit)
}
