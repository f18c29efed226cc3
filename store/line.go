package store

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"souk"
)

// Line is where deliveries to one webhook about one resource stand one behind
// another. One of them leads: it alone has a due time, and keeps it from
// attempt to attempt. The others wait without, and when the leader ends the
// earliest of them leads, unless an even earlier one is held. What was asked to
// be delivered again stands aside.
//
// A resource is known by its channel and its id: host products choose ids, and
// what is "42" at one org is another thing than what is "42" at the next.
//
// On PostgreSQL two transactions may not see each other. Whoever comes to stand
// behind a leader holds it until the commit (holdLeaders). Two may still come to
// lead one line: DueDeliveries passes over the later one, and Record answers with
// it when the earlier one ends. What else may come about, a line without a leader
// among it, LeadLines finds.
type Line struct {
	Webhook  souk.ID
	Channel  souk.Channel
	Resource string
}

func (l Line) compare(m Line) int {
	return cmp.Or(l.Webhook.Compare(m.Webhook), cmp.Compare(l.Channel, m.Channel), cmp.Compare(l.Resource, m.Resource))
}

// inLine reports whether a delivery stands in a line.
func inLine(d *souk.Delivery) bool { return d.Resource != "" && !d.Aside }

func lineOf(d souk.Delivery) Line { return Line{d.Webhook, d.Channel, d.Resource} }

// sameLine is the condition that rows a and b of deliveries stand in one line.
func sameLine(a, b string) string {
	return a + `.webhook_id = ` + b + `.webhook_id AND ` + a + `.channel = ` + b + `.channel AND ` + a + `.resource = ` + b + `.resource`
}

// leads is the condition that row a of deliveries leads a line.
func leads(a string) string {
	return a + `.next_at IS NOT NULL AND ` + a + `.resource <> '' AND ` + a + `.aside = FALSE`
}

// stopped is the condition that a row which is held comes before row w in its
// line.
func stopped(w string) string {
	return `EXISTS (SELECT 1 FROM deliveries h WHERE ` + sameLine(`h`, w) + ` AND h.status = 'held' AND h.resource <> '' AND h.aside = FALSE
		AND (h.created_at, h.id) < (` + w + `.created_at, ` + w + `.id))`
}

// takenLines finds those of the lines of deliveries in which somebody stands, and
// holds those who lead them.
func (tx *Tx) takenLines(deliveries []souk.Delivery) (map[Line]bool, error) {
	taken := map[Line]bool{}
	var lines []Line
	for i := range deliveries {
		d := &deliveries[i]
		if l := lineOf(*d); inLine(d) && d.Status == souk.DeliveryPending && !taken[l] {
			taken[l] = true
			lines = append(lines, l)
		}
	}
	clear(taken)
	leaders, err := tx.leadersOf(lines)
	for l := range leaders {
		taken[l] = true
	}
	if err != nil || tx.dialect.holdKey == "" {
		return taken, err
	}
	return taken, tx.holdLeaders(taken, leaders)
}

// table is a query whose rows are lines, each behind its number from 0 on, and the
// arguments that it needs. Of statements with many arguments PostgreSQL thinks
// longer than it works.
func (d *dialect) table(lines []Line) (query string, args []any) {
	if d.arrays {
		webhooks, channels, resources := make([][]byte, len(lines)), make([]string, len(lines)), make([]string, len(lines))
		for i := range lines {
			webhooks[i], channels[i], resources[i] = lines[i].Webhook[:], string(lines[i].Channel), lines[i].Resource
		}
		return `SELECT n - 1, webhook, channel, resource
			FROM unnest($1::bytea[], $2::text[], $3::text[]) WITH ORDINALITY AS line (webhook, channel, resource, n)`,
			[]any{webhooks, channels, resources}
	}
	var rows []string
	for i, l := range padded(lines) {
		rows = append(rows, `SELECT `+strconv.Itoa(min(i, len(lines)-1))+`, `+placeholders(len(args)+1, 3))
		args = append(args, l.Webhook, string(l.Channel), l.Resource)
	}
	return strings.Join(rows, ` UNION ALL `), args
}

