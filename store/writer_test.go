package store_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"souk/store"
)

var errRefused = errors.New("refused")

// gate is a caller that has the writer and keeps it, so that others queue.
type gate struct {
	open  chan struct{}
	inner *outcome
}

// outcome is a Write or a Record under way.
type outcome struct {
	runs int // of fn
	err  error
	done chan struct{}
}

func start(ctx context.Context, verb func(context.Context, func(*store.Tx) error) error, fn func(*store.Tx) error) *outcome {
	o := &outcome{done: make(chan struct{})}
	go func() {
		defer close(o.done)
		o.err = verb(ctx, func(tx *store.Tx) error {
			o.runs++
			return fn(tx)
		})
	}()
	synctest.Wait() // it is queued, or has run into a gate
	return o
}

func writeOf(db *store.DB) func(context.Context, func(*store.Tx) error) error {
	return func(ctx context.Context, fn func(*store.Tx) error) error { return db.Write(ctx, nil, fn) }
}

func hold(db *store.DB, name string) *gate {
	g := &gate{open: make(chan struct{})}
	g.inner = start(context.Background(), writeOf(db), func(tx *store.Tx) error {
		<-g.open
		return putIn(tx, name)
	})
	return g
}

// bubble runs test on a SQLite file in a synctest bubble, where Wait knows
// when every caller is queued.
func bubble(t *testing.T, test func(t *testing.T, db *store.DB)) {
	path := file(t)
	synctest.Test(t, func(t *testing.T) {
		db := openFile(t, path)
		makeNotes(t, db)
		test(t, db)
		shut(t, db)
		again := openFile(t, path)
		if err := again.Read(context.Background(), func(tx *store.Tx) error {
			found, err := tx.Strings("PRAGMA integrity_check")
			if err == nil && found[0] != "ok" {
				t.Errorf("the file is damaged: %q", found)
			}
			return err
		}); err != nil {
			t.Error(err)
		}
		shut(t, again)
	})
}

