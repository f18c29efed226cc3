package store

import (
	"errors"
	"strings"
	"time"

	"souk"
)

const userColumns = `id, org_id, is_bot, email, first_name, last_name, alias, department,
	second_factor, operator, created_at, updated_at, deactivated_at`

func scanUser(r row) (u souk.User, err error) {
	var email *string
	err = r.Scan(&u.ID, &u.Org, &u.IsBot, &email, &u.FirstName, &u.LastName, &u.Alias, &u.Department,
		&u.SecondFactor, &u.Operator, (*stamp)(&u.CreatedAt), (*stamp)(&u.UpdatedAt), (*stamp)(&u.DeactivatedAt))
	if email != nil {
		u.Email = *email
	}
	return u, err
}

// User finds a user by ID, deactivated ones too.
func (tx *Tx) User(id souk.ID) (souk.User, error) {
	return one(tx, scanUser, `SELECT `+userColumns+` FROM users WHERE id = $1`, id)
}

// Users finds many users at once; those that do not exist are left out.
func (tx *Tx) Users(ids []souk.ID) (map[souk.ID]souk.User, error) {
	return byID(tx, scanUser, func(u souk.User) souk.ID { return u.ID },
		`SELECT `+userColumns+` FROM users WHERE id IN (`, ids)
}

// UserByEmail finds who has an e-mail, in lower case, under a root org.
func (tx *Tx) UserByEmail(root souk.ID, email string) (souk.User, error) {
	return one(tx, scanUser, `SELECT `+userColumns+` FROM users WHERE root_id = $1 AND email = $2`, root, email)
}

// PutUser inserts a user or replaces everything that may change. root is that
// of the user's home.
func (tx *Tx) PutUser(u souk.User, root souk.ID) error {
	var email any
	if u.Email != "" {
		email = u.Email
	}
	_, err := tx.exec(`
		INSERT INTO users (`+userColumns+`, root_id)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		ON CONFLICT (id) DO UPDATE SET
			email = excluded.email, first_name = excluded.first_name, last_name = excluded.last_name,
			alias = excluded.alias, department = excluded.department,
			second_factor = excluded.second_factor, operator = excluded.operator, updated_at = excluded.updated_at,
			deactivated_at = excluded.deactivated_at`,
		u.ID, u.Org, u.IsBot, email, u.FirstName, u.LastName, u.Alias, u.Department,
		u.SecondFactor, u.Operator, micros(u.CreatedAt), micros(u.UpdatedAt), micros(u.DeactivatedAt), root)
	return err
}

// PutPassword keeps the argon2id hash of a user's password.
func (tx *Tx) PutPassword(user souk.ID, hash string, at time.Time) error {
	_, err := tx.exec(`INSERT INTO passwords (user_id, hash, changed_at) VALUES ($1, $2, $3)
		ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, changed_at = excluded.changed_at`,
		user, hash, micros(at))
	return err
}

// Password is the hash that PutPassword kept.
func (tx *Tx) Password(user souk.ID) (hash string, err error) {
	err = tx.row(`SELECT hash FROM passwords WHERE user_id = $1`, user).Scan(&hash)
	return hash, err
}

const membershipColumns = `user_id, org_id, role, permissions, created_at`

func scanMembership(r row) (m souk.Membership, err error) {
	var permissions string
	err = r.Scan(&m.User, &m.Org, &m.Role, &permissions, (*stamp)(&m.CreatedAt))
	m.Permissions = parsePermissions(permissions)
	return m, err
}

func parsePermissions(s string) (permissions []souk.Permission) {
	for _, p := range strings.Fields(s) {
		permissions = append(permissions, souk.Permission(p))
	}
	return permissions
}

// Membership finds what a user is in an org.
func (tx *Tx) Membership(user, org souk.ID) (souk.Membership, error) {
	return one(tx, scanMembership, `SELECT `+membershipColumns+` FROM memberships
		WHERE user_id = $1 AND org_id = $2`, user, org)
}

// Memberships lists where a user belongs.
func (tx *Tx) Memberships(user souk.ID) ([]souk.Membership, error) {
	return list(tx, scanMembership, `SELECT `+membershipColumns+` FROM memberships
		WHERE user_id = $1 ORDER BY created_at, org_id`, user)
}

// Standing is what an active user may do at an org; the zero Standing for
// anybody else.
func (tx *Tx) Standing(user souk.ID, org souk.Org) (souk.Standing, error) {
	found, err := tx.Standings([]souk.ID{user}, org)
	return found[user], err
}

// Standings is Standing for many active users at once, by the user's ID; those
// who do not belong to the org are left out.
func (tx *Tx) Standings(users []souk.ID, org souk.Org) (map[souk.ID]souk.Standing, error) {
	standings := make(map[souk.ID]souk.Standing, len(users))
	if len(users) == 0 {
		return standings, nil
	}
	found, err := list(tx, scanMembership, `SELECT m.user_id, m.org_id, m.role, m.permissions, m.created_at
		FROM memberships m JOIN users u ON u.id = m.user_id
		WHERE m.org_id IN ($1, $2) AND u.deactivated_at IS NULL AND m.user_id IN (`+placeholders(3, len(users))+`)`,
		append([]any{org.ID, org.Enterprise}, anys(users)...)...)
	for _, m := range found {
		s := standings[m.User]
		if m.Org == org.ID {
			s.Here = m
		} else {
			s.Above = m
		}
		standings[m.User] = s
	}
	return standings, err
}

// Desk is what decides whether a user may work for an org.
type Desk struct {
	Home            souk.Org // the user's; zero when they are not active
	Org, Enterprise souk.Org // zero when the user does not belong there, whether there is such an org or not
	souk.Standing            // of the user at Org
}