// leadersOf finds who leads each of those of lines in which somebody stands: none
// where nobody does, nor where there is one writer, for whom it does not matter. Of
// two that lead one line it is the earlier.
func (tx *Tx) leadersOf(lines []Line) (map[Line]souk.ID, error) {
	all := map[Line]souk.ID{}
	for some := range slices.Chunk(lines, mostRows) {
		table, args := tx.dialect.table(some)
		// None of the looks is an EXISTS, or PostgreSQL would think of reading the
		// whole table for it.
		look := func(what, where string) string {
			return `(SELECT ` + what + ` FROM deliveries d WHERE ` + sameLine(`d`, `e`) + ` AND ` + where + ` LIMIT 1)`
		}
		leader := `NULL`
		if tx.dialect.holdKey != "" {
			leader = look(`d.id`, leads(`d`)+` ORDER BY d.created_at, d.id`)
		}
		type stand struct {
			line   int
			leader souk.ID
		}
		found, err := list(tx, func(r row) (s stand, err error) {
			err = r.Scan(&s.line, &s.leader)
			return s, err
		}, `
			WITH e (i, webhook_id, channel, resource) AS (`+table+`)
			SELECT i, `+leader+` FROM e WHERE COALESCE(`+look(`1`, leads(`d`))+`, `+look(`1`, `d.status = 'pending' AND d.next_at IS NULL`)+`, `+
			look(`1`, `d.status = 'held' AND d.resource <> '' AND d.aside = FALSE`)+`) IS NOT NULL`, args...)
		if err != nil {
			return nil, err
		}
		for _, s := range found {
			all[some[s.line]] = s.leader
		}
	}
	return all, nil
}

// errMovedOn has a transaction run again: while it waited for who led a line, the
// next came to lead it and is about to end, too.
var errMovedOn = errors.New("store: a line has moved on")

// holdLeaders keeps those who lead lines from ending before this transaction
// does: whoever ends one then sees who came to wait behind it. Of two that lead one
// line it is enough to hold one. A line whose leader has just ended, and in which
// nobody stands, is taken no more.
//
// Whoever holds several deliveries does so in the order of their IDs, or two would
// wait for each other until the server looks for that, which is after a second.
func (tx *Tx) holdLeaders(taken map[Line]bool, leaders map[Line]souk.ID) error {
	held, err := tx.holdAll(leaders, tx.dialect.holdKey)
	if err != nil {
		return err
	}
	var left []Line
	for l, id := range leaders {
		if !held[id] {
			left = append(left, l)
		}
	}
	if len(left) == 0 {
		return nil
	}
	// While the first look waits for one who ends, the next may come to lead: only a
	// second look sees that one. Now who holds others must not wait.
	slices.SortFunc(left, Line.compare)
	next, err := tx.leadersOf(left)
	if err != nil {
		return err
	}
	how := tx.dialect.holdKey
	if len(held) > 0 {
		how += ` SKIP LOCKED`
	}
	if held, err = tx.holdAll(next, how); err != nil {
		return err
	}
	for _, l := range left {
		switch id, stands := next[l]; {
		case !stands:
			delete(taken, l)
		case !id.IsZero() && !held[id]:
			return errMovedOn
		}
	}
	return nil
}

// holdAll holds those who still lead lines, and tells whom it holds.
func (tx *Tx) holdAll(leaders map[Line]souk.ID, how string) (map[souk.ID]bool, error) {
	ids := slices.SortedFunc(maps.Values(leaders), souk.ID.Compare)
	ids = slices.DeleteFunc(ids, souk.ID.IsZero)
	held := make(map[souk.ID]bool, len(ids))
	for some := range slices.Chunk(ids, mostRows) {
		some = padded(some)
		found, err := list(tx, scanID, `SELECT id FROM deliveries
			WHERE id IN (`+placeholders(1, len(some))+`) AND next_at IS NOT NULL AND aside = FALSE ORDER BY id `+how, anys(some)...)
		if err != nil {
			return nil, err
		}
		for _, id := range found {
			held[id] = true
		}
	}
	return held, nil
}

// nextInLine has whoever is next lead the lines that somebody left, and answers
// with who leads them, now or already. When the first of those who wait is stopped,
// all are: what it costs does not depend on how many wait.
func (tx *Tx) nextInLine(at time.Time, left []Line) (next []placed, err error) {
	seen := make(map[Line]bool, len(left))
	left = slices.DeleteFunc(slices.Clone(left), func(l Line) bool {
		twice := seen[l]
		seen[l] = true
		return twice
	})
	for some := range slices.Chunk(left, mostRows) {
		table, args := tx.dialect.table(some)
		ids, err := list(tx, scanID, `
			WITH e (i, webhook_id, channel, resource) AS (`+table+`)
			SELECT COALESCE((SELECT l.id FROM deliveries l
					WHERE `+sameLine(`l`, `e`)+` AND `+leads(`l`)+` ORDER BY l.created_at, l.id LIMIT 1),
				(SELECT w.id FROM deliveries w
					WHERE w.id = (SELECT n.id FROM deliveries n
						WHERE `+sameLine(`n`, `e`)+` AND n.status = 'pending' AND n.next_at IS NULL
						ORDER BY n.created_at, n.id LIMIT 1)
					AND NOT `+stopped(`w`)+`))
			FROM e`, args...)
		if err != nil {
			return nil, err
		}
		if err := tx.lead(at, ids); err != nil {
			return nil, err
		}
		leading, err := tx.openOf(ids)
		if err != nil {
			return nil, err
		}
		next = append(next, leading...)
	}
	return next, nil
}

