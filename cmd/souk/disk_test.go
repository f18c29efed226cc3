package main

import (
	"errors"
	"math"
	"net/http"
	"path/filepath"
	"sync"
	"testing"

	"souk"
	"souk/souktest"
	"souk/store"
)

// A server whose disk is full still reads and refuses what it cannot keep: what
// it answered is there, whole, and what it refused is not. When there is space
// again it goes on.
func TestServeOnAFullDisk(t *testing.T) {
	t.Parallel()
	const asked, enough, workers, space = 300, 50, 8, 2 << 20
	site := newSite(t, filepath.Join(t.TempDir(), "souk.db"))
	var c company
	site.seed(t, func(s *souktest.Seeder) { c = newCompany(s, "Acme", asked, nil) })
	p := site.serve(t)
	p.allow(t, space)
	on := newClient(t, p.Base)

	todo := make(chan souk.App, asked)
	for _, app := range c.apps {
		todo <- app
	}
	close(todo)
	var mu sync.Mutex
	kept, refused, after := map[souk.ID]souk.ID{}, map[souk.ID]bool{}, 0
	var working sync.WaitGroup
	for range workers {
		working.Go(func() {
			for app := range todo {
				id, err := on.ask(t, c, app)
				var no unexpected
				mu.Lock()
				switch {
				case err == nil:
					kept[app.ID] = id
					if len(refused) >= enough {
						after++
					}
				case errors.As(err, &no) && no.status == http.StatusServiceUnavailable:
					if refused[app.ID] = true; len(refused) == enough {
						expand(t, p, on, c)
					}
				default:
					t.Error(err)
				}
				mu.Unlock()
			}
		})
	}
	working.Wait()
	if before := len(kept) - after; before == 0 || after == 0 || len(refused) < enough || len(refused) >= enough+workers {
		t.Errorf("%d kept on a small disk, then %d refused, then %d kept", before, len(refused), after)
	}
	p.stop(t)

	site.read(t, func(tx *store.Tx) error {
		for _, app := range c.apps {
			q, err := tx.PendingRequest(app.ID, c.workspace.ID, c.member.ID)
			if id, ok := kept[app.ID]; ok && (err != nil || q.ID != id) {
				t.Errorf("request %s was answered and is not there: %v", id, err)
			}
			if refused[app.ID] && !errors.Is(err, store.ErrNotFound) {
				t.Errorf("a request was refused and is there: %v (%v)", q, err)
			}
		}
		events, err := tx.EventsOf(c.enterprise.ID)
		if err != nil {
			return err
		}
		audit, err := tx.AuditOf(c.enterprise.ID)
		if len(events) != len(kept) || len(audit) != len(kept) {
			t.Errorf("%d requests, %d events, %d audited", len(kept), len(events), len(audit))
		}
		return err
	})
}

// expand gives a server its disk back, once it was seen to read without.
func expand(t *testing.T, p *process, on *client, c company) {
	if a, err := on.native(t, c.memberToken, "GET", "/me", ""); err != nil || a.status != http.StatusOK {
		t.Errorf("on a full disk /me got %d %s (%v)", a.status, a.body, err)
	}
	p.allow(t, math.MaxUint64)
}
