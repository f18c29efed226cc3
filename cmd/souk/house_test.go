package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"souk"
	"souk/souktest"
)

// house is an organization whose host product publishes through a server, and
// an app of it that is told on two webhooks. It keeps account of all that was
// published, since servers come and go.
type house struct {
	t      *testing.T
	site   *site
	server *process
	on     *client
	box    *postbox
	chance *rand.Rand

	org        souk.Org
	admin      souk.User
	adminToken string // a person's own
	operator   string // a platform token
	bot        souk.App
	hooks      []souk.Webhook

	dead   chan struct{} // closed when the server of this round is dead
	after  func()        // what is to be done when the next one is up, or nil
	waits  bool          // what the dead one leased is left to run out
	twice  []news        // what must come at least twice
	shaken int           // webhooks that there were after a handshake
	doomed []doomed      // apps that are deleted

	quitting sync.WaitGroup // calls that are given up
	mu       sync.Mutex     // for all below
	last     int            // number of the last resource
	fates    map[news]fate  // of all that was published
	calls    [][]news       // what was published at once
	open     map[news]bool  // of those, what may be on its way for all that was seen of the log
	resting  map[news]bool  // of those, what waits for another attempt
	excuses  map[news]int   // kills at which it was on its way, perhaps
}

// fate is what whoever published something knows of it.
type fate string

const (
	unknown fate = "unknown" // no answer came, or none that says
	told    fate = "told"    // the answer says so
	never   fate = "never"   // nobody ever had all of the call
)

const rooms = "rooms" // the last word of the channel that is published on

func newHouse(t *testing.T, address string, chance *rand.Rand) *house {
	t.Helper()
	h := &house{
		t: t, site: newSite(t, address), on: newClient(t, ""), box: newPostbox(t), chance: chance,
		fates: map[news]fate{}, open: map[news]bool{}, resting: map[news]bool{}, excuses: map[news]int{},
	}
	h.site.seed(t, func(s *souktest.Seeder) {
		h.org = s.Org(souk.Workspace, souk.Org{}, "House")
		h.admin = s.Person(h.org, "Ada", souk.Admin)
		h.adminToken = s.Token(souk.Token{Kind: souk.PersonToken, User: h.admin.ID})
		h.operator = s.Token(souk.Token{Kind: souk.PlatformToken})
		h.bot = s.App(souk.App{Owner: h.org.ID, Name: "Bot"})
		s.Credentials(souk.Credentials{App: h.bot.ID, SlackClientID: "1.1", ZoomClientID: "bot", SlackSigningSecret: signingSecret})
		listener := s.App(souk.App{Owner: h.org.ID, Name: "Listener"})
		s.Credentials(souk.Credentials{App: listener.ID, GiosgSecret: postSecret, SlackClientID: "2.2", ZoomClientID: "listener"})
		s.Install(listener, h.org, h.admin)
		h.hooks = nil
		for _, path := range []string{"/a", "/b"} {
			h.hooks = append(h.hooks, s.Webhook(souk.Webhook{
				App: listener.ID, Dialect: souk.Giosg, URL: h.box.url + path,
				Channels: []souk.Subscription{{Pattern: "/api/v5/orgs/{organization_id}/" + rooms, Additions: true, Changes: true}},
			}))
		}
	})
	return h
}

// up starts a server.
func (h *house) up() {
	h.t.Helper()
	h.server = h.site.serve(h.t)
	h.on.base = h.server.Base
}

// fresh is news of resources that nobody has heard of.
func (h *house) fresh(n int) []news {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]news, n)
	for i := range all {
		h.last++
		all[i] = news{fmt.Sprintf("room-%d", h.last), 1}
	}
	return all
}

func (h *house) note(f fate, about ...news) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range about {
		if _, known := h.fates[n]; !known {
			h.open[n] = true
		}
		h.fates[n] = f
	}
}

// call takes note that news are about to be published at once, perhaps again.
func (h *house) call(about []news) {
	h.note(unknown, about...)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, about)
}

// publishing is the body of a call that publishes.
func (h *house) publishing(about ...news) []byte {
	type item struct {
		Org      souk.ID        `json:"organization_id"`
		Channel  string         `json:"channel"`
		Action   souk.Action    `json:"action"`
		ID       string         `json:"resource_id"`
		Resource map[string]int `json:"resource"`
	}
	var all []item
	for _, n := range about {
		all = append(all, item{h.org.ID, "/api/v5/orgs/" + h.org.ID.String() + "/" + rooms, souk.Changed, n.Resource, map[string]int{"n": n.N}})
	}
	body, err := json.Marshal(map[string]any{"items": all})
	if err != nil {
		panic(err) // these types have a spelling
	}
	return body
}

