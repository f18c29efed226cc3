package store

import (
	"strconv"
	"strings"
	"time"

	"souk"
)

// Claim bounds what ClaimDeliveries takes.
type Claim struct {
	Now     time.Time     // what is due by then
	Lease   time.Duration // how long it is the claimer's alone; then it is due again
	Limit   int           // deliveries in all
	PerHook int           // deliveries to one webhook
	Except  []souk.ID     // webhooks that have enough to do
}

// claimWindow is how far into the queue a claim looks for deliveries within its
// bounds. A webhook that fills it is excepted by the next claim.
const claimWindow = 1024

// ClaimDeliveries takes due deliveries, the longest due first. A lease is
// nothing but a due time in the future: whoever crashes with it needs no
// cleaning up after. NextAt of what it answers is the end of the lease.
func (tx *Tx) ClaimDeliveries(c Claim) ([]souk.Delivery, error) {
	args := []any{micros(c.Now), micros(c.Now.Add(c.Lease)), claimWindow, c.PerHook, c.Limit}
	except := ""
	if len(c.Except) > 0 {
		ids := padded(c.Except)
		except = `AND webhook_id NOT IN (` + placeholders(len(args)+1, len(ids)) + `)`
		args = append(args, anys(ids)...)
	}
	return list(tx, scanDelivery, `
		WITH due AS (
			SELECT id, webhook_id, next_at FROM deliveries
			WHERE next_at <= $1 `+except+`
			ORDER BY next_at LIMIT $3
		), ranked AS (
			SELECT id, next_at, row_number() OVER (PARTITION BY webhook_id ORDER BY next_at) AS place FROM due
		), mine AS (
			-- Asked again under the row's lock, as another claim may have been first;
			-- with a plus, so that it is asked of these rows and not of the index.
			SELECT id FROM deliveries
			WHERE +next_at <= $1 AND id IN (SELECT id FROM ranked WHERE place <= $4 ORDER BY next_at LIMIT $5)
			`+tx.skipLocked()+`
		)
		UPDATE deliveries SET next_at = $2 WHERE id IN (SELECT id FROM mine)
		RETURNING `+deliveryColumns, args...)
}

// NextDue is when the first delivery is due, which may be past; the zero time
// when there is none.
func (tx *Tx) NextDue() (at time.Time, err error) {
	err = tx.row(`SELECT min(next_at) FROM deliveries WHERE next_at IS NOT NULL`).Scan((*stamp)(&at))
	return at, err
}

// LiveWebhook is a webhook as it is now, with what decides whether it may be
// told something and what is needed to tell it. It may be deleted.
type LiveWebhook struct {
	SealedWebhook // without Events
	Credentials   SealedCredentials
	AppSuspended  bool
	AppDeleted    bool
	OwnerServed   bool // the app's owner is open and has a subscription
}

// LiveWebhooks finds webhooks by ID, deleted ones too.
func (tx *Tx) LiveWebhooks(ids []souk.ID) (map[souk.ID]LiveWebhook, error) {
	scan := func(r row) (w LiveWebhook, err error) {
		err = r.Scan(append(w.fields(), &w.AppSuspended, &w.AppDeleted, &w.OwnerServed)...)
		return w, err
	}
	found, err := byID(tx, scan, func(w LiveWebhook) souk.ID { return w.ID }, `
		SELECT `+prefixed("w", webhookColumns)+`,
			a.suspended, a.deleted_at IS NOT NULL, o.has_active_subscription AND o.closed_at IS NULL
		FROM webhooks w
		JOIN apps a ON a.id = w.app_id
		JOIN orgs o ON o.id = a.owner_id
		WHERE w.id IN (`, padded(ids))
	if err != nil {
		return nil, err
	}
	var apps []souk.ID
	for _, w := range found {
		apps = append(apps, w.App)
	}
	credentials, err := tx.CredentialsOf(padded(apps))
	for id, w := range found {
		w.Credentials = credentials[w.App]
		found[id] = w
	}
	return found, err
}

// LiveInstallation is what decides whether an installation still justifies a
// delivery.
type LiveInstallation struct {
	ID     souk.ID
	Status souk.InstallationStatus
	Served bool // its org is open and has a subscription
}

