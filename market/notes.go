package market

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// A note is something that we tell ourselves through somebody else's hands, such
// as a code: sealed, so that it comes back as it was or not at all.

// seal writes a note for a purpose.
func (m *Market) seal(purpose string, v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // notes are plain structs
	}
	return base64.RawURLEncoding.EncodeToString(m.Key.Seal(string(text), "note:"+purpose))
}

// unseal reads a note of that purpose; false when it is none.
func (m *Market) unseal(purpose, note string, into any) bool {
	sealed, err := base64.RawURLEncoding.DecodeString(note)
	if err != nil || len(sealed) == 0 {
		return false
	}
	text, err := m.Key.Open(sealed, "note:"+purpose)
	return err == nil && json.Unmarshal([]byte(text), into) == nil
}

// either is err, or refusal when there is no error.
func either(err, refusal error) error {
	if err != nil {
		return err
	}
	return refusal
}

// clipped makes foreign text storable: valid, without NUL, at most so many
// bytes.
func clipped(s string, most int) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", "")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}
