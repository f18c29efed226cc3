package market_test

import (
	"context"
	"testing"

	"souk"
	"souk/market"
	"souk/store"
)

func TestDeciding(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		janes, joes, lees := w.ask("jane", "chat", w.hq), w.ask("joe", "chat", w.hq), w.ask("lee", "chat", w.lab)

		// A request's approval is for everyone at the org, and leaves the lab's pending.
		done := must(w.m.Approve(ctx, w.as("max"), market.Decision{Request: joes.ID, At: w.hq}))(t)
		if len(done.Settled) != 2 || done.Settled[0].ID != joes.ID || done.Resolution.Request != joes.ID || done.Resolution.By != w.user["max"] {
			t.Errorf("approved: %+v", done)
		}
		for id, want := range map[souk.ID]souk.RequestStatus{
			janes.ID: souk.RequestApproved, joes.ID: souk.RequestApproved, lees.ID: souk.Pending,
		} {
			if got := w.request(id).Status; got != want {
				t.Errorf("request is %s, want %s", got, want)
			}
		}
		wantList(t, "what stands", w.standing("chat"), "hq approved everyone team:read users:read")
		wantList(t, "what happened", w.events("chat"), "request.created", "request.created", "request.created", "resolution.approved", "case.approved")
		if n := w.count(`SELECT count(*) FROM installations`); n != 0 {
			t.Errorf("approving installed %d", n)
		}

		// The enterprise's answer settles the rest and stands beside the workspace's.
		w.approve("ada", "chat", w.acme, "team:read", "users:read")
		if got := w.request(lees.ID); got.Status != souk.RequestApproved || got.SettledBy != w.user["ada"] {
			t.Errorf("lee's request is %+v", got)
		}
		// Restricting there ends the approvals below; clearing brings none back.
		w.restrict("eve", "chat", w.acme)
		wantList(t, "after restricting at the enterprise", w.standing("chat"), "acme restricted everyone team:read users:read")
		ok(t, w.m.Clear(ctx, w.as("ada"), market.Clearing{App: w.app["chat"], At: w.acme}))
		wantList(t, "after clearing", w.standing("chat"))
		wantList(t, "how it ended", w.events("chat")[5:], "resolution.approved", "case.approved", "resolution.restricted", "case.declined", "resolution.cleared")

		// Restricting at a workspace under the enterprise's approval is its right.
		w.approve("ada", "chat", w.acme)
		w.restrict("liz", "chat", w.lab)
		wantList(t, "both stand", w.standing("chat"), "acme approved everyone team:read users:read", "lab restricted everyone team:read users:read")
		w.checkAudit()
	})
}

func TestScopesOfADecision(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		for _, tt := range []struct {
			name  string
			asked []string // by a request that is named; nil: the app is
			given []string
			want  string
		}{
			{"by app: all that it asks for", nil, nil, "team:read users:read"},
			{"by app, given: they replace", nil, []string{"reports"}, "reports"},
			{"by request: what stands and what was asked", []string{"users"}, nil, "reports users"},
			{"by request, given: they replace", []string{"settings"}, []string{"team:read"}, "team:read"},
			{"given as none: an approval of nothing", nil, []string{}, ""},
		} {
			in := market.Decision{App: w.app["chat"], At: w.hq, Scopes: tt.given}
			if tt.asked != nil {
				in.Request = must(w.m.RequestApp(ctx, w.as("jane"), market.Asking{App: w.app["chat"], At: w.hq, Scopes: tt.asked}))(t).Request.ID
			}
			done := must(w.m.Approve(ctx, w.as("max"), in))(t)
			if got := done.Resolution.Scopes.String(); got != tt.want {
				t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
			}
		}
		// A request that was made before adds nothing that was restricted since.
		q := must(w.m.RequestApp(ctx, w.as("joe"), market.Asking{App: w.app["files"], At: w.hq, Scopes: []string{"users"}}))(t).Request
		w.write(func(tx *store.Tx) error {
			return tx.InsertResolution(souk.Resolution{ID: souk.NewID(), App: q.App, Org: w.hq, Status: souk.Restricted,
				Scopes: souk.NewScopes("settings"), By: w.user["max"], CreatedAt: dawn})
		})
		done := must(w.m.Approve(ctx, w.as("max"), market.Decision{Request: q.ID, At: w.hq}))(t)
		wantList(t, "approved after a restriction", done.Resolution.Scopes, "users")
	})
}

