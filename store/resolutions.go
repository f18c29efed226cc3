package store

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"souk"
)

const resolutionColumns = `id, app_id, org_id, audience, status, scopes, by_id, request_id, reason,
	created_at, ended_at, ended_by`

func scanResolution(r row) (s souk.Resolution, err error) {
	var audience, scopes string
	err = r.Scan(&s.ID, &s.App, &s.Org, &audience, &s.Status, &scopes, &s.By, &s.Request, &s.Reason,
		(*stamp)(&s.CreatedAt), (*stamp)(&s.EndedAt), &s.EndedBy)
	if err != nil {
		return s, err
	}
	s.Scopes = souk.ParseScopes(scopes)
	s.Audience, err = souk.ParseAudience(audience)
	return s, err
}

// StandingResolutions lists the active answers about an app at some orgs.
func (tx *Tx) StandingResolutions(app souk.ID, orgs ...souk.ID) ([]souk.Resolution, error) {
	return list(tx, scanResolution, `SELECT `+resolutionColumns+` FROM resolutions
		WHERE app_id = $1 AND ended_at IS NULL AND org_id IN (`+placeholders(2, len(orgs))+`)
		ORDER BY created_at, id`, append([]any{app}, anys(orgs)...)...)
}

// StandingFor is StandingResolutions for those audiences alone, however many
// answers for others there are.
func (tx *Tx) StandingFor(app souk.ID, audiences []souk.Audience, orgs ...souk.ID) (all []souk.Resolution, err error) {
	names := make([]any, len(audiences))
	for i, a := range audiences {
		names[i] = a.String()
	}
	for some := range slices.Chunk(names, mostRows) {
		some = padded(some)
		found, err := list(tx, scanResolution, `SELECT `+resolutionColumns+` FROM resolutions
			WHERE app_id = $1 AND ended_at IS NULL AND org_id IN (`+placeholders(2, len(orgs))+`)
			AND audience IN (`+placeholders(2+len(orgs), len(some))+`)
			ORDER BY created_at, id`, slices.Concat([]any{app}, anys(orgs), some)...)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	if len(names) > mostRows {
		slices.SortFunc(all, func(a, b souk.Resolution) int {
			return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), bytes.Compare(a.ID[:], b.ID[:]))
		})
	}
	return all, nil
}

// StandingBelow lists the active approvals about an app in the workspaces of
// an enterprise.
func (tx *Tx) StandingBelow(app, enterprise souk.ID) ([]souk.Resolution, error) {
	return list(tx, scanResolution, `SELECT `+prefixed("r", resolutionColumns)+`
		FROM resolutions r JOIN orgs o ON o.id = r.org_id
		WHERE r.app_id = $1 AND r.ended_at IS NULL AND r.status = 'approved' AND o.enterprise_id = $2
		ORDER BY r.created_at, r.id`, app, enterprise)
}

// StandingForUser lists the active answers whose audience is one user.
func (tx *Tx) StandingForUser(user souk.ID) ([]souk.Resolution, error) {
	return list(tx, scanResolution, `SELECT `+resolutionColumns+` FROM resolutions
		WHERE audience = $1 AND audience <> 'everyone' AND ended_at IS NULL ORDER BY created_at, id`, souk.Audience{User: user}.String())
}

// PreviousResolution finds the last answer for everyone about an app at an org,
// standing or ended, else the enterprise's above it.
func (tx *Tx) PreviousResolution(app souk.ID, org souk.Org) (souk.Resolution, error) {
	return one(tx, scanResolution, `SELECT `+resolutionColumns+` FROM resolutions
		WHERE app_id = $1 AND org_id IN ($2, $3) AND audience = 'everyone'
		ORDER BY CASE WHEN org_id = $2 THEN 0 ELSE 1 END, created_at DESC, id DESC LIMIT 1`,
		app, org.ID, org.Enterprise)
}

