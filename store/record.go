package store

import (
	"slices"
	"strings"
	"time"

	"souk"
)

// Progress is how far a delivery came: to its end, or to its next attempt.
type Progress struct {
	Delivery souk.Delivery       // as it was taken up; if the row has other Attempts by now nothing changes
	Lost     bool                // the endpoint is another node's by now: nothing changes but that Attempt is written down
	Attempt  *souk.Attempt       // the request that was made, which has taken the delivery's entry in the log; or nil
	Status   souk.DeliveryStatus // pending: again at NextAt; held; anything else ended it
	Attempts int                 // made by now
	Outcome  souk.Outcome
	NextAt   time.Time
	Note     string
	Entry    souk.ID // of the request to come, when Attempt took the delivery's entry and it goes on
	EntryAt  time.Time
}

// Record writes down how far deliveries came, in the name of a node. It answers
// with those that lead the lines of those that ended, with a due time that they
// had or have now.
//
// A commit whose outcome is unknown can be repeated. Where another carried a
// delivery on or ended it meanwhile, that stands, and a request that was made is
// written down all the same: of a delivery that was given up, the log no longer
// says that there was none.
func (tx *Tx) Record(node souk.ID, at time.Time, all []Progress) (next []souk.Delivery, err error) {
	if all, err = tx.heldOnly(at, all); err != nil {
		return nil, err
	}
	part, err := tx.newest()
	if err != nil {
		return nil, err
	}
	r := recording{Tx: tx, part: part, at: at, moved: make(map[souk.ID]bool, len(all)), older: map[int64][]souk.ID{}}
	if err := r.endAll(all); err != nil {
		return nil, err
	}
	if err := r.postponeAll(all); err != nil {
		return nil, err
	}
	var first, again []*souk.Attempt
	for i := range all {
		a := all[i].Attempt
		switch {
		case a == nil:
			continue
		case r.moved[a.Delivery]:
			first = append(first, a)
		default:
			again = append(again, a)
		}
		r.tried(a)
	}
	if err := tx.insertAttempts(part, first); err != nil {
		return nil, err
	}
	if err := tx.insertDoubles(part, again); err != nil {
		return nil, err
	}
	if err := tx.dropEntries(again); err != nil {
		return nil, err
	}
	if err := tx.count(node, part, r.counted); err != nil {
		return nil, err
	}
	leading, err := tx.nextInLine(at, r.lines)
	if err != nil {
		return nil, err
	}
	return tx.withBodies(leading)
}

// heldOnly is all, but that what was to be held of a webhook that is enabled by
// now is due again.
func (tx *Tx) heldOnly(at time.Time, all []Progress) ([]Progress, error) {
	var webhooks []souk.ID
	for _, p := range all {
		if !p.Lost && p.Status == souk.DeliveryHeld {
			webhooks = append(webhooks, p.Delivery.Webhook)
		}
	}
	enabled, err := tx.enabled(webhooks)
	if err != nil || len(enabled) == 0 {
		return all, err
	}
	all = slices.Clone(all)
	for i := range all {
		if p := &all[i]; p.Status == souk.DeliveryHeld && enabled[p.Delivery.Webhook] {
			p.Status, p.NextAt = souk.DeliveryPending, at
		}
	}
	return all, nil
}

// recording is a Record under way.
type recording struct {
	*Tx
	counted
	part  int64
	at    time.Time
	moved map[souk.ID]bool    // deliveries that were as they had been taken up
	lines []Line              // that somebody left
	older map[int64][]souk.ID // what ended whose bodies lie in older parts, by part
}

// ending is what is common to deliveries that end with one statement.
type ending struct {
	status   souk.DeliveryStatus
	before   int
	attempts int
	outcome  souk.Outcome
	note     string
	tried    bool
}

func (r *recording) endAll(all []Progress) error {
	groups := map[ending][]*Progress{}
	var order []ending
	for i := range all {
		p := &all[i]
		if p.Lost || isOpen(p.Status) {
			continue
		}
		e := ending{p.Status, p.Delivery.Attempts, p.Attempts, p.Outcome, p.Note, p.Attempt != nil}
		if groups[e] == nil {
			order = append(order, e)
		}
		groups[e] = append(groups[e], p)
	}
	if err := r.holdEnding(groups); err != nil {
		return err
	}
	for _, e := range order {
		for some := range slices.Chunk(groups[e], mostRows) {
			if err := r.end(e, some); err != nil {
				return err
			}
		}
	}
	return r.followAll(r.older, r.part)
}

// holdEnding has deliveries be held in the order of holdLeaders, whatever the order
// is in which they end: with one statement they may end in that order.
func (r *recording) holdEnding(groups map[ending][]*Progress) error {
	byID := func(a, b *Progress) int { return a.Delivery.ID.Compare(b.Delivery.ID) }
	var lined []souk.ID
	for _, group := range groups {
		slices.SortStableFunc(group, byID)
		for _, p := range group {
			if p.Delivery.Resource != "" {
				lined = append(lined, p.Delivery.ID)
			}
		}
	}
	if len(groups) < 2 || len(lined) < 2 || r.dialect.hold == "" {
		return nil
	}
	slices.SortFunc(lined, souk.ID.Compare)
	for some := range slices.Chunk(lined, mostRows) {
		some = padded(some)
		if _, err := list(r.Tx, scanID, `SELECT id FROM deliveries WHERE id IN (`+placeholders(1, len(some))+`) ORDER BY id `+r.dialect.hold,
			anys(some)...); err != nil {
			return err
		}
	}
	return nil
}

