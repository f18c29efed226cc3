package web

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// readyTime is how long Ready waits for its checks, all together.
const readyTime = 2 * time.Second

// Alive answers that the process lives and nothing more: an orchestrator that
// restarts what is not alive must not do so because a database is away.
func Alive() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		quiet(r.Context())
		say(w, http.StatusOK, "alive")
	})
}

// Ready answers 200 when all checks succeed within two seconds and the server is
// not draining, and 503 otherwise. They are asked one after another at each call
// and nothing is remembered, so it is green again as soon as they are. Why checks
// failed is on the access line only.
func Ready(checks ...func(context.Context) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if Draining(r.Context()) {
			say(w, http.StatusServiceUnavailable, "draining")
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), readyTime)
		defer cancel()
		var wrong []error
		for _, check := range checks {
			wrong = append(wrong, check(ctx))
		}
		if err := errors.Join(wrong...); err != nil {
			Note(r.Context(), "err", err)
			say(w, http.StatusServiceUnavailable, "not ready")
			return
		}
		quiet(r.Context())
		say(w, http.StatusOK, "ready")
	})
}

// say answers a prober. What was true a moment ago is of no use to the next one,
// and an error of Write is that of a prober that left.
func say(w http.ResponseWriter, status int, word string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(word + "\n"))
}
