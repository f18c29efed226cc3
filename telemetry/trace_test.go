package telemetry_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	wire "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"souk"
	"souk/telemetry"
)

// gathered is what a collector was sent.
type gathered struct {
	t  *testing.T
	mu sync.Mutex

	path, header string
	us           map[string]string // the resource
	spans        []*wire.Span
}

// gather starts a collector that takes OTLP over HTTP.
func gather(t *testing.T) (*gathered, string) {
	g := &gathered{t: t}
	site := httptest.NewServer(g)
	t.Cleanup(site.Close)
	return g, site.URL
}

func (g *gathered) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			g.t.Error(err)
			return
		}
		body = unzipped
	}
	text, err := io.ReadAll(body)
	var in collector.ExportTraceServiceRequest
	if err != nil || proto.Unmarshal(text, &in) != nil {
		g.t.Errorf("what came is no OTLP: %v", err)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.path, g.header = r.URL.Path, r.Header.Get("X-Tenant")
	for _, from := range in.GetResourceSpans() {
		g.us = attributes(from.GetResource().GetAttributes())
		for _, scope := range from.GetScopeSpans() {
			g.spans = append(g.spans, scope.GetSpans()...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// span is the one called name.
func (g *gathered) span(name string) *wire.Span {
	g.t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	var names []string
	for _, s := range g.spans {
		if s.GetName() == name {
			return s
		}
		names = append(names, s.GetName())
	}
	g.t.Fatalf("no span is called %q: %q", name, names)
	return nil
}

func attributes(all []*common.KeyValue) map[string]string {
	m := map[string]string{}
	for _, a := range all {
		if n, number := a.GetValue().GetValue().(*common.AnyValue_IntValue); number {
			m[a.GetKey()] = strconv.FormatInt(n.IntValue, 10)
			continue
		}
		m[a.GetKey()] = a.GetValue().GetStringValue()
	}
	return m
}

// traced sends traces to endpoint.
func traced(t *testing.T, endpoint string) *telemetry.Telemetry {
	t.Helper()
	w, err := telemetry.New(t.Context(), telemetry.Options{Endpoint: endpoint, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// off has neither metrics nor traces.
func off(t *testing.T, note func(context.Context, string, any)) *telemetry.Telemetry {
	t.Helper()
	w, err := telemetry.New(t.Context(), telemetry.Options{Note: note, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func delivery(trace string) souk.Delivery {
	return souk.Delivery{ID: souk.NewID(), Webhook: souk.NewID(), Dialect: souk.Giosg, Trace: trace, CreatedAt: time.Now()}
}

// A caller's trace goes through the request, over the outbox, through the attempt
// and on to the receiver, each span the child of the one before.
func TestTrace(t *testing.T) {
	const caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for _, tt := range []struct{ name, brought string }{{"of a caller", caller}, {"of our own", ""}} {
		t.Run(tt.name, func(t *testing.T) {
			g, url := gather(t)
			w := traced(t, url)
			var stored string // with the delivery
			mux := http.NewServeMux()
			mux.HandleFunc("POST /souk/v1/channels", func(_ http.ResponseWriter, r *http.Request) { stored = telemetry.Traceparent(r.Context()) })
			r := httptest.NewRequest("POST", "/souk/v1/channels?secret=xyzzy", nil)
			r.Header.Set("Traceparent", tt.brought)
			w.HTTP(mux).ServeHTTP(httptest.NewRecorder(), r)

			d := delivery(stored)
			d.Attempts = 2
			ctx, sent := w.Begin(t.Context(), d)
			w.End(ctx, d, souk.Attempt{Number: 2, Outcome: souk.BadStatus, Status: 500, URL: "https://hooks.acme.example:8443/in/xyzzy?token=xyzzy"}, souk.DeliveryPending)
			if err := w.Close(t.Context()); err != nil {
				t.Fatal(err)
			}

			if g.path != "/v1/traces" || g.us["service.name"] != "souk" {
				t.Errorf("%s from %v", g.path, g.us)
			}
			request, attempt := g.span("POST /souk/v1/channels"), g.span("deliver giosg")
			if tt.brought != "" && (id(request.TraceId) != tt.brought[3:35] || id(request.ParentSpanId) != tt.brought[36:52]) {
				t.Errorf("the request is %s in trace %s", id(request.ParentSpanId), id(request.TraceId))
			}
			if tt.brought == "" && len(request.ParentSpanId) > 0 {
				t.Error("the request has a parent")
			}
			if stored != parent(request) || sent != parent(attempt) {
				t.Errorf("stored %s, sent %s: spans %s and %s", stored, sent, parent(request), parent(attempt))
			}
			if id(attempt.TraceId) != id(request.TraceId) || id(attempt.ParentSpanId) != id(request.SpanId) {
				t.Error("the attempt is no child of the request")
			}
			if request.Kind != wire.Span_SPAN_KIND_SERVER || attempt.Kind != wire.Span_SPAN_KIND_CLIENT {
				t.Errorf("kinds %s and %s", request.Kind, attempt.Kind)
			}
			for s, want := range map[*wire.Span]map[string]string{
				request: {"http.request.method": "POST", "http.route": "/souk/v1/channels", "http.response.status_code": "200"},
				attempt: {
					"souk.dialect": "giosg", "souk.delivery": d.ID.String(), "souk.webhook": d.Webhook.String(), "souk.attempt": "2",
					"souk.outcome": "status", "souk.then": "pending", "server.address": "hooks.acme.example", "http.response.status_code": "500",
				},
			} {
				if got := attributes(s.Attributes); !maps.Equal(got, want) {
					t.Errorf("%s has %v, want %v", s.Name, got, want)
				}
			}
			if request.GetStatus().GetCode() != wire.Status_STATUS_CODE_UNSET || attempt.GetStatus().GetCode() != wire.Status_STATUS_CODE_ERROR {
				t.Errorf("ended %s and %s", request.GetStatus(), attempt.GetStatus())
			}
			for _, s := range g.spans {
				if strings.Contains(s.String(), "xyzzy") {
					t.Errorf("a secret is in %s", s)
				}
			}
		})
	}
}

func id(b []byte) string { return hex.EncodeToString(b) }

// parent is the traceparent of who is caused by s.
func parent(s *wire.Span) string { return "00-" + id(s.TraceId) + "-" + id(s.SpanId) + "-01" }

// Who caused a delivery did not want it sampled: nothing is sent to the collector,
// and receivers hear the same.
func TestTraceNotSampled(t *testing.T) {
	g, url := gather(t)
	w := traced(t, url)
	const caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
	d := delivery(caller)
	ctx, sent := w.Begin(t.Context(), d)
	w.End(ctx, d, souk.Attempt{Outcome: souk.OK, URL: "https://hooks.acme.example"}, souk.DeliverySuccessful)
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(g.spans) > 0 || sent[:35] != caller[:35] || !strings.HasSuffix(sent, "-00") {
		t.Errorf("%d spans, sent on %s", len(g.spans), sent)
	}
}

// Probers have no span, and handlers that panic one that failed.
func TestTraceRequests(t *testing.T) {
	g, url := gather(t)
	w := traced(t, url)
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("xyzzy") })
	h := w.HTTP(mux, "/readyz")
	for _, path := range []string{"/readyz", "/panic", "/no/such"} {
		func() {
			defer func() { _ = recover() }()
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
		}()
	}
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(g.spans) != 2 {
		t.Errorf("%d spans, want 2", len(g.spans))
	}
	if s := g.span("GET /panic"); s.GetStatus().GetCode() != wire.Status_STATUS_CODE_ERROR {
		t.Errorf("a panic ended %s", s.GetStatus())
	}
	if s := g.span("GET none"); s.GetStatus().GetCode() != wire.Status_STATUS_CODE_UNSET {
		t.Errorf("what is not there ended %s", s.GetStatus())
	}
}

func TestTraceEnvironment(t *testing.T) {
	g, url := gather(t)
	for _, tt := range []struct {
		name, endpoint string
		env            map[string]string
		says           string // of an error
		spans          int
		path           string
	}{
		{"none", "", nil, "", 0, ""},
		{"the flag", url + "/", nil, "", 1, "/v1/traces"},
		{"the flag with a path", url + "/otlp", nil, "", 1, "/otlp/v1/traces"},
		{"the variable", "", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=acme", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}, "", 1, "/v1/traces"},
		{"the variable for traces", "", map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": url + "/here"}, "", 1, "/here"},
		{"the flag wins", url, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, "", 1, "/v1/traces"},
		{"a sampler", url, map[string]string{"OTEL_TRACES_SAMPLER": "always_off"}, "", 0, ""},
		{"switched off", url, map[string]string{"OTEL_SDK_DISABLED": "true"}, "", 0, ""},
		{"no exporter", url, map[string]string{"OTEL_TRACES_EXPORTER": "none"}, "", 0, ""},
		{"another exporter", url, map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"}, "zipkin", 0, ""},
		{"another protocol", url, map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "grpc", 0, ""},
		{"no URL", "collector:4318", nil, "must be an http or https URL", 0, ""},
		{"a query", url + "?a", nil, "must be an http or https URL", 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g.spans, g.path, g.header, g.us = nil, "", "", nil
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			t.Setenv("OTEL_SERVICE_NAME", "souk-test")
			w, err := telemetry.New(t.Context(), telemetry.Options{Endpoint: tt.endpoint, Log: slog.New(slog.DiscardHandler)})
			if tt.says != "" || err != nil {
				if err == nil || tt.says == "" || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("%v, want %q", err, tt.says)
				}
				return
			}
			d := delivery("")
			ctx, _ := w.Begin(t.Context(), d)
			w.End(ctx, d, souk.Attempt{Outcome: souk.OK, URL: "https://hooks.acme.example"}, souk.DeliverySuccessful)
			if err := w.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if len(g.spans) != tt.spans || g.path != tt.path {
				t.Errorf("%d spans to %q, want %d to %q", len(g.spans), g.path, tt.spans, tt.path)
			}
			if tt.spans > 0 && g.us["service.name"] != "souk-test" {
				t.Errorf("they are from %v", g.us)
			}
			if want := tt.env["OTEL_EXPORTER_OTLP_HEADERS"]; want != "" && want != "x-tenant="+g.header {
				t.Errorf("the collector got the header %q", g.header)
			}
		})
	}
}

// A collector that takes nothing keeps nobody from leaving, and is a line in the
// log.
func TestCloseWithoutCollector(t *testing.T) {
	leave := make(chan struct{})
	site := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-leave }))
	t.Cleanup(site.Close)
	t.Cleanup(func() { close(leave) })
	w := traced(t, site.URL)
	d := delivery("")
	ctx, sent := w.Begin(t.Context(), d)
	w.End(ctx, d, souk.Attempt{Outcome: souk.OK}, souk.DeliverySuccessful)
	if sent == "" {
		t.Error("the receiver is told no trace")
	}
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := w.Close(soon); err == nil || !strings.Contains(err.Error(), "not handed over") {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took > telemetry.FlushTime {
		t.Errorf("it took %s", took)
	}
}

func TestCollectorRefuses(t *testing.T) {
	site := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(site.Close)
	var b bytes.Buffer
	w, err := telemetry.New(t.Context(), telemetry.Options{Endpoint: site.URL, Log: slog.New(slog.NewTextHandler(&b, nil))})
	if err != nil {
		t.Fatal(err)
	}
	d := delivery("")
	ctx, _ := w.Begin(t.Context(), d)
	w.End(ctx, d, souk.Attempt{Outcome: souk.OK}, souk.DeliverySuccessful)
	_ = w.Close(t.Context())
	if said := b.String(); !strings.Contains(said, "level=WARN") || !strings.Contains(said, "404") {
		t.Errorf("the log says %q", said)
	}
}
