package courier

import (
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
