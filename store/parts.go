package store

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"souk"
)

// Part is a part of the log: what was recorded since a time, until the next
// began. It is dropped whole.
type Part struct {
	Number  int64
	Since   time.Time
	Until   time.Time // zero: it is written to
	Entries int64     // rows
	Bytes   int64     // about, as far as they were counted
}

// slack is by how much what is in a part may be later than its end: what began
// before the next part did may be recorded after, and clocks may have been wrong.
const slack = 2 * time.Hour

// before reports whether all that p holds is from before a time: what was
// recorded had happened.
func (p Part) before(at time.Time) bool { return !p.Until.IsZero() && p.Until.Add(slack).Before(at) }

func endedIn(part int64) string    { return `ended_` + strconv.FormatInt(part, 10) }
func attemptsIn(part int64) string { return `attempts_` + strconv.FormatInt(part, 10) }
func sentIn(part int64) string     { return `sent_` + strconv.FormatInt(part, 10) }

// newest is the part that is written to, the same for all of a transaction.
func (tx *Tx) newest() (number int64, err error) {
	if tx.part == 0 {
		err = tx.row(`SELECT max(number) FROM log_parts`).Scan(&tx.part)
	}
	return tx.part, err
}

// parts lists the parts, the newest first, and keeps them from being dropped as
// long as the transaction runs: on PostgreSQL a transaction sees the list as it
// was when it began, but no table that is gone.
func (tx *Tx) parts() ([]Part, error) {
	if tx.stable != nil {
		return tx.stable, nil
	}
	type one struct {
		Part
		stands bool
	}
	all, err := list(tx, func(r row) (p one, err error) {
		err = r.Scan(&p.Number, (*stamp)(&p.Since), &p.stands)
		return p, err
	}, `SELECT number, since, `+tx.dialect.holdPart+` FROM log_parts`)
	if err != nil {
		return nil, err
	}
	var found []Part
	for _, p := range all {
		if p.stands {
			found = append(found, p.Part)
		}
	}
	slices.SortFunc(found, func(a, b Part) int { return int(b.Number - a.Number) })
	for i := range found[1:] {
		found[i+1].Until = found[i].Since
	}
	tx.stable = found
	return found, nil
}

// Parts lists the parts of the log, the oldest first.
func (tx *Tx) Parts() ([]Part, error) {
	all, err := list(tx, func(r row) (p Part, err error) {
		err = r.Scan(&p.Number, (*stamp)(&p.Since), &p.Entries, &p.Bytes)
		return p, err
	}, `SELECT p.number, p.since,
			CAST(COALESCE((SELECT sum(s.entries) FROM log_sizes s WHERE s.part = p.number), 0) AS BIGINT),
			CAST(COALESCE((SELECT sum(s.bytes) FROM log_sizes s WHERE s.part = p.number), 0) AS BIGINT)
		FROM log_parts p ORDER BY p.number`)
	for i := range all {
		if i > 0 {
			all[i-1].Until = all[i].Since
		}
	}
	if len(all) > 0 {
		tx.oldest, tx.part = all[0].Number, all[len(all)-1].Number
	}
	return all, err
}

// AddPart begins a part of the log, behind the newest that this transaction has
// seen. If another has begun it meanwhile, that will do.
func (tx *Tx) AddPart(at time.Time) error {
	newest, err := tx.newest()
	if err != nil {
		return err
	}
	n, err := tx.exec(`INSERT INTO log_parts (number, since, has_sent) VALUES ($1, $2, TRUE) ON CONFLICT (number) DO NOTHING`, newest+1, at.UnixMicro())
	if err != nil {
		return err
	}
	tx.part, tx.stable = 0, nil
	if n == 0 {
		return nil
	}
	_, err = tx.exec(tx.dialect.ddl.Replace(partTables(newest + 1)))
	return err
}

// DropPart forgets the oldest part of the log that this transaction has seen,
// and answers with its number: 0 when that is the newest too, when another has
// dropped it meanwhile, or while the body of an open delivery lies there (see
// Carry). It waits for those who read it, and for those who write bodies there.
func (tx *Tx) DropPart() (int64, error) {
	if tx.oldest == 0 {
		if _, err := tx.Parts(); err != nil {
			return 0, err
		}
	}
	oldest := tx.oldest
	if hold := tx.dialect.takePart; hold != "" {
		if err := tx.row(hold, oldest).Scan(new(any)); err != nil {
			return 0, err
		}
	}
	over, err := tx.exists(`SELECT 1 FROM log_parts WHERE number = $1 AND number < (SELECT max(number) FROM log_parts)`, oldest)
	if err != nil || !over {
		return 0, err
	}
	if closing := tx.dialect.closeTable; closing != "" {
		// Who has begun to put something there has done so then, and it is seen.
		if _, err := tx.exec(fmt.Sprintf(closing, bodiesIn(oldest))); err != nil {
			return 0, err
		}
	}
	if open, err := tx.exists(`SELECT 1 FROM deliveries WHERE body_part = $1`, oldest); err != nil || open {
		return 0, err
	}
	if _, err := tx.exec(`DELETE FROM log_parts WHERE number = $1`, oldest); err != nil {
		return 0, err
	}
	tx.oldest, tx.part, tx.stable = 0, 0, nil
	if _, err := tx.exec(`DELETE FROM log_sizes WHERE part = $1`, oldest); err != nil {
		return 0, err
	}
	for _, table := range []string{attemptsIn(oldest), endedIn(oldest), bodiesIn(oldest), sentIn(oldest)} {
		if _, err := tx.exec(`DROP TABLE IF EXISTS ` + table); err != nil {
			return 0, err
		}
	}
	return oldest, nil
}

