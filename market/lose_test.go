package market_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
)

// crowd adds orgs of their own, each with an owner of the same name, and says
// whether they are the vendor's partners.
func (w *town) crowd(n int, partners bool) (orgs []souk.ID) {
	w.t.Helper()
	w.write(func(tx *store.Tx) error {
		var failed []error
		orgs = nil
		for i := range n {
			name := fmt.Sprintf("org%02d", i)
			o := souk.Org{ID: souk.NewID(), Kind: souk.Workspace, Name: name, Domain: name,
				Entitlements: souk.DefaultEntitlements, Switches: souk.DefaultSwitches, CreatedAt: dawn}
			u := souk.User{ID: souk.NewID(), Org: o.ID, Email: name + "@town.example", FirstName: name, CreatedAt: dawn}
			orgs, w.user[name] = append(orgs, o.ID), u.ID
			failed = append(failed, tx.PutOrg(o), tx.PutUser(u, o.ID),
				tx.PutMembership(souk.Membership{User: u.ID, Org: o.ID, Role: souk.Owner, CreatedAt: dawn}))
			if partners { // the vendor is older
				failed = append(failed, tx.PutPartnership(souk.Partnership{A: w.vendor, B: o.ID, CreatedAt: dawn}))
			}
		}
		return errors.Join(failed...)
	})
	return orgs
}

// ended tells what an installation left behind.
func (w *town) ended(i souk.Installation) string {
	w.t.Helper()
	return fmt.Sprintf("%s reach %d grants %d bots %d", w.installation(i.ID).Status,
		w.count(`SELECT count(*) FROM reach WHERE installation_id = $1`, i.ID),
		w.count(`SELECT count(*) FROM grants WHERE installation_id = $1 AND status = 'active'`, i.ID),
		w.count(`SELECT count(*) FROM users u JOIN installations i ON i.app_user_id = u.id WHERE i.id = $1 AND u.deactivated_at IS NULL`, i.ID))
}

const nothing = "ended reach 0 grants 0 bots 0"

