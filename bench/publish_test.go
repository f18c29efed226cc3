package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"souk"
	"souk/giosg"
	"souk/market"
	"souk/native"
	"souk/souktest"
	"souk/store"
)

// The verb without HTTP: 64 callers, each telling one thing at a time of 16
// organizations, with a subscriber of each of two dialects.

func BenchmarkPublishSQLite(b *testing.B) { publish(b, filepath.Join(b.TempDir(), "souk.db")) }

func BenchmarkPublishPostgres(b *testing.B) { publish(b, souktest.Postgres(b)) }

func publish(b *testing.B, address string) {
	for _, dialect := range []souk.Dialect{souk.Native, souk.Giosg} {
		b.Run(string(dialect), func(b *testing.B) { publishTo(b, address, dialect) })
	}
}

func publishTo(b *testing.B, address string, dialect souk.Dialect) {
	const callers, orgs = 64, 16
	db, err := store.Open(b.Context(), address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	key := souk.NewKey([souk.KeySize]byte{1})
	m := &market.Market{DB: db, Key: key, Wires: map[souk.Dialect]market.Wire{
		souk.Native: native.Wire(), souk.Giosg: giosg.Wire(key, "http://127.0.0.1"),
	}}
	var at []company
	names := make([]string, orgs)
	for i := range names {
		names[i] = fmt.Sprint(dialect, i)
	}
	if at, err = companies(b.Context(), db, key, names...); err != nil {
		b.Fatal(err)
	}
	if err := souktest.Seed(b.Context(), db, key, func(s *souktest.Seeder) {
		for _, c := range at {
			listener(s, c, dialect, "http://127.0.0.1:1/sink")
		}
	}); err != nil {
		b.Fatal(err)
	}
	var taken atomic.Int64
	b.SetParallelism(callers / 2) // times GOMAXPROCS, which is 2 where we measure
	b.ResetTimer()
	before := cpu(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			n := int(taken.Add(1) - 1)
			told, err := m.Publish(context.Background(), souk.Actor{Platform: true, Kind: souk.PlatformToken}, market.Publishing{Items: []souk.Publication{publication(at[n%orgs], n, 600)}})
			if err != nil || told[0].Deliveries != 1 {
				b.Error(told, err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}
