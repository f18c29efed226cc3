package web

import (
	"context"
	"log/slog"
)

// WithRequestID makes a log handler put the request id of the context on every
// record, so that a face logs a fault with ErrorContext and nothing else, and the
// id that the client was told finds it. Wrapping twice is wrapping once.
func WithRequestID(h slog.Handler) slog.Handler {
	if _, done := h.(idHandler); done {
		return h
	}
	return idHandler{h}
}

type idHandler struct{ slog.Handler }

func (h idHandler) Handle(ctx context.Context, r slog.Record) error {
	if id := RequestID(ctx); id != "" {
		r = r.Clone()
		r.AddAttrs(slog.String("request_id", id))
	}
	return h.Handler.Handle(ctx, r)
}

func (h idHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return idHandler{h.Handler.WithAttrs(attrs)}
}

func (h idHandler) WithGroup(name string) slog.Handler {
	return idHandler{h.Handler.WithGroup(name)}
}
