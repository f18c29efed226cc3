package store_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
)

// numbers are those of shards, sorted.
func numbers(all []store.Shard) (out []int) {
	for _, s := range all {
		out = append(out, s.Number)
	}
	slices.Sort(out)
	return out
}

// take has a node take free shards until a time.
func take(t *testing.T, db *store.DB, node souk.ID, at, until time.Time, limit int) (taken []store.Shard) {
	t.Helper()
	write(t, db, func(tx *store.Tx) (err error) {
		taken, err = tx.TakeShards(node, at, until, limit)
		return err
	})
	return taken
}

// lost fences shards in a transaction of its own.
func lost(t *testing.T, db *store.DB, node souk.ID, held []store.Shard) (gone []store.Shard) {
	t.Helper()
	write(t, db, func(tx *store.Tx) error {
		gone = nil
		all, err := tx.Fence(node, held)
		for _, s := range held {
			if all[s] {
				gone = append(gone, s)
			}
		}
		if len(all) != len(gone) {
			t.Errorf("of %v are lost %v", held, all)
		}
		return err
	})
	return gone
}

func TestShardOf(t *testing.T) {
	seen := map[int]int{}
	for range 100 * store.Shards {
		seen[store.ShardOf(souk.NewID())]++
	}
	for n, times := range seen {
		if n < 0 || n >= store.Shards || times < 40 || times > 200 {
			t.Errorf("shard %d has %d of %d", n, times, 100*store.Shards)
		}
	}
	// Nodes of all versions agree.
	for text, want := range map[string]int{
		"00000000-0000-0000-0000-000000000000": 0x05,
		"0198c0de-0000-7000-8000-00000000000a": 0x70,
	} {
		id, _ := souk.ParseID(text)
		if got := store.ShardOf(id); got != want {
			t.Errorf("%s falls into %#x", text, got)
		}
	}
}

func TestShards(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		a, b := souk.NewID(), souk.NewID()
		later, much := noon.Add(15*time.Second), noon.Add(20*time.Second)
		as := take(t, db, a, noon, later, 100)
		if len(as) != 100 {
			t.Fatalf("a took %d", len(as))
		}
		if bs := take(t, db, b, noon, later, 100); len(bs) != 28 || bs[0].Epoch != 1 {
			t.Errorf("b took %v", bs)
		}
		if none := take(t, db, b, later.Add(-1), much, 100); len(none) > 0 {
			t.Errorf("b took %v before its time", none)
		}
		write(t, db, func(tx *store.Tx) error {
			still, err := tx.RenewShards(a, much)
			if !slices.Equal(numbers(still), numbers(as)) {
				t.Errorf("a renewed %v", still)
			}
			return errors.Join(err, tx.ReleaseShards(a, []int{as[0].Number, as[1].Number}), tx.ReleaseShards(b, []int{as[2].Number}), tx.ReleaseShards(a, nil))
		})
		// At that moment b's own are free, those that a gave back are, and a's are not.
		taken := take(t, db, b, later, much, 100)
		if len(taken) != 30 {
			t.Errorf("b took %v", taken)
		}
		for _, s := range taken {
			if s.Epoch != 2 {
				t.Errorf("taken again: %v", s)
			}
		}
		if err := db.Read(t.Context(), func(tx *store.Tx) error {
			all, err := tx.Leases()
			holders := map[souk.ID]int{}
			for i, l := range all {
				if l.Number != i || !l.Until.Equal(much) {
					t.Errorf("%+v is at %d", l, i)
				}
				holders[l.Node]++
			}
			if len(all) != store.Shards || holders[a] != 98 || holders[b] != 30 {
				t.Errorf("held by %v", holders)
			}
			return err
		}); err != nil {
			t.Error(err)
		}
	})
}

func TestNodes(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		a, b, old := souk.NewID(), souk.NewID(), souk.NewID()
		write(t, db, func(tx *store.Tx) error {
			return errors.Join(
				tx.Beat(old, "old", noon.Add(-2*time.Hour), noon.Add(-time.Hour-1000)),
				tx.Beat(b, "b", noon.Add(-2*time.Hour), noon.Add(15*time.Second)),
				tx.Beat(a, "a", noon, noon.Add(15*time.Second)),
				tx.Beat(b, "b", noon, noon.Add(20*time.Second)),
			)
		})
		for at, want := range map[time.Duration][]souk.ID{
			0:                {a, b},
			15 * time.Second: {b},
			20 * time.Second: nil,
		} {
			if err := db.Read(t.Context(), func(tx *store.Tx) error {
				live, err := tx.LiveNodes(noon.Add(at))
				if !slices.Equal(live, want) {
					t.Errorf("after %s there are %v", at, live)
				}
				left, err2 := tx.Strings("SELECT name FROM nodes ORDER BY name")
				if strings.Join(left, " ") != "a b" {
					t.Errorf("remembered are %q", left)
				}
				return errors.Join(err, err2)
			}); err != nil {
				t.Error(err)
			}
		}
		write(t, db, func(tx *store.Tx) error {
			err := tx.RemoveNode(a)
			live, err2 := tx.LiveNodes(noon)
			if !slices.Equal(live, []souk.ID{b}) {
				t.Errorf("after one left there are %v", live)
			}
			return errors.Join(err, err2)
		})
	})
}

