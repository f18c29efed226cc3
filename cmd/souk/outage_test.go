package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"souk/souktest"
)

// A server outlasts that its database is gone, full, or locked by somebody else:
// it refuses what it cannot keep, says so where it is asked whether it is ready,
// and goes on by itself. Nothing is lost, and nothing comes twice.
func TestOutages(t *testing.T) {
	t.Parallel()
	t.Run("gone", func(t *testing.T) {
		t.Parallel()
		cluster, err := souktest.StartPostgres(false)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := cluster.Stop(); err != nil {
				t.Error(err)
			}
		})
		outlast(t, cluster.Address, func(h *house) (mend func()) {
			if err := cluster.Halt(); err != nil {
				t.Fatal(err)
			}
			h.awaitReady(http.StatusServiceUnavailable)
			return func() {
				if err := cluster.Resume(); err != nil {
					t.Fatal(err)
				}
			}
		})
	})
	// Whoever can read is not called unready before nothing was written for 10 s.
	notSoon := func(h *house) {
		if *outage > 20*time.Second {
			h.awaitReady(http.StatusServiceUnavailable)
		}
	}
	t.Run("full", func(t *testing.T) {
		souktest.EachAddress(t, func(t *testing.T, address string) {
			t.Parallel()
			outlast(t, address, func(h *house) (mend func()) {
				mend = h.site.fill(t, h.server)
				var no unexpected
				h.until("a full disk is told", func() bool {
					err := h.publish(t.Context(), "", h.fresh(1)...)
					return errors.As(err, &no) && no.status == http.StatusServiceUnavailable
				})
				notSoon(h)
				return mend
			})
		})
	})
	t.Run("locked", func(t *testing.T) {
		souktest.EachAddress(t, func(t *testing.T, address string) {
			t.Parallel()
			outlast(t, address, func(h *house) (mend func()) {
				mend = h.site.lock(t)
				notSoon(h)
				return mend
			})
		})
	})
}

// outlast breaks a database under a server that has much to do, for a while.
func outlast(t *testing.T, address string, spoil func(*house) (mend func())) {
	h := newHouse(t, address, rand.New(rand.NewPCG(seed(t), 0)))
	h.box.slow = hesitate
	h.up()
	const enough = 40
	taken, stop := h.traffic()
	for range enough {
		h.wait(taken)
	}
	began := time.Now()
	mend := spoil(h)
	if left := *outage - time.Since(began); left > 0 {
		<-time.After(left)
	}
	if status, body := get(t, h.server.Base+"/healthz"); status != http.StatusOK {
		t.Errorf("/healthz says %d %q", status, body)
	}
	mend()
	h.awaitReady(http.StatusOK)
	began = time.Now()
	for range enough {
		h.wait(taken)
	}
	stop()
	h.idle()
	t.Logf("%s later all was delivered", time.Since(began).Round(time.Millisecond))
	h.server.stop(t)
	h.reckon()
}

func (h *house) awaitReady(want int) {
	h.t.Helper()
	h.until(fmt.Sprintf("/readyz says %d", want), func() bool {
		status, _ := get(h.t, h.server.Base+"/readyz")
		return status == want
	})
}

// traffic are people who publish until they are stopped. What was refused, or
// was not answered, they ask for again with the same key. taken has a token for
// each call that was answered well, unless nobody takes it.
func (h *house) traffic() (taken <-chan struct{}, stop func()) {
	const people = 4
	well, over := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	for range people {
		all.Go(func() {
			var about []news
			for {
				select {
				case <-over:
					if about == nil {
						return
					}
				default:
				}
				if about == nil {
					about = h.fresh(2)
				}
				err := h.publish(h.t.Context(), "for "+about[0].Resource, about...)
				var no unexpected
				switch {
				case err == nil:
					about = nil
					select {
					case well <- struct{}{}:
					case <-over:
					case <-time.After(time.Millisecond):
					}
				case errors.As(err, &no) && no.status != http.StatusServiceUnavailable && !bytes.Contains(no.body, []byte("outcome-unknown")):
					h.t.Error(err)
					return
				default:
					<-time.After(10 * time.Millisecond)
				}
			}
		})
	}
	return well, func() { close(over); all.Wait() }
}
