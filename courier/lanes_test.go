package courier

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"souk"
	"souk/store"
)

// told puts deliveries into the outbox and hands them over, as a verb does.
func (w world) told(c *Courier, all ...souk.Delivery) {
	w.t.Helper()
	for i := range all {
		all[i].Handed = c.Takes(all[i].Webhook)
	}
	w.write(func(tx *store.Tx) (err error) {
		all, err = tx.InsertDeliveries(all)
		return err
	})
	c.Offer(all)
}

// drafts are n deliveries for hook.
func (w world) drafts(hook souk.Webhook, n int) (all []souk.Delivery) {
	for range n {
		all = append(all, w.draft(hook))
	}
	return all
}

// neighbours installs the world's app in n more organizations.
func (w world) neighbours(n int) (all []souk.ID) {
	for range n {
		org := souk.Org{ID: souk.NewID(), Kind: souk.Workspace, Name: "Other", Domain: souk.NewID().String(), Switches: souk.DefaultSwitches, CreatedAt: w.in.CreatedAt}
		org.HasActiveSubscription = true
		in := w.in
		in.ID, in.Org = souk.NewID(), org.ID
		w.write(func(tx *store.Tx) error {
			if err := tx.PutOrg(org); err != nil {
				return err
			}
			return tx.PutInstallation(in)
		})
		all = append(all, in.ID)
	}
	return all
}

// sky is a receiver that does by host what hosts begin with: pit hangs, dead is
// refused by, slow takes a while; and remembers when what arrived.
type sky struct {
	mu   sync.Mutex
	at   map[string][]time.Time // by host
	now  map[string]int
	most map[string]int
	got  []string // bodies
	does func(rw http.ResponseWriter, host, body string)
}

func (s *sky) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body := readRequest(r).Body
	host, _, _ := strings.Cut(r.Host, ".")
	s.mu.Lock()
	if s.at == nil {
		s.at, s.now, s.most = map[string][]time.Time{}, map[string]int{}, map[string]int{}
	}
	s.at[host] = append(s.at[host], time.Now())
	s.got = append(s.got, body)
	s.now[host]++
	s.most[host] = max(s.most[host], s.now[host])
	s.mu.Unlock()
	switch {
	case s.does != nil:
		s.does(rw, host, body)
	case strings.HasPrefix(host, "pit"):
		<-r.Context().Done()
	case strings.HasPrefix(host, "dead"):
		rw.WriteHeader(http.StatusServiceUnavailable)
	case strings.HasPrefix(host, "slow"):
		time.Sleep(2 * time.Second)
	}
	s.mu.Lock()
	s.now[host]--
	s.mu.Unlock()
}

func (s *sky) times(host string) []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.at[host])
}

func (s *sky) bodies() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

// Tar pits, a dead endpoint and slow ones, with more waiting than there is room
// for, cost a healthy one nothing.
func TestLanesCostEachOtherNothing(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var s sky
		c := w.courier(&s)
		c.limits = limits{flying: 32, inHand: 200, bytes: 1 << 20, perLane: 50, few: 4, perOrgs: 80}
		var bad []souk.Delivery
		for _, name := range []string{"pit1", "pit2", "pit3", "dead", "slow1", "slow2"} {
			bad = append(bad, w.drafts(w.hook(name, souk.Native), 60)...)
		}
		w.put(bad...)
		good := w.hook("good", souk.Native)
		stop := start(c)
		time.Sleep(20 * time.Second) // until the breakers are open, and the slow known
		var sent []time.Time
		for range 40 {
			time.Sleep(250*time.Millisecond + 7*time.Microsecond)
			sent = append(sent, time.Now())
			w.told(c, w.draft(good))
		}
		time.Sleep(time.Second)
		if n := len(c.State().Lanes); n == 0 {
			t.Error("there are no lanes")
		}
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

// What does not fit into memory waits in the database, is sent all the same, and
// once.
func TestDeepLanes(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var in inbox
		var c *Courier
		var mu sync.Mutex
		most := 0
		c = w.courier(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if n := len(in.received()); n%50 == 0 {
				s := c.State()
				mu.Lock()
				most = max(most, s.Waiting+s.Flying+s.Unrecorded)
				mu.Unlock()
			}
			in.ServeHTTP(rw, r)
		}))
		c.limits = limits{flying: 8, inHand: 64, bytes: 4 << 10, perLane: 24, few: 2, perOrgs: 40}
		var all []souk.Delivery
		for i := range 6 {
			all = append(all, w.drafts(w.hook(fmt.Sprint("receiver", i), souk.Slack), 250)...)
		}
		w.put(all[:1000]...)
		stop := start(c)
		for some := range slices.Chunk(all[1000:], 50) {
			w.told(c, some...)
		}
		time.Sleep(20 * time.Second)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		seen := in.received()
		twice := 0
		for _, n := range seen {
			if n > 1 {
				twice++
			}
		}
		if len(seen) != len(all) || twice > 0 {
			t.Errorf("%d of %d arrived, %d of them twice", len(seen), len(all), twice)
		}
		if most > 64 || most < 20 {
			t.Errorf("up to %d were in hand", most)
		}
	})
}