// TestNeighbours has a caller go wrong between two that do not, in one
// group. Theirs is stored and answered so; nothing of its own is.
func TestNeighbours(t *testing.T) {
	refuse := func(tx *store.Tx) error { return errors.Join(putIn(tx, "odd"), errRefused) }
	full := func(tx *store.Tx) error {
		_, err := tx.Exec("INSERT INTO test_notes (name, n, body) VALUES ('odd', 0, $1)", make([]byte, 4<<20))
		return err
	}
	is := func(want error) func(error) bool { return func(err error) bool { return errors.Is(err, want) } }
	any := func(err error) bool { return err != nil }
	for _, c := range []struct {
		name  string
		odd   func(tx *store.Tx) error
		want  func(error) bool
		lost  bool // the whole transaction, so that the neighbours run twice
		limit func(t *testing.T, db *store.DB)
	}{
		{name: "refuses", odd: refuse, want: is(errRefused)},
		{name: "panics", odd: func(tx *store.Tx) error {
			if err := putIn(tx, "odd"); err != nil {
				return err
			}
			panic("a fault")
		}, want: func(err error) bool {
			var p *store.Panic
			return errors.As(err, &p) && p.Value == "a fault" && strings.Contains(string(p.Stack), "TestNeighbours")
		}},
		{name: "panics with rows open", odd: func(tx *store.Tx) error {
			if _, err := tx.Query("SELECT name FROM test_notes"); err != nil {
				return err
			}
			panic(errRefused)
		}, want: is(errRefused)},
		{name: "swallows an error", odd: func(tx *store.Tx) error {
			_ = errors.Join(putIn(tx, "odd"), putIn(tx, "odd"))
			return nil
		}, want: any},
		{name: "loses the transaction by conflict", odd: func(tx *store.Tx) error {
			_, err := tx.Exec("INSERT OR ROLLBACK INTO test_notes (name, n) VALUES ('odd', 0), ('odd', 1)")
			return err
		}, want: any, lost: true},
		{name: "loses the transaction and goes on", odd: func(tx *store.Tx) error {
			_, err := tx.Exec("INSERT OR ROLLBACK INTO test_notes (name, n) VALUES ('odd', 0), ('odd', 1)")
			_ = errors.Join(err, putIn(tx, "odd"))
			return nil
		}, want: any, lost: true},
		{name: "loses the transaction by trigger", odd: func(tx *store.Tx) error {
			_, err := tx.Exec("INSERT INTO test_notes (name, n) VALUES ('odd', 13)")
			return err
		}, want: any, lost: true, limit: func(t *testing.T, db *store.DB) {
			write(t, db, func(tx *store.Tx) error {
				_, err := tx.Exec("CREATE TRIGGER unlucky BEFORE INSERT ON test_notes WHEN NEW.n = 13 BEGIN SELECT RAISE(ROLLBACK, 'unlucky'); END")
				return err
			})
		}},
		{name: "ends the transaction", odd: func(tx *store.Tx) error {
			_, err := tx.Exec("ROLLBACK")
			return err
		}, want: any, lost: true},
		{name: "fills the file", odd: full, want: is(store.ErrUnavailable), lost: true, limit: func(t *testing.T, db *store.DB) {
			write(t, db, func(tx *store.Tx) error {
				_, err := tx.Exec("PRAGMA max_page_count=500") // 2 MB
				return err
			})
		}},
		{name: "fills the disk at the commit", odd: full, want: is(store.ErrUnavailable), lost: true, limit: func(t *testing.T, _ *store.DB) {
			limitFiles(t, 3<<20)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, db *store.DB) {
				if c.limit != nil {
					c.limit(t, db)
				}
				g := hold(db, "first")
				before := start(context.Background(), writeOf(db), put("before"))
				odd := start(context.Background(), writeOf(db), c.odd)
				after := start(context.Background(), writeOf(db), put("after"))
				close(g.open)
				for _, o := range []*outcome{g.inner, before, odd, after} {
					<-o.done
				}
				if g.inner.err != nil || before.err != nil || after.err != nil {
					t.Errorf("neighbours got %v, %v, %v", g.inner.err, before.err, after.err)
				}
				if !c.want(odd.err) {
					t.Errorf("the odd one got %v", odd.err)
				}
				if lost := before.runs == 2; lost != c.lost {
					t.Errorf("the neighbour ran %d times; the transaction was lost: want %v", before.runs, c.lost)
				}
				wantNotes(t, db, "first", "before", "after")
				write(t, db, put("later"))
				wantNotes(t, db, "first", "before", "after", "later")
			})
		})
	}
}

// limitFiles has the kernel refuse what would make a file longer than size,
// as a full disk does, until the test ends.
func limitFiles(t *testing.T, size uint64) {
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
			t.Error(err)
		}
	})
}

func TestCallersWhoLeave(t *testing.T) {
	bubble(t, func(t *testing.T, db *store.DB) {
		queued, leaveQueued := context.WithCancel(context.Background())
		running, leaveRunning := context.WithCancel(context.Background())
		ran, leaveRan := context.WithCancel(context.Background())

		g := hold(db, "first")
		one := start(queued, writeOf(db), put("queued"))
		two := start(running, writeOf(db), func(tx *store.Tx) error {
			leaveRunning()
			return putIn(tx, "running")
		})
		three := start(ran, writeOf(db), put("ran"))
		four := start(context.Background(), writeOf(db), func(tx *store.Tx) error {
			leaveRan()
			return putIn(tx, "last")
		})
		leaveQueued()
		<-one.done // although the writer is held
		if !errors.Is(one.err, context.Canceled) {
			t.Errorf("who left the queue got %v", one.err)
		}
		close(g.open)
		for _, o := range []*outcome{two, three, four} {
			if <-o.done; o.err != nil {
				t.Errorf("got %v", o.err)
			}
		}
		if one.runs != 0 {
			t.Error("who left the queue was run")
		}
		wantNotes(t, db, "first", "running", "ran", "last")

		if err := db.Write(queued, nil, put("dead")); !errors.Is(err, context.Canceled) {
			t.Errorf("who came dead got %v", err)
		}
		wantNotes(t, db, "first", "running", "ran", "last")
	})
}

