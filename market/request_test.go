package market_test

import (
	"context"
	"testing"

	"souk"
	"souk/market"
	"souk/store"
)

func TestAsking(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		in := market.Asking{App: w.app["chat"], At: w.hq, Reason: "why", State: "state"}
		first := must(w.m.RequestApp(ctx, w.as("jane"), in))(t)
		if q := first.Request; q.Status != souk.Pending || q.User != w.user["jane"] || q.FiledBy != q.User || q.Reason != "why" || q.State != "state" ||
			q.Scopes.String() != "team:read users:read" || first.Again {
			t.Errorf("asked: %+v", first)
		}
		again := must(w.m.RequestApp(ctx, w.as("jane"), in))(t)
		if !again.Again || again.Request.ID != first.Request.ID {
			t.Errorf("asked again: %+v", again)
		}
		in.For = w.user["joe"]
		theirs := must(w.m.RequestApp(ctx, w.as("max"), in))(t)
		if q := theirs.Request; q.User != w.user["joe"] || q.FiledBy != w.user["max"] || q.Case != first.Request.Case {
			t.Errorf("asked for joe: %+v", q)
		}
		// Where an answer or the policy approves, there is nothing to ask.
		w.approve("max", "files", w.hq)
		for name, app := range map[string]string{"jane": "files", "sid": "tool"} {
			asked := must(w.m.RequestApp(ctx, w.as(name), market.Asking{App: w.app[app], At: w.hq}))(t)
			if asked.Verdict != souk.VerdictApproved || !asked.Request.ID.IsZero() {
				t.Errorf("%s asked for %s: %+v", name, app, asked)
			}
		}
		// An approval that reaches less far is asked for anew.
		asked := must(w.m.RequestApp(ctx, w.as("jane"), market.Asking{App: w.app["files"], At: w.hq, Scopes: []string{"reports", "users"}}))(t)
		if asked.Verdict != souk.NeedsApproval || asked.Request.ID.IsZero() {
			t.Errorf("asked for more: %+v", asked)
		}
		wantList(t, "what happened to chat", w.events("chat"), "request.created", "request.created")
		ok(t, w.m.CancelRequest(ctx, w.as("jane"), market.Withdrawal{Request: first.Request.ID}))
		if n := w.count(`SELECT count(*) FROM cases WHERE app_id = $1 AND closed_at IS NULL`, w.app["chat"]); n != 1 {
			t.Errorf("%d open cases while joe's request is pending", n)
		}
		ok(t, w.m.CancelRequest(ctx, w.as("ada"), market.Withdrawal{Request: theirs.Request.ID, At: w.acme}))
		if q := w.request(theirs.Request.ID); q.Status != souk.RequestCancelled || q.SettledBy != w.user["ada"] {
			t.Errorf("cancelled by the enterprise's admin: %+v", q)
		}
		// The last one closed the case; the next request opens another.
		if q := w.ask("jane", "chat", w.hq); q.Case == first.Request.Case {
			t.Error("a closed case was opened again")
		}
		w.checkAudit()
	})
}

func TestThePreviousResolution(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		previous := func(name string, at souk.ID) string {
			t.Helper()
			q := w.ask(name, "chat", at)
			view := must(w.m.Request(ctx, w.as(name), q.ID))(t)
			var told souk.Event
			w.read(func(tx *store.Tx) error {
				events, err := tx.EventsOf(w.acme)
				told = events[len(events)-1]
				return err
			})
			ok(t, w.m.CancelRequest(ctx, w.as(name), market.Withdrawal{Request: q.ID}))
			if (view.Previous == nil) != (told.Data.Previous == nil) || view.Previous != nil && view.Previous.ID != told.Data.Previous.ID {
				t.Errorf("the list says %v, the event %v", view.Previous, told.Data.Previous)
			}
			if view.Previous == nil {
				return "none"
			}
			return w.org(view.Previous.Org).Name + " " + string(view.Previous.Status)
		}
		clear := func(at souk.ID) { ok(t, w.m.Clear(ctx, w.as("ada"), market.Clearing{App: w.app["chat"], At: at})) }
		wantList(t, "at first", []string{previous("jane", w.hq)}, "none")
		w.restrict("ada", "chat", w.acme)
		clear(w.acme)
		wantList(t, "the enterprise's, cleared", []string{previous("jane", w.hq)}, "acme restricted")
		w.restrict("max", "chat", w.hq)
		w.approve("max", "chat", w.hq)
		clear(w.hq)
		w.approve("ada", "chat", w.acme)
		clear(w.acme)
		wantList(t, "its own comes first, the last of them", []string{previous("jane", w.hq)}, "hq approved")
		wantList(t, "the lab has only the enterprise's", []string{previous("lee", w.lab)}, "acme approved")
	})
}
