package courier

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

// What a benchmark sends: 1 KB with a signature, as most webhooks do.
var benchBody = bytes.Repeat([]byte("x"), 1<<10)

func benchSignature() string {
	mac := hmac.New(sha256.New, []byte("webhook secret"))
	mac.Write(benchBody)
	return hex.EncodeToString(mac.Sum(nil))
}

// sink is a receiver on this machine that closes done after n requests.
func sink(b *testing.B, n int) (url string, done chan struct{}) {
	var left atomic.Int64
	left.Store(int64(n))
	done = make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if left.Add(-1) == 0 {
			close(done)
		}
	}))
	b.Cleanup(server.Close)
	return server.URL, done
}

// measure reports how fast n deliveries went, and the processor's time of each,
// which says more where others share the machine.
func measure(b *testing.B) (report func()) {
	began := processorTime()
	b.ResetTimer()
	return func() {
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
		b.ReportMetric(float64((processorTime()-began).Microseconds())/float64(b.N), "cpu-µs/op")
	}
}

func processorTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkRaw is the limit: as many loops as the courier makes attempts at once,
// which post to the sink and do nothing else.
func BenchmarkRaw(b *testing.B) {
	for _, webhooks := range []int{2, 50} {
		b.Run(fmt.Sprintf("webhooks=%d", webhooks), func(b *testing.B) {
			url, done := sink(b, b.N)
			loops := min(webhooks*perWebhook, usual.flying)
			client := http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: loops}}
			var next atomic.Int64
			var all sync.WaitGroup
			report := measure(b)
			for range loops {
				all.Go(func() {
					for next.Add(1) <= int64(b.N) {
						q, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(benchBody))
						if err != nil {
							panic(err)
						}
						q.Header.Set("X-Signature", benchSignature())
						res, err := client.Do(q)
						if err != nil {
							panic(err)
						}
						io.Copy(io.Discard, res.Body)
						res.Body.Close()
					}
				})
			}
			<-done
			all.Wait()
			report()
			client.CloseIdleConnections()
		})
	}
}

// BenchmarkCourier delivers what is published in batches of 100: per delivery a
// row in the outbox, an exchange, what is recorded and a line in JSON.
func BenchmarkCourier(b *testing.B) {
	for _, webhooks := range []int{2, 50} {
		for _, engine := range []string{"sqlite", "postgres"} {
			b.Run(fmt.Sprintf("%s/webhooks=%d", engine, webhooks), func(b *testing.B) {
				address := b.TempDir() + "/souk.db"
				if engine == "postgres" {
					address = souktest.Postgres(b)
				}
				db := must(store.Open(b.Context(), address))
				b.Cleanup(func() { db.Close() })
				w := newWorld(b, db, address)
				url, done := sink(b, b.N)
				c := w.courierTo(NewClient(ClientOptions{AllowPrivate: true}))
				c.config.Log = slog.New(slog.NewJSONHandler(io.Discard, nil))
				c.config.Prepare = map[souk.Dialect]Prepare{souk.Native: func(o souk.Outgoing) (souk.Prepared, error) {
					return souk.Prepared{Body: o.Delivery.Body, Header: map[string]string{"X-Signature": benchSignature()}}, nil
				}}
				var hooks []souk.Webhook
				for range webhooks {
					hooks = append(hooks, w.hookAt(url, souk.Native))
				}
				stop := start(c)
				report := measure(b)
				w.publish(c, hooks, b.N)
				<-done
				if err := stop(); err != nil {
					b.Fatal(err)
				}
				report()
			})
		}
	}
}

// publish commits and offers n deliveries, no faster than they are taken.
func (w world) publish(c *Courier, hooks []souk.Webhook, n int) {
	for left := n; left > 0; {
		if c.State().Waiting > 2000 {
			time.Sleep(time.Millisecond)
			continue
		}
		var some []souk.Delivery
		for range min(left, 100) {
			d := w.draft(hooks[left%len(hooks)])
			d.Body = benchBody
			some = append(some, d)
			left--
		}
		err := w.db.Write(context.Background(), nil, func(tx *store.Tx) (err error) {
			some, err = tx.InsertDeliveries(some)
			return err
		})
		if err != nil {
			panic(err)
		}
		c.Offer(some)
	}
}
