package web

import (
	"net/http"
	"path"
	"slices"
	"strings"
)

// Exact serves mux without its redirects from paths with empty or dotted
// segments to what they might mean: a client whose write is redirected may send
// it again as a read. Such a path goes to the catch-all of the face it begins
// like, one of prefixes, each with a slash at its end; to nobody else.
func Exact(mux *http.ServeMux, prefixes ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isClean(r.URL.Path) {
			mux.ServeHTTP(w, r)
			return
		}
		i := slices.IndexFunc(prefixes, func(p string) bool { return strings.HasPrefix(r.URL.Path, p) })
		if i < 0 {
			http.NotFound(w, r)
			return
		}
		caught := r.Clone(r.Context())
		caught.URL.Path, caught.URL.RawPath = prefixes[i], ""
		mux.ServeHTTP(w, caught)
	})
}

func isClean(p string) bool {
	clean := path.Clean(p)
	return p == clean || p == clean+"/"
}