// An app that becomes less visible keeps exactly the installations with another
// right to it, however the right went.
func TestLosingRights(t *testing.T) {
	no, yes := false, true
	for name, tt := range map[string]struct {
		lose func(*testing.T, *town, souk.Share)
		live []string // of those at acme (and hq), globex, the lab and the vendor itself
		verb string
	}{
		"the flag for anyone": {func(t *testing.T, w *town, _ souk.Share) {
			w.update("tool", market.AppForm{IsAvailableToAnyone: &no})
		}, []string{"acme", "hq", "vendor"}, "UpdateApp"}, // shared with acme, which hq lies below
		"the listing": {func(t *testing.T, w *town, _ souk.Share) {
			v := must(w.m.ListApp(context.Background(), operator, w.app["tool"], souk.Submitted))(t)
			if v.Listing != souk.Submitted || v.IsPublic() || v.Installations != 3 {
				t.Errorf("listed %+v", v)
			}
		}, []string{"acme", "hq", "vendor"}, "ListApp"},
		"all but the partner's flag": {func(t *testing.T, w *town, s souk.Share) {
			ctx := context.Background()
			w.update("tool", market.AppForm{IsAvailableToPartners: &yes, IsAvailableToAnyone: &no})
			wantList(t, "with the partner's flag", w.live("tool"), "acme", "globex", "hq", "vendor")
			ok(t, w.m.UnshareApp(ctx, w.as("eve"), w.acme, market.Incoming, s.ID)) // acme is a partner all the same
			wantList(t, "without the share", w.live("tool"), "acme", "globex", "hq", "vendor")
			ok(t, w.m.EndPartnership(ctx, w.as("gus"), w.globex, w.vendor))
		}, []string{"acme", "hq", "vendor"}, "EndPartnership"},
		"the share": {func(t *testing.T, w *town, s souk.Share) {
			w.update("tool", market.AppForm{IsAvailableToAnyone: &no})
			ok(t, w.m.UnshareApp(context.Background(), w.as("vic"), w.vendor, market.Outgoing, s.ID))
		}, []string{"vendor"}, "UnshareApp"},
		"the partnership, and with it the share": {func(t *testing.T, w *town, s souk.Share) {
			w.update("tool", market.AppForm{IsAvailableToAnyone: &no})
			ok(t, w.m.EndPartnership(context.Background(), w.as("vic"), w.vendor, w.acme))
			if n := w.count(`SELECT count(*) FROM rights WHERE grantee = 'shared'`); n != 0 {
				t.Errorf("%d shares outlive the partnership", n)
			}
		}, []string{"vendor"}, "EndPartnership"},
		"the app": {func(t *testing.T, w *town, _ souk.Share) {
			ok(t, w.m.DeleteApp(context.Background(), w.as("vic"), w.vendor, w.app["tool"]))
			wantRefusal(t, "again", w.m.DeleteApp(context.Background(), w.as("vic"), w.vendor, w.app["tool"]), souk.UnknownApp)
		}, nil, "DeleteApp"},
		"nothing": {func(t *testing.T, w *town, s souk.Share) {
			w.update("tool", market.AppForm{})
			must(w.m.ListApp(context.Background(), operator, w.app["tool"], souk.Listed))(t)
			ok(t, w.m.UnshareApp(context.Background(), w.as("vic"), w.vendor, market.Outgoing, s.ID))
			ok(t, w.m.EndPartnership(context.Background(), w.as("vic"), w.vendor, w.acme))
		}, []string{"acme", "globex", "hq", "vendor"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			eachTown(t, func(t *testing.T, w *town) {
				w.ally(w.acme, w.globex)
				share := w.share("tool", w.acme)
				w.listen("tool", append(all("chats"), own)...)
				all := map[string]souk.Installation{"acme": w.install("eve", "tool", w.acme), "hq": w.install("sid", "tool", w.hq),
					"globex": w.install("gus", "tool", w.globex), "vendor": w.install("vic", "tool", w.vendor)}
				pending := map[string]souk.Request{"hq": w.ask("jane", "certified", w.hq)}
				w.setPolicy(w.lab, souk.Approval)
				w.setPolicy(w.globex, souk.Approval)
				pending["lab"] = w.ask("lee", "tool", w.lab)
				must(w.m.Publish(context.Background(), operator, market.Publishing{Items: []souk.Publication{
					chatAt(w.hq, "1"), chatAt(w.globex, "1"), chatAt(w.acme, "1"), chatAt(w.vendor, "1"),
				}}))(t)
				w.heard()
				tt.lose(t, w, share)
				wantList(t, "live", w.live("tool"), tt.live...)
				if n := w.count(`SELECT count(*) FROM jobs`); n != 0 {
					t.Errorf("%d jobs for what is little", n)
				}
				var told []string
				for at, i := range all {
					stays := false
					for _, l := range tt.live {
						stays = stays || l == at
					}
					cancelled := w.count(`SELECT count(*) FROM ended_1 WHERE installation_id = $1 AND status = 'cancelled'`, i.ID)
					if stays != w.installation(i.ID).Live() || stays != (cancelled == 0) {
						t.Errorf("at %s: %s, %d deliveries cancelled", at, w.ended(i), cancelled)
					}
					if stays {
						continue
					}
					told = append(told, "tool: removed orgs/vendor/owned_apps/tool/installations tool@"+at+" (final)")
					if is := w.ended(i); is != nothing {
						t.Errorf("at %s: %s", at, is)
					}
				}
				w.wantHeard("final notifications", told...)
				// The lab goes with acme.
				want := souk.RequestVoid
				for _, at := range tt.live {
					if at == "acme" {
						want = souk.Pending
					}
				}
				if q := w.request(pending["lab"].ID); q.Status != want {
					t.Errorf("the lab's request is %s", q.Status)
				}
				if q := w.request(pending["hq"].ID); q.Status != souk.Pending {
					t.Errorf("a request for another app is %s", q.Status)
				}
				if n := w.count(`SELECT COALESCE(sum(live), 0) FROM installation_counts WHERE app_id = $1`, w.app["tool"]); n != len(tt.live) {
					t.Errorf("%d are counted", n)
				}
				if tt.verb != "" {
					if n := w.count(`SELECT count(*) FROM audit WHERE verb = $1 AND subject_id IN (SELECT id FROM installations WHERE status = 'ended')`, tt.verb); n == 0 {
						t.Errorf("no end is on record as %s", tt.verb)
					}
				}
				w.checkAudit()
			})
		})
	}
}

