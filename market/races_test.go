package market_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
)

// nodes are two markets on one database: on PostgreSQL with pools of their own.
func (w *town) nodes(address string) (here, there *market.Market) {
	w.t.Helper()
	if !strings.HasPrefix(address, "postgres") {
		return w.m, w.m
	}
	db := must(store.Open(context.Background(), address))(w.t)
	w.t.(*testing.T).Cleanup(func() { ok(w.t, db.Close()) })
	return w.m, w.marketOn(db)
}

// atOnce runs two verbs at the same moment.
func atOnce(first, second func() error) (errs [2]error) {
	var both sync.WaitGroup
	start := make(chan struct{})
	for i, call := range []func() error{first, second} {
		both.Go(func() {
			<-start
			errs[i] = call()
		})
	}
	close(start)
	both.Wait()
	return errs
}

// Verbs that meet leave what one after the other would have, whichever was first.
func TestVerbsThatMeet(t *testing.T) {
	ctx := context.Background()
	yes, no := true, false
	type meeting struct {
		prepare       func(*town)
		first, second func(*town, *market.Market) error
		won           []souk.Refusal // of whoever came second, "" for none, per verb
		either        bool           // just one of the two succeeds
		after         func(*testing.T, *town)
	}
	partners := func(w *town) { w.ally(w.globex) }
	for name, tt := range map[string]meeting{
		"two ends of a partnership": {
			prepare: partners,
			first:   func(w *town, m *market.Market) error { return m.EndPartnership(ctx, w.as("vic"), w.vendor, w.globex) },
			second:  func(w *town, m *market.Market) error { return m.EndPartnership(ctx, w.as("gus"), w.globex, w.vendor) },
			won:     []souk.Refusal{souk.UnknownPartnership, souk.UnknownPartnership}, either: true,
			after: func(t *testing.T, w *town) {
				wantList(t, "told at both, once", w.list(`SELECT kind FROM events WHERE kind = 'partnership.removed'`), "partnership.removed", "partnership.removed")
			},
		},
		"an invitation accepted twice": {
			prepare: func(w *town) {
				w.changeOrg(w.vendor, func(o *souk.Org) { o.IsAppProvider = true })
				must(w.m.Invite(ctx, w.as("vic"), w.vendor, w.globex))(w.t)
			},
			first:  func(w *town, m *market.Market) error { return w.acceptFirst(m, "gus") },
			second: func(w *town, m *market.Market) error { return w.acceptFirst(m, "gina") },
			won:    []souk.Refusal{souk.UnknownInvitation, souk.UnknownInvitation}, either: true,
			after: func(t *testing.T, w *town) {
				wantList(t, "told at both, once", w.list(`SELECT kind FROM events WHERE kind = 'partnership.added'`), "partnership.added", "partnership.added")
			},
		},
		"two who invite each other": {
			prepare: func(*town) {},
			first:   func(w *town, m *market.Market) error { return drop(m.Invite(ctx, w.as("vic"), w.vendor, w.globex)) },
			second:  func(w *town, m *market.Market) error { return drop(m.Invite(ctx, w.as("gus"), w.globex, w.vendor)) },
			won:     []souk.Refusal{souk.AlreadyInvited, souk.AlreadyInvited}, either: true,
			after: func(t *testing.T, w *town) {
				if n := w.count(`SELECT count(*) FROM invitations`); n != 1 {
					t.Errorf("%d invitations", n)
				}
			},
		},
		"a flag taken back and an installation": {
			prepare: func(*town) {},
			first: func(w *town, m *market.Market) error {
				return drop(m.UpdateApp(ctx, w.as("vic"), w.vendor, w.app["tool"], market.AppForm{IsAvailableToAnyone: &no}))
			},
			second: func(w *town, m *market.Market) error {
				return drop(m.Install(ctx, w.as("gus"), market.Installing{App: w.app["tool"], At: w.globex}))
			},
			won: []souk.Refusal{"", souk.UnknownApp},
		},
		"an app deleted and an installation": {
			prepare: func(*town) {},
			first:   func(w *town, m *market.Market) error { return m.DeleteApp(ctx, w.as("vic"), w.vendor, w.app["tool"]) },
			second: func(w *town, m *market.Market) error {
				return drop(m.Install(ctx, w.as("gus"), market.Installing{App: w.app["tool"], At: w.globex}))
			},
			won: []souk.Refusal{"", souk.UnknownApp},
		},
		"a partnership ended and an installation": {
			prepare: func(w *town) {
				partners(w)
				w.update("tool", market.AppForm{IsAvailableToAnyone: &no, IsAvailableToPartners: &yes})
			},
			first: func(w *town, m *market.Market) error { return m.EndPartnership(ctx, w.as("vic"), w.vendor, w.globex) },
			second: func(w *town, m *market.Market) error {
				return drop(m.Install(ctx, w.as("gus"), market.Installing{App: w.app["tool"], At: w.globex}))
			},
			won: []souk.Refusal{"", souk.UnknownApp},
		},
		"a partnership ended and a share": {
			prepare: func(w *town) {
				partners(w)
				w.update("tool", market.AppForm{IsAvailableToAnyone: &no})
			},
			first: func(w *town, m *market.Market) error { return m.EndPartnership(ctx, w.as("gus"), w.globex, w.vendor) },
			second: func(w *town, m *market.Market) error {
				return drop(m.ShareApp(ctx, w.as("vic"), market.Sharing{Owner: w.vendor, App: w.app["tool"], With: w.globex}))
			},
			won: []souk.Refusal{"", souk.NotPartner},
			after: func(t *testing.T, w *town) {
				if n := w.count(`SELECT count(*) FROM rights WHERE grantee = 'shared'`); n != 0 {
					t.Errorf("%d shares with who is no partner", n)
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			souktest.EachAddress(t, func(t *testing.T, address string) {
				for range 5 {
					w := newTown(t, address)
					here, there := w.nodes(address)
					w.listen("tool", own)
					tt.prepare(w)
					errs := atOnce(func() error { return tt.first(w, here) }, func() error { return tt.second(w, there) })
					lost := 0
					for i, err := range errs {
						if err != nil {
							lost++
							wantRefusal(t, "who came second", err, tt.won[i])
						}
					}
					if tt.either && lost != 1 {
						t.Errorf("%v", errs)
					}
					if tt.after != nil {
						tt.after(t, w)
					}
					if n := w.count(`SELECT count(*) FROM installations WHERE status <> 'ended'`) + w.count(`SELECT count(*) FROM reach`) +
						w.count(`SELECT COALESCE(sum(live), 0) FROM installation_counts`); n != 0 {
						t.Errorf("something is installed without a right to it: %q", w.live("tool"))
					}
					w.checkAudit()
					if strings.HasPrefix(address, "postgres") {
						address = souktest.Postgres(t)
					} else {
						address += "x"
					}
				}
			})
		})
	}
}

// acceptFirst accepts the only invitation there is.
func (w *town) acceptFirst(m *market.Market, name string) error {
	var id souk.ID
	query := `SELECT subject_id FROM events WHERE kind = 'invitation.added' LIMIT 1`
	if err := w.sql.QueryRowContext(context.Background(), query).Scan(&id); err != nil {
		return err
	}
	return drop(m.Accept(context.Background(), w.as(name), w.globex, id))
}
