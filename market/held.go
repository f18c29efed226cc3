package market

import (
	"context"
	"errors"
	"time"

	"souk"
	"souk/store"
)

// heldFor is how long what a disabled webhook is to be told is held.
const heldFor = souk.LogKept

// tooLong says why what was held is told to nobody any more.
const tooLong = "it was held for longer than the log is kept"

// DropHeld skips a part of what has been held for longer than the log is kept:
// nobody has enabled its webhook for so long. It tells whether there is more.
func (m *Market) DropHeld(ctx context.Context) (more bool, err error) {
	var off []souk.ID
	err = m.DB.Read(ctx, func(tx *store.Tx) (err error) {
		off, err = tx.HeldBefore(m.now().Add(-heldFor), judgedAtOnce)
		return err
	})
	for _, webhook := range off {
		err = errors.Join(err, m.DB.Write(ctx, nil, func(s *store.Tx) error {
			tx := &Tx{Tx: s, market: m, at: m.now()}
			_, err := tx.skipHeld(webhook, tx.at.Add(-heldFor), settleRows, tooLong)
			return err
		}))
	}
	return len(off) > 0 && err == nil, err
}

// leastID comes after no other: a position with it is right before all that
// happened at its time.
var leastID = souk.ID{15: 1}

// skipHeld ends what is held of a webhook from before a time.
func (tx *Tx) skipHeld(webhook souk.ID, before time.Time, most int, why string) (int64, error) {
	old, err := tx.DeliveriesPage(webhook, souk.DeliveryHeld, souk.Page{After: souk.Position{At: before, ID: leastID}, Size: most})
	if err != nil || len(old) == 0 {
		return 0, err
	}
	all := make([]store.Progress, len(old))
	for i, d := range old {
		all[i] = store.Progress{Delivery: d, Status: souk.DeliverySkipped, Attempts: d.Attempts, Outcome: d.LastOutcome, Note: why}
	}
	_, err = tx.Record(souk.ID{}, tx.at, all)
	return int64(len(old)), err
}
