package giosg

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"souk"
	"souk/market"
)

const (
	clerkHooks = "/orgs/{orgs.shop}/owned_apps/{apps.clerk}/webhooks"
	ownPattern = "/api/v5/orgs/{app_organization_id}/owned_apps/{app_id}/installations"
	chats      = "/api/v5/orgs/{organization_id}/owned_chats/*/messages"
)

// subscribe spells a subscription to additions.
func subscribe(pattern string) string {
	return `{"channel_pattern":"` + pattern + `","is_additions_subscribed":true,"is_changes_subscribed":false,"is_removals_subscribed":false}`
}

// hooked makes a webhook of the clerk.
func (o *company) hooked(t *testing.T, body string) webhook {
	t.Helper()
	return into[webhook](t, o.call(t, "sam", "POST "+clerkHooks, body), 201)
}

// What is sent is what is shown, on every address that shows it.
func TestWebhooks(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		const endpoint = "https://Shop.example/a%2fb/?secret=a%20b+c&secret=&x#y"
		reply := o.call(t, "kim", "POST "+clerkHooks, `{"endpoint_url":" `+endpoint+`\n","id":"mine","app_id":7,"channel_subscriptions":[`+
			subscribe(ownPattern)+`,{"channel_pattern":"`+chats+`","is_additions_subscribed":"off","is_changes_subscribed":1,"is_removals_subscribed":"Yes","id":3}]}`)
		made := into[webhook](t, reply, 201)
		kim := `{"id":"{users.kim}","first_name":"Kim","last_name":"","full_name":"Kim","organization_id":"{orgs.shop}","avatar_id":null,"avatar":null,"is_bot":false}`
		want := o.fill(`{"id":"` + made.ID.String() + `","organization_id":"{orgs.shop}","organization":{"id":"{orgs.shop}","name":"Shop"},` +
			`"app_id":"{apps.clerk}","app":{"id":"{apps.clerk}","name":"Clerk"},"endpoint_url":"` + endpoint + `","channel_subscriptions":[` +
			subscribe(ownPattern) + `,{"channel_pattern":"` + chats + `","is_additions_subscribed":false,"is_changes_subscribed":true,"is_removals_subscribed":true}],` +
			`"created_at":"` + made.CreatedAt + `","updated_at":"` + made.CreatedAt + `","created_by_user_id":"{users.kim}","created_by_user":` + kim +
			`,"updated_by_user_id":"{users.kim}","updated_by_user":` + kim + `}`)
		if reply.body != want {
			t.Errorf("made: %s, want %s", reply.body, want)
		}
		item := clerkHooks + "/" + made.ID.String()
		if got := o.call(t, "sam", "GET "+item, ""); got.body != want {
			t.Errorf("read: %d %s", got.status, got.body)
		}
		if got := o.call(t, "sam", "GET "+clerkHooks, ""); got.body != `{"next":null,"previous":null,"results":[`+want+`]}` {
			t.Errorf("listed: %d %s", got.status, got.body)
		}
	})
}

