package web_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"souk/web"
)

func TestExact(t *testing.T) {
	mux := http.NewServeMux()
	say := func(what string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, what) }
	}
	mux.HandleFunc("/api/v5/things", say("things"))
	mux.HandleFunc("/api/v5/", say("no such thing"))
	mux.HandleFunc("/api/", say("no such method"))
	h := web.Exact(mux, "/api/v5/", "/api/")
	for path, want := range map[string]string{
		"/api/v5/things":     "things",
		"/api/v5/things/":    "no such thing",
		"/api/v5//things":    "no such thing",
		"/api/v5/./things":   "no such thing",
		"/api/v5/x/../thing": "no such thing",
		"/api//v5/things":    "no such method",
		"//api/v5/things":    "404 page not found\n",
		"/other/../api/v5/x": "404 page not found\n",
	} {
		for _, method := range []string{"GET", "POST"} {
			r := httptest.NewRequest(method, "http://souk.example"+path, nil)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if got := w.Body.String(); got != want {
				t.Errorf("%s %s: %d %q, want %q", method, path, w.Code, got, want)
			}
		}
	}
}