// An organization with a few does not wait for one with many, in memory or not.
func TestOrganizationsTakeTurns(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var s sky
		s.does = func(http.ResponseWriter, string, string) { time.Sleep(100 * time.Millisecond) }
		c := w.courier(&s)
		c.limits.perLane = 50
		hook := w.hook("one", souk.Slack)
		stop := start(c)
		time.Sleep(time.Millisecond)
		w.told(c, w.drafts(hook, 400)...) // 8 at once: 5 s
		time.Sleep(time.Second)
		var few []souk.Delivery
		for _, in := range w.neighbours(5) {
			for range 2 {
				d := w.draft(hook)
				d.Installation = in
				d.Body = []byte("few")
				few = append(few, d)
			}
		}
		w.told(c, few...)
		time.Sleep(600 * time.Millisecond)
		came := 0
		for _, body := range s.bodies() {
			if body == "few" {
				came++
			}
		}
		if came != len(few) {
			t.Errorf("%d of %d came while others had much", came, len(few))
		}
		time.Sleep(10 * time.Second)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if n := len(s.bodies()); n != 410 {
			t.Errorf("%d of 410 came", n)
		}
	})
}

// What is new does not wait for what failed before, however much that is.
func TestFirstAttemptsOvertakeRetries(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var s sky
		var mended atomic.Bool
		s.does = func(rw http.ResponseWriter, _, _ string) {
			if !mended.Load() {
				rw.WriteHeader(http.StatusBadRequest)
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		c := w.courier(&s)
		hook := w.hook("one", souk.Native)
		stop := start(c)
		time.Sleep(time.Millisecond)
		w.told(c, w.drafts(hook, 300)...)
		time.Sleep(3 * time.Second)
		mended.Store(true)
		time.Sleep(2500 * time.Millisecond) // most retries are due by now, and take 4 s
		before := len(s.bodies())
		w.told(c, w.drafts(hook, 24)...)
		w.told(c, w.about(hook, "", "new"))
		time.Sleep(600 * time.Millisecond)
		if got := s.bodies()[before:]; !slices.Contains(got, "new") || len(got) < 25+8 {
			t.Errorf("of what is new came, with %d in all: %v", len(got), slices.Contains(got, "new"))
		}
		time.Sleep(10 * time.Second)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if n := len(s.bodies()); n != 300+325 {
			t.Errorf("%d requests", n)
		}
	})
}

