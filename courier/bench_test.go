package courier

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

// BenchmarkCourier delivers a backlog to receivers on this machine: per
// delivery 1 KB of body, a signature, an exchange, and what is recorded.
func BenchmarkCourier(b *testing.B) {
	for _, webhooks := range []int{2, 50} {
		for _, engine := range []string{"sqlite", "postgres"} {
			b.Run(fmt.Sprintf("%s/webhooks=%d", engine, webhooks), func(b *testing.B) {
				address := b.TempDir() + "/souk.db"
				if engine == "postgres" {
					address = souktest.Postgres(b)
				}
				db := must(store.Open(b.Context(), address))
				defer db.Close()
				w := newWorld(b, db, address)
				var left atomic.Int64
				done := make(chan struct{})
				server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					io.Copy(io.Discard, r.Body)
					if left.Add(-1) == 0 {
						close(done)
					}
				}))
				defer server.Close()
				c := w.courierTo(NewClient(ClientOptions{AllowPrivate: true}))
				var hooks []souk.Webhook
				for range webhooks {
					hooks = append(hooks, w.hookAt(server.URL, souk.Native))
				}
				body := []byte(strings.Repeat("x", 1<<10))
				n := b.N
				left.Store(int64(n))
				for n > 0 {
					var some []souk.Delivery
					for range min(n, 1000) {
						d := w.draft(hooks[n%webhooks])
						d.Body = body
						some = append(some, d)
						n--
					}
					w.put(some...)
				}
				stop := start(c)
				b.ResetTimer()
				began := time.Now()
				c.Wake()
				<-done
				if err := stop(); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "deliveries/s")
			})
		}
	}
}
