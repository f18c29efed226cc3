package courier

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"souk"
)

// Bounds of what is kept in the log, in bytes.
const (
	maxDetail      = 1 << 10 // of an error's text
	maxHeadersText = 8 << 10 // of the JSON of an answer's headers
)

// headersText spells the headers of an answer as a JSON object of texts, what
// was said more than once joined by commas. One that would make it too long is
// left out. No answer: no text.
func headersText(h http.Header) string {
	if h == nil {
		return ""
	}
	b := []byte{'{'}
	for _, name := range slices.Sorted(maps.Keys(h)) {
		member := quoted(name) + ":" + quoted(strings.Join(h[name], ", "))
		if len(b)+len(member)+len(",}") > maxHeadersText {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, member...)
	}
	return string(append(b, '}'))
}

// sentText is headersText of a request. What it does not know to be fit for the
// log, such as a header that an app chose to prove who sends, is withheld.
func sentText(h http.Header, known []string) string {
	shown := make(http.Header, len(h))
	for name, values := range h {
		if shown[name] = values; !slices.Contains(known, name) {
			shown[name] = []string{souk.Masked}
		}
	}
	return headersText(shown)
}

// quoted is foreign text as JSON.
func quoted(s string) string {
	b, err := json.Marshal(storable(s, maxHeadersText))
	if err != nil {
		panic(err) // every string has a spelling
	}
	return string(b)
}

// storable cuts foreign text to a length and makes it what both databases
// take: valid UTF-8 without NUL.
func storable(s string, most int) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") // of a rune that was cut through
	}
	return s
}