// A resource whose first delivery fails for an hour holds up itself alone.
func TestAFailingHeadDelaysNoOtherResource(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var s sky
		s.does = func(rw http.ResponseWriter, _, body string) {
			if body == "head" {
				rw.WriteHeader(http.StatusInternalServerError)
			}
		}
		c := w.courier(&s)
		hook := w.hook("one", souk.Giosg)
		stop := start(c)
		time.Sleep(time.Millisecond)
		w.told(c, w.about(hook, "a", "head"), w.about(hook, "a", "behind"))
		for i := range 60 {
			time.Sleep(time.Minute)
			began, name := time.Now(), fmt.Sprint("other", i)
			w.told(c, w.about(hook, fmt.Sprint("b", i), name))
			time.Sleep(20 * time.Millisecond)
			if got := s.bodies(); !slices.Contains(got, name) {
				t.Errorf("%s had not come after %s", name, time.Since(began))
			}
		}
		if slices.Contains(s.bodies(), "behind") {
			t.Error("the line went on before its head")
		}
		if n := len(slices.DeleteFunc(s.bodies(), func(body string) bool { return body != "head" })); n < 5 {
			t.Errorf("the head was tried %d times", n)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// A breaker keeps attempts from an endpoint that is down, and costs it none.
func TestBreakersOpen(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var s sky
		var mended atomic.Bool
		s.does = func(rw http.ResponseWriter, _, _ string) {
			if !mended.Load() {
				rw.WriteHeader(http.StatusBadGateway)
			}
		}
		c := w.courier(&s)
		hook := w.hook("one", souk.Native)
		stop := start(c)
		time.Sleep(time.Millisecond)
		all := w.drafts(hook, 100)
		w.told(c, all...)
		time.Sleep(time.Second)
		first := len(s.bodies())
		if first < 10 || first > 10+perWebhook {
			t.Errorf("%d attempts before the breaker opened", first)
		}
		if lanes := c.State().Lanes; lanes["open"] != 1 {
			t.Errorf("lanes %v", lanes)
		}
		time.Sleep(59 * time.Second) // probes after 5 s, 15 s, 35 s
		if n := len(s.bodies()) - first; n != 3 {
			t.Errorf("%d probes", n)
		}
		if h := w.health(hook); h.Breaker != souk.BreakerOpen || h.Trips != 4 || h.Failures != first+3 || h.FailingSince.IsZero() {
			t.Errorf("written down: %+v", h)
		}
		// The next process goes by what is written down.
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		before := len(s.bodies())
		stop = start(c)
		time.Sleep(10 * time.Second)
		if n := len(s.bodies()) - before; n != 0 {
			t.Errorf("%d attempts after a restart", n)
		}
		mended.Store(true)
		time.Sleep(10 * time.Minute)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if n := w.count(all)[souk.DeliverySuccessful]; n != len(all) {
			t.Errorf("%d of %d were delivered: %v", n, len(all), w.count(all))
		}
		if h := w.health(hook); h.Breaker != souk.BreakerClosed || h.Trips != 0 || !h.FailingSince.IsZero() || h.SucceededAt.IsZero() {
			t.Errorf("written down: %+v", h)
		}
	})
}

func (w world) health(hook souk.Webhook) souk.Health {
	var found map[souk.ID]souk.Health
	err := w.db.Read(context.Background(), func(tx *store.Tx) (err error) {
		found, err = tx.HealthOf([]souk.ID{hook.ID})
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return found[hook.ID]
}

// What waits for its endpoint's rate costs no attempt.
func TestRates(t *testing.T) {
	profile := Profiles[souk.Slack]
	defer func() { Profiles[souk.Slack] = profile }()
	slower := profile
	slower.Rate, slower.Burst = 10, 5
	Profiles[souk.Slack] = slower
	bubble(t, func(t *testing.T, w world) {
		var s sky
		c := w.courier(&s)
		all := w.drafts(w.hook("one", souk.Slack), 65)
		w.put(all...)
		began := time.Now()
		stop := start(c)
		time.Sleep(10 * time.Second)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		got := s.times("one")
		if len(got) != len(all) {
			t.Fatalf("%d of %d came", len(got), len(all))
		}
		for i, at := range got {
			if want := time.Duration(max(0, i-4)) * 100 * time.Millisecond; (at.Sub(began) - want).Abs() > 10*time.Millisecond {
				t.Errorf("%d came after %s, not %s", i, at.Sub(began), want)
			}
		}
		for _, d := range all {
			if d, _ := w.delivery(d.ID); d.Attempts != 1 {
				t.Errorf("%d attempts", d.Attempts)
			}
		}
	})
}
