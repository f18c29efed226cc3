package store

import (
	"slices"
	"time"

	"souk"
)

// SettleWebhook ends what is still to be delivered to a webhook and is older
// than an epoch, at most limit of it, and tells how much it was. Others that
// waited for any of it are due then.
func (tx *Tx) SettleWebhook(webhook souk.ID, belowEpoch int64, status souk.DeliveryStatus, note string, at time.Time, limit int) (int64, error) {
	ended := 0
	for _, s := range openings {
		if ended == limit {
			break
		}
		some, err := tx.standing(`webhook_id = $1 AND status = '`+string(s)+`' AND epoch < $2 ORDER BY epoch, created_at, id LIMIT $3`,
			webhook, belowEpoch, limit-ended)
		if err != nil {
			return 0, err
		}
		if err := tx.settleAll(some, status, note, at); err != nil {
			return 0, err
		}
		ended += len(some)
	}
	return int64(ended), nil
}

// SettleInstallation ends what is still to be delivered for an installation,
// its last words excepted: at most limit of it, and tells how much it was. Others
// that waited for any of it are due then.
func (tx *Tx) SettleInstallation(installation souk.ID, status souk.DeliveryStatus, note string, at time.Time, limit int) (int64, error) {
	some, err := tx.standing(`installation_id = $1 AND final = FALSE ORDER BY id LIMIT $2`, installation, limit)
	if err != nil {
		return 0, err
	}
	return int64(len(some)), tx.settleAll(some, status, note, at)
}

// standee is an open delivery, as far as others who wait care.
type standee struct {
	id, app souk.ID
	line    Line
	inLine  bool
	body    int
}

// standing finds open deliveries by a condition, and holds them.
func (tx *Tx) standing(where string, args ...any) ([]standee, error) {
	return list(tx, func(r row) (s standee, err error) {
		err = r.Scan(&s.id, &s.app, &s.line.Webhook, &s.line.Channel, &s.line.Resource, &s.inLine, &s.body)
		return s, err
	}, `SELECT id, app_id, webhook_id, channel, resource, resource <> '' AND aside = FALSE, length(body)
		FROM deliveries WHERE `+where+` `+tx.dialect.hold, args...)
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
			c.add(s.app, status, at, s.body)
			if s.inLine {
				lines = append(lines, s.line)
			}
		}
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

// Hold has what is still to be delivered to a webhook wait until it is released:
// at most limit of it, and tells how much it was.
func (tx *Tx) Hold(webhook souk.ID, limit int) (int64, error) {
	some, err := tx.standing(`webhook_id = $1 AND status = 'pending' ORDER BY epoch, created_at, id LIMIT $2`, webhook, limit)
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
	return int64(len(some)), nil
}

// Release has what is held of a webhook and was created since a time be due at
// another: at most limit of it, and tells how much it was. In each line the
// first is due, and the others wait.
func (tx *Tx) Release(webhook souk.ID, since, at time.Time, limit int) (int64, error) {
	epochs, err := tx.epochs(webhook, souk.DeliveryHeld)
	if err != nil {
		return 0, err
	}
	from := int64(0)
	if !since.IsZero() {
		from = since.UnixMicro()
	}
	released := 0
	var lines []Line
	for _, epoch := range epochs {
		if released == limit {
			break
		}
		some, err := tx.standing(`webhook_id = $1 AND status = 'held' AND epoch = $2 AND created_at >= $3 ORDER BY created_at, id LIMIT $4`,
			webhook, epoch, from, limit-released)
		if err != nil {
			return 0, err
		}
		for ids := range slices.Chunk(idsOf(some), mostRows) {
			ids = padded(ids)
			if _, err := tx.exec(`UPDATE deliveries SET status = 'pending',
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
		released += len(some)
	}
	_, err = tx.nextInLine(at, lines)
	return int64(released), err
}
