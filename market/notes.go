package market

import (
	"strings"

	"souk/store"
)

// seal writes a note to ourselves for a purpose, and unseal reads it; false when
// it is none of that purpose.
func (m *Market) seal(purpose string, v any) string { return store.SealNote(m.Key, purpose, v) }

func (m *Market) unseal(purpose, note string, into any) bool {
	return store.OpenNote(m.Key, purpose, note, into)
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
