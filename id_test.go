package souk_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"souk"
)

// anyID draws an ID that names something.
func anyID(t *rapid.T) souk.ID {
	return rapid.Custom(func(t *rapid.T) (id souk.ID) {
		copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "bytes"))
		return id
	}).Filter(func(id souk.ID) bool { return !id.IsZero() }).Draw(t, "id")
}

// slackPatterns are what clients take for an id of each kind
// (docs/dialects/slack.md, "Identifiers").
var slackPatterns = map[string]*regexp.Regexp{
	"A":  regexp.MustCompile(`^A[A-Z0-9]+$`),
	"T":  regexp.MustCompile(`^T[A-Z0-9]{2,}$`),
	"E":  regexp.MustCompile(`^E[A-Z0-9]{2,}$`),
	"U":  regexp.MustCompile(`^[UW][A-Z0-9]{2,}$`),
	"B":  regexp.MustCompile(`^B[A-Z0-9]+$`),
	"Ar": regexp.MustCompile(`^Ar[A-Z0-9]+$`),
	"Ev": regexp.MustCompile(`^Ev[A-Z0-9]{10,}$`),
	"EC": regexp.MustCompile(`^EC[A-Z0-9]{10,}$`),
}

func TestEverySpellingOfAnIDIsReversible(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := anyID(t)
		if back, err := souk.ParseID(id.String()); err != nil || back != id {
			t.Errorf("ParseID(%q) = %v, %v", id.String(), back, err)
		}
		for prefix, pattern := range slackPatterns {
			s := id.Slack(prefix)
			if !pattern.MatchString(s) || len(s) > 32 {
				t.Errorf("%q is no Slack id of prefix %q with at most 32 characters", s, prefix)
			}
			if back, ok := souk.ParseSlackID(prefix, s); !ok || back != id {
				t.Errorf("ParseSlackID(%q, %q) = %v, %v", prefix, s, back, ok)
			}
		}
		if s := id.Zoom(); len(s) != 22 {
			t.Errorf("Zoom() = %q", s)
		} else if back, ok := souk.ParseZoomID(s); !ok || back != id {
			t.Errorf("ParseZoomID(%q) = %v, %v", s, back, ok)
		}

		var scanned souk.ID
		value, err := id.Value()
		if err == nil {
			err = scanned.Scan(value)
		}
		if err != nil || scanned != id {
			t.Errorf("Scan(Value()) = %v, %v", scanned, err)
		}
		var unmarshalled souk.ID
		text, err := json.Marshal(id)
		if err == nil {
			err = json.Unmarshal(text, &unmarshalled)
		}
		if err != nil || unmarshalled != id {
			t.Errorf("through JSON: %v, %v", unmarshalled, err)
		}
	})
}

func TestSpellingsOfOneID(t *testing.T) {
	id, err := souk.ParseID("0199a1b2-c3d4-7e5f-8a6b-0c1d2e3f4a5b")
	if err != nil {
		t.Fatal(err)
	}
	if got := id.Slack("A"); got != "A03ERS0OQUY72FY287LY4QXPP7" {
		t.Errorf("Slack = %q", got)
	}
	if got := id.Zoom(); got != "AZmhssPUfl-KawwdLj9KWw" {
		t.Errorf("Zoom = %q", got)
	}
}

// None is spelled as the absence of an id and never as one: who could name it
// could say "wherever" where an org is asked for.
func TestNoneHasNoSpelling(t *testing.T) {
	var none souk.ID
	if id, err := souk.ParseID(none.String()); err == nil {
		t.Errorf("ParseID read none as %v", id)
	}
	if id, ok := souk.ParseSlackID("T", none.Slack("T")); ok {
		t.Errorf("ParseSlackID read none as %v", id)
	}
	if id, ok := souk.ParseZoomID(none.Zoom()); ok {
		t.Errorf("ParseZoomID read none as %v", id)
	}
	if v, err := none.Value(); v != nil || err != nil {
		t.Errorf("none is stored as %v, %v", v, err)
	}
	text, err := json.Marshal(none)
	if err != nil || string(text) != `""` {
		t.Errorf("none in JSON is %s, %v", text, err)
	}
	id := souk.NewID()
	if err := json.Unmarshal(text, &id); err != nil || !id.IsZero() {
		t.Errorf("none out of JSON is %v, %v", id, err)
	}
	id = souk.NewID()
	if err := id.Scan(nil); err != nil || !id.IsZero() {
		t.Errorf("NULL is %v, %v", id, err)
	}
}

