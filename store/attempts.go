package store

import (
	"cmp"
	"slices"
	"time"

	"souk"
)

const (
	attemptColumns = `id, delivery_id, dialect, app_id, webhook_id, channel, action, resource, number, url,
		outcome, status, answer, headers, detail, listed_at, started_at, duration`
	attemptWidth = 18
)

func scanAttempt(r row) (a souk.Attempt, err error) {
	var duration int64
	err = r.Scan(&a.ID, &a.Delivery, &a.Dialect, &a.App, &a.Webhook, &a.Channel, &a.Action, &a.Resource, &a.Number, &a.URL,
		&a.Outcome, &a.Status, &a.Answer, &a.Headers, &a.Detail, (*stamp)(&a.ListedAt), (*stamp)(&a.StartedAt), &duration)
	a.Duration = time.Duration(duration) * time.Microsecond
	return a, err
}

// Attempts lists what was tried for a delivery, in order, as far as the log
// still has it.
func (tx *Tx) Attempts(delivery souk.ID) ([]souk.Attempt, error) {
	return tx.attemptsSince(delivery, time.Time{})
}

// attemptsSince lists what was tried for a delivery and recorded since a time,
// and perhaps a little before.
func (tx *Tx) attemptsSince(delivery souk.ID, since time.Time) (all []souk.Attempt, err error) {
	parts, err := tx.parts()
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		if p.before(since) {
			break
		}
		some, err := list(tx, scanAttempt, `SELECT `+attemptColumns+` FROM `+attemptsIn(p.Number)+` WHERE delivery_id = $1`, delivery)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b souk.Attempt) int {
		return cmp.Or(a.StartedAt.Compare(b.StartedAt), a.ID.Compare(b.ID))
	})
	return all, nil
}

// insertAttempts writes attempts down that nobody has written down.
//
// An attempt's ID is the entry under which the log has announced it, and
// sometimes there are two of them under one: when a process did not record its
// attempt while it had the lease, another made it again. Both were requests, so
// both stay. What is recorded of the delivery as it was taken up is what was
// announced; the other gets an ID of its own, and its place in the log by when
// it began.
func (tx *Tx) insertAttempts(part int64, attempts []*souk.Attempt) error {
	for len(attempts) > 0 {
		n := fitting(len(attempts), attemptWidth)
		some := attempts[:n]
		inserted, err := tx.insertUnlessThere(part, some)
		if err == nil && inserted < int64(n) {
			err = tx.insertDoubles(part, some)
		}
		if err != nil {
			return err
		}
		attempts = attempts[n:]
	}
	return nil
}

func (tx *Tx) insertUnlessThere(part int64, attempts []*souk.Attempt) (int64, error) {
	args := make([]any, 0, len(attempts)*attemptWidth)
	for _, a := range attempts {
		args = append(args, raw(&a.ID), raw(&a.Delivery), string(a.Dialect), raw(&a.App), raw(&a.Webhook), string(a.Channel), string(a.Action), a.Resource,
			int64(a.Number), a.URL, string(a.Outcome), int64(a.Status), a.Answer, a.Headers, a.Detail, micros(a.ListedAt), micros(a.StartedAt), a.Duration.Microseconds())
	}
	n, err := tx.exec(`INSERT INTO `+attemptsIn(part)+` (`+attemptColumns+`) VALUES `+valueRows(len(attempts), attemptWidth)+`
		ON CONFLICT (delivery_id, id) DO NOTHING`, args...)
	if err != nil {
		return 0, err
	}
	return n, tx.insertSent(part, attempts)
}

// insertDoubles writes down which of attempts are not there, known by when they
// began: under an ID of its own where another took the entry, or is to take it.
// What may be there was recorded after it had begun.
func (tx *Tx) insertDoubles(part int64, attempts []*souk.Attempt) error {
	for _, a := range attempts {
		there, err := tx.attemptsSince(a.Delivery, a.StartedAt)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(there, func(b souk.Attempt) bool {
			return b.StartedAt.UnixMicro() == a.StartedAt.UnixMicro() && b.Duration.Microseconds() == a.Duration.Microseconds()
		}) {
			continue
		}
		taken, err := tx.exists(`SELECT 1 FROM deliveries WHERE id = $1 AND entry_id = $2`, a.Delivery, a.ID)
		if err != nil {
			return err
		}
		double := *a
		if taken || slices.ContainsFunc(there, func(b souk.Attempt) bool { return b.ID == a.ID }) {
			double.ID, double.ListedAt = souk.NewID(), a.StartedAt
		}
		if _, err := tx.insertUnlessThere(part, []*souk.Attempt{&double}); err != nil {
			return err
		}
	}
	return nil
}
