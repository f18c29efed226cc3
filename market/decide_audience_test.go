package market_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"souk"
	"souk/market"
	"souk/store"
)

// group makes a group of an org, or adds to it.
func (w *town) group(org souk.ID, name string, members ...string) souk.ID {
	w.t.Helper()
	var g souk.Group
	w.write(func(tx *store.Tx) (err error) {
		g, err = tx.GroupNamed(org, name, dawn)
		for _, m := range members {
			if err == nil {
				_, err = tx.JoinGroup(g.ID, w.user[m])
			}
		}
		return err
	})
	return g.ID
}

// people are audiences of one each; a name that nobody has is somebody who is
// not there.
func (w *town) people(names ...string) (all []souk.Audience) {
	for _, name := range names {
		id, known := w.user[name]
		if !known {
			id = souk.NewID()
		}
		all = append(all, souk.Audience{User: id})
	}
	return all
}

func (w *town) ids(names ...string) (all []souk.ID) {
	for _, name := range names {
		all = append(all, w.user[name])
	}
	return all
}

// approveFor lets some people of an org have an app.
func (w *town) approveFor(name, app string, at souk.ID, to ...souk.Audience) market.Decided {
	w.t.Helper()
	return must(w.m.Approve(context.Background(), w.as(name), market.Decision{App: w.app[app], At: at, Audiences: to}))(w.t)
}

// askers spells who asked and was answered, and how.
func (w *town) askers(settled []souk.Request) (all []string) {
	for _, q := range settled {
		for name, id := range w.user {
			if id == q.User {
				all = append(all, fmt.Sprint(name, " ", q.Status))
			}
		}
	}
	return all
}

// lastTold is the last event of a kind about an app, and how many there were.
func (w *town) lastTold(app string, kind souk.EventKind) (e souk.Event, n int) {
	w.t.Helper()
	ids := w.list(`SELECT data FROM events WHERE app_id = $1 AND kind = $2 ORDER BY at, id`, w.app[app], kind)
	if len(ids) > 0 {
		ok(w.t, json.Unmarshal([]byte(ids[len(ids)-1]), &e.Data))
	}
	return e, len(ids)
}

func (w *town) verdict(name, app string, at souk.ID) souk.Verdict {
	w.t.Helper()
	return must(w.m.Explain(context.Background(), w.as(name), market.Question{App: w.app[app], At: at}))(w.t).Verdict
}

func TestApprovingForSome(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		w.ask("jane", "chat", w.hq)
		w.ask("joe", "chat", w.hq)
		w.ask("lee", "chat", w.lab)

		// The enterprise answers for one of hq's people and one of the lab's.
		done := w.approveFor("ada", "chat", w.acme, w.people("lee", "jane", "lee")...)
		wantList(t, "settled", w.askers(done.Settled), "jane approved", "lee approved")
		if len(done.Resolutions) != 2 || done.Resolution.Audience.User != w.user["lee"] {
			t.Errorf("resolutions: %+v", done.Resolutions)
		}
		wantList(t, "what happened", w.events("chat")[3:], "resolution.approved", "resolution.approved", "case.approved")
		e, n := w.lastTold("chat", souk.CaseApproved)
		wantList(t, "told", w.askers(e.Data.Settled), "jane approved", "lee approved")
		if n != 1 || e.Data.Everyone || e.Data.Resolution != nil {
			t.Errorf("told %d times: everyone %v, resolution %v", n, e.Data.Everyone, e.Data.Resolution)
		}
		for name, want := range map[string]souk.Verdict{"jane": souk.VerdictApproved, "joe": souk.Requestable, "una": souk.Requestable} {
			if got := w.verdict(name, "chat", w.hq); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
		// A repeat is on record, and its case is not told again.
		again := w.approveFor("ada", "chat", w.acme, w.people("lee", "jane")...)
		if len(again.Settled) != 0 {
			t.Errorf("again: %+v", again.Settled)
		}
		wantList(t, "what happened then", w.events("chat")[6:], "resolution.approved", "resolution.approved")
		wantList(t, "what stands", w.standing("chat"), "acme approved some team:read users:read", "acme approved some team:read users:read")

		// The last answer closes the case; a group's is evaluated when it is asked.
		ops := w.group(w.hq, "ops", "joe")
		done = w.approveFor("ada", "chat", w.acme, souk.Audience{Group: ops})
		wantList(t, "settled by the group's", w.askers(done.Settled), "joe approved")
		if n := w.count(`SELECT count(*) FROM cases WHERE closed_at IS NULL`); n != 0 {
			t.Errorf("%d cases are open", n)
		}
		w.group(w.hq, "ops", "una")
		if got := w.verdict("una", "chat", w.hq); got != souk.VerdictApproved {
			t.Errorf("una joined: %s", got)
		}
		w.write(func(tx *store.Tx) error { return drop(tx.LeaveGroup(ops, w.user["joe"])) })
		if got := w.verdict("joe", "chat", w.hq); got != souk.Requestable {
			t.Errorf("joe left: %s", got)
		}
		// No verb ends a group. An answer for one without members is nobody's, and
		// stands for whoever joins.
		w.write(func(tx *store.Tx) error { return drop(tx.LeaveGroup(ops, w.user["una"])) })
		for name, want := range map[string]souk.Verdict{"una": souk.Requestable, "joe": souk.Requestable, "jane": souk.VerdictApproved} {
			if got := w.verdict(name, "chat", w.hq); got != want {
				t.Errorf("the group is empty, and %s is told %s, want %s", name, got, want)
			}
		}
		w.group(w.hq, "ops", "joe")
		if got := w.verdict("joe", "chat", w.hq); got != souk.VerdictApproved {
			t.Errorf("joe came back: %s", got)
		}

		// Deciding for everyone ends the narrower answers.
		w.restrict("ada", "chat", w.acme)
		wantList(t, "after restricting", w.standing("chat"), "acme restricted everyone team:read users:read")
		w.checkAudit()
	})
}