func (r *recording) end(e ending, some []*Progress) error {
	ids := make([]souk.ID, len(some))
	for i, p := range some {
		ids[i] = p.Delivery.ID
	}
	ids = padded(ids)
	entry := `entry_id`
	if e.tried {
		entry = `NULL`
	}
	args := []any{string(e.status), e.attempts, string(e.outcome), e.note, r.at.UnixMicro(), e.before}
	in := anys(ids)
	if _, err := r.exec(r.moveEnded(`$1`, `$2`, `$3`, entry, `$4`, `$5`)+`
		WHERE attempts = $6 AND id IN (`+placeholders(7, len(ids))+`) ORDER BY id `+r.dialect.hold, append(args, in...)...); err != nil {
		return err
	}
	type gone struct {
		id, entry souk.ID
		part      int64 // of its body
		size      int
	}
	were, err := list(r.Tx, func(r row) (g gone, err error) {
		err = r.Scan(&g.id, &g.entry, &g.part, &g.size)
		return g, err
	}, `DELETE FROM deliveries WHERE attempts = $1 AND id IN (`+placeholders(2, len(ids))+`)
		RETURNING id, entry_id, body_part, body_size`, append([]any{e.before}, in...)...)
	if err != nil {
		return err
	}
	found := make(map[souk.ID]gone, len(were))
	for _, g := range were {
		found[g.id] = g
		if g.part != r.part {
			r.older[g.part] = append(r.older[g.part], g.id)
		}
	}
	for _, p := range some {
		was, there := found[p.Delivery.ID]
		if !there {
			continue
		}
		delete(found, p.Delivery.ID)
		r.moved[p.Delivery.ID] = was.entry == p.Delivery.Entry
		r.ended(p.Delivery.App, e.status, r.at, was.size)
		if inLine(&p.Delivery) {
			r.lines = append(r.lines, lineOf(p.Delivery))
		}
	}
	return nil
}

// moveEnded begins a statement that copies open deliveries to the log, with what
// they have then. FROM deliveries follows.
func (tx *Tx) moveEnded(status, attempts, outcome, entry, note, at string) string {
	return `INSERT INTO ` + endedIn(tx.part) + ` (` + endedColumns + `)
		SELECT id, event_id, webhook_id, app_id, installation_id, dialect, final, epoch, channel, action, resource,
			speaker_id, trace, ` + status + `, ` + attempts + `, base, ` + outcome + `, ` + entry + `, entry_at, created_at, ` +
		note + `, body_id, ` + at + ` FROM deliveries`
}

// postponeWidth is how many arguments a delivery that goes on takes.
const postponeWidth = 10

func (r *recording) postponeAll(all []Progress) error {
	var on []*Progress
	for i := range all {
		if p := &all[i]; !p.Lost && isOpen(p.Status) {
			on = append(on, p)
		}
	}
	for some := range slices.Chunk(on, mostRows) {
		if err := r.postpone(some); err != nil {
			return err
		}
	}
	return nil
}

// postpone has deliveries go on. What was held meanwhile stays so.
func (r *recording) postpone(some []*Progress) error {
	var values strings.Builder
	var args []any
	for _, p := range padded(some) {
		entry, entryAt := p.Delivery.Entry, p.Delivery.EntryAt
		if p.Attempt != nil {
			entry, entryAt = p.Entry, p.EntryAt
		}
		next := p.NextAt
		if p.Status == souk.DeliveryHeld {
			next = time.Time{}
		}
		values.WriteString(` UNION ALL SELECT ` + placeholders(len(args)+1, postponeWidth))
		args = append(args, p.Delivery.ID, p.Delivery.Attempts, p.Delivery.Entry,
			string(p.Status), p.Attempts, string(p.Outcome), micros(next), p.Note, entry, micros(entryAt))
	}
	// The first SELECT finds nothing, and gives the types.
	ids, err := list(r.Tx, scanID, `
		WITH v (id, before, entry, status, attempts, outcome, next_at, note, next_entry, next_entry_at) AS (
			SELECT id, attempts, entry_id, status, attempts, last_outcome, next_at, note, entry_id, entry_at FROM deliveries WHERE id = NULL`+
		values.String()+`
		)
		UPDATE deliveries SET attempts = v.attempts, last_outcome = v.outcome, note = v.note, started_at = NULL, handed = FALSE,
			entry_id = v.next_entry, entry_at = v.next_entry_at,
			status = CASE WHEN deliveries.status = 'held' THEN 'held' ELSE v.status END,
			next_at = CASE WHEN deliveries.status = 'held' THEN NULL ELSE v.next_at END
		FROM v WHERE deliveries.id = v.id AND deliveries.attempts = v.before AND deliveries.entry_id IS NOT DISTINCT FROM v.entry
		RETURNING deliveries.id`, args...)
	for _, id := range ids {
		r.moved[id] = true
	}
	return err
}

// dropEntries forgets the entries of deliveries that were given up, where an
// attempt has the entry: its request was made after all.
func (tx *Tx) dropEntries(made []*souk.Attempt) error {
	for _, a := range made {
		parts, err := tx.parts()
		if err != nil {
			return err
		}
		for _, p := range parts {
			if p.before(a.StartedAt) {
				break
			}
			if _, err := tx.exec(`UPDATE `+endedIn(p.Number)+` SET entry_id = NULL WHERE id = $1 AND entry_id = $2`, a.Delivery, a.ID); err != nil {
				return err
			}
		}
	}
	return nil
}
