package market_test

import (
	"context"
	"testing"

	"souk"
	"souk/market"
)

// Whom a decision names got what it says, though others were settled beside them:
// who joined a group that may not have the app is told so by the next decision.
func TestADecisionNamesThoseItIsAbout(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		w.ask("jane", "chat", w.hq)
		w.ask("joe", "chat", w.hq)
		may, mayNot := w.group(w.acme, "may", "jane", "joe"), w.group(w.acme, "may not")
		must(w.m.Restrict(context.Background(), w.as("ada"), market.Decision{
			App: w.app["chat"], At: w.acme, Audiences: []souk.Audience{{Group: mayNot}},
		}))(t)
		w.group(w.acme, "may not", "jane")
		done := w.approveFor("ada", "chat", w.acme, souk.Audience{Group: may})
		wantList(t, "settled", w.askers(done.Settled), "jane restricted", "joe approved")
		e, _ := w.lastTold("chat", souk.CaseApproved)
		if len(e.Data.Askers) != 1 || e.Data.Askers[0].ID != w.user["joe"] {
			t.Errorf("named are %v", e.Data.Askers)
		}
	})
}
