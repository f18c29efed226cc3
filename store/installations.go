package store

import (
	"slices"
	"time"

	"souk"
)

const installationColumns = `id, app_id, org_id, kind, status, scopes, installed_by, app_user_id,
	created_at, updated_at, ended_at`

func scanInstallation(r row) (i souk.Installation, err error) {
	var scopes string
	err = r.Scan(&i.ID, &i.App, &i.Org, &i.Kind, &i.Status, &scopes, &i.InstalledBy, &i.AppUser,
		(*stamp)(&i.CreatedAt), (*stamp)(&i.UpdatedAt), (*stamp)(&i.EndedAt))
	i.Scopes = souk.ParseScopes(scopes)
	return i, err
}

// Installation finds an installation by ID, ended ones too.
func (tx *Tx) Installation(id souk.ID) (souk.Installation, error) {
	return one(tx, scanInstallation, `SELECT `+installationColumns+` FROM installations WHERE id = $1`, id)
}

// Installations finds many installations at once, ended ones too.
func (tx *Tx) Installations(ids []souk.ID) (map[souk.ID]souk.Installation, error) {
	return byID(tx, scanInstallation, func(i souk.Installation) souk.ID { return i.ID },
		`SELECT `+installationColumns+` FROM installations WHERE id IN (`, ids)
}

// InstallationAt finds the live installation of an app that an org made itself.
func (tx *Tx) InstallationAt(app, org souk.ID) (souk.Installation, error) {
	return one(tx, scanInstallation, `SELECT `+installationColumns+` FROM installations
		WHERE app_id = $1 AND org_id = $2 AND status <> 'ended'`, app, org)
}

// InstallationAtOrg finds a live installation that an org made itself.
func (tx *Tx) InstallationAtOrg(org, id souk.ID) (souk.Installation, error) {
	return one(tx, scanInstallation, `SELECT `+installationColumns+` FROM installations
		WHERE id = $1 AND org_id = $2 AND status <> 'ended'`, id, org)
}

// InstallationOf finds a live installation of an app by its ID or by the org
// that made it; the ID first.
func (tx *Tx) InstallationOf(app, target souk.ID) (souk.Installation, error) {
	return one(tx, scanInstallation, `SELECT `+installationColumns+` FROM installations
		WHERE app_id = $1 AND (id = $2 OR org_id = $2) AND status <> 'ended'
		ORDER BY CASE WHEN id = $2 THEN 0 ELSE 1 END LIMIT 1`, app, target)
}

// InstallationReaching finds the live installation through which an app is in
// effect at an org: its own, or an org-wide one that was granted it.
func (tx *Tx) InstallationReaching(app, org souk.ID) (souk.Installation, error) {
	return one(tx, scanInstallation, `SELECT `+prefixed("i", installationColumns)+`
		FROM reach r JOIN installations i ON i.id = r.installation_id
		WHERE r.app_id = $1 AND r.org_id = $2`, app, org)
}

// InstallationsUnder lists the live installations of an app that an enterprise
// and its workspaces made.
func (tx *Tx) InstallationsUnder(app, enterprise souk.ID) ([]souk.Installation, error) {
	return list(tx, scanInstallation, `SELECT `+prefixed("i", installationColumns)+`
		FROM installations i JOIN orgs o ON o.id = i.org_id
		WHERE i.app_id = $1 AND i.status <> 'ended' AND (o.id = $2 OR o.enterprise_id = $2)
		ORDER BY i.created_at, i.id`, app, enterprise)
}

// InstallationsOf lists the live installations of an app, oldest first.
func (tx *Tx) InstallationsOf(app souk.ID) ([]souk.Installation, error) {
	return list(tx, scanInstallation, `SELECT `+installationColumns+` FROM installations
		WHERE app_id = $1 AND status <> 'ended' ORDER BY created_at, id`, app)
}

// InstallationsAfter lists the live installations of an app from a position on,
// oldest first.
func (tx *Tx) InstallationsAfter(app souk.ID, after souk.Position, limit int) ([]souk.Installation, error) {
	return list(tx, scanInstallation, `SELECT `+installationColumns+` FROM installations
		WHERE app_id = $1 AND status <> 'ended' AND (created_at, id) > ($2, $3)
		ORDER BY created_at, id LIMIT $4`, app, after.At.UnixMicro(), after.ID[:], limit)
}