// openOf finds open deliveries by ID; among ids may be none.
func (tx *Tx) openOf(ids []souk.ID) ([]placed, error) {
	ids = slices.DeleteFunc(slices.Clone(ids), souk.ID.IsZero)
	if len(ids) == 0 {
		return nil, nil
	}
	ids = padded(ids)
	return list(tx, scanOpen, `SELECT `+openColumns+` FROM deliveries WHERE id IN (`+placeholders(1, len(ids))+`)`, anys(ids)...)
}

// lead gives those that wait a due time; among ids may be none.
func (tx *Tx) lead(at time.Time, ids []souk.ID) error {
	ids = slices.DeleteFunc(slices.Clone(ids), souk.ID.IsZero)
	if len(ids) == 0 {
		return nil
	}
	ids = padded(ids)
	_, err := tx.exec(`UPDATE deliveries SET next_at = $1, handed = FALSE
		WHERE status = 'pending' AND next_at IS NULL AND id IN (`+placeholders(2, len(ids))+`)`,
		append([]any{micros(at)}, anys(ids)...)...)
	return err
}

// LeadLines looks at up to limit lines in which somebody waits, those behind
// after, and has the first lead where nobody does. It answers with the last
// line that it looked at; the zero Line when that was the last there is. What
// it costs depends on limit alone, however many wait.
func (tx *Tx) LeadLines(at time.Time, after Line, limit int) (last Line, err error) {
	// From line to line by the index: to the next one of the channel, or to the
	// first one of the next channel or of the next webhook. The zero ID is spelled
	// out: it comes before all others. A CROSS JOIN is one whose order SQLite
	// leaves alone.
	first := func(webhook, channel, resource string) string {
		from := func(where string) string {
			return `(SELECT id FROM deliveries w WHERE status = 'pending' AND next_at IS NULL AND ` + where + `
				ORDER BY webhook_id, channel, resource, created_at, id LIMIT 1)`
		}
		return from(`w.webhook_id = `+webhook+` AND w.channel = `+channel+` AND w.resource > `+resource) + `, ` +
			from(`w.webhook_id = `+webhook+` AND w.channel > `+channel) + `, ` + from(`w.webhook_id > `+webhook)
	}
	firsts, err := list(tx, scanID, `
		WITH RECURSIVE firsts (id, place) AS (
			SELECT COALESCE(`+first(`$1`, `$2`, `$3`)+`), 1
			UNION ALL
			SELECT COALESCE(`+first(`d.webhook_id`, `d.channel`, `d.resource`)+`), f.place + 1
			FROM firsts f CROSS JOIN deliveries d
			WHERE d.id = f.id AND f.place < $4
		)
		SELECT id FROM firsts WHERE id IS NOT NULL ORDER BY place`,
		after.Webhook[:], string(after.Channel), after.Resource, limit)
	if err != nil {
		return last, err
	}
	for some := range slices.Chunk(firsts, mostRows) {
		some = padded(some)
		leaderless, err := list(tx, scanID, `SELECT d.id FROM deliveries d
			WHERE d.id IN (`+placeholders(1, len(some))+`) AND NOT `+stopped(`d`)+` AND NOT EXISTS (SELECT 1 FROM deliveries l
				WHERE `+sameLine(`l`, `d`)+` AND `+leads(`l`)+`)`,
			anys(some)...)
		if err != nil {
			return last, err
		}
		if err := tx.lead(at, leaderless); err != nil {
			return last, err
		}
	}
	if len(firsts) == limit {
		err = tx.row(`SELECT webhook_id, channel, resource FROM deliveries WHERE id = $1`, firsts[limit-1]).
			Scan(&last.Webhook, &last.Channel, &last.Resource)
	}
	return last, err
}