// Beyond a few, jobs end what lost its right: in as many pieces as there is time
// for, also when two nodes take turns.
func TestLosingRightsByJobs(t *testing.T) {
	const many = 130
	no := false
	for name, tt := range map[string]struct {
		lose func(*testing.T, *town, []souk.ID)
		jobs int
		kept int
	}{
		"flags taken back": {func(t *testing.T, w *town, orgs []souk.ID) {
			w.share("tool", orgs[77])
			w.update("tool", market.AppForm{IsAvailableToPartners: &no, IsAvailableToAnyone: &no})
		}, 2, 1},
		"the app deleted": {func(t *testing.T, w *town, orgs []souk.ID) {
			ok(t, w.m.DeleteApp(context.Background(), w.as("vic"), w.vendor, w.app["tool"]))
			err := drop(w.m.InstalledApp(context.Background(), w.as("org00"), orgs[0], w.app["tool"]))
			wantRefusal(t, "a deleted app is in no list at once", err, souk.UnknownApp)
			left := must(w.m.AppInstallations(context.Background(), w.as("org00"), orgs[0], souk.Page{Size: 5}))(t)
			if len(left) != 0 {
				t.Errorf("installations of a deleted app: %+v", left)
			}
		}, 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			souktest.EachAddress(t, func(t *testing.T, address string) {
				w := newTown(t, address)
				w.ally()
				orgs := w.crowd(many, true)
				yes := true
				w.update("tool", market.AppForm{IsAvailableToPartners: &yes})
				w.listen("tool", own)
				for i, org := range orgs {
					w.install(fmt.Sprintf("org%02d", i), "tool", org)
				}
				w.setPolicy(w.globex, souk.Approval)
				q := w.ask("gwen", "tool", w.globex)
				w.m.Begun = func() { w.seen[souk.ID{}] = true }
				tt.lose(t, w, orgs)
				if n := w.count(`SELECT count(*) FROM jobs`); len(w.live("tool")) != many || n != tt.jobs || !w.seen[souk.ID{}] {
					t.Errorf("%d of %d are live at once, %d jobs", len(w.live("tool")), many, n)
				}
				w.m.Begun = nil
				if steps := w.takeTurns(address); steps < 3 {
					t.Errorf("%d steps", steps)
				}
				if len(w.live("tool")) != tt.kept || w.count(`SELECT count(*) FROM jobs`) != 0 {
					t.Errorf("live at %q after all, %d jobs left", w.live("tool"), w.count(`SELECT count(*) FROM jobs`))
				}
				if s := w.request(q.ID).Status; s != souk.RequestVoid {
					t.Errorf("what was asked is %s", s)
				}
				for what, query := range map[string]string{
					"ends told":      `SELECT count(*) FROM events WHERE kind = 'installation.removed'`,
					"subjects":       `SELECT count(DISTINCT subject_id) FROM events WHERE kind = 'installation.removed'`,
					"app users gone": `SELECT count(*) FROM events WHERE kind = 'user.deactivated'`,
					"ends on record": `SELECT count(*) FROM audit a JOIN installations i ON i.id = a.subject_id WHERE i.status = 'ended' AND a.verb <> 'Install'`,
					"last words":     `SELECT count(*) FROM deliveries WHERE final = TRUE AND status = 'pending'`,
				} {
					if n := w.count(query); n != many-tt.kept {
						t.Errorf("%d %s", n, what)
					}
				}
				if n := w.count(`SELECT sum(live) FROM installation_counts WHERE app_id = $1`, w.app["tool"]); n != tt.kept {
					t.Errorf("%d are counted", n)
				}
				w.checkAudit()
			})
		})
	}
}

// takeTurns has one node finish the jobs, and on PostgreSQL a second one at the
// same time. It counts their steps.
func (w *town) takeTurns(address string) int {
	w.t.Helper()
	markets := []*market.Market{w.m}
	if strings.HasPrefix(address, "postgres") {
		db := must(store.Open(context.Background(), address))(w.t)
		defer func() { ok(w.t, db.Close()) }()
		markets = append(markets, w.marketOn(db))
	}
	var all sync.WaitGroup
	var steps atomic.Int64
	for _, m := range markets {
		all.Go(func() {
			for {
				more, err := m.StepJob(context.Background())
				if err != nil {
					w.t.Errorf("a step: %v", err)
				}
				if err != nil || !more {
					return
				}
				steps.Add(1)
			}
		})
	}
	all.Wait()
	return int(steps.Load())
}

