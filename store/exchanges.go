package store

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"souk"
)

// What was sent to Zoom webhooks lies beside attempts_N, a row for each attempt
// under the same key: no other dialect pays for it. The body is the delivery's.

// insertSent writes down what attempts sent, of those whose log has it.
func (tx *Tx) insertSent(part int64, attempts []*souk.Attempt) error {
	var args []any
	for _, a := range attempts {
		if s := a.Sent; s != nil {
			args = append(args, raw(&a.Delivery), raw(&a.ID), raw(&a.App), a.Outcome != souk.OK, micros(a.StartedAt), s.Event, int64(s.Retry), s.Headers)
		}
	}
	if len(args) == 0 {
		return nil
	}
	if err := tx.haveSent(part); err != nil {
		return err
	}
	return tx.putMany(`INSERT INTO `+sentIn(part)+` (delivery_id, id, app_id, failed, at, event, retry, headers) VALUES `,
		` ON CONFLICT (delivery_id, id) DO NOTHING`, 8, args)
}

// haveSent sees to it that a part has sent_N, while nodes of an earlier version
// begin parts. Who else does so at the same time is waited for.
func (tx *Tx) haveSent(part int64) error {
	has, err := tx.exists(`SELECT 1 FROM log_parts WHERE number = $1 AND has_sent = TRUE`, part)
	if err != nil || has {
		return err
	}
	n, err := tx.exec(`UPDATE log_parts SET has_sent = TRUE WHERE number = $1 AND has_sent = FALSE`, part)
	if err != nil || n == 0 {
		return err
	}
	_, err = tx.exec(tx.dialect.ddl.Replace(ofPart(sentText, part)))
	return err
}

// sentParts are those of parts that have sent_N.
func (tx *Tx) sentParts(parts []Part) ([]Part, error) {
	with, err := list(tx, func(r row) (number int64, err error) {
		err = r.Scan(&number)
		return number, err
	}, `SELECT number FROM log_parts WHERE has_sent = TRUE`)
	return slices.DeleteFunc(slices.Clone(parts), func(p Part) bool { return !slices.Contains(with, p.Number) }), err
}

// Exchanges lists the requests that were made to the Zoom webhooks of an app,
// newest first. page.After is the StartedAt and ID of one.
func (tx *Tx) Exchanges(f souk.ExchangeFilter, page souk.Page) ([]souk.Exchange, error) {
	page.Order = souk.NewestFirst
	parts, err := tx.parts()
	if err != nil {
		return nil, err
	}
	sent, err := tx.sentParts(parts)
	if err != nil {
		return nil, err
	}
	var found []souk.Exchange
	for _, p := range sent {
		if !f.From.IsZero() && p.before(f.From) || len(found) == page.Size && p.before(found[page.Size-1].StartedAt) {
			break
		}
		more, err := tx.exchangesOf(p.Number, f, page)
		if err != nil {
			return nil, err
		}
		found = merged(page, found, more, func(e souk.Exchange) souk.Position { return souk.Position{At: e.StartedAt, ID: e.ID} })
	}
	return found, tx.fillExchanges(found, parts)
}

// exchangesOf is a page of what one part has. Those that failed and the others
// each lie in the order in which they are asked for.
func (tx *Tx) exchangesOf(part int64, f souk.ExchangeFilter, page souk.Page) ([]souk.Exchange, error) {
	var kinds []string
	var all conditions
	for _, k := range exchangeKinds {
		if f.Outcome != souk.AnyExchange && f.Outcome != k.outcome {
			continue
		}
		c := conditions{args: all.args}
		c.add(`app_id = `, f.App)
		c.literal(k.which)
		if !f.From.IsZero() {
			c.add(`at >= `, micros(f.From))
		}
		if page.After.ID.IsZero() || f.Until.Before(page.After.At) {
			// One bound from above, not two, see EndedBetween.
			c.add(`at < `, micros(f.Until))
		}
		if f.Event != "" {
			c.add(`event = `, f.Event)
		}
		if f.Retry != nil {
			c.add(`retry = `, *f.Retry)
		}
		end := c.page(`at`, `id`, page)
		kinds = append(kinds, `SELECT delivery_id, id, at, event, retry, headers FROM `+sentIn(part)+` WHERE `+strings.Join(c.parts, ` AND `)+end)
		all.args = c.args
	}
	query := all.union(kinds, `at DESC, id DESC`, page.Size)
	return list(tx, func(r row) (e souk.Exchange, err error) {
		var sent souk.Sent
		e.Attempt, err = scanAttempt(withMore(r, &sent.Event, &sent.Retry, &sent.Headers))
		e.Sent = &sent
		return e, err
	}, `SELECT `+prefixed("a", attemptColumns)+`, s.event, s.retry, s.headers FROM (`+query+`) AS s
		JOIN `+attemptsIn(part)+` a ON a.delivery_id = s.delivery_id AND a.id = s.id ORDER BY s.at DESC, s.id DESC`, all.args...)
}

// exchangeKinds are the exchanges that lie together.
var exchangeKinds = []struct {
	outcome souk.ExchangeOutcome
	which   string
}{
	{souk.FailedExchange, `failed = TRUE`},
	{souk.SuccessfulExchange, `failed = FALSE`},
}

// fillExchanges adds what was sent and for whom. A delivery is in the outbox, or
// in a part no older than those of its attempts.
func (tx *Tx) fillExchanges(found []souk.Exchange, parts []Part) error {
	missing := map[souk.ID][]*souk.Exchange{}
	for i := range found {
		e := &found[i]
		missing[e.Delivery] = append(missing[e.Delivery], e)
	}
	tables := []string{`deliveries`}
	for _, p := range parts {
		tables = append(tables, endedIn(p.Number))
	}
	var all []told
	for i, table := range tables {
		part := `d.body_part`
		if i > 0 {
			part = strconv.FormatInt(parts[i-1].Number, 10)
		}
		for some := range slices.Chunk(slices.SortedFunc(maps.Keys(missing), souk.ID.Compare), mostRows) {
			some, err := list(tx, func(r row) (d told, err error) {
				err = r.Scan(&d.id, &d.body.part, &d.body.id, &d.installation, &d.installer)
				return d, err
			}, `SELECT d.id, `+part+`, COALESCE(d.body_id, d.id), d.installation_id, i.installed_by FROM `+table+` d
				LEFT JOIN installations i ON i.id = d.installation_id WHERE d.id IN (`+placeholders(1, len(some))+`)`, anys(some)...)
			if err != nil {
				return err
			}
			for _, d := range some {
				d.of = missing[d.id]
				all = append(all, d)
				delete(missing, d.id)
			}
		}
	}
	places := make([]place, len(all))
	for i := range all {
		places[i] = all[i].body
	}
	bodies, err := tx.bodies(places)
	for _, d := range all {
		for _, e := range d.of {
			e.Body, e.Installation, e.Installer = bodies[d.body.id], d.installation, d.installer
		}
	}
	return err
}

// told is what a delivery has of each of its exchanges.
type told struct {
	id, installation, installer souk.ID
	body                        place
	of                          []*souk.Exchange
}