func TestWhatIsNoID(t *testing.T) {
	good := souk.NewID()
	dashed, slack, zoom := good.String(), good.Slack("A"), good.Zoom()
	for _, s := range []string{
		"", "x", strings.ToUpper("0199a1b2-c3d4-7e5f-8a6b-0c1d2e3f4a5b"), dashed + "0", dashed[:35], dashed[1:] + "g",
		strings.ReplaceAll(dashed, "-", ""), strings.Replace(dashed, "-", "_", 1), "{" + dashed[1:35] + "}", " " + dashed[1:],
	} {
		if id, err := souk.ParseID(s); err == nil {
			t.Errorf("ParseID(%q) = %v", s, id)
		}
	}
	for _, s := range []string{
		"", "A", slack[1:], slack + "0", slack[:25], "T" + slack[1:], strings.ToLower(slack), "Ar" + slack[1:],
		"A" + strings.Repeat("Z", 25), // more than 128 bits
		"AF5LXX1ZZ5PNORYNQGLHZMSP34",  // 2^128, the first that does not fit
		"A" + slack[1:25] + "-", "A+" + slack[2:], "A" + strings.Repeat("_", 25),
	} {
		if id, ok := souk.ParseSlackID("A", s); ok {
			t.Errorf("ParseSlackID(%q) = %v", s, id)
		}
	}
	// The last character carries four bits: its other two must be zero.
	for _, s := range []string{"", zoom[:21], zoom + "A", "AZmhssPUfl-KawwdLj9KWx", "AZmhssPUfl+KawwdLj9KWw", "AZmhssPUfl-KawwdLj9KW="} {
		if id, ok := souk.ParseZoomID(s); ok {
			t.Errorf("ParseZoomID(%q) = %v", s, id)
		}
	}
	var id souk.ID
	for _, v := range []any{"text", int64(1), []byte("short"), make([]byte, 17)} {
		if err := id.Scan(v); err == nil {
			t.Errorf("Scan(%v) = %v", v, id)
		}
	}
}

func TestNewIDs(t *testing.T) {
	before := time.Now().UnixMilli()
	const each = 20_000
	made := make([][]souk.ID, 4)
	var all sync.WaitGroup
	for i := range made {
		all.Go(func() {
			for range each {
				made[i] = append(made[i], souk.NewID())
			}
		})
	}
	all.Wait()

	seen := map[souk.ID]bool{}
	for _, ids := range made {
		last := souk.ID{}
		for _, id := range ids {
			if string(id[:]) <= string(last[:]) {
				t.Fatalf("%v was made after %v", id, last)
			}
			last = id
			if id[6]>>4 != 7 || id[8]>>6 != 0b10 {
				t.Fatalf("%v is no UUIDv7", id)
			}
			if seen[id] {
				t.Fatalf("%v was made twice", id)
			}
			seen[id] = true
		}
	}
	// 80,000 made at once borrow at most 20 ms from the future.
	first := made[0][0]
	at := int64(first[0])<<40 | int64(first[1])<<32 | int64(first[2])<<24 | int64(first[3])<<16 | int64(first[4])<<8 | int64(first[5])
	if at < before || at > time.Now().UnixMilli()+20 {
		t.Errorf("%v was made at %d, some time from %d on", first, at, before)
	}
}

func FuzzParseID(f *testing.F) {
	f.Add(souk.NewID().String())
	f.Add("00000000-0000-0000-0000-000000000000")
	f.Add("0199A1B2-c3d4-7e5f-8a6b-0c1d2e3f4a5b")
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := souk.ParseID(s); err == nil && (id.String() != s || id.IsZero()) {
			t.Errorf("ParseID(%q) = %v", s, id)
		} else if err != nil && !id.IsZero() {
			t.Errorf("ParseID(%q) refuses and answers %v", s, id)
		}
	})
}

func FuzzParseSlackID(f *testing.F) {
	f.Add("A", souk.NewID().Slack("A"))
	f.Add("Ar", "A"+strings.Repeat("Z", 25))
	f.Add("", strings.Repeat("0", 25))
	f.Fuzz(func(t *testing.T, prefix, s string) {
		if id, ok := souk.ParseSlackID(prefix, s); ok && (id.Slack(prefix) != s || id.IsZero()) {
			t.Errorf("ParseSlackID(%q, %q) = %v", prefix, s, id)
		} else if !ok && !id.IsZero() {
			t.Errorf("ParseSlackID(%q, %q) refuses and answers %v", prefix, s, id)
		}
	})
}

func FuzzParseZoomID(f *testing.F) {
	f.Add(souk.NewID().Zoom())
	f.Add(strings.Repeat("A", 22))
	f.Add("AZmhssPUfl-KawwdLj9K\nWw")
	f.Fuzz(func(t *testing.T, s string) {
		if id, ok := souk.ParseZoomID(s); ok && (id.Zoom() != s || id.IsZero()) {
			t.Errorf("ParseZoomID(%q) = %v", s, id)
		} else if !ok && !id.IsZero() {
			t.Errorf("ParseZoomID(%q) refuses and answers %v", s, id)
		}
	})
}
