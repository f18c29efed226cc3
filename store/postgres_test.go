package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

func postgres(t *testing.T) *store.DB {
	t.Helper()
	db := openFile(t, souktest.Postgres(t))
	t.Cleanup(func() { shut(t, db) })
	makeNotes(t, db)
	return db
}

// TestWriteFindsAgain has what a verb works on move to another root between
// the first look and the lock.
func TestWriteFindsAgain(t *testing.T) {
	db := postgres(t)
	roots := map[string]souk.ID{"old": souk.NewID(), "new": souk.NewID()}
	write(t, db, put("old"))

	looked, moved := make(chan struct{}), make(chan struct{})
	finds, runs := 0, 0
	done := make(chan error)
	go func() {
		done <- db.Write(context.Background(), func(tx *store.Tx) (store.Locks, error) {
			finds++
			var name string
			err := tx.Row("SELECT name FROM test_notes").Scan(&name)
			if finds == 1 {
				close(looked)
				<-moved
			}
			return store.Locks{Roots: []souk.ID{roots[name]}}, err
		}, func(tx *store.Tx) error {
			runs++
			return putIn(tx, "done")
		})
	}()
	<-looked
	write(t, db, func(tx *store.Tx) error {
		_, err := tx.Exec("UPDATE test_notes SET name = 'new'")
		return err
	})
	close(moved)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if finds != 3 || runs != 1 { // old, then new, then new under new's lock
		t.Errorf("%d finds, %d runs", finds, runs)
	}
	wantNotes(t, db, "done", "new")
}

// TestWriteStopsChasing is for locks that never are the same twice.
func TestWriteStopsChasing(t *testing.T) {
	db := postgres(t)
	if err := db.Write(t.Context(), func(*store.Tx) (store.Locks, error) {
		return store.Locks{Roots: []souk.ID{souk.NewID()}}, nil
	}, put("never")); err == nil {
		t.Error("fn ran under other locks than it needs")
	}
	wantNotes(t, db)
}

// TestManyLocks takes more than one statement can.
func TestManyLocks(t *testing.T) {
	db := postgres(t)
	var many store.Locks
	for range 3000 {
		many.Roots = append(many.Roots, souk.NewID())
	}
	find := func(*store.Tx) (store.Locks, error) { return many, nil }
	if err := db.Write(t.Context(), find, put("locked")); err != nil {
		t.Fatal(err)
	}
	wantNotes(t, db, "locked")
}

// TestLockWaitIsGivenUp cancels a caller that waits for a root another holds.
func TestLockWaitIsGivenUp(t *testing.T) {
	db := postgres(t)
	root := func(*store.Tx) (store.Locks, error) { return store.Locks{Roots: []souk.ID{{1}}}, nil }
	if err := db.Write(t.Context(), root, func(tx *store.Tx) error {
		ctx, leave := context.WithCancel(t.Context())
		err := db.Write(ctx, func(tx *store.Tx) (store.Locks, error) {
			defer leave() // it will wait for us from here on
			return root(tx)
		}, put("never"))
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		return putIn(tx, "held")
	}); err != nil {
		t.Error(err)
	}
	wantNotes(t, db, "held")
}

// TestRecordBesideWaitingVerbs has more verbs wait for one lock than a node has
// connections.
func TestRecordBesideWaitingVerbs(t *testing.T) {
	db := postgres(t)
	root := func(*store.Tx) (store.Locks, error) { return store.Locks{Roots: []souk.ID{{1}}}, nil }
	var all sync.WaitGroup
	if err := db.Write(t.Context(), root, func(tx *store.Tx) error {
		for range 40 {
			all.Go(func() {
				if err := db.Write(context.Background(), root, func(*store.Tx) error { return nil }); err != nil {
					t.Error(err)
				}
			})
		}
		var waiting int
		for began := time.Now(); waiting < 12; {
			if err := db.Record(t.Context(), func(tx *store.Tx) error {
				return tx.Row("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").Scan(&waiting)
			}); err != nil {
				return err
			}
			if time.Since(began) > time.Minute {
				return fmt.Errorf("%d wait", waiting)
			}
		}
		return db.Record(t.Context(), put("recorded"))
	}); err != nil {
		t.Error(err)
	}
	all.Wait()
	wantNotes(t, db, "recorded")
}

func TestGivenUpLeavesNothing(t *testing.T) {
	db := postgres(t)
	for name, last := range map[string]func(*store.Tx) error{
		"before a statement":  put("second"),
		"before the commit":   func(*store.Tx) error { return nil },
		"during the commit's": func(tx *store.Tx) error { return tx.Row("SELECT 1").Scan(new(int)) },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, leave := context.WithCancel(t.Context())
			if err := db.Write(ctx, nil, func(tx *store.Tx) error {
				if err := putIn(tx, "first"); err != nil {
					return err
				}
				leave()
				return last(tx)
			}); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			wantNotes(t, db)
		})
	}
}

func TestSerializationFailureIsRetried(t *testing.T) {
	db := postgres(t)
	write(t, db, put("a"))
	runs := 0
	write(t, db, func(tx *store.Tx) error {
		runs++
		if _, err := tx.Exec("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"); err != nil {
			return err
		}
		if err := tx.Row("SELECT n FROM test_notes").Scan(new(int)); err != nil {
			return err
		}
		if runs == 1 {
			write(t, db, func(tx *store.Tx) error {
				_, err := tx.Exec("UPDATE test_notes SET n = n + 1")
				return err
			})
		}
		_, err := tx.Exec("UPDATE test_notes SET n = n + 1")
		return err
	})
	if runs != 2 {
		t.Errorf("%d runs", runs)
	}
	wantCount(t, db, "a", 2)
}

