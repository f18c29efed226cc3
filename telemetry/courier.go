package telemetry

import (
	"context"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"souk"
)

// Begin is called before a request is made for d. It answers with a context that
// is to come back with End, and with the traceparent for the receiver, "" for
// none: the attempt's own span, whose parent is what d was caused by. Where traces
// are off it is what d was caused by.
func (t *Telemetry) Begin(ctx context.Context, d souk.Delivery) (context.Context, string) {
	if d.Trace != "" {
		ctx = following(ctx, d.Trace)
	} else if t.tracer == nil {
		return ctx, ""
	}
	if t.tracer != nil {
		var span trace.Span
		ctx, span = t.tracer.Start(ctx, "deliver "+string(d.Dialect), trace.WithSpanKind(trace.SpanKindClient))
		if span.IsRecording() {
			span.SetAttributes(
				attribute.String("souk.dialect", string(d.Dialect)),
				attribute.String("souk.delivery", d.ID.String()),
				attribute.String("souk.webhook", d.Webhook.String()),
				attribute.Int("souk.attempt", d.Attempts),
			)
		}
	}
	return ctx, Traceparent(ctx)
}

// End is called when the attempt a is over, with the context of Begin; then is
// what became of d.
func (t *Telemetry) End(ctx context.Context, d souk.Delivery, a souk.Attempt, then souk.DeliveryStatus) {
	if n := t.numbers; n != nil {
		dialect := string(d.Dialect)
		n.attempts.WithLabelValues(dialect, string(a.Outcome)).Inc()
		n.duration.WithLabelValues(dialect).Observe(a.Duration.Seconds())
		if a.Number == 0 { // later ones wait on purpose
			n.latency.WithLabelValues(dialect).Observe(max(0, a.StartedAt.Sub(d.CreatedAt)).Seconds())
		}
		if then != souk.DeliveryPending && then != souk.DeliveryHeld {
			n.ended.WithLabelValues(dialect, string(then)).Inc()
		}
	}
	if t.tracer == nil {
		return
	}
	span := trace.SpanFromContext(ctx)
	defer span.End()
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(
		attribute.String("souk.outcome", string(a.Outcome)),
		attribute.String("souk.then", string(then)),
	)
	if u, err := url.Parse(a.URL); err == nil { // a path may be a secret, and a query is one
		span.SetAttributes(attribute.String("server.address", u.Hostname()))
	}
	if a.Status != 0 {
		span.SetAttributes(attribute.Int("http.response.status_code", a.Status))
	}
	if a.Outcome != souk.OK && a.Outcome != souk.AttemptStopped {
		span.SetStatus(codes.Error, string(a.Outcome))
	}
}

// Recorded is called after each transaction that wrote down what became of
// attempts, or failed to.
func (t *Telemetry) Recorded(outcomes int, took time.Duration, err error) {
	n := t.numbers
	if n == nil {
		return
	}
	n.commit.Observe(took.Seconds())
	if err != nil {
		n.failed.Inc()
		return
	}
	n.batch.Observe(float64(outcomes))
}

// State is how a courier stands at a moment.
type State struct {
	Lanes                       map[string]int // how many are in which state
	Waiting, Flying, Unrecorded int            // deliveries: taken up and not sent; being sent; sent and not written down
	OldestDue                   time.Time      // since when the first of those waiting has been due; zero: none waits
	RecordedAt                  time.Time      // last commit of the recorder; zero: none yet
	LateBy                      time.Duration  // how long the oldest outcome has waited for the recorder
}

// Observe has each scrape ask a courier how it stands. Call it once at most.
func (t *Telemetry) Observe(state func() State) {
	if t.numbers != nil {
		t.numbers.registry.MustRegister(standing(state))
	}
}

// standing is a courier's state as Prometheus collects it.
type standing func() State

var (
	dueDesc      = prometheus.NewDesc("souk_deliveries_due", "Deliveries that are due and wait in this node's memory.", nil, nil)
	oldestDesc   = prometheus.NewDesc("souk_delivery_oldest_due_seconds", "How long the oldest of the waiting deliveries has been due.", nil, nil)
	flyingDesc   = prometheus.NewDesc("souk_deliveries_in_flight", "Attempts that this node is making.", nil, nil)
	lanesDesc    = prometheus.NewDesc("souk_lanes", "Endpoints that this node has in hand, by state.", []string{"state"}, nil)
	unwritten    = prometheus.NewDesc("souk_recorder_waiting", "Outcomes of attempts that are not written down yet.", nil, nil)
	lagDesc      = prometheus.NewDesc("souk_recorder_lag_seconds", "How long the oldest outcome has waited to be written down.", nil, nil)
	recordedDesc = prometheus.NewDesc("souk_recorder_last_commit_timestamp_seconds", "When the recorder committed last, 0 while it has not.", nil, nil)
)

// Describe names what Collect will tell.
func (standing) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{dueDesc, oldestDesc, flyingDesc, lanesDesc, unwritten, lagDesc, recordedDesc} {
		to <- d
	}
}

// Collect tells how the courier stands now.
func (s standing) Collect(to chan<- prometheus.Metric) {
	now := s()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	var oldest, recorded float64
	if !now.OldestDue.IsZero() {
		oldest = max(0, time.Since(now.OldestDue)).Seconds()
	}
	if !now.RecordedAt.IsZero() {
		recorded = float64(now.RecordedAt.UnixMilli()) / 1e3
	}
	gauge(dueDesc, float64(now.Waiting))
	gauge(oldestDesc, oldest)
	gauge(flyingDesc, float64(now.Flying))
	gauge(unwritten, float64(now.Unrecorded))
	gauge(lagDesc, now.LateBy.Seconds())
	gauge(recordedDesc, recorded)
	for state, lanes := range now.Lanes {
		gauge(lanesDesc, float64(lanes), state)
	}
}
