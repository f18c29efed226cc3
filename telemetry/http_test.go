package telemetry_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"souk/telemetry"
)

func TestHTTPCounts(t *testing.T) {
	w := watch(t)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /apps/{app}", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "one") })
	mux.HandleFunc("/api/{method}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	mux.HandleFunc("/silent", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/early", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusNotFound)
		w.WriteHeader(http.StatusOK) // superfluous
	})
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("xyzzy") })
	mux.HandleFunc("/flush", func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
	})
	h := w.HTTP(mux)
	for _, r := range []struct{ method, path string }{
		{"GET", "/apps/1"}, {"GET", "/apps/2"}, {"POST", "/api/auth.test"}, {"GET", "/silent"}, {"GET", "/early"},
		{"GET", "/panic"}, {"GET", "/flush"}, {"GET", "/no/such"}, {"BREW", "/silent"}, {"DELETE", "/apps/1"},
	} {
		func() {
			defer func() { _ = recover() }()
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(r.method, r.path, nil))
		}()
	}
	all := scrape(t, w)
	for _, tt := range []struct {
		labels []string
		want   float64
	}{
		{[]string{"/apps/{app}", "GET", "200"}, 2},
		{[]string{"/api/{method}", "POST", "418"}, 1},
		{[]string{"/silent", "GET", "200"}, 1},
		{[]string{"/silent", "other", "200"}, 1},
		{[]string{"/early", "GET", "404"}, 1},
		{[]string{"/panic", "GET", "500"}, 1},
		{[]string{"/flush", "GET", "200"}, 1},
		{[]string{"none", "GET", "404"}, 1},
		{[]string{"none", "DELETE", "405"}, 1},
	} {
		if got := value(all, "souk_http_requests_total", tt.labels...); got != tt.want {
			t.Errorf("%q: %v requests, want %v", tt.labels, got, tt.want)
		}
	}
	if got := value(all, "souk_http_request_duration_seconds", "/apps/{app}"); got != 2 {
		t.Errorf("%v durations, want 2", got)
	}
}

// Without traces what the caller brought goes on as it came, if it can be read.
func TestTraceparentWithoutTraces(t *testing.T) {
	const from = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for _, tt := range []struct{ name, brought, want string }{
		{"none", "", ""},
		{"one", from, from},
		{"one that is not sampled", from[:53] + "00", from[:53] + "00"},
		{"one of a later version", "01" + from[2:] + "-more", from},
		{"zeros", "00-00000000000000000000000000000000-b7ad6b7169203331-01", ""},
		{"nonsense", "xyzzy", ""},
		{"too much", from + from, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var noted any
			w := off(t, func(_ context.Context, key string, value any) {
				if key == "trace" {
					noted = value
				}
			})
			var got string
			h := w.HTTP(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = telemetry.Traceparent(r.Context()) }))
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("Traceparent", tt.brought)
			h.ServeHTTP(httptest.NewRecorder(), r)
			if got != tt.want {
				t.Errorf("%q goes on as %q, want %q", tt.brought, got, tt.want)
			}
			if (noted != nil) != (tt.want != "") || noted != nil && noted != from[3:35] {
				t.Errorf("the access line has %v", noted)
			}
			if _, sent := w.Begin(t.Context(), delivery(tt.brought)); sent != tt.want {
				t.Errorf("%q is sent on as %q, want %q", tt.brought, sent, tt.want)
			}
		})
	}
}
