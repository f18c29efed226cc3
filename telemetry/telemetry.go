// Package telemetry tells operators how a node fares: numbers that Prometheus
// scrapes, and spans that an OpenTelemetry collector is sent. It is told what
// happens by plain functions that main hands to the courier, the market and the
// faces, so that none of them learns how it is counted.
//
// Nothing here has a label whose values other people choose: no id of an app or a
// webhook, no path, no host. Those are on the log's lines and, of one delivery, on
// its spans. See docs/operations.md, "Metrics" and "Traces", and
// docs/decisions/0041-what-operators-measure.md.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// FlushTime is how long Close waits for a collector to take the last spans.
const FlushTime = 5 * time.Second

// Options say what is told, and to whom.
type Options struct {
	// Metrics has numbers collected, for Handler to show.
	Metrics bool
	// Endpoint is the base address of an OpenTelemetry collector that takes OTLP
	// over HTTP, such as http://127.0.0.1:4318. "": what the environment says.
	Endpoint string
	// Note puts a field on the access line of the request that a context belongs to;
	// may be nil.
	Note func(ctx context.Context, key string, value any)
	// Log is told, as warnings, when spans or numbers cannot be handed over.
	Log *slog.Logger
}

// Telemetry watches one node. With neither metrics nor traces asked for it does
// no more than hand on the trace that a caller brought. It is safe for concurrent
// use.
type Telemetry struct {
	numbers  *numbers                 // nil: not collected
	provider *sdktrace.TracerProvider // nil: no traces
	tracer   trace.Tracer
	note     func(context.Context, string, any)
}

// New begins to watch. Traces go to o.Endpoint, else to where the environment
// says (OTEL_EXPORTER_OTLP_ENDPOINT and its kin), else nowhere; no collector has to
// be there yet. It fails when what the environment asks for cannot be done. Close
// it.
func New(ctx context.Context, o Options) (*Telemetry, error) {
	t := &Telemetry{note: o.Note}
	if t.note == nil {
		t.note = func(context.Context, string, any) {}
	}
	if o.Metrics {
		t.numbers = newNumbers(o.Log)
	}
	wanted, err := tracesWanted(o.Endpoint)
	if err != nil || !wanted {
		return t, err
	}
	// What the SDK cannot hand over it tells one handler for all of the process.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		o.Log.Warn("traces are not handed over", "err", err)
	}))
	if t.provider, err = newProvider(ctx, o.Endpoint); err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	t.tracer = t.provider.Tracer("souk")
	return t, nil
}

// Close sends what spans are left, for FlushTime at most and not beyond the end
// of ctx. What the collector does not take by then is lost.
func (t *Telemetry) Close(ctx context.Context) error {
	if t.provider == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, FlushTime)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		return errors.Join(errors.New("the last spans were not handed over"), err)
	}
	return nil
}
