package market_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"souk"
	"souk/market"
)

// What an org calls a partner is nowhere in what the partner can read: neither
// in its audit chain nor in its events.
func TestNamesStayAtHome(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.ally(w.acme, w.globex)
		must(w.m.NamePartner(ctx, w.as("vic"), w.vendor, w.acme, "slow payers"))(t)
		must(w.m.NamePartner(ctx, w.as("eve"), w.acme, w.vendor, "second choice"))(t)
		must(w.m.NamePartner(ctx, w.as("vic"), w.vendor, w.acme, "slow payers of old"))(t)
		v := must(w.m.Partnership(ctx, w.as("eve"), w.acme, w.vendor))(t)
		if v.DisplayName != "second choice" {
			t.Errorf("acme calls the vendor %q", v.DisplayName)
		}
		ok(t, w.m.EndPartnership(ctx, w.as("eve"), w.acme, w.vendor))
		for _, tt := range []struct {
			org   string
			id    [16]byte
			own   string
			other string
		}{{"acme", w.acme, "second choice", "slow payers"}, {"vendor", w.vendor, "slow payers", "second choice"}} {
			for what, query := range map[string]string{
				"audit entries": `SELECT count(*) FROM audit WHERE root_id = $1 AND (before LIKE $2 OR after LIKE $2)`,
				"events":        `SELECT count(*) FROM events WHERE root_id = $1 AND data LIKE $2`,
			} {
				if n := w.count(query, tt.id[:], "%"+tt.other+"%"); n != 0 {
					t.Errorf("%d %s of %s tell what the partner calls it", n, what, tt.org)
				}
				if n := w.count(query, tt.id[:], "%"+tt.own+"%"); n < 2 {
					t.Errorf("%d %s of %s tell what it calls the partner", n, what, tt.org)
				}
			}
		}
		w.checkAudit()
	})
}

// What an invitation writes at home is the same whether there is anybody at the
// other end, who hears of it alone.
func TestInvitingNobody(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		written := func(to souk.ID) string {
			t.Helper()
			entries, events := w.since(func() {
				v := must(w.m.Invite(ctx, w.as("vic"), w.vendor, to))(t)
				if v.Invited != nil || v.To != to {
					t.Errorf("invited %+v", v)
				}
				ok(t, w.m.EndInvitation(ctx, w.as("vic"), w.vendor, market.Outgoing, v.ID))
			})
			if n := w.count(`SELECT count(*) FROM events WHERE org_id = $1 AND kind LIKE 'invitation.%' AND data LIKE '%globex%'`, w.vendor[:]); n != 0 {
				t.Errorf("%d events at home tell whom the invitation is to", n)
			}
			atHome := func(s string) bool { return !strings.HasPrefix(s, "vendor") }
			return fmt.Sprint(slices.DeleteFunc(entries, atHome), slices.DeleteFunc(events, atHome))
		}
		want := written(w.globex)
		if got := written(souk.NewID()); got != want {
			t.Errorf("inviting nobody writes %s, and somebody %s", got, want)
		}
		if n := w.count(`SELECT count(*) FROM events WHERE org_id = $1 AND kind LIKE 'invitation.%' AND data LIKE '%vendor%'`, w.globex[:]); n != 2 {
			t.Errorf("whoever was invited was told %d times by whom", n)
		}
		w.checkAudit()
	})
}

// What comes with a partner is looked up only where somebody listens.
func TestPartnersWithoutListeners(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		w.ally()
		var mu sync.Mutex
		asked := 0
		m := *w.m
		m.DB = w.m.DB.Watched(func(statement string) {
			mu.Lock()
			defer mu.Unlock()
			asked++
		})
		cost := func() int {
			asked = 0
			i := must(m.Invite(context.Background(), w.as("vic"), w.vendor, w.acme))(t)
			must(m.Accept(context.Background(), w.as("eve"), w.acme, i.ID))(t)
			ok(t, m.EndPartnership(context.Background(), w.as("vic"), w.vendor, w.acme))
			return asked
		}
		alone := cost()
		w.below(50)
		yes := true
		for _, app := range []string{"tool", "chat", "files"} {
			w.update(app, market.AppForm{IsAvailableToPartners: &yes})
		}
		if n := cost(); n != alone {
			t.Errorf("%d statements with workspaces and apps, %d without", n, alone)
		}
	})
}