// InsertResolution writes a decision.
func (tx *Tx) InsertResolution(s souk.Resolution) error {
	_, err := tx.exec(`INSERT INTO resolutions (`+resolutionColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		s.ID, s.App, s.Org, s.Audience.String(), s.Status, s.Scopes.String(), s.By, s.Request, s.Reason,
		micros(s.CreatedAt), micros(s.EndedAt), s.EndedBy)
	return err
}

// EndResolutions ends those named that still stand.
func (tx *Tx) EndResolutions(ids []souk.ID, by souk.ID, at time.Time) error {
	for some := range slices.Chunk(ids, mostRows) {
		some = padded(some)
		_, err := tx.exec(`UPDATE resolutions SET ended_at = $1, ended_by = $2
			WHERE ended_at IS NULL AND id IN (`+placeholders(3, len(some))+`)`,
			append([]any{micros(at), by}, anys(some)...)...)
		if err != nil {
			return err
		}
	}
	return nil
}

// ResolutionsPage lists the active answers for everyone of exactly one org,
// newest first, about certified apps or about the others.
func (tx *Tx) ResolutionsPage(org souk.ID, status souk.ResolutionStatus, certified bool, page souk.Page) ([]souk.Resolution, error) {
	c := conditions{args: []any{org, status, certified}}
	c.after(`r`, page)
	limit := c.arg(page.Size)
	return list(tx, scanResolution, `SELECT `+prefixed("r", resolutionColumns)+`
		FROM resolutions r JOIN apps a ON a.id = r.app_id
		WHERE r.org_id = $1 AND r.status = $2 AND a.certified = $3
		AND r.ended_at IS NULL AND r.audience = 'everyone' AND a.deleted_at IS NULL`+c.and()+`
		ORDER BY r.created_at DESC, r.id DESC LIMIT `+limit, c.args...)
}

// StandingPage lists the active answers of exactly one org for all audiences,
// newest first; an empty status means either.
func (tx *Tx) StandingPage(org souk.ID, status souk.ResolutionStatus, page souk.Page) ([]souk.Resolution, error) {
	c := conditions{args: []any{org}}
	if status != "" {
		c.add(`r.status = `, status)
	}
	c.after(`r`, page)
	limit := c.arg(page.Size)
	return list(tx, scanResolution, `SELECT `+prefixed("r", resolutionColumns)+`
		FROM resolutions r JOIN apps a ON a.id = r.app_id
		WHERE r.org_id = $1 AND r.ended_at IS NULL AND a.deleted_at IS NULL`+c.and()+`
		ORDER BY r.created_at DESC, r.id DESC LIMIT `+limit, c.args...)
}

// PreviousResolutions is PreviousResolution for many requests at once, by the
// ID of the request.
func (tx *Tx) PreviousResolutions(requests []souk.Request) (map[souk.ID]souk.Resolution, error) {
	previous := map[souk.ID]souk.Resolution{}
	if len(requests) == 0 {
		return previous, nil
	}
	ids := make([]any, len(requests))
	for i, q := range requests {
		ids[i] = q.ID
	}
	type found struct {
		request souk.ID
		souk.Resolution
	}
	rows, err := list(tx, func(r row) (f found, err error) {
		f.Resolution, err = scanResolution(withMore(r, &f.request))
		return f, err
	}, `SELECT `+prefixed("r", resolutionColumns)+`, q.id
		FROM requests q JOIN orgs o ON o.id = q.org_id
		JOIN resolutions r ON r.id = COALESCE(
			(SELECT id FROM resolutions WHERE app_id = q.app_id AND org_id = q.org_id AND audience = 'everyone'
				ORDER BY created_at DESC, id DESC LIMIT 1),
			(SELECT id FROM resolutions WHERE app_id = q.app_id AND org_id = o.enterprise_id AND audience = 'everyone'
				ORDER BY created_at DESC, id DESC LIMIT 1))
		WHERE q.id IN (`+placeholders(1, len(ids))+`)`, ids...)
	for _, f := range rows {
		previous[f.request] = f.Resolution
	}
	return previous, err
}
