package souk_test

import (
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"souk"
)

// testKey is a key that the tests share.
var testKey = souk.NewKey([souk.KeySize]byte{1, 2, 3})

func TestACursorOpensForItsListAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bound, other := rapid.String().Draw(t, "bound"), rapid.String().Draw(t, "other")
		p := souk.Position{At: time.UnixMicro(rapid.Int64().Draw(t, "at")).UTC(), ID: anyID(t)}
		cursor := testKey.Cursor(bound, p)
		back, err := testKey.ParseCursor(bound, cursor)
		if err != nil || !back.At.Equal(p.At) || back.ID != p.ID {
			t.Errorf("ParseCursor(Cursor(%v)) = %v, %v", p, back, err)
		}
		if other != bound {
			if p, err := testKey.ParseCursor(other, cursor); !errors.Is(err, souk.ErrBadCursor) {
				t.Errorf("a cursor for %q opened for %q: %v, %v", bound, other, p, err)
			}
		}
		if p, err := souk.NewKey([souk.KeySize]byte{9}).ParseCursor(bound, cursor); !errors.Is(err, souk.ErrBadCursor) {
			t.Errorf("another key opened the cursor: %v, %v", p, err)
		}
	})
}

func TestTheStartOfAList(t *testing.T) {
	p, err := testKey.ParseCursor("list", "")
	if err != nil || p != (souk.Position{}) {
		t.Errorf("the empty cursor is %v, %v", p, err)
	}
}

func TestEveryChangedBitOfACursorIsRefused(t *testing.T) {
	cursor := testKey.Cursor("list", souk.Position{At: time.Unix(1_760_000_000, 0), ID: souk.NewID()})
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		t.Fatal(err)
	}
	// The first byte is the version: another one is refused too.
	for i := range len(raw) * 8 {
		raw[i/8] ^= 1 << (i % 8)
		if p, err := testKey.ParseCursor("list", base64.RawURLEncoding.EncodeToString(raw)); !errors.Is(err, souk.ErrBadCursor) {
			t.Errorf("with bit %d changed it opened: %v, %v", i, p, err)
		}
		raw[i/8] ^= 1 << (i % 8)
	}
	for _, s := range []string{cursor[1:], cursor + "A", cursor + "=", cursor[:len(cursor)-1], " " + cursor, "x", "null"} {
		if p, err := testKey.ParseCursor("list", s); !errors.Is(err, souk.ErrBadCursor) {
			t.Errorf("%q opened: %v, %v", s, p, err)
		}
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add("list", "")
	f.Add("list", testKey.Cursor("list", souk.Position{At: time.Unix(1, 0), ID: souk.NewID()}))
	f.Add("other", testKey.Cursor("list", souk.Position{}))
	f.Fuzz(func(t *testing.T, bound, s string) {
		p, err := testKey.ParseCursor(bound, s)
		switch {
		case err != nil && (!errors.Is(err, souk.ErrBadCursor) || p != souk.Position{}):
			t.Errorf("ParseCursor(%q, %q) = %v, %v", bound, s, p, err)
		case err == nil && s != "" && testKey.Cursor(bound, p) != s:
			t.Errorf("ParseCursor(%q, %q) opened what Cursor did not make: %v", bound, s, p)
		}
	})
}
