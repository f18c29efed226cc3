package zoom

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"souk"
	"souk/market"
)

// What is done through other faces is seen through this one.
func TestOtherFacesAreSeen(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		ada := o.admin(t, "ada")
		past := func() map[string]any {
			return o.ok(t, 200, ada, "GET /marketplace/apps?type=past_requests", "").row(t, "apps", "app_name", "Notes & <more>")
		}
		q := o.asks(t, "bo", "notes", "sales")
		o.asks(t, "cem", "notes", "labs")
		active := o.ok(t, 200, ada, "GET /marketplace/apps", "").row(t, "apps", "app_name", "Notes & <more>")
		if active["request_id"] != q.Case.Zoom() || active["request_pending_number"] != 2.0 || active["request_total_number"] != 2.0 {
			t.Errorf("asked: %v", active)
		}

		// Sue decides at her workspace, by the request as Slack names it.
		if _, err := o.Market.Restrict(t.Context(), o.As("sue"), market.Decision{Request: q.ID}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"bo": "rejected", "cem": "pending"}, o.stands(t, ada, "notes")); diff != "" {
			t.Error(diff)
		}
		if _, err := o.Market.Approve(t.Context(), o.As("olga"), market.Decision{App: o.ID("apps.notes"), At: o.ID("orgs.acme")}); err != nil {
			t.Fatal(err)
		}
		if got := o.ok(t, 200, ada, "GET /marketplace/apps", "").list("apps", "app_name"); len(got) != 0 {
			t.Errorf("still active: %v", got)
		}
		row := past()
		for name, want := range map[string]any{
			"request_id": q.Case.Zoom(), "request_total_number": 2.0, "request_pending_number": 0.0,
			"request_approved_number": 1.0, "request_declined_number": 1.0, "reviewer_name": "Olga Berg",
		} {
			if row[name] != want {
				t.Errorf("%s: %v, want %v", name, row[name], want)
			}
		}
		if info := o.ok(t, 200, ada, "GET /marketplace/apps?type=approved_apps", "").row(t, "apps", "app_name", "Notes & <more>")["approval_info"]; info.(map[string]any)["approved_type"] != "forAllUser" {
			t.Errorf("%v", info)
		}

		// And what is done here is seen there.
		o.ok(t, 204, ada, "PATCH /marketplace/apps/{apps.notes}/requests", `{"action":"decline_all"}`)
		standing, err := o.Market.StandingAt(t.Context(), o.As("olga"), o.ID("orgs.acme"), "", souk.Page{Size: 10})
		if err != nil || len(standing) != 0 {
			t.Errorf("%d stand: %v", len(standing), err)
		}
		if row := past(); row["request_approved_number"] != 0.0 || row["request_declined_number"] != 2.0 || row["reviewer_name"] != "Ada Virtanen" {
			t.Errorf("declined: %v", row)
		}
	})
}
