package telemetry

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// scrapeTime is how long a scrape may take, and scrapes how many may be in hand.
const (
	scrapeTime = 10 * time.Second
	scrapes    = 4
)

// Bounds of histograms, in seconds but for batches.
var (
	waits    = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}
	attempts = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2, 3, 5, 10, 15} // 3, 10 and 15: where dialects give up
	commits  = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	answers  = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60}
	batches  = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256}
)

// numbers are all that is counted.
type numbers struct {
	registry *prometheus.Registry
	handler  http.Handler

	attempts *prometheus.CounterVec   // dialect, outcome
	ended    *prometheus.CounterVec   // dialect, status
	latency  *prometheus.HistogramVec // dialect
	duration *prometheus.HistogramVec // dialect
	batch    prometheus.Histogram
	commit   prometheus.Histogram
	failed   prometheus.Counter

	requests *prometheus.CounterVec   // route, method, code
	answered *prometheus.HistogramVec // route
}

func newNumbers(log *slog.Logger) *numbers {
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	histograms := func(name, help string, bounds []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: bounds}, labels)
	}
	n := &numbers{
		registry: prometheus.NewRegistry(),
		attempts: counters("souk_attempts_total", "Attempts to deliver that are over, by how they ended.", "dialect", "outcome"),
		ended:    counters("souk_deliveries_ended_total", "Deliveries that an attempt ended, by how. Those that ended without one are not among them.", "dialect", "status"),
		latency:  histograms("souk_delivery_latency_seconds", "From the commit of what caused a delivery until its first attempt begins.", waits, "dialect"),
		duration: histograms("souk_attempt_duration_seconds", "From the beginning of an attempt until its answer was read.", attempts, "dialect"),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "souk_recorder_batch", Help: "Outcomes that the recorder wrote in one transaction.", Buckets: batches}),
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "souk_recorder_commit_seconds", Help: "How long a transaction of the recorder took.", Buckets: commits}),
		failed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "souk_recorder_failures_total", Help: "Transactions of the recorder that failed. Their outcomes are tried again."}),
		requests: counters("souk_http_requests_total", "HTTP requests that were answered.", "route", "method", "code"),
		answered: histograms("souk_http_request_duration_seconds", "How long it took to answer an HTTP request.", answers, "route"),
	}
	n.registry.MustRegister(
		n.attempts, n.ended, n.latency, n.duration, n.batch, n.commit, n.failed, n.requests, n.answered,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewBuildInfoCollector(),
	)
	n.handler = promhttp.HandlerFor(n.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), MaxRequestsInFlight: scrapes, Timeout: scrapeTime,
	})
	return n
}

// Handler answers GET /metrics in the text format of Prometheus, and 404 where no
// metrics are collected. It asks for no token: serve it where operators alone can
// reach it.
func (t *Telemetry) Handler() http.Handler {
	mux := http.NewServeMux()
	if t.numbers != nil {
		mux.Handle("GET /metrics", t.numbers.handler)
	}
	return mux
}
