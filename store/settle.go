package store

import (
	"slices"
	"time"

	"souk"
)

// What follows settles a part at a time, and tells how much it found: as much as
// it was allowed when there may be more.

// SettleWebhook ends what is still to be delivered to a webhook and is older
// than an epoch. Others that waited for any of it are due then.
func (tx *Tx) SettleWebhook(webhook souk.ID, belowEpoch int64, status souk.DeliveryStatus, note string, at time.Time, limit int) (found int64, err error) {
	for _, s := range openings {
		some, n, err := tx.standing(`status = '`+string(s)+`'`, `webhook_id = $1`+byWebhook+` AND epoch < $2 ORDER BY epoch, created_at, id LIMIT $3`,
			webhook, belowEpoch, int64(limit)-found)
		if err != nil {
			return 0, err
		}
		if err := tx.settleAll(some, status, note, at); err != nil {
			return 0, err
		}
		found += n
	}
	return found, nil
}

// SettleInstallation ends what is still to be delivered for an installation,
// its last words excepted. Others that waited for any of it are due then.
func (tx *Tx) SettleInstallation(installation souk.ID, status souk.DeliveryStatus, note string, at time.Time, limit int) (int64, error) {
	some, found, err := tx.standing(`final = FALSE`, `installation_id = $1 ORDER BY id LIMIT $2`, installation, limit)
	if err != nil {
		return 0, err
	}
	return found, tx.settleAll(some, status, note, at)
}

// SettleFinals ends the last words that an app is still to be told, by name, of
// its installations at an org that ended before a live one came.
func (tx *Tx) SettleFinals(live souk.Installation, status souk.DeliveryStatus, note string, at time.Time, limit int) (int64, error) {
	some, found, err := tx.standing(`final = TRUE AND dialect IN ('slack', 'zoom')`, `installation_id IN (
		SELECT id FROM installations WHERE app_id = $1 AND org_id = $2 AND status = 'ended' AND id <> $3
		AND created_at <= $4) ORDER BY id LIMIT $5`,
		live.App, live.Org, live.ID, micros(live.CreatedAt), limit)
	if err != nil {
		return 0, err
	}
	return found, tx.settleAll(some, status, note, at)
}

// standee is an open delivery, as far as others who wait care.
type standee struct {
	id, app souk.ID
	line    Line
	inLine  bool
	size    int
	part    int64 // of its body
}

// standing finds open deliveries by what must hold of them and by where they
// lie, and holds those of which it holds yet. It counts what it found, too:
// others may end some at the same time, and that is not the end of the list.
func (tx *Tx) standing(must, where string, args ...any) (some []standee, found int64, err error) {
	ids, err := list(tx, scanID, `SELECT id FROM deliveries WHERE `+must+` AND `+where, args...)
	for in := range slices.Chunk(ids, mostRows) {
		in = padded(in)
		more, err := list(tx, func(r row) (s standee, err error) {
			err = r.Scan(&s.id, &s.app, &s.line.Webhook, &s.line.Channel, &s.line.Resource, &s.inLine, &s.part, &s.size)
			return s, err
		}, `SELECT id, app_id, webhook_id, channel, resource, resource <> '' AND aside = FALSE, body_part, body_size
			FROM deliveries WHERE `+must+` AND id IN (`+placeholders(1, len(in))+`) ORDER BY id `+tx.dialect.hold, anys(in)...)
		if err != nil {
			return nil, 0, err
		}
		some = append(some, more...)
	}
	return some, int64(len(ids)), err
}

func (tx *Tx) settleAll(all []standee, status souk.DeliveryStatus, note string, at time.Time) error {
	if len(all) == 0 {
		return nil
	}
	part, err := tx.newest()
	if err != nil {
		return err
	}
	var c counted
	var lines []Line
	older := map[int64][]souk.ID{}
	for some := range slices.Chunk(all, mostRows) {
		in := anys(padded(idsOf(some)))
		if _, err := tx.exec(tx.moveEnded(`$1`, `attempts`, `last_outcome`, `entry_id`, `$2`, `$3`)+`
			WHERE id IN (`+placeholders(4, len(in))+`)`,
			append([]any{string(status), note, at.UnixMicro()}, in...)...); err != nil {
			return err
		}
		if _, err := tx.exec(`DELETE FROM deliveries WHERE id IN (`+placeholders(1, len(in))+`)`, in...); err != nil {
			return err
		}
		for _, s := range some {
			c.ended(s.app, status, at, s.size)
			if s.part != part {
				older[s.part] = append(older[s.part], s.id)
			}
			if s.inLine {
				lines = append(lines, s.line)
			}
		}
	}
	if err := tx.followAll(older, part); err != nil {
		return err
	}
	if err := tx.count(anyNode(), part, c); err != nil {
		return err
	}
	_, err = tx.nextInLine(at, lines)
	return err
}

func idsOf(all []standee) []souk.ID {
	ids := make([]souk.ID, len(all))
	for i, s := range all {
		ids[i] = s.id
	}
	return ids
}

// Hold has what is still to be delivered to a webhook wait until it is released.
func (tx *Tx) Hold(webhook souk.ID, limit int) (int64, error) {
	some, found, err := tx.standing(`status = 'pending'`, `webhook_id = $1`+byWebhook+` ORDER BY epoch, created_at, id LIMIT $2`, webhook, limit)
	if err != nil {
		return 0, err
	}
	for ids := range slices.Chunk(idsOf(some), mostRows) {
		ids = padded(ids)
		if _, err := tx.exec(`UPDATE deliveries SET status = 'held', next_at = NULL, started_at = NULL
			WHERE id IN (`+placeholders(1, len(ids))+`)`, anys(ids)...); err != nil {
			return 0, err
		}
	}
	return found, nil
}

// Release has what is held of a webhook and was created since a time be due at
// another. In each line the first is due, and the others wait.
func (tx *Tx) Release(webhook souk.ID, since, at time.Time, limit int) (found int64, err error) {
	epochs, err := tx.epochs(webhook, souk.DeliveryHeld)
	if err != nil {
		return 0, err
	}
	from := int64(0)
	if !since.IsZero() {
		from = since.UnixMicro()
	}
	var lines []Line
	for _, epoch := range epochs {
		some, n, err := tx.standing(`status = 'held'`, `webhook_id = $1`+byWebhook+` AND epoch = $2 AND created_at >= $3 ORDER BY created_at, id LIMIT $4`,
			webhook, epoch, from, int64(limit)-found)
		if err != nil {
			return 0, err
		}
		for ids := range slices.Chunk(idsOf(some), mostRows) {
			ids = padded(ids)
			if _, err := tx.exec(`UPDATE deliveries SET status = 'pending', handed = FALSE,
					next_at = CASE WHEN resource = '' OR aside = TRUE THEN CAST($1 AS BIGINT) END
				WHERE id IN (`+placeholders(2, len(ids))+`)`, append([]any{at.UnixMicro()}, anys(ids)...)...); err != nil {
				return 0, err
			}
		}
		for _, s := range some {
			if s.inLine {
				lines = append(lines, s.line)
			}
		}
		found += n
	}
	_, err = tx.nextInLine(at, lines)
	return found, err
}
