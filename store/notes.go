package store

import (
	"encoding/base64"
	"encoding/json"

	"souk"
)

// A note is something that we tell ourselves through somebody else's hands, such
// as a code: sealed, so that it comes back as it was or not at all. It rests
// nowhere else.

// SealNote writes a note for a purpose, as text that fits into an address.
func SealNote(key souk.Key, purpose string, v any) string {
	return base64.RawURLEncoding.EncodeToString(key.Seal(text(v), noteLabel(purpose)))
}

// OpenNote reads a note of that purpose; false when it is none.
func OpenNote(key souk.Key, purpose, note string, into any) bool {
	sealed, err := base64.RawURLEncoding.DecodeString(note)
	if err != nil || len(sealed) == 0 {
		return false
	}
	written, err := key.Open(sealed, noteLabel(purpose))
	return err == nil && json.Unmarshal([]byte(written), into) == nil
}

func noteLabel(purpose string) string { return "note:" + purpose }
