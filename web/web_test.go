package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"souk"
	"souk/web"
)

// logbook is a log that remembers its records as decoded JSON.
type logbook struct{ bytes.Buffer }

func (b *logbook) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (b *logbook) records(t *testing.T) []map[string]any {
	t.Helper()
	var records []map[string]any
	for d := json.NewDecoder(bytes.NewReader(b.Bytes())); ; {
		var r map[string]any
		err := d.Decode(&r)
		if errors.Is(err, io.EOF) {
			return records
		}
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
}

// access is the access line of the one request that was made.
func (b *logbook) access(t *testing.T) map[string]any {
	t.Helper()
	var lines []map[string]any
	for _, r := range b.records(t) {
		if r["msg"] == "request" {
			lines = append(lines, r)
		}
	}
	if len(lines) != 1 {
		t.Fatalf("%d access lines, want 1:\n%s", len(lines), b)
	}
	return lines[0]
}

func stack(b *logbook, h http.HandlerFunc) http.Handler {
	return web.Stack(h, web.Options{Log: b.logger(), TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
}

func TestStackWritesOneWideLine(t *testing.T) {
	var b logbook
	var id string
	h := stack(&b, func(w http.ResponseWriter, r *http.Request) {
		id = web.RequestID(r.Context())
		web.Note(r.Context(), "face", "slack")
		web.Note(r.Context(), "error", "invalid_app_id")
		web.Note(r.Context(), "error", "not_an_admin")
		w.WriteHeader(http.StatusTeapot)
		_, err := io.WriteString(w, "short and stout")
		if err != nil {
			t.Error(err)
		}
	})
	r := httptest.NewRequest("POST", "/api/admin.apps.approve?token=xoxp-secret", strings.NewReader("token=xoxp-secret"))
	r.RemoteAddr = "10.0.0.1:4000"
	r.Header.Set("Authorization", "Bearer xoxp-secret")
	r.Header.Set("X-Forwarded-For", "198.51.100.1")
	r.Header.Set("X-Request-Id", "mine")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)

	if _, err := souk.ParseID(id); err != nil {
		t.Errorf("request id %q: %v", id, err)
	}
	if got := w.Header().Get("X-Request-Id"); got != id {
		t.Errorf("the answer is of request %q, the handler saw %q", got, id)
	}
	if strings.Contains(b.String(), "secret") {
		t.Errorf("the log tells a secret: %s", &b)
	}
	line := b.access(t)
	want := map[string]any{
		"level": "INFO", "msg": "request", "request_id": id, "method": "POST", "path": "/api/admin.apps.approve",
		"status": 418.0, "bytes": 15.0, "client": "198.51.100.1", "face": "slack", "error": "not_an_admin",
	}
	for key, value := range want {
		if line[key] != value {
			t.Errorf("%s = %v, want %v", key, line[key], value)
		}
	}
	if n := len(line) - len(want); n != 2 { // time and duration
		t.Errorf("the line has %d more fields: %s", n, &b)
	}
}

func TestStackOnAnswersOfAllKinds(t *testing.T) {
	tests := []struct {
		name          string
		handle        http.HandlerFunc
		status, bytes float64
		aborted       any
		panics        bool
		body          string
	}{
		{"silence", func(http.ResponseWriter, *http.Request) {}, 200, 0, nil, false, ""},
		{"bytes alone", func(w http.ResponseWriter, _ *http.Request) { say(t, w, "ok") }, 200, 2, nil, false, "ok"},
		{"early hints", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusAccepted)
		}, 202, 0, nil, false, ""},
		{"panic", func(http.ResponseWriter, *http.Request) { panic("xyzzy") }, 500, 45, nil, true,
			"The server failed to answer this request.\n"},
		{"panic in half an answer", func(w http.ResponseWriter, _ *http.Request) {
			say(t, w, "half")
			panic("xyzzy")
		}, 200, 4, true, true, "half"},
		{"a handler that hangs up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 200, 0, true, false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b logbook
			w := httptest.NewRecorder()
			var cut any
			func() {
				defer func() { cut = recover() }()
				stack(&b, tt.handle).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
			}()
			if (cut == http.ErrAbortHandler) != (tt.aborted == true) {
				t.Errorf("the connection was cut by %v", cut)
			}
			line := b.access(t)
			if line["status"] != tt.status || line["aborted"] != tt.aborted {
				t.Errorf("logged status %v, aborted %v, want %v, %v", line["status"], line["aborted"], tt.status, tt.aborted)
			}
			if got := w.Body.String(); got != tt.body || line["bytes"] != float64(len(got)) {
				t.Errorf("answered %q, logged %v bytes, want %q", got, line["bytes"], tt.body)
			}
			var fault map[string]any
			for _, r := range b.records(t) {
				if r["msg"] == "handler panicked" {
					fault = r
				}
			}
			if (fault != nil) != tt.panics {
				t.Fatalf("logged panic: %v, want one: %t", fault, tt.panics)
			}
			if !tt.panics {
				return
			}
			stack, _ := fault["stack"].(string)
			if fault["panic"] != "xyzzy" || fault["request_id"] != w.Header().Get("X-Request-Id") || !strings.Contains(stack, "web_test.go") {
				t.Errorf("the panic is logged as %v", fault)
			}
		})
	}
}

