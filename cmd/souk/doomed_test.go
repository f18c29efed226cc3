package main

import (
	"fmt"
	"net/http"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

// doomed is an app that many have installed and that is deleted while servers
// die: a job ends what the call did not.
type doomed struct {
	app   souk.App
	hook  souk.Webhook // is told of each end
	path  string
	ends  map[string]bool // installations, by ID
	asked bool
}

// seedDoomed adds an app that many have.
func (h *house) seedDoomed() {
	h.t.Helper()
	var d doomed
	h.site.seed(h.t, func(s *souktest.Seeder) {
		d = doomed{path: fmt.Sprintf("/doomed/%d", len(h.doomed)), ends: map[string]bool{}}
		d.app = s.App(souk.App{Owner: h.org.ID, Name: fmt.Sprintf("Doomed %d", len(h.doomed))})
		s.Credentials(souk.Credentials{
			App: d.app.ID, GiosgSecret: postSecret, SlackClientID: fmt.Sprintf("3.%d", len(h.doomed)), ZoomClientID: fmt.Sprintf("doomed%d", len(h.doomed)),
		})
		d.hook = s.Webhook(souk.Webhook{
			App: d.app.ID, Dialect: souk.Giosg, URL: h.box.url + d.path,
			Channels: []souk.Subscription{{Pattern: souk.OwnInstallations, Removals: true}},
		})
		for i := range *installations {
			at := s.Org(souk.Workspace, souk.Org{}, fmt.Sprintf("Customer %d of %d", i, len(h.doomed)))
			d.ends[s.Install(d.app, at, h.admin).ID.String()] = true
		}
	})
	h.doomed = append(h.doomed, d)
}

// A server dies while a job ends what many have, or before it began. The next
// one goes on.
func killDeleting(h *house) {
	d := &h.doomed[len(h.doomed)-1]
	if h.ended(d) == len(d.ends) {
		h.server.stop(h.t)
		h.seedDoomed()
		h.up()
		d = &h.doomed[len(h.doomed)-1]
	}
	before := h.ended(d)
	if !d.asked {
		a, err := h.on.do(h.t, "DELETE", fmt.Sprintf("/api/v5/orgs/%s/owned_apps/%s", h.org.ID, d.app.ID), h.adminToken, "", nil)
		if err != nil || a.status != http.StatusNoContent {
			h.t.Fatalf("the deletion got %d %s (%v)", a.status, a.body, err)
		}
		d.asked = true
		if h.chance.IntN(2) == 0 {
			h.kill()
			return
		}
	}
	h.box.await(h.t, "the deletion goes on", func([]*receipt) bool { return len(h.box.told[d.path]) > before })
	h.moment(4 * time.Millisecond)
	h.kill()
}

// ended is of how many installations an app's owner heard that they ended.
func (h *house) ended(d *doomed) int {
	h.box.mu.Lock()
	defer h.box.mu.Unlock()
	return len(h.box.told[d.path])
}

// awaitDoom waits until all that was to end has ended. Of an app that was deleted
// the API shows no deliveries any more.
func (h *house) awaitDoom() {
	for _, d := range h.doomed {
		if !d.asked {
			continue
		}
		h.box.await(h.t, "the end of a deletion", func([]*receipt) bool { return len(h.box.told[d.path]) == len(d.ends) })
	}
	on, end := h.site.raw(h.t)
	defer end()
	h.until("nothing is to be delivered", func() bool {
		var left int
		if err := on.QueryRowContext(h.t.Context(), "SELECT count(*) FROM deliveries WHERE status = 'pending'").Scan(&left); err != nil {
			h.t.Fatal(err)
		}
		return left == 0
	})
}

// checkDoomed holds what was installed against what ended and what was told.
func (h *house) checkDoomed(tx *store.Tx) error {
	counts := h.box.counts()
	for _, d := range h.doomed {
		if !d.asked {
			continue
		}
		live, err := tx.InstallationsOf(d.app.ID)
		if err != nil {
			return err
		}
		all, err := tx.DeliveriesPage(d.hook.ID, "", souk.Page{Size: 1 << 20})
		if err != nil {
			return err
		}
		if len(live) != 0 || len(all) != len(d.ends) {
			h.t.Errorf("of %d installations %d live, and %d ends were told", len(d.ends), len(live), len(all))
		}
		told := map[string]bool{}
		for _, e := range all {
			if event, err := tx.Event(e.Event); err != nil || event.Kind != souk.InstallationRemoved || event.Subject.String() != e.Resource {
				h.t.Errorf("the end of %s was told of event %+v (%v)", e.Resource, event, err)
			}
			if told[e.Resource] || !d.ends[e.Resource] || e.Status != souk.DeliverySuccessful || counts[e.ID.String()] == 0 {
				h.t.Errorf("the end of %s is %s and came %d times; it was told before: %t", e.Resource, e.Status, counts[e.ID.String()], told[e.Resource])
			}
			told[e.Resource] = true
		}
	}
	return nil
}
