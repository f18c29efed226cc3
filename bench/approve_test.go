package main

import (
	"net/netip"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
)

// The verb without HTTP: 32 callers, each approving requests of its own tenant
// with two subscribers.

func BenchmarkApproveSQLite(b *testing.B) { approve(b, filepath.Join(b.TempDir(), "souk.db")) }

func BenchmarkApprovePostgres(b *testing.B) { approve(b, souktest.Postgres(b)) }

func approve(b *testing.B, address string) {
	const callers = 32
	db, err := store.Open(b.Context(), address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	key := souk.NewKey([souk.KeySize]byte{1})
	tenants, err := seed(b.Context(), db, key, callers, b.N/callers+1, "http://127.0.0.1:1/sink")
	if err != nil {
		b.Fatal(err)
	}
	m := &market.Market{DB: db, Key: key, Wires: map[souk.Dialect]market.Wire{souk.Native: {
		Name:   func(k souk.EventKind) string { return string(k) },
		Encode: func(souk.Event, souk.Endpoint) ([]byte, error) { return make([]byte, 1024), nil },
	}}}
	var taken atomic.Int64
	b.SetParallelism(callers / 2) // times GOMAXPROCS, which is 2 where we measure
	b.ResetTimer()
	before := cpu(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			n := int(taken.Add(1) - 1)
			t := tenants[n%callers]
			c, err := m.Authenticate(b.Context(), t.Token, "bench", netip.Addr{})
			if err != nil {
				b.Error(err)
				return
			}
			if _, err := m.Approve(b.Context(), c.Actor, market.Decision{Request: t.Requests[n/callers], At: t.Workspace.ID}); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "approvals/s")
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

// cpu is what this process used so far. Beside the wall clock it tells how much
// of a figure is the machine's other work.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
