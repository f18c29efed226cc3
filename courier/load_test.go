package courier

import (
	"testing"
	"time"

	"souk"
)

// What is handed over late, when it was found and sent long ago, is not sent
// again.
func TestLateOffers(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var in inbox
		c := w.courier(&in)
		stop := start(c)
		all := w.deliveries(w.hook("one", souk.Native), 3)
		c.Wake()
		for _, late := range []time.Duration{100 * time.Millisecond, time.Second, time.Minute} {
			time.Sleep(late)
			c.Offer(all)
		}
		time.Sleep(time.Second)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		for body, n := range in.received() {
			if n != 1 {
				t.Errorf("%s came %d times", body, n)
			}
		}
		if n := len(in.received()); n != len(all) {
			t.Errorf("%d came", n)
		}
	})
}