// What is told of decisions that change nothing, and to whom they were for.
func TestWhoIsToldOfADecision(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		told := func(what string, kind souk.EventKind, times int, everyone bool, settled ...string) {
			t.Helper()
			e, n := w.lastTold("chat", kind)
			if n != times || n > 0 && e.Data.Everyone != everyone {
				t.Errorf("%s: %s was told %d times, want %d; for everyone: %v", what, kind, n, times, everyone)
			}
			if n > 0 {
				wantList(t, what, w.askers(e.Data.Settled), settled...)
			}
		}
		w.approve("ada", "chat", w.acme, "users")
		told("without a case", souk.CaseApproved, 0, false)
		w.ask("jane", "chat", w.hq)
		w.approve("max", "chat", w.hq)
		told("a workspace's that settles nobody", souk.CaseApproved, 0, false)
		w.approve("ada", "chat", w.acme)
		told("the root's", souk.CaseApproved, 1, true, "jane approved")
		w.approve("ada", "chat", w.acme)
		told("the same again", souk.CaseApproved, 1, true, "jane approved")
		w.approve("ada", "chat", w.acme, "users", "team:read", "users:read")
		told("a higher ceiling", souk.CaseApproved, 2, true)
		w.approveFor("ada", "chat", w.acme, w.people("joe")...)
		told("for one who asked for nothing", souk.CaseApproved, 2, true)
		w.approve("ada", "chat", w.acme, "users", "team:read", "users:read")
		told("the same, with a narrower answer to end", souk.CaseApproved, 3, true)
		w.restrict("max", "chat", w.hq)
		told("a workspace's restriction", souk.CaseDeclined, 0, false)
		w.restrict("ada", "chat", w.acme)
		told("the root's restriction", souk.CaseDeclined, 1, true)
		ok(t, w.m.Clear(context.Background(), w.as("ada"), market.Clearing{App: w.app["chat"], At: w.acme}))
		ok(t, w.m.Clear(context.Background(), w.as("max"), market.Clearing{App: w.app["chat"], At: w.hq}))
		told("clearing", souk.CaseDeclined, 1, true)
		w.ask("joe", "chat", w.hq)
		w.ask("jane", "chat", w.hq)
		w.approve("max", "chat", w.hq)
		told("a workspace's", souk.CaseApproved, 4, false, "joe approved", "jane approved")
	})
}

