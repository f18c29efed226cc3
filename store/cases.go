package store

import (
	"time"

	"souk"
)

// What of a case is told to Zoom is told of users, not of requests: of several
// requests of one user in one case the first that is pending counts, and when
// none is, the one that was settled last. What was cancelled or is void counts
// for nothing (docs/dialects/zoom.md, "Apps and requests").

// reviewed is how a request stands that somebody answered.
const reviewed = `('approved', 'declined', 'restricted')`

// firstPending is the condition of a pending request q that counts, and
// lastReviewed that of one that was answered.
const (
	firstPending = ` q.status = 'pending' AND NOT EXISTS (
		SELECT 1 FROM requests e WHERE e.case_id = q.case_id AND e.user_id = q.user_id AND e.status = 'pending'
		AND (e.created_at, e.id) < (q.created_at, q.id))`
	lastReviewed = ` NOT EXISTS (
		SELECT 1 FROM requests e WHERE e.case_id = q.case_id AND e.user_id = q.user_id
		AND (e.status = 'pending' OR e.status IN ` + reviewed + ` AND (e.settled_at, e.id) > (q.settled_at, q.id)))`
)

// OpenCases lists the open cases of a root org about apps that were not
// deleted, by when they were opened.
func (tx *Tx) OpenCases(root souk.ID, page souk.Page) ([]souk.Case, error) {
	c := conditions{args: []any{root}}
	end := c.page(`c.opened_at`, `c.id`, page)
	return list(tx, scanCase, `SELECT `+prefixed("c", caseColumns)+`
		FROM cases c JOIN apps a ON a.id = c.app_id
		WHERE c.root_id = $1 AND c.closed_at IS NULL AND a.deleted_at IS NULL`+c.and()+end, c.args...)
}

// ReviewedCases lists the closed cases of a root org in which somebody answered
// a request, about apps that were not deleted, by when they were closed.
func (tx *Tx) ReviewedCases(root souk.ID, page souk.Page) ([]souk.Case, error) {
	c := conditions{args: []any{root}}
	end := c.page(`c.closed_at`, `c.id`, page)
	return list(tx, scanCase, `SELECT `+prefixed("c", caseColumns)+`
		FROM cases c JOIN apps a ON a.id = c.app_id
		WHERE c.root_id = $1 AND c.closed_at IS NOT NULL AND a.deleted_at IS NULL
		AND EXISTS (SELECT 1 FROM requests q WHERE q.case_id = c.id AND q.status IN `+reviewed+`)`+c.and()+end, c.args...)
}

// LatestCases is LatestCase for many apps at once, by the ID of the app; apps
// without one are left out.
func (tx *Tx) LatestCases(apps []souk.ID, root souk.ID) (map[souk.ID]souk.Case, error) {
	found := make(map[souk.ID]souk.Case, len(apps))
	if len(apps) == 0 {
		return found, nil
	}
	apps = padded(apps)
	cases, err := list(tx, scanCase, `SELECT `+caseColumns+` FROM (
			SELECT `+caseColumns+`, row_number() OVER (PARTITION BY app_id
				ORDER BY CASE WHEN closed_at IS NULL THEN 0 ELSE 1 END, opened_at DESC, id DESC) AS place
			FROM cases WHERE root_id = $1 AND app_id IN (`+placeholders(2, len(apps))+`)) AS c
		WHERE place = 1`, append([]any{root}, anys(apps)...)...)
	for _, c := range cases {
		found[c.App] = c
	}
	return found, err
}

// Tally is how many users asked in a case, and how they stand.
type Tally struct {
	Total, Pending, Approved, Declined int
	LatestAt                           time.Time // when the last request was made
	ReviewedBy                         souk.ID   // who answered last; none while nobody did
	ReviewedAt                         time.Time
}

