package store

import (
	"time"

	"souk"
)

// PutRight records a reason why an org sees an app; false when it stood already.
func (tx *Tx) PutRight(r souk.Right, at time.Time) (bool, error) {
	n, err := tx.exec(`INSERT INTO rights (app_id, grantee, org_id, created_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (app_id, grantee, org_id) DO NOTHING`, r.App, r.To, r.Org, micros(at))
	return n > 0, err
}

// RemoveRight takes a reason back; false when it did not stand.
func (tx *Tx) RemoveRight(r souk.Right) (bool, error) {
	n, err := tx.exec(`DELETE FROM rights WHERE app_id = $1 AND grantee = $2 AND org_id = $3`, r.App, r.To, r.Org)
	return n > 0, err
}

// IsVisible reports whether an org has a right to an app: it or its enterprise
// owns it, had it shared, is a partner of whoever offers it to partners, or it
// is public. A workspace sees what its enterprise sees.
func (tx *Tx) IsVisible(app souk.ID, org souk.Org) (bool, error) {
	return tx.exists(rightTo("$1", "$2", "$3"), app, org.ID, org.Enterprise)
}

// rightTo selects the rights to an app that an org below an enterprise has.
func rightTo(app, org, enterprise string) string {
	here := `(` + org + `, ` + enterprise + `)`
	return `
		SELECT 1 FROM rights r
		WHERE r.app_id = ` + app + ` AND (
			r.grantee = 'everyone'
			OR (r.grantee IN ('owner', 'shared') AND r.org_id IN ` + here + `)
			OR (r.grantee = 'partners' AND EXISTS (
				SELECT 1 FROM partnerships p
				WHERE (p.a_id = r.org_id AND p.b_id IN ` + here + `)
				   OR (p.b_id = r.org_id AND p.a_id IN ` + here + `))))`
}

// LostInstallations finds live installations of an owner's apps, at an org and
// below it, to which nothing gives a right any more.
func (tx *Tx) LostInstallations(owner, org souk.ID, limit int) ([]souk.Installation, error) {
	return list(tx, scanInstallation, `SELECT `+prefixed("i", installationColumns)+`
		FROM orgs o
		JOIN installations i ON i.org_id = o.id AND i.status <> 'ended'
		JOIN apps a ON a.id = i.app_id
		WHERE (o.id = $2 OR o.enterprise_id = $2) AND a.owner_id = $1
		AND NOT EXISTS (`+rightTo("i.app_id", "o.id", "o.enterprise_id")+`)
		ORDER BY i.created_at, i.id LIMIT $3`, owner, org, limit)
}

// LostRequests finds pending requests for an owner's apps, at an org and below
// it, to which nothing gives a right any more.
func (tx *Tx) LostRequests(owner, org souk.ID, limit int) ([]souk.Request, error) {
	return list(tx, scanRequest, `SELECT `+prefixed("q", requestColumns)+`
		FROM orgs o
		JOIN requests q ON q.org_id = o.id AND q.status = 'pending'
		JOIN apps a ON a.id = q.app_id
		WHERE (o.id = $2 OR o.enterprise_id = $2) AND a.owner_id = $1
		AND NOT EXISTS (`+rightTo("q.app_id", "o.id", "o.enterprise_id")+`)
		ORDER BY q.created_at, q.id LIMIT $3`, owner, org, limit)
}

// CountHolders counts the live installations of an app and the pending requests
// for it, up to most.
func (tx *Tx) CountHolders(app souk.ID, most int) (n int, err error) {
	err = tx.row(`SELECT count(*) FROM (
		SELECT 1 FROM installations WHERE app_id = $1 AND status <> 'ended'
		UNION ALL
		SELECT 1 FROM cases c JOIN requests q ON q.case_id = c.id AND q.status = 'pending'
			WHERE c.app_id = $1 AND c.closed_at IS NULL
		LIMIT $2) AS holders`, app, most).Scan(&n)
	return n, err
}

// Tie is one thing by which an org finds another's apps among those of its
// partners: a share with it, or a partnership of it.
type Tie struct {
	Share, Partner souk.ID // the org, as one of the two
}

// Org is whom t ties.
func (t Tie) Org() souk.ID {
	if t.Share.IsZero() {
		return t.Partner
	}
	return t.Share
}

// IsOffered reports whether an org finds an app among those of its partners by
// anything but a tie.
func (tx *Tx) IsOffered(app souk.ID, org souk.Org, but Tie) (bool, error) {
	return tx.exists(`
		SELECT 1 FROM rights r
		WHERE r.app_id = $1 AND (
			(r.grantee = 'shared' AND r.org_id IN ($2, $3) AND r.org_id IS DISTINCT FROM $4)
			OR (r.grantee = 'partners' AND EXISTS (
				SELECT 1 FROM partnerships p
				WHERE (p.a_id = r.org_id AND p.b_id IN ($2, $3) AND p.b_id IS DISTINCT FROM $5)
				   OR (p.b_id = r.org_id AND p.a_id IN ($2, $3) AND p.a_id IS DISTINCT FROM $5))))`,
		app, org.ID, org.Enterprise, but.Share, but.Partner)
}

