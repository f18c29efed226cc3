package store

import (
	"time"

	"souk"
)

const grantColumns = `id, user_id, installation_id, org_id, scopes, status, created_at, disabled_at, revoked_at`

func scanGrant(r row) (g souk.Grant, err error) {
	var scopes string
	err = r.Scan(&g.ID, &g.User, &g.Installation, &g.Org, &scopes, &g.Status, (*stamp)(&g.CreatedAt), (*stamp)(&g.DisabledAt), (*stamp)(&g.RevokedAt))
	g.Scopes = souk.ParseScopes(scopes)
	return g, err
}

// PutGrant inserts a grant, or renews the scopes of the user's active one there.
func (tx *Tx) PutGrant(g souk.Grant) error {
	_, err := tx.exec(`INSERT INTO grants (`+grantColumns+`) 
		VALUES ($1, $2, $3, COALESCE($4, (SELECT org_id FROM installations WHERE id = $3)), $5, $6, $7, $8, $9)
		ON CONFLICT (installation_id, user_id, org_id) WHERE status = 'active' DO UPDATE SET scopes = excluded.scopes`,
		g.ID, g.User, g.Installation, g.Org, g.Scopes.String(), g.Status, micros(g.CreatedAt), micros(g.DisabledAt), micros(g.RevokedAt))
	return err
}

// GrantsOf lists the active grants of an installation, oldest first.
func (tx *Tx) GrantsOf(installation souk.ID) ([]souk.Grant, error) {
	return list(tx, scanGrant, `SELECT `+grantColumns+` FROM grants
		WHERE installation_id = $1 AND status = 'active' ORDER BY created_at, id`, installation)
}

// SomeGrantsOf lists the oldest of them, at most limit.
func (tx *Tx) SomeGrantsOf(installation souk.ID, limit int) ([]souk.Grant, error) {
	return list(tx, scanGrant, `SELECT `+grantColumns+` FROM grants
		WHERE installation_id = $1 AND status = 'active' ORDER BY created_at, id LIMIT $2`, installation, limit)
}

// GrantsBy lists the active grants a user made, oldest first.
func (tx *Tx) GrantsBy(user souk.ID) ([]souk.Grant, error) {
	return list(tx, scanGrant, `SELECT `+grantColumns+` FROM grants
		WHERE user_id = $1 AND status = 'active' ORDER BY created_at, id`, user)
}

// Grant finds a grant by ID, a revoked one too.
func (tx *Tx) Grant(id souk.ID) (souk.Grant, error) {
	return one(tx, scanGrant, `SELECT `+grantColumns+` FROM grants WHERE id = $1`, id)
}

// GrantsTo lists the active grants of a user to an installation that hold at an
// org: the one there and the one at the enterprise above.
func (tx *Tx) GrantsTo(installation, user souk.ID, org souk.Org) ([]souk.Grant, error) {
	return list(tx, scanGrant, `SELECT `+grantColumns+` FROM grants
		WHERE installation_id = $1 AND user_id = $2 AND org_id IN ($3, $4) AND status = 'active'
		ORDER BY created_at, id`, installation, user, org.ID, org.Enterprise)
}

// RevokeGrants ends the grants named.
func (tx *Tx) RevokeGrants(ids []souk.ID, at time.Time) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.exec(`UPDATE grants SET status = 'revoked', revoked_at = $1
		WHERE status = 'active' AND id IN (`+placeholders(2, len(ids))+`)`, append([]any{micros(at)}, anys(ids)...)...)
	return err
}

// GrantsUnder lists the active grants of a user to an app that hold at an org or
// below it, oldest first.
func (tx *Tx) GrantsUnder(app, user, org souk.ID) ([]souk.Grant, error) {
	return list(tx, scanGrant, `SELECT `+prefixed("g", grantColumns)+`
		FROM grants g JOIN installations i ON i.id = g.installation_id JOIN orgs o ON o.id = g.org_id
		WHERE g.user_id = $2 AND g.status = 'active' AND i.app_id = $1 AND i.status <> 'ended'
		AND (o.id = $3 OR o.enterprise_id = $3)
		ORDER BY g.created_at, g.id`, app, user, org)
}

// DisabledUnder lists the grants of a user to an app that are disabled at an org
// or below it, oldest first. One that the user took back meanwhile is among them.
func (tx *Tx) DisabledUnder(app, user, org souk.ID) ([]souk.Grant, error) {
	return list(tx, scanGrant, `SELECT `+prefixed("g", grantColumns)+`
		FROM grants g JOIN installations i ON i.id = g.installation_id JOIN orgs o ON o.id = g.org_id
		WHERE g.user_id = $2 AND g.disabled_at IS NOT NULL AND i.app_id = $1 AND i.status <> 'ended'
		AND (o.id = $3 OR o.enterprise_id = $3)
		ORDER BY g.created_at, g.id`, app, user, org)
}

// IsDisabled reports whether a user's grant to an installation is disabled that
// holds at an org: the one there, or the one at the enterprise above. It stays so
// when the user takes the grant back: who disabled it enables it again.
func (tx *Tx) IsDisabled(installation, user souk.ID, org souk.Org) (bool, error) {
	return tx.exists(`SELECT 1 FROM grants WHERE installation_id = $1 AND user_id = $2 AND org_id IN ($3, $4)
		AND disabled_at IS NOT NULL`, installation, user, org.ID, org.Enterprise)
}

// DisableGrants disables grants at a time; the zero time enables them.
func (tx *Tx) DisableGrants(ids []souk.ID, at time.Time) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.exec(`UPDATE grants SET disabled_at = $1
		WHERE id IN (`+placeholders(2, len(ids))+`)`, append([]any{micros(at)}, anys(ids)...)...)
	return err
}
