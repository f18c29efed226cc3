package telemetry_test

import (
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"souk"
	"souk/telemetry"
)

// watch is a Telemetry that counts.
func watch(t *testing.T) *telemetry.Telemetry {
	t.Helper()
	w, err := telemetry.New(t.Context(), telemetry.Options{Metrics: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// scrape is what a Prometheus reads.
func scrape(t *testing.T, w *telemetry.Telemetry) map[string]*dto.MetricFamily {
	t.Helper()
	site := httptest.NewServer(w.Handler())
	defer site.Close()
	answer, err := http.Get(site.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("/metrics answers %s", answer.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	all, err := parser.TextToMetricFamilies(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// value is that of the metric with these labels: a number, or how much a
// histogram saw. -1: there is none.
func value(all map[string]*dto.MetricFamily, name string, labels ...string) float64 {
	for _, m := range all[name].GetMetric() {
		var has []string
		for _, l := range m.GetLabel() {
			has = append(has, l.GetValue())
		}
		switch slices.Sort(has); {
		case !slices.Equal(has, slices.Sorted(slices.Values(labels))):
		case m.Histogram != nil:
			return float64(m.Histogram.GetSampleCount())
		case m.Counter != nil:
			return m.Counter.GetValue()
		case m.Gauge != nil:
			return m.Gauge.GetValue()
		}
	}
	return -1
}

// try is one attempt of d that ended so.
func try(t *testing.T, w *telemetry.Telemetry, d souk.Delivery, number int, o souk.Outcome, then souk.DeliveryStatus) {
	t.Helper()
	ctx, _ := w.Begin(t.Context(), d)
	w.End(ctx, d, souk.Attempt{
		Number: number, Outcome: o, URL: "https://hooks.acme.example/in?token=xyzzy",
		StartedAt: d.CreatedAt.Add(3 * time.Millisecond), Duration: 40 * time.Millisecond,
	}, then)
}

func TestMetrics(t *testing.T) {
	w := watch(t)
	giosg := souk.Delivery{ID: souk.NewID(), Webhook: souk.NewID(), App: souk.NewID(), Dialect: souk.Giosg, CreatedAt: time.Now()}
	slack := souk.Delivery{ID: souk.NewID(), Webhook: souk.NewID(), App: souk.NewID(), Dialect: souk.Slack, CreatedAt: time.Now()}
	try(t, w, giosg, 0, souk.OK, souk.DeliverySuccessful)
	try(t, w, giosg, 0, souk.BadStatus, souk.DeliveryPending)
	try(t, w, giosg, 1, souk.BadStatus, souk.DeliveryExhausted)
	try(t, w, slack, 0, souk.HeaderTimeout, souk.DeliveryHeld)
	w.Recorded(3, time.Millisecond, nil)
	w.Recorded(5, time.Second, errors.New("disk full"))
	now := time.Now()
	w.Observe(func() telemetry.State {
		return telemetry.State{
			Lanes: map[string]int{"idle": 7, "open": 2}, Waiting: 11, Flying: 4, Unrecorded: 3,
			OldestDue: now.Add(-time.Minute), RecordedAt: time.Unix(1700000000, 0), LateBy: 2 * time.Second,
		}
	})
	all := scrape(t, w)
	for _, tt := range []struct {
		name   string
		labels []string
		want   float64
	}{
		{"souk_attempts_total", []string{"giosg", "ok"}, 1},
		{"souk_attempts_total", []string{"giosg", "status"}, 2},
		{"souk_attempts_total", []string{"slack", "header_timeout"}, 1},
		{"souk_deliveries_ended_total", []string{"giosg", "successful"}, 1},
		{"souk_deliveries_ended_total", []string{"giosg", "exhausted"}, 1},
		{"souk_deliveries_ended_total", []string{"giosg", "pending"}, -1},
		{"souk_deliveries_ended_total", []string{"slack", "held"}, -1},
		{"souk_delivery_latency_seconds", []string{"giosg"}, 2},
		{"souk_delivery_latency_seconds", []string{"slack"}, 1},
		{"souk_attempt_duration_seconds", []string{"giosg"}, 3},
		{"souk_recorder_batch", nil, 1},
		{"souk_recorder_commit_seconds", nil, 2},
		{"souk_recorder_failures_total", nil, 1},
		{"souk_deliveries_due", nil, 11},
		{"souk_deliveries_in_flight", nil, 4},
		{"souk_recorder_waiting", nil, 3},
		{"souk_recorder_lag_seconds", nil, 2},
		{"souk_recorder_last_commit_timestamp_seconds", nil, 1700000000},
		{"souk_lanes", []string{"idle"}, 7},
		{"souk_lanes", []string{"open"}, 2},
	} {
		if got := value(all, tt.name, tt.labels...); got != tt.want {
			t.Errorf("%s%q is %v, want %v", tt.name, tt.labels, got, tt.want)
		}
	}
	if oldest := value(all, "souk_delivery_oldest_due_seconds"); oldest < 60 || oldest > 90 {
		t.Errorf("the oldest has been due for %v s", oldest)
	}
	for _, name := range []string{"go_goroutines", "process_cpu_seconds_total", "go_build_info"} {
		if all[name] == nil {
			t.Errorf("no %s", name)
		}
	}
	latency := all["souk_delivery_latency_seconds"].GetMetric()[0].GetHistogram()
	if first := latency.GetBucket()[0].GetUpperBound(); first != .0005 || latency.GetSampleSum() != .006 {
		t.Errorf("latencies from %v, %v altogether", first, latency.GetSampleSum())
	}
}

// With nothing due the oldest is of no age, and before the first commit there is no
// last one.
func TestMetricsOfAnIdleCourier(t *testing.T) {
	w := watch(t)
	w.Observe(func() telemetry.State { return telemetry.State{} })
	all := scrape(t, w)
	for _, name := range []string{"souk_delivery_oldest_due_seconds", "souk_recorder_last_commit_timestamp_seconds"} {
		if got := value(all, name); got != 0 {
			t.Errorf("%s is %v", name, got)
		}
	}
}

func TestMetricsAreWellNamed(t *testing.T) {
	w := watch(t)
	exercise(t, w)
	all := scrape(t, w)
	problems, err := promlint.NewWithMetricFamilies(slices.Collect(maps.Values(all))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	ours := 0
	for name, family := range all {
		if !strings.HasPrefix(name, "souk_") {
			continue
		}
		ours++
		if help := family.GetHelp(); !strings.HasSuffix(help, ".") {
			t.Errorf("%s says %q", name, help)
		}
	}
	if ours != 16 {
		t.Errorf("%d metrics of ours, want 16", ours)
	}
}

// Whatever strangers and apps choose, there are no more series than before.
func TestMetricsHaveFewSeries(t *testing.T) {
	w := watch(t)
	exercise(t, w)
	before := series(scrape(t, w))
	for range 50 {
		exercise(t, w)
	}
	if after := series(scrape(t, w)); after != before {
		t.Errorf("%d series have become %d", before, after)
	}
}

// exercise has everything happen once, about other things each time.
func exercise(t *testing.T, w *telemetry.Telemetry) {
	t.Helper()
	for _, dialect := range []souk.Dialect{souk.Native, souk.Slack, souk.Giosg, souk.TriggerCall} {
		d := souk.Delivery{ID: souk.NewID(), Webhook: souk.NewID(), App: souk.NewID(), Event: souk.NewID(), Dialect: dialect, Resource: souk.NewID().String(), CreatedAt: time.Now()}
		try(t, w, d, 0, souk.OK, souk.DeliverySuccessful)
	}
	w.Recorded(4, time.Millisecond, nil)
	if value(scrape(t, w), "souk_lanes", "idle") < 0 {
		w.Observe(func() telemetry.State { return telemetry.State{Lanes: map[string]int{"idle": 1}} })
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /apps/{app}", func(http.ResponseWriter, *http.Request) {})
	h := w.HTTP(mux)
	for _, method := range []string{"GET", "BREW" + strings.ReplaceAll(souk.NewID().String(), "-", "")} {
		for _, path := range []string{"/apps/" + souk.NewID().String(), "/" + souk.NewID().String()} {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, path, nil))
		}
	}
}

func series(all map[string]*dto.MetricFamily) (n int) {
	for _, family := range all {
		n += len(family.GetMetric())
	}
	return n
}

// Where nothing is collected nothing is shown, and whoever tells it loses nothing.
func TestNoMetrics(t *testing.T) {
	w, err := telemetry.New(t.Context(), telemetry.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	try(t, w, souk.Delivery{}, 0, souk.OK, souk.DeliverySuccessful)
	w.Recorded(1, time.Second, nil)
	w.Observe(func() telemetry.State { return telemetry.State{} })
	answer := httptest.NewRecorder()
	w.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	if answer.Code != http.StatusNotFound {
		t.Errorf("/metrics answers %d", answer.Code)
	}
	if err := w.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