// publish tells news in one call, under a key that may be "". Without an error
// all of it was taken.
func (h *house) publish(ctx context.Context, key string, about ...news) error {
	h.call(about)
	r, err := http.NewRequestWithContext(ctx, "POST", h.on.base+"/souk/v1/channels", bytes.NewReader(h.publishing(about...)))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+h.operator)
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	got, err := h.on.http.Do(r)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	a := answer{status: got.StatusCode, header: got.Header}
	if a.body, err = io.ReadAll(got.Body); err != nil {
		return err
	}
	if a.status != http.StatusOK {
		return unexpected{a}
	}
	var said struct {
		Items []struct {
			Deliveries int `json:"deliveries"`
		} `json:"items"`
	}
	if err := json.Unmarshal(a.body, &said); err != nil {
		return err
	}
	for _, i := range said.Items {
		if i.Deliveries != len(h.hooks) {
			return unexpected{a}
		}
	}
	if len(said.Items) != len(about) {
		return unexpected{a}
	}
	h.note(told, about...)
	return nil
}

// tell publishes and must succeed.
func (h *house) tell(about ...news) {
	h.t.Helper()
	if err := h.publish(h.t.Context(), "", about...); err != nil {
		h.t.Fatalf("publishing %v: %v", about, err)
	}
}

// quit begins calls of people who do not wait for the answer.
func (h *house) quit() {
	about, waits := h.fresh(2), rand.New(rand.NewPCG(h.chance.Uint64(), 0))
	for _, n := range about {
		wait := time.Duration(waits.Int64N(int64(4 * time.Millisecond)))
		h.quitting.Go(func() {
			ctx, cancel := context.WithTimeout(h.t.Context(), wait)
			defer cancel()
			_ = h.publish(ctx, "", n) // whatever became of it they do not know
		})
	}
}

// deliveries are those to a webhook that have a status, newest first.
func (h *house) deliveries(w souk.Webhook, status souk.DeliveryStatus, limit int) (found []deliverySeen) {
	h.t.Helper()
	path := fmt.Sprintf("/apps/%s/webhooks/%s/deliveries?status=%s&limit=%d", w.App, w.ID, status, limit)
	a, err := h.on.native(h.t, h.operator, "GET", path, "")
	if err != nil || a.status != http.StatusOK {
		h.t.Fatal(err, unexpected{a})
	}
	var page struct {
		Items []deliverySeen `json:"items"`
	}
	if err := json.Unmarshal(a.body, &page); err != nil {
		h.t.Fatal(err)
	}
	return page.Items
}

type deliverySeen struct {
	Resource string `json:"resource_id"`
	Attempts int    `json:"attempts"`
}

// until asks again and again whether something has come about.
func (h *house) until(what string, is func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(patience); !is(); {
		if time.Now().After(deadline) {
			h.t.Fatalf("%s: not in %s", what, patience)
		}
		<-time.After(2 * time.Millisecond)
	}
}

// logged waits until the log says that each of some things had so many attempts
// at each webhook, and is over.
func (h *house) logged(attempts int, about ...news) {
	h.t.Helper()
	h.awaitLog(souk.DeliverySuccessful, attempts, about)
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range about {
		delete(h.open, n)
	}
}

// failed waits until the log says that each of some things had so many attempts
// at each webhook, and waits for another.
func (h *house) failed(attempts int, about ...news) {
	h.t.Helper()
	h.awaitLog(souk.DeliveryPending, attempts, about)
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range about {
		h.resting[n] = true
	}
}

func (h *house) awaitLog(status souk.DeliveryStatus, attempts int, about []news) {
	h.t.Helper()
	for _, w := range h.hooks {
		h.until(fmt.Sprintf("%v %s after %d attempts", about, status, attempts), func() bool {
			seen := h.deliveries(w, status, 100)
			for _, n := range about {
				if !slices.ContainsFunc(seen, func(d deliverySeen) bool { return d.Resource == n.Resource && d.Attempts == attempts }) {
					return false
				}
			}
			return true
		})
	}
}

// idle waits until nothing is on its way any more.
func (h *house) idle() {
	h.t.Helper()
	for _, w := range h.hooks {
		h.until("nothing is to be delivered", func() bool { return len(h.deliveries(w, souk.DeliveryPending, 1)) == 0 })
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.open)
}

// killed takes note that a server was killed, before the next one is started.
func (h *house) killed() {
	h.t.Helper()
	h.quitting.Wait()
	h.mu.Lock()
	for n := range h.open {
		if !h.resting[n] {
			h.excuses[n]++
		}
	}
	clear(h.resting)
	h.mu.Unlock()
	if !h.waits {
		h.site.bury(h.t)
	}
}

// kill kills the server.
func (h *house) kill() {
	h.t.Helper()
	h.server.kill(h.t)
	h.killed()
}
