package store

import "souk"

// An account is a root org with all that is below it.

// under selects the orgs of the account $1.
const under = `SELECT id FROM orgs WHERE id = $1 UNION ALL SELECT id FROM orgs WHERE enterprise_id = $1`

// isUnder is the condition of an org o of the account $1.
const isUnder = `(o.id = $1 OR o.enterprise_id = $1)`

// AppsOwnedUnder lists the apps that the orgs of an account own.
func (tx *Tx) AppsOwnedUnder(root souk.ID, page souk.Page) ([]souk.App, error) {
	c := conditions{args: []any{root}}
	end := c.page(`a.created_at`, `a.id`, page)
	return list(tx, scanApp, `SELECT `+prefixed("a", appColumns)+`
		FROM (`+under+`) AS o JOIN apps a ON a.owner_id = o.id WHERE a.deleted_at IS NULL`+c.and()+end, c.args...)
}

// AppsInstalledUnder lists the apps that are live anywhere in an account, by
// when the app was made.
func (tx *Tx) AppsInstalledUnder(root souk.ID, page souk.Page) ([]souk.App, error) {
	c := conditions{args: []any{root}}
	end := c.page(`a.created_at`, `a.id`, page)
	return list(tx, scanApp, `SELECT `+prefixed("a", appColumns)+`
		FROM (SELECT DISTINCT app_id FROM reach WHERE org_id IN (`+under+`)) AS r JOIN apps a ON a.id = r.app_id
		WHERE a.deleted_at IS NULL`+c.and()+end, c.args...)
}

// ApprovedUnder lists what is approved in an account, one answer for each app,
// newest first: the root's own for everyone, else the newest of the others.
func (tx *Tx) ApprovedUnder(root souk.ID, page souk.Page) ([]souk.Resolution, error) {
	c := conditions{args: []any{root}}
	end := c.page(`r.created_at`, `r.id`, page)
	return list(tx, scanResolution, `SELECT `+prefixed("r", resolutionColumns)+`
		FROM (SELECT `+resolutionColumns+`, row_number() OVER (PARTITION BY app_id
				ORDER BY CASE WHEN org_id = $1 AND audience = 'everyone' THEN 0 ELSE 1 END, created_at DESC, id DESC) AS place
			FROM resolutions WHERE org_id IN (`+under+`) AND status = 'approved' AND ended_at IS NULL) AS r
		JOIN apps a ON a.id = r.app_id
		WHERE r.place = 1 AND a.deleted_at IS NULL`+c.and()+end, c.args...)
}

// RestrictedAt lists what is restricted for everyone at exactly one org, newest
// first.
func (tx *Tx) RestrictedAt(org souk.ID, page souk.Page) ([]souk.Resolution, error) {
	c := conditions{args: []any{org}}
	end := c.page(`r.created_at`, `r.id`, page)
	return list(tx, scanResolution, `SELECT `+prefixed("r", resolutionColumns)+`
		FROM resolutions r JOIN apps a ON a.id = r.app_id
		WHERE r.org_id = $1 AND r.status = 'restricted' AND r.ended_at IS NULL AND r.audience = 'everyone'
		AND a.deleted_at IS NULL`+c.and()+end, c.args...)
}

// AppUnder finds an app that any org of an account has a right to. It is one
// statement, whether there is no such app or none for them.
func (tx *Tx) AppUnder(root, app souk.ID) (souk.App, error) {
	return one(tx, scanApp, `SELECT `+prefixed("a", appColumns)+` FROM apps a
		WHERE a.id = $2 AND a.deleted_at IS NULL AND EXISTS (
			SELECT 1 FROM rights r
			WHERE r.app_id = $2 AND (
				r.grantee = 'everyone'
				OR (r.grantee IN ('owner', 'shared') AND EXISTS (SELECT 1 FROM orgs o WHERE o.id = r.org_id AND `+isUnder+`))
				OR (r.grantee = 'partners' AND (
					EXISTS (SELECT 1 FROM partnerships p JOIN orgs o ON o.id = p.b_id WHERE p.a_id = r.org_id AND `+isUnder+`)
					OR EXISTS (SELECT 1 FROM partnerships p JOIN orgs o ON o.id = p.a_id WHERE p.b_id = r.org_id AND `+isUnder+`)))))`, root, app)
}

// PersonUnder finds a person whose home is in an account, deactivated ones too.
func (tx *Tx) PersonUnder(root, id souk.ID) (souk.User, error) {
	return one(tx, scanUser, `SELECT `+prefixed("u", userColumns)+` FROM users u JOIN orgs o ON o.id = u.org_id
		WHERE u.id = $2 AND u.is_bot = FALSE AND `+isUnder, root, id)
}
