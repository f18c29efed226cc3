package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"souk"
	"souk/zoom"
)

// inPython is what receivers in Python compute the signature over.
const inPython = `
import json, sys
same = read = 0
for line in sys.stdin.buffer.read().decode("utf-8").split("\n")[:-1]:
    read += 1
    same += json.dumps(json.loads(line), separators=(",", ":"), ensure_ascii=False) == line
print(json.dumps({"same": same, "read": read}))
`

// Zoom's receivers, in JavaScript and in Python, parse a body and compute its
// signature over what they write themselves: that is the body, byte for byte,
// whatever character it holds (docs/dialects/zoom.md, "Bytes on the wire").
func TestEveryCharacterToZoom(t *testing.T) {
	const most = 4096 // in one body
	var bodies bytes.Buffer
	sent := 0
	tell := func(text string) {
		app := souk.App{ID: souk.NewID(), Name: "App", Description: text}
		body, err := zoom.Encode(souk.Event{ID: souk.NewID(), Kind: souk.RequestCreated, At: time.Now(), Data: &souk.EventData{
			App: &app, User: &souk.User{Email: "jane@example.com"}, Request: &souk.Request{},
		}}, souk.Endpoint{Installation: souk.Installation{ID: souk.NewID()}})
		if err != nil {
			t.Fatal(err)
		}
		bodies.Write(append(body, '\n'))
		sent++
	}
	var text []rune
	for r := rune(0); r <= 0x10FFFF; r++ {
		if r == 0xD800 {
			r = 0xE000 // surrogates are no characters
		}
		if text = append(text, r); len(text) == most || r == 0x10FFFF {
			tell(string(text))
			text = text[:0]
		}
	}

	type read struct {
		Same, Read int
		Ranges     [][]int
	}
	for _, tt := range []struct {
		name    string
		command []string
		ranges  [][]int
	}{
		{"node", []string{"node", "zoombytes.mjs"}, [][]int{{0, 0xD7FF}, {0xE000, 0x10FFFF}}},
		{"python", []string{python(t), "-c", inPython}, nil},
	} {
		var said bytes.Buffer
		reader := exec.CommandContext(t.Context(), tt.command[0], tt.command[1:]...)
		reader.Stdin, reader.Stderr = bytes.NewReader(bodies.Bytes()), &said
		out, err := reader.Output()
		var got read
		if err := fmt.Sprint(err, json.Unmarshal(out, &got)); err != "<nil> <nil>" {
			t.Fatalf("%s: %s\n%s", tt.name, err, said.String())
		}
		if diff := cmp.Diff(read{sent, sent, tt.ranges}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
