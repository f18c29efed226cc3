package store

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"souk"
)

// Calls of /v2 lie in tables of a day each, which are made when there is
// something to keep and dropped whole (docs/decisions/0062-calls-are-kept-by-the-day.md).

func callsOn(day int64) string { return `calls_` + strconv.FormatInt(day, 10) }

const callText = `CREATE TABLE calls_D (
	app_id BYTEA NOT NULL,
	at BIGINT NOT NULL,
	id BYTEA NOT NULL,
	method TEXT NOT NULL,
	pattern TEXT NOT NULL,
	status BIGINT NOT NULL,
	trace TEXT NOT NULL,
	PRIMARY KEY (app_id, at, id)
);
`

// dayOf is the number of a time's day of UTC, since 1970.
func dayOf(at time.Time) int64 { return at.Unix() / (24 * 60 * 60) }

// InsertCalls writes calls down, of whichever days.
func (tx *Tx) InsertCalls(calls []souk.Call) error {
	of := map[int64][]any{}
	for i := range calls {
		c := &calls[i]
		d := dayOf(c.At)
		of[d] = append(of[d], raw(&c.App), micros(c.At), raw(&c.ID), c.Method, c.Pattern, int64(c.Status), c.Trace)
	}
	days := slices.Sorted(maps.Keys(of)) // so that no two wait for each other
	for _, d := range days {
		if err := tx.addCallDay(d); err != nil {
			return err
		}
		if err := tx.insertMany(`INSERT INTO `+callsOn(d)+` (app_id, at, id, method, pattern, status, trace) VALUES `, 7, of[d]); err != nil {
			return err
		}
	}
	return nil
}

// addCallDay makes the table of a day. Who else does so at the same time is
// waited for.
func (tx *Tx) addCallDay(day int64) error {
	if known, err := tx.exists(`SELECT 1 FROM call_days WHERE day = $1`, day); err != nil || known {
		return err
	}
	n, err := tx.exec(`INSERT INTO call_days (day) VALUES ($1) ON CONFLICT (day) DO NOTHING`, day)
	if err != nil || n == 0 {
		return err
	}
	_, err = tx.exec(tx.dialect.ddl.Replace(strings.ReplaceAll(callText, "calls_D", callsOn(day))))
	return err
}

// callDays lists the days that have a table, the newest first.
func (tx *Tx) callDays() ([]int64, error) {
	return list(tx, func(r row) (day int64, err error) {
		err = r.Scan(&day)
		return day, err
	}, `SELECT day FROM call_days ORDER BY day DESC`)
}

// DropCalls forgets the calls of days that ended before a time by at least a
// day: whoever reads calls until then does not meet a table that is gone.
func (tx *Tx) DropCalls(before time.Time) error {
	days, err := tx.callDays()
	if err != nil {
		return err
	}
	for _, d := range days {
		if d+1 >= dayOf(before) {
			continue
		}
		n, err := tx.exec(`DELETE FROM call_days WHERE day = $1`, d)
		if err == nil && n > 0 { // else another node has dropped it
			_, err = tx.exec(`DROP TABLE ` + callsOn(d))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Calls lists the calls of an app, newest first. page.After is the At and ID of
// one.
func (tx *Tx) Calls(f souk.CallFilter, page souk.Page) (found []souk.Call, err error) {
	page.Order = souk.NewestFirst
	if f.Patterns != nil && len(f.Patterns) == 0 {
		return nil, nil
	}
	days, err := tx.callDays()
	if err != nil {
		return nil, err
	}
	for _, d := range days {
		if !f.From.IsZero() && d < dayOf(f.From) || len(found) == page.Size {
			break
		}
		if !page.After.ID.IsZero() && d > dayOf(page.After.At) {
			continue
		}
		var c conditions
		c.add(`app_id = `, f.App)
		if !f.From.IsZero() {
			c.add(`at >= `, micros(f.From))
		}
		if f.Patterns != nil {
			c.literal(`pattern IN (` + placeholders(len(c.args)+1, len(f.Patterns)) + `)`)
			c.args = append(c.args, anys(f.Patterns)...)
		}
		if f.Method != "" {
			c.add(`method = `, f.Method)
		}
		if f.Status != 0 {
			c.add(`status = `, f.Status)
		}
		rest := page
		rest.Size -= len(found)
		end := c.page(`at`, `id`, rest)
		more, err := list(tx, func(r row) (c souk.Call, err error) {
			err = r.Scan(&c.App, (*stamp)(&c.At), &c.ID, &c.Method, &c.Pattern, &c.Status, &c.Trace)
			return c, err
		}, `SELECT app_id, at, id, method, pattern, status, trace FROM `+callsOn(d)+` WHERE `+strings.Join(c.parts, ` AND `)+end, c.args...)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}
