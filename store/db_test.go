package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

func TestPing(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		if err := db.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if err := db.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// TestEveryAnswerIsTrue has 32 callers do well, refuse, fail, panic and leave
// at random: what was answered with nil is stored, the rest is not.
func TestEveryAnswerIsTrue(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		makeNotes(t, db)
		var mu sync.Mutex
		var stored []string
		var all sync.WaitGroup
		for worker := range 32 {
			all.Go(func() {
				for round := range 20 {
					name := fmt.Sprintf("%02d-%02d", worker, round)
					ctx, leave := context.WithCancel(context.Background())
					what := rand.IntN(8)
					err := db.Write(ctx, nil, func(tx *store.Tx) error {
						if err := putIn(tx, name); err != nil {
							return err
						}
						switch what {
						case 0:
							return errRefused
						case 1:
							panic(name)
						case 2:
							leave()
						case 3:
							go leave()
						case 4:
							_ = putIn(tx, name) // fails; swallowed
						}
						_, err := tx.Exec("UPDATE test_notes SET n = n + 1 WHERE name = $1", name)
						return err
					})
					leave()
					if err == nil {
						mu.Lock()
						stored = append(stored, name)
						mu.Unlock()
					} else if what > 4 {
						t.Errorf("%s: %v", name, err)
					}
				}
			})
		}
		all.Wait()
		wantNotes(t, db, stored...)
	})
}

// TestWritersOfOneRootTakeTurns loses an update if two ever overlap. Locks
// are named in random order, so that it also stops if they could deadlock;
// a deadlock that the server breaks would show as a second run.
func TestWritersOfOneRootTakeTurns(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		makeNotes(t, db)
		apps, roots := make([]souk.ID, 3), make([]souk.ID, 3)
		write(t, db, func(tx *store.Tx) error {
			for i := range apps {
				apps[i], roots[i] = souk.NewID(), souk.NewID()
				if err := errors.Join(putIn(tx, apps[i].String()), putIn(tx, roots[i].String())); err != nil {
					return err
				}
			}
			return nil
		})
		want := make(map[string]int)
		var mu sync.Mutex
		var all sync.WaitGroup
		for range 32 {
			all.Go(func() {
				for range 10 {
					perm, turn := rand.Perm(3), rand.Perm(3)
					l := store.Locks{
						Apps:          []souk.ID{apps[perm[0]], apps[perm[1]], apps[perm[0]]}, // one of them exclusive below
						ExclusiveApps: []souk.ID{apps[perm[1]]},
						Roots:         []souk.ID{roots[turn[0]], roots[turn[1]], roots[turn[0]]},
					}
					runs := 0
					if err := db.Write(context.Background(), func(*store.Tx) (store.Locks, error) { return l, nil }, func(tx *store.Tx) error {
						runs++
						// Rows in one agreed order, as every verb has it.
						counters := []string{l.ExclusiveApps[0].String(), l.Roots[0].String(), l.Roots[1].String()}
						slices.Sort(counters)
						for _, name := range counters {
							var n int
							if err := tx.Row("SELECT n FROM test_notes WHERE name = $1", name).Scan(&n); err != nil {
								return err
							}
							if _, err := tx.Exec("UPDATE test_notes SET n = $1 WHERE name = $2", n+1, name); err != nil {
								return err
							}
						}
						return nil
					}); err != nil || runs != 1 {
						t.Errorf("%v after %d runs", err, runs)
						return
					}
					mu.Lock()
					for _, id := range []souk.ID{l.ExclusiveApps[0], l.Roots[0], l.Roots[1]} {
						want[id.String()]++
					}
					mu.Unlock()
				}
			})
		}
		all.Wait()
		for name, n := range want {
			var got int
			if err := db.Read(t.Context(), func(tx *store.Tx) error {
				return tx.Row("SELECT n FROM test_notes WHERE name = $1", name).Scan(&got)
			}); err != nil {
				t.Fatal(err)
			}
			if got != n {
				t.Errorf("counter %s is %d after %d writes", name, got, n)
			}
		}
	})
}

