package market_test

import (
	"context"
	"testing"

	"souk"
	"souk/market"
)

// Under one enterprise it is told who made what came to an org, and beyond it is
// not; who gave something always reads it.
func TestWhoMadeWhatCame(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.changeOrg(w.hq, func(o *souk.Org) { o.IsAppProvider = true })
		for _, end := range []struct {
			who   string
			org   souk.ID
			shown bool
		}{{"liz", w.lab, true}, {"gus", w.globex, false}} {
			sent := must(w.m.Invite(ctx, w.as("sid"), w.hq, end.org))(t)
			got := must(w.m.Invitation(ctx, w.as(end.who), end.org, market.Incoming, sent.ID))(t)
			if kept := must(w.m.Invitation(ctx, w.as("sid"), w.hq, market.Outgoing, sent.ID))(t); kept.Creator == nil || (got.Creator != nil) != end.shown {
				t.Errorf("%s reads that %v invites, the sender %v", end.who, got.Creator, kept.Creator)
			}
			must(w.m.Accept(ctx, w.as(end.who), end.org, sent.ID))(t)
			given := must(w.m.ShareApp(ctx, w.as("sid"), market.Sharing{Owner: w.hq, App: w.app["bespoke"], With: end.org}))(t)
			came := must(w.m.Share(ctx, w.as(end.who), end.org, market.Incoming, given.ID))(t)
			if kept := must(w.m.Share(ctx, w.as("sid"), w.hq, market.Outgoing, given.ID))(t); given.Creator == nil || kept.Creator == nil || (came.Creator != nil) != end.shown {
				t.Errorf("%s reads that %v shares, the giver %v", end.who, came.Creator, kept.Creator)
			}
		}
	})
}