func TestFence(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		a, b := souk.NewID(), souk.NewID()
		held := take(t, db, a, noon, noon.Add(time.Second), 4)
		slices.SortFunc(held, func(a, b store.Shard) int { return a.Number - b.Number })
		if db.Leased() {
			write(t, db, func(tx *store.Tx) error { return tx.ReleaseShards(a, []int{0, 1}) })
			take(t, db, b, noon, noon.Add(time.Second), 1)
		}
		for _, tt := range []struct {
			name string
			node souk.ID
			held []store.Shard
			want []store.Shard // on PostgreSQL
		}{
			{"its own, another's, nobody's", a, held, held[:2]},
			{"all of another", b, held, held}, // 0 is its own in another epoch
			{"an epoch that was", a, []store.Shard{{Number: 2, Epoch: 0}}, []store.Shard{{Number: 2, Epoch: 0}}},
			{"two epochs", a, []store.Shard{{Number: 2, Epoch: 1}, {Number: 2, Epoch: 0}, {Number: 3, Epoch: 1}}, []store.Shard{{Number: 2, Epoch: 0}}},
			{"one that is not there", a, []store.Shard{{Number: 128, Epoch: 0}}, []store.Shard{{Number: 128, Epoch: 0}}},
			{"none", a, nil, nil},
			{"the only node", souk.ID{}, []store.Shard{{}}, nil},
		} {
			if !db.Leased() {
				tt.want = nil
			}
			if got := lost(t, db, tt.node, tt.held); !slices.Equal(got, tt.want) {
				t.Errorf("%s: lost %v", tt.name, got)
			}
		}
	})
}

// What is fenced cannot be taken before the commit, and who fences beside one that
// takes waits to hear of it.
func TestFenceBesideATake(t *testing.T) {
	db := postgres(t)
	a, b := souk.NewID(), souk.NewID()
	held := take(t, db, a, noon, noon.Add(time.Second), 2)
	late := noon.Add(time.Hour)
	write(t, db, func(tx *store.Tx) error {
		if gone, err := tx.Fence(a, held[:1]); err != nil || len(gone) > 0 {
			t.Errorf("lost %v: %v", gone, err)
		}
		// Though it is over, and does not wait.
		if got := take(t, db, b, late, late.Add(time.Second), 2); !slices.Equal(numbers(got), []int{1, 2}) {
			t.Errorf("beside the fence b took %v", got)
		}
		return nil
	})

	fenced := make(chan []store.Shard, 1)
	write(t, db, func(tx *store.Tx) error {
		if _, err := tx.TakeShards(b, late, late.Add(time.Second), 1); err != nil {
			return err
		}
		go func() { fenced <- lost(t, db, a, held[:1]) }()
		awaitLockWaiter(t, db)
		return nil
	})
	if got := <-fenced; !slices.Equal(got, held[:1]) {
		t.Errorf("lost %v to whom took it meanwhile", got)
	}
}

// awaitLockWaiter waits until a transaction of the database waits for another.
func awaitLockWaiter(t *testing.T, db *store.DB) {
	t.Helper()
	for waiting, began := 0, time.Now(); waiting == 0; {
		if time.Since(began) > time.Minute {
			t.Error("nobody waits")
			return
		}
		if err := db.Read(context.Background(), func(tx *store.Tx) error {
			return tx.Row(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting)
		}); err != nil {
			t.Error(err)
			return
		}
	}
}

// A node renews while its recorder fences: both lock in one order, wherever the
// rows are by now, so that they never wait for each other.
func TestRenewBesideFences(t *testing.T) {
	db := postgres(t)
	node := souk.NewID()
	held := take(t, db, node, noon, noon.Add(time.Second), store.Shards)
	// Away with what lies in order.
	for _, s := range held[:40] {
		write(t, db, func(tx *store.Tx) error {
			_, err := tx.Exec("UPDATE shards SET until = until + 1 WHERE number = $1", 3*s.Number)
			return err
		})
	}
	runs := 0
	renew := func(tx *store.Tx) error {
		runs++
		_, err := tx.RenewShards(node, noon.Add(time.Hour))
		return err
	}
	var all sync.WaitGroup
	stop := make(chan struct{})
	fences := 0
	all.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := db.Record(context.Background(), func(tx *store.Tx) error {
				fences++
				_, err := tx.Fence(node, held)
				return err
			}); err != nil {
				t.Error(err)
			}
		}
	})
	const beats = 300
	for range beats {
		if err := db.Record(t.Context(), renew); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	all.Wait()
	if runs != beats {
		t.Errorf("%d beats took %d runs, beside %d fences", beats, runs, fences)
	}
}

