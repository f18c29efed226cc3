package conformance

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"souk"
	"souk/zoom"
)

// asking is the body of a request whose reason is a text.
func asking(t *testing.T, reason string) []byte {
	t.Helper()
	body, err := zoom.Encode(souk.Event{
		ID: souk.NewID(), Kind: souk.RequestCreated, At: time.Now(),
		Data: &souk.EventData{App: &souk.App{ID: souk.NewID(), Name: "Notes"}, User: &souk.User{FirstName: "Bo"}, Request: &souk.Request{Reason: reason}},
	}, souk.Endpoint{Installation: souk.Installation{ID: souk.NewID()}})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// Bytes that are no text, which a database may hold, arrive as U+FFFD.
func TestRivetHearsWhatIsNoText(t *testing.T) {
	hasModules(t)
	const secret = "secret-token-of-the-test"
	rivet := exec.Command("node", "rivet-hears.mjs") // until its input ends
	rivet.Env = append(os.Environ(), "SECRET="+secret)
	rivet.Stderr = os.Stderr
	in, err := rivet.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := rivet.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := rivet.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := rivet.Wait(); err != nil {
			t.Error(err)
		}
	})
	lines := json.NewDecoder(out)
	var at struct{ URL string }
	if err := lines.Decode(&at); err != nil {
		t.Fatal(err)
	}

	body := asking(t, "a\xffb \xed\xa0\x80 \xc3 end\xf0\x9f")
	attempt, err := zoom.Prepare(nil)(souk.Outgoing{
		Delivery: souk.Delivery{ID: souk.NewID(), Body: body}, Credentials: souk.Credentials{ZoomWebhookSecret: secret}, At: time.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	post, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at.URL, bytes.NewReader(attempt.Body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range attempt.Header {
		post.Header.Set(name, value)
	}
	post.Header.Del("Accept-Encoding")
	answer, err := http.DefaultClient.Do(post)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if said, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusOK {
		t.Fatalf("Rivet answers %s: %s", answer.Status, said)
	}
	var heard struct {
		Payload struct {
			Reason string `json:"request_reason"`
		} `json:"payload"`
	}
	if err := lines.Decode(&heard); err != nil {
		t.Fatal(err)
	}
	if want := "a\ufffdb \ufffd\ufffd\ufffd \ufffd end\ufffd\ufffd"; heard.Payload.Reason != want {
		t.Errorf("its listener hears %q, want %q", heard.Payload.Reason, want)
	}
}
