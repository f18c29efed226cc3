package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"souk/souktest"
	"souk/store"
)

// sharing runs test on PostgreSQL in a synctest bubble, where Wait knows when
// every caller is queued.
func sharing(t *testing.T, test func(t *testing.T, db *store.DB)) {
	address := souktest.Postgres(t)
	synctest.Test(t, func(t *testing.T) {
		db := openFile(t, address)
		defer shut(t, db)
		makeNotes(t, db)
		test(t, db)
	})
}

// holdShared has two callers keep the two groups that there may be at a time, so
// that others queue. The second keeps its own until release.
func holdShared(t *testing.T, db *store.DB) (first *gate, release func()) {
	first, second := &gate{open: make(chan struct{})}, &gate{open: make(chan struct{})}
	for _, g := range []*gate{first, second} {
		g.inner = start(context.Background(), db.WriteShared, func(tx *store.Tx) error {
			<-g.open
			return nil
		})
	}
	return first, func() {
		close(second.open)
		if <-second.inner.done; second.inner.err != nil {
			t.Errorf("the other group got %v", second.inner.err)
		}
	}
}

// TestSharers is TestNeighbours for PostgreSQL.
func TestSharers(t *testing.T) {
	is := func(want error) func(error) bool { return func(err error) bool { return errors.Is(err, want) } }
	any := func(err error) bool { return err != nil }
	none := func(err error) bool { return err == nil }
	once := func(statement string) func(tx *store.Tx) error {
		runs := 0
		return func(tx *store.Tx) error {
			if runs++; runs > 1 {
				return putIn(tx, "odd")
			}
			_, err := tx.Exec(statement)
			return err
		}
	}
	const late = `
		CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF NEW.name = 'never' THEN %s; END IF; RETURN NULL; END$$;
		CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON test_notes DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late()`
	for _, c := range []struct {
		name    string
		odd     func(tx *store.Tx) error
		want    func(error) bool
		stored  bool   // what the odd one wrote
		lost    bool   // the whole transaction, so that the neighbours run twice
		unknown bool   // nobody knows what became of it
		commit  string // what the server does when "never" is committed
	}{
		{name: "refuses", odd: func(tx *store.Tx) error { return errors.Join(putIn(tx, "odd"), errRefused) }, want: is(errRefused)},
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
		{name: "meets another transaction", odd: once("DO $$BEGIN RAISE SQLSTATE '40001'; END$$"), want: none, stored: true},
		{name: "ends the transaction", odd: once("ROLLBACK"), want: none, stored: true, lost: true},
		{name: "ends the session", odd: once("SELECT pg_terminate_backend(pg_backend_pid())"), want: none, stored: true, lost: true},
		{name: "is refused at the commit", odd: put("never"), want: any, lost: true, commit: "RAISE EXCEPTION 'late'"},
		{name: "ends the session in the commit", odd: put("never"), want: is(store.ErrOutcomeUnknown), unknown: true,
			commit: "PERFORM pg_terminate_backend(pg_backend_pid())"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sharing(t, func(t *testing.T, db *store.DB) {
				if c.commit != "" {
					write(t, db, func(tx *store.Tx) error {
						_, err := tx.Exec(fmt.Sprintf(late, c.commit))
						return err
					})
				}
				first, release := holdShared(t, db)
				before := start(context.Background(), db.WriteShared, put("before"))
				odd := start(context.Background(), db.WriteShared, c.odd)
				after := start(context.Background(), db.WriteShared, put("after"))
				close(first.open)
				for _, o := range []*outcome{first.inner, before, odd, after} {
					<-o.done
				}
				release()
				for _, o := range []*outcome{first.inner, before, after} {
					if unknown := errors.Is(o.err, store.ErrOutcomeUnknown); unknown != c.unknown || !unknown && o.err != nil {
						t.Errorf("a neighbour got %v", o.err)
					}
				}
				if !c.want(odd.err) {
					t.Errorf("the odd one got %v", odd.err)
				}
				if lost := before.runs == 2; lost != c.lost {
					t.Errorf("the neighbour ran %d times; the transaction was lost: want %v", before.runs, c.lost)
				}
				var want []string
				if !c.unknown {
					want = []string{"before", "after"}
				}
				if c.stored {
					want = append(want, "odd")
				}
				wantNotes(t, db, want...)
				if err := db.WriteShared(context.Background(), put("later")); err != nil {
					t.Error(err)
				}
				wantNotes(t, db, append(want, "later")...)
			})
		})
	}
}

