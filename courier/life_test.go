package courier

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"souk"
	"souk/store"
)

// Whatever ends deliveries with one row reaches those that wait in memory: none
// starts later than a second after the commit.
func TestLanesStopWithinASecond(t *testing.T) {
	tests := []struct {
		name   string
		change func(tx *store.Tx, w world, hook souk.Webhook) error
		then   souk.DeliveryStatus
		note   string
	}{
		{"uninstalled", uninstall, souk.DeliveryCancelled, "the installation ended"},
		{"disabled", func(tx *store.Tx, _ world, hook souk.Webhook) error {
			hook.Status, hook.DisabledAt = souk.WebhookDisabled, time.Now()
			return tx.PutWebhook(store.SealWebhook(key, hook))
		}, souk.DeliveryHeld, ""},
		{"deleted", func(tx *store.Tx, _ world, hook souk.Webhook) error {
			hook.DeletedAt = time.Now()
			return tx.PutWebhook(store.SealWebhook(key, hook))
		}, souk.DeliveryCancelled, "the webhook was deleted"},
		{"enabled anew", func(tx *store.Tx, _ world, hook souk.Webhook) error {
			hook.Epoch = 1
			return tx.PutWebhook(store.SealWebhook(key, hook))
		}, souk.DeliverySkipped, "it was skipped when the webhook was enabled"},
		{"suspended", suspend, souk.DeliverySkipped, "the app is suspended"},
	}
	bubble(t, func(t *testing.T, first world) {
		for _, tt := range tests {
			w := newWorld(t, first.db, first.address)
			s := sky{does: func(http.ResponseWriter, string, string) { time.Sleep(300 * time.Millisecond) }}
			c := w.courier(&s)
			hook := w.hook("one", souk.Native)
			stop := start(c)
			time.Sleep(time.Millisecond)
			all := w.drafts(hook, 200)
			w.told(c, all...)
			time.Sleep(time.Second)
			w.write(func(tx *store.Tx) error { return tt.change(tx, w, hook) })
			committed := time.Now()
			time.Sleep(10 * time.Second)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			got := s.times("one")
			if late := got[len(got)-1].Sub(committed); late > time.Second {
				t.Errorf("%s: an attempt started %s after it", tt.name, late)
			}
			want := map[souk.DeliveryStatus]int{souk.DeliverySuccessful: len(got), tt.then: len(all) - len(got)}
			if d := cmp.Diff(want, w.count(all)); d != "" {
				t.Errorf("%s (-want +got):\n%s", tt.name, d)
			}
			for _, d := range all {
				if d, _ := w.delivery(d.ID); d.Status == tt.then && d.Note != tt.note {
					t.Errorf("%s: %q", tt.name, d.Note)
				}
			}
		}
	})
}

// A database that is away for a minute loses nothing, and nothing that arrived
// comes twice. Meanwhile the courier says that it is not ready.
func TestTheRecorderKeepsWhatItCannotWrite(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var in inbox
		c := w.courier(&in)
		recorded, failed := 0, 0
		c.config.Watch.Recorded = func(outcomes int, _ time.Duration, err error) {
			if err != nil {
				failed++
			} else {
				recorded += outcomes
			}
		}
		var all []souk.Delivery
		for i := range 10 {
			all = append(all, w.drafts(w.hook(fmt.Sprint("receiver", i), souk.Native), 20)...)
		}
		stop := start(c)
		time.Sleep(time.Second)
		w.told(c, all...)
		mend := w.breakDatabase()
		time.Sleep(5 * time.Second)
		if err := c.Ready(); err != nil {
			t.Errorf("after five seconds: %v", err)
		}
		time.Sleep(55 * time.Second)
		s := c.State()
		if err := c.Ready(); (err == nil) != (s.Unrecorded+s.Waiting == 0) {
			t.Errorf("after a minute with %d outcomes and %d that wait: %v", s.Unrecorded, s.Waiting, err)
		}
		if s.Unrecorded > 0 && s.LateBy < 50*time.Second {
			t.Errorf("the oldest is said to wait for %s", s.LateBy)
		}
		mend()
		time.Sleep(time.Minute)
		if err := c.Ready(); err != nil {
			t.Errorf("when it was back: %v", err)
		}
		if s := c.State(); s.Unrecorded != 0 || s.Waiting != 0 || s.Flying != 0 || s.RecordedAt.IsZero() {
			t.Errorf("when it was back: %+v", s)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if n := w.count(all)[souk.DeliverySuccessful]; n != len(all) || recorded != len(all) {
			t.Errorf("%d of %d are delivered, %d recorded", n, len(all), recorded)
		}
		for body, n := range in.received() {
			if n != 1 {
				t.Errorf("%s came %d times", body, n)
			}
		}
	})
}

