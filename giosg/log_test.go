package giosg

import (
	"slices"
	"strings"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/store"
)

const clerkLog = "GET /orgs/{orgs.shop}/owned_apps/{apps.clerk}/webhook_log_entries"

// An entry has sixteen attributes, and those of an answer are null until there
// is one.
func TestLogEntries(t *testing.T) {
	at := time.Date(2026, 4, 1, 8, 0, 1, 250_999_999, time.UTC)
	org := souk.ID{15: 3}
	entry := souk.LogEntry{
		ID: souk.ID{9}, CreatedAt: at, App: souk.ID{15: 1}, Webhook: souk.ID{15: 2}, URL: "https://acme.example/?a&b",
		Channel: "/x", Action: souk.Added, Resource: `"7"`, Status: souk.LogPending, Retry: 3,
	}
	started, good, failed, late, dropped := entry, entry, entry, entry, entry
	started.Status = souk.LogStarted
	good.Status, good.Outcome, good.ResponseStatus, good.Answer = souk.LogSuccessful, souk.OK, 204, ""
	good.Headers, good.Duration, good.CompletedAt = `{"Server":"a, <b>"}`, 999_999*time.Nanosecond, at.Add(time.Second)
	failed.Status, failed.Outcome, failed.ResponseStatus, failed.Answer = souk.LogFailed, souk.BadStatus, 500, `{"detail": "no"}`
	failed.Headers, failed.Duration, failed.CompletedAt = `{}`, 143*time.Millisecond, at.Add(time.Second)
	late.Status, late.Outcome, late.Duration, late.CompletedAt = souk.LogFailed, souk.HeaderTimeout, 10*time.Second, at.Add(time.Second)
	dropped.Status, dropped.Dropped, dropped.CompletedAt = souk.LogFailed, souk.DeliverySkipped, at.Add(time.Second)

	const head = `{"created_at":"2026-04-01T08:00:01.250Z","app_id":"00000000-0000-0000-0000-000000000001",` +
		`"organization_id":"00000000-0000-0000-0000-000000000003","webhook_id":"00000000-0000-0000-0000-000000000002",` +
		`"endpoint_url":"https://acme.example/?a&b","action":"added","resource_id":"\"7\"","channel":"/x","status":"`
	const unanswered = `"response_status_code":null,"response_body":null,"response_headers":null,`
	for _, tt := range []struct {
		entry souk.LogEntry
		tail  string
	}{
		{entry, `pending","retry_index":3,"reason":null,` + unanswered + `"duration":null,"completed_at":null}`},
		{started, `started","retry_index":3,"reason":null,` + unanswered + `"duration":null,"completed_at":null}`},
		{good, `successful","retry_index":3,"reason":null,"response_status_code":204,"response_body":"","response_headers":{"Server":"a, <b>"},` +
			`"duration":0,"completed_at":"2026-04-01T08:00:02.250Z"}`},
		{failed, `failed","retry_index":3,"reason":"http_status","response_status_code":500,"response_body":"{\"detail\": \"no\"}","response_headers":{},` +
			`"duration":143,"completed_at":"2026-04-01T08:00:02.250Z"}`},
		{late, `failed","retry_index":3,"reason":"timeout",` + unanswered + `"duration":10000,"completed_at":"2026-04-01T08:00:02.250Z"}`},
		{dropped, `failed","retry_index":3,"reason":"skipped",` + unanswered + `"duration":null,"completed_at":"2026-04-01T08:00:02.250Z"}`},
	} {
		if got, err := marshal(showLogEntry(tt.entry, org)); err != nil || string(got) != head+tt.tail {
			t.Errorf("%s (%v), want %s", got, err, head+tt.tail)
		}
	}
}

// Every way in which a request can fail has a reason of the documented ones.
func TestReasons(t *testing.T) {
	want := map[souk.Outcome]string{
		souk.OK: "", souk.Blocked: "blocked_address", souk.BadName: "dns_error", souk.NoConnection: "connection_error",
		souk.HungUp: "connection_error", souk.BadCertificate: "tls_error", souk.WrongHost: "tls_error",
		souk.BadTLS: "tls_error", souk.WriteFailed: "connection_error", souk.HeaderTimeout: "timeout", souk.BodyTimeout: "http_status",
		souk.BadStatus: "http_status", souk.TooManyMoves: "redirect", souk.BadAnswer: "connection_error", souk.AttemptStopped: "cancelled",
	}
	for outcome, says := range want {
		got := reason(souk.LogEntry{Outcome: outcome})
		if got == nil && says != "" || got != nil && *got != says {
			t.Errorf("%s: %v, want %q", outcome, got, says)
		}
	}
	for _, dropped := range []souk.DeliveryStatus{souk.DeliveryCancelled, souk.DeliverySkipped} {
		if got := reason(souk.LogEntry{Dropped: dropped}); got == nil || *got != string(dropped) {
			t.Errorf("%s: %v", dropped, got)
		}
	}
	if len(want) != len(reasons)+1 {
		t.Errorf("%d of %d reasons are looked at", len(want)-1, len(reasons))
	}
}

