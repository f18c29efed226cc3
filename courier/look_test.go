package courier

import (
	"context"
	"sync"
	"testing"
	"time"

	"souk"
	"souk/store"
)

// Whoever may be told things again is told what happens from then on, though a
// look of just before says otherwise.
func TestAnEndpointThatComesBackMissesNothing(t *testing.T) {
	tests := []struct {
		name      string
		away      func(*souk.Webhook, *souk.Installation)
		neighbour bool // something else of the endpoint's keeps it in use
	}{
		{"paused", func(hook *souk.Webhook, _ *souk.Installation) { hook.Status = souk.WebhookPaused }, false},
		{"disabled", func(hook *souk.Webhook, _ *souk.Installation) { hook.Status = souk.WebhookDisabled }, false},
		{"suspended", func(_ *souk.Webhook, in *souk.Installation) { in.Status = souk.InstallationSuspended }, false},
		{"suspended beside another", func(_ *souk.Webhook, in *souk.Installation) { in.Status = souk.InstallationSuspended }, true},
	}
	bubble(t, func(t *testing.T, first world) {
		for _, tt := range tests {
			w := newWorld(t, first.db, first.address)
			var in inbox
			c := w.courier(&in)
			hook := w.hook("one", souk.Native)
			other := w.neighbours(1)[0]
			awayHook, awayIn := hook, w.in
			tt.away(&awayHook, &awayIn)
			put := func(hook souk.Webhook, in souk.Installation) {
				w.write(func(tx *store.Tx) error {
					if err := tx.PutWebhook(store.SealWebhook(key, hook)); err != nil {
						return err
					}
					return tx.PutInstallation(in)
				})
			}
			put(awayHook, awayIn)
			stop := start(c)
			w.told(c, w.draft(hook)) // and so the courier has looked
			time.Sleep(100 * time.Millisecond)
			put(hook, w.in)
			time.Sleep(10 * time.Millisecond)
			d := w.draft(hook)
			all := []souk.Delivery{d}
			if tt.neighbour {
				theirs := w.draft(hook)
				theirs.Installation = other
				all = []souk.Delivery{theirs, d}
			}
			w.told(c, all...)
			time.Sleep(5 * time.Second)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			if now, _ := w.delivery(d.ID); now.Status != souk.DeliverySuccessful {
				t.Errorf("%s: %s, %q", tt.name, now.Status, now.Note)
			}
		}
	})
}

// A breaker that was open when the process ended is open in the next, of however
// many endpoints.
func TestBreakersOfManyAreRead(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var s sky
		c := w.courier(&s)
		probe := time.Now().Add(time.Minute)
		for range 3 * mostLoad {
			hook := w.hook("dead", souk.Native)
			w.write(func(tx *store.Tx) error {
				return tx.PutHealth([]souk.Health{{
					Endpoint: hook.ID, App: w.app.ID, Dialect: hook.Dialect, FailingSince: w.in.CreatedAt, Failures: 10, Trips: 4,
					Breaker: souk.BreakerOpen, ProbeAt: probe, UpdatedAt: w.in.CreatedAt,
				}})
			})
			w.put(w.draft(hook))
		}
		stop := start(c)
		time.Sleep(50 * time.Second)
		if n := len(s.times("dead")); n != 0 {
			t.Errorf("%d attempts", n)
		}
		time.Sleep(20 * time.Second)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if n := len(s.times("dead")); n != 3*mostLoad {
			t.Errorf("%d probes", n)
		}
	})
}

// Looks that take most of a second stop nobody. When they take longer than they are
// good for, or fail, nothing is sent, and the courier says that it is not ready.
func TestSlowLooks(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var s sky
		c := w.courier(&s)
		hook := w.hook("one", souk.Native)
		stop := start(c)
		restore := w.crowd(700*time.Millisecond, 1)
		var sent []time.Time
		for range 20 {
			time.Sleep(3 * time.Second / 2)
			sent = append(sent, time.Now())
			w.told(c, w.draft(hook))
		}
		time.Sleep(2 * time.Second)
		got := s.times("one")
		if len(got) != len(sent) {
			t.Fatalf("%d of %d came", len(got), len(sent))
		}
		for i := range got {
			if late := got[i].Sub(sent[i]); late > 3*time.Second/2 {
				t.Errorf("delivery %d came after %s", i, late)
			}
		}
		if err := c.Ready(); err != nil {
			t.Errorf("with slow looks: %v", err)
		}
		restore()
		if !w.db.Leased() { // PostgreSQL's readers stand in no line
			w.unready(c, &s, hook, w.crowd(2*time.Second, 2))
		}
		w.unready(c, &s, hook, w.crowd(20*time.Second, 2))
		w.unready(c, &s, hook, w.hide("webhooks"))
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// unready states that c is not ready, from 10 s after something was due on, until
// restore.
func (w world) unready(c *Courier, s *sky, hook souk.Webhook, restore func()) {
	w.t.Helper()
	time.Sleep(5 * time.Second)
	before := len(s.bodies())
	if err := c.Ready(); err != nil {
		w.t.Errorf("with nothing due: %v", err)
	}
	due := []souk.Delivery{w.draft(hook)}
	if err := w.db.Record(w.t.Context(), func(tx *store.Tx) (err error) { // which has connections of its own
		due, err = tx.InsertDeliveries(due)
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	c.Offer(due)
	time.Sleep(9 * time.Second)
	if err := c.Ready(); err != nil {
		w.t.Errorf("after nine seconds: %v", err)
	}
	time.Sleep(3 * time.Second)
	if err := c.Ready(); err == nil {
		w.t.Error("it is ready after twelve seconds")
	}
	if n := len(s.bodies()); n != before {
		w.t.Errorf("%d came meanwhile", n-before)
	}
	restore()
	time.Sleep(5 * time.Second)
	if err := c.Ready(); err != nil || len(s.bodies()) != before+1 {
		w.t.Errorf("when all was well again, %d came: %v", len(s.bodies())-before, err)
	}
}

// crowd has readers take their time in the database, so many times as many as there
// is room for, until restore.
func (w world) crowd(each time.Duration, times int) (restore func()) {
	room := 6
	if w.db.Leased() {
		room = 13
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	var all sync.WaitGroup
	for range times * room {
		all.Go(func() {
			for ctx.Err() == nil {
				if err := w.db.Read(ctx, func(*store.Tx) error { time.Sleep(each); return nil }); err != nil && ctx.Err() == nil {
					panic(err)
				}
			}
		})
	}
	return func() {
		cancel()
		all.Wait()
	}
}
