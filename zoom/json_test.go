package zoom

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// spelled is an object that has a spelling.
func spelled(t *testing.T, o object) string {
	t.Helper()
	b, err := o.bytes()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// What node's JSON.stringify writes for these texts, byte for byte.
func TestStringBytes(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", `""`},
		{"plain", `"plain"`},
		{`"\/`, `"\"\\/"`},
		{"\b\f\n\r\t", `"\b\f\n\r\t"`},
		{"\x00\x01\x0b\x1f", `"\u0000\u0001\u000b\u001f"`},
		{"\x7f\u0080", "\"\x7f\u0080\""},
		{"<a href='x'>&amp;</a>", `"<a href='x'>&amp;</a>"`},
		{"\u2028\u2029\ufeff", "\"\u2028\u2029\ufeff\""},
		{"é🚒", `"é🚒"`},
		{"a\xffb\xc3", "\"a\ufffdb\ufffd\""},
		{"\xed\xa0\x80", "\"\ufffd\ufffd\ufffd\""}, // a surrogate by itself is no UTF-8
	}
	for _, tt := range tests {
		if got := string(appendString(nil, tt.text)); got != tt.want {
			t.Errorf("%q is %s, want %s", tt.text, got, tt.want)
		}
	}
}

// The bodies and signatures that docs/dialects/zoom.md ("Bytes on the wire")
// gives to compare with.
func TestGoldenVectors(t *testing.T) {
	const secret = "souk-test-secret-token"
	at := time.UnixMilli(1749365726209).UTC()
	stamp := at.UnixMilli()
	tests := []struct {
		name, event string
		payload     object
		size        int
		sum, signed string
	}{
		{
			"validation", validationName, object{{"plainToken", "qgg8vlvZRS6UYooatFL8Aw"}}, 110,
			"5f449d59abeb1817839b068d31b4c9e3a46e8a87a9e1aefd52fc623f10887bd4",
			"v0=6c2193e23d87d537b76a8c4cd5f03602eb56afb2629cf923544621eebcbeecd2",
		},
		{
			"deauthorization", deauthorized,
			object{
				{"account_id", "AAAAAABBBB"}, {"user_id", "NtEMagHcQAygosd81Lzysw"},
				{"signature", "827edc3452044f0bc86bdd5684afb7d1e6becfa1a767f24df1b287853cf73000"},
				{"deauthorization_time", "2025-06-08T06:55:26.209Z"}, {"client_id", "ABCDEFGHIJKLMNOPQRSTUV"}, {"event_ts", stamp},
			}, 317,
			"aa65f3ebf71e1c195eb0d3c5bfb2f24b4e9a1a5179b917c2e0543952a62c63ab",
			"v0=5829e40455eb77087002b8af50d7f344bf798ae3c16fbe246f5e9f3f391796f0",
		},
		{
			"request", requestedName,
			object{
				{"app_name", "A&B <x> \u2028 é 🚒 \"q\" \\ /"}, {"app_type", "OAuth App"}, {"app_status", "published"},
				{"requester_name", "J\tC\x01\x7f"},
			}, 205,
			"2586387eebcea34af3d9e56b10b24fa1cbfd2b885e7cd09c796033655bc4c569",
			"v0=b4a9b06dd7f393aa2230a58b4b073da731a4075bebbe1c7bfb9368f0c41ce712",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body, err := envelope(tt.event, at, tt.payload)
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(body)
			if len(body) != tt.size || hex.EncodeToString(sum[:]) != tt.sum {
				t.Errorf("%d bytes, %x: %s", len(body), sum, body)
			}
			if stamp, signature := sign(secret, at, body); stamp != "1749365726" || signature != tt.signed {
				t.Errorf("signed %s at %s, want %s", signature, stamp, tt.signed)
			}
		})
	}
	if got := encrypted(secret, "qgg8vlvZRS6UYooatFL8Aw"); got != "fa8a8df1dae811364c60a214d982e47b2b9eb721857eff7096c0459d7493a9a8" {
		t.Errorf("the plain token is answered with %s", got)
	}
}

func TestObjectsKeepTheirOrder(t *testing.T) {
	o := object{}.with("z", "1").known("gone", "").with("a", object{{"n", int64(-7)}}).
		with("list", []string{}).with("more", []string{"x", "y"}).with("all", []object{{{"q", "\n"}}, {}})
	want := `{"z":"1","a":{"n":-7},"list":[],"more":["x","y"],"all":[{"q":"\n"},{}]}`
	if got := spelled(t, o); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// JavaScript would spell these otherwise than they are sent.
func TestWhatHasNoSpelling(t *testing.T) {
	tests := []struct {
		name string
		o    object
		fit  bool
	}{
		{"the largest number", object{{"n", int64(1<<53 - 1)}}, true},
		{"the smallest number", object{{"n", int64(1 - 1<<53)}}, true},
		{"a number beyond", object{{"n", int64(1 << 53)}}, false},
		{"a number below", object{{"n", int64(-1 << 53)}}, false},
		{"a fraction", object{{"n", 1.5}}, false},
		{"an int", object{{"n", 1}}, false},
		{"null", object{{"n", nil}}, false},
		{"a member twice", object{{"n", "1"}, {"m", ""}, {"n", "2"}}, false},
		{"a place in a list", object{{"n", ""}, {"17", ""}}, false},
		{"the first place", object{{"0", ""}}, false},
		{"not quite a place", object{{"01", ""}, {"-1", ""}, {"1.0", ""}, {"99999999999", ""}}, true},
		{"far inside", object{{"a", []object{{{"b", object{{"0", ""}}}}}}}, false},
	}
	for _, tt := range tests {
		if _, err := tt.o.bytes(); (err == nil) != tt.fit || err != nil && !errors.Is(err, errWire) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// Any text comes back as it was, but for what is no UTF-8, and nothing is
// escaped that need not be.
func FuzzString(f *testing.F) {
	for _, s := range []string{"", "a", "\u2028<&>", "\x00\x1f\"\\/", "\xff\xc0é", "\\u2028", "🚒"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := appendString(nil, s)
		if !utf8.Valid(b) || !json.Valid(b) {
			t.Fatalf("%q is spelled %q", s, b)
		}
		var back string
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		if want := strings.Map(func(r rune) rune { return r }, s); back != want {
			t.Fatalf("%q came back as %q", s, back)
		}
		if again := appendString(nil, back); string(again) != string(b) {
			t.Fatalf("%q is spelled %q, then %q", s, b, again)
		}
		room := 2 // quotes
		for _, r := range back {
			switch {
			case strings.ContainsRune("\"\\\b\f\n\r\t", r):
				room += 2
			case r < ' ':
				room += 6
			default:
				room += utf8.RuneLen(r)
			}
		}
		if len(b) != room {
			t.Fatalf("%q takes %d bytes, want %d", s, len(b), room)
		}
	})
}