// publish tells what happened in the shop's chats, one after another.
func (o *company) publish(t *testing.T, resources ...string) {
	t.Helper()
	shop := o.ID("orgs.shop")
	for _, r := range resources {
		item := souk.Publication{
			Org: shop, Channel: below(shop, "chats"), Action: souk.Added, Resource: r, Body: []byte(`{"id":"` + r + `"}`),
		}
		if _, err := o.Market.Publish(t.Context(), souk.Operator("test"), market.Publishing{Items: []souk.Publication{item}}); err != nil {
			t.Fatal(err)
		}
	}
}

// attempted records what came of the requests to a webhook about some resources,
// an hour after they were caused; a failure leaves another to be made.
func (o *company) attempted(t *testing.T, hook souk.ID, outcomes map[string]souk.Outcome) {
	t.Helper()
	none := func(*store.Tx) (store.Locks, error) { return store.Locks{}, nil }
	err := o.db.Write(t.Context(), none, func(tx *store.Tx) error {
		found, err := tx.DeliveriesPage(hook, "", souk.Page{Size: 100})
		if err != nil {
			return err
		}
		for _, d := range found {
			outcome := outcomes[d.Resource]
			if outcome == "" {
				continue
			}
			now := d.EntryAt.Add(time.Hour)
			a := souk.Attempt{
				ID: d.Entry, Delivery: d.ID, Dialect: d.Dialect, App: d.App, Webhook: hook, Channel: d.Channel, Action: d.Action,
				Resource: d.Resource, URL: "https://asked.example/", Outcome: outcome, Status: 200, Headers: `{}`, ListedAt: d.EntryAt, StartedAt: now,
			}
			p := store.Progress{Delivery: d, Attempt: &a, Attempts: 1, Outcome: outcome, Status: souk.DeliverySuccessful}
			if outcome != souk.OK {
				a.Status = 500
				p.Status, p.NextAt, p.Entry, p.EntryAt = souk.DeliveryPending, now.Add(time.Hour), souk.NewID(), now
			}
			if _, err := tx.Record(souk.ID{}, now, []store.Progress{p}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// logged is the log as a call shows it, each entry in short: its resource, how
// often it was tried before, its status and why it failed.
func (o *company) logged(t *testing.T, call string) (entries []string, page listing[logEntry]) {
	t.Helper()
	page = into[listing[logEntry]](t, o.call(t, "sam", call, ""), 200)
	for _, e := range page.Results {
		short := e.ResourceID + strings.Repeat("'", e.RetryIndex) + " " + string(e.Status)
		if e.Reason != nil {
			short += " " + *e.Reason
		}
		entries = append(entries, short)
	}
	return entries, page
}

// The log tells what was asked and what is to come, newest first, all of it or
// what a filter lets through.
func TestLog(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		const rooms = `,"channel_subscriptions":[{"channel_pattern":"/api/v5/orgs/{organization_id}/chats","is_additions_subscribed":true,"is_changes_subscribed":false,"is_removals_subscribed":false}]}`
		first := o.hooked(t, `{"endpoint_url":"https://shop.example/1"`+rooms)
		o.publish(t, "a", "b", "c")
		second := o.hooked(t, `{"endpoint_url":"https://shop.example/2"`+rooms)
		o.publish(t, "d")
		o.attempted(t, first.ID, map[string]souk.Outcome{"a": souk.OK, "b": souk.BadStatus})
		other := into[webhook](t, o.call(t, "vic", "POST /orgs/{orgs.vendor}/owned_apps/{apps.vault}/webhooks", `{"endpoint_url":"https://vendor.example/"`+rooms), 201)

		everything := []string{"b' pending", "d pending", "d pending", "c pending", "b failed http_status", "a successful"}
		ofFirst := slices.Delete(slices.Clone(everything), 1, 2)
		id := first.ID.String()
		for _, tt := range []struct {
			query string
			want  []string
		}{
			{"", everything},
			{"webhook_id=&status=", everything},
			{"ordering=created_at", []string{"a successful", "b failed http_status", "c pending", "d pending", "d pending", "b' pending"}},
			{"webhook_id=" + id, ofFirst},
			{"webhook_id=" + strings.ToUpper(strings.ReplaceAll(id, "-", "")), ofFirst},
			{"webhook_id=" + second.ID.String(), []string{"d pending"}},
			{"webhook_id=" + id + "&webhook_id=" + second.ID.String(), []string{"d pending"}},
			{"webhook_id={nothing}", nil},
			{"webhook_id=" + other.ID.String(), nil},
			{"webhook_id=00000000-0000-0000-0000-000000000000", nil},
			{"webhook_id=first", nil},
			{"webhook_id=first&status=pending", nil},
			{"status=pending", []string{"b' pending", "d pending", "d pending", "c pending"}},
			{"status=started", nil},
			{"status=successful", []string{"a successful"}},
			{"status=failed", []string{"b failed http_status"}},
			{"status=failed&webhook_id=" + second.ID.String(), nil},
			{"status=lunch", nil},
			{"status=Failed", nil},
			{"status=failed%00", nil},
		} {
			got, page := o.logged(t, clerkLog+"?"+tt.query)
			if !slices.Equal(got, tt.want) || page.Next != nil || page.Previous != nil {
				t.Errorf("%s: %q, want %q (%v, %v)", tt.query, got, tt.want, page.Next, page.Previous)
			}
		}
		for _, e := range into[listing[logEntry]](t, o.call(t, "sam", clerkLog+"?webhook_id="+id, ""), 200).Results {
			asked := "https://shop.example/1"
			if e.CompletedAt != nil {
				asked = "https://asked.example/"
			}
			if e.OrganizationID != o.ID("orgs.shop") || e.AppID != o.ID("apps.clerk") || e.WebhookID != first.ID || e.EndpointURL != asked ||
				string(e.Channel) != o.fill("/api/v5/orgs/{orgs.shop}/chats") || e.Action != souk.Added {
				t.Errorf("%+v", e)
			}
		}
		for _, path := range []string{"/orgs/{orgs.shop}/owned_apps/{apps.vault}", "/orgs/{orgs.shop}/owned_apps/{nothing}"} {
			for _, query := range []string{"", "?status=lunch", "?webhook_id=" + id} {
				if got := o.call(t, "sam", "GET "+path+"/webhook_log_entries"+query, ""); got.status != 404 || got.body != detailText(unknownText) {
					t.Errorf("%s%s: %d %s", path, query, got.status, got.body)
				}
			}
		}

		// What a deleted webhook was told stays to be read.
		if got := o.call(t, "sam", "DELETE "+clerkHooks+"/"+id, ""); got.status != 204 {
			t.Errorf("deleted: %d %s", got.status, got.body)
		}
		want := []string{"b' failed cancelled", "d failed cancelled", "c failed cancelled", "b failed http_status", "a successful"}
		if got, _ := o.logged(t, clerkLog+"?webhook_id="+id); !slices.Equal(got, want) {
			t.Errorf("after the webhook: %q, want %q", got, want)
		}
	})
}

// Pages of the log are walked like all others, and a cursor belongs to its
// filters.
func TestPagesOfTheLog(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		hook := o.hooked(t, `{"endpoint_url":"https://shop.example/","channel_subscriptions":[`+subscribe("/api/v5/orgs/{organization_id}/*")+`]}`)
		o.publish(t, "a", "b", "c", "d", "e")
		o.attempted(t, hook.ID, map[string]souk.Outcome{"a": souk.OK, "b": souk.OK})
		filters := "&webhook_id=" + hook.ID.String()
		var seen []string
		call := clerkLog + "?page_size=2" + filters
		for {
			got, page := o.logged(t, call)
			seen = append(seen, got...)
			if page.Next == nil {
				break
			}
			call = follow(t, *page.Next)
			for _, other := range []string{filters + "0", "", "&status=pending" + filters} {
				if got := o.call(t, "sam", strings.ReplaceAll(call, filters, other), ""); got.status != 404 || got.body != detailText("Invalid cursor") {
					t.Errorf("with %q: %d %s", other, got.status, got.body)
				}
			}
		}
		if want := []string{"e pending", "d pending", "c pending", "b successful", "a successful"}; !slices.Equal(seen, want) {
			t.Errorf("%q, want %q", seen, want)
		}
	})
}
