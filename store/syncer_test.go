package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"souk/store"
)

// disk is one that syncs when it is told to.
type disk struct {
	began atomic.Int64 // syncs
	let   chan error   // each end, or fail
}

func slowDisk(db *store.DB) *disk {
	d := &disk{let: make(chan error)}
	db.AroundSync(func(sync func() error) error {
		d.began.Add(1)
		if err := <-d.let; err != nil {
			return err
		}
		return sync()
	})
	return d
}

// turn lets a sync end.
func (d *disk) turn() {
	d.let <- nil
	synctest.Wait()
}

// wantTold compares who has an answer.
func wantTold(t *testing.T, when string, want bool, all ...*outcome) {
	t.Helper()
	for i, o := range all {
		select {
		case <-o.done:
			if !want {
				t.Errorf("%s: number %d was told %v", when, i, o.err)
			}
		default:
			if want {
				t.Errorf("%s: number %d was told nothing", when, i)
			}
		}
	}
}

func refuse(*store.Tx) error { return errRefused }

func TestNobodyIsToldBeforeTheSync(t *testing.T) {
	bubble(t, func(t *testing.T, db *store.DB) {
		d, ctx := slowDisk(db), context.Background()
		first := start(ctx, writeOf(db), put("first"))
		wantTold(t, "committed", false, first)
		all := []*outcome{
			start(ctx, writeOf(db), put("second")), start(ctx, db.WriteShared, put("third")),
			start(ctx, db.Record, put("fourth")), start(ctx, writeOf(db), refuse),
		}
		for i, o := range all {
			if o.runs != 1 {
				t.Errorf("number %d waits for the disk before it is run", i)
			}
		}
		d.turn()
		wantTold(t, "after its sync", true, first)
		wantTold(t, "after a sync that began before", false, all...)
		d.turn()
		wantTold(t, "after the next", true, append(all, first)...)
		if n := d.began.Load(); n != 2 {
			t.Errorf("%d syncs for five", n)
		}
		for i, o := range append(all, first) {
			if o.err != nil && (i != 3 || !errors.Is(o.err, errRefused)) {
				t.Errorf("number %d: %v", i, o.err)
			}
		}
	})
}

// What wrote nothing costs no sync, and waits for those that came before.
func TestNothingIsNotSynced(t *testing.T) {
	bubble(t, func(t *testing.T, db *store.DB) {
		d, ctx := slowDisk(db), context.Background()
		nothing := func(*store.Tx) error { return nil }
		wantTold(t, "on a disk that is idle", true, start(ctx, writeOf(db), refuse),
			start(ctx, db.Record, nothing), start(ctx, db.Read, nothing))
		if err := db.Ping(ctx); err != nil {
			t.Error(err)
		}
		if n := d.began.Load(); n != 0 {
			t.Errorf("%d syncs", n)
		}
		wrote := start(ctx, writeOf(db), put("a"))
		after := start(ctx, db.Record, nothing)
		wantTold(t, "behind one that wrote", false, wrote, after)
		d.turn()
		wantTold(t, "after its sync", true, wrote)
		wantTold(t, "for which there is nothing to sync", true, after)
		if n := d.began.Load(); n != 1 {
			t.Errorf("%d syncs", n)
		}
	})
}

func TestReadWaitsForWhatItSaw(t *testing.T) {
	bubble(t, func(t *testing.T, db *store.DB) {
		write(t, db, put("old"))
		d, ctx := slowDisk(db), context.Background()
		saw := func(want string) func(*store.Tx) error {
			return func(tx *store.Tx) error {
				names, err := tx.Strings("SELECT name FROM test_notes ORDER BY name")
				if got := strings.Join(names, " "); got != want {
					return fmt.Errorf("saw %q, want %q (%w)", got, want, err)
				}
				return err
			}
		}
		first := make(chan struct{})
		early := start(ctx, db.Read, func(tx *store.Tx) error {
			<-first
			return saw("old")(tx)
		})
		wrote := start(ctx, writeOf(db), put("new"))
		close(first)
		synctest.Wait()
		wantTold(t, "who began before the commit", true, early)

		leaving, leave := context.WithCancel(ctx)
		late, refused := start(ctx, db.Read, saw("new old")), start(ctx, db.Read, refuse)
		left := start(leaving, db.Read, saw("new old"))
		wantTold(t, "who saw the commit", false, late, refused, left, wrote)
		leave()
		synctest.Wait()
		wantTold(t, "who left", true, left)
		d.turn()
		wantTold(t, "after the sync", true, late, refused, wrote)
		wantTold(t, "when all is on the disk", true, start(ctx, db.Read, saw("new old")))
		for _, o := range []*outcome{early, late, wrote} {
			if o.err != nil {
				t.Error(o.err)
			}
		}
		if !errors.Is(refused.err, errRefused) || !errors.Is(left.err, context.Canceled) {
			t.Errorf("got %v and %v", refused.err, left.err)
		}
	})
}

