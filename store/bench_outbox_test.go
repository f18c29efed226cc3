package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

// BenchmarkOutbox puts 64 deliveries with bodies of 1 KB into the outbox in one
// transaction, and records in another that all of them succeeded: what is told is
// a delivery's share of it, of the processor and of the disk. Each is of an event of
// its own, or four tell the same.
func BenchmarkOutbox(b *testing.B) {
	benchmarkOutboxes(b, "", 1)
	benchmarkOutboxes(b, ", shared", 4)
}

func benchmarkOutboxes(b *testing.B, name string, tellers int) {
	for _, callers := range []int{1, 4} {
		b.Run(fmt.Sprintf("sqlite, %d at once%s", callers, name), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "bench.db")
			benchmarkOutbox(b, path, callers, tellers, func(*store.DB) int64 {
				info, err := os.Stat(path)
				if err != nil {
					b.Fatal(err)
				}
				return info.Size()
			})
		})
	}
	b.Run("postgres"+name, func(b *testing.B) {
		benchmarkOutbox(b, souktest.Postgres(b), 1, tellers, func(db *store.DB) (size int64) {
			if err := db.Read(b.Context(), func(tx *store.Tx) error {
				return tx.Row(`SELECT pg_database_size(current_database())`).Scan(&size)
			}); err != nil {
				b.Fatal(err)
			}
			return size
		})
	})
}

func benchmarkOutbox(b *testing.B, address string, callers, tellers int, size func(*store.DB) int64) {
	const batch = 64
	db := benchDB(b, address)
	hooks := make([]souk.ID, 16)
	for i := range hooks {
		hooks[i] = souk.NewID()
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	var all sync.WaitGroup
	before, used := size(db), processor(b)
	b.ResetTimer()
	for range callers {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if err := throughOutbox(b.Context(), db, hooks, batch, tellers); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	deliveries := float64(b.N * batch)
	b.ReportMetric(deliveries/b.Elapsed().Seconds(), "deliveries/s")
	b.ReportMetric(float64((processor(b)-used).Microseconds())/deliveries, "µs-CPU/delivery")
	b.ReportMetric(float64(size(db)-before)/deliveries, "B-disk/delivery")
}

// throughOutbox puts so many deliveries into the outbox and records that they
// succeeded.
func throughOutbox(ctx context.Context, db *store.DB, hooks []souk.ID, batch, tellers int) error {
	at := time.Now().UTC().Truncate(time.Microsecond)
	all := make([]souk.Delivery, batch)
	moves := make([]store.Progress, batch)
	for i := range all {
		d := due(hooks[i%len(hooks)], at)
		d.App, d.Dialect, d.Installation, d.Body = hooks[i%len(hooks)], souk.Native, hooks[0], make([]byte, 1024)
		if i%tellers > 0 {
			d.Event, d.Body = all[i-1].Event, all[i-1].Body
		}
		all[i] = d
	}
	if err := db.Record(ctx, func(tx *store.Tx) (err error) {
		all, err = tx.InsertDeliveries(all)
		return err
	}); err != nil {
		return err
	}
	for i, d := range all {
		moves[i] = ends(d)
		*moves[i].Attempt = souk.Attempt{
			ID: d.Entry, Delivery: d.ID, Dialect: d.Dialect, App: d.App, Webhook: d.Webhook, URL: "https://receiver.example/souk/webhook",
			Outcome: souk.OK, Status: 200, ListedAt: at, StartedAt: at, Duration: time.Millisecond,
		}
	}
	return db.Record(ctx, func(tx *store.Tx) error {
		_, err := tx.Record(hooks[0], at, moves)
		return err
	})
}

// processor is what this process has used of it, not what a server has.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
