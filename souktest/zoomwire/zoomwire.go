// Package zoomwire checks what Souk sends to Zoom's receivers: by Zoom's own
// schemas, by a closed one of Souk's, byte by byte, and as the strictest of
// receivers do (docs/dialects/zoom.md).
package zoomwire

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// Request is one that a receiver got.
type Request struct {
	Method string
	Path   string
	Header http.Header
	Body   []byte
	At     time.Time // when it came
}

// Event is the name that the body says, or "".
func (r Request) Event() string {
	var body struct {
		Event string `json:"event"`
	}
	if json.Unmarshal(r.Body, &body) != nil {
		return ""
	}
	return body.Event
}

// Payload is the body's.
func (r Request) Payload() map[string]any {
	var body struct {
		Payload map[string]any `json:"payload"`
	}
	if json.Unmarshal(r.Body, &body) != nil {
		return nil
	}
	return body.Payload
}

var shapes = map[string]*regexp.Regexp{
	"Content-Type":           regexp.MustCompile(`^application/json; charset=utf-8$`),
	"User-Agent":             regexp.MustCompile(`^Souk/`),
	"Accept-Encoding":        regexp.MustCompile(`^gzip$`),
	"X-Zm-Request-Timestamp": regexp.MustCompile(`^[1-9][0-9]{9}$`),
	"X-Zm-Signature":         regexp.MustCompile(`^v0=[0-9a-f]{64}$`),
	"X-Zm-Request-Id":        regexp.MustCompile(`^[0-9a-f]{8}_[0-9a-f]{4}_[0-9a-f]{4}_[0-9a-f]{4}_[0-9a-f]{12}$`),
	"X-Zm-Trackingid":        regexp.MustCompile(`^v=2\.0;clid=souk;rid=WEB_[0-9a-f]{32}$`),
	"Clientid":               regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`),
}

// Check says all that is wrong with a request that was signed with a secret.
func Check(r Request, secret string) error {
	var wrong []error
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if r.Method != http.MethodPost {
		add("it was made by %s", r.Method)
	}
	for name, shape := range shapes {
		if got := r.Header[name]; len(got) != 1 || !shape.MatchString(got[0]) {
			add("the header %s is %q", name, got)
		}
	}
	stamp := r.Header.Get("X-Zm-Request-Timestamp")
	if seconds, err := strconv.ParseInt(stamp, 10, 64); err != nil || r.At.Sub(time.Unix(seconds, 0)).Abs() > 3*time.Second {
		add("it was signed at %s and came at %s", stamp, r.At)
	}
	if got := r.Header.Get("X-Zm-Signature"); got != Sign(secret, stamp, r.Body) {
		add("the signature is another's: %s", got)
	}
	for name, layer := range map[string]func([]byte) error{"Zoom's schema": Published, "the strict schema": Strict, "the bytes": Bytes} {
		if err := layer(r.Body); err != nil {
			add("by %s: %w", name, err)
		}
	}
	if event := r.Event(); event == Deauthorized && !twiceTheSame(r.Body) {
		add("it does not tell one time: %s", r.Body)
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%w\n%s", errors.Join(wrong...), r.Body)
	}
	return nil
}

// twiceTheSame reports whether a deauthorization tells one time three times.
func twiceTheSame(body []byte) bool {
	var told struct {
		At      int64 `json:"event_ts"`
		Payload struct {
			At   int64     `json:"event_ts"`
			Time time.Time `json:"deauthorization_time"`
		} `json:"payload"`
	}
	err := json.Unmarshal(body, &told)
	return err == nil && told.At == told.Payload.At && told.Payload.Time.UnixMilli() == told.At
}

// Sign is the signature of a body that was sent at a time, in seconds.
func Sign(secret, timestamp string, body []byte) string {
	return "v0=" + mac(secret, "v0:"+timestamp+":", body)
}

// Encrypt answers the question whether a URL is the app's.
func Encrypt(secret, plain string) string { return mac(secret, plain, nil) }

func mac(secret, head string, body []byte) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write(bytes.Join([][]byte{[]byte(head), body}, nil))
	return hex.EncodeToString(h.Sum(nil))
}
