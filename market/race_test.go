package market_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
)

// rounds is how often each race is run.
const rounds = 250

// Two admins approve one request at the same moment: one decides, the other is
// told so, and it is told once.
func TestTwoRacingApprovals(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		w := newTown(t, souktest.SQLite(t))
		w.race(w.m, w.m)
	})
	t.Run("postgres", func(t *testing.T) {
		address := souktest.Postgres(t)
		w := newTown(t, address)
		other, err := store.Open(t.Context(), address) // another node
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ok(t, other.Close()) })
		w.race(w.m, w.marketOn(other))
	})
}

func (w *town) race(here, there *market.Market) {
	w.t.Helper()
	ctx := context.Background()
	for round := range rounds {
		q := w.ask("jane", "chat", w.hq)
		var errs [2]error
		var both sync.WaitGroup
		start := make(chan struct{})
		for i, m := range []*market.Market{here, there} {
			both.Go(func() {
				<-start
				_, errs[i] = m.Approve(ctx, w.as([]string{"max", "olga"}[i]), market.Decision{Request: q.ID, At: w.hq})
			})
		}
		close(start)
		both.Wait()
		won := 0
		for _, err := range errs {
			switch {
			case err == nil:
				won++
			case !errors.Is(err, souk.RequestResolved):
				w.t.Fatalf("round %d: %v", round, err)
			}
		}
		if won != 1 {
			w.t.Fatalf("round %d: %d of two approvals went through: %v", round, won, errs)
		}
		ok(w.t, w.m.Clear(ctx, w.as("max"), market.Clearing{App: w.app["chat"], At: w.hq}))
	}
	for what, query := range map[string]string{
		"cases approved":       `SELECT count(*) FROM events WHERE kind = 'case.approved'`,
		"resolutions":          `SELECT count(*) FROM resolutions`,
		"resolutions approved": `SELECT count(*) FROM events WHERE kind = 'resolution.approved'`,
		"approvals on record":  `SELECT count(*) FROM audit WHERE verb = 'Approve'`,
		"requests approved":    `SELECT count(*) FROM requests WHERE status = 'approved'`,
		"cases closed":         `SELECT count(*) FROM cases WHERE closed_at IS NOT NULL`,
	} {
		if n := w.count(query); n != rounds {
			w.t.Errorf("%d %s after %d rounds", n, what, rounds)
		}
	}
	w.checkAudit()
}