func TestRestrictingSome(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.approve("max", "chat", w.hq)
		w.approve("liz", "chat", w.lab)
		ops := w.group(w.hq, "ops", "joe", "una")
		must(w.m.Restrict(ctx, w.as("ada"), market.Decision{App: w.app["chat"], At: w.acme, Audiences: append(w.people("jane"), souk.Audience{Group: ops})}))(t)
		wantList(t, "approvals below stay", w.standing("chat"), "acme restricted some team:read users:read", "acme restricted some team:read users:read",
			"hq approved everyone team:read users:read", "lab approved everyone team:read users:read")
		wants := map[string]souk.Verdict{"jane": souk.BlockedByOrganization, "una": souk.BlockedByOrganization, "sid": souk.VerdictApproved}
		for name, want := range wants {
			if got := w.verdict(name, "chat", w.hq); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
		asked := func(name string) error {
			return drop(w.m.RequestApp(ctx, w.as(name), market.Asking{App: w.app["chat"], At: w.hq}))
		}
		wantRefusal(t, "jane asks", asked("jane"), souk.RestrictedForAsker)
		ok(t, asked("sid"))
		wantRefusal(t, "una installs", drop(w.m.Install(ctx, w.as("una"), market.Installing{App: w.app["chat"], At: w.hq})), souk.RestrictedForAsker)

		// The user's own answer goes before their group's.
		w.approveFor("ada", "chat", w.acme, w.people("joe")...)
		if got := w.verdict("joe", "chat", w.hq); got != souk.VerdictApproved {
			t.Errorf("joe: %s", got)
		}
		// Clear takes back whom it names, and leaves the others.
		clear := func(to ...souk.Audience) error {
			return w.m.Clear(ctx, w.as("ada"), market.Clearing{App: w.app["chat"], At: w.acme, Audiences: to})
		}
		ok(t, clear(w.people("jane", "sid")...))
		if got := w.verdict("jane", "chat", w.hq); got != souk.VerdictApproved {
			t.Errorf("jane, cleared: %s", got)
		}
		wantRefusal(t, "jane's again", clear(w.people("jane")...), souk.NoResolution)
		wantRefusal(t, "everyone's, of which there is none", clear(souk.Everyone), souk.NoResolution)
		ok(t, clear(souk.Audience{Group: ops}, w.people("joe")[0]))
		wantList(t, "after clearing", w.standing("chat"), "hq approved everyone team:read users:read", "lab approved everyone team:read users:read")
		w.checkAudit()
	})
}

// A member whom an answer covers installs; one whom it does not may wish, and
// the wish comes true when an answer covers them.
func TestInstallingByANarrowAnswer(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		install := func(name, app string) market.Installed {
			return must(w.m.Install(ctx, w.as(name), market.Installing{App: w.app[app], At: w.hq}))(t)
		}
		if done := install("jane", "chat"); done.Requested == nil {
			t.Errorf("jane installed: %+v", done)
		}
		w.approveFor("ada", "chat", w.acme, w.people("joe")...)
		wantList(t, "joe's answer is not jane's", w.live("chat"))
		w.approveFor("ada", "chat", w.acme, souk.Audience{Group: w.group(w.acme, "all", "jane")})
		wantList(t, "jane's wish came true", w.live("chat"), "hq")

		w.approveFor("max", "files", w.hq, w.people("joe")...)
		if done := install("jane", "files"); done.Requested == nil {
			t.Errorf("jane installed files: %+v", done)
		}
		install("joe", "files")
		wantList(t, "joe installed", w.live("files"), "hq")
	})
}

func TestScopesOfANarrowDecision(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		approve := func(scopes []string, to ...souk.Audience) {
			must(w.m.Approve(ctx, w.as("max"), market.Decision{App: w.app["chat"], At: w.hq, Scopes: scopes, Audiences: to}))(t)
		}
		a, b := w.group(w.hq, "a", "jane"), w.group(w.acme, "b", "jane")
		approve([]string{"users:read"}, souk.Audience{Group: a})
		if got := w.verdict("jane", "chat", w.hq); got != souk.NeedsApproval {
			t.Errorf("under one group's ceiling: %s", got)
		}
		approve([]string{"team:read"}, souk.Audience{Group: b})
		if got := w.verdict("jane", "chat", w.hq); got != souk.VerdictApproved {
			t.Errorf("under both: %s", got)
		}
		approve([]string{"team:read"}, w.people("jane")...)
		if got := w.verdict("jane", "chat", w.hq); got != souk.NeedsApproval {
			t.Errorf("under her own: %s", got)
		}
		wantList(t, "what stands", w.standing("chat"), "hq approved some team:read", "hq approved some team:read", "hq approved some users:read")
	})
}