// AppsForPartners lists the apps that an org offers to its partners.
func (tx *Tx) AppsForPartners(org souk.ID) ([]souk.ID, error) {
	return list(tx, scanID, `SELECT r.app_id FROM rights r JOIN apps a ON a.id = r.app_id
		WHERE r.org_id = $1 AND r.grantee = 'partners' AND a.deleted_at IS NULL ORDER BY r.app_id`, org)
}

const shareColumns = `id, app_id, org_id, created_by, created_at`

func scanShare(r row) (s souk.Share, err error) {
	err = r.Scan(&s.ID, &s.App, &s.Org, &s.CreatedBy, (*stamp)(&s.CreatedAt))
	return s, err
}

// PutShare shares an app with an org; false when it was shared already. A share
// from before shares had ids gets one.
func (tx *Tx) PutShare(s souk.Share) (bool, error) {
	n, err := tx.exec(`INSERT INTO rights (grantee, `+shareColumns+`) VALUES ('shared', $1, $2, $3, $4, $5)
		ON CONFLICT (app_id, grantee, org_id) DO UPDATE SET id = excluded.id, created_by = excluded.created_by
		WHERE rights.id IS NULL`, s.ID, s.App, s.Org, s.CreatedBy, micros(s.CreatedAt))
	return n > 0, err
}

// OutgoingShare finds one of OutgoingShares.
func (tx *Tx) OutgoingShare(owner, id souk.ID) (souk.Share, error) {
	return one(tx, scanShare, `SELECT `+prefixed("r", shareColumns)+`
		FROM rights r JOIN apps a ON a.id = r.app_id
		WHERE r.id = $2 AND a.owner_id = $1 AND a.deleted_at IS NULL`, owner, id)
}

// IncomingShare finds one of IncomingShares.
func (tx *Tx) IncomingShare(org, id souk.ID) (souk.Share, error) {
	return one(tx, scanShare, `SELECT `+prefixed("r", shareColumns)+`
		FROM rights r JOIN apps a ON a.id = r.app_id
		WHERE r.id = $2 AND r.org_id = $1 AND a.deleted_at IS NULL`, org, id)
}

// ShareWith finds the share of an app with an org.
func (tx *Tx) ShareWith(app, org souk.ID) (souk.Share, error) {
	return one(tx, scanShare, `SELECT `+shareColumns+` FROM rights
		WHERE app_id = $1 AND grantee = 'shared' AND org_id = $2`, app, org)
}

// IsShared reports whether an app was shared with an org or its enterprise.
func (tx *Tx) IsShared(app souk.ID, org souk.Org) (bool, error) {
	return tx.exists(`SELECT 1 FROM rights WHERE app_id = $1 AND grantee = 'shared' AND org_id IN ($2, $3)`,
		app, org.ID, org.Enterprise)
}

// RemoveShare takes a share back; false when it did not stand.
func (tx *Tx) RemoveShare(s souk.Share) (bool, error) {
	return tx.RemoveRight(souk.Right{App: s.App, To: souk.ToShared, Org: s.Org})
}

// SharesBetween lists the shares of owner's apps with org.
func (tx *Tx) SharesBetween(owner, org souk.ID) ([]souk.Share, error) {
	return list(tx, scanShare, `SELECT `+prefixed("r", shareColumns)+`
		FROM rights r JOIN apps a ON a.id = r.app_id
		WHERE r.org_id = $2 AND r.grantee = 'shared' AND a.owner_id = $1 AND a.deleted_at IS NULL
		ORDER BY r.created_at, r.app_id`, owner, org)
}

// SharesUntil lists SharesBetween that were made until a time.
func (tx *Tx) SharesUntil(owner, org souk.ID, until time.Time, limit int) ([]souk.Share, error) {
	return list(tx, scanShare, `SELECT `+prefixed("r", shareColumns)+`
		FROM rights r JOIN apps a ON a.id = r.app_id
		WHERE r.org_id = $2 AND r.grantee = 'shared' AND a.owner_id = $1 AND a.deleted_at IS NULL AND r.created_at <= $3
		ORDER BY r.created_at, r.app_id LIMIT $4`, owner, org, micros(until), limit)
}

// OutgoingShares lists the shares of an org's apps.
func (tx *Tx) OutgoingShares(owner souk.ID, page souk.Page) ([]souk.Share, error) {
	c := conditions{args: []any{owner}}
	end := c.page(`r.created_at`, `r.id`, page)
	return list(tx, scanShare, `SELECT `+prefixed("r", shareColumns)+`
		FROM apps a JOIN rights r ON r.app_id = a.id AND r.grantee = 'shared' AND r.id IS NOT NULL
		WHERE a.owner_id = $1 AND a.deleted_at IS NULL`+c.and()+end, c.args...)
}

// IncomingShares lists what was shared with an org.
func (tx *Tx) IncomingShares(org souk.ID, page souk.Page) ([]souk.Share, error) {
	c := conditions{args: []any{org}}
	end := c.page(`r.created_at`, `r.id`, page)
	return list(tx, scanShare, `SELECT `+prefixed("r", shareColumns)+`
		FROM rights r JOIN apps a ON a.id = r.app_id
		WHERE r.org_id = $1 AND r.grantee = 'shared' AND r.id IS NOT NULL AND a.deleted_at IS NULL`+c.and()+end, c.args...)
}
