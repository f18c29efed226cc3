package market_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/store"
)

func (w *town) declineAll(name, app string, at souk.ID) market.Decided {
	w.t.Helper()
	return must(w.m.DeclineAll(context.Background(), w.as(name), w.app[app], at))(w.t)
}

// statuses spells the live installations of an app: "org status".
func (w *town) statuses(app string) []string {
	w.t.Helper()
	return w.rows(`SELECT o.name || ' ' || i.status FROM installations i JOIN orgs o ON o.id = i.org_id
		WHERE i.app_id = $1 AND i.status <> 'ended'`, w.app[app])
}

func TestDecliningAll(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.ask("jane", "chat", w.hq)
		w.ask("lee", "chat", w.lab)
		w.approveFor("ada", "chat", w.acme, w.people("jane")...)
		w.approve("liz", "chat", w.lab)
		w.ask("joe", "chat", w.hq)
		w.approveFor("max", "chat", w.hq, souk.Audience{Group: w.group(w.hq, "ops", "una")})
		jane := must(w.m.Install(ctx, w.as("jane"), market.Installing{App: w.app["chat"], At: w.hq}))(t).Installation
		w.install("lee", "chat", w.lab)
		must(w.m.Restrict(ctx, w.as("ada"), market.Decision{App: w.app["chat"], At: w.acme, Audiences: w.people("sam")}))(t)
		before := len(w.events("chat"))

		done := w.declineAll("ada", "chat", w.acme)
		wantList(t, "settled", w.askers(done.Settled), "joe declined")
		wantList(t, "what was approved in the case and is declined", w.askers(done.Overturned))
		wantList(t, "what stands", w.standing("chat"), "acme restricted some team:read users:read")
		wantList(t, "installations", w.statuses("chat"), "hq suspended", "lab suspended")
		wantList(t, "what happened", w.events("chat")[before:], "resolution.cleared", "case.declined", "installation.changed", "installation.changed")
		if n := w.count(`SELECT count(*) FROM grants WHERE status = 'active'`); n != 2 {
			t.Errorf("%d grants are active", n)
		}
		e, n := w.lastTold("chat", souk.CaseDeclined)
		if wantList(t, "told", w.askers(e.Data.Settled), "joe declined"); n != 1 || !e.Data.Everyone || len(e.Data.Ended) != 3 {
			t.Errorf("told %d times: everyone %v, ended %d", n, e.Data.Everyone, len(e.Data.Ended))
		}

		// Again there is nothing to do, and nothing is told.
		state := w.digest()
		if again := w.declineAll("ada", "chat", w.acme); len(again.Settled)+len(again.Overturned) != 0 || w.digest() != state {
			t.Errorf("again: %+v", again)
		}
		// It is resumed once somebody approved it again.
		resume := func(name string) error { return drop(w.m.ResumeInstallation(ctx, w.as(name), w.hq, jane.ID)) }
		w.setPolicy(w.acme, souk.Approval)
		wantRefusal(t, "resuming what was declined", resume("sid"), souk.ApprovalNeeded)
		w.approve("max", "chat", w.hq)
		wantRefusal(t, "resuming without settings", resume("jane"), souk.NotAllowed)
		ok(t, resume("sid"))
		ok(t, resume("sid"))
		wantList(t, "resumed", w.statuses("chat"), "hq active", "lab suspended")
		w.checkAudit()
	})
}

// What was declined for all can be asked for again, and an approval that came
// since has whoever installs the app find it as it was.
func TestAfterDecliningAll(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		install := func(name string) (market.Installed, error) {
			return w.m.Install(ctx, w.as(name), market.Installing{App: w.app["chat"], At: w.hq})
		}
		w.approve("ada", "chat", w.acme)
		first := must(install("jane"))(t).Installation
		w.declineAll("ada", "chat", w.acme)
		asked := must(w.m.RequestApp(ctx, w.as("jane"), market.Asking{App: w.app["chat"], At: w.hq}))(t)
		if asked.Request.Status != souk.Pending {
			t.Errorf("asked: %+v", asked)
		}
		many := w.askForMany("ada", market.AskingForMany{App: w.app["chat"], At: w.acme, Users: w.ids("jane", "joe")})
		wantList(t, "who waits", w.pending("chat"), "jane hq", "joe hq")
		if many.Filed != 1 {
			t.Errorf("filed for many: %+v", many)
		}

		w.approve("ada", "chat", w.acme)
		wantList(t, "approved", w.statuses("chat"), "hq suspended")
		again := must(install("joe"))(t)
		if again.Installation.ID != first.ID || !again.Upgraded {
			t.Errorf("installed %+v", again)
		}
		wantList(t, "installed again", w.statuses("chat"), "hq active")
		wantRefusal(t, "once more", drop(install("jane")), souk.AlreadyInstalled)

		// An approval that stood before does not undo what was suspended after it.
		w.write(func(tx *store.Tx) error {
			i, err := tx.Installation(first.ID)
			i.Status, i.UpdatedAt = souk.InstallationSuspended, time.Now().UTC().Truncate(time.Microsecond)
			if err == nil {
				err = tx.PutInstallation(i)
			}
			return err
		})
		wantRefusal(t, "by a member", drop(install("jane")), souk.AlreadyInstalled)
		wantList(t, "still", w.statuses("chat"), "hq suspended")
		must(install("sid"))(t)
		wantList(t, "by one who may resume it", w.statuses("chat"), "hq active")
		w.checkAudit()
	})
}