func TestStackBoundsWhatStrangersLog(t *testing.T) {
	var b logbook
	r := httptest.NewRequest("GET", "/"+strings.Repeat("a", 10_000)+"\xff", nil)
	r.Method = strings.Repeat("M", 10_000)
	stack(&b, func(http.ResponseWriter, *http.Request) {}).ServeHTTP(httptest.NewRecorder(), r)
	if n := b.Len(); n > 1000 {
		t.Errorf("a long path and method made a line of %d bytes", n)
	}
}

func TestContextsOutsideOfStack(t *testing.T) {
	ctx := context.Background()
	web.Note(ctx, "nobody", "listens")
	if id, a := web.RequestID(ctx), web.ClientAddress(ctx); id != "" || a.IsValid() || web.Draining(ctx) {
		t.Errorf("request %q of %s, draining %t, in no request at all", id, a, web.Draining(ctx))
	}
}

func TestWithRequestID(t *testing.T) {
	var b, faults logbook
	face := slog.New(web.WithRequestID(web.WithRequestID(faults.logger().Handler()))).With("face", "slack").WithGroup("call")
	stack(&b, func(_ http.ResponseWriter, r *http.Request) {
		face.ErrorContext(r.Context(), "method failed", "name", "auth.test")
	}).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	if id, _ := b.access(t)["request_id"].(string); strings.Count(faults.String(), id) != 1 || id == "" {
		t.Errorf("request %q is not named once in %s", id, &faults)
	}
	faults.Reset()
	face.Error("no request")
	if strings.Contains(faults.String(), "request_id") {
		t.Errorf("a record of no request has an id: %s", &faults)
	}
}

func TestHealth(t *testing.T) {
	gone := errors.New("database is away")
	tests := []struct {
		name   string
		h      http.Handler
		status int
		body   string
		level  string
		err    any
	}{
		{"alive", web.Alive(), 200, "alive\n", "DEBUG", nil},
		{"ready", web.Ready(func(context.Context) error { return nil }), 200, "ready\n", "DEBUG", nil},
		{"not ready", web.Ready(func(context.Context) error { return gone }), 503, "not ready\n", "INFO", gone.Error()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b logbook
			w := httptest.NewRecorder()
			stack(&b, tt.h.ServeHTTP).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
			line := b.access(t)
			if w.Code != tt.status || w.Body.String() != tt.body || line["level"] != tt.level || line["err"] != tt.err {
				t.Errorf("%d %q, logged as %s with %v", w.Code, w.Body, line["level"], line["err"])
			}
		})
	}
}

func say(t *testing.T, w io.Writer, s string) {
	t.Helper()
	if _, err := io.WriteString(w, s); err != nil {
		t.Error(err)
	}
}
