package main

import (
	"errors"
	"net/http"
	"sync"
	"syscall"
	"time"

	"souk/souktest"
	"souk/store"
)

// point is somewhere a server can die.
type point struct {
	name string

	// hit has the server of a house come there and kills it.
	hit func(*house)

	begin  func(*house)                  // before the first server, or nil
	finish func(*house)                  // after the last round, or nil
	end    func(*house, *store.Tx) error // when no server is up any more, or nil

	// restless points leave a round with something that will wait for a while: it
	// is looked after when all rounds are over.
	restless bool
	unbroken bool // all rounds are in one house
	waits    bool // once in a house what the dead one leased runs out by itself
}

// points are all that are tried.
var points = []point{
	{name: "reading", hit: killReading},
	{name: "publishing", hit: killPublishing},
	{name: "answered", hit: killAnswered},
	{name: "received", hit: killReceived, waits: true},
	{name: "recording", hit: killRecording},
	{name: "retrying", hit: killRetrying, restless: true},
	{name: "line", hit: killLine, restless: true},
	{name: "handshake", hit: killHandshake, end: (*house).checkHandshakes},
	{name: "deleting", hit: killDeleting, begin: (*house).seedDoomed, finish: (*house).awaitDoom, end: (*house).checkDoomed, unbroken: true},
	{name: "draining", hit: killDraining},
	{name: "starting", hit: killStarting},
	{name: "full", hit: killFull},
}

// A server that has read half of a call has done nothing of it.
func killReading(h *house) {
	about := h.fresh(3)
	h.note(never, about...)
	h.half("/souk/v1/channels", h.operator, h.publishing(about...))
	h.kill()
}

// Calls that were sent and not answered are made again with their keys, and tell
// everything once. What has no key is there or is not.
func killPublishing(h *house) {
	const callers = 8
	answered := make(chan struct{}, 1)
	var calling sync.WaitGroup
	var mu sync.Mutex
	again := map[string][]news{}
	for i := range callers {
		calling.Go(func() {
			for {
				about, key := h.fresh(1+i), ""
				if i%2 == 0 {
					key = "for " + about[0].Resource
				}
				err := h.publish(h.t.Context(), key, about...)
				var no unexpected
				switch {
				case err == nil:
					select {
					case answered <- struct{}{}:
					default:
					}
					continue
				case errors.As(err, &no):
					h.t.Error(err)
				case key != "":
					mu.Lock()
					again[key] = about
					mu.Unlock()
				}
				return
			}
		})
	}
	for range 1 + h.chance.IntN(20) {
		h.wait(answered)
	}
	h.moment(3 * time.Millisecond)
	h.server.kill(h.t)
	calling.Wait()
	h.killed()
	h.after = func() {
		for key, about := range again {
			if err := h.publish(h.t.Context(), key, about...); err != nil {
				h.t.Errorf("publishing %v again: %v", about, err)
			}
		}
	}
}

// What was answered and nobody had time to send is sent by the next server.
func killAnswered(h *house) {
	about := h.fresh(20) // more than are on their way at once
	h.box.rule(reply{after: h.dead}, about...)
	h.tell(about...)
	h.kill()
}

// A receiver that did not answer gets it again.
func killReceived(h *house) {
	about := h.fresh(2)
	h.box.rule(reply{after: h.dead}, about...)
	h.tell(about...)
	h.box.await(h.t, "what is held", came(len(about)*len(h.hooks), about...))
	h.moment(2 * time.Millisecond)
	h.kill()
	h.twice = append(h.twice, about...)
}

// A receiver that answered gets it again when the answer could not be written
// down: here because somebody else has the database locked.
func killRecording(h *house) {
	about, gate := h.fresh(2), make(chan struct{})
	h.box.rule(reply{after: gate}, about...)
	h.tell(about...)
	h.box.await(h.t, "what is held", came(len(about)*len(h.hooks), about...))
	unlock := h.site.lock(h.t)
	close(gate)
	h.box.await(h.t, "what is answered", wereAnswered(len(about)*len(h.hooks), about...))
	h.moment(6 * time.Millisecond)
	h.server.kill(h.t)
	unlock()
	h.killed()
	h.twice = append(h.twice, about...)
}