// What was approved in the latest case is declined, too; earlier cases are over.
func TestDecliningAllThatWasApproved(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		first := w.ask("jane", "chat", w.hq)
		w.approve("ada", "chat", w.acme)
		ok(t, w.m.Clear(context.Background(), w.as("ada"), market.Clearing{App: w.app["chat"], At: w.acme}))
		w.ask("joe", "chat", w.hq)
		w.ask("lee", "chat", w.lab)
		w.approve("ada", "chat", w.acme)
		done := w.declineAll("ada", "chat", w.acme)
		wantList(t, "settled", w.askers(done.Settled))
		wantList(t, "overturned", w.askers(done.Overturned), "joe declined", "lee declined")
		if e, n := w.lastTold("chat", souk.CaseDeclined); n != 1 || len(e.Data.Settled) != 0 || len(e.Data.Overturned) != 2 || !e.Data.Everyone {
			t.Errorf("told %d times: %+v", n, e.Data)
		}
		if got := w.request(first.ID).Status; got != souk.RequestApproved {
			t.Errorf("the request of the earlier case is %s", got)
		}
		w.ask("joe", "chat", w.hq) // as after any decline

		// Without a case there is nothing to tell of one.
		w.approve("gus", "files", w.globex)
		w.declineAll("gus", "files", w.globex)
		wantList(t, "without a case", w.events("files"), "resolution.approved", "resolution.cleared")
		w.checkAudit()
	})
}

// Where a workspace takes back what its enterprise had answered, and nothing else, that
// is told, too.
func TestDecliningWhatOthersApproved(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		w.ask("jane", "chat", w.hq)
		w.ask("lee", "chat", w.lab)
		w.approve("ada", "chat", w.acme)
		done := w.declineAll("max", "chat", w.hq)
		wantList(t, "settled", w.askers(done.Settled))
		wantList(t, "overturned", w.askers(done.Overturned), "jane declined")
		if e, n := w.lastTold("chat", souk.CaseDeclined); n != 1 || len(e.Data.Settled) != 0 || len(e.Data.Overturned) != 1 || e.Data.Everyone {
			t.Errorf("told %d times: %+v", n, e.Data)
		}
		w.declineAll("max", "chat", w.hq)
		if _, n := w.lastTold("chat", souk.CaseDeclined); n != 1 {
			t.Errorf("a repetition is told: %d", n)
		}
		w.checkAudit()
	})
}

// A workspace's word is for that workspace, and leaves what rests on its
// enterprise's approval or on none.
func TestDecliningAllAtAWorkspace(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		w.install("olga", "files", w.hq) // by the open policy
		w.approve("max", "chat", w.hq)
		w.approve("liz", "chat", w.lab)
		w.install("jane", "chat", w.hq)
		w.install("lee", "chat", w.lab)
		w.ask("jane", "certified", w.hq)
		w.ask("lee", "certified", w.lab)
		w.declineAll("max", "chat", w.hq)
		wantList(t, "chat", w.statuses("chat"), "hq suspended", "lab active")
		wantList(t, "answers", w.standing("chat"), "lab approved everyone team:read users:read")
		done := w.declineAll("max", "certified", w.hq)
		wantList(t, "settled", w.askers(done.Settled), "jane declined")
		if e, _ := w.lastTold("certified", souk.CaseDeclined); e.Data.Everyone {
			t.Error("told as if for everyone")
		}
		w.declineAll("max", "files", w.hq)
		w.declineAll("ada", "files", w.acme)
		wantList(t, "what nobody approved", w.statuses("files"), "hq active")

		w.approve("ada", "tool", w.acme)
		w.approve("max", "tool", w.hq)
		w.install("jane", "tool", w.hq)
		w.declineAll("max", "tool", w.hq)
		wantList(t, "what the enterprise approves, too", w.statuses("tool"), "hq active")
	})
}

func TestDecliningAllByAJob(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		const many = 47
		for n := range many {
			var id souk.ID
			w.write(func(tx *store.Tx) error {
				o := w.org(w.lab)
				o.ID, o.Name, o.Domain = souk.NewID(), fmt.Sprint("lab", n), fmt.Sprint("lab", n)
				id = o.ID
				return tx.PutOrg(o)
			})
			w.install("eve", "chat", id)
		}
		w.approve("ada", "chat", w.acme)
		w.declineAll("ada", "chat", w.acme)
		suspended := func() int {
			return w.count(`SELECT count(*) FROM installations WHERE app_id = $1 AND status = 'suspended'`, w.app["chat"])
		}
		if n := suspended(); n != 20 {
			t.Errorf("%d are suspended at once", n)
		}
		w.finish()
		if n := suspended(); n != many {
			t.Errorf("%d of %d are suspended in the end", n, many)
		}
		if n := len(w.events("chat")); n != many+1+1+many {
			t.Errorf("%d events", n)
		}
		w.checkAudit()
	})
}