// A clock that is set by an hour loses nothing: what is handed over goes at once,
// and so does what was due before.
func TestClocksMayBeSet(t *testing.T) {
	for _, leap := range []time.Duration{-time.Hour, time.Hour} {
		bubble(t, func(t *testing.T, w world) {
			var s sky
			var mu sync.Mutex
			var set time.Duration
			c := w.courier(&s)
			clock := c.clock
			c.clock = func() time.Time {
				mu.Lock()
				defer mu.Unlock()
				return clock().Add(set)
			}
			hook := w.hook("one", souk.Slack)
			stop := start(c)
			time.Sleep(time.Second)
			unheard := w.draft(hook) // committed just before, and found after
			w.told(c, w.draft(hook))
			time.Sleep(100 * time.Millisecond)
			w.put(unheard)
			early := w.draft(hook) // by the old clock, handed over after
			mu.Lock()
			set = leap
			mu.Unlock()
			w.told(c, early)
			d := w.draft(hook)
			d.CreatedAt, d.NextAt = c.clock(), c.clock()
			w.told(c, d)
			time.Sleep(2 * time.Second)
			if n := len(s.bodies()); n != 4 {
				t.Errorf("%s: %d of 4 came", leap, n)
			}
			mu.Lock()
			set = 0
			mu.Unlock()
			time.Sleep(time.Second)
			w.told(c, w.draft(hook))
			time.Sleep(time.Second)
			if n := len(s.bodies()); n != 5 {
				t.Errorf("%s and back: %d of 5 came", leap, n)
			}
			if err := stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A clock that is set back while what is due cannot be read loses nothing either.
func TestClocksMayBeSetBackInAnOutage(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var s sky
		var set atomic.Int64
		c := w.courier(&s)
		clock := c.clock
		c.clock = func() time.Time { return clock().Add(time.Duration(set.Load())) }
		hook := w.hook("one", souk.Slack)
		later := w.draft(hook)
		later.NextAt = later.NextAt.Add(5 * time.Second)
		w.put(w.draft(hook), later)
		stop := start(c)
		time.Sleep(1500 * time.Millisecond)
		restore := w.hide("deliveries")
		time.Sleep(5 * time.Second)
		set.Store(int64(-time.Hour))
		time.Sleep(5 * time.Second)
		restore()
		time.Sleep(3 * time.Second)
		if n := len(s.bodies()); n != 2 {
			t.Errorf("%d of 2 came", n)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// The log shows a request that has run for a while as started.
func TestLongAttemptsAreShown(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		s := sky{does: func(http.ResponseWriter, string, string) { time.Sleep(time.Second) }}
		c := w.courier(&s)
		d := w.about(w.hook("one", souk.Giosg), "a", "body")
		stop := start(c)
		time.Sleep(time.Millisecond)
		w.told(c, d)
		for _, want := range []struct {
			after  time.Duration
			status souk.LogStatus
		}{{200 * time.Millisecond, souk.LogPending}, {100 * time.Millisecond, souk.LogStarted}, {800 * time.Millisecond, souk.LogSuccessful}} {
			time.Sleep(want.after)
			if log := w.log(); len(log) != 1 || log[0].Status != want.status || log[0].ID != d.Entry {
				t.Errorf("not %s: %+v", want.status, log)
			}
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// A delivery that is asked for again is tried as often as the first time, however
// old it is, and its attempts are counted on.
func TestReopenedDeliveriesBeginAnew(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		s := sky{does: func(rw http.ResponseWriter, _, _ string) { rw.WriteHeader(http.StatusBadRequest) }}
		c := w.courier(&s)
		hook := w.hook("one", souk.Slack)
		tried, late := w.draft(hook), w.draft(hook)
		stop := start(c)
		time.Sleep(time.Millisecond)
		w.told(c, tried)
		time.Sleep(10 * time.Minute)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		w.put(late)
		time.Sleep(3 * time.Hour)
		stop = start(c)
		time.Sleep(time.Second)
		again := func(d souk.Delivery) {
			d, _ = w.delivery(d.ID)
			w.write(func(tx *store.Tx) (err error) {
				d, err = tx.Reopen(d, c.clock())
				return err
			})
			c.Offer([]souk.Delivery{d})
		}
		if d, _ := w.delivery(late.ID); d.Status != souk.DeliverySkipped {
			t.Fatalf("%s after three hours", d.Status)
		}
		again(tried)
		again(late)
		time.Sleep(10 * time.Minute)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		for d, attempts := range map[souk.ID]int{tried.ID: 8, late.ID: 4} {
			if d, _ := w.delivery(d); d.Status != souk.DeliveryExhausted || d.Attempts != attempts {
				t.Errorf("%s after %d attempts, not %d", d.Status, d.Attempts, attempts)
			}
		}
	})
}

// Whoever watches hears of each attempt and of each transaction, and gives the
// traceparent that goes out.
func TestWatchIsTold(t *testing.T) {
	type told struct{}
	bubble(t, func(t *testing.T, w world) {
		var sent []string
		c := w.courier(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			sent = append(sent, r.Header.Get("Traceparent"))
			rw.WriteHeader(http.StatusGone)
		}))
		var log bytes.Buffer
		c.config.Log = slog.New(slog.NewJSONHandler(&log, nil))
		var ends []string
		c.config.Watch = Watch{
			Begin: func(ctx context.Context, d souk.Delivery) (context.Context, string) {
				return context.WithValue(ctx, told{}, d.ID), d.Trace + "-child"
			},
			End: func(ctx context.Context, d souk.Delivery, a souk.Attempt, then souk.DeliveryStatus) {
				ends = append(ends, fmt.Sprintln(ctx.Value(told{}) == d.ID, a.Status, then))
			},
		}
		d := w.draft(w.hook("one", souk.Native))
		d.Trace = "parent"
		stop := start(c)
		time.Sleep(time.Millisecond)
		w.told(c, d)
		time.Sleep(time.Second)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]string{"parent-child"}, sent); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]string{"true 410 exhausted\n"}, ends); d != "" {
			t.Error(d)
		}
		for _, want := range []string{`"trace":"parent-child"`, `"org":"` + w.in.Org.String(), fmt.Sprintf(`"bytes":%d`, len(d.Body))} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log lacks %s: %s", want, log.String())
			}
		}
		if h := w.health(souk.Webhook{ID: d.Webhook}); !h.Gone {
			t.Errorf("it is not known to be gone: %+v", h)
		}
	})
}
