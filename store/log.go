package store

import (
	"strings"
	"time"

	"souk"
)

// startedAfter is how long ago a delivery was claimed when its request counts
// as started: most are over by then.
const startedAfter = 250 * time.Millisecond

// LogPage lists the requests to the giosg webhooks of an app as they are at a
// time, newest first unless page.Order says otherwise, without those that have
// been over for too long. page.After is the CreatedAt and ID of an entry.
//
// What is over lies in attempts; what is to come, and what never came, in
// deliveries. Entries of each kind lie in an index in the order in which they
// are asked for, so that every page costs the same.
func (tx *Tx) LogPage(f souk.LogFilter, at time.Time, page souk.Page) ([]souk.LogEntry, error) {
	if !f.Webhook.IsZero() {
		// The webhook of another app is none, and takes no time to list.
		known, err := tx.exists(`SELECT 1 FROM webhooks WHERE id = $1 AND app_id = $2`, f.Webhook, f.App)
		if err != nil || !known {
			return nil, err
		}
	}
	var kinds []string
	var c conditions
	for _, k := range logKinds {
		if f.Status == "" || f.Status == k.status {
			kinds = append(kinds, `SELECT * FROM (`+k.query(&c, f, at, page)+`) AS entries`)
		}
	}
	page.After = souk.Position{}
	return list(tx, scanLogEntry, `SELECT * FROM (`+strings.Join(kinds, ` UNION ALL `)+`) AS log`+
		c.page(`listed_at`, `id`, page), c.args...)
}

func scanLogEntry(r row) (e souk.LogEntry, err error) {
	var duration int64
	err = r.Scan(&e.ID, (*stamp)(&e.CreatedAt), &e.App, &e.Webhook, &e.URL, &e.Channel, &e.Action, &e.Resource, &e.Retry,
		&e.Status, &e.Dropped, &e.Outcome, &e.ResponseStatus, &e.Answer, &e.Headers, &duration, (*stamp)(&e.CompletedAt))
	e.Duration = time.Duration(duration) * time.Microsecond
	return e, err
}

// The columns of an entry, from a request that was made and from one that was
// not. The status and why it was dropped come between.
const (
	madeColumns = `id, listed_at, app_id, webhook_id, url, channel, action, resource, number, `
	madeRest    = `, outcome, status, answer, headers, duration, started_at + duration AS completed_at FROM attempts`
	openColumns = `entry_id AS id, entry_at AS listed_at, app_id, webhook_id,
		(SELECT url FROM webhooks w WHERE w.id = webhook_id) AS url, channel, action, resource, attempts AS number, `
	openRest = `, '' AS outcome, 0 AS response_status, '' AS answer, '' AS headers, 0 AS duration,
		ended_at AS completed_at FROM deliveries`
)

// logKind is a kind of entries that lie together.
type logKind struct {
	status  souk.LogStatus
	made    bool                // it is in attempts
	dropped souk.DeliveryStatus // why it was never made
	which   string              // of them
	when    func(*conditions, time.Time)
}

var logKinds = []logKind{
	{status: souk.LogPending, which: `status = 'pending'`, when: func(c *conditions, at time.Time) {
		c.literal(`(claimed_at IS NULL OR claimed_at > ` + c.arg(micros(at.Add(-startedAfter))) + ` OR next_at <= ` + c.arg(micros(at)) + `)`)
	}},
	{status: souk.LogStarted, which: `claimed_at IS NOT NULL`, when: func(c *conditions, at time.Time) {
		c.add(`claimed_at <= `, micros(at.Add(-startedAfter)))
		c.add(`next_at > `, micros(at))
	}},
	{status: souk.LogSuccessful, made: true, which: `outcome = 'ok'`},
	{status: souk.LogFailed, made: true, which: `outcome <> 'ok'`},
	{status: souk.LogFailed, dropped: souk.DeliveryCancelled, which: `status = 'cancelled'`},
	{status: souk.LogFailed, dropped: souk.DeliverySkipped, which: `status = 'skipped'`},
}

// query is a page of the entries of one kind. It adds its arguments to those of
// all.
func (k logKind) query(all *conditions, f souk.LogFilter, at time.Time, page souk.Page) string {
	c := conditions{args: all.args}
	// A webhook says whose it is; but what has started lies in an index by app
	// alone, being little.
	if f.Webhook.IsZero() || k.status == souk.LogStarted {
		c.add(`app_id = `, f.App)
	}
	if !f.Webhook.IsZero() {
		c.add(`webhook_id = `, f.Webhook)
	}
	columns, rest, listed, id := openColumns, openRest, `entry_at`, `entry_id`
	where := ` WHERE dialect = 'giosg' AND entry_id IS NOT NULL AND ` + k.which
	if k.made {
		columns, rest, listed, id = madeColumns, madeRest, `listed_at`, `id`
		where = ` WHERE dialect = 'giosg' AND ` + k.which
	}
	if k.when != nil {
		k.when(&c, at)
	} else {
		c.add(listed+` > `, micros(at.Add(-souk.LogKept)))
	}
	order := c.page(listed, id, page)
	all.args = c.args
	return `SELECT ` + columns + `'` + string(k.status) + `' AS state, '` + string(k.dropped) + `' AS dropped` + rest + where + c.and() + order
}
