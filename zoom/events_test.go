package zoom

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"souk"
	"souk/souktest/zoomwire"
)

// happening is an event with all its parts, and an endpoint that hears it.
func happening(kind souk.EventKind) (souk.Event, souk.Endpoint) {
	at := time.UnixMilli(1749365726209).Add(999 * time.Microsecond)
	app := souk.App{
		ID: souk.NewID(), Name: "A&B <x> \u2028", Description: "All of \"it\"", Listing: souk.Listed,
		Links: souk.Links{Documentation: "https://a.example/docs", PrivacyPolicy: "https://a.example/p", Support: "http://a.example", TermsOfService: "https://a.example/t"},
		Zoom:  souk.ZoomListing{AppType: "OAuthApp", MinClient: "5.7.3", UserRole: "Any User", PremiumEvents: []string{"QoS"}, AccountTypes: []string{"Pro"}},
	}
	root := souk.Org{ID: souk.NewID(), Kind: souk.Enterprise}
	bo := souk.User{ID: souk.NewID(), Email: "bo@acme.example", FirstName: "Bo", LastName: "Ek", Department: "Sales"}
	ada := souk.User{ID: souk.NewID(), Email: "ada@acme.example", Alias: "Ada"}
	e := souk.Event{ID: souk.NewID(), Kind: kind, Root: root.ID, Org: root.ID, App: app.ID, At: at, Data: &souk.EventData{
		App: &app, Org: &root, User: &bo, Actor: &ada, Groups: []string{"dev", "ops"}, Client: "ABCDEFGHIJKLMNOPQRSTUV",
		Case:    &souk.Case{ID: souk.NewID(), App: app.ID, Root: root.ID},
		Request: &souk.Request{ID: souk.NewID(), Scopes: souk.NewScopes("settings", "users:read", "own:one"), Reason: "line\n\t\"q\" \\ 🚒 \x01\x7f"},
		Grant:   &souk.Grant{ID: souk.NewID(), User: bo.ID},
		Catalogue: []souk.Scope{
			{Name: "settings", Description: "Change settings", Group: "Manage"}, {Name: "users:read", Description: "See people", Group: "View"},
		},
	}}
	e.Data.Request.Case = e.Data.Case.ID
	return e, souk.Endpoint{Webhook: souk.Webhook{ID: souk.NewID(), App: app.ID}, Installation: souk.Installation{ID: souk.NewID()}}
}