func TestReadSeesOneMoment(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		makeNotes(t, db)
		if err := db.Read(t.Context(), func(tx *store.Tx) error {
			for range 2 {
				got, err := tx.Strings("SELECT name FROM test_notes")
				if err != nil || len(got) != 0 {
					return fmt.Errorf("saw %q, %w", got, err)
				}
				write(t, db, put(souk.NewID().String()))
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	})
}

func TestReadChangesNothing(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		makeNotes(t, db)
		if err := db.Read(t.Context(), put("sly")); err == nil {
			t.Error("a Read may write")
		}
		wantNotes(t, db)
	})
}

// TestReadPanics leaves the connection fit for the next, many times over.
func TestReadPanics(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		for range 20 {
			func() {
				defer func() {
					if recover() == nil {
						t.Error("the panic is gone")
					}
				}()
				err := db.Read(t.Context(), func(tx *store.Tx) error {
					if _, err := tx.Query("SELECT name FROM migrations"); err != nil {
						return err
					}
					panic("a fault")
				})
				t.Errorf("Read answered %v", err)
			}()
		}
		if err := db.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestVirtualTime has a database stay open over days that do not pass.
func TestVirtualTime(t *testing.T) {
	souktest.EachAddress(t, func(t *testing.T, address string) {
		synctest.Test(t, func(t *testing.T) {
			db := openFile(t, address)
			makeNotes(t, db)
			for _, name := range []string{"a", "b", "c"} {
				time.Sleep(36 * time.Hour)
				write(t, db, put(name))
			}
			wantNotes(t, db, "a", "b", "c")
			shut(t, db)
		})
	})
}

func TestGivenUpBeforeItBegan(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		never := func(*store.Tx) error {
			t.Error("ran")
			return nil
		}
		for what, err := range map[string]error{
			"Read":   db.Read(ctx, never),
			"Write":  db.Write(ctx, nil, never),
			"Record": db.Record(ctx, never),
		} {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

func TestTx(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		makeNotes(t, db)
		id, now := souk.NewID(), time.Now().Truncate(time.Microsecond).UTC()
		write(t, db, func(tx *store.Tx) error {
			if err := tx.Row("SELECT n FROM test_notes WHERE name = $1", "none").Scan(new(int)); err != store.ErrNotFound {
				t.Errorf("a missing row is %v", err)
			}
			n, err := tx.Exec("INSERT INTO test_notes (name, n, body) VALUES ($1, $2, $3), ($4, $5, $6)",
				"a", store.Micros(now), id, "b", store.Micros(now.Add(time.Hour)), souk.ID{})
			if n != 2 {
				t.Errorf("%d rows changed", n)
			}
			return err
		})
		if err := db.Read(t.Context(), func(tx *store.Tx) error {
			for name, want := range map[string]souk.ID{"a": id, "b": {}} {
				var got souk.ID
				var at, none time.Time
				if err := tx.Row("SELECT body, n, NULL FROM test_notes WHERE name = $1", name).
					Scan(&got, (*store.Stamp)(&at), (*store.Stamp)(&none)); err != nil {
					return err
				}
				if got != want || at.Before(now) || at.Location() != time.UTC || !none.IsZero() {
					t.Errorf("%s came back as %v, %v, %v", name, got, at, none)
				}
			}
			got, err := tx.Strings("SELECT name FROM test_notes WHERE name IN ("+store.Placeholders(2, 3)+") AND n > $1 ORDER BY name",
				0, "b", "a", "c")
			if !slices.Equal(got, []string{"a", "b"}) {
				t.Errorf("list is %q", got)
			}
			return err
		}); err != nil {
			t.Error(err)
		}
	})
}

func TestFailureSticks(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		makeNotes(t, db)
		var first, then error
		err := db.Write(t.Context(), nil, func(tx *store.Tx) error {
			if err := putIn(tx, "a"); err != nil {
				return err
			}
			first = putIn(tx, "a")
			then = putIn(tx, "b")
			return nil
		})
		if first == nil || then != first || !errors.Is(err, first) {
			t.Errorf("got %v, then %v, in the end %v", first, then, err)
		}
		wantNotes(t, db)
	})
}

func TestRowsMustBeReadOut(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		makeNotes(t, db)
		write(t, db, put("a"))
		if err := db.Write(t.Context(), nil, func(tx *store.Tx) error {
			if _, err := tx.Query("SELECT name FROM test_notes"); err != nil {
				return err
			}
			return putIn(tx, "b")
		}); err == nil {
			t.Error("a statement ran beside open rows")
		}
		wantNotes(t, db, "a")
	})
}
