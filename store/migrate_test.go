package store_test

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"sync"
	"testing"
	"testing/fstest"

	"souk/souktest"
	"souk/store"
)

// schemaWith is this binary's schema and more steps.
func schemaWith(t *testing.T, more map[string]string) fs.FS {
	t.Helper()
	files := fstest.MapFS{}
	names, err := fs.Glob(store.Migrations(), "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(store.Migrations(), name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: text}
	}
	for name, text := range more {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

func TestMigrations(t *testing.T) {
	souktest.EachAddress(t, func(t *testing.T, address string) {
		tryOpen := func(steps map[string]string) error {
			db, err := store.OpenWith(t.Context(), address, schemaWith(t, steps))
			if err != nil {
				return err
			}
			defer shut(t, db)
			return db.Ping(t.Context())
		}
		steps := map[string]string{
			"9000_notes.sql": notes,
			"9001_more.sql":  "ALTER TABLE test_notes ADD COLUMN more TEXT;\nINSERT INTO test_notes (name, n) VALUES ('a', 0);",
		}
		for range 2 { // the second time there is nothing to do
			if err := tryOpen(steps); err != nil {
				t.Fatal(err)
			}
		}

		broken := maps.Clone(steps)
		broken["9002_broken.sql"] = "INSERT INTO test_notes (name, n) VALUES ('b', 0);\nALTER TABLE test_notes ADD COLUMN half TEXT;\nINSERT INTO nowhere VALUES (1);"
		if err := tryOpen(broken); err == nil {
			t.Error("a broken migration passed")
		}
		steps["9002_broken.sql"] = "ALTER TABLE test_notes ADD COLUMN half TEXT;" // so it is not there
		if err := tryOpen(steps); err != nil {
			t.Error(err)
		}

		edited := maps.Clone(steps)
		edited["9001_more.sql"] += " "
		if err := tryOpen(edited); !errors.Is(err, store.ErrEditedMigration) {
			t.Errorf("an edited migration: %v", err)
		}
		if err := tryOpen(nil); !errors.Is(err, store.ErrNewerSchema) {
			t.Errorf("a newer schema: %v", err)
		}

		db, err := store.OpenWith(t.Context(), address, schemaWith(t, steps))
		if err != nil {
			t.Fatal(err)
		}
		wantNotes(t, db, "a")
		shut(t, db)
	})
}

// TestNodesStartAtOnce has three open one fresh database. A PostgreSQL takes
// all of them; a SQLite file has one.
func TestNodesStartAtOnce(t *testing.T) {
	want := map[string]int{"sqlite": 1, "postgres": 3}
	var engine string
	souktest.EachAddress(t, func(t *testing.T, address string) {
		if engine = "sqlite"; address[0] != '/' {
			engine = "postgres"
		}
		schema := schemaWith(t, map[string]string{
			"9000_notes.sql": notes,
			"9001_more.sql":  "ALTER TABLE test_notes ADD COLUMN more TEXT;",
			"9002_more.sql":  "ALTER TABLE test_notes ADD COLUMN most TEXT;",
		})
		var nodes [3]*store.DB
		var errs [3]error
		var all sync.WaitGroup
		for i := range nodes {
			all.Go(func() { nodes[i], errs[i] = store.OpenWith(context.Background(), address, schema) })
		}
		all.Wait()
		started := 0
		for i, db := range nodes {
			if db != nil {
				started++
				wantNotes(t, db)
				shut(t, db)
			} else if !errors.Is(errs[i], store.ErrHeld) {
				t.Errorf("a node got %v", errs[i])
			}
		}
		if started != want[engine] {
			t.Errorf("%d nodes started", started)
		}
	})
}

// TestTablesAreStrict keeps a text out of a number's column on both engines.
func TestTablesAreStrict(t *testing.T) {
	souktest.EachAddress(t, func(t *testing.T, address string) {
		db, err := store.OpenWith(t.Context(), address, schemaWith(t, map[string]string{"9000_notes.sql": notes}))
		if err != nil {
			t.Fatal(err)
		}
		defer shut(t, db)
		for _, wrong := range []string{"'x', 'abc', NULL", "NULL, 0, NULL"} {
			if err := db.Write(t.Context(), nil, func(tx *store.Tx) error {
				_, err := tx.Exec("INSERT INTO test_notes (name, n, body) VALUES (" + wrong + ")")
				return err
			}); err == nil {
				t.Errorf("the table took %s", wrong)
			}
		}
	})
}

func TestSchemaIsNamedByItsMigrations(t *testing.T) {
	a, err := store.Schema()
	if err != nil || len(a) != 16 {
		t.Errorf("Schema is %q, %v", a, err)
	}
}
