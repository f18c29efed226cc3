package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

// killSeed names the environment variable that repeats a run of TestKilledAtPoints and
// TestKilledServers, as far as chance goes.
const killSeed = "SOUK_TEST_KILL_SEED"

// What make soak raises.
var (
	rounds        = flag.Int("souk.rounds", 10, "how often servers are killed at each point")
	installations = flag.Int("souk.installations", 300, "how many have an app that is deleted")
	outage        = flag.Duration("souk.outage", time.Second, "how long databases are out of order")
)

// seed is that of a run, by chance unless somebody repeats one.
func seed(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if s := os.Getenv(killSeed); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%s=%d", killSeed, seed)
	return seed
}

// Wherever a server is killed: nothing is lost of what it had answered, nothing
// is there by halves, and nothing comes twice but what was on its way.
func TestKilledAtPoints(t *testing.T) {
	t.Parallel()
	for i, p := range points {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			inOne := 10
			if p.unbroken {
				inOne = *rounds
			}
			for from := 0; from < *rounds; from += inOne {
				t.Run(strconv.Itoa(from), func(t *testing.T) {
					souktest.EachAddress(t, func(t *testing.T, address string) {
						t.Parallel()
						chance := rand.New(rand.NewPCG(seed(t), uint64(i*1_000_000+from)))
						newHouse(t, address, chance).die(p, min(inOne, *rounds-from))
					})
				})
			}
		})
	}
}

// die has servers die at a point, one after another.
func (h *house) die(p point, times int) {
	if p.begin != nil {
		p.begin(h)
	}
	h.up()
	for round := range times {
		h.waits = p.waits && round == times-1
		h.dead, h.after = make(chan struct{}), nil
		witness := h.fresh(1)
		h.tell(witness...)
		h.logged(1, witness...)
		h.quit()
		p.hit(h)
		close(h.dead)
		h.up()
		if h.after != nil {
			h.after()
		}
		if !p.restless {
			h.idle()
		}
	}
	h.idle()
	if p.finish != nil {
		p.finish(h)
	}
	h.server.stop(h.t)
	h.reckon()
	if p.end != nil {
		h.site.read(h.t, func(tx *store.Tx) error { return p.end(h, tx) })
	}
}

// Whenever a server is killed: after the restart all that was answered is in
// the database, each delivery in the database reaches its receiver, and the
// receiver has none that the database lacks.
func TestKilledServers(t *testing.T) {
	t.Parallel()
	souktest.EachAddress(t, func(t *testing.T, address string) {
		t.Parallel()
		const rounds, workers = 200, 8
		chance := rand.New(rand.NewPCG(seed(t), 0))
		hears := newReceiver(t)
		hears.slow = hesitate
		site := newSite(t, address)
		var c company
		site.seed(t, func(s *souktest.Seeder) { c = newCompany(s, "Acme", rounds, hears) })

		up := &standing{process: site.serve(t), change: make(chan struct{})}
		tried := make(chan struct{}, workers) // a call is about to be made
		todo := make(chan souk.App, rounds)
		for _, app := range c.apps {
			todo <- app
		}
		close(todo)
		var approved sync.Map // request ids that were answered ok, by app
		var working sync.WaitGroup
		for range workers {
			working.Go(func() {
				w := worker{t: t, company: c, client: newClient(t, ""), up: up, tried: tried}
				for app := range todo {
					if id, ok := w.round(app); ok {
						approved.Store(app.ID, id)
					}
				}
			})
		}
		finished := make(chan struct{})
		go func() { working.Wait(); close(finished) }()

		kills := 0
		for awaitTraffic(chance, finished, tried, hears.came) {
			up.process.kill(t)
			site.bury(t)
			kills++
			up.replace(site.serve(t))
		}
		if kills < 3 {
			t.Errorf("only %d servers were killed", kills)
		}
		began := time.Now()
		awaitDeliveries(t, up.process, c, hears)
		t.Logf("%d servers killed; the last deliveries took %s", kills, time.Since(began).Round(time.Millisecond))
		up.process.stop(t)

		site.read(t, func(tx *store.Tx) error {
			for _, app := range c.apps {
				id, ok := approved.Load(app.ID)
				if !ok {
					continue // its round has failed the test
				}
				q, err := tx.Request(id.(souk.ID))
				if err != nil || q.Status != souk.RequestApproved {
					t.Errorf("the approval of %s was answered and it is %q (%v)", id, q.Status, err)
				}
			}
			return c.compare(t, tx, hears)
		})
	})
}

// hesitate keeps some senders waiting, so that many a server is killed between
// sending and writing down.
func hesitate(r *http.Request) {
	if rand.N(5) > 0 {
		return
	}
	select {
	case <-r.Context().Done():
	case <-time.After(rand.N(50 * time.Millisecond)):
	}
}

