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
	url, token string
	form       url.Values
}

// figures are what a load showed.
type figures struct {
	calls           int
	took            time.Duration
	p50, p99, worst time.Duration
}

func (f figures) row(name, beside string) string {
	return fmt.Sprintf("| %s | %.0f | %s | %s | %s | %s |", name, float64(f.calls)/f.took.Seconds(),
		brief(f.p50), brief(f.p99), brief(f.worst), beside)
}

func brief(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

// load makes n calls from so many clients at once, each on a connection of its
// own, and measures each. next gives the i-th call. An answer that is not
// {"ok":true…} ends it.
func load(ctx context.Context, clients, n int, next func(i int) request) (figures, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	transport := &http.Transport{MaxIdleConnsPerHost: clients, MaxConnsPerHost: clients}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: time.Minute}

	var taken atomic.Int64
	took := make([][]time.Duration, clients)
	var wait sync.WaitGroup
	began := time.Now()
	for c := range clients {
		wait.Go(func() {
			for ctx.Err() == nil {
				i := int(taken.Add(1) - 1)
				if i >= n {
					return
				}
				start := time.Now()
				if err := call(ctx, client, next(i)); err != nil {
					cancel(err)
					return
				}
				took[c] = append(took[c], time.Since(start))
			}
		})
	}
	wait.Wait()
	f := figures{calls: n, took: time.Since(began)}
	if err := context.Cause(ctx); err != nil {
		return f, err
	}
	all := slices.Concat(took...)
	slices.Sort(all)
	f.p50, f.p99, f.worst = all[len(all)/2], all[len(all)*99/100], all[len(all)-1]
	return f, nil
}

// call makes one call as Slack's clients do: a form, and the token in a header.
func call(ctx context.Context, client *http.Client, r request) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, strings.NewReader(r.form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "Bearer "+r.token)
	answer, err := client.Do(req)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK || !strings.HasPrefix(string(body), `{"ok":true`) {
		return fmt.Errorf("%s answered %d: %.200s", r.url, answer.StatusCode, body)
	}
	return nil
}
