package courier

import (
	"context"
	"database/sql"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

var nodesDeliveries = flag.Int("courier.nodes", 10, "deliveries a second in TestThreeNodes; 200 for a soak")

// crossroads is a receiver of what several nodes send. It takes up to half a
// second for an answer.
type crossroads struct {
	mu    sync.Mutex
	now   map[string]int // requests under way, by endpoint
	most  int            // of them at once, at one endpoint
	from  [3]int         // requests under way, by node
	came  map[string][]visit
	order int
}

// visit is a request.
type visit struct {
	by   int // which node
	host string
	at   time.Time
}

// of is the receiver as a node sees it.
func (c *crossroads) of(node int) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body := string(must(io.ReadAll(r.Body)))
		c.mu.Lock()
		c.now[r.Host]++
		c.from[node]++
		c.most = max(c.most, c.now[r.Host])
		c.came[body] = append(c.came[body], visit{node, r.Host, time.Now()})
		c.order++
		takes := time.Duration(c.order%5) * 100 * time.Millisecond
		c.mu.Unlock()
		time.Sleep(takes)
		c.mu.Lock()
		c.now[r.Host]--
		c.from[node]--
		c.mu.Unlock()
	})
}

// busy reports whether requests of a node are under way.
func (c *crossroads) busy(node int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.from[node] > 0
}

// sender is a node with a courier.
type sender struct {
	*member
	courier *Courier
	db      *store.DB
	gate    chan struct{} // nil: what was sent is recorded; else when this is closed
	mu      sync.Mutex
	stop    func() error
}

// sender starts a node with a database connection of its own, so that it can be
// told from the others, and stopped in the middle.
func (g *nodes) sender(w world, number int, c *crossroads) *sender {
	s := &sender{db: must(store.Open(context.Background(), w.address))}
	// A frozen node does not come to record: its transactions begin with a fence.
	db := s.db.Watched(func(statement string) {
		s.mu.Lock()
		gate := s.gate
		s.mu.Unlock()
		if gate != nil && strings.Contains(statement, "FROM shards WHERE number IN") {
			<-gate
		}
	})
	own := w
	own.db = db
	s.courier = own.courierTo(serve(w.t, c.of(number)))
	s.member = &member{Lease: NewLease(s.db, "", slog.New(slog.NewTextHandler(io.Discard, nil)))}
	s.Flying = s.courier.Flying
	s.courier.config.Lease = s.Lease
	g.all = append(g.all, s.member)
	s.member.thaw()
	s.stop = start(s.courier)
	return s
}

// freeze has a node send and record nothing, until the function that it answers
// with is called.
func (s *sender) freeze() (thaw func()) {
	gate := make(chan struct{})
	s.mu.Lock()
	s.gate = gate
	s.mu.Unlock()
	s.member.freeze()
	s.owned.Store(new(owned))
	return func() {
		s.mu.Lock()
		s.gate = nil
		s.mu.Unlock()
		close(gate)
		s.member.thaw()
	}
}