// awaitTraffic waits until a server has had some calls or made some, and then
// a random part of what a call takes; false when there will be no more.
func awaitTraffic(chance *rand.Rand, finished <-chan struct{}, tried, came <-chan struct{}) bool {
	for range 20 + chance.IntN(100) {
		select {
		case <-tried:
		case <-came:
		case <-finished:
			return false
		}
	}
	select {
	case <-time.After(time.Duration(chance.Int64N(int64(5 * time.Millisecond)))):
		return true
	case <-finished:
		return false
	}
}

// standing is the server that is up, of those that come and go.
type standing struct {
	mu      sync.Mutex
	process *process
	change  chan struct{}
}

func (s *standing) replace(p *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.process = p
	close(s.change)
	s.change = make(chan struct{})
}

func (s *standing) now() (*process, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process, s.change
}

// worker asks for apps and approves them, as often as it takes.
type worker struct {
	t       *testing.T
	company company
	client  *client
	up      *standing
	tried   chan<- struct{}
}

// round has an app asked for and approved. A call that broke off is made
// again: it was carried out, or it was not.
func (w worker) round(app souk.App) (id souk.ID, ok bool) {
	ok = w.insist(func(bool) (err error) {
		id, err = w.client.ask(w.t, w.company, app)
		return err
	})
	return id, ok && w.insist(func(again bool) error {
		code, err := w.client.slack(w.t, w.company.adminToken, "admin.apps.approve", w.company.decide(id))
		switch {
		case err != nil, code == "ok", again && code == "request_already_resolved":
			return err
		}
		return unexpected{answer{body: []byte(code)}}
	})
}

// insist makes a call until an answer comes. again tells a call that one like
// it broke off before.
func (w worker) insist(call func(again bool) error) bool {
	for again := false; ; again = true {
		p, change := w.up.now()
		select {
		case w.tried <- struct{}{}:
		default:
		}
		w.client.base = p.Base
		err := call(again)
		var other unexpected
		switch {
		case err == nil:
			return true
		case errors.As(err, &other):
			w.t.Error(err)
			return false
		}
		select {
		case <-change: // that server was killed
		case <-time.After(patience):
			w.t.Errorf("a server that nobody killed: %v", err)
			return false
		}
	}
}

// awaitDeliveries waits until nothing is on its way any more.
func awaitDeliveries(t *testing.T, p *process, c company, hears *receiver) {
	t.Helper()
	deadline := time.After(2 * patience)
	on := newClient(t, p.Base)
	for _, hook := range []souk.Webhook{c.nativeHook, c.slackHook} {
		for pending(t, on, c, hook) {
			select {
			case <-hears.came:
			case <-time.After(time.Second): // it came and was not yet written down
			case <-deadline:
				t.Fatalf("deliveries to %s are still pending", hook.URL)
			}
		}
	}
}

// pending reports whether a webhook is still to be told something.
func pending(t *testing.T, on *client, c company, hook souk.Webhook) bool {
	t.Helper()
	a, err := on.native(t, c.operator, "GET", "/apps/"+hook.App.String()+"/webhooks/"+hook.ID.String()+"/deliveries?status=pending&limit=1", "")
	if err != nil || a.status != http.StatusOK {
		t.Fatal(err, unexpected{a})
	}
	var page struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(a.body, &page); err != nil {
		t.Fatal(err)
	}
	return len(page.Items) > 0
}

// compare holds the deliveries in the database against what the receiver has.
func (c company) compare(t *testing.T, tx *store.Tx, hears *receiver) error {
	letters := hears.letters()
	doubles := 0
	for _, hook := range []souk.Webhook{c.nativeHook, c.slackHook} {
		all, err := souktest.Told(tx, hook.ID, "", souk.Page{Size: 10 * len(c.apps)})
		if err != nil {
			return err
		}
		if want := len(c.apps) * len(hook.Events); len(all) != want {
			t.Errorf("%d deliveries to %s of %d", len(all), hook.URL, want)
		}
		for _, d := range all {
			l := letter{"/slack", d.Event.Slack("Ev")}
			if d.Dialect == souk.Native {
				l = letter{"/native", d.Event.String()}
			}
			got := letters[l]
			if d.Status != souk.DeliverySuccessful || len(got) == 0 {
				t.Errorf("delivery %s is %s and was received %d times", d.ID, d.Status, len(got))
			}
			for _, body := range got {
				if d.Dialect == souk.Native && !bytes.Equal(body, d.Body) {
					t.Errorf("delivery %s came as %s and is %s", d.ID, body, d.Body)
				}
			}
			doubles += max(0, len(got)-1)
			delete(letters, l)
		}
	}
	t.Logf("%d came more than once", doubles)
	for l := range letters {
		t.Errorf("the receiver has %s at %s, which the database lacks", l.event, l.path)
	}
	return nil
}
