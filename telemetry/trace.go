package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime/debug"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// traceparent is the W3C header that names a trace and the span that caused what
// comes with it. Its kin, tracestate and baggage, go no further than to us.
const traceparent = "traceparent"

// w3c reads and spells it.
var w3c propagation.TraceContext

// Traceparent is what the receiver of something that ctx causes should be told,
// "" when there is no trace. It names the current span, and where traces are off
// the one that the caller brought, unchanged: who only hands on a trace leaves no
// gap in it.
func Traceparent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	w3c.Inject(ctx, carrier)
	return carrier[traceparent]
}

// following is ctx in the trace that parent names; what cannot be read names
// none.
func following(ctx context.Context, parent string) context.Context {
	return w3c.Extract(ctx, propagation.MapCarrier{traceparent: parent})
}

// tracesWanted reports whether spans are to be sent anywhere.
func tracesWanted(endpoint string) (bool, error) {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return false, nil
	}
	switch exporter := os.Getenv("OTEL_TRACES_EXPORTER"); exporter {
	case "", "otlp":
	case "none":
		return false, nil
	default:
		return false, fmt.Errorf("OTEL_TRACES_EXPORTER is %q: souk knows otlp and none", exporter)
	}
	if endpoint != "" {
		if u, err := url.Parse(endpoint); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.RawQuery != "" {
			return false, errors.New("the collector's address must be an http or https URL without a query")
		}
	} else if first("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT") == "" {
		return false, nil
	}
	if protocol := first("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"); protocol == "grpc" {
		return false, errors.New("OTEL_EXPORTER_OTLP_PROTOCOL is grpc: souk sends OTLP over HTTP alone")
	}
	return true, nil
}

// first is the first of some variables that says something.
func first(variables ...string) string {
	for _, name := range variables {
		if value := os.Getenv(name); value != "" {
			return value
		}
	}
	return ""
}

// newProvider makes spans and sends them in batches. How many and how often, and
// which are sampled, the SDK reads from the environment.
func newProvider(ctx context.Context, endpoint string) (*sdktrace.TracerProvider, error) {
	var options []otlptracehttp.Option
	if endpoint != "" {
		options = append(options, otlptracehttp.WithEndpointURL(strings.TrimSuffix(endpoint, "/")+"/v1/traces"))
	}
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, err
	}
	us, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "souk"), attribute.String("service.version", version())),
		resource.WithFromEnv(), // last, so that it wins
	)
	if err != nil {
		return nil, err
	}
	return sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(us)), nil
}

// version is that of the binary, as far as it knows.
func version() string {
	if build, ok := debug.ReadBuildInfo(); ok {
		return build.Main.Version
	}
	return ""
}