func TestDeadlockIsRetried(t *testing.T) {
	db := postgres(t)
	write(t, db, func(tx *store.Tx) error { return errors.Join(putIn(tx, "a"), putIn(tx, "b")) })
	var met, all sync.WaitGroup
	met.Add(2)
	runs := [2]int{}
	for i, order := range [][]string{{"a", "b"}, {"b", "a"}} {
		all.Go(func() {
			if err := db.Write(context.Background(), nil, func(tx *store.Tx) error {
				runs[i]++
				for step, name := range order {
					if _, err := tx.Exec("UPDATE test_notes SET n = n + 1 WHERE name = $1", name); err != nil {
						return err
					}
					if step == 0 && runs[i] == 1 {
						met.Done()
						met.Wait()
					}
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if runs[0]+runs[1] < 3 {
		t.Errorf("runs are %v: nobody met a deadlock", runs)
	}
	wantCount(t, db, "a", 2)
	wantCount(t, db, "b", 2)
}

func wantCount(t *testing.T, db *store.DB, name string, want int) {
	t.Helper()
	var got int
	if err := db.Read(context.Background(), func(tx *store.Tx) error {
		return tx.Row("SELECT n FROM test_notes WHERE name = $1", name).Scan(&got)
	}); err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("%s counts %d, want %d", name, got, want)
	}
}

func TestPanicLeavesNothing(t *testing.T) {
	db := postgres(t)
	var p *store.Panic
	if err := db.Write(t.Context(), nil, func(tx *store.Tx) error {
		if err := putIn(tx, "a"); err != nil {
			return err
		}
		panic("a fault")
	}); !errors.As(err, &p) || p.Value != "a fault" {
		t.Errorf("got %v", err)
	}
	wantNotes(t, db)
}

// TestSessionEndsInTheCommit has the server cut the line while it commits.
func TestSessionEndsInTheCommit(t *testing.T) {
	db := postgres(t)
	write(t, db, func(tx *store.Tx) error {
		_, err := tx.Exec(`
			CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
			CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON test_notes DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION cut()`)
		return err
	})
	if err := db.Write(t.Context(), nil, put("a")); !errors.Is(err, store.ErrOutcomeUnknown) {
		t.Errorf("got %v", err)
	}
}

// TestRefusedCommit is a commit that the server answers with no.
func TestRefusedCommit(t *testing.T) {
	db := postgres(t)
	write(t, db, func(tx *store.Tx) error {
		_, err := tx.Exec("ALTER TABLE test_notes ADD CONSTRAINT late UNIQUE (n) DEFERRABLE INITIALLY DEFERRED")
		return err
	})
	err := db.Write(t.Context(), nil, func(tx *store.Tx) error { return errors.Join(putIn(tx, "a"), putIn(tx, "b")) })
	if err == nil || errors.Is(err, store.ErrOutcomeUnknown) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	wantNotes(t, db)
}

// TestConnectionsDieAtRest is what a restart of the server leaves in the pool.
func TestConnectionsDieAtRest(t *testing.T) {
	db := postgres(t)
	var busy, all sync.WaitGroup
	busy.Add(10)
	for range 10 { // ten connections, so that nine are at rest later
		all.Go(func() {
			if err := db.Read(context.Background(), func(tx *store.Tx) error {
				busy.Done()
				busy.Wait()
				return tx.Row("SELECT 1").Scan(new(int))
			}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	write(t, db, func(tx *store.Tx) error {
		ended, err := tx.Strings("SELECT pg_terminate_backend(pid, 5000)::text FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
		if len(ended) < 9 {
			t.Errorf("ended %d connections", len(ended))
		}
		return err
	})
	for range 10 {
		write(t, db, put(souk.NewID().String()))
	}
}

func TestServerGone(t *testing.T) {
	cluster, err := souktest.StartPostgres(false)
	if err != nil {
		t.Fatal(err)
	}
	db := openFile(t, cluster.Address)
	makeNotes(t, db)
	if err := db.Write(t.Context(), nil, func(tx *store.Tx) error {
		if err := putIn(tx, "a"); err != nil {
			return err
		}
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
		return putIn(tx, "b")
	}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Write under way: %v", err)
	}
	for what, err := range map[string]error{
		"Write": db.Write(t.Context(), nil, put("c")),
		"Read":  db.Read(t.Context(), put("c")),
		"Ping":  db.Ping(t.Context()),
	} {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v", what, err)
		}
	}
	shut(t, db)
	if _, err := store.Open(t.Context(), cluster.Address); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Open: %v", err)
	}
}

// TestCommitsAreDurable is about a server whose configuration says otherwise.
func TestCommitsAreDurable(t *testing.T) {
	address := souktest.Postgres(t)
	db := openFile(t, address)
	write(t, db, func(tx *store.Tx) error {
		_, err := tx.Exec("DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END$$")
		return err
	})
	shut(t, db)
	db = openFile(t, address)
	if err := db.Read(t.Context(), func(tx *store.Tx) error {
		got, err := tx.Strings("SELECT current_setting('synchronous_commit')")
		if err == nil && got[0] != "on" {
			t.Errorf("synchronous_commit is %q", got[0])
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	shut(t, db)
}
