package store

import (
	"time"

	"souk"
)

const tokenColumns = `id, hash, kind, user_id, installation_id, app_id, org_id, family_id, scopes, description,
	networks, created_at, expires_at, revoked_at`

func scanToken(r row) (t souk.Token, err error) {
	var scopes, networks string
	err = r.Scan(&t.ID, &t.Hash, &t.Kind, &t.User, &t.Installation, &t.App, &t.Org, &t.Family, &scopes, &t.Description,
		&networks, (*stamp)(&t.CreatedAt), (*stamp)(&t.ExpiresAt), (*stamp)(&t.RevokedAt))
	if err != nil {
		return t, err
	}
	t.Scopes = souk.ParseScopes(scopes)
	t.Networks, err = parseNetworks(networks)
	return t, err
}

// TokenByHash finds a token by the keyed hash of its secret.
func (tx *Tx) TokenByHash(hash []byte) (souk.Token, error) {
	return one(tx, scanToken, `SELECT `+tokenColumns+` FROM tokens WHERE hash = $1`, hash)
}

// Token finds a token by ID.
func (tx *Tx) Token(id souk.ID) (souk.Token, error) {
	return one(tx, scanToken, `SELECT `+tokenColumns+` FROM tokens WHERE id = $1`, id)
}

// PutToken inserts a token or replaces its end and its scopes.
func (tx *Tx) PutToken(t souk.Token) error {
	_, err := tx.exec(`INSERT INTO tokens (`+tokenColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		ON CONFLICT (id) DO UPDATE SET
			hash = excluded.hash, scopes = excluded.scopes, description = excluded.description,
			networks = excluded.networks, expires_at = excluded.expires_at, revoked_at = excluded.revoked_at`,
		t.ID, t.Hash, t.Kind, t.User, t.Installation, t.App, t.Org, t.Family, t.Scopes.String(), t.Description,
		formatNetworks(t.Networks), micros(t.CreatedAt), micros(t.ExpiresAt), micros(t.RevokedAt))
	return err
}

// HasPlatformToken reports whether any platform token was ever made.
func (tx *Tx) HasPlatformToken() (bool, error) {
	return tx.exists(`SELECT 1 FROM tokens WHERE kind = 'platform'`)
}

// liveToken is the condition that a token was neither revoked nor has expired by
// $1, and spokenFor that whoever it speaks for is active.
const (
	liveToken = `revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1)`
	spokenFor = `(user_id IS NULL OR EXISTS (SELECT 1 FROM users u WHERE u.id = user_id AND u.deactivated_at IS NULL))`
)

// TokensOfUser lists the tokens of a kind that speak for a user for themselves,
// with no installation, and are neither revoked nor expired: newest first.
func (tx *Tx) TokensOfUser(user souk.ID, kind souk.TokenKind, at time.Time) ([]souk.Token, error) {
	return list(tx, scanToken, `SELECT `+tokenColumns+` FROM tokens
		WHERE user_id = $2 AND kind = $3 AND installation_id IS NULL AND `+liveToken+`
		ORDER BY created_at DESC, id DESC`, micros(at), user, kind)
}

// TokensLike lists the tokens of the same kind, installation, user and
// description as t that are neither revoked nor expired: newest first, at most
// limit.
func (tx *Tx) TokensLike(t souk.Token, at time.Time, limit int) ([]souk.Token, error) {
	return list(tx, scanToken, `SELECT `+tokenColumns+` FROM tokens
		WHERE user_id = $2 AND kind = $3 AND installation_id = $4 AND description = $5 AND `+liveToken+`
		ORDER BY created_at DESC, id DESC LIMIT $6`, micros(at), t.User, t.Kind, t.Installation, t.Description, limit)
}

// TokensOfApp lists the tokens of Zoom's wire with which an app speaks for itself
// and that are neither revoked nor expired: newest first, at most limit.
func (tx *Tx) TokensOfApp(app souk.ID, at time.Time, limit int) ([]souk.Token, error) {
	return list(tx, scanToken, `SELECT `+tokenColumns+` FROM tokens
		WHERE app_id = $2 AND kind = 'zoom' AND installation_id IS NULL AND `+liveToken+`
		ORDER BY created_at DESC, id DESC LIMIT $3`, micros(at), app, limit)
}

// TokensOfInstallation lists the tokens that came with an installation, speak for
// somebody active or for nobody, and are neither revoked nor expired: newest
// first, at most limit.
func (tx *Tx) TokensOfInstallation(installation souk.ID, at time.Time, limit int) ([]souk.Token, error) {
	return list(tx, scanToken, `SELECT `+tokenColumns+` FROM tokens
		WHERE installation_id = $2 AND `+liveToken+` AND `+spokenFor+`
		ORDER BY created_at DESC, id DESC LIMIT $3`, micros(at), installation, limit)
}

// AppUserTokens lists the API tokens of an installation's app user that are
// neither revoked nor expired: newest first.
func (tx *Tx) AppUserTokens(i souk.Installation, at time.Time) ([]souk.Token, error) {
	return list(tx, scanToken, `SELECT `+tokenColumns+` FROM tokens
		WHERE user_id = $2 AND kind = 'token' AND installation_id = $3 AND `+liveToken+`
		ORDER BY created_at DESC, id DESC`, micros(at), i.AppUser, i.ID)
}

// PlatformTokens lists those that are neither revoked nor expired: newest first.
func (tx *Tx) PlatformTokens(at time.Time) ([]souk.Token, error) {
	return list(tx, scanToken, `SELECT `+tokenColumns+` FROM tokens
		WHERE kind = 'platform' AND `+liveToken+`
		ORDER BY created_at DESC, id DESC`, micros(at))
}

// RevokeGranted ends the tokens that came to an app by a grant: where it holds,
// and in the workspaces below.
func (tx *Tx) RevokeGranted(g souk.Grant, at time.Time) (int64, error) {
	return tx.exec(`UPDATE tokens SET revoked_at = $1
		WHERE user_id = $2 AND installation_id = $3 AND kind IN ('token', 'xoxp', 'xoxe', 'zoom', 'zoom_refresh') AND revoked_at IS NULL
		AND org_id IN (SELECT id FROM orgs WHERE id = $4 OR enterprise_id = $4)`,
		micros(at), g.User, g.Installation, g.Org)
}

// RevokeFamily ends the tokens that renewed one another, and tells how many.
func (tx *Tx) RevokeFamily(family souk.ID, at time.Time) (int64, error) {
	return tx.exec(`UPDATE tokens SET revoked_at = $1 WHERE family_id = $2 AND revoked_at IS NULL`, micros(at), family)
}

// RevokeFamilies ends all such tokens of a user that an installed app has.
func (tx *Tx) RevokeFamilies(user, installation souk.ID, at time.Time) (int64, error) {
	return tx.exec(`UPDATE tokens SET revoked_at = $1
		WHERE user_id = $2 AND installation_id = $3 AND family_id IS NOT NULL AND revoked_at IS NULL`,
		micros(at), user, installation)
}

// RevokeTokens ends the tokens of a kind that speak for a user: with an
// installation those that came with it, without one those that came with none.
// It tells how many it ended.
func (tx *Tx) RevokeTokens(user souk.ID, kind souk.TokenKind, installation souk.ID, at time.Time) (int64, error) {
	return tx.exec(`UPDATE tokens SET revoked_at = $1
		WHERE user_id = $2 AND kind = $3 AND installation_id IS NOT DISTINCT FROM $4 AND revoked_at IS NULL`,
		micros(at), user, kind, installation)
}