// A partnership of an enterprise with many workspaces ends by a job too.
func TestLosingAPartnerByJobs(t *testing.T) {
	souktest.EachAddress(t, func(t *testing.T, address string) {
		const many = 45
		w := newTown(t, address)
		ctx := context.Background()
		w.ally(w.acme, w.globex)
		orgs := w.below(many)
		yes, no := true, false
		w.update("tool", market.AppForm{IsAvailableToPartners: &yes, IsAvailableToAnyone: &no})
		w.update("chat", market.AppForm{IsAvailableToPartners: &yes, IsAvailableToAnyone: &no})
		for _, org := range orgs {
			w.install("eve", "tool", org)
		}
		w.install("eve", "files", orgs[0]) // which everybody has
		w.install("gus", "tool", w.globex)
		w.setPolicy(w.acme, souk.Approval)
		q := w.ask("sam", "chat", w.acme)
		ok(t, w.m.EndPartnership(ctx, w.as("eve"), w.acme, w.vendor))
		if n := len(w.live("tool")); n != many+1-20 || w.count(`SELECT count(*) FROM jobs`) != 1 {
			t.Errorf("%d are live, %d jobs", n, w.count(`SELECT count(*) FROM jobs`))
		}
		w.takeTurns(address)
		if s := w.request(q.ID).Status; s != souk.RequestVoid {
			t.Errorf("what was asked is %s", s)
		}
		wantList(t, "tool", w.live("tool"), "globex")
		wantList(t, "files", w.live("files"), "ws00")
		if n := w.count(`SELECT count(*) FROM jobs`); n != 0 {
			t.Errorf("%d jobs are left", n)
		}
		if n := w.count(`SELECT count(*) FROM audit WHERE verb = 'EndPartnership' AND user_id = $1`, w.user["eve"]); n != many+1+2 {
			t.Errorf("eve is on record %d times", n) // every end, the request, and the partnership at both
		}
		w.checkAudit()
	})
}

// Many shares end like many installations: a few with the partnership and the
// others by a job, which leaves alone what was shared with a partner anew.
func TestLosingManyShares(t *testing.T) {
	souktest.EachAddress(t, func(t *testing.T, address string) {
		const many = 60
		w := newTown(t, address)
		ctx := context.Background()
		w.ally(w.acme)
		no := false
		w.update("tool", market.AppForm{IsAvailableToAnyone: &no})
		w.write(func(tx *store.Tx) error {
			model, err := tx.App(w.app["tool"])
			failed := []error{err}
			for i := range many - 1 {
				a := model
				a.ID, a.Name = souk.NewID(), fmt.Sprintf("shared%02d", i)
				failed = append(failed, tx.PutApp(a))
				_, err := tx.PutShare(souk.Share{ID: souk.NewID(), App: a.ID, Org: w.acme, CreatedAt: dawn})
				failed = append(failed, err)
			}
			return errors.Join(failed...)
		})
		w.share("tool", w.acme) // the youngest
		i := w.install("eve", "tool", w.acme)
		shares := func() int { return w.count(`SELECT count(*) FROM rights WHERE grantee = 'shared'`) }
		ok(t, w.m.EndPartnership(ctx, w.as("vic"), w.vendor, w.acme))
		if n, jobs := shares(), w.count(`SELECT count(*) FROM jobs`); n != many-20 || jobs != 1 || !w.installation(i.ID).Live() {
			t.Errorf("%d shares stand at once, %d jobs, the installation is %s", n, jobs, w.ended(i))
		}
		w.ally(w.acme)
		w.share("certified", w.acme)
		w.takeTurns(address)
		if n, jobs := shares(), w.count(`SELECT count(*) FROM jobs`); n != 1 || jobs != 0 {
			t.Errorf("%d shares stand after all, %d jobs", n, jobs)
		}
		if is := w.ended(i); is != nothing {
			t.Errorf("the installation: %s", is)
		}
		if n := w.count(`SELECT count(*) FROM events WHERE kind = 'share.removed'`); n != many {
			t.Errorf("%d ends were told", n)
		}
		w.checkAudit()
	})
}

