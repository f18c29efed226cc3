package courier

import (
	"context"
	"testing"
	"time"

	"souk"
)

// A panic in what an answer comes to is a fault of one delivery.
func TestCourierOutlivesAPanic(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var in inbox
		c := w.courier(&in)
		all := w.deliveries(w.hook("one", souk.Slack), 2)
		c.config.Watch.End = func(_ context.Context, d souk.Delivery, _ souk.Attempt, _ souk.DeliveryStatus) {
			if d.ID == all[0].ID && in.received()[string(d.Body)] == 1 {
				panic("no")
			}
		}
		stop := start(c)
		time.Sleep(30 * time.Second)
		if got, attempts := w.delivery(all[0].ID); got.Status != souk.DeliveryPending || got.Attempts != 0 || got.LastOutcome != souk.Unprepared || len(attempts) != 0 {
			t.Errorf("%+v, %d attempts", got, len(attempts))
		}
		time.Sleep(time.Minute)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if n := w.count(all)[souk.DeliverySuccessful]; n != len(all) {
			t.Errorf("%d successful", n)
		}
	})
}
