package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"souk"
	"souk/courier"
	"souk/souktest"
	"souk/store"
	"souk/web"
)

// Stopping takes 30 s at most, in all, whatever hangs: what people are told who
// write the units that stop servers.
func TestStoppingHasABudget(t *testing.T) {
	if sum := turnTime + courier.StopTime; sum >= stopTime || web.DrainTime >= stopTime || stopTime >= 30*time.Second {
		t.Errorf("%s until deliveries stop, %s for them: more than %s", turnTime, courier.StopTime, stopTime)
	}
	tests := []struct {
		name     string
		request  time.Duration // that one takes
		database time.Duration // that one who reads in it takes
		takes    time.Duration
		delivers time.Duration // for as long deliveries are taken on
		cut      bool
	}{
		{"nothing in hand", 0, 0, 0, 0, false},
		{"a request", 3 * time.Second, 0, 3 * time.Second, 3 * time.Second, false},
		{"a long one", 15 * time.Second, 0, 15 * time.Second, turnTime, false},
		{"one that is cut", time.Minute, 0, web.DrainTime, turnTime, true},
		{"a database that hangs", 0, time.Minute, stopTime, 0, true},
		{"both", time.Minute, time.Minute, stopTime, turnTime, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "souk.db")
			synctest.Test(t, func(t *testing.T) {
				log := slog.New(slog.DiscardHandler)
				watched, err := telemetryFlags{}.open(t.Context(), log)
				if err != nil {
					t.Fatal(err)
				}
				n, err := openNode(t.Context(), settings{Database: file, Key: souk.NewKey([souk.KeySize]byte{1}), URL: "http://souk.example", Watched: watched, Log: log})
				if err != nil {
					t.Fatal(err)
				}
				n.handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { time.Sleep(tt.request) })
				wire := souktest.NewWire()
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() {
					ended <- within(ctx, stopTime, func() error { return errors.Join(n.run(ctx, wire), n.close()) })
				}()
				time.Sleep(time.Second)
				if tt.request > 0 {
					client := http.Client{Transport: &http.Transport{DialContext: wire.Dial, DisableKeepAlives: true}}
					go func() {
						if answer, err := client.Get("http://souk.example/"); err == nil {
							answer.Body.Close()
						}
					}()
				}
				if tt.database > 0 {
					go n.db.Read(t.Context(), func(*store.Tx) error { time.Sleep(tt.database); return nil })
				}
				time.Sleep(time.Millisecond)
				began := time.Now()
				cancel()
				delivered := make(chan time.Duration, 1)
				go func() {
					for n.courier.State().Lanes != nil {
						time.Sleep(10 * time.Millisecond)
					}
					delivered <- time.Since(began)
				}()
				err = <-ended
				takes := time.Since(began)
				const poll = 600 * time.Millisecond // of net/http, whether requests have drained
				if off := takes - tt.takes; off < -10*time.Millisecond || off > poll || (err != nil) != tt.cut {
					t.Errorf("stopped after %s, not %s: %v", takes, tt.takes, err)
				}
				if off := <-delivered - tt.delivers; off < -10*time.Millisecond || off > poll {
					t.Errorf("delivered for %s, and %s", tt.delivers, off)
				}
				time.Sleep(2 * time.Minute) // until what hung has ended
				watched.close()
			})
		})
	}
}
