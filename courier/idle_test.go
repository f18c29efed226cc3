package courier

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"souk"
	"souk/store"
)

// newTestRun is a run whose loop the test plays.
func newTestRun(t *testing.T) *run {
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "souk.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return newRun(world{t: t, db: db}.courier(nil), t.Context(), context.Background(), func() {})
}

// A lane that has sent what it had costs about a kilobyte for a minute, looks pass it
// by, and then it is gone.
func TestIdleLanesCostLittle(t *testing.T) {
	r := newTestRun(t)
	const n = 10_000
	sealed := store.SealWebhook(key, souk.Webhook{Secret: "a secret of the usual length, about"})
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for i := range n {
		d := &souk.Delivery{ID: souk.NewID(), Webhook: souk.NewID(), Installation: souk.NewID(), Dialect: souk.Native, Status: souk.DeliveryPending}
		l := r.lane(d)
		if !r.admit(l, d) {
			t.Fatal("there is no room")
		}
		w := store.LiveWebhook{SealedWebhook: sealed}
		w.ID, w.URL = d.Webhook, fmt.Sprintf("https://receiver.example/hooks/%d", i)
		l.hook, l.lookedAt, l.told = opened(w, r.Key), r.now, true
		l.health.Observe(r.now, 1, 0)
		r.noteHealth(l, false)
		r.forget(l, l.pop())
	}
	busy := heap()
	r.now = r.now.Add(2 * inUse)
	if k := r.aim(); len(k.endpoints) > 0 || len(r.sight.busy) > 0 {
		t.Errorf("a look at %d, %d are busy", len(k.endpoints), len(r.sight.busy))
	}
	idle := heap()
	r.now = r.now.Add(idleFrom)
	rec := &records{at: r.clock()}
	for range n/mostHealths + 1 {
		r.ward.rounds = time.Time{}
		r.doctor()
		r.prescribe(rec)
		rec.lanes, rec.healths = nil, nil
	}
	r.clean()
	if r.ward.checkups.len() > 0 || len(r.lanes) > 0 {
		t.Errorf("%d lanes are left, %d with a health to be written down", len(r.lanes), r.ward.checkups.len())
	}
	runtime.KeepAlive(r)
	each := (idle - before) / n
	t.Logf("a lane that has just sent costs %d bytes, an idle one %d", (busy-before)/n, each)
	if each > 1200 {
		t.Errorf("an idle lane costs %d bytes", each)
	}
}

// However many slow lanes have no room left, the others are loaded.
func TestSlowLanesInLineHoldUpNoOthers(t *testing.T) {
	r := newTestRun(t)
	hungry := func(pace pace) *lane {
		l := r.lane(&souk.Delivery{Webhook: souk.NewID(), Dialect: souk.Native})
		l.pace = pace
		l.rest.beyond(store.Due{})
		r.crave(l)
		return l
	}
	for range 1000 {
		hungry(slow)
	}
	quickly := hungry(quick)
	r.hand.slow = r.limits.inHand / 2
	fed := func() (lanes []*lane) {
		o := &load{}
		r.feed(o, r.clock())
		return o.lanes
	}
	if lanes := fed(); len(lanes) != 1 || lanes[0] != quickly {
		t.Errorf("%d lanes are loaded", len(lanes))
	}
	if lanes := fed(); len(lanes) != 0 {
		t.Errorf("then %d", len(lanes))
	}
	r.hand.slow = 0
	for loaded := 0; loaded < 1000; {
		lanes := fed()
		if loaded += len(lanes); len(lanes) == 0 {
			t.Fatalf("%d slow lanes are loaded", loaded)
		}
	}
	for range 10 * mostLoad {
		hungry(quick)
	}
	slowly, rounds := hungry(slow), 0
	for slowly.rest.hungry != nothing {
		if rounds++; rounds > 2 {
			t.Fatal("quick lanes keep a slow one from being loaded")
		}
		fed()
	}
	for len(fed()) > 0 {
	}
	changes := hungry(slow)
	r.hand.slow = r.limits.inHand / 2
	changes.pace = quick
	r.crave(changes)
	if lanes := fed(); len(lanes) != 1 || lanes[0] != changes {
		t.Errorf("%d lanes are loaded after one became quick", len(lanes))
	}
	if lanes := fed(); len(lanes) != 0 {
		t.Errorf("then %d", len(lanes))
	}
}