// DeskOf finds the home of a user and what they are at an org; the zero org
// means their home. It is one statement, and no longer for the org of others than
// for one that does not exist.
func (tx *Tx) DeskOf(user, org souk.ID) (d Desk, err error) {
	type seat struct {
		souk.Org
		m      souk.Membership
		isHome bool
	}
	scan := func(r row) (s seat, err error) {
		var o scannedOrg
		var permissions string
		if err = r.Scan(append(o.fields(), &s.m.Role, &permissions, &s.isHome)...); err != nil {
			return s, err
		}
		s.m.User, s.m.Permissions = user, parsePermissions(permissions)
		s.Org, err = o.org()
		s.m.Org = s.Org.ID
		return s, err
	}
	seats, err := list(tx, scan, `
		SELECT `+prefixed("o", orgColumns)+`, COALESCE(m.role, ''), COALESCE(m.permissions, ''), o.id = u.org_id
		FROM users u
		LEFT JOIN orgs here ON here.id = COALESCE($2, u.org_id) AND EXISTS (
			SELECT 1 FROM memberships m WHERE m.user_id = u.id AND m.org_id IN (here.id, here.enterprise_id))
		JOIN orgs o ON o.id IN (u.org_id, here.id, here.enterprise_id)
		LEFT JOIN memberships m ON m.user_id = u.id AND m.org_id = o.id
		WHERE u.id = $1 AND u.deactivated_at IS NULL`, user, org)
	if err != nil {
		return d, err
	}
	for _, s := range seats {
		if s.isHome {
			d.Home = s.Org
		}
		if s.ID == org || org.IsZero() && s.isHome {
			d.Org, d.Here = s.Org, s.m
		}
	}
	for _, s := range seats {
		if !d.Org.Enterprise.IsZero() && s.ID == d.Org.Enterprise {
			d.Enterprise, d.Above = s.Org, s.m
		}
	}
	if !d.IsMember() {
		d.Org, d.Enterprise = souk.Org{}, souk.Org{}
	}
	return d, nil
}

// PutMembership makes a user a member of an org, or changes what they are there.
func (tx *Tx) PutMembership(m souk.Membership) error {
	permissions := make([]string, len(m.Permissions))
	for i, p := range m.Permissions {
		permissions[i] = string(p)
	}
	_, err := tx.exec(`INSERT INTO memberships (`+membershipColumns+`) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (user_id, org_id) DO UPDATE SET role = excluded.role, permissions = excluded.permissions`,
		m.User, m.Org, m.Role, strings.Join(permissions, " "), micros(m.CreatedAt))
	return err
}

// RemoveMembership ends a membership; false when there was none.
func (tx *Tx) RemoveMembership(user, org souk.ID) (bool, error) {
	n, err := tx.exec(`DELETE FROM memberships WHERE user_id = $1 AND org_id = $2`, user, org)
	return n > 0, err
}

// OtherOwners counts the active owners of an org besides user.
func (tx *Tx) OtherOwners(org, user souk.ID) (n int, err error) {
	err = tx.row(`SELECT count(*) FROM memberships m JOIN users u ON u.id = m.user_id
		WHERE m.org_id = $1 AND m.role = 'owner' AND m.user_id <> $2 AND u.deactivated_at IS NULL`,
		org, user).Scan(&n)
	return n, err
}

func scanGroup(r row) (g souk.Group, err error) {
	err = r.Scan(&g.ID, &g.Org, &g.Name, (*stamp)(&g.CreatedAt))
	return g, err
}

// Group finds a group by ID.
func (tx *Tx) Group(id souk.ID) (souk.Group, error) {
	return one(tx, scanGroup, `SELECT id, org_id, name, created_at FROM user_groups WHERE id = $1`, id)
}

// GroupByName finds a group of an org by its name.
func (tx *Tx) GroupByName(org souk.ID, name string) (souk.Group, error) {
	return one(tx, scanGroup, `SELECT id, org_id, name, created_at FROM user_groups
		WHERE org_id = $1 AND name = $2`, org, name)
}

// GroupNamed finds a group of an org by its name, or makes it.
func (tx *Tx) GroupNamed(org souk.ID, name string, at time.Time) (souk.Group, error) {
	g, err := tx.GroupByName(org, name)
	if !errors.Is(err, ErrNotFound) {
		return g, err
	}
	g = souk.Group{ID: souk.NewID(), Org: org, Name: name, CreatedAt: at}
	_, err = tx.exec(`INSERT INTO user_groups (id, org_id, name, created_at) VALUES ($1, $2, $3, $4)`,
		g.ID, g.Org, g.Name, micros(g.CreatedAt))
	return g, err
}

// Groups lists the groups a user is in, by name.
func (tx *Tx) Groups(user souk.ID) ([]souk.Group, error) {
	return list(tx, scanGroup, `SELECT g.id, g.org_id, g.name, g.created_at
		FROM user_groups g JOIN group_members m ON m.group_id = g.id
		WHERE m.user_id = $1 ORDER BY g.name, g.id`, user)
}

// JoinGroup puts a user into a group; false when they are in it.
func (tx *Tx) JoinGroup(group, user souk.ID) (bool, error) {
	n, err := tx.exec(`INSERT INTO group_members (group_id, user_id) VALUES ($1, $2)
		ON CONFLICT (group_id, user_id) DO NOTHING`, group, user)
	return n > 0, err
}

// LeaveGroup takes a user out of a group; false when they were not in it.
func (tx *Tx) LeaveGroup(group, user souk.ID) (bool, error) {
	n, err := tx.exec(`DELETE FROM group_members WHERE group_id = $1 AND user_id = $2`, group, user)
	return n > 0, err
}