// A group waits for nobody's row for long: whoever has to is run again alone.
func TestSharersWaitForNobody(t *testing.T) {
	sharing(t, func(t *testing.T, db *store.DB) {
		write(t, db, func(tx *store.Tx) error { return errors.Join(putIn(tx, "kept"), putIn(tx, "free")) })
		count := func(name string) func(*store.Tx) error {
			return func(tx *store.Tx) error {
				_, err := tx.Exec("UPDATE test_notes SET n = n + 1 WHERE name = $1", name)
				return err
			}
		}
		keeps := &gate{open: make(chan struct{})}
		keeps.inner = start(context.Background(), writeOf(db), func(tx *store.Tx) error {
			err := count("kept")(tx)
			<-keeps.open
			return err
		})
		first, release := holdShared(t, db)
		waits := start(context.Background(), db.WriteShared, count("kept"))
		neighbour := start(context.Background(), db.WriteShared, count("free"))
		close(first.open)
		if <-neighbour.done; neighbour.err != nil || neighbour.runs != 1 {
			t.Errorf("the neighbour got %v in %d runs", neighbour.err, neighbour.runs)
		}
		select {
		case <-waits.done:
			t.Errorf("an answer (%v) while the row is kept", waits.err)
		default:
		}
		close(keeps.open)
		if <-waits.done; waits.err != nil || waits.runs != 2 {
			t.Errorf("who waited got %v in %d runs", waits.err, waits.runs)
		}
		release()
		wantCount(t, db, "kept", 2)
		wantCount(t, db, "free", 1)
	})
}

func TestSharersWhoLeave(t *testing.T) {
	sharing(t, func(t *testing.T, db *store.DB) {
		queued, leaveQueued := context.WithCancel(context.Background())
		running, leaveRunning := context.WithCancel(context.Background())
		first, release := holdShared(t, db)
		one := start(queued, db.WriteShared, put("queued"))
		two := start(running, db.WriteShared, func(tx *store.Tx) error {
			leaveRunning()
			return putIn(tx, "running")
		})
		leaveQueued()
		<-one.done // although both groups are held
		if !errors.Is(one.err, context.Canceled) || one.runs != 0 {
			t.Errorf("who left the queue got %v and ran %d times", one.err, one.runs)
		}
		close(first.open)
		if <-two.done; two.err != nil {
			t.Errorf("who left while it ran got %v", two.err)
		}
		release()
		wantNotes(t, db, "running")
	})
}

// Close refuses those who wait, and hears out those who do not.
func TestSharersAtTheEnd(t *testing.T) {
	address := souktest.Postgres(t)
	synctest.Test(t, func(t *testing.T) {
		db := openFile(t, address)
		makeNotes(t, db)
		first, release := holdShared(t, db)
		waits := start(context.Background(), db.WriteShared, put("waits"))
		closed := make(chan struct{})
		go func() {
			shut(t, db)
			close(closed)
		}()
		if <-waits.done; !errors.Is(waits.err, store.ErrUnavailable) {
			t.Errorf("who waited got %v", waits.err)
		}
		close(first.open)
		if <-first.inner.done; first.inner.err != nil {
			t.Errorf("in hand: %v", first.inner.err)
		}
		release()
		<-closed
		if err := db.WriteShared(context.Background(), put("late")); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// Many callers at once, some of whom refuse, panic, and change one row: each has
// its own answer, and they need far fewer transactions than calls.
func TestManySharers(t *testing.T) {
	db := postgres(t)
	write(t, db, func(tx *store.Tx) error { return errors.Join(putIn(tx, "a"), putIn(tx, "b")) })
	const callers, each = 64, 15
	transactions := make([]map[string]bool, callers)
	var counted [2]int
	var all sync.WaitGroup
	for i := range callers {
		transactions[i] = map[string]bool{}
		all.Go(func() {
			for n := range each {
				var transaction string
				err := db.WriteShared(context.Background(), func(tx *store.Tx) error {
					if err := tx.Row("SELECT CAST(pg_current_xact_id() AS TEXT)").Scan(&transaction); err != nil {
						return err
					}
					if err := putIn(tx, fmt.Sprint(i, " ", n)); err != nil {
						return err
					}
					switch (i + n) % 8 {
					case 0:
						return errRefused
					case 1:
						panic(errRefused)
					case 2, 3:
						_, err := tx.Exec("UPDATE test_notes SET n = n + 1 WHERE name = $1", []string{"a", "b"}[(i+n)%2])
						return err
					}
					return nil
				})
				if refuses := (i+n)%8 < 2; refuses != errors.Is(err, errRefused) || !refuses && err != nil {
					t.Errorf("call %d of %d got %v", n, i, err)
				}
				transactions[i][transaction] = true
			}
		})
	}
	all.Wait()
	shared := map[string]bool{}
	var names []string
	for i, own := range transactions {
		for transaction := range own {
			shared[transaction] = true
		}
		for n := range each {
			switch (i + n) % 8 {
			case 0, 1:
				continue
			case 2, 3:
				counted[(i+n)%2]++
			}
			names = append(names, fmt.Sprint(i, " ", n))
		}
	}
	wantCount(t, db, "a", counted[0])
	wantCount(t, db, "b", counted[1])
	wantNotes(t, db, slices.Concat([]string{"a", "b"}, names)...)
	if n := len(shared); n > callers*each/3 {
		t.Errorf("%d calls took %d transactions", callers*each, n)
	}
}