func TestDecidingForEveryoneEndsNarrowerAnswers(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		narrow := func(at souk.ID, status souk.ResolutionStatus, audience souk.Audience) {
			w.write(func(tx *store.Tx) error {
				return tx.InsertResolution(souk.Resolution{ID: souk.NewID(), App: w.app["chat"], Org: at, Audience: audience,
					Status: status, Scopes: souk.NewScopes("users"), By: w.user["eve"], CreatedAt: dawn})
			})
		}
		jane := souk.Audience{User: w.user["jane"]}
		narrow(w.hq, souk.Restricted, jane)
		narrow(w.hq, souk.Approved, souk.Audience{Group: souk.NewID()})
		narrow(w.lab, souk.Approved, souk.Audience{User: w.user["lee"]})
		narrow(w.acme, souk.Restricted, jane)
		w.approve("max", "chat", w.hq)
		wantList(t, "after the workspace approved", w.standing("chat"),
			"acme restricted some users", "hq approved everyone team:read users:read", "lab approved some users")
		w.restrict("ada", "chat", w.acme)
		wantList(t, "after the enterprise restricted", w.standing("chat"), "acme restricted everyone team:read users:read")
		narrow(w.acme, souk.Approved, jane)
		ok(t, w.m.Clear(context.Background(), w.as("ada"), market.Clearing{App: w.app["chat"], At: w.acme}))
		wantList(t, "clearing ends all audiences", w.standing("chat"))
	})
}

// A decision settles what Effective now answers, and nothing else.
func TestWhatADecisionSettles(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		small, large, wide := w.ask("jane", "chat", w.hq), souk.Request{}, souk.Request{}
		large = must(w.m.RequestApp(ctx, w.as("joe"), market.Asking{App: w.app["chat"], At: w.hq, Scopes: []string{"users"}}))(t).Request
		lees := w.ask("lee", "chat", w.lab)
		w.setPolicy(w.acme, souk.Approval)
		wide = w.ask("sam", "chat", w.acme)
		w.setPolicy(w.acme, "")
		w.write(func(tx *store.Tx) error { // gone by way of a wire that knows audiences
			return tx.InsertResolution(souk.Resolution{ID: souk.NewID(), App: w.app["chat"], Org: w.lab, Status: souk.Restricted, By: w.user["liz"], CreatedAt: dawn})
		})
		done := w.approve("ada", "chat", w.acme)
		for id, want := range map[souk.ID]souk.RequestStatus{
			small.ID: souk.RequestApproved, wide.ID: souk.RequestApproved,
			large.ID: souk.Pending,           // asks for more than the ceiling
			lees.ID:  souk.RequestRestricted, // the lab restricts it
		} {
			if got := w.request(id).Status; got != want {
				t.Errorf("request of %s is %s, want %s", id, got, want)
			}
		}
		if len(done.Settled) != 3 {
			t.Errorf("settled %d", len(done.Settled))
		}
		// The one named is settled whatever the ceiling.
		must(w.m.Approve(ctx, w.as("ada"), market.Decision{Request: large.ID, At: w.acme, Scopes: []string{"team:read"}}))(t)
		if got := w.request(large.ID).Status; got != souk.RequestApproved {
			t.Errorf("the request named is %s", got)
		}
		if n := w.count(`SELECT count(*) FROM cases WHERE closed_at IS NULL`); n != 0 {
			t.Errorf("%d cases are open with nothing pending", n)
		}
	})
}

func TestWhatSettlesNothing(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		q := w.ask("jane", "chat", w.hq)
		w.approve("max", "files", w.hq)
		ok(t, w.m.SuspendApp(ctx, operator, w.app["chat"]))
		ok(t, w.m.ResumeApp(ctx, operator, w.app["chat"]))
		w.setPolicy(w.hq, souk.Closed)
		ok(t, w.m.Clear(ctx, w.as("max"), market.Clearing{App: w.app["files"], At: w.hq}))
		if got := w.request(q.ID).Status; got != souk.Pending {
			t.Errorf("the request is %s", got)
		}
	})
}

func TestDeclining(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		janes, joes, lees := w.ask("jane", "chat", w.hq), w.ask("joe", "chat", w.hq), w.ask("lee", "chat", w.lab)
		decline := func(name string, in market.Decision) market.Decided {
			return must(w.m.Decline(ctx, w.as(name), in))(t)
		}
		if done := decline("max", market.Decision{Request: janes.ID}); len(done.Settled) != 1 || !done.Resolution.ID.IsZero() {
			t.Errorf("declined: %+v", done)
		}
		if done := decline("max", market.Decision{App: w.app["chat"], At: w.hq}); len(done.Settled) != 1 || done.Settled[0].ID != joes.ID {
			t.Errorf("declined at hq: %+v", done)
		}
		if got := w.request(lees.ID).Status; got != souk.Pending {
			t.Errorf("lee's request at the lab is %s", got)
		}
		decline("ada", market.Decision{App: w.app["chat"], At: w.acme})
		if got := w.request(lees.ID).Status; got != souk.RequestDeclined {
			t.Errorf("declined at the enterprise, lee's request is %s", got)
		}
		wantList(t, "what stands", w.standing("chat"))
		wantList(t, "what happened", w.events("chat")[3:], "case.declined", "case.declined", "case.declined")
		w.ask("jane", "chat", w.hq) // nothing keeps her from asking again
	})
}
