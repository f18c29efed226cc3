package store

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"souk"
)

const caseColumns = `id, app_id, root_id, opened_at, closed_at`

func scanCase(r row) (c souk.Case, err error) {
	err = r.Scan(&c.ID, &c.App, &c.Root, (*stamp)(&c.OpenedAt), (*stamp)(&c.ClosedAt))
	return c, err
}

// Case finds a case by ID.
func (tx *Tx) Case(id souk.ID) (souk.Case, error) {
	return one(tx, scanCase, `SELECT `+caseColumns+` FROM cases WHERE id = $1`, id)
}

// LatestCase finds the open case about an app under a root org, else the last
// one that closed.
func (tx *Tx) LatestCase(app, root souk.ID) (souk.Case, error) {
	return one(tx, scanCase, `SELECT `+caseColumns+` FROM cases
		WHERE app_id = $1 AND root_id = $2
		ORDER BY CASE WHEN closed_at IS NULL THEN 0 ELSE 1 END, opened_at DESC, id DESC LIMIT 1`, app, root)
}

// OpenCase inserts a case.
func (tx *Tx) OpenCase(c souk.Case) error {
	_, err := tx.exec(`INSERT INTO cases (`+caseColumns+`) VALUES ($1, $2, $3, $4, NULL)`,
		c.ID, c.App, c.Root, micros(c.OpenedAt))
	return err
}

// CloseCaseIfSettled closes a case that has no pending request left.
func (tx *Tx) CloseCaseIfSettled(id souk.ID, at time.Time) error {
	_, err := tx.exec(`UPDATE cases SET closed_at = $2
		WHERE id = $1 AND closed_at IS NULL
		AND NOT EXISTS (SELECT 1 FROM requests WHERE case_id = $1 AND status = 'pending')`, id, micros(at))
	return err
}

const requestColumns = `id, case_id, app_id, org_id, user_id, filed_by, scopes, reason, state,
	status, created_at, settled_at, settled_by, note, wish`

func scanRequest(r row) (q souk.Request, err error) {
	var scopes, wish string
	err = r.Scan(&q.ID, &q.Case, &q.App, &q.Org, &q.User, &q.FiledBy, &scopes, &q.Reason, &q.State,
		&q.Status, (*stamp)(&q.CreatedAt), (*stamp)(&q.SettledAt), &q.SettledBy, &q.Note, &wish)
	q.Scopes = souk.ParseScopes(scopes)
	if err == nil && wish != "" {
		q.Wish = new(souk.Wish)
		err = json.Unmarshal([]byte(wish), q.Wish)
	}
	return q, err
}

// Request finds a request by ID.
func (tx *Tx) Request(id souk.ID) (souk.Request, error) {
	return one(tx, scanRequest, `SELECT `+requestColumns+` FROM requests WHERE id = $1`, id)
}

// RootOfRequest finds what a verb about a request locks: its app, and the root
// of the org where it was made.
func (tx *Tx) RootOfRequest(id souk.ID) (app, root souk.ID, err error) {
	err = tx.row(`SELECT q.app_id, COALESCE(o.enterprise_id, o.id)
		FROM requests q JOIN orgs o ON o.id = q.org_id WHERE q.id = $1`, id).Scan(&app, &root)
	return app, root, err
}

// PendingRequest finds what a user asks of an app at an org and was not
// answered yet.
func (tx *Tx) PendingRequest(app, org, user souk.ID) (souk.Request, error) {
	return one(tx, scanRequest, `SELECT `+requestColumns+` FROM requests
		WHERE app_id = $1 AND org_id = $2 AND user_id = $3 AND status = 'pending'`, app, org, user)
}

// PendingOfCase lists the unanswered requests of a case, oldest first.
func (tx *Tx) PendingOfCase(id souk.ID) ([]souk.Request, error) {
	return list(tx, scanRequest, `SELECT `+requestColumns+` FROM requests
		WHERE case_id = $1 AND status = 'pending' ORDER BY created_at, id`, id)
}

// ApprovedOfCase lists the requests of a case that were approved, oldest first.
func (tx *Tx) ApprovedOfCase(id souk.ID) ([]souk.Request, error) {
	return list(tx, scanRequest, `SELECT `+requestColumns+` FROM requests
		WHERE case_id = $1 AND status = 'approved' ORDER BY created_at, id`, id)
}

// PendingOfUser lists what a user asked for and was not answered, oldest first.
func (tx *Tx) PendingOfUser(user souk.ID) ([]souk.Request, error) {
	return list(tx, scanRequest, `SELECT `+requestColumns+` FROM requests
		WHERE user_id = $1 AND status = 'pending' ORDER BY created_at, id`, user)
}

// PendingOfApp lists what is asked about an app and was not answered, oldest
// first.
func (tx *Tx) PendingOfApp(app souk.ID) ([]souk.Request, error) {
	return list(tx, scanRequest, `SELECT `+requestColumns+` FROM requests
		WHERE status = 'pending' AND case_id IN (SELECT id FROM cases WHERE app_id = $1 AND closed_at IS NULL)
		ORDER BY created_at, id`, app)
}

