package market_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"souk"
	"souk/market"
	"souk/store"
)

// wish has somebody wish for an app at an org.
func (w *town) wish(name, app string, at souk.ID) souk.Request {
	w.t.Helper()
	done := must(w.m.Install(context.Background(), w.as(name), market.Installing{App: w.app[app], At: at, Terms: market.TermsAccepted}))(w.t)
	if done.Requested == nil || done.Requested.Wish == nil || done.Requested.Status != souk.Pending || !done.Installation.ID.IsZero() {
		w.t.Fatalf("%s wished for %s: %+v", name, app, done)
	}
	return *done.Requested
}

// Who may not install becomes somebody who asks; the approval installs what they
// wished for, in the same transaction.
func TestWishes(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		names := souk.AppUserNames{FirstName: "Jane's", LastName: "Tool"}
		in := market.Installing{App: w.app["tool"], At: w.hq, AppUser: names}
		q := must(w.m.Install(ctx, w.as("jane"), in))(t).Requested
		if q == nil || q.User != w.user["jane"] || q.Wish.AppUser != names || !q.Wish.AcceptedAt.IsZero() || !q.Scopes.Equal(souk.NewScopes("team:read", "users:read")) {
			t.Fatalf("wished: %+v", q)
		}
		if got := w.request(q.ID); got.Wish == nil || *got.Wish != *q.Wish {
			t.Errorf("kept %+v", got.Wish)
		}
		wantList(t, "told", w.events("tool"), "request.created")
		before := w.digest()
		if again := must(w.m.Install(ctx, w.as("jane"), in))(t).Requested; again == nil || again.ID != q.ID {
			t.Errorf("wished again: %+v", again)
		}
		if w.digest() != before {
			t.Error("wishing again changed something")
		}

		// Whoever holds settings wishes too, where the policy asks for an approval;
		// the terms were accepted then.
		w.setPolicy(w.globex, souk.Approval)
		if theirs := w.wish("gus", "lawyer", w.globex); theirs.Wish.AcceptedAt.IsZero() {
			t.Errorf("gus wished %+v", theirs.Wish)
		}
		w.approve("gina", "lawyer", w.globex)
		wantList(t, "lawyer", w.live("lawyer"), "globex")

		done := must(w.m.Approve(ctx, w.as("max"), market.Decision{Request: q.ID}))(t)
		var i souk.Installation
		var bot souk.User
		w.read(func(tx *store.Tx) (err error) {
			if i, err = tx.InstallationAt(w.app["tool"], w.hq); err != nil {
				return err
			}
			bot, err = tx.User(i.AppUser)
			return err
		})
		if i.InstalledBy != w.user["jane"] || bot.FirstName != "Jane's" || len(done.Settled) != 1 {
			t.Errorf("installed %+v with %+v", i, bot)
		}
		if got := w.request(q.ID); got.Status != souk.RequestApproved || got.Wish != nil || got.Note != "" {
			t.Errorf("the wish that came true: %+v", got)
		}
		wantList(t, "told", w.events("tool"), "request.created", "resolution.approved", "case.approved", "user.added", "installation.added")
		wantList(t, "on record", w.list(`SELECT verb FROM audit WHERE app_id = $1 ORDER BY number`, w.app["tool"]), "RequestApp", "Approve", "Install")

		// A question becomes a wish, and no second question.
		asked := w.ask("joe", "files", w.hq)
		if wish := w.wish("joe", "files", w.hq); wish.ID != asked.ID || wish.Reason != "why not" {
			t.Errorf("joe asked and then wished: %+v", wish)
		}
		wantList(t, "told", w.events("files"), "request.created")
		wantList(t, "on record", w.list(`SELECT verb FROM audit WHERE app_id = $1 ORDER BY number`, w.app["files"]), "RequestApp", "Install")
		wantRefusal(t, "wishing for what was asked otherwise", w.otherScopes(), souk.AlreadyPending)
		w.approve("max", "files", w.hq)
		wantList(t, "files", w.live("files"), "hq")
		w.checkAudit()
	})
}

// otherScopes has joe ask for some scopes and then wish for others.
func (w *town) otherScopes() error {
	ctx := context.Background()
	must(w.m.RequestApp(ctx, w.as("joe"), market.Asking{App: w.app["monitor"], At: w.hq, Scopes: []string{"reports"}}))(w.t)
	return drop(w.m.Install(ctx, w.as("joe"), market.Installing{App: w.app["monitor"], At: w.hq}))
}

