package store

import (
	"time"

	"souk"
)

// JobKind is what is done bit by bit.
type JobKind string

// The kinds of jobs.
const (
	EndInstallations JobKind = "installations" // of App, at orgs without a right to it
	VoidRequests     JobKind = "requests"      // for App, at orgs without a right to it
	EndPartner       JobKind = "partner"       // what Org has of Other's apps without a right to it
	InstallWishes    JobKind = "wishes"        // of the case Other
	Spread           JobKind = "spread"        // an event to the orgs of an audience
	TakeIcons        JobKind = "icons"         // the deleted asset Other, from the apps of Org

	SettleWebhook      JobKind = "settle_webhook"      // what the webhook Other of App is still to be told
	SettleInstallation JobKind = "settle_installation" // what is still to be told for the installation Other of App
	SettleFinals       JobKind = "settle_finals"       // the last words of installations that Other of App came in place of
	EndGrants          JobKind = "grants"              // of the installation Other of App at Org, which ended
	SuspendLost        JobKind = "suspend"             // installations of App at Org and below whose approvals ended when the job began
	AskForAll          JobKind = "ask_all"             // for App, for everybody of Org
	AskForGroup        JobKind = "ask_group"           // for App at Org, for the members of the group Other
	AskForUser         JobKind = "ask_user"            // for App at Org, for the user Other

	FanOut JobKind = "fanout" // Other, see Fanout
	Replay JobKind = "replay" // Other, see souk.Replay
)

// Job is what a verb began and left to be finished bit by bit. After is how far
// it came.
type Job struct {
	ID        souk.ID
	Kind      JobKind
	App       souk.ID
	Org       souk.ID
	Other     souk.ID
	Event     souk.ID
	Verb      string
	Actor     souk.Actor // Face, User, Token and Platform of it
	After     souk.Position
	CreatedAt time.Time
}

const jobColumns = `id, kind, app_id, org_id, other_id, event_id, verb, face, user_id, token_id, platform,
	after_at, after_id, created_at`

func scanJob(r row) (j Job, err error) {
	err = r.Scan(&j.ID, &j.Kind, &j.App, &j.Org, &j.Other, &j.Event, &j.Verb,
		&j.Actor.Face, &j.Actor.User, &j.Actor.Token, &j.Actor.Platform,
		(*stamp)(&j.After.At), &j.After.ID, (*stamp)(&j.CreatedAt))
	return j, err
}

// DueJob finds the job that is due longest. Of two that spread changes of one
// app the later waits, so that nobody hears the changes in the wrong order.
func (tx *Tx) DueJob(now time.Time) (Job, error) {
	return one(tx, scanJob, `SELECT `+prefixed("j", jobColumns)+` FROM jobs j
		WHERE j.next_at <= $1 AND NOT EXISTS (SELECT 1 FROM jobs o WHERE j.kind = 'spread' AND o.kind = 'spread'
			AND o.app_id = j.app_id AND (o.created_at, o.id) < (j.created_at, j.id))
		ORDER BY j.next_at, j.id LIMIT 1`, micros(now))
}

// PostponeJob lets others go first until a time.
func (tx *Tx) PostponeJob(id souk.ID, until time.Time) error {
	_, err := tx.exec(`UPDATE jobs SET next_at = $2 WHERE id = $1`, id, micros(until))
	return err
}

// Job finds a job that is not done.
func (tx *Tx) Job(id souk.ID) (Job, error) {
	return one(tx, scanJob, `SELECT `+jobColumns+` FROM jobs WHERE id = $1`, id)
}

// PutJob inserts a job, or says how far it came; then it is the turn of others.
func (tx *Tx) PutJob(j Job, at time.Time) error {
	_, err := tx.exec(`INSERT INTO jobs (`+jobColumns+`, next_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
		ON CONFLICT (id) DO UPDATE SET
			after_at = excluded.after_at, after_id = excluded.after_id, next_at = excluded.next_at`,
		j.ID, string(j.Kind), j.App, j.Org, j.Other, j.Event, j.Verb,
		j.Actor.Face, j.Actor.User, j.Actor.Token, j.Actor.Platform,
		micros(j.After.At), j.After.ID, micros(j.CreatedAt), micros(at))
	return err
}

// RemoveJob ends a job.
func (tx *Tx) RemoveJob(id souk.ID) error {
	_, err := tx.exec(`DELETE FROM jobs WHERE id = $1`, id)
	return err
}
