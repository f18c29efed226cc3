package store_test

import (
	"context"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

const benchTables = `
CREATE TABLE bench_cases (
	id BYTEA NOT NULL PRIMARY KEY,
	root BYTEA NOT NULL,
	status TEXT NOT NULL,
	created_at BIGINT NOT NULL
);
CREATE TABLE bench_facts (
	id BYTEA NOT NULL PRIMARY KEY,
	case_id BYTEA NOT NULL REFERENCES bench_cases (id),
	body TEXT NOT NULL,
	created_at BIGINT NOT NULL
);
CREATE INDEX bench_facts_by_case ON bench_facts (case_id, created_at);
`

// BenchmarkWrite is a verb of 20 statements, 10 of them questions, from 32
// callers: each in a root org of its own, or all in one.
func BenchmarkWrite(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchmarkWrite(b, filepath.Join(b.TempDir(), "bench.db"), 32) })
	b.Run("postgres", func(b *testing.B) { benchmarkWrite(b, souktest.Postgres(b), 32) })
	b.Run("postgres, one root", func(b *testing.B) { benchmarkWrite(b, souktest.Postgres(b), 1) })
}

func benchmarkWrite(b *testing.B, address string, orgs int) {
	db := benchDB(b, address)
	const callers = 32
	roots := make([]souk.ID, orgs)
	for i := range roots {
		roots[i] = souk.NewID()
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	var all sync.WaitGroup
	b.ResetTimer()
	for i := range callers {
		all.Go(func() {
			root := roots[i%orgs]
			find := func(tx *store.Tx) (store.Locks, error) {
				var n int
				err := tx.Row("SELECT count(*) FROM bench_cases WHERE id = $1", root).Scan(&n)
				return store.Locks{Roots: []souk.ID{root}}, err
			}
			for left.Add(-1) >= 0 {
				if err := db.Write(context.Background(), find, func(tx *store.Tx) error { return benchVerb(tx, root) }); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "verbs/s")
}

// BenchmarkRead is a page of 20 rows of a table that has thousands.
func BenchmarkRead(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchmarkRead(b, filepath.Join(b.TempDir(), "bench.db")) })
	b.Run("postgres", func(b *testing.B) { benchmarkRead(b, souktest.Postgres(b)) })
}

func benchmarkRead(b *testing.B, address string) {
	db := benchDB(b, address)
	ctx := context.Background()
	root := souk.NewID()
	for range 500 {
		if err := db.Write(ctx, nil, func(tx *store.Tx) error { return benchVerb(tx, root) }); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := db.Read(ctx, func(tx *store.Tx) error {
				_, err := tx.Strings("SELECT body FROM bench_facts WHERE created_at > $1 ORDER BY id LIMIT 20", 0)
				return err
			}); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pages/s")
}

func benchDB(b *testing.B, address string) *store.DB {
	db, err := store.Open(b.Context(), address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	if err := db.Record(b.Context(), func(tx *store.Tx) error { return createTables(tx, benchTables) }); err != nil {
		b.Fatal(err)
	}
	return db
}

func benchVerb(tx *store.Tx, root souk.ID) error {
	id, now := souk.NewID(), time.Now().UnixMicro()
	if _, err := tx.Exec("INSERT INTO bench_cases (id, root, status, created_at) VALUES ($1, $2, 'open', $3)", id, root, now); err != nil {
		return err
	}
	for range 8 {
		if _, err := tx.Exec("INSERT INTO bench_facts (id, case_id, body, created_at) VALUES ($1, $2, $3, $4)", souk.NewID(), id, body, now); err != nil {
			return err
		}
	}
	for range 10 {
		var status string
		if err := tx.Row("SELECT status FROM bench_cases WHERE id = $1", id).Scan(&status); err != nil {
			return err
		}
	}
	_, err := tx.Exec("UPDATE bench_cases SET status = 'closed' WHERE id = $1 AND status = 'open'", id)
	return err
}

const body = `{"type":"case.approved","data":{"app":"0198f3b2-0000-7000-8000-000000000001","by":"somebody"}}`