func TestDecliningSome(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.ask("jane", "chat", w.hq)
		w.ask("joe", "chat", w.hq)
		w.ask("lee", "chat", w.lab)
		done := must(w.m.Decline(ctx, w.as("ada"), market.Decision{App: w.app["chat"], At: w.acme, Users: w.ids("lee", "joe", "una")}))(t)
		wantList(t, "declined", w.askers(done.Settled), "joe declined", "lee declined")
		if e, _ := w.lastTold("chat", souk.CaseDeclined); e.Data.Everyone {
			t.Error("told as if for everyone")
		}
		if n := must(w.m.CancelRequests(ctx, w.as("max"), w.app["chat"], w.hq, w.ids("jane", "joe")))(t); n != 1 {
			t.Errorf("cancelled %d", n)
		}
		if n := must(w.m.CancelRequests(ctx, w.as("max"), w.app["chat"], w.hq, w.ids("jane", "joe")))(t); n != 0 {
			t.Errorf("cancelled %d again", n)
		}
		wantList(t, "what happened", w.events("chat")[3:], "case.declined", "request.cancelled")
		if n := w.count(`SELECT count(*) FROM cases WHERE closed_at IS NULL`); n != 0 {
			t.Errorf("%d cases are open", n)
		}
		w.ask("jane", "chat", w.hq)
		must(w.m.Decline(ctx, w.as("ada"), market.Decision{App: w.app["chat"], At: w.acme}))(t)
		if e, n := w.lastTold("chat", souk.CaseDeclined); !e.Data.Everyone || n != 2 {
			t.Errorf("told %d times, for everyone: %v", n, e.Data.Everyone)
		}
		wantList(t, "nothing stands", w.standing("chat"))
		w.checkAudit()
	})
}

// What a decision cannot name is refused as a whole, before anything else.
func TestWhomADecisionMayName(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		q := w.ask("jane", "chat", w.hq)
		before := w.digest()
		many := make([]souk.Audience, market.MaxAudiences+1)
		for i := range many {
			many[i].User = souk.NewID()
		}
		jane := w.people("jane")
		approve := func(in market.Decision) error { return drop(w.m.Approve(ctx, w.as("max"), in)) }
		for name, tt := range map[string]struct {
			err   error
			field string
		}{
			"nobody":                  {approve(market.Decision{App: q.App, At: w.hq, Audiences: []souk.Audience{}}), "audiences"},
			"too many":                {approve(market.Decision{App: q.App, At: w.hq, Audiences: many}), "audiences"},
			"with a request":          {approve(market.Decision{Request: q.ID, Audiences: jane}), "audiences"},
			"everyone and one beside": {approve(market.Decision{App: q.App, At: w.hq, Audiences: append(jane, souk.Everyone)}), "audiences"},
			"no users":                {drop(w.m.Decline(ctx, w.as("max"), market.Decision{App: q.App, At: w.hq, Users: []souk.ID{}})), "users"},
			"users with a request":    {drop(w.m.Decline(ctx, w.as("max"), market.Decision{Request: q.ID, Users: w.ids("jane")})), "users"},
			"cancelling nobody's":     {drop(w.m.CancelRequests(ctx, w.as("max"), q.App, w.hq, nil)), "users"},
			"clearing for nobody":     {w.m.Clear(ctx, w.as("max"), market.Clearing{App: q.App, At: w.hq, Audiences: []souk.Audience{}}), "audiences"},
		} {
			var invalid souk.Invalid
			if !errors.As(tt.err, &invalid) || !slices.ContainsFunc(invalid, func(p souk.Problem) bool { return strings.HasPrefix(p.Field, tt.field) }) {
				t.Errorf("%s: %v", name, tt.err)
			}
		}
		if w.digest() != before {
			t.Error("something changed")
		}
		must(w.m.Approve(ctx, w.as("max"), market.Decision{App: q.App, At: w.hq, Audiences: []souk.Audience{souk.Everyone}}))(t)
		wantList(t, "everyone by name", w.standing("chat"), "hq approved everyone team:read users:read")
	})
}
