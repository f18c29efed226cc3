package web_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"souk/web"
)

func TestUnspeakable(t *testing.T) {
	for text, want := range map[string]bool{
		`"plain é 😀"`:                        false,
		`"\n\\\"\/\u00e9"`:                   false,
		`"\ud83d\ude00"`:                     false,
		`"\\ud83d"`:                          false, // an escaped backslash and letters
		`"\u0000"`:                           true,
		`"\\u0000"`:                          false,
		`"\\\u0000"`:                         true,
		`"\ud83d"`:                           true,
		`"\ud83dx\ude00"`:                    true,
		`"\ude00\ud83d"`:                     true,
		`"\ud83d\ud83d\ude00"`:               true,
		`["fine", "\uDE00"]`:                 true,
		`"` + strings.Repeat(`\n`, 10) + `"`: false,
	} {
		if got := web.Unspeakable([]byte(text)); got != want {
			t.Errorf("%s: %t", text, got)
		}
	}
}

// What can be spoken survives the decoder: without a replacement character in
// the text there is none in what it reads.
func FuzzUnspeakable(f *testing.F) {
	f.Add(`"\ud83d\ude00"`)
	f.Add(`"\ud83d\\ude00"`)
	f.Add(`"\\\u0000"`)
	f.Fuzz(func(t *testing.T, text string) {
		var s string
		if !utf8.ValidString(text) || json.Unmarshal([]byte(text), &s) != nil {
			return
		}
		sent := strings.Contains(text, "\uFFFD") || strings.Contains(strings.ToLower(text), `\ufffd`)
		if lost := strings.ContainsAny(s, "\x00\uFFFD"); !sent && lost != web.Unspeakable([]byte(text)) {
			t.Errorf("%q is read as %q", text, s)
		}
	})
}