// Tallies counts who asked in many cases at once, by the ID of the case.
func (tx *Tx) Tallies(cases []souk.ID) (map[souk.ID]Tally, error) {
	found := make(map[souk.ID]Tally, len(cases))
	if len(cases) == 0 {
		return found, nil
	}
	type tallied struct {
		of souk.ID
		Tally
	}
	cases = padded(cases)
	rows, err := list(tx, func(r row) (t tallied, err error) {
		err = r.Scan(&t.of, &t.Total, &t.Pending, &t.Approved, &t.Declined, (*stamp)(&t.LatestAt), &t.ReviewedBy, (*stamp)(&t.ReviewedAt))
		return t, err
	}, `WITH asked AS (
			SELECT case_id, user_id, status, created_at, settled_at, settled_by,
				row_number() OVER (PARTITION BY case_id, user_id
					ORDER BY CASE WHEN status = 'pending' THEN 0 ELSE 1 END, settled_at DESC, id DESC) AS of_user,
				row_number() OVER (PARTITION BY case_id
					ORDER BY CASE WHEN status = 'pending' THEN 1 ELSE 0 END, settled_at DESC, id DESC) AS of_case
			FROM requests WHERE case_id IN (`+placeholders(1, len(cases))+`) AND status IN ('pending', 'approved', 'declined', 'restricted')),
		counted AS (
			SELECT case_id, count(*) AS total,
				sum(CASE WHEN status = 'pending' THEN 1 ELSE 0 END) AS pending,
				sum(CASE WHEN status = 'approved' THEN 1 ELSE 0 END) AS approved,
				sum(CASE WHEN status IN ('declined', 'restricted') THEN 1 ELSE 0 END) AS declined
			FROM asked WHERE of_user = 1 GROUP BY case_id)
		SELECT n.case_id, n.total, n.pending, n.approved, n.declined,
			(SELECT max(l.created_at) FROM asked l WHERE l.case_id = n.case_id), r.settled_by, r.settled_at
		FROM counted n JOIN asked r ON r.case_id = n.case_id AND r.of_case = 1`, anys(cases)...)
	for _, t := range rows {
		found[t.of] = t.Tally
	}
	return found, err
}

// AskersOfCase lists the requests that count in a case and stand so: one for each
// user, newest first. Declined are those that were restricted too.
func (tx *Tx) AskersOfCase(id souk.ID, status souk.RequestStatus, page souk.Page) ([]souk.Request, error) {
	c := conditions{args: []any{id}}
	beyond := c.page(`q.created_at`, `q.id`, page)
	of := func(condition string) string {
		return `SELECT ` + prefixed("q", requestColumns) + ` FROM requests q WHERE q.case_id = $1 AND ` + condition + c.and() + beyond
	}
	var queries []string
	switch status {
	case souk.Pending:
		queries = []string{of(firstPending)}
	case souk.RequestDeclined:
		for _, s := range []souk.RequestStatus{souk.RequestDeclined, souk.RequestRestricted} {
			queries = append(queries, of(`q.status = '`+string(s)+`' AND`+lastReviewed))
		}
	default:
		queries = []string{of(`q.status = '` + string(souk.RequestApproved) + `' AND` + lastReviewed)}
	}
	return list(tx, scanRequest, c.union(queries, `created_at DESC, id DESC`, page.Size), c.args...)
}

// AskedBy lists the requests that count of a user in the cases of a root org,
// one for each case, newest first: what waits for an answer, or what has one.
// Deleted apps are left out.
func (tx *Tx) AskedBy(user, root souk.ID, pending bool, page souk.Page) ([]souk.Request, error) {
	c := conditions{args: []any{user, root}}
	end := c.page(`q.created_at`, `q.id`, page)
	condition := ` q.status IN ` + reviewed + ` AND` + lastReviewed
	if pending {
		condition = firstPending
	}
	return list(tx, scanRequest, `SELECT `+prefixed("q", requestColumns)+`
		FROM requests q JOIN cases c ON c.id = q.case_id JOIN apps a ON a.id = q.app_id
		WHERE q.user_id = $1 AND c.root_id = $2 AND a.deleted_at IS NULL AND`+condition+c.and()+end, c.args...)
}
