package courier

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"souk"
)

func TestDoFollowsRedirects(t *testing.T) {
	var mu sync.Mutex
	var seen []received
	mux := http.NewServeMux()
	mux.HandleFunc("/end", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "done") })
	for status := 301; status <= 308; status++ {
		mux.Handle(fmt.Sprintf("/once/%d", status), http.RedirectHandler("/end", status))
	}
	mux.Handle("/twice", http.RedirectHandler("once/302", http.StatusMovedPermanently))
	mux.Handle("/thrice", http.RedirectHandler("/twice", http.StatusFound))
	mux.Handle("/metadata", http.RedirectHandler("http://169.254.169.254/latest", http.StatusFound))
	mux.Handle("/file", http.RedirectHandler("file:///etc/passwd", http.StatusFound))
	mux.Handle("/credentials", http.RedirectHandler("//me:secret@127.0.0.1/end", http.StatusFound))
	mux.Handle("/garbage", http.RedirectHandler("http://%zz", http.StatusFound))
	mux.HandleFunc("/nowhere", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusFound) })
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, readRequest(r))
		mu.Unlock()
		mux.ServeHTTP(w, r)
	}))
	defer server.Close()
	mux.Handle("/absolute", http.RedirectHandler(server.URL+"/end", http.StatusFound))
	c := open()
	defer c.Close()

	tests := []struct {
		path   string
		follow int
		want   souk.Outcome
		status int
		paths  string
	}{
		{"/end", 2, souk.OK, 200, "/end"},
		{"/once/301", 2, souk.OK, 200, "/once/301 /end"},
		{"/once/302", 2, souk.OK, 200, "/once/302 /end"},
		{"/absolute", 2, souk.OK, 200, "/absolute /end"},
		{"/twice", 2, souk.OK, 200, "/twice /once/302 /end"},
		{"/thrice", 2, souk.TooManyMoves, 302, "/thrice /twice /once/302"},
		{"/once/303", 2, souk.BadStatus, 303, "/once/303"},
		{"/once/307", 2, souk.BadStatus, 307, "/once/307"},
		{"/once/308", 2, souk.BadStatus, 308, "/once/308"},
		{"/once/301", 0, souk.BadStatus, 301, "/once/301"},
		{"/metadata", 2, souk.Blocked, 0, "/metadata"},
		{"/file", 2, souk.BadStatus, 302, "/file"},
		{"/credentials", 2, souk.BadStatus, 302, "/credentials"},
		{"/garbage", 2, souk.BadStatus, 302, "/garbage"},
		{"/nowhere", 2, souk.BadStatus, 302, "/nowhere"},
	}
	for _, tt := range tests {
		t.Run(strings.ReplaceAll(tt.path[1:], "/", "-"), func(t *testing.T) {
			seen = nil
			r := c.Do(t.Context(), Request{
				URL: server.URL + tt.path, Header: http.Header{"X-Signature": {"v0=1"}}, Body: []byte(`{"a":1}`),
				Timeout: 10 * time.Second, Redirects: tt.follow,
			})
			if r.Outcome != tt.want || r.Status != tt.status {
				t.Errorf("%s, status %d: %v", r.Outcome, r.Status, r.Err)
			}
			var paths []string
			for _, got := range seen {
				paths = append(paths, got.Path)
				if got.Method != "POST" || got.Body != `{"a":1}` || got.Header.Get("X-Signature") != "v0=1" {
					t.Errorf("%s got %s %q signed %q", got.Path, got.Method, got.Body, got.Header.Get("X-Signature"))
				}
			}
			if got := strings.Join(paths, " "); got != tt.paths {
				t.Errorf("went %s, want %s", got, tt.paths)
			}
		})
	}
}