// wants encodes an event and compares all of its payload.
func wants(t *testing.T, e souk.Event, to souk.Endpoint, payload string) {
	t.Helper()
	body, err := Encode(e, to)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{"event":%q,"event_ts":1749365726209,"payload":%s}`, EventName(e.Kind), payload)
	if payload == "" {
		want = ""
	}
	if string(body) != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
	if body == nil {
		return
	}
	for _, layer := range []func([]byte) error{zoomwire.Published, zoomwire.Strict, zoomwire.Bytes} {
		if err := layer(body); err != nil {
			t.Errorf("%v\n%s", err, body)
		}
	}
}

const requestedWhole = `{"app_name":"A&B <x> ` + "\u2028" + `","app_type":"OAuth App","app_status":"published","app_description":"All of \"it\"",` +
	`"app_link":{"developer_documentation":"https://a.example/docs","developer_privacy_policy":"https://a.example/p","developer_support":"http://a.example","developer_terms_of_use":"https://a.example/t"},` +
	`"app_permissions":{"View":["own:one","See people"],"Manage":["Change settings"]},` +
	`"install_requirements":{"min_client":"5.7.3","user_role":"Any User","account_eligibility":{"premium_events":["QoS"],"account_types":["Pro"]}},` +
	`"app_scopes":["own:one","settings","users:read"],"requester_name":"Bo Ek","requester_department":"Sales","requester_user_groups":["dev","ops"],` +
	`"request_reason":"line\n\t\"q\" \\ 🚒 \u0001` + "\x7f" + `"`

func TestARequest(t *testing.T) {
	e, to := happening(souk.RequestCreated)
	wants(t, e, to, requestedWhole+"}")

	to.Webhook.Extended = true
	wants(t, e, to, fmt.Sprintf(`%s,"app_id":%q,"request_id":%q,"account_id":%q,"requester_email":"bo@acme.example"}`,
		requestedWhole, e.App.Zoom(), e.Data.Case.ID.Zoom(), e.Root.Zoom()))
	to.Webhook.Extended = false

	d := e.Data
	d.App.Description, d.App.Links, d.App.Zoom, d.App.Listing = "", souk.Links{Documentation: "/docs", Support: "mailto:a@b.example"}, souk.ZoomListing{UserRole: "admin"}, souk.Submitted
	d.User.Department, d.Groups, d.Request.Reason, d.Request.Scopes = "", nil, "", nil
	d.User.FirstName, d.User.LastName = "", ""
	wants(t, e, to, `{"app_name":"A&B <x> `+"\u2028"+`","app_type":"General App","app_status":"development","app_link":{},`+
		`"app_permissions":{"View":[],"Manage":[]},"install_requirements":{"user_role":"Account Admin","account_eligibility":{"premium_events":[],"account_types":[]}},`+
		`"app_scopes":[],"requester_name":"bo@acme.example","requester_user_groups":[]}`)

	d.Again = true
	wants(t, e, to, "")
	d.Again, to.Installation = false, souk.Installation{}
	wants(t, e, to, "")
}

func TestADecision(t *testing.T) {
	for kind := range map[souk.EventKind]bool{souk.CaseApproved: true, souk.CaseDeclined: true} {
		e, to := happening(kind)
		d := e.Data
		head := fmt.Sprintf(`{"request_id":%q,"app_id":%q,"app_name":"A&B <x> `+"\u2028"+`","app_type":"OAuth App","app_status":"published","app_description":"All of \"it\"",`, d.Case.ID.Zoom(), e.App.Zoom())
		reviewer := `,"reviewer_name":"Ada","reviewer_email":"ada@acme.example"`
		wants(t, e, to, "") // for nobody

		d.Askers = []souk.User{*d.User, {ID: souk.NewID(), IsBot: true}}
		one := `,"reviewed_requests":[{"requester_name":"Bo Ek","requester_email":"bo@acme.example"}]}`
		wants(t, e, to, head+`"scope":"specific_users"`+reviewer+one)
		d.Everyone = true
		wants(t, e, to, head+`"scope":"all_users_on_account"`+reviewer+one)
		d.Askers = nil
		wants(t, e, to, head+`"scope":"all_users_on_account"`+reviewer+"}")

		for n := range mostReviewed + 1 {
			d.Askers = append(d.Askers, souk.User{ID: souk.NewID(), Email: fmt.Sprintf("u%d@acme.example", n)})
		}
		wants(t, e, to, head+`"scope":"all_users_on_account"`+reviewer+"}")
		for _, everyone := range []bool{false, true} {
			d.Askers, d.Everyone = d.Askers[:mostReviewed+1-btoi(everyone)], everyone
			body, err := Encode(e, to)
			if n := strings.Count(string(body), "requester_email"); err != nil || n != len(d.Askers) {
				t.Errorf("%d of %d are listed (%v)", n, len(d.Askers), err)
			}
		}

		d.App.Listing, d.App.Description = souk.Draft, ""
		d.Askers = nil
		wants(t, e, to, strings.Replace(strings.Replace(head, "published", "unpublished", 1), `"app_description":"All of \"it\"",`, "", 1)+
			`"scope":"all_users_on_account"`+reviewer+"}")
		for _, who := range []*souk.User{nil, {ID: souk.NewID(), IsBot: true, Alias: "Bot"}} {
			d.Actor = who
			if _, err := Encode(e, to); !errors.Is(err, souk.NeedsPerson) {
				t.Errorf("decided by %v: %v", who, err)
			}
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestADeauthorization(t *testing.T) {
	e, to := happening(souk.GrantWasRevoked)
	want := fmt.Sprintf(`{"account_id":%q,"user_id":%q,"signature":%q,"deauthorization_time":"2025-06-08T06:55:26.209Z","client_id":"ABCDEFGHIJKLMNOPQRSTUV","event_ts":1749365726209}`,
		e.Root.Zoom(), e.Data.User.ID.Zoom(), mark(e.ID))
	wants(t, e, to, want)
	if mark(e.ID) == mark(souk.NewID()) {
		t.Error("two have the same mark")
	}
	to.Webhook.App = souk.NewID()
	wants(t, e, to, "")
}

// What lacks its parts, and what Zoom has no name for, is told nobody.
func TestWhatIsNoEvent(t *testing.T) {
	for _, kind := range souk.EventKinds {
		e, to := happening(kind)
		e.Data = &souk.EventData{}
		if body, err := Encode(e, to); err == nil || body != nil {
			t.Errorf("%s: %s", kind, body)
		}
		if known := EventName(kind) != ""; known != (kind == souk.RequestCreated || kind == souk.CaseApproved || kind == souk.CaseDeclined || kind == souk.GrantWasRevoked) {
			t.Errorf("%s is called %q", kind, EventName(kind))
		}
	}
}

func TestAppTypes(t *testing.T) {
	for kind, want := range map[string]string{
		"": "General App", "OAuthApp": "OAuth App", "OAuth App": "OAuth App", "s2s_oauth": "OAuth App", "general": "General App", "ZoomApp": "Zoom App",
		"ChatBotApp": "ChatBot App", "meeting_sdk": "SDK OAuth App", "Something Else": "Something Else",
	} {
		if got := eventType(souk.App{Zoom: souk.ZoomListing{AppType: kind}}); got != want {
			t.Errorf("%q is %q, want %q", kind, got, want)
		}
	}
}
