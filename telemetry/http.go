package telemetry

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// unrouted is the route of what no pattern fits.
const unrouted = "none"

// methods are those that a label may say; strangers can make up more.
var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// HTTP watches the requests to h, which has to hand them to an http.ServeMux as
// they come: the pattern that it finds is the route. Each request follows the
// trace that its caller brought and, where traces are on, has a span in it; those
// to the paths of probers have none.
func (t *Telemetry) HTTP(h http.Handler, probes ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := w3c.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		method := "other"
		if slices.Contains(methods, r.Method) {
			method = r.Method
		}
		span := trace.SpanFromContext(r.Context()) // one that records nothing
		if t.tracer != nil && !slices.Contains(probes, r.URL.Path) {
			ctx, span = t.tracer.Start(ctx, method, trace.WithSpanKind(trace.SpanKindServer))
		}
		if seen := trace.SpanContextFromContext(ctx); seen.IsValid() {
			t.note(ctx, "trace", seen.TraceID().String())
		}
		r = r.WithContext(ctx)
		a := &answer{ResponseWriter: w}
		began := time.Now()
		status := http.StatusInternalServerError // of a handler that panics; who wrapped us answers
		defer func() {
			route := route(r)
			if n := t.numbers; n != nil {
				n.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
				n.answered.WithLabelValues(route).Observe(time.Since(began).Seconds())
			}
			span.SetName(method + " " + route)
			span.SetAttributes(
				attribute.String("http.request.method", method),
				attribute.String("http.route", route),
				attribute.Int("http.response.status_code", status),
			)
			if status >= http.StatusInternalServerError {
				span.SetStatus(codes.Error, "")
			}
			span.End()
		}()
		h.ServeHTTP(a, r)
		if status = a.status; status == 0 {
			status = http.StatusOK // what the server says for a handler that says nothing
		}
	})
}

// route is the path of the pattern that r was handled by.
func route(r *http.Request) string {
	_, path, withMethod := strings.Cut(r.Pattern, " ")
	switch {
	case r.Pattern == "":
		return unrouted
	case withMethod:
		return path
	}
	return r.Pattern
}

// answer remembers the status of what is written to it.
type answer struct {
	http.ResponseWriter
	status int // 0 until the answer has begun
}

// WriteHeader begins the answer.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK { // 1xx come before the answer
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write writes some of the answer's body.
func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the server's writer.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
