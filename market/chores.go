package market

import (
	"context"
	"time"

	"souk"
	"souk/store"
)

// answerKept is how long a publication can be repeated under its idempotency
// key.
const answerKept = 24 * time.Hour

// codeKept is how long used codes are remembered after they expired: the clocks
// of nodes differ.
const codeKept = time.Hour

// tokenKept is how long tokens of Zoom's wire are kept after they expired.
const tokenKept = 24 * time.Hour

// A step of tidying drops at most tidyRows, tidyAtOnce in a statement, and ends
// after stepTime, but not before it dropped something: nobody who writes waits
// longer for it.
const (
	tidyRows   = 200
	tidyAtOnce = 50
)

// Tidy drops a part of what was kept long enough: what host
// products published after souk.LogKept, answers under idempotency keys after a day, used
// codes, and tokens of Zoom's wire that expired. It tells whether there is more to
// drop.
func (m *Market) Tidy(ctx context.Context) (more bool, err error) {
	err = m.DB.Write(ctx, nil, func(tx *store.Tx) error {
		at, began := m.now(), time.Now()
		dropped := int64(0)
		more = false
		for _, old := range []struct {
			drop func(before time.Time, limit int) (int64, error)
			kept time.Duration
		}{
			{tx.DropPublications, souk.LogKept},
			{tx.DropAnswers, answerKept},
			{tx.DropCodes, codeKept},
			{tx.DropTokens, tokenKept},
		} {
			for n := int64(tidyAtOnce); n == tidyAtOnce; dropped += n {
				if more = dropped >= tidyRows || dropped > 0 && time.Since(began) >= stepTime; more {
					return nil
				}
				if n, err = old.drop(at.Add(-old.kept), tidyAtOnce); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return more, err
}
