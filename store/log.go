package store

import (
	"time"

	"souk"
)

// startedFor is how long a request counts as started, once it was marked so: no
// dialect lets one take longer, so the process that made it has ended.
const startedFor = 20 * time.Second

// LogPage lists the requests to the giosg webhooks of an app as they are at a
// time, newest first unless page.Order says otherwise, without those that have
// been over for too long. page.After is the CreatedAt and ID of an entry.
//
// What is to come lies in the outbox, what is over and what never came in the
// parts of the log. Entries of each kind lie in an index in the order in which
// they are asked for, and an entry's place is no later than when it was recorded:
// so a page of the newest reads few parts, and of each no more than a page.
func (tx *Tx) LogPage(f souk.LogFilter, at time.Time, page souk.Page) ([]souk.LogEntry, error) {
	if !f.Webhook.IsZero() {
		// The webhook of another app is none, and takes no time to list.
		known, err := tx.exists(`SELECT 1 FROM webhooks WHERE id = $1 AND app_id = $2`, f.Webhook, f.App)
		if err != nil || !known {
			return nil, err
		}
	}
	parts, err := tx.parts()
	if err != nil {
		return nil, err
	}
	// Where what is over makes a page of the newest, only what is newer can be on it,
	// of older parts and of the outbox: before that, PostgreSQL may have much there
	// that it could not vacuum away yet. What is open is listed however old it is.
	var found []souk.LogEntry
	kept, open := at.Add(-souk.LogKept), time.Time{}
	for _, p := range parts {
		if p.before(kept) {
			break
		}
		if found, err = tx.logOf(logOver, p.Number, f, kept, at, page, found); err != nil {
			return nil, err
		}
		if page.Order == souk.NewestFirst && len(found) == page.Size {
			open = found[page.Size-1].CreatedAt.Add(-time.Microsecond)
			kept = open
		}
	}
	return tx.logOf(logOpen, 0, f, open, at, page, found)
}

// logOf adds the entries of some kinds to a page, of a part where they have been
// recorded: what is later than a time, as it is at another.
func (tx *Tx) logOf(from []logKind, part int64, f souk.LogFilter, since, at time.Time, page souk.Page, found []souk.LogEntry) ([]souk.LogEntry, error) {
	var kinds []string
	var c conditions
	for _, k := range from {
		if f.Status == "" || f.Status == k.status {
			kinds = append(kinds, k.query(&c, part, f, since, at, page))
		}
	}
	if len(kinds) == 0 {
		return found, nil
	}
	order := `listed_at, id`
	if page.Order == souk.NewestFirst {
		order = `listed_at DESC, id DESC`
	}
	query := c.union(kinds, order, page.Size)
	more, err := list(tx, scanLogEntry, query, c.args...)
	return merged(page, found, more, func(e souk.LogEntry) souk.Position { return souk.Position{At: e.CreatedAt, ID: e.ID} }), err
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
	madeRest    = `, outcome, status, answer, headers, duration, started_at + duration AS completed_at FROM `
	toldColumns = `entry_id AS id, entry_at AS listed_at, app_id, webhook_id,
		(SELECT url FROM webhooks w WHERE w.id = webhook_id) AS url, channel, action, resource, attempts AS number, `
	toldRest = `, '' AS outcome, 0 AS response_status, '' AS answer, '' AS headers, 0 AS duration, `
)

// logKind is a kind of entries that lie together.
type logKind struct {
	status  souk.LogStatus
	made    bool                // it is in attempts
	dropped souk.DeliveryStatus // why it was never made
	which   string              // of them
	when    func(*conditions, time.Time)
}

// logOpen is what is to come, logOver what is over.
var (
	logOpen = []logKind{
		{status: souk.LogPending, when: func(c *conditions, at time.Time) {
			c.literal(`(started_at IS NULL OR started_at <= ` + c.arg(micros(at.Add(-startedFor))) + `)`)
		}},
		{status: souk.LogStarted, which: ` AND started_at IS NOT NULL`, when: func(c *conditions, at time.Time) {
			c.add(`started_at > `, micros(at.Add(-startedFor)))
		}},
	}
	logOver = []logKind{
		{status: souk.LogSuccessful, made: true, which: ` AND outcome = 'ok'`},
		{status: souk.LogFailed, made: true, which: ` AND outcome <> 'ok'`},
		{status: souk.LogFailed, dropped: souk.DeliveryCancelled, which: ` AND status = 'cancelled'`},
		{status: souk.LogFailed, dropped: souk.DeliverySkipped, which: ` AND status = 'skipped'`},
	}
)

// query is a page of the entries of one kind. It adds its arguments to those of
// all.
func (k logKind) query(all *conditions, part int64, f souk.LogFilter, since, at time.Time, page souk.Page) string {
	c := conditions{args: all.args}
	// A webhook says whose it is; but what has started lies in an index by app
	// alone, being little.
	if f.Webhook.IsZero() || k.status == souk.LogStarted {
		c.add(`app_id = `, f.App)
	}
	switch {
	case f.Webhook.IsZero():
	case k.status == souk.LogStarted:
		c.add(`webhook_id = `, f.Webhook) // but not by an index by webhook
	default:
		c.add(`webhook_id <> '' AND webhook_id = `, f.Webhook)
	}
	columns, rest, listed, id := toldColumns, toldRest, `entry_at`, `entry_id`
	where := ` WHERE dialect = 'giosg' AND entry_id IS NOT NULL` + k.which
	switch {
	case k.made:
		columns, rest, listed, id = madeColumns, madeRest+attemptsIn(part), `listed_at`, `id`
		where = ` WHERE dialect = 'giosg'` + k.which
	case k.dropped != "":
		rest += `ended_at AS completed_at FROM ` + endedIn(part)
	default:
		rest += `NULL AS completed_at FROM deliveries`
	}
	if k.when != nil {
		k.when(&c, at)
	}
	switch {
	case since.IsZero():
	case page.Order == souk.OldestFirst && page.After.At.After(since):
		// That is one bound from below, see EndedBetween.
	default:
		c.add(listed+` > `, micros(since))
	}
	order := c.page(listed, id, page)
	all.args = c.args
	return `SELECT ` + columns + `'` + string(k.status) + `' AS state, '` + string(k.dropped) + `' AS dropped` + rest + where + c.and() + order
}
