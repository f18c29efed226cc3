package store

import (
	"time"

	"souk"
)

// Triggered is an installation whose app's trigger URL is called on a
// condition.
type Triggered struct {
	Installation souk.Installation
	App          souk.App
	At           souk.ID // the org that it reaches
}

// triggered is the condition that an app reached by r has a trigger on $1 and
// may be told: nothing about it is suspended or dead. Conditions are words with
// a space between them.
const triggered = `a.trigger_url <> '' AND ' ' || a.triggers || ' ' LIKE '% ' || CAST($1 AS TEXT) || ' %' ESCAPE '\'
	AND a.suspended = FALSE AND a.deleted_at IS NULL
	AND i.status = 'active' AND o.has_active_subscription = TRUE AND o.closed_at IS NULL`

const triggeredColumns = `r.org_id, r.installation_id, r.app_id`

func (tx *Tx) triggered(from string, args ...any) ([]Triggered, error) {
	found, err := list(tx, func(r row) (t Triggered, err error) {
		err = r.Scan(&t.At, &t.Installation.ID, &t.App.ID)
		return t, err
	}, `SELECT `+triggeredColumns+` `+from, args...)
	if err != nil {
		return nil, err
	}
	var apps, installations []souk.ID
	for _, t := range found {
		apps, installations = append(apps, t.App.ID), append(installations, t.Installation.ID)
	}
	appOf, err := tx.Apps(padded(apps))
	if err != nil {
		return nil, err
	}
	installationOf, err := tx.Installations(padded(installations))
	for i := range found {
		found[i].App, found[i].Installation = appOf[found[i].App.ID], installationOf[found[i].Installation.ID]
	}
	return found, err
}

// TriggeredAt finds what is triggered on a condition at an org: of all apps, or
// of one.
func (tx *Tx) TriggeredAt(org, app souk.ID, c souk.Condition, limit int) ([]Triggered, error) {
	return tx.triggered(`
		FROM reach r
		JOIN apps a ON a.id = r.app_id
		JOIN installations i ON i.id = r.installation_id
		JOIN orgs o ON o.id = r.org_id
		WHERE r.org_id = $2 AND r.app_id = COALESCE($3, r.app_id) AND `+triggered+`
		ORDER BY i.created_at, i.id LIMIT $4`, string(c), org, app, limit)
}

// TriggeredFor finds what is triggered on a condition where a user belongs, each
// app once: at their home if it is installed there, else where it came first.
func (tx *Tx) TriggeredFor(user souk.ID, c souk.Condition, limit int) ([]Triggered, error) {
	return tx.triggered(`
		FROM (
			SELECT r.org_id, r.installation_id, r.app_id, row_number() OVER (
				PARTITION BY r.app_id ORDER BY CASE WHEN r.org_id = u.org_id THEN 0 ELSE 1 END, r.created_at, r.org_id) AS place
			FROM users u
			JOIN memberships m ON m.user_id = u.id
			JOIN reach r ON r.org_id = m.org_id
			JOIN apps a ON a.id = r.app_id
			JOIN installations i ON i.id = r.installation_id
			JOIN orgs o ON o.id = r.org_id
			WHERE u.id = $2 AND `+triggered+`
		) r
		WHERE r.place = 1
		ORDER BY r.app_id LIMIT $3`, string(c), user, limit)
}

// Stops counts what ends with an installation.
type Stops struct {
	Tokens  int // as TokensOfInstallation lists them
	Grants  int // active ones
	Pending int // deliveries that are still to be made for it
}

// StopsOf counts what would end with an installation now.
func (tx *Tx) StopsOf(installation souk.ID, at time.Time) (s Stops, err error) {
	err = tx.row(`SELECT
		(SELECT count(*) FROM tokens WHERE installation_id = $2 AND `+liveToken+` AND `+spokenFor+`),
		(SELECT count(*) FROM grants WHERE installation_id = $2 AND status = 'active'),
		(SELECT count(*) FROM deliveries WHERE installation_id = $2 AND status = 'pending' AND final = FALSE)`,
		micros(at), installation).Scan(&s.Tokens, &s.Grants, &s.Pending)
	return s, err
}
