package store

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"souk"
)

// Line is where deliveries to one webhook about one resource stand one behind
// another. One of them leads: it alone has a due time, and keeps it from
// attempt to attempt. The others wait without, and when the leader ends the
// earliest of them leads.
//
// On PostgreSQL two transactions may not see each other. Two may then come to
// lead one line, which the next claim of either notices, or none, which
// LeadLines does.
type Line struct {
	Webhook  souk.ID
	Resource string
}

func lineOf(d souk.Delivery) Line { return Line{d.Webhook, d.Resource} }

// takenLines finds those of the lines of deliveries in which somebody stands.
func (tx *Tx) takenLines(deliveries []souk.Delivery) (map[Line]bool, error) {
	taken := map[Line]bool{}
	var lines []Line
	for _, d := range deliveries {
		if l := lineOf(d); d.Resource != "" && !taken[l] {
			taken[l] = true
			lines = append(lines, l)
		}
	}
	clear(taken)
	for some := range slices.Chunk(lines, mostRows) {
		some = padded(some)
		var query strings.Builder
		var args []any
		for i, l := range some {
			if i > 0 {
				query.WriteString(` UNION ALL `)
			}
			args = append(args, l.Webhook, l.Resource)
			line := `webhook_id = $` + strconv.Itoa(len(args)-1) + ` AND resource = $` + strconv.Itoa(len(args))
			query.WriteString(`SELECT ` + strconv.Itoa(i) + `
				WHERE EXISTS (SELECT 1 FROM deliveries WHERE ` + line + ` AND next_at IS NOT NULL AND resource <> '')
				OR EXISTS (SELECT 1 FROM deliveries WHERE ` + line + ` AND status = 'pending' AND next_at IS NULL)`)
		}
		found, err := list(tx, func(r row) (i int, err error) {
			err = r.Scan(&i)
			return i, err
		}, query.String(), args...)
		if err != nil {
			return nil, err
		}
		for _, i := range found {
			taken[some[i]] = true
		}
	}
	return taken, nil
}

// nextInLine has whoever is next lead the lines of deliveries that ended.
func (tx *Tx) nextInLine(at time.Time, ended []souk.ID) error {
	for some := range slices.Chunk(ended, mostRows) {
		ids := padded(some)
		next, err := list(tx, scanID, `
			SELECT (SELECT w.id FROM deliveries w
				WHERE w.webhook_id = e.webhook_id AND w.resource = e.resource AND w.status = 'pending' AND w.next_at IS NULL
				ORDER BY w.created_at, w.id LIMIT 1)
			FROM deliveries e
			WHERE e.id IN (`+placeholders(1, len(ids))+`) AND e.status <> 'pending' AND e.resource <> ''
			AND NOT EXISTS (SELECT 1 FROM deliveries l
				WHERE l.webhook_id = e.webhook_id AND l.resource = e.resource AND l.resource <> '' AND l.next_at IS NOT NULL)`,
			anys(ids)...)
		if err != nil {
			return err
		}
		if _, err := tx.lead(at, next); err != nil {
			return err
		}
	}
	return nil
}

// lead gives those that wait a due time; among ids may be none.
func (tx *Tx) lead(at time.Time, ids []souk.ID) (int64, error) {
	ids = slices.DeleteFunc(ids, souk.ID.IsZero)
	if len(ids) == 0 {
		return 0, nil
	}
	ids = padded(ids)
	return tx.exec(`UPDATE deliveries SET next_at = $1
		WHERE status = 'pending' AND next_at IS NULL AND id IN (`+placeholders(2, len(ids))+`)`,
		append([]any{micros(at)}, anys(ids)...)...)
}

// LeadLines looks at up to limit lines in which somebody waits, those behind
// after, and has the first lead where nobody does. It answers with the last
// line that it looked at; the zero Line when that was the last there is. What
// it costs depends on limit alone, however many wait.
func (tx *Tx) LeadLines(at time.Time, after Line, limit int) (last Line, err error) {
	type waiting struct {
		first souk.ID
		line  Line
		led   bool
	}
	// From line to line by the index. The zero ID is spelled out: it comes before all.
	found, err := list(tx, func(r row) (w waiting, err error) {
		err = r.Scan(&w.first, &w.line.Webhook, &w.line.Resource, &w.led)
		return w, err
	}, `
		WITH RECURSIVE firsts (id, place) AS (
			SELECT (SELECT id FROM deliveries
				WHERE status = 'pending' AND next_at IS NULL AND (webhook_id, resource) > ($1, $2)
				ORDER BY webhook_id, resource, created_at, id LIMIT 1), 1
			UNION ALL
			SELECT (SELECT n.id FROM deliveries n
				WHERE n.status = 'pending' AND n.next_at IS NULL AND (n.webhook_id, n.resource) > (d.webhook_id, d.resource)
				ORDER BY n.webhook_id, n.resource, n.created_at, n.id LIMIT 1), f.place + 1
			FROM firsts f JOIN deliveries d ON d.id = f.id
			WHERE f.place < $3
		)
		SELECT d.id, d.webhook_id, d.resource, EXISTS (SELECT 1 FROM deliveries l
			WHERE l.webhook_id = d.webhook_id AND l.resource = d.resource AND l.resource <> '' AND l.next_at IS NOT NULL)
		FROM firsts f JOIN deliveries d ON d.id = f.id
		ORDER BY f.place`, after.Webhook[:], after.Resource, limit)
	if err != nil {
		return last, err
	}
	var leaderless []souk.ID
	for _, w := range found {
		if !w.led {
			leaderless = append(leaderless, w.first)
		}
	}
	for some := range slices.Chunk(leaderless, mostRows) {
		if _, err := tx.lead(at, some); err != nil {
			return last, err
		}
	}
	if len(found) == limit {
		last = found[limit-1].line
	}
	return last, nil
}

// giveWay has deliveries that were just claimed wait after all where another
// leads their line: one that was claimed before them, or is earlier. It answers
// with the rest.
func (tx *Tx) giveWay(claimed []souk.Delivery) ([]souk.Delivery, error) {
	var ids []souk.ID
	for _, d := range claimed {
		if d.Resource != "" {
			ids = append(ids, d.ID)
		}
	}
	gone := map[souk.ID]bool{}
	for some := range slices.Chunk(ids, mostRows) {
		some = padded(some)
		back, err := list(tx, scanID, `
			UPDATE deliveries SET next_at = NULL, claimed_at = NULL
			WHERE id IN (`+placeholders(1, len(some))+`) AND EXISTS (SELECT 1 FROM deliveries l
				WHERE l.webhook_id = deliveries.webhook_id AND l.resource = deliveries.resource
				AND l.resource <> '' AND l.next_at IS NOT NULL
				AND (l.claimed_at < deliveries.claimed_at OR (l.created_at, l.id) < (deliveries.created_at, deliveries.id)))
			RETURNING id`, anys(some)...)
		if err != nil {
			return nil, err
		}
		for _, id := range back {
			gone[id] = true
		}
	}
	return slices.DeleteFunc(claimed, func(d souk.Delivery) bool { return gone[d.ID] }), nil
}
