package main

import (
	"database/sql"
	"flag"
	"fmt"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

// By default the servers are stopped for less than a lease lasts; for longer in a
// soak, and in virtual time in package courier.
var (
	pauseTime  = flag.Duration("souk.pause", 3*time.Second, "between what happens to servers in TestThreeServers; 30s for a soak")
	frozenTime = flag.Duration("souk.frozen", 4*time.Second, "how long a server is stopped there; 60s for a soak")
)

// gate counts who is asked by how many at once, and when.
type gate struct {
	mu    sync.Mutex
	now   map[string]int
	most  int
	times map[string][]time.Time
}

func (g *gate) pass(r *http.Request) {
	path := r.URL.Path
	g.mu.Lock()
	g.now[path]++
	g.most = max(g.most, g.now[path])
	g.times[path] = append(g.times[path], time.Now())
	g.mu.Unlock()
	hesitate(r)
	g.mu.Lock()
	g.now[path]--
	g.mu.Unlock()
}

// Three servers deliver from one PostgreSQL. One is killed, one is stopped by
// SIGSTOP and let go. No delivery is lost, none ends twice in the log, others take
// over in time, and no endpoint is asked for more at once than one server would.
func TestThreeServers(t *testing.T) {
	t.Parallel()
	const hooks, pace = 24, 200 * time.Millisecond
	settle := int(*pauseTime / pace)
	frozen := int(*frozenTime / pace)
	killAt := 10
	freezeAt := killAt + settle
	thawAt := freezeAt + frozen
	end := thawAt + settle

	address := souktest.Postgres(t)
	site := newSite(t, address)
	hears := newReceiver(t)
	traffic := &gate{now: map[string]int{}, times: map[string][]time.Time{}}
	hears.slow = traffic.pass
	var c company
	var told []souk.Webhook
	site.seed(t, func(s *souktest.Seeder) {
		c = newCompany(s, "Acme", end, nil)
		for i := range hooks {
			app := s.App(souk.App{Owner: c.enterprise.ID, Name: fmt.Sprint("Listener ", i), BotScopes: souk.NewScopes(souk.MarketplaceRead)})
			s.Install(app, c.enterprise, c.admin, c.workspace)
			told = append(told, s.Webhook(souk.Webhook{
				App: app.ID, Dialect: souk.Native, URL: fmt.Sprint(hears.url, "/native/", i), Secret: nativeSecret,
				Events: []string{string(souk.RequestCreated)},
			}))
		}
	})
	var servers [3]*process
	for i := range servers {
		servers[i] = site.serve(t)
	}
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	awaitCount(t, db, "parts", 3, `SELECT count(*) FROM (SELECT FROM shards GROUP BY node_id HAVING node_id IS NOT NULL AND count(*) >= 42) parts`)

	survivor := newClient(t, servers[2].Base)
	beats := time.NewTicker(pace)
	defer beats.Stop()
	for i, app := range c.apps {
		switch i {
		case killAt:
			servers[0].kill(t)
		case freezeAt:
			servers[1].interrupt(t, syscall.SIGSTOP)
		case thawAt:
			servers[1].interrupt(t, syscall.SIGCONT)
		}
		if _, err := survivor.ask(t, c, app); err != nil {
			t.Fatal(err)
		}
		<-beats.C
	}
	all := hooks * end
	awaitCount(t, db, "open deliveries", 0, `SELECT count(*) FROM deliveries`)
	awaitCount(t, db, "successes that were counted", all, `SELECT coalesce(sum(deliveries), 0) FROM delivery_counts WHERE status = 'successful'`)
	awaitCount(t, db, "ends that were counted", all, `SELECT coalesce(sum(deliveries), 0) FROM delivery_counts`)
	for _, s := range servers[1:] {
		s.stop(t)
	}
	awaitCount(t, db, "nodes that stopped and hold something", 0, `SELECT count(*) FROM shards WHERE node_id IS NOT NULL`)

	letters, twice := hears.letters(), 0
	site.read(t, func(tx *store.Tx) error {
		for i, hook := range told {
			all, err := tx.DeliveriesPage(hook.ID, "", souk.Page{Size: 2 * end})
			if err != nil {
				return err
			}
			if len(all) != end {
				t.Errorf("%d deliveries to %s of %d", len(all), hook.URL, end)
			}
			for _, d := range all {
				came := len(letters[letter{fmt.Sprint("/native/", i), d.Event.String()}])
				if came == 0 || came > 3 || d.Status != souk.DeliverySuccessful {
					t.Errorf("delivery %s is %s and came %d times", d.ID, d.Status, came)
				}
				if came > 1 {
					twice++
				}
			}
		}
		return nil
	})
	longest := time.Duration(0)
	for _, times := range traffic.times {
		for i, at := range times[1:] {
			longest = max(longest, at.Sub(times[i]))
		}
	}
	if longest > 20*time.Second {
		t.Errorf("an endpoint heard nothing for %s", longest)
	}
	if traffic.most > 8 {
		t.Errorf("an endpoint was asked for %d at once", traffic.most)
	}
	t.Logf("%d deliveries, %d of them twice; at most %d at once; nothing for %s at most", all, twice, traffic.most, longest.Round(time.Millisecond))
}

// awaitCount waits until a query of a database that servers have open counts so
// many.
func awaitCount(t *testing.T, db *sql.DB, what string, want int, query string) {
	t.Helper()
	deadline, again := time.After(patience), time.NewTicker(100*time.Millisecond)
	defer again.Stop()
	for {
		var got int
		if err := db.QueryRowContext(t.Context(), query).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got == want {
			return
		}
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("%s: %d, want %d", what, got, want)
		}
	}
}
