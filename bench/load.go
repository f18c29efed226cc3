package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// request is one call to make.
type request struct {
	method, url, token string
	body, contentType  string
	status             int    // that it shall be answered with
	begins             string // how the answer shall begin
}

// slackCall is a call as Slack's clients make it: a form, and the token in a
// header.
func slackCall(url, token string, form url.Values) request {
	return request{
		method: http.MethodPost, url: url, token: token, body: form.Encode(), contentType: "application/x-www-form-urlencoded",
		status: http.StatusOK, begins: `{"ok":true`,
	}
}

// giosgCall is a call of the giosg face; body is JSON, or there is none.
func giosgCall(method, url, token, body string) request {
	r := request{method: method, url: url, token: token, body: body, contentType: "application/json", status: http.StatusOK, begins: `{"`}
	switch method {
	case http.MethodPost:
		r.status = http.StatusCreated
	case http.MethodDelete:
		r.status, r.begins = http.StatusNoContent, ""
	}
	return r
}

// figures are what a load showed.
type figures struct {
	calls           int
	took            time.Duration
	p50, p99, worst time.Duration
}

// sum makes figures of how long each call took, and all of them.
func sum(each []time.Duration, took time.Duration) (f figures, err error) {
	if len(each) == 0 {
		return f, errors.New("nothing was called")
	}
	slices.Sort(each)
	return figures{len(each), took, each[len(each)/2], each[len(each)*99/100], each[len(each)-1]}, nil
}

func (f figures) row(name, beside string) string {
	return fmt.Sprintf("| %s | %.0f | %s | %s | %s | %s |", name, float64(f.calls)/f.took.Seconds(),
		brief(f.p50), brief(f.p99), brief(f.worst), beside)
}

func brief(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

// newClient makes a client that keeps so many connections.
func newClient(connections int) (client *http.Client, done func()) {
	transport := &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}
	return &http.Client{Transport: transport, Timeout: time.Minute}, transport.CloseIdleConnections
}

// load makes n calls from so many clients at once, each on a connection of its
// own, and measures each. next gives the i-th call. An answer that is not the
// expected one ends it.
func load(ctx context.Context, clients, n int, next func(i int) request) (figures, error) {
	return loadWhile(ctx, clients, func(i int) bool { return i < n }, next)
}

// loadWhile makes calls as long as there shall be more.
func loadWhile(ctx context.Context, clients int, more func(i int) bool, next func(i int) request) (figures, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	client, done := newClient(clients)
	defer done()

	var taken atomic.Int64
	took := make([][]time.Duration, clients)
	var wait sync.WaitGroup
	began := time.Now()
	for c := range clients {
		wait.Go(func() {
			for ctx.Err() == nil {
				i := int(taken.Add(1) - 1)
				if !more(i) {
					return
				}
				start := time.Now()
				if _, err := call(ctx, client, next(i)); err != nil {
					cancel(err)
					return
				}
				took[c] = append(took[c], time.Since(start))
			}
		})
	}
	wait.Wait()
	all := time.Since(began)
	if err := context.Cause(ctx); err != nil {
		return figures{}, err
	}
	return sum(slices.Concat(took...), all)
}

// call makes one call and reads the answer whole.
func call(ctx context.Context, client *http.Client, r request) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, strings.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	if r.body != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	answer, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return nil, err
	}
	if answer.StatusCode != r.status || !strings.HasPrefix(string(body), r.begins) {
		return nil, fmt.Errorf("%s %s answered %d: %.200s", r.method, r.url, answer.StatusCode, body)
	}
	return body, nil
}
