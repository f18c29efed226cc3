package market_test

import (
	"context"
	"testing"

	"souk"
	"souk/market"
	"souk/store"
)

func TestDeactivating(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		q := w.ask("joe", "chat", w.hq)
		i := w.install("sid", "tool", w.hq)
		w.setPolicy(w.hq, souk.Approval)
		sids := w.ask("sid", "certified", w.hq)
		must(w.m.Approve(ctx, w.as("max"), market.Decision{App: w.app["files"], At: w.hq, Audiences: w.people("sid")}))(t)
		must(w.m.Restrict(ctx, w.as("ada"), market.Decision{App: w.app["files"], At: w.acme, Audiences: w.people("sid")}))(t)
		ok(t, w.m.DeactivateUser(ctx, w.as("una"), w.user["sid"]))
		for what, n := range map[string]int{
			"pending requests":    w.count(`SELECT count(*) FROM requests WHERE user_id = $1 AND status = 'pending'`, w.user["sid"]),
			"active grants":       w.count(`SELECT count(*) FROM grants WHERE user_id = $1 AND status = 'active'`, w.user["sid"]),
			"answers for them":    w.count(`SELECT count(*) FROM resolutions WHERE app_id = $1 AND ended_at IS NULL`, w.app["files"]),
			"ended installations": w.count(`SELECT count(*) FROM installations WHERE id = $1 AND status <> 'active'`, i.ID),
		} {
			if n != 0 {
				t.Errorf("%d %s after deactivating", n, what)
			}
		}
		if got := w.request(sids.ID).Status; got != souk.RequestCancelled {
			t.Errorf("the request is %s", got)
		}
		if got := w.request(q.ID).Status; got != souk.Pending {
			t.Errorf("joe's request is %s", got)
		}
		wantList(t, "in the audit", w.rows(`SELECT verb FROM audit WHERE verb = 'DeactivateUser'`), "DeactivateUser", "DeactivateUser", "DeactivateUser", "DeactivateUser", "DeactivateUser")
		wantRefusal(t, "acting afterwards", drop(w.m.RequestApp(ctx, w.as("sid"), market.Asking{App: w.app["chat"], At: w.hq})), souk.NotAllowed)
		w.checkAudit()
	})
}

func TestPeople(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		u := must(w.m.PutUser(ctx, w.as("una"), market.Person{Home: w.hq, Email: " New@Town.Example ", FirstName: "New"}))(t)
		if u.Email != "new@town.example" || u.Org != w.hq || !u.Active() {
			t.Errorf("made %+v", u)
		}
		changed := must(w.m.PutUser(ctx, w.as("una"), market.Person{ID: u.ID, Email: "new@town.example", Alias: "N"}))(t)
		if changed.ID != u.ID || changed.Alias != "N" || changed.FirstName != "" {
			t.Errorf("changed to %+v", changed)
		}
		// The same e-mail under another root is another person.
		must(w.m.PutUser(ctx, w.as("gus"), market.Person{Home: w.globex, Email: "new@town.example"}))(t)
		role := func(actor souk.Actor, m souk.Membership) {
			t.Helper()
			ok(t, w.m.PutMembership(ctx, actor, m))
		}
		// Permissions are for whoever holds users, as far as they hold them
		// themselves; roles are for owners and admins.
		role(w.as("una"), souk.Membership{User: u.ID, Org: w.hq, Role: souk.Member, Permissions: []souk.Permission{souk.CanUsers, souk.CanUsers}})
		more := souk.Membership{User: u.ID, Org: w.hq, Role: souk.Member, Permissions: []souk.Permission{souk.CanUsers, souk.CanSettings}}
		wantRefusal(t, "more than she holds", w.m.PutMembership(ctx, w.as("una"), more), souk.NotAllowed)
		wantRefusal(t, "to herself", drop(w.m.SetPermissions(ctx, w.as("una"), w.hq, w.user["una"], more.Permissions)), souk.NotAllowed)
		role(w.as("max"), more)
		wantRefusal(t, "taking what she does not hold", drop(w.m.SetPermissions(ctx, w.as("una"), w.hq, u.ID, nil)), souk.NotAllowed)
		role(w.as("max"), souk.Membership{User: u.ID, Org: w.hq, Role: souk.Owner})
		wantRefusal(t, "an owner's e-mail", drop(w.m.PutUser(ctx, w.as("una"), market.Person{ID: u.ID, Email: "una2@town.example"})), souk.NotAllowed)
		wantRefusal(t, "an owner's end", w.m.DeactivateUser(ctx, w.as("una"), u.ID), souk.NotAllowed)
		role(w.as("max"), souk.Membership{User: w.user["olga"], Org: w.hq, Role: souk.Member}) // not the last owner any more
		role(operator, souk.Membership{User: u.ID, Org: w.lab, Role: souk.Admin})              // of a sibling workspace
		var memberships []souk.Membership
		w.read(func(tx *store.Tx) (err error) { memberships, err = tx.Memberships(u.ID); return err })
		if len(memberships) != 2 || memberships[0].Role != souk.Owner || memberships[1].Role != souk.Admin {
			t.Errorf("memberships %+v", memberships)
		}
		w.checkAudit()
	})
}
