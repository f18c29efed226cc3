package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"souk/store"
)

// beside opens the file at path once more, past the store: what is committed is
// seen there whether it is on the disk or not.
func beside(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path}).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func namesIn(db *sql.DB) (names []string, err error) {
	rows, err := db.Query("SELECT name FROM test_notes")
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		var name string
		err = errors.Join(err, rows.Scan(&name))
		names = append(names, name)
	}
	return names, errors.Join(err, rows.Err(), rows.Close())
}

// kept is a set of names that many add to.
type kept struct{ names sync.Map }

func (k *kept) add(names ...string) {
	for _, name := range names {
		k.names.Store(name, true)
	}
}

func (k *kept) all() (names []string) {
	k.names.Range(func(name, _ any) bool {
		names = append(names, name.(string))
		return true
	})
	return names
}

// missing is one that k does not have, or "".
func (k *kept) missing(names []string) string {
	for _, name := range names {
		if _, there := k.names.Load(name); !there {
			return name
		}
	}
	return ""
}

// Whatever anybody was told of, was committed before a sync began that has ended.
func TestWhatAnybodyIsToldIsOnTheDisk(t *testing.T) {
	t.Parallel()
	path := file(t)
	db := openFile(t, path)
	defer shut(t, db)
	makeNotes(t, db)
	var safe kept
	outside := beside(t, path)
	db.AroundSync(func(sync func() error) error {
		names, err := namesIn(outside)
		if err := errors.Join(err, sync()); err != nil {
			return err
		}
		safe.add(names...)
		return nil
	})
	ctx := context.Background()
	verbs := []func(context.Context, func(*store.Tx) error) error{writeOf(db), db.WriteShared, db.Record}
	var all sync.WaitGroup
	for worker := range 12 {
		all.Go(func() {
			for round := range 40 {
				name := fmt.Sprintf("%02d-%02d", worker, round)
				var saw []string
				look := func(tx *store.Tx) (err error) {
					saw, err = tx.Strings("SELECT name FROM test_notes")
					return err
				}
				var err error
				switch rand.IntN(4) {
				case 0:
					err = db.Read(ctx, look)
				case 1: // what it is refused for is what others did
					err = db.Write(ctx, nil, func(tx *store.Tx) error { return errors.Join(look(tx), errRefused) })
				default:
					err = verbs[rand.IntN(len(verbs))](ctx, put(name))
					saw = []string{name}
				}
				if err != nil && !errors.Is(err, errRefused) {
					t.Error(err)
					return
				}
				if lost := safe.missing(saw); lost != "" {
					t.Errorf("%s was told of %s, which is not on the disk", name, lost)
				}
			}
		})
	}
	all.Wait()
}

// cutting is a database that power may be cut from at any time. What was written to
// the WAL since the last sync began is lost then.
type cutting struct {
	path   string
	synced atomic.Int64 // bytes of the WAL
}

func (c *cutting) around(sync func() error) error {
	wal, err := os.Stat(c.path + "-wal")
	if err := errors.Join(err, sync()); err != nil {
		return err
	}
	c.synced.Store(wal.Size())
	return nil
}

// cut copies what is on the disk. SQLite must not write to the database itself
// meanwhile.
func (c *cutting) cut(to string) error {
	size := c.synced.Load()
	main, err := os.ReadFile(c.path)
	if err != nil {
		return err
	}
	wal, err := os.ReadFile(c.path + "-wal")
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(to, main, 0o600), os.WriteFile(to+"-wal", wal[:size], 0o600))
}

// found is what a copy has, which must be sound.
func found(t *testing.T, path string) *kept {
	t.Helper()
	db := openFile(t, path)
	defer shut(t, db)
	var there kept
	if err := db.Read(t.Context(), func(tx *store.Tx) error {
		sound, err := tx.Strings("PRAGMA integrity_check")
		if err != nil {
			return err
		}
		if sound[0] != "ok" {
			t.Errorf("damaged: %q", sound)
		}
		names, err := tx.Strings("SELECT name FROM test_notes")
		there.add(names...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return &there
}

// Power is cut again and again while many write. Everything that was answered is
// found, in a WAL that grows and in one that has begun anew.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	path, copies := file(t), t.TempDir()
	db := openFile(t, path)
	defer shut(t, db)
	makeNotes(t, db)
	disk := &cutting{path: path}
	db.AroundSync(disk.around)
	write(t, db, put("first"))
	ctx := context.Background()
	outside := beside(t, path)
	var answered kept
	var cuts sync.Map // what had been answered, by copy
	for _, part := range []string{"a", "b"} {
		var all sync.WaitGroup
		for worker := range 8 {
			all.Go(func() {
				for round := range 20 {
					name := fmt.Sprintf("%s-%d-%02d", part, worker, round)
					if err := db.Write(ctx, nil, put(name)); err != nil {
						t.Error(err)
						return
					}
					answered.add(name)
					if round%7 != worker%7 {
						continue
					}
					before, to := answered.all(), filepath.Join(copies, name)
					if err := disk.cut(to); err != nil {
						t.Error(err)
						return
					}
					cuts.Store(to, before)
				}
			})
		}
		all.Wait()
		var busy, frames, done int
		if err := outside.QueryRow("PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &done); err != nil || busy != 0 {
			t.Fatalf("busy: %d, %v", busy, err)
		}
		disk.synced.Store(0) // all is in the database now
	}
	cuts.Range(func(to, before any) bool {
		if lost := found(t, to.(string)).missing(before.([]string)); lost != "" {
			t.Errorf("%s was answered and is lost", lost)
		}
		return true
	})

	// The last is committed, and the power goes before it is synced.
	began, let := make(chan bool), make(chan bool)
	db.AroundSync(func(sync func() error) error {
		began <- true
		<-let
		return sync()
	})
	last := make(chan error, 1)
	go func() { last <- db.Write(ctx, nil, put("last")) }()
	<-began
	to := filepath.Join(copies, "last")
	if err := disk.cut(to); err != nil {
		t.Fatal(err)
	}
	close(let)
	if err := <-last; err != nil {
		t.Error(err)
	}
	there := found(t, to)
	if lost := there.missing(answered.all()); lost != "" {
		t.Errorf("%s is lost", lost)
	}
	if there.missing([]string{"last"}) == "" {
		t.Error("the cut lost nothing, so that the others prove nothing")
	}
}