// TestGroupSharesACommit looks from outside while a group is under way: no
// one's change is there, and no one has an answer, before the last has run.
func TestGroupSharesACommit(t *testing.T) {
	bubble(t, func(t *testing.T, db *store.DB) {
		g := hold(db, "first")
		two := start(context.Background(), writeOf(db), func(*store.Tx) error { return errRefused })
		last := &gate{open: make(chan struct{})}
		three := start(context.Background(), writeOf(db), func(tx *store.Tx) error {
			got, err := tx.Strings("SELECT name FROM test_notes")
			if err != nil || len(got) != 1 {
				t.Errorf("the last of the group sees %q, %v", got, err)
			}
			<-last.open
			return putIn(tx, "last")
		})
		close(g.open)
		synctest.Wait()
		for _, o := range []*outcome{g.inner, two, three} {
			select {
			case <-o.done:
				t.Errorf("an answer (%v) before the commit", o.err)
			default:
			}
		}
		wantNotes(t, db)
		close(last.open)
		<-three.done
		<-two.done
		if !errors.Is(two.err, errRefused) {
			t.Errorf("the refusal became %v", two.err)
		}
		wantNotes(t, db, "first", "last")
	})
}

func TestRecordsGoFirst(t *testing.T) {
	bubble(t, func(t *testing.T, db *store.DB) {
		var order []string
		note := func(name string) func(*store.Tx) error {
			return func(*store.Tx) error {
				order = append(order, name)
				return nil
			}
		}
		g := hold(db, "first")
		verb := start(context.Background(), writeOf(db), note("verb"))
		record := start(context.Background(), db.Record, note("record"))
		close(g.open)
		<-verb.done
		<-record.done
		if got := strings.Join(order, " "); got != "record verb" {
			t.Errorf("order is %q", got)
		}
	})
}

// Whoever asks how the database feels waits behind the verbs that came before,
// and has not begun while one of them runs.
func TestPingTakesItsTurn(t *testing.T) {
	bubble(t, func(t *testing.T, db *store.DB) {
		first, second := hold(db, "first"), hold(db, "second")
		ctx, leave := context.WithCancel(context.Background())
		pinged := make(chan error, 1)
		go func() { pinged <- db.Ping(ctx) }()
		synctest.Wait()
		close(first.open)
		synctest.Wait() // the second is running
		leave()
		synctest.Wait()
		close(second.open)
		if err := <-pinged; !errors.Is(err, context.Canceled) {
			t.Errorf("it went before a verb: %v", err)
		}
		<-second.inner.done
	})
}

func TestCloseRefusesThoseWhoWait(t *testing.T) {
	path := file(t)
	synctest.Test(t, func(t *testing.T) {
		db := openFile(t, path)
		makeNotes(t, db)
		g := hold(db, "first")
		waits := start(context.Background(), writeOf(db), put("waits"))
		closed := make(chan struct{})
		go func() {
			shut(t, db)
			close(closed)
		}()
		<-waits.done
		close(g.open)
		<-closed
		<-g.inner.done
		if g.inner.err != nil || !errors.Is(waits.err, store.ErrUnavailable) {
			t.Errorf("in hand: %v, waiting: %v", g.inner.err, waits.err)
		}
		for what, err := range map[string]error{
			"Read":  db.Read(context.Background(), put("late")),
			"Write": db.Write(context.Background(), nil, put("late")),
			"Ping":  db.Ping(context.Background()),
		} {
			if !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s after Close: %v", what, err)
			}
		}
		shut(t, db) // once more is no error

		again := openFile(t, path)
		wantNotes(t, again, "first")
		shut(t, again)
	})
}

func TestOneProcessHasTheFile(t *testing.T) {
	path := file(t)
	db := openFile(t, path)
	if _, err := store.Open(t.Context(), path); !errors.Is(err, store.ErrHeld) || !strings.Contains(err.Error(), path) {
		t.Errorf("the second got %v", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v", info.Mode())
	}
	shut(t, db)
	shut(t, openFile(t, path))
}
