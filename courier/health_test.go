package courier

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"souk"
)

// A health that no database takes holds up neither other healths nor what is to be
// recorded, and is written down when it is taken again.
func TestOneRefusedHealthHoldsUpNoOther(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var in inbox
		c := w.courier(&in)
		var log bytes.Buffer
		c.config.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError}))
		failed, waited := 0, 0
		c.config.Watch.Recorded = func(outcomes int, _ time.Duration, err error) {
			if err == nil {
				return
			}
			if failed++; outcomes > 0 {
				waited++
			}
		}
		var hooks []souk.Webhook
		for range 40 {
			hooks = append(hooks, w.hook("one", souk.Native))
		}
		bad := hooks[20]
		allow := w.refuse(bad.ID)
		stop := start(c)
		time.Sleep(time.Millisecond)
		var all []souk.Delivery
		for _, hook := range hooks {
			all = append(all, w.draft(hook))
		}
		w.told(c, all...)
		time.Sleep(5 * time.Second)
		for _, hook := range hooks {
			if h := w.health(hook); h.Endpoint.IsZero() != (hook.ID == bad.ID) {
				t.Errorf("written down: %+v", h)
			}
		}
		if n := w.count(all)[souk.DeliverySuccessful]; n != len(all) {
			t.Errorf("%d of %d are recorded", n, len(all))
		}
		for range 60 {
			time.Sleep(time.Second)
			d := w.draft(bad)
			w.told(c, d)
			all = append(all, d)
			time.Sleep(10 * time.Millisecond)
			if d, _ := w.delivery(d.ID); d.Status != souk.DeliverySuccessful {
				t.Fatalf("%s after a hundredth of a second", d.Status)
			}
		}
		if failed > 10 || waited > 1 {
			t.Errorf("%d transactions failed, %d with outcomes", failed, waited)
		}
		if n := strings.Count(log.String(), "the health of an endpoint is refused"); n != 1 || !strings.Contains(log.String(), bad.ID.String()) {
			t.Errorf("said %d times: %s", n, log.String())
		}
		allow()
		for range 6 {
			time.Sleep(time.Minute)
			w.told(c, w.draft(bad))
		}
		time.Sleep(2 * time.Minute)
		if h := w.health(bad); h.Endpoint.IsZero() || h.SucceededAt.IsZero() {
			t.Errorf("in the end: %+v", h)
		}
		if lanes := c.State().Lanes; len(lanes) != 0 {
			t.Errorf("lanes are left: %v", lanes)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	})
}
