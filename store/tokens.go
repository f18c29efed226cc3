package store

import "souk"

const tokenColumns = `id, hash, kind, user_id, installation_id, app_id, org_id, scopes, description,
	networks, created_at, expires_at, revoked_at`

func scanToken(r row) (t souk.Token, err error) {
	var scopes, networks string
	err = r.Scan(&t.ID, &t.Hash, &t.Kind, &t.User, &t.Installation, &t.App, &t.Org, &scopes, &t.Description,
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
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
		ON CONFLICT (id) DO UPDATE SET
			hash = excluded.hash, scopes = excluded.scopes, description = excluded.description,
			networks = excluded.networks, expires_at = excluded.expires_at, revoked_at = excluded.revoked_at`,
		t.ID, t.Hash, t.Kind, t.User, t.Installation, t.App, t.Org, t.Scopes.String(), t.Description,
		formatNetworks(t.Networks), micros(t.CreatedAt), micros(t.ExpiresAt), micros(t.RevokedAt))
	return err
}

// HasPlatformToken reports whether any platform token was ever made.
func (tx *Tx) HasPlatformToken() (bool, error) {
	return tx.exists(`SELECT 1 FROM tokens WHERE kind = 'platform'`)
}
