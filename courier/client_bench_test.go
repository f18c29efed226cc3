package courier

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"souk"
)

// BenchmarkDo compares Client.Do with what no client can do without: the
// round trip of a transport that keeps its connections, 1 KB each way out, with
// the headers of a signed notification.
func BenchmarkDo(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "ok")
	}))
	defer server.Close()
	body := bytes.Repeat([]byte("x"), 1<<10)
	header := func() http.Header {
		return http.Header{
			"Content-Type": {"application/json"}, "User-Agent": {"Souk"}, "Webhook-Id": {"msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"},
			"Webhook-Timestamp": {"1674087231"}, "Webhook-Signature": {"v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="},
		}
	}
	const atOnce = 16 // a processor
	cpu := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}

	b.Run("bare", func(b *testing.B) {
		t := &http.Transport{MaxIdleConns: maxKept, MaxIdleConnsPerHost: maxKeptPlace}
		defer t.CloseIdleConnections()
		b.ReportAllocs()
		b.SetParallelism(atOnce)
		began := cpu()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				q, err := http.NewRequestWithContext(b.Context(), http.MethodPost, server.URL, bytes.NewReader(body))
				if err != nil {
					b.Error(err)
					return
				}
				q.Header = header()
				a, err := t.RoundTrip(q)
				if err != nil {
					b.Error(err)
					return
				}
				io.Copy(io.Discard, a.Body)
				a.Body.Close()
			}
		})
		b.ReportMetric(float64(cpu()-began)/float64(b.N), "cpu-ns/op")
	})
	for _, by := range []struct {
		name    string
		connect time.Duration
	}{{"do", 0}, {"do with a bound on connecting", 5 * time.Second}} {
		b.Run(by.name, func(b *testing.B) {
			c := open()
			defer c.Close()
			b.ReportAllocs()
			b.SetParallelism(atOnce)
			began := cpu()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					q := Request{URL: server.URL, Header: header(), Body: body, Timeout: 15 * time.Second, Connect: by.connect}
					if r := c.Do(b.Context(), q); r.Outcome != souk.OK {
						b.Errorf("%s: %v", r.Outcome, r.Err)
						return
					}
				}
			})
			b.ReportMetric(float64(cpu()-began)/float64(b.N), "cpu-ns/op")
		})
	}
}
