package courier

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"souk"
)

// An answer that came compressed is kept as it was before, and only if we asked
// for it so; what is no gzip costs the receiver nothing.
func TestCompressedAnswers(t *testing.T) {
	zipped := func(s string) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		must(w.Write([]byte(s)))
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	long, members := strings.Repeat("souk", 16<<10), bytes.Repeat(zipped(""), 1<<16)
	for _, tt := range []struct {
		name  string
		asked string
		body  []byte
		want  string
		err   bool
	}{
		{"compressed", "gzip", zipped("answer"), "answer", false},
		{"long", "gzip", zipped(long), long[:maxExcerpt], false},
		{"not asked for", "", zipped("answer"), string(zipped("answer")), false},
		{"nothing", "gzip", nil, "", false},
		{"not compressed", "gzip", []byte("answer"), "", true},
		{"broken off", "gzip", zipped("answer")[:20], "", true},
		{"nothing, for ever", "gzip", members, "", true},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(tt.body) // of which not all is read
		}))
		c := NewClient(ClientOptions{AllowPrivate: true})
		h := http.Header{}
		if tt.asked != "" {
			h.Set("Accept-Encoding", tt.asked)
		}
		r := c.Do(context.Background(), Request{URL: server.URL, Header: h, Body: []byte("{}"), Timeout: time.Minute})
		if r.Outcome != souk.OK || string(r.Excerpt) != tt.want && !tt.err || (r.Err != nil) != tt.err {
			t.Errorf("%s: %s, %d bytes, %v", tt.name, r.Outcome, len(r.Excerpt), r.Err)
		}
		c.Close()
		server.Close()
	}
}