// A change is what it names, and who made it.
func TestChangesOfWebhooks(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		made := o.hooked(t, `{"endpoint_url":"https://shop.example/1","channel_subscriptions":[`+subscribe(ownPattern)+`]}`)
		if none := o.hooked(t, `{"endpoint_url":"http://shop.example/2"}`); len(none.ChannelSubscriptions) != 0 {
			t.Errorf("nothing was subscribed: %+v", none)
		}
		whole, err := json.Marshal(made)
		if err != nil {
			t.Fatal(err)
		}
		item := clerkHooks + "/" + made.ID.String()
		for _, tt := range []struct {
			method, body, url string
			patterns          []souk.Pattern
		}{
			{"PUT", string(whole), "https://shop.example/1", []souk.Pattern{ownPattern}},
			{"PATCH", `{}`, "https://shop.example/1", []souk.Pattern{ownPattern}},
			{"PATCH", ``, "https://shop.example/1", []souk.Pattern{ownPattern}},
			{"PATCH", `{"endpoint_url":"https://shop.example/2"}`, "https://shop.example/2", []souk.Pattern{ownPattern}},
			{"PUT", `{"endpoint_url":"https://shop.example/3"}`, "https://shop.example/3", []souk.Pattern{ownPattern}},
			{"PATCH", `{"channel_subscriptions":[` + subscribe(chats) + `,` + subscribe(ownPattern) + `]}`, "https://shop.example/3", []souk.Pattern{chats, ownPattern}},
			{"PUT", `{"endpoint_url":"https://shop.example/4","channel_subscriptions":[` + subscribe(chats) + `]}`, "https://shop.example/4", []souk.Pattern{chats}},
			{"PATCH", `{"channel_subscriptions":[]}`, "https://shop.example/4", []souk.Pattern{}},
		} {
			changed := into[webhook](t, o.call(t, "kim", tt.method+" "+item, tt.body), 200)
			patterns := each(changed.ChannelSubscriptions, func(s subscription) souk.Pattern { return s.ChannelPattern })
			if changed.EndpointURL != tt.url || !slices.Equal(patterns, tt.patterns) {
				t.Errorf("%s %s: %+v", tt.method, tt.body, changed)
			}
			if changed.UpdatedByUser.FirstName != "Kim" || changed.CreatedByUser.FirstName != "Sam" || changed.CreatedAt != made.CreatedAt || changed.UpdatedAt < made.UpdatedAt {
				t.Errorf("%s %s: by %+v at %s", tt.method, tt.body, changed.authors, changed.UpdatedAt)
			}
			if got := into[webhook](t, o.call(t, "sam", "GET "+item, ""), 200); !reflect.DeepEqual(got, changed) {
				t.Errorf("%s %s: answered %+v, and is %+v", tt.method, tt.body, changed, got)
			}
		}
		if got := o.call(t, "sam", "DELETE "+item, ""); got.status != 204 || got.body != "" {
			t.Errorf("deleted: %d %s", got.status, got.body)
		}
		for _, method := range []string{"DELETE", "GET", "PUT", "PATCH"} {
			if got := o.call(t, "sam", method+" "+item, `{`); got.status != 404 || got.body != detailText(unknownText) {
				t.Errorf("%s after the end: %d %s", method, got.status, got.body)
			}
		}
		if left := into[listing[webhook]](t, o.call(t, "sam", "GET "+clerkHooks, ""), 200); len(left.Results) != 1 || left.Results[0].EndpointURL != "http://shop.example/2" {
			t.Errorf("left: %+v", left)
		}
	})
}

// Webhooks of an app that is not the organization's, of another app and of
// another dialect are not there, however they are asked for.
func TestWebhooksElsewhere(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		made := o.hooked(t, `{"endpoint_url":"https://shop.example/"}`)
		o.Apply(`
version: 1
apps:
  scribe:
    owner: shop
    name: Scribe
    webhooks: {slack: {dialect: slack, url: "https://shop.example/slack", events: [app_requested]}}
`)
		native := o.Object("webhooks.scribe.slack").ID.String()
		for _, path := range []string{
			"/orgs/{orgs.shop}/owned_apps/{apps.vault}/webhooks",
			"/orgs/{orgs.shop}/owned_apps/{apps.deploybot}/webhooks",
			"/orgs/{orgs.shop}/owned_apps/{nothing}/webhooks",
			"/orgs/{orgs.lapsed}/owned_apps/{apps.clerk}/webhooks",
			"/orgs/{orgs.shop}/owned_apps/{apps.scribe}/webhooks/" + made.ID.String(),
			"/orgs/{orgs.shop}/owned_apps/{apps.scribe}/webhooks/" + native,
			"/orgs/{orgs.shop}/owned_apps/{apps.deploybot}/webhooks/{webhooks.deploybot.native}",
			clerkHooks + "/{nothing}",
			clerkHooks + "/" + native,
			clerkHooks + "/00000000-0000-0000-0000-000000000000",
			clerkHooks + "/hook",
		} {
			path = strings.ReplaceAll(path, "{webhooks.deploybot.native}", o.ID("webhooks.deploybot.native").String())
			methods := []string{"GET", "PUT", "PATCH", "DELETE"}
			if strings.HasSuffix(path, "/webhooks") {
				methods = []string{"GET", "POST"}
			}
			want := reply{status: 404, body: detailText(unknownText)}
			if strings.Contains(path, "lapsed") {
				want = reply{status: 403, body: detailText(lapsedText)}
			}
			for _, method := range methods {
				if got := o.call(t, "kim", method+" "+path, `{"endpoint_url":"https://kim.example/"}`); got.status != want.status || got.body != want.body {
					t.Errorf("%s %s: %d %s", method, path, got.status, got.body)
				}
			}
		}
		if hooks, err := o.Market.Webhooks(t.Context(), souk.Operator("test"), o.ID("apps.scribe")); err != nil || len(hooks) != 1 || hooks[0].UpdatedAt != hooks[0].CreatedAt {
			t.Errorf("the webhook of another dialect: %+v, %v", hooks, err)
		}
	})
}

