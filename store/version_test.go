package store_test

import (
	"context"
	"errors"
	"testing"

	"souk/souktest"
	"souk/store"
)

// Whoever was answered by Write finds another version, whatever became of it.
// Others do not make one, and where others write nobody knows.
func TestVersion(t *testing.T) {
	souktest.EachAddress(t, func(t *testing.T, address string) {
		db := openFile(t, address)
		defer shut(t, db)
		makeNotes(t, db)
		ctx := context.Background()
		first, known := db.Version()
		if known == (db.Leased()) {
			t.Fatalf("known: %t", known)
		}
		if !known {
			return
		}
		for what, err := range map[string]error{
			"Record": db.Record(ctx, put("a")), "WriteShared": db.WriteShared(ctx, put("b")),
			"Read": db.Read(ctx, func(*store.Tx) error { return nil }),
		} {
			if now, _ := db.Version(); err != nil || now != first {
				t.Errorf("%s: %v, version %d after %d", what, err, now, first)
			}
		}
		for what, fn := range map[string]func(*store.Tx) error{
			"stored": put("c"), "refused": func(*store.Tx) error { return errRefused }, "failed": put("a"),
		} {
			err := db.Write(ctx, nil, fn)
			now, _ := db.Version()
			if (err == nil) != (what == "stored") || errors.Is(err, errRefused) != (what == "refused") || now <= first {
				t.Errorf("%s: %v, version %d after %d", what, err, now, first)
			}
			first = now
		}
	})
}
