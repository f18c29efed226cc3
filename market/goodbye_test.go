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

// The end of an authorization is told to the app alone whose it was, at its
// deauthorization URL, and that is final.
func TestGoodbye(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.governs("chat", "zoom.read")
		w.governs("monitor", "zoom.read")
		goodbyes := func(app string) souk.Webhook {
			return w.zoomHook(app, func(in *market.Hook) { in.Source, in.Events = souk.Deauthorization, nil })
		}
		hook := goodbyes("chat")
		dev := w.zoomHook("chat", func(in *market.Hook) {
			in.Source, in.Events, in.Environment = souk.Deauthorization, nil, souk.Development
		})
		w.zoomHook("chat", nil)
		goodbyes("monitor")
		told := func() []string {
			return w.rows(`SELECT a.name || ' ' || u.first_name || CASE WHEN d.final THEN ' final' ELSE '' END FROM deliveries d
				JOIN apps a ON a.id = d.app_id JOIN events e ON e.id = d.event_id JOIN grants g ON g.id = e.subject_id JOIN users u ON u.id = g.user_id
				WHERE d.dialect = 'zoom'`)
		}
		secret := w.client("chat")
		i := w.install("sid", "chat", w.hq)
		w.install("sid", "monitor", w.hq)
		for _, name := range []string{"jane", "joe"} {
			w.code(name, "chat")
		}
		ok(t, w.m.RevokeGrant(ctx, w.session("joe"), w.grantOf("joe", i.ID).ID))
		wantList(t, "one takes it back", told(), "chat joe final")
		w.code("joe", "chat")
		uninstall := func(by string) {
			must(w.m.Uninstall(ctx, w.as(by), market.Uninstalling{App: w.app["chat"], From: []souk.ID{w.hq}}))(t)
		}
		uninstall("sid")
		wantList(t, "an admin removes it", told(), "chat jane final", "chat joe final", "chat joe final", "chat sid final")
		if n := w.count(`SELECT count(*) FROM deliveries WHERE webhook_id = $1`, dev.ID); n != 0 {
			t.Errorf("a webhook for another environment is told %d times", n)
		}
		if n := w.count(`SELECT count(*) FROM grants WHERE status = 'active' AND installation_id = $1`, i.ID); n != 0 {
			t.Errorf("%d grants are left", n)
		}

		again := w.install("sid", "chat", w.hq)
		wantList(t, "it was installed again", told())
		wantList(t, "why", w.rows(`SELECT DISTINCT status || ': ' || note FROM ended_1 WHERE webhook_id = $1`, hook.ID), "cancelled: superseded: the app was installed again")
		ok(t, w.m.SuspendApp(ctx, operator, w.app["chat"]))
		wantList(t, "suspended", told())
		ok(t, w.m.ResumeApp(ctx, operator, w.app["chat"]))
		w.code("jane", "chat")
		must(w.redeem("chat", secret, w.code("joe", "chat")))(t)
		ok(t, w.m.DeactivateUser(ctx, operator, w.user["joe"]))
		wantList(t, "somebody left", told(), "chat joe final")
		w.changeOrg(w.hq, func(o *souk.Org) { o.HasActiveSubscription = false })
		ok(t, w.m.RevokeGrant(ctx, w.session("jane"), w.grantOf("jane", again.ID).ID))
		wantList(t, "an org without a subscription", told(), "chat joe final")
	})
}

// The many grants of an installation that ended are ended, and told, by a job.
func TestGoodbyeOfMany(t *testing.T) {
	const many = 70
	eachTown(t, func(t *testing.T, w *town) {
		w.zoomHook("chat", func(in *market.Hook) { in.Source, in.Events = souk.Deauthorization, nil })
		i := w.install("sid", "chat", w.hq)
		w.write(func(tx *store.Tx) error {
			var failed []error
			for n := range many {
				u := souk.User{ID: souk.NewID(), Org: w.hq, Email: fmt.Sprintf("u%d@town.example", n), CreatedAt: dawn}
				g := souk.Grant{ID: souk.NewID(), User: u.ID, Installation: i.ID, Org: w.hq, Status: souk.GrantActive, CreatedAt: dawn}
				failed = append(failed, tx.PutUser(u, w.acme), tx.PutGrant(g))
			}
			return errors.Join(failed...)
		})
		must(w.m.Uninstall(context.Background(), w.as("sid"), market.Uninstalling{App: w.app["chat"], From: []souk.ID{w.hq}}))(t)
		if steps := w.finish(); steps < 2 {
			t.Errorf("%d steps", steps)
		}
		if told, left := w.count(`SELECT count(DISTINCT event_id) FROM deliveries WHERE dialect = 'zoom' AND final`), w.count(`SELECT count(*) FROM grants WHERE status = 'active'`); told != many+1 || left != 0 {
			t.Errorf("%d are told, %d left", told, left)
		}
		w.install("sid", "chat", w.hq)
		w.finish()
		if left := w.count(`SELECT count(*) FROM deliveries WHERE dialect = 'zoom'`); left != 0 {
			t.Errorf("installed again, %d are still to be told", left)
		}
	})
}
