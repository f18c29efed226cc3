package web_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"souk/web"
)

func TestReady(t *testing.T) {
	type check = func(context.Context) error
	fine := func(context.Context) error { return nil }
	away := func(context.Context) error { return errors.New("database is away") }
	stuck := func(context.Context) error { return errors.New("nothing was recorded for 11s") }
	hangs := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	tests := []struct {
		name   string
		checks []check
		status int
		err    any // on the access line
		takes  time.Duration
	}{
		{"nothing to check", nil, 200, nil, 0},
		{"all is well", []check{fine, fine}, 200, nil, 0},
		{"the first fails", []check{away, fine}, 503, "database is away", 0},
		{"the last fails", []check{fine, stuck}, 503, "nothing was recorded for 11s", 0},
		{"both fail", []check{away, stuck}, 503, "database is away\nnothing was recorded for 11s", 0},
		{"one hangs", []check{hangs, stuck}, 503, "context deadline exceeded\nnothing was recorded for 11s", 2 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var b logbook
				w, began := httptest.NewRecorder(), time.Now()
				stack(&b, web.Ready(tt.checks...).ServeHTTP).ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
				if line := b.access(t); w.Code != tt.status || line["err"] != tt.err {
					t.Errorf("%d, logged with %v; want %d with %v", w.Code, line["err"], tt.status, tt.err)
				}
				if took := time.Since(began); took != tt.takes {
					t.Errorf("it took %s, want %s", took, tt.takes)
				}
			})
		})
	}
}

// What was wrong is forgotten once it is not wrong any more.
func TestReadyAgain(t *testing.T) {
	var wrong error
	var b logbook
	h := stack(&b, web.Ready(func(context.Context) error { return wrong }).ServeHTTP)
	for _, tt := range []struct {
		wrong error
		want  int
	}{{nil, 200}, {errors.New("gone"), 503}, {nil, 200}} {
		wrong = tt.wrong
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil)); w.Code != tt.want {
			t.Errorf("%v: %d, want %d", tt.wrong, w.Code, tt.want)
		}
	}
}
