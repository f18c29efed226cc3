package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"souk/telemetry"
	"souk/web"
)

// telemetryFlags say where operators learn how a node fares.
type telemetryFlags struct {
	MetricsAddr  string `env:"SOUK_METRICS_ADDR" help:"Address on which GET /metrics tells Prometheus numbers; default: nowhere."`
	OTelEndpoint string `name:"otel-endpoint" env:"SOUK_OTEL_ENDPOINT" help:"OpenTelemetry collector that takes traces by OTLP over HTTP, such as http://127.0.0.1:4318; default: what OTEL_EXPORTER_OTLP_ENDPOINT says, else none."`
}

// instruments are what a node is watched by, and where its numbers are shown.
type instruments struct {
	*telemetry.Telemetry
	log      *slog.Logger
	listener net.Listener // nil: nowhere
}

// open begins to watch and takes the address for metrics. Close what it returns.
func (f telemetryFlags) open(ctx context.Context, log *slog.Logger) (*instruments, error) {
	t, err := telemetry.New(ctx, telemetry.Options{
		Metrics: f.MetricsAddr != "", Endpoint: f.OTelEndpoint, Note: web.Note, Log: log,
	})
	if err != nil {
		return nil, badText{err}
	}
	i := &instruments{Telemetry: t, log: log}
	if f.MetricsAddr == "" {
		return i, nil
	}
	if i.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", f.MetricsAddr); err != nil {
		return nil, errors.Join(fmt.Errorf("--metrics-addr: %w", err), t.Close(ctx))
	}
	return i, nil
}

// serve answers scrapes until ctx ends, on an address of their own: what they
// tell is no business of the callers of the faces.
func (i *instruments) serve(ctx context.Context) error {
	if i.listener == nil {
		return nil
	}
	return web.NewServer(i.Handler(), i.log).Serve(ctx, i.listener)
}

// close hands over what spans are left. That they are lost is a line in the log
// and no failure of the node.
func (i *instruments) close() {
	if i.listener != nil {
		i.listener.Close() // for the ways out before serve took it
	}
	if err := i.Close(context.Background()); err != nil {
		i.log.Warn("traces are not handed over", "err", err)
	}
}