// The faults of subscriptions stand where the subscriptions do.
func TestFaultsOfSubscriptions(t *testing.T) {
	const subscribed = `"is_additions_subscribed":true,"is_changes_subscribed":true,"is_removals_subscribed":true`
	const required = `["This field is required."]`
	bad := `{"channel_pattern":["Invalid channel pattern."]}`
	again := `{"channel_pattern":["This channel pattern is already subscribed."]}`
	alone := func(name string) string { return `{"` + name + `":` + required + `}` }
	tests := []struct{ list, want string }{
		{`{}`, `{"non_field_errors":["Expected a list of items but got type \"dict\"."]}`},
		{`null`, `["This field may not be null."]`},
		{`[` + subscribe(chats) + `,7]`, `[{},{"non_field_errors":["Invalid data. Expected a dictionary, but got int."]}]`},
		{`[` + subscribe(chats) + `,{}]`, `[{},{"channel_pattern":` + required + `,"is_additions_subscribed":` + required +
			`,"is_changes_subscribed":` + required + `,"is_removals_subscribed":` + required + `}]`},
		{`[{` + subscribed + `}]`, `[` + alone("channel_pattern") + `]`},
		{`[{"channel_pattern":"` + chats + `","is_changes_subscribed":true,"is_removals_subscribed":true}]`, `[` + alone("is_additions_subscribed") + `]`},
		{`[{"channel_pattern":"` + chats + `","is_additions_subscribed":true,"is_removals_subscribed":true}]`, `[` + alone("is_changes_subscribed") + `]`},
		{`[{"channel_pattern":"` + chats + `","is_additions_subscribed":true,"is_changes_subscribed":true}]`, `[` + alone("is_removals_subscribed") + `]`},
		{`[` + subscribe(chats) + `,` + subscribe("/api/v5/public_apps") + `,` + subscribe(ownPattern) + `]`, `[{},` + bad + `,{}]`},
		{`[` + subscribe(chats) + `,` + subscribe(" "+chats+" ") + `,` + subscribe(chats) + `]`, `[{},` + again + `,` + again + `]`},
		{`[` + subscribe("/") + `,` + subscribe("/") + `]`, `[` + bad + `,` + bad + `]`},
		{`[` + subscribe(ownPattern+"/") + `]`, `[` + bad + `]`},
		{`[` + subscribe("/api/v5/orgs/{app_organization_id}/owned_apps") + `]`, `[` + bad + `]`},
		{`[` + subscribe("/api/v5/orgs/{organization_id}/a//b") + `]`, `[` + bad + `]`},
		{`[` + subscribe("/api/v5/orgs/{organization_id}/**") + `]`, `[` + bad + `]`},
		{`[` + subscribe("/api/v5/orgs/{user_id}/chats") + `]`, `[` + bad + `]`},
		{`[` + subscribe("/api/v5/users/{user_id}/"+strings.Repeat("x", souk.MaxChannel)) + `]`, `[` + bad + `]`},
	}
	everyCompany(t, nil, func(t *testing.T, o *company) {
		item := clerkHooks + "/" + o.hooked(t, `{"endpoint_url":"https://shop.example/"}`).ID.String()
		for _, tt := range tests {
			for _, call := range []string{"POST " + clerkHooks, "PUT " + item, "PATCH " + item} {
				got := o.call(t, "sam", call, `{"endpoint_url":"https://shop.example/","channel_subscriptions":`+tt.list+`}`)
				if got.status != 400 || got.body != `{"channel_subscriptions":`+tt.want+`}` {
					t.Errorf("%s %s: %d %s, want %s", call, tt.list, got.status, got.body, tt.want)
				}
			}
		}
	})
}