// PendingAfter lists what is asked about an app and was not answered, from a
// position on, oldest first.
func (tx *Tx) PendingAfter(app souk.ID, after souk.Position, limit int) ([]souk.Request, error) {
	return list(tx, scanRequest, `SELECT `+prefixed("q", requestColumns)+`
		FROM cases c JOIN requests q ON q.case_id = c.id AND q.status = 'pending'
		WHERE c.app_id = $1 AND c.closed_at IS NULL AND (q.created_at, q.id) > ($2, $3)
		ORDER BY q.created_at, q.id LIMIT $4`, app, after.At.UnixMicro(), after.ID[:], limit)
}

// Wishes lists the approved requests of a case that are still to be installed,
// oldest first.
func (tx *Tx) Wishes(c souk.ID, limit int) ([]souk.Request, error) {
	return list(tx, scanRequest, `SELECT `+requestColumns+` FROM requests
		WHERE case_id = $1 AND status = 'approved' AND wish <> '' ORDER BY created_at, id LIMIT $2`, c, limit)
}

// PutWish says what is to be installed once a request is approved, or that
// nothing is any more, and why.
func (tx *Tx) PutWish(request souk.ID, w *souk.Wish, note string) error {
	_, err := tx.exec(`UPDATE requests SET wish = $2, note = $3 WHERE id = $1`, request, wishText(w), note)
	return err
}

// InsertRequest files a request.
func (tx *Tx) InsertRequest(q souk.Request) error {
	_, err := tx.exec(`INSERT INTO requests (`+requestColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
		q.ID, q.Case, q.App, q.Org, q.User, q.FiledBy, q.Scopes.String(), q.Reason, q.State,
		q.Status, micros(q.CreatedAt), micros(q.SettledAt), q.SettledBy, q.Note, wishText(q.Wish))
	return err
}

func wishText(w *souk.Wish) string {
	if w == nil {
		return ""
	}
	return text(w)
}

// SettleRequest answers a pending request; false when it is not pending any more.
func (tx *Tx) SettleRequest(q souk.Request) (bool, error) {
	n, err := tx.exec(`UPDATE requests SET status = $2, settled_at = $3, settled_by = $4, note = $5
		WHERE id = $1 AND status = 'pending'`,
		q.ID, q.Status, micros(q.SettledAt), q.SettledBy, q.Note)
	return n > 0, err
}

// DeclineRequests answers requests that are pending, or were approved; what they
// wished for is forgotten.
func (tx *Tx) DeclineRequests(ids []souk.ID, by souk.ID, at time.Time) error {
	for some := range slices.Chunk(ids, mostRows) {
		some = padded(some)
		_, err := tx.exec(`UPDATE requests SET status = 'declined', settled_at = $1, settled_by = $2, wish = ''
			WHERE status IN ('pending', 'approved') AND id IN (`+placeholders(3, len(some))+`)`,
			append([]any{micros(at), by}, anys(some)...)...)
		if err != nil {
			return err
		}
	}
	return nil
}

// mostOrgs bounds how many orgs one statement reads requests of: few different
// statements, each planned in a moment.
const mostOrgs = 32

// RequestsPage lists requests, newest first. For an enterprise with its
// workspaces each org's newest are read by the index and merged, so that the
// cost follows the number of workspaces and not that of requests.
func (tx *Tx) RequestsPage(f souk.RequestFilter, page souk.Page) ([]souk.Request, error) {
	orgs := []souk.ID{f.At}
	if f.Below {
		below, err := list(tx, scanID, `SELECT id FROM orgs WHERE enterprise_id = $1 ORDER BY created_at, id`, f.At)
		if err != nil {
			return nil, err
		}
		orgs = append(orgs, below...)
	}
	var found []souk.Request
	for part := range slices.Chunk(orgs, mostOrgs) {
		newest, err := tx.requestsOf(part, f, page)
		if err != nil {
			return nil, err
		}
		found = append(found, newest...)
	}
	if len(orgs) > mostOrgs {
		slices.SortFunc(found, func(a, b souk.Request) int {
			return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), bytes.Compare(b.ID[:], a.ID[:]))
		})
	}
	return found[:min(len(found), page.Size)], nil
}

// requestsOf is a page of the requests of some orgs. PostgreSQL merges the
// parts of a UNION ALL that are in order; of org_id IN (…) it reads everything.
func (tx *Tx) requestsOf(orgs []souk.ID, f souk.RequestFilter, page souk.Page) ([]souk.Request, error) {
	var c conditions
	from := `requests q`
	if f.Certified != nil {
		from += ` JOIN apps a ON a.id = q.app_id`
		c.add(`a.certified = `, *f.Certified)
	}
	switch f.Status {
	case "":
	case souk.Pending:
		c.literal(`q.status = 'pending'`) // spelled out for the partial index
	default:
		c.add(`q.status = `, f.Status)
	}
	if !f.User.IsZero() {
		c.add(`q.user_id = `, f.User)
	}
	c.after(`q`, page)
	size := c.arg(page.Size)
	parts := make([]string, len(orgs))
	for i, org := range orgs {
		parts[i] = `SELECT ` + requestColumns + ` FROM (
			SELECT ` + prefixed("q", requestColumns) + ` FROM ` + from + ` WHERE q.org_id = ` + c.arg(org) + c.and() + `
			ORDER BY q.created_at DESC, q.id DESC LIMIT ` + size + `) AS part`
	}
	return list(tx, scanRequest, strings.Join(parts, ` UNION ALL `)+`
		ORDER BY created_at DESC, id DESC LIMIT `+size, c.args...)
}
