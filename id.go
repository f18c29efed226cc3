package souk

import (
	"bytes"
	"crypto/rand"
	"database/sql/driver"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"time"
)

// ID names any object of the marketplace. It is a UUIDv7: 48 bits of
// milliseconds, then random bits, so that rows made together lie together.
// It is made in Go, never by a database. The zero ID means "none" and is NULL
// in SQL.
//
// Each wire spells the same 128 bits in its own way and every spelling is
// reversible, so no object has a second key.
type ID [16]byte

// errBadID answers every text that is no ID. Faces treat it like an unknown ID.
var errBadID = errors.New("not an id")

// sequence makes IDs of one process strictly increasing, so that rows written
// by one verb keep their order in (created_at, id).
var sequence struct {
	sync.Mutex
	last uint64 // milliseconds << 12 | counter
}

// NewID makes a UUIDv7 that is greater than every ID this process made before.
func NewID() ID {
	var id ID
	if _, err := rand.Read(id[8:]); err != nil {
		panic(err) // crypto/rand never fails on the systems Go supports
	}
	now := uint64(time.Now().UnixMilli()) << 12

	sequence.Lock()
	if now <= sequence.last {
		now = sequence.last + 1 // 4,096 a millisecond, then borrowed from the next
	}
	sequence.last = now
	sequence.Unlock()

	binary.BigEndian.PutUint64(id[:8], now>>12<<16|0x7000|now&0xfff)
	id[8] = id[8]&0x3f | 0x80
	return id
}

// IsZero reports whether id names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// Compare orders IDs as databases do: negative when id comes before other.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

// String spells id as giosg and the native API do: lower case with dashes.
func (id ID) String() string {
	var b [36]byte
	hex.Encode(b[:8], id[:4])
	hex.Encode(b[9:13], id[4:6])
	hex.Encode(b[14:18], id[6:8])
	hex.Encode(b[19:23], id[8:10])
	hex.Encode(b[24:], id[10:])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

// ParseID reads the spelling of String and no other. None has no spelling: an
// ID that somebody gives names something, or nothing that exists.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return ID{}, errBadID
	}
	raw := s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	for i := range len(raw) {
		if c := raw[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return ID{}, errBadID // also upper case: one spelling, one object
		}
	}
	if _, err := hex.Decode(id[:], []byte(raw)); err != nil || id.IsZero() {
		return ID{}, errBadID
	}
	return id, nil
}

// slackDigits is the length of a Slack body: 36^25 > 2^128.
const slackDigits = 25

// Slack spells id for the Slack face: prefix ("A", "T", "E", "U", "Ar", …) and
// 25 upper-case base-36 digits (docs/dialects/slack.md, "Identifiers").
func (id ID) Slack(prefix string) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	b := make([]byte, len(prefix)+slackDigits)
	copy(b, prefix)
	hi, lo := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
	for i := len(b) - 1; i >= len(prefix); i-- {
		// 128-bit division by 36, in four steps of 32 bits.
		var r uint64
		var q [4]uint64
		for j, part := range [4]uint64{hi >> 32, hi & 0xffffffff, lo >> 32, lo & 0xffffffff} {
			r = r<<32 | part
			q[j], r = r/36, r%36
		}
		hi, lo = q[0]<<32|q[1], q[2]<<32|q[3]
		b[i] = digits[r]
	}
	return string(b)
}

// ParseSlackID reads the spelling of Slack with exactly that prefix, and as
// ParseID no other.
func ParseSlackID(prefix, s string) (ID, bool) {
	if len(s) != len(prefix)+slackDigits || s[:len(prefix)] != prefix {
		return ID{}, false
	}
	body := s[len(prefix):]
	for i := range len(body) {
		if c := body[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return ID{}, false
		}
	}
	n, ok := new(big.Int).SetString(body, 36)
	if !ok || n.BitLen() > 128 {
		return ID{}, false
	}
	var id ID
	n.FillBytes(id[:])
	return id, !id.IsZero()
}

// Zoom spells id for the Zoom face: 22 characters of unpadded base64url.
func (id ID) Zoom() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// ParseZoomID reads the spelling of Zoom, and as ParseID no other.
func ParseZoomID(s string) (ID, bool) {
	var id ID
	if len(s) != 22 {
		return ID{}, false
	}
	n, err := base64.RawURLEncoding.Strict().Decode(id[:], []byte(s))
	if err != nil || n != len(id) || id.IsZero() {
		return ID{}, false
	}
	return id, true
}

// MarshalText and UnmarshalText spell id as String does; the zero ID is "".
func (id ID) MarshalText() ([]byte, error) {
	if id.IsZero() {
		return nil, nil
	}
	return []byte(id.String()), nil
}

// UnmarshalText reads what MarshalText wrote.
func (id *ID) UnmarshalText(b []byte) (err error) {
	if len(b) == 0 {
		*id = ID{}
		return nil
	}
	*id, err = ParseID(string(b))
	return err
}

// Value stores id as 16 bytes, none as NULL.
func (id ID) Value() (driver.Value, error) {
	if id.IsZero() {
		return nil, nil
	}
	return id[:], nil
}

// Scan reads what Value stored.
func (id *ID) Scan(src any) error {
	switch b := src.(type) {
	case nil:
		*id = ID{}
		return nil
	case []byte:
		if len(b) == len(id) {
			copy(id[:], b)
			return nil
		}
	}
	return fmt.Errorf("%w in the database: %T", errBadID, src)
}