// There are bounds, and what reaches them works.
func TestBoundsOfWebhooks(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		list := func(n int) string {
			items := make([]string, n)
			for i := range items {
				items[i] = subscribe(fmt.Sprintf("/api/v5/orgs/{organization_id}/rooms/%d", i))
			}
			return `{"endpoint_url":"https://shop.example/","channel_subscriptions":[` + strings.Join(items, ",") + `]}`
		}
		full := o.hooked(t, list(market.MaxSubscriptions))
		if len(full.ChannelSubscriptions) != 50 {
			t.Errorf("%d subscriptions", len(full.ChannelSubscriptions))
		}
		if got := o.call(t, "sam", "POST "+clerkHooks, list(51)); got.status != 400 || got.body != `{"channel_subscriptions":{"non_field_errors":["Ensure this field has no more than 50 elements."]}}` {
			t.Errorf("51 subscriptions: %d %s", got.status, got.body)
		}
		for range market.MaxChannelWebhooks - 1 {
			o.hooked(t, `{"endpoint_url":"https://shop.example/`+strings.Repeat("x", souk.MaxURL-len("https://shop.example/"))+`"}`)
		}
		if got := o.call(t, "sam", "POST "+clerkHooks, list(1)); got.status != 400 || got.body != `{"non_field_errors":["This app has as many webhooks as it can have."]}` {
			t.Errorf("the 21st webhook: %d %s", got.status, got.body)
		}
		item := clerkHooks + "/" + full.ID.String()
		if got := o.call(t, "sam", "PATCH "+item, `{}`); got.status != 200 {
			t.Errorf("a change among 20: %d %s", got.status, got.body)
		}
		if got := o.call(t, "sam", "DELETE "+item, ""); got.status != 204 {
			t.Errorf("deleted: %d %s", got.status, got.body)
		}
		o.hooked(t, list(0))
	})
}

// The operator's word on where notifications may go holds here too.
func TestRefusedEndpoints(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		strict := *o.Market
		strict.CheckURL = func(url string) error {
			if strings.Contains(url, "127.0.0.1") {
				return errors.New("loopback")
			}
			return nil
		}
		o = o.with(t, &strict, Limits{}, nil)
		item := clerkHooks + "/" + o.hooked(t, `{"endpoint_url":"https://shop.example/"}`).ID.String()
		for _, call := range []string{"POST " + clerkHooks, "PUT " + item, "PATCH " + item} {
			if got := o.call(t, "sam", call, `{"endpoint_url":"https://127.0.0.1/"}`); got.status != 400 || got.body != `{"endpoint_url":["Notifications are not sent to this URL."]}` {
				t.Errorf("%s: %d %s", call, got.status, got.body)
			}
		}
	})
}

// Who changes a webhook on this wire, which has no word for it, resumes none that
// was paused.
func TestPausedWebhooksStayPaused(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		made := o.hooked(t, `{"endpoint_url":"https://shop.example/"}`)
		paused := market.Hook{ID: made.ID, App: o.ID("apps.clerk"), Dialect: souk.Giosg, Paused: new(true)}
		if _, err := o.Market.PutWebhook(t.Context(), souk.Operator("test"), paused); err != nil {
			t.Fatal(err)
		}
		for _, method := range []string{"PATCH", "PUT"} {
			url := "https://shop.example/" + strings.ToLower(method)
			changed := into[webhook](t, o.call(t, "sam", method+" "+clerkHooks+"/"+made.ID.String(), `{"endpoint_url":"`+url+`"}`), 200)
			w, err := o.Market.Webhook(t.Context(), souk.Operator("test"), o.ID("apps.clerk"), made.ID)
			if err != nil || w.Status != souk.WebhookPaused || w.URL != url || changed.EndpointURL != url {
				t.Errorf("after %s it is %s at %s: %v", method, w.Status, w.URL, err)
			}
		}
	})
}
