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
// the log is larger than Keeping.Bytes. What was kept of calls beyond
// souk.CallsKept goes by the day. It tells whether there is more to do.
func (m *Market) KeepLog(ctx context.Context) (more bool, err error) {
	kept := m.Keep.For
	if kept == 0 {
		kept = souk.LogKept
	}
	err = m.DB.Write(ctx, nil, func(tx *store.Tx) error {
		at := m.now()
		if err := tx.DropCalls(at.Add(-souk.CallsKept)); err != nil {
			return err
		}
		parts, err := tx.Parts()
		if err != nil {
			return err
		}
		switch more = true; {
		case isFull(parts[len(parts)-1], m.Keep, at):
			return tx.AddPart(at)
		case len(parts) > 1 && isOver(parts, kept, m.Keep.Bytes, at):
			_, err = tx.DropPart()
			return err
		}
		more = false
		return nil
	})
	return more, err
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
