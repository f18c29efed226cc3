package store

import (
	"slices"
	"strings"
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

// Attempts lists what was tried for a delivery, in order.
func (tx *Tx) Attempts(delivery souk.ID) ([]souk.Attempt, error) {
	return list(tx, scanAttempt, `SELECT `+attemptColumns+` FROM attempts
		WHERE delivery_id = $1 ORDER BY started_at, id`, delivery)
}

// InsertAttempts writes attempts down, once each: a commit whose outcome is
// unknown can be repeated.
//
// An attempt's ID is the entry under which the log has announced it, and
// sometimes there are two of them under one: when a process did not record its
// attempt while it had the lease, another made it again. Both were requests, so
// both stay. The first to be recorded is what was announced; the other gets an
// ID of its own, and its place in the log by when it began.
func (tx *Tx) InsertAttempts(attempts []souk.Attempt) error {
	for len(attempts) > 0 {
		n := 1 // the largest power of two that fits: few different statements
		for n*2 <= len(attempts) && n*2*attemptWidth <= mostArgs {
			n *= 2
		}
		some := attempts[:n]
		inserted, err := tx.insertAttempts(some)
		if err != nil {
			return err
		}
		if inserted < int64(n) {
			if err := tx.insertDoubles(some); err != nil {
				return err
			}
		}
		attempts = attempts[n:]
	}
	return nil
}

func (tx *Tx) insertAttempts(attempts []souk.Attempt) (int64, error) {
	var values strings.Builder
	args := make([]any, 0, len(attempts)*attemptWidth)
	for i, a := range attempts {
		if i > 0 {
			values.WriteString(", ")
		}
		values.WriteString("(" + placeholders(i*attemptWidth+1, attemptWidth) + ")")
		args = append(args, a.ID, a.Delivery, a.Dialect, a.App, a.Webhook, string(a.Channel), a.Action, a.Resource, a.Number, a.URL,
			string(a.Outcome), a.Status, a.Answer, a.Headers, a.Detail, micros(a.ListedAt), micros(a.StartedAt), a.Duration.Microseconds())
	}
	return tx.exec(`INSERT INTO attempts (`+attemptColumns+`) VALUES `+values.String()+`
		ON CONFLICT (delivery_id, id) DO NOTHING`, args...)
}

// insertDoubles writes down which of attempts are not there, known by when they
// began, under IDs of their own.
func (tx *Tx) insertDoubles(attempts []souk.Attempt) error {
	for _, a := range attempts {
		there, err := tx.Attempts(a.Delivery)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(there, func(b souk.Attempt) bool {
			return b.StartedAt.UnixMicro() == a.StartedAt.UnixMicro() && b.Duration.Microseconds() == a.Duration.Microseconds()
		}) {
			continue
		}
		a.ID, a.ListedAt = souk.NewID(), a.StartedAt
		if _, err := tx.insertAttempts([]souk.Attempt{a}); err != nil {
			return err
		}
	}
	return nil
}
