package courier

import (
	"net/http"
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

// What was committed so late that a deep lane has been read beyond it comes
// before the rest of the lane.
func TestDeepLanesGoBack(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		s := sky{does: func(http.ResponseWriter, string, string) { time.Sleep(2 * time.Second) }}
		c := w.courier(&s)
		c.limits = limits{flying: 16, inHand: 64, bytes: 1 << 20, perLane: 16, few: 4, perOrgs: 32}
		hook := w.hook("slow", souk.Slack)
		late := w.about(hook, "", "late") // of before the rest
		time.Sleep(time.Second)
		w.put(w.drafts(hook, 800)...)
		stop := start(c)
		time.Sleep(30 * time.Second)
		w.put(late)
		time.Sleep(90 * time.Second)
		came := false
		for _, body := range s.bodies() {
			came = came || body == "late"
		}
		if n := len(s.bodies()); !came || n > 600 {
			t.Errorf("it came among the first %d: %v", n, came)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// Large bodies that wait for slow endpoints leave room for those of others.
func TestSlowLanesLeaveRoomForBodies(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var s sky
		c := w.courier(&s)
		c.limits = limits{flying: 8, inHand: 400, bytes: 64 << 10, perLane: 50, few: 4, perOrgs: 80}
		large := func(hook souk.Webhook) souk.Delivery {
			d := w.draft(hook)
			d.Body = make([]byte, 4<<10)
			return d
		}
		for _, name := range []string{"pit1", "pit2", "pit3"} {
			hook := w.hook(name, souk.Native)
			for range 40 {
				w.put(large(hook))
			}
		}
		good := w.hook("good", souk.Native)
		stop := start(c)
		time.Sleep(5 * time.Second)
		var sent []time.Time
		for range 20 {
			time.Sleep(100 * time.Millisecond)
			sent = append(sent, time.Now())
			w.told(c, large(good))
		}
		time.Sleep(time.Second)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		got := s.times("good")
		if len(got) != len(sent) {
			t.Fatalf("%d of %d arrived", len(got), len(sent))
		}
		for i := range got {
			if late := got[i].Sub(sent[i]); late > time.Millisecond {
				t.Errorf("delivery %d came after %s", i, late)
			}
		}
	})
}