// LiveInstallations finds installations by ID, ended ones too.
func (tx *Tx) LiveInstallations(ids []souk.ID) (map[souk.ID]LiveInstallation, error) {
	scan := func(r row) (i LiveInstallation, err error) {
		err = r.Scan(&i.ID, &i.Status, &i.Served)
		return i, err
	}
	return byID(tx, scan, func(i LiveInstallation) souk.ID { return i.ID }, `
		SELECT i.id, i.status, o.has_active_subscription AND o.closed_at IS NULL
		FROM installations i JOIN orgs o ON o.id = i.org_id
		WHERE i.id IN (`, padded(ids))
}

// InsertAttempts writes attempts down; one that is there already stays as it
// is, so that a commit whose outcome is unknown can be repeated.
func (tx *Tx) InsertAttempts(attempts []souk.Attempt) error {
	const width = 11
	for len(attempts) > 0 {
		n := 1 // the largest power of two that fits: few different statements
		for n*2 <= len(attempts) && n < 64 {
			n *= 2
		}
		var values strings.Builder
		args := make([]any, 0, n*width)
		for i, a := range attempts[:n] {
			if i > 0 {
				values.WriteString(", ")
			}
			values.WriteString("(" + placeholders(i*width+1, width) + ")")
			args = append(args, a.ID, a.Delivery, a.Webhook, a.Number, a.URL, string(a.Outcome), a.Status,
				a.Answer, a.Detail, micros(a.StartedAt), a.Duration.Microseconds())
		}
		_, err := tx.exec(`INSERT INTO attempts (`+attemptColumns+`) VALUES `+values.String()+`
			ON CONFLICT (delivery_id, id) DO NOTHING`, args...)
		if err != nil {
			return err
		}
		attempts = attempts[n:]
	}
	return nil
}

// Progress is how far a delivery came: to its end, or to its next attempt.
type Progress struct {
	Delivery souk.ID
	Before   int // attempts made before; if the delivery has others by now, somebody else carried on and nothing changes
	Attempts int // made now
	Outcome  souk.Outcome
	Status   souk.DeliveryStatus
	NextAt   time.Time // while pending
	Note     string
}

// AdvanceDeliveries moves deliveries that are still pending on; those that
// ended meanwhile stay as they are.
func (tx *Tx) AdvanceDeliveries(at time.Time, all []Progress) error {
	// What is common to many is one statement; the rest is two arguments a row.
	groups := map[Progress][]Progress{}
	var order []Progress
	for _, p := range all {
		common := p
		common.Delivery, common.NextAt = souk.ID{}, time.Time{}
		if groups[common] == nil {
			order = append(order, common)
		}
		groups[common] = append(groups[common], p)
	}
	for _, common := range order {
		advance := tx.end
		if common.Status == souk.DeliveryPending {
			advance = tx.postpone
		}
		if err := advance(at, common, padded(groups[common])); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) end(at time.Time, common Progress, all []Progress) error {
	args := []any{common.Status, common.Attempts, string(common.Outcome), micros(at), common.Note, common.Before}
	in := placeholders(len(args)+1, len(all))
	for _, p := range all {
		args = append(args, p.Delivery)
	}
	_, err := tx.exec(`UPDATE deliveries
		SET status = $1, attempts = $2, last_outcome = $3, next_at = NULL, ended_at = $4, note = $5
		WHERE status = 'pending' AND attempts = $6 AND id IN (`+in+`)`, args...)
	return err
}

func (tx *Tx) postpone(_ time.Time, common Progress, all []Progress) error {
	args := []any{common.Attempts, string(common.Outcome), common.Note, common.Before}
	var when, in strings.Builder
	for i, p := range all {
		id, next := strconv.Itoa(len(args)+1), strconv.Itoa(len(args)+2)
		args = append(args, p.Delivery, micros(p.NextAt))
		when.WriteString(" WHEN $" + id + " THEN $" + next)
		if i > 0 {
			in.WriteString(", ")
		}
		in.WriteString("$" + id)
	}
	_, err := tx.exec(`UPDATE deliveries
		SET attempts = $1, last_outcome = $2, note = $3, next_at = CASE id`+when.String()+` ELSE next_at END
		WHERE status = 'pending' AND attempts = $4 AND id IN (`+in.String()+`)`, args...)
	return err
}

// padded repeats the last of list until its length is a power of two. What is
// asked about a list by IN does not change, and there are few different
// statements to keep compiled.
func padded[T any](list []T) []T {
	n := 1
	for n < len(list) {
		n *= 2
	}
	out := list[:len(list):len(list)]
	for len(out) > 0 && len(out) < n {
		out = append(out, list[len(list)-1])
	}
	return out
}