// Readers that wait for the disk are in nobody's way.
func TestWaitingReadersHoldNothing(t *testing.T) {
	bubble(t, func(t *testing.T, db *store.DB) {
		d, ctx := slowDisk(db), context.Background()
		all := []*outcome{start(ctx, writeOf(db), put("a"))}
		for range 20 {
			read := start(ctx, db.Read, func(*store.Tx) error { return nil })
			if all = append(all, read); read.runs != 1 {
				t.Fatal("a reader waits for another's sync")
			}
		}
		wantTold(t, "before the sync", false, all...)
		d.turn()
		wantTold(t, "after it", true, all...)
	})
}

// The writer is so far ahead of the disk and no farther.
func TestWriterWaitsForTheDiskInTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T, db *store.DB) {
		d := slowDisk(db)
		var all []*outcome
		for i := range 2 * store.MostAhead {
			all = append(all, start(context.Background(), writeOf(db), put(fmt.Sprint(i))))
		}
		ran := 0
		for _, o := range all {
			ran += o.runs
		}
		if ran != store.MostAhead+1 {
			t.Errorf("%d commits wait for the disk", ran)
		}
		d.turn()
		wantTold(t, "after a sync", true, all[0])
		for _, o := range all {
			if o.runs != 1 {
				t.Error("one still waits for room")
			}
		}
		wantTold(t, "after a sync", false, all[1:]...)
		d.turn()
		d.turn()
		wantTold(t, "in the end", true, all...)
	})
}

func TestFailedSync(t *testing.T) {
	path := file(t)
	synctest.Test(t, func(t *testing.T) {
		db := openFile(t, path)
		makeNotes(t, db)
		write(t, db, put("safe"))
		d, ctx := slowDisk(db), context.Background()
		wrote, shared := start(ctx, writeOf(db), put("wrote")), start(ctx, db.WriteShared, put("shared"))
		refused, read := start(ctx, writeOf(db), refuse), start(ctx, db.Read, func(*store.Tx) error { return nil })
		running := hold(db, "running")
		queued := start(ctx, writeOf(db), put("queued"))
		d.let <- syscall.EIO
		synctest.Wait()
		for i, o := range []*outcome{wrote, shared, refused} {
			if <-o.done; !errors.Is(o.err, store.ErrOutcomeUnknown) || !errors.Is(o.err, syscall.EIO) || errors.Is(o.err, store.ErrUnavailable) {
				t.Errorf("number %d of those who waited got %v", i, o.err)
			}
		}
		unavailable := func(what string, err error) {
			t.Helper()
			if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, syscall.EIO) || errors.Is(err, store.ErrOutcomeUnknown) {
				t.Errorf("%s got %v", what, err)
			}
		}
		<-read.done
		unavailable("who saw it", read.err)
		close(running.open)
		<-running.inner.done
		<-queued.done
		unavailable("who was running", running.inner.err)
		unavailable("who was queued", queued.err)
		never := func(*store.Tx) error {
			t.Error("ran")
			return nil
		}
		unavailable("Read", db.Read(ctx, never))
		unavailable("Write", db.Write(ctx, nil, never))
		unavailable("WriteShared", db.WriteShared(ctx, never))
		unavailable("Record", db.Record(ctx, never))
		unavailable("Ping", db.Ping(ctx))
		if n := d.began.Load(); n != 1 {
			t.Errorf("%d syncs: one that failed proves nothing", n)
		}
		shut(t, db)

		again := openFile(t, path)
		wantNotes(t, again, "safe", "wrote", "shared") // this disk has lost nothing
		write(t, again, put("later"))
		wantNotes(t, again, "safe", "wrote", "shared", "later")
		shut(t, again)
	})
}

func TestCloseWaitsForTheDisk(t *testing.T) {
	path := file(t)
	synctest.Test(t, func(t *testing.T) {
		db := openFile(t, path)
		makeNotes(t, db)
		d, ctx := slowDisk(db), context.Background()
		all := []*outcome{
			start(ctx, writeOf(db), put("a")), start(ctx, db.Record, put("b")),
			start(ctx, db.Read, func(*store.Tx) error { return nil }),
		}
		closed := make(chan struct{})
		go func() {
			shut(t, db)
			close(closed)
		}()
		synctest.Wait()
		select {
		case <-closed:
			t.Error("it is closed before all is on the disk")
		default:
		}
		wantTold(t, "while it closes", false, all...)
		d.turn()
		d.turn()
		<-closed
		wantTold(t, "when it is closed", true, all...)
		for _, o := range all {
			if o.err != nil {
				t.Error(o.err)
			}
		}
		again := openFile(t, path)
		wantNotes(t, again, "a", "b")
		shut(t, again)
	})
}
