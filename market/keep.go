package market

import (
	"context"
	"time"

	"souk"
	"souk/store"
)

// Keeping is how much of the log is kept. The zero value keeps a week of it,
// however large it is.
type Keeping struct {
	For   time.Duration // 0: souk.LogKept
	Bytes int64         // about; 0: as large as it gets
}

// partBytes is how large a part of the log becomes before the next one begins.
// Dropping one keeps all who write waiting for as long as SQLite needs to free
// its pages (docs/performance.md).
const partBytes = 256 << 20

// KeepLog begins a new part of the log each day, or when the newest has become
// large, and drops the oldest when all of it is older than Keeping.For, or when
// the log is larger than Keeping.Bytes: once the bodies of what is still to be told
// have been carried out of it. What was kept of calls beyond souk.CallsKept goes by
// the day. It tells whether there is more to do.
func (m *Market) KeepLog(ctx context.Context) (more bool, err error) {
	kept := m.Keep.For
	if kept == 0 {
		kept = souk.LogKept
	}
	var over int64
	err = m.DB.Write(ctx, nil, func(tx *store.Tx) error {
		over = 0
		at := m.now()
		if err := tx.DropCalls(at.Add(-souk.CallsKept)); err != nil {
			return err
		}
		parts, err := tx.Parts()
		if err != nil {
			return err
		}
		more = isFull(parts[len(parts)-1], m.Keep, at)
		switch {
		case more:
			return tx.AddPart(at)
		case len(parts) > 1 && isOver(parts, kept, m.Keep.Bytes, at):
			over = parts[0].Number
		}
		return nil
	})
	if err != nil || over == 0 {
		return more, err
	}
	if err := m.carryBodies(ctx, over); err != nil {
		return false, err
	}
	var dropped int64
	err = m.DB.Write(ctx, nil, func(tx *store.Tx) (err error) {
		parts, err := tx.Parts()
		if dropped = 0; err == nil && parts[0].Number == over {
			dropped, err = tx.DropPart()
		}
		return err
	})
	return dropped > 0, err
}

// carriedAtOnce is how many deliveries a transaction carries the bodies of.
const carriedAtOnce = 512

// carryBodies has the bodies of what is still to be told lie in another part than
// one. What comes to lie there meanwhile keeps the part until the next time.
func (m *Market) carryBodies(ctx context.Context, part int64) error {
	for last := (souk.ID{}); ; {
		var open []souk.ID
		if err := m.DB.Read(ctx, func(tx *store.Tx) (err error) {
			open, err = tx.OpenIn(part, last, carriedAtOnce)
			return err
		}); err != nil || len(open) == 0 {
			return err
		}
		last = open[len(open)-1]
		if err := m.DB.Write(ctx, nil, func(tx *store.Tx) error { return tx.Carry(part, open) }); err != nil {
			return err
		}
	}
}

// isFull reports whether a part that is written to has had its day, or its
// share of what may be kept: an eighth, so that what is dropped at once is little
// of it.
func isFull(p store.Part, k Keeping, at time.Time) bool {
	most := int64(partBytes)
	if k.Bytes > 0 {
		most = min(most, k.Bytes/8)
	}
	const day = 24 * time.Hour
	return p.Entries > 0 && (p.Bytes >= most || !p.Since.Truncate(day).Equal(at.Truncate(day)))
}

// isOver reports whether the oldest of parts, the first, has been kept long
// enough.
func isOver(parts []store.Part, kept time.Duration, most int64, at time.Time) bool {
	size := int64(0)
	for _, p := range parts {
		size += p.Bytes
	}
	return parts[0].Until.Before(at.Add(-kept)) || most > 0 && size > most
}