// What does not fit any more is dropped with a reason. The approval stands.
func TestWishesThatDoNotComeTrue(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		approve := func(q souk.Request, scopes ...string) func() {
			return func() { must(w.m.Approve(ctx, w.as("max"), market.Decision{Request: q.ID, Scopes: scopes}))(t) }
		}
		asks := func(app string) (q souk.Request) { return w.wish("jane", app, w.hq) }
		lawyer, chat, tool, files, monitor, certified := asks("lawyer"), asks("chat"), asks("tool"), asks("files"), asks("monitor"), asks("certified")
		for _, tt := range []struct {
			name   string
			q      souk.Request
			happen func()
			settle func()
			status souk.RequestStatus
			note   string
			live   []string
		}{
			{"the app asks for more", chat, func() {
				w.changeApp("chat", func(a *souk.App) { a.BotScopes = souk.NewScopes("reports", "team:read") })
			}, approve(chat), souk.RequestApproved, "not installed: approval needed", nil},
			{"it is installed meanwhile", tool, func() { w.install("sid", "tool", w.hq) }, approve(tool),
				souk.RequestApproved, "not installed: already installed", []string{"hq"}},
			{"less is approved", files, func() {}, approve(files, "users:read"), souk.RequestApproved, "not installed: approval needed", nil},
			{"it needs an approval of the enterprise", certified, func() {
				w.changeOrg(w.hq, func(o *souk.Org) { o.HasAppsFeature = false })
			}, func() { must(w.m.Approve(ctx, w.as("ada"), market.Decision{Request: certified.ID, At: w.acme}))(t) },
				souk.RequestApproved, "not installed: no apps feature", nil},
			{"somebody restricts it", monitor, func() { w.changeOrg(w.hq, func(o *souk.Org) { o.HasAppsFeature = true }) },
				func() { w.restrict("max", "monitor", w.hq) }, souk.RequestRestricted, "", nil},
			{"the requester does not belong there any more", lawyer, func() {
				w.write(func(tx *store.Tx) error { return drop(tx.RemoveMembership(w.user["jane"], w.hq)) })
			}, approve(lawyer), souk.RequestApproved, "not installed: not allowed", nil},
		} {
			tt.happen()
			entries := w.count(`SELECT count(*) FROM audit`)
			tt.settle()
			q := w.request(tt.q.ID)
			if q.Status != tt.status || q.Note != tt.note {
				t.Errorf("%s: %s, %q", tt.name, q.Status, q.Note)
			}
			app := ""
			for name, id := range w.app {
				if id == q.App {
					app = name
				}
			}
			wantList(t, tt.name+": live", w.live(app), tt.live...)
			want := 1
			if tt.status == souk.RequestApproved {
				want++ // why the wish was dropped
				if len(w.standing(app)) != 1 || q.Wish != nil {
					t.Errorf("%s: %q stands, and the wish is %+v", tt.name, w.standing(app), q.Wish)
				}
			}
			if n := w.count(`SELECT count(*) FROM audit`) - entries; n != want {
				t.Errorf("%s: %d entries in the audit", tt.name, n)
			}
		}

		// Declined or taken back, a wish stays one: an approval later finds nothing of it.
		declined, cancelled := w.wish("joe", "chat", w.hq), w.wish("joe", "barred", w.hq)
		must(w.m.Decline(ctx, w.as("max"), market.Decision{Request: declined.ID}))(t)
		ok(t, w.m.CancelRequest(ctx, w.as("joe"), market.Withdrawal{Request: cancelled.ID}))
		w.approve("max", "chat", w.hq)
		w.approve("max", "barred", w.hq)
		wantList(t, "chat after it was declined", w.live("chat"))
		wantList(t, "barred after it was cancelled", w.live("barred"))

		// The right may go before anybody answers.
		w.ally()
		gone := w.wish("gwen", "monitor", w.globex)
		no := false
		w.update("monitor", market.AppForm{IsAvailableToAnyone: &no})
		if q := w.request(gone.ID); q.Status != souk.RequestVoid || q.Note == "" || !q.SettledBy.IsZero() {
			t.Errorf("the right was lost: %+v", q)
		}
		w.checkAudit()
	})
}

// Twenty wishes come true with the approval, the rest by a job.
func TestManyWishes(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		const many = 33
		w.setPolicy(w.acme, souk.Approval)
		orgs := w.below(many)
		for _, org := range orgs {
			w.wish("sam", "tool", org)
		}
		var begun int
		w.m.Begun = func() { begun++ }
		done := must(w.m.Approve(ctx, w.as("ada"), market.Decision{App: w.app["tool"], At: w.acme}))(t)
		if len(done.Settled) != many || len(w.live("tool")) != 20 || begun != 1 {
			t.Errorf("%d settled, %d installed at once, %d jobs begun", len(done.Settled), len(w.live("tool")), begun)
		}
		// Who may not any more by the time of the job is passed over.
		w.changeOrg(orgs[many-1], func(o *souk.Org) { o.HasAppsFeature = false })
		if steps := w.finish(); steps == 0 {
			t.Error("there was nothing left to do")
		}
		if n := len(w.live("tool")); n != many-1 {
			t.Errorf("%d of %d wishes came true", n, many)
		}
		wantList(t, "the one that did not", w.list(`SELECT note FROM requests WHERE note <> ''`), "not installed: no apps feature")
		if n := w.count(`SELECT count(*) FROM requests WHERE wish <> ''`) + w.count(`SELECT count(*) FROM jobs`); n != 0 {
			t.Errorf("%d wishes and jobs are left", n)
		}
		if n := w.count(`SELECT count(*) FROM audit WHERE verb = 'Install' AND user_id = $1`, w.user["sam"]); n != many-1 {
			t.Errorf("%d installations on record are sam's", n)
		}
		w.checkAudit()
	})
}

// below adds workspaces to acme.
func (w *town) below(n int) (orgs []souk.ID) {
	w.t.Helper()
	w.write(func(tx *store.Tx) error {
		var failed []error
		orgs = nil
		for i := range n {
			name := fmt.Sprintf("ws%02d", i)
			o := souk.Org{ID: souk.NewID(), Kind: souk.Workspace, Enterprise: w.acme, Name: name, Domain: name,
				Entitlements: souk.DefaultEntitlements, Switches: souk.DefaultSwitches, CreatedAt: dawn}
			orgs = append(orgs, o.ID)
			failed = append(failed, tx.PutOrg(o))
		}
		return errors.Join(failed...)
	})
	return orgs
}