// A node that freezes in a transaction holds nobody up for long, and hears of it.
func TestLeftIdle(t *testing.T) {
	db := postgres(t)
	var life string
	write(t, db, func(tx *store.Tx) error { return tx.Row("SHOW idle_in_transaction_session_timeout").Scan(&life) })
	if life != "10s" {
		t.Errorf("a transaction may be idle for %s", life)
	}
	for name, after := range map[string]func(*store.Tx) error{
		"and goes on":   put("never"),
		"and commits":   func(*store.Tx) error { return nil },
		"and gives up":  func(*store.Tx) error { return errRefused },
		"and only asks": func(tx *store.Tx) error { return tx.Row("SELECT 1").Scan(new(int)) },
	} {
		err := db.Record(t.Context(), func(tx *store.Tx) error {
			var pid int
			if err := putIn(tx, "never"); err != nil {
				return err
			}
			if err := tx.Row("SELECT pg_backend_pid() FROM (SELECT set_config('idle_in_transaction_session_timeout', '1ms', TRUE)) s").Scan(&pid); err != nil {
				return err
			}
			for there := true; there; {
				if err := db.Read(t.Context(), func(tx *store.Tx) error {
					return tx.Row("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", pid).Scan(&there)
				}); err != nil {
					return err
				}
			}
			return after(tx)
		})
		want := store.ErrUnavailable
		if name == "and gives up" {
			want = errRefused
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantNotes(t, db)
}

// A node whose clock is an hour off says the server's time, and writes it.
func TestClockAnHourOff(t *testing.T) {
	for name, off := range map[string]time.Duration{"ahead": time.Hour, "behind": -time.Hour, "a little": 3 * time.Second} {
		t.Run(name, func(t *testing.T) {
			address := souktest.Postgres(t)
			right, wrong := openFile(t, address), openFile(t, address)
			defer shut(t, right)
			defer shut(t, wrong)
			wrong.SetLocal(func() time.Time { return time.Now().Add(off) })
			if before := wrong.Now().Sub(right.Now()); before.Round(time.Second) != off {
				t.Errorf("before the first look it is %s off", before)
			}
			for _, db := range []*store.DB{right, wrong} {
				for range 3 {
					if err := db.Measure(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			const near = 500 * time.Millisecond // what the shortest of three round trips leaves open
			before := right.Now()
			if apart := wrong.Now().Sub(before); apart.Abs() > near {
				t.Errorf("apart by %s", apart)
			}

			// What a verb stamps.
			m := &market.Market{DB: wrong, Key: souk.NewKey([souk.KeySize]byte{1})}
			if _, err := m.FirstPlatformToken(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := right.Read(t.Context(), func(tx *store.Tx) error {
				var stamped time.Time
				err := tx.Row("SELECT created_at FROM tokens").Scan((*store.Stamp)(&stamped))
				if late := stamped.Sub(before); late < -near || late > time.Minute {
					t.Errorf("stamped %s late", late)
				}
				return err
			}); err != nil {
				t.Error(err)
			}

			// What it leases is its own to others, and what others lease to it.
			a, b := souk.NewID(), souk.NewID()
			const life = 15 * time.Second
			if got := take(t, wrong, a, wrong.Now(), wrong.Now().Add(life), 64); len(got) != 64 {
				t.Errorf("it takes %d", len(got))
			}
			if got := take(t, right, b, right.Now(), right.Now().Add(life), 128); len(got) != 64 {
				t.Errorf("another takes %d", len(got))
			}
			if got := take(t, wrong, a, wrong.Now(), wrong.Now().Add(life), 128); len(got) > 0 {
				t.Errorf("it takes %d of another's", len(got))
			}
		})
	}
}

// KeepTime tells the operator once that a clock is wrong.
func TestKeepTime(t *testing.T) {
	address := souktest.Postgres(t)
	db := openFile(t, address)
	defer shut(t, db)
	db.SetLocal(func() time.Time { return time.Now().Add(time.Hour) })
	ctx, stop := context.WithCancel(t.Context())
	told := make(chan string, 10)
	over := make(chan struct{})
	go func() {
		db.KeepTime(ctx, slog.New(slog.NewTextHandler(lines(told), nil)))
		close(over)
	}()
	if line := <-told; !strings.Contains(line, "level=WARN") || !strings.Contains(line, "ahead=1h0m0") && !strings.Contains(line, "ahead=59m59") {
		t.Errorf("told %s", line)
	}
	stop()
	<-over
	if apart := time.Until(db.Now()); apart.Abs() > 500*time.Millisecond {
		t.Errorf("apart by %s", apart)
	}
	if len(told) > 0 {
		t.Errorf("told, too: %s", <-told)
	}
}

// lines is a log, a line at a time.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}

// On SQLite there is one clock, and nothing to measure or to share.
func TestOneClock(t *testing.T) {
	path := souktest.SQLite(t)
	synctest.Test(t, func(t *testing.T) {
		db := openFile(t, path)
		defer shut(t, db)
		db.KeepTime(t.Context(), nil)
		if err := db.Measure(t.Context()); err != nil || db.Leased() {
			t.Errorf("leased: %v, %v", db.Leased(), err)
		}
		time.Sleep(time.Hour + 1500*time.Nanosecond)
		now := time.Now()
		if got := db.Now(); !got.Equal(now.Truncate(time.Microsecond)) || got.Location() != time.UTC {
			t.Errorf("it is %s, and not %s", got, now)
		}
	})
}
