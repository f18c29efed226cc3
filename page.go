package souk

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"
)

// Position is a place in a list ordered by (CreatedAt, ID), newest first
// unless said otherwise. The zero Position is before the first row.
type Position struct {
	At time.Time
	ID ID
}

// Page asks for one page of a list: at most Size rows after After.
type Page struct {
	After Position
	Size  int
	Order Order
}

// Order is which end a list begins at.
type Order string

// A list begins with what was made last, unless it is asked for otherwise.
const (
	NewestFirst Order = ""
	OldestFirst Order = "oldest first"
)

// Reversed is the other order.
func (o Order) Reversed() Order {
	if o == OldestFirst {
		return NewestFirst
	}
	return OldestFirst
}

// ErrBadCursor refuses a cursor that this server did not make for this list.
var ErrBadCursor = errors.New("bad cursor")

const (
	cursorVersion = 1
	cursorBody    = 1 + 8 + 16
	cursorMAC     = 12
)

// Cursor spells p for the list that bound names: the method, the level and the
// filters. It is opaque and opens only for the same list.
func (k Key) Cursor(bound string, p Position) string {
	b := make([]byte, cursorBody, cursorBody+cursorMAC)
	b[0] = cursorVersion
	binary.BigEndian.PutUint64(b[1:], uint64(p.At.UnixMicro()))
	copy(b[9:], p.ID[:])
	return base64.RawURLEncoding.EncodeToString(append(b, mac(k.cursors, string(b), bound)[:cursorMAC]...))
}

// ParseCursor reads what Cursor wrote for the same bound. The empty string is
// the start of the list. It answers ErrBadCursor for all else.
func (k Key) ParseCursor(bound, s string) (Position, error) {
	if s == "" {
		return Position{}, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != cursorBody+cursorMAC || b[0] != cursorVersion ||
		!hmac.Equal(b[cursorBody:], mac(k.cursors, string(b[:cursorBody]), bound)[:cursorMAC]) {
		return Position{}, ErrBadCursor
	}
	p := Position{At: time.UnixMicro(int64(binary.BigEndian.Uint64(b[1:]))).UTC()}
	copy(p.ID[:], b[9:])
	return p, nil
}