// What failed is tried again when its time has come, whoever noted it.
func killRetrying(h *house) {
	about := h.fresh(2)
	h.box.rule(reply{failed: 1}, about...)
	h.tell(about...)
	h.failed(1, about...)
	h.kill()
	h.twice = append(h.twice, about...)
}

// Those who wait behind one that failed still wait behind it.
func killLine(h *house) {
	head := h.fresh(1)[0]
	about := []news{head, {head.Resource, 2}, {head.Resource, 3}}
	h.box.rule(reply{failed: 1}, head)
	h.tell(about[0], about[1])
	h.tell(about[2])
	h.failed(1, head)
	h.kill()
}

// A server that is told to stop and does not get to its end: something is in the
// hands of a receiver, and half a call in its own.
func killDraining(h *house) {
	about, half := h.fresh(6), h.fresh(1)
	h.box.rule(reply{after: h.dead}, about...)
	h.tell(about...)
	h.box.await(h.t, "what is held", came(len(h.hooks), about...))
	h.note(never, half...)
	h.half("/souk/v1/channels", h.operator, h.publishing(half...))
	h.server.interrupt(h.t, syscall.SIGTERM)
	awaitClosed(h.t, h.server.Base)
	h.moment(5 * time.Millisecond)
	h.kill()
}

// A server that finds a backlog dies again and again before it is up, and one
// that finds nothing dies while it makes its tables.
func killStarting(h *house) {
	about := h.fresh(6)
	h.box.rule(reply{after: h.dead}, about...)
	h.tell(about...)
	h.kill()
	const usual = 300 * time.Millisecond // it takes, or less
	for range 1 + h.chance.IntN(3) {
		p := h.site.launch(h.t)
		h.moment(usual)
		p.kill(h.t)
		h.killed()
	}
	if h.chance.IntN(4) > 0 {
		return
	}
	blank := newSite(h.t, souktest.Blank(h.t, h.site.Address))
	for range 1 + h.chance.IntN(3) {
		p := blank.launch(h.t)
		h.moment(usual)
		p.kill(h.t)
	}
	blank.serve(h.t).kill(h.t) // which is ready before it is killed
}

// A server without room refuses and dies. What it took is there, and what it had
// on its way is sent by one that has room.
func killFull(h *house) {
	about := h.fresh(2)
	h.box.rule(reply{after: h.dead}, about...)
	h.tell(about...)
	empty := h.site.fill(h.t, h.server)
	var no unexpected
	h.until("a full disk is told", func() bool {
		err := h.publish(h.t.Context(), "", h.fresh(1)...)
		return errors.As(err, &no) && no.status == http.StatusServiceUnavailable
	})
	if a, err := h.on.native(h.t, h.operator, "GET", "/me", ""); err != nil || a.status != http.StatusOK {
		h.t.Errorf("on a full disk /me got %d %s (%v)", a.status, a.body, err)
	}
	h.server.kill(h.t)
	empty()
	h.killed()
}

// half sends the first half of a call, and waits until somebody reads it.
func (h *house) half(path, token string, body []byte) {
	h.t.Helper()
	b := beginCall(h.t, h.server.Base, path, token, "application/json", len(body))
	if _, err := b.Write(body[:len(body)/2]); err != nil {
		h.t.Fatal(err)
	}
}

// wait waits for a token.
func (h *house) wait(token <-chan struct{}) {
	h.t.Helper()
	select {
	case <-token:
	case <-time.After(patience):
		h.t.Fatalf("nothing in %s", patience)
	}
}

// moment lets a random part of a time pass: what is waited for cannot be seen
// from outside.
func (h *house) moment(most time.Duration) {
	<-time.After(time.Duration(h.chance.Int64N(int64(most))))
}
