package store_test

import (
	"path/filepath"
	"testing"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

// BenchmarkDueDeliveries loads 256 deliveries with bodies of 1 KB that are due to one
// webhook of many.
func BenchmarkDueDeliveries(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchmarkDueDeliveries(b, filepath.Join(b.TempDir(), "bench.db")) })
	b.Run("postgres", func(b *testing.B) { benchmarkDueDeliveries(b, souktest.Postgres(b)) })
}

func benchmarkDueDeliveries(b *testing.B, address string) {
	db := benchDB(b, address)
	hooks := make([]souk.ID, 16)
	for i := range hooks {
		hooks[i] = souk.NewID()
	}
	for range 256 {
		all := make([]souk.Delivery, len(hooks))
		for i := range all {
			all[i] = due(hooks[i], noon)
			all[i].Body = make([]byte, 1024)
		}
		if err := db.Record(b.Context(), func(tx *store.Tx) error { return dropped(tx.InsertDeliveries(all)) }); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if err := db.Read(b.Context(), func(tx *store.Tx) error {
			found, err := tx.DueDeliveries(hooks[3], noon.Add(time.Hour), store.Due{}, 256)
			if len(found) != 256 {
				b.Fatalf("%d are due", len(found))
			}
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
}
