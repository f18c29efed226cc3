package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// sink is a receiver of webhooks that counts.
type sink struct {
	server   *http.Server
	url      string
	received atomic.Int64
	bytes    atomic.Int64 // of their bodies

	open, most atomic.Int64 // connections: now, and at most at once
	heard      atomic.Pointer[func(body []byte, at time.Time)]
}

// bodies are buffers for them.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func startSink() (*sink, error) { return startSinkAt("127.0.0.1:0", 0) }

// startSinkAt starts a receiver that takes its time for an answer.
func startSinkAt(address string, slow time.Duration) (*sink, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	s := &sink{url: "http://" + l.Addr().String() + "/"}
	s.server = &http.Server{ConnState: s.connection, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := bodies.Get().(*bytes.Buffer)
		defer bodies.Put(body)
		body.Reset()
		if _, err := io.Copy(body, r.Body); err == nil {
			if heard := s.heard.Load(); heard != nil {
				(*heard)(body.Bytes(), time.Now())
			}
			s.received.Add(1)
			s.bytes.Add(int64(body.Len()))
		}
		if slow > 0 {
			select {
			case <-time.After(slow):
			case <-r.Context().Done():
			}
		}
		w.WriteHeader(http.StatusNoContent)
	})}
	go s.server.Serve(l)
	return s, nil
}

func (s *sink) connection(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		for n := s.open.Add(1); ; {
			most := s.most.Load()
			if n <= most || s.most.CompareAndSwap(most, n) {
				return
			}
		}
	case http.StateClosed, http.StateHijacked:
		s.open.Add(-1)
	}
}