// Three nodes deliver; one is killed, one freezes for a minute and goes on. No
// delivery is lost, none ends twice, what was theirs goes on within 20 s, and no
// endpoint is ever asked for more at once than by one node.
func TestThreeNodes(t *testing.T) {
	address := souktest.Postgres(t)
	synctest.Test(t, func(t *testing.T) {
		db := must(store.Open(t.Context(), address))
		defer func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}()
		w := newWorld(t, db, address)
		g := &nodes{t: t, db: db}
		c := &crossroads{now: map[string]int{}, came: map[string][]visit{}}
		hooks := make([]souk.Webhook, 40)
		for i := range hooks {
			hooks[i] = w.hook(string(rune('a'+i/26))+string(rune('a'+i%26)), souk.Native)
		}
		senders := []*sender{g.sender(w, 0, c), g.sender(w, 1, c), g.sender(w, 2, c)}
		time.Sleep(15 * time.Second)
		g.want(43, 43, 42)

		var all []souk.Delivery
		turn := 0
		telling := slices.Clone(senders) // the nodes that write down what is told, in turn
		put := func() {
			some := make([]souk.Delivery, max(1, *nodesDeliveries/5))
			teller := telling[len(all)/len(some)%len(telling)].courier
			for i := range some {
				some[i] = w.draft(hooks[turn%len(hooks)])
				some[i].Handed = teller.Takes(some[i].Webhook)
				turn++
			}
			w.put(some...)
			teller.Offer(slices.Clone(some))
			all = append(all, some...)
		}
		deliver := func(seconds int) {
			for range seconds * 5 {
				put()
				time.Sleep(200 * time.Millisecond)
			}
		}
		// What is under way may be over soon: there is always more.
		deliverUntilBusy := func(node int) {
			for i := 0; !c.busy(node); i++ {
				if i%20 == 0 {
					put()
				}
				time.Sleep(10 * time.Millisecond)
			}
		}
		deliver(7)
		deliverUntilBusy(0)
		killed := time.Now()
		telling = telling[1:]
		g.kill(senders[0].member)
		if err := senders[0].db.Close(); err != nil {
			t.Error(err)
		}
		deliver(33)
		deliverUntilBusy(1)
		frozen := time.Now()
		telling = telling[1:]
		thaw := senders[1].freeze()
		deliver(60)
		thawed := time.Now()
		thaw()
		telling = senders[1:]
		deliver(30)
		time.Sleep(10 * time.Second)

		if counts := w.count(all); counts[souk.DeliverySuccessful] != len(all) {
			t.Errorf("of %d deliveries ended %v", len(all), counts)
		}
		endedOnce(t, address, len(all))
		c.check(t, all, killed, frozen, thawed)
		for i, s := range senders {
			if err := s.stop(); err != nil && i != 0 {
				t.Error(err)
			}
		}
		g.end()
		for _, s := range senders[1:] {
			if err := s.db.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// endedOnce looks at what the database says of so many deliveries: a row each
// among those that ended, none that is open, and each counted once, by whatever
// node.
func endedOnce(t *testing.T, address string, deliveries int) {
	t.Helper()
	db := must(sql.Open("pgx", address))
	defer db.Close()
	for query, want := range map[string]int{
		`SELECT count(*) FROM ended_1`:    deliveries,
		`SELECT count(*) FROM deliveries`: 0,
		`SELECT coalesce(sum(deliveries), 0) FROM delivery_counts WHERE status = 'successful'`:    deliveries,
		`SELECT coalesce(sum(deliveries), 0) FROM delivery_counts WHERE status <> 'successful'`:   0,
		`SELECT count(*) FROM (SELECT delivery_id FROM attempts_1 GROUP BY delivery_id) asked_at`: deliveries,
	} {
		var got int
		if err := db.QueryRow(query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %d, want %d (%v)", query, got, want, err)
		}
	}
}

// check looks at what came, of deliveries that there was a steady flow of.
func (c *crossroads) check(t *testing.T, all []souk.Delivery, killed, frozen, thawed time.Time) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.most > perWebhook || c.most < 2 {
		t.Errorf("an endpoint was asked for %d at once", c.most)
	}
	twice, again := 0, 0
	hosts := map[string][]time.Time{}
	for _, d := range all {
		visits := c.came[string(d.Body)]
		if len(visits) == 0 {
			t.Errorf("lost: %s", d.ID)
			continue
		}
		first := visits[0]
		unrecorded := func(node int, until time.Time) bool {
			left := until.Sub(first.at)
			return first.by == node && left >= 0 && left < 2*time.Second
		}
		if len(visits) > 1 {
			twice++
			if len(visits) > 2 || !unrecorded(0, killed) && !unrecorded(1, frozen) {
				t.Errorf("%s came %d times, first %s after the kill and %s after the freeze: %+v", d.ID, len(visits), first.at.Sub(killed), first.at.Sub(frozen), visits)
			}
		}
		for _, v := range visits {
			hosts[v.host] = append(hosts[v.host], v.at)
			switch {
			case v.by == 0 && v.at.After(killed), v.by == 1 && v.at.After(frozen) && v.at.Before(thawed):
				t.Errorf("node %d sent at %s, killed at %s, frozen at %s", v.by, v.at, killed, frozen)
			case v.by == 1 && v.at.After(thawed):
				again++
			}
		}
	}
	if twice == 0 {
		t.Error("nothing was in flight when a node was killed, nor when one froze")
	}
	if again == 0 {
		t.Error("the node that was frozen sends no more")
	}
	for host, times := range hosts {
		slices.SortFunc(times, time.Time.Compare)
		for i, at := range times[1:] {
			// What nobody sends for is found within 20 s; then it waits for a sweep,
			// and before it there was nothing for a while.
			if gap := at.Sub(times[i]); gap > 23*time.Second {
				t.Errorf("nothing came to %s for %s", host, gap)
			}
		}
	}
	t.Logf("%d deliveries, %d of them twice; at most %d at once", len(all), twice, c.most)
}