// Whoever owns an app takes it away from others, by the installation or by the
// org, and both have it on record.
func TestUninstallingFromOthers(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.listen("tool", own)
		chain := func(root souk.ID) []string {
			return w.list(`SELECT verb FROM audit WHERE root_id = $1 ORDER BY number DESC LIMIT 1`, root)
		}
		first, second := w.install("gus", "tool", w.globex), w.install("eve", "tool", w.acme, w.hq)
		mine := w.install("vic", "tool", w.vendor)
		w.heard()
		for _, tt := range []struct {
			name   string
			actor  souk.Actor
			target souk.ID
			i      souk.Installation
			root   souk.ID
		}{
			{"by the installation", w.as("vic"), first.ID, first, w.globex},
			{"by the org", w.as("vic"), w.acme, second, w.acme},
			{"from oneself, as the operator", operator, mine.ID, mine, w.vendor},
		} {
			before := w.count(`SELECT count(*) FROM audit`)
			ok(t, w.m.UninstallFrom(ctx, tt.actor, w.vendor, w.app["tool"], tt.target))
			if is := w.ended(tt.i); is != nothing {
				t.Errorf("%s: %s", tt.name, is)
			}
			wantList(t, tt.name+": at the installer", chain(tt.root), "UninstallFrom")
			wantList(t, tt.name+": at the owner", chain(w.vendor), "UninstallFrom")
			want := 2
			if tt.root == w.vendor {
				want = 1
			}
			if n := w.count(`SELECT count(*) FROM audit`) - before; n != want {
				t.Errorf("%s: %d entries", tt.name, n)
			}
			if n := len(w.heard()); n != 1 {
				t.Errorf("%s: %d last words", tt.name, n)
			}
			wantRefusal(t, tt.name+" again", w.m.UninstallFrom(ctx, tt.actor, w.vendor, w.app["tool"], tt.target), souk.UnknownInstallation)
		}
		// A new installation is found by the org, the old one no more by its ID.
		anew := w.install("gus", "tool", w.globex)
		v := must(w.m.InstallationOfOwned(ctx, w.as("vic"), w.vendor, w.app["tool"], w.globex))(t)
		if v.ID != anew.ID || v.User == nil || v.Org.Name != "globex" || v.Of.Installations != 1 {
			t.Errorf("found %+v", v)
		}
		ok(t, w.m.EndInstallation(ctx, w.as("gus"), w.globex, anew.ID))
		wantList(t, "live", w.live("tool"))
		w.checkAudit()
	})
}

// Beyond a few, those who listen hear of a changed app by a job: each exactly
// once, and nobody who came since.
func TestSpreading(t *testing.T) {
	souktest.EachAddress(t, func(t *testing.T, address string) {
		const many = 75
		w := newTown(t, address)
		w.ally()
		orgs := w.crowd(many, true)
		hook := w.listen("ear", all("installed_apps", "partner_apps")...)
		for i, org := range orgs[:many-1] {
			name := fmt.Sprintf("org%02d", i)
			w.install(name, "ear", org)
			if i%2 == 0 {
				w.install(name, "chat", org)
			}
		}
		w.heard()
		told := func(verb string) map[souk.ID]int {
			t.Helper()
			heard := map[souk.ID]int{}
			w.read(func(tx *store.Tx) error {
				page, err := souktest.Told(tx, hook.ID, "", souk.Page{Size: 1000})
				for _, d := range page {
					if kind, org := d.Channel.Of(); !w.seen[d.ID] && kind == "orgs" {
						w.seen[d.ID] = true
						if strings.HasPrefix(string(d.Body), verb) && d.Resource == w.app["chat"].String() {
							heard[org]++
						}
					}
				}
				return err
			})
			return heard
		}
		yes := true
		w.update("chat", market.AppForm{IsAvailableToPartners: &yes})
		if at := told("added"); len(at) != 20 || w.count(`SELECT count(*) FROM jobs WHERE kind = 'spread'`) != 1 {
			t.Errorf("told %d orgs at once, %d jobs", len(at), w.count(`SELECT count(*) FROM jobs`))
		}
		w.install(fmt.Sprintf("org%02d", many-1), "ear", orgs[many-1]) // too late for that
		w.heard()
		w.takeTurns(address)
		if at := told("added"); len(at) != many-1-20 || at[orgs[many-1]] != 0 {
			t.Errorf("told %d orgs by the job, the latecomer %d times", len(at), at[orgs[many-1]])
		}
		name := "talk"
		w.update("chat", market.AppForm{Name: &name})
		w.takeTurns(address)
		at := told("changed")
		for i, org := range orgs {
			want := 1 // among its partners' apps
			if i%2 == 0 && i < many-1 {
				want = 2 // and installed
			}
			if at[org] != want {
				t.Errorf("org%02d heard of the new name %d times, want %d", i, at[org], want)
			}
		}
	})
}
