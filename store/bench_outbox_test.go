package store_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

// BenchmarkOutbox puts 64 deliveries with bodies of 1 KB into the outbox in one
// transaction, and records in another that all of them succeeded: what is told is
// a delivery's share of it, of the processor and of the disk.
func BenchmarkOutbox(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "bench.db")
		benchmarkOutbox(b, path, func(*store.DB) int64 {
			info, err := os.Stat(path)
			if err != nil {
				b.Fatal(err)
			}
			return info.Size()
		})
	})
	b.Run("postgres", func(b *testing.B) {
		benchmarkOutbox(b, souktest.Postgres(b), func(db *store.DB) (size int64) {
			if err := db.Read(b.Context(), func(tx *store.Tx) error {
				return tx.Row(`SELECT pg_database_size(current_database())`).Scan(&size)
			}); err != nil {
				b.Fatal(err)
			}
			return size
		})
	})
}

func benchmarkOutbox(b *testing.B, address string, size func(*store.DB) int64) {
	const batch = 64
	db := benchDB(b, address)
	hooks := make([]souk.ID, 16)
	for i := range hooks {
		hooks[i] = souk.NewID()
	}
	before, used := size(db), processor(b)
	b.ResetTimer()
	for range b.N {
		at := time.Now().UTC().Truncate(time.Microsecond)
		all := make([]souk.Delivery, batch)
		moves := make([]store.Progress, batch)
		for i := range all {
			d := due(hooks[i%len(hooks)], at)
			d.App, d.Dialect, d.Installation, d.Body = hooks[i%len(hooks)], souk.Native, hooks[0], make([]byte, 1024)
			all[i] = d
		}
		if err := db.Record(b.Context(), func(tx *store.Tx) (err error) {
			all, err = tx.InsertDeliveries(all)
			return err
		}); err != nil {
			b.Fatal(err)
		}
		for i, d := range all {
			moves[i] = ends(d)
			*moves[i].Attempt = souk.Attempt{
				ID: d.Entry, Delivery: d.ID, Dialect: d.Dialect, App: d.App, Webhook: d.Webhook, URL: "https://receiver.example/souk/webhook",
				Outcome: souk.OK, Status: 200, ListedAt: at, StartedAt: at, Duration: time.Millisecond,
			}
		}
		if err := db.Record(b.Context(), func(tx *store.Tx) error {
			_, err := tx.Record(hooks[0], at, moves)
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	deliveries := float64(b.N * batch)
	b.ReportMetric(deliveries/b.Elapsed().Seconds(), "deliveries/s")
	b.ReportMetric(float64((processor(b)-used).Microseconds())/deliveries, "µs-CPU/delivery")
	b.ReportMetric(float64(size(db)-before)/deliveries, "B-disk/delivery")
}

// processor is what this process has used of it, not what a server has.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