// partTables makes the tables of a part, as a migration would.
func partTables(part int64) string { return ofPart(partText, part) }

// ofPart spells statements about attempts_N, ended_N, bodies_N and sent_N for one
// part, whose number is number_N.
func ofPart(text string, part int64) string {
	return strings.NewReplacer("ended_N", endedIn(part), "attempts_N", attemptsIn(part), "bodies_N", bodiesIn(part), "sent_N", sentIn(part),
		"number_N", strconv.FormatInt(part, 10)).Replace(text)
}

const partText = `CREATE TABLE ended_N (
	id BYTEA NOT NULL PRIMARY KEY,
	event_id BYTEA NOT NULL,
	webhook_id BYTEA NOT NULL,
	app_id BYTEA NOT NULL,
	installation_id BYTEA,
	dialect TEXT NOT NULL,
	final BOOLEAN NOT NULL,
	epoch BIGINT NOT NULL,
	channel TEXT NOT NULL,
	action TEXT NOT NULL,
	resource TEXT NOT NULL,
	speaker_id BYTEA,
	trace TEXT NOT NULL,
	status TEXT NOT NULL CHECK (status IN ('successful', 'exhausted', 'cancelled', 'skipped')),
	attempts BIGINT NOT NULL,
	base BIGINT NOT NULL,
	last_outcome TEXT NOT NULL,
	entry_id BYTEA,
	entry_at BIGINT NOT NULL,
	created_at BIGINT NOT NULL,
	ended_at BIGINT NOT NULL,
	note TEXT NOT NULL,
	body_id BYTEA
);
CREATE INDEX ended_N_by_webhook ON ended_N (webhook_id, status, created_at, id) WHERE webhook_id <> '';
CREATE INDEX ended_N_listed ON ended_N (app_id, status, entry_at, entry_id)
	WHERE dialect = 'giosg' AND entry_id IS NOT NULL;
CREATE INDEX ended_N_listed_by_webhook ON ended_N (webhook_id, status, entry_at, entry_id)
	WHERE dialect = 'giosg' AND entry_id IS NOT NULL AND webhook_id <> '';
CREATE TABLE bodies_N (
	id BYTEA NOT NULL PRIMARY KEY,
	body BYTEA NOT NULL
);
CREATE TABLE attempts_N (
	id BYTEA NOT NULL,
	delivery_id BYTEA NOT NULL,
	dialect TEXT NOT NULL,
	app_id BYTEA,
	webhook_id BYTEA NOT NULL,
	channel TEXT NOT NULL,
	action TEXT NOT NULL,
	resource TEXT NOT NULL,
	number BIGINT NOT NULL,
	url TEXT NOT NULL,
	outcome TEXT NOT NULL,
	status BIGINT NOT NULL,
	answer TEXT NOT NULL,
	headers TEXT NOT NULL,
	detail TEXT NOT NULL,
	listed_at BIGINT,
	started_at BIGINT NOT NULL,
	duration BIGINT NOT NULL,
	PRIMARY KEY (delivery_id, id)
);
CREATE INDEX attempts_N_successful ON attempts_N (app_id, listed_at, id) WHERE dialect = 'giosg' AND outcome = 'ok';
CREATE INDEX attempts_N_failed ON attempts_N (app_id, listed_at, id) WHERE dialect = 'giosg' AND outcome <> 'ok';
CREATE INDEX attempts_N_successful_by_webhook ON attempts_N (webhook_id, listed_at, id)
	WHERE dialect = 'giosg' AND outcome = 'ok' AND webhook_id <> '';
CREATE INDEX attempts_N_failed_by_webhook ON attempts_N (webhook_id, listed_at, id)
	WHERE dialect = 'giosg' AND outcome <> 'ok' AND webhook_id <> '';
` + sentText

// sentText is what a part lacks that a node of an earlier version began.
const sentText = `CREATE TABLE sent_N (
	delivery_id BYTEA NOT NULL,
	id BYTEA NOT NULL,
	app_id BYTEA NOT NULL,
	failed BOOLEAN NOT NULL,
	at BIGINT NOT NULL,
	event TEXT NOT NULL,
	retry BIGINT NOT NULL,
	headers TEXT NOT NULL,
	PRIMARY KEY (delivery_id, id)
);
CREATE INDEX sent_N_listed ON sent_N (app_id, failed, at, id);
`

// anyNode is who counts what no node records: one of a few, so that not all who
// write at the same time wait for one row.
func anyNode() souk.ID { return souk.ID{15: byte(souk.NewID()[15] % countParts)} }

func isAnyNode(id souk.ID) bool { return id == souk.ID{15: id[15]} }