// InstallationsThatLost lists the active installations of an app, at an org or
// below it, whose approval ended at a time, there or at the enterprise above, and
// that have none there now: oldest first.
func (tx *Tx) InstallationsThatLost(app, org souk.ID, ended time.Time, limit int) ([]souk.Installation, error) {
	return list(tx, scanInstallation, `SELECT `+prefixed("i", installationColumns)+`
		FROM installations i JOIN orgs o ON o.id = i.org_id
		WHERE i.app_id = $1 AND i.status = 'active' AND i.created_at <= $3 AND (o.id = $2 OR o.enterprise_id = $2)
		AND EXISTS (SELECT 1 FROM resolutions r WHERE r.app_id = $1 AND r.org_id IN (o.id, o.enterprise_id)
			AND r.status = 'approved' AND r.ended_at = $3)
		AND NOT EXISTS (SELECT 1 FROM resolutions r WHERE r.app_id = $1 AND r.org_id IN (o.id, o.enterprise_id)
			AND r.status = 'approved' AND r.ended_at IS NULL)
		ORDER BY i.created_at, i.id LIMIT $4`, app, org, micros(ended), limit)
}

// IsInstalledUnder reports whether an app is installed at a root org or at one of
// its workspaces.
func (tx *Tx) IsInstalledUnder(app, root souk.ID) (bool, error) {
	return tx.exists(`SELECT 1 FROM installations i JOIN orgs o ON o.id = i.org_id
		WHERE i.app_id = $1 AND i.status <> 'ended' AND o.closed_at IS NULL
		AND (o.id = $2 AND o.enterprise_id IS NULL OR o.enterprise_id = $2)`, app, root)
}

// PutInstallation inserts an installation or replaces what may change about it.
func (tx *Tx) PutInstallation(i souk.Installation) error {
	_, err := tx.exec(`INSERT INTO installations (`+installationColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT (id) DO UPDATE SET
			status = excluded.status, scopes = excluded.scopes, app_user_id = excluded.app_user_id,
			updated_at = excluded.updated_at, ended_at = excluded.ended_at`,
		i.ID, i.App, i.Org, i.Kind, i.Status, i.Scopes.String(), i.InstalledBy, i.AppUser,
		micros(i.CreatedAt), micros(i.UpdatedAt), micros(i.EndedAt))
	return err
}

// InstallationsPage lists the live installations that reach an org, newest
// first.
func (tx *Tx) InstallationsPage(org souk.ID, page souk.Page) ([]souk.Installation, error) {
	c := conditions{args: []any{org}}
	c.after(`i`, page)
	limit := c.arg(page.Size)
	return list(tx, scanInstallation, `SELECT `+prefixed("i", installationColumns)+`
		FROM reach r JOIN installations i ON i.id = r.installation_id
		WHERE r.org_id = $1`+c.and()+` ORDER BY i.created_at DESC, i.id DESC LIMIT `+limit, c.args...)
}

// Reach makes an installation reach an org; false when the app reaches it
// already in some way.
func (tx *Tx) Reach(i souk.Installation, org souk.ID, at time.Time) (bool, error) {
	n, err := tx.exec(`INSERT INTO reach (org_id, app_id, installation_id, created_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (org_id, app_id) DO NOTHING`, org, i.App, i.ID, micros(at))
	return n > 0, err
}

// Unreach takes orgs out of an installation's reach.
func (tx *Tx) Unreach(installation souk.ID, orgs ...souk.ID) error {
	if len(orgs) == 0 {
		return nil
	}
	_, err := tx.exec(`DELETE FROM reach WHERE installation_id = $1 AND org_id IN (`+placeholders(2, len(orgs))+`)`,
		append([]any{installation}, anys(orgs)...)...)
	return err
}

// UnreachAll takes every org out of an installation's reach, its own too.
func (tx *Tx) UnreachAll(installation souk.ID) error {
	_, err := tx.exec(`DELETE FROM reach WHERE installation_id = $1`, installation)
	return err
}

// Reached lists the orgs that an installation reaches, the installing one too,
// in the order in which they came.
func (tx *Tx) Reached(installation souk.ID) ([]souk.ID, error) {
	return list(tx, scanID, `SELECT org_id FROM reach WHERE installation_id = $1 ORDER BY created_at, org_id`, installation)
}

// ReachedAmong are those of orgs that an app reaches.
func (tx *Tx) ReachedAmong(app souk.ID, orgs []souk.ID) (map[souk.ID]bool, error) {
	reached := map[souk.ID]bool{}
	for some := range slices.Chunk(orgs, mostRows) {
		some = padded(some)
		found, err := list(tx, scanID, `SELECT org_id FROM reach
			WHERE app_id = $1 AND org_id IN (`+placeholders(2, len(some))+`)`, append([]any{app}, anys(some)...)...)
		if err != nil {
			return nil, err
		}
		for _, id := range found {
			reached[id] = true
		}
	}
	return reached, nil
}

// Reaches reports whether an installation reaches an org.
func (tx *Tx) Reaches(installation, org souk.ID) (bool, error) {
	return tx.exists(`SELECT 1 FROM reach WHERE installation_id = $1 AND org_id = $2`, installation, org)
}
