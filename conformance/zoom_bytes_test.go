package conformance

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"testing"
	"unicode/utf8"

	"souk"
	"souk/souktest/zoomwire"
	"souk/zoom"
)

// asking is the body of a request whose reason is a text.
func asking(t *testing.T, reason string) []byte {
	t.Helper()
	body, err := zoom.Encode(souk.Event{
		ID: souk.NewID(), Kind: souk.RequestCreated,
		Data: &souk.EventData{
			App: &souk.App{ID: souk.NewID(), Name: "Notes"}, User: &souk.User{ID: souk.NewID(), FirstName: "Bo"},
			Request: &souk.Request{ID: souk.NewID(), Reason: reason},
		},
	}, souk.Endpoint{Installation: souk.Installation{ID: souk.NewID()}})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// What Souk sends is what node's JSON.stringify would make of it, whatever is in a
// text: receivers hash that instead of the bytes that came.
func TestEveryCodePoint(t *testing.T) {
	const perBody = 4096
	var lines bytes.Buffer
	for first := rune(0); first <= utf8.MaxRune; first += perBody {
		var text []rune
		for r := first; r < first+perBody; r++ {
			if utf8.ValidRune(r) {
				text = append(text, r)
			}
		}
		if len(text) == 0 {
			continue
		}
		body := asking(t, string(text))
		if err := zoomwire.Bytes(body); err != nil {
			t.Errorf("from %U: %v", first, err)
		}
		lines.Write(append(body, '\n'))
	}
	node := exec.CommandContext(t.Context(), "node", "stringify.mjs")
	node.Stdin = &lines
	out, err := node.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var said struct {
		Next  rune     `json:"next"`
		Wrong []string `json:"wrong"`
	}
	if err := json.Unmarshal(out, &said); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if said.Next != utf8.MaxRune+1 || len(said.Wrong) > 0 {
		t.Errorf("node counted to %U: %q", said.Next, said.Wrong)
	}
}
