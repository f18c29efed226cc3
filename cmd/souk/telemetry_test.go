package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
)

func TestInstruments(t *testing.T) {
	i, err := telemetryFlags{MetricsAddr: "127.0.0.1:0"}.open(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer i.close()
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- i.serve(ctx) }()
	answer, err := http.Get("http://" + i.listener.Addr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || !strings.Contains(string(text), "souk_recorder_batch_count 0") {
		t.Errorf("%v\n%s", err, text)
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestNoInstruments(t *testing.T) {
	i, err := telemetryFlags{}.open(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer i.close()
	if err := i.serve(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestInstrumentsRefused(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, err = telemetryFlags{MetricsAddr: taken.Addr().String()}.open(t.Context(), slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "--metrics-addr") {
		t.Errorf("an address that is taken: %v", err)
	}
	var usage badText
	if _, err := (telemetryFlags{OTelEndpoint: "collector"}).open(t.Context(), slog.New(slog.DiscardHandler)); !errors.As(err, &usage) {
		t.Errorf("no address of a collector: %v", err)
	}
}
