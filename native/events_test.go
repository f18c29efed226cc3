package native

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"image"
	"image/png"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
)

// The body of every kind of event that the verbs make keeps to the contract.
func TestEventsKeepToTheContract(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		hear := souk.NewScopes(souk.MarketplaceRead)
		o.guard.BotScopes = hear
		o.putApp(t, o.guard)
		for call, body := range map[string]string{
			"POST /orgs/{acme}/apps/{guard}/approve":   "",
			"POST /orgs/{vendor}/apps/{guard}/approve": "",
		} {
			into[decisionObject](t, o.call(t, map[bool]string{true: "olga", false: "vic"}[strings.Contains(call, "acme")], call, body), 200)
		}
		o.call(t, "olga", "POST /orgs/{acme}/installations", `{"app":"{guard}","workspaces":["{sales}","{labs}"]}`)
		o.call(t, "vic", "POST /orgs/{vendor}/installations", `{"app":"{guard}"}`)
		names, err := json.Marshal(Wire().Events)
		must(err)
		w := into[savedObject](t, o.call(t, "vic", "POST /apps/{guard}/webhooks", `{"dialect":"native","url":"https://all.example/","events":`+string(names)+`}`), 201)

		o.failing(t)
		o.everything(t)
		var told []souk.Delivery
		id, err := souk.ParseID(w.ID)
		must(err)
		must(o.db.Read(t.Context(), func(tx *store.Tx) (err error) {
			told, err = souktest.Told(tx, id, "", souk.Page{Size: 500})
			return err
		}))
		seen := map[string]bool{}
		schema := published.schema("#/components/schemas/Event")
		for _, d := range told {
			value, err := jsonschema.UnmarshalJSON(bytes.NewReader(d.Body))
			must(err)
			if err := schema.Validate(value); err != nil {
				t.Errorf("%s: %v", d.Body, err)
			}
			var e eventBody
			must(json.Unmarshal(d.Body, &e))
			seen[e.Type] = true
			if other := e.Data.Other; other != nil && e.Data.Actor != nil && e.Data.Actor.ID == o.rita.ID.String() {
				t.Errorf("%s tells who works for %s", d.Body, other.ID)
			}
			if e.Data.Event.ID != d.Event.String() || e.Data.Webhook.ID != w.ID {
				t.Errorf("%s is not about itself", d.Body)
			}
		}
		for _, kind := range souk.EventKinds {
			if kind != souk.OrgAdded && EventName(kind) != "" && !seen[string(kind)] { // nothing is installed yet at an org that is new
				t.Errorf("%s was not told", kind)
			}
		}
	})
}

// Whatever data an event comes with, its body keeps to the contract.
func TestEncodeKeepsToTheContract(t *testing.T) {
	org := souk.Org{ID: souk.NewID(), Kind: souk.Enterprise, Switches: souk.DefaultSwitches}
	other := souk.Org{ID: souk.NewID(), Kind: souk.Workspace, Name: "Other", Domain: "secret", Contact: souk.Contact{Email: "secret"}}
	app, user := souk.App{ID: souk.NewID(), Kind: souk.BuiltIn}, souk.User{ID: souk.NewID(), IsBot: true}
	for _, kind := range souk.EventKinds {
		if EventName(kind) == "" {
			continue
		}
		for name, data := range map[string]*souk.EventData{
			"a failing one": {Org: &org, App: &app, Webhook: &souk.Webhook{ID: souk.NewID(), App: app.ID, Dialect: souk.Slack, Status: souk.WebhookDisabled, DisabledWhy: "why"}, Failing: &souk.Failing{Failures: 3}},
			"nothing":       {},
			"an org":        {Org: &org},
			"a share":       {Org: &org, App: &app, Other: &other, Share: &souk.Share{ID: souk.NewID(), App: app.ID, Org: other.ID, CreatedBy: user.ID}},
			"a partnership": {Org: &org, Other: &other, Partnership: &souk.Partnership{A: org.ID, B: other.ID, NameA: "theirs", NameB: "secret"}},
			"an invitation": {Org: &org, Other: &other, Invitation: &souk.Invitation{ID: souk.NewID(), From: other.ID, To: org.ID, CreatedBy: user.ID}},
			"an asset":      {Org: &org, Asset: &souk.Asset{ID: souk.NewID(), ContentType: "image/png"}},
			"a publication": {Org: &org, Publication: &souk.Publication{Action: souk.Removed}},
			"an app's":      {Org: &org, App: &app, Actor: &user},
			"a settled one": {Org: &org, App: &app, User: &user, Settled: []souk.Request{{ID: souk.NewID(), Case: souk.NewID(), App: app.ID, Org: org.ID, User: user.ID, FiledBy: user.ID, Status: souk.RequestVoid}}},
		} {
			body, err := Encode(souk.Event{ID: souk.NewID(), Kind: kind, Org: org.ID, Subject: org.ID, Data: data}, souk.Endpoint{Webhook: souk.Webhook{ID: souk.NewID()}})
			must(err)
			value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
			must(err)
			if err := published.schema("#/components/schemas/Event").Validate(value); err != nil {
				t.Errorf("%s with %s: %v", kind, name, err)
			}
			if strings.Contains(string(body), "secret") || strings.Contains(string(body), user.ID.String()) && data.Other != nil {
				t.Errorf("%s with %s tells of the other: %s", kind, name, body)
			}
		}
	}
}

// Receivers are authenticated by the queries of their URLs, which nobody reads
// but the app whose webhook it is.
func TestEncodeCutsQueriesOfOthers(t *testing.T) {
	app := souk.NewID()
	event := func(url string) souk.Event {
		return souk.Event{ID: souk.NewID(), Kind: souk.WebhookChanged, Data: &souk.EventData{Webhook: &souk.Webhook{ID: souk.NewID(), App: app, URL: url}}}
	}
	for _, tt := range []struct {
		name, url, want string
		to              souk.ID
	}{
		{"the app itself", "https://a.example/hook?key=1#x", "https://a.example/hook?key=1#x", app},
		{"another app", "https://a.example/hook?key=1#x", "https://a.example/hook", souk.NewID()},
		{"another app, with a fragment alone", "https://a.example/hook#x?key=1", "https://a.example/hook", souk.NewID()},
		{"another app, with nothing to cut", "https://a.example/hook", "https://a.example/hook", souk.NewID()},
	} {
		e := event(tt.url)
		body, err := Encode(e, souk.Endpoint{Webhook: souk.Webhook{ID: souk.NewID(), App: tt.to}})
		must(err)
		var told eventBody
		must(json.Unmarshal(body, &told))
		if got := told.Data.Changed; got == nil || got.URL != tt.want || e.Data.Webhook.URL != tt.url {
			t.Errorf("%s reads %+v, want %s; the event keeps %s", tt.name, got, tt.want, e.Data.Webhook.URL)
		}
	}
}

// everything makes every kind of event that a verb makes.
func (o *company) everything(t *testing.T) {
	t.Helper()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, operator := t.Context(), souk.Operator("test")
	for _, c := range []struct{ who, call, body string }{
		{"mo", "POST /orgs/{sales}/requests", `{"app":"{custom}"}`},
		{"bo", "POST /requests/{asked}/cancel", ""},
		{"bo", "POST /orgs/{sales}/requests", `{"app":"{deploy}"}`},
		{"sal", "POST /orgs/{sales}/apps/{deploy}/approve", ""},
		{"bo", "POST /orgs/{labs}/requests", `{"app":"{deploy}"}`},
		{"sal", "POST /orgs/{sales}/apps/{deploy}/clear", ""},
		{"bo", "POST /orgs/{sales}/requests", `{"app":"{deploy}"}`},
		{"olga", "POST /orgs/{acme}/apps/{deploy}/restrict", ""},
		{"mo", "DELETE /orgs/{sales}/apps/{legal}/installation", ""},
		{"olga", "PUT /orgs/{acme}/apps/{notes}/installation/workspaces", `{"workspaces":[]}`},
		{"sal", "POST /orgs/{sales}/apps/{legal}/approve", ""},
		{"sal", "POST /orgs/{sales}/installations", `{"app":"{legal}","terms_accepted":true}`},
		{"vic", "PUT /apps/{deploy}/webhooks/{hook}", `{"url":"https://r.example/","events":["case.approved"]}`},
		{"vic", "DELETE /apps/{deploy}/webhooks/{hook}", ""},
		{"vic", "POST /apps/{deploy}/webhooks", `{"dialect":"native","url":"https://r.example/","events":["case.approved"]}`},
	} {
		if got := o.call(t, c.who, c.call, c.body); got.status >= 500 {
			t.Fatalf("%s: %s", c.call, got.body)
		}
	}
	o.trade(t)
	ok(o.market.SuspendApp(ctx, operator, o.deploy.ID))
	ok(o.market.ResumeApp(ctx, operator, o.deploy.ID))
	switches := souk.DefaultSwitches
	switches.AdminNetworks = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	ok(o.market.SetPolicy(ctx, operator, o.sales.ID, market.Rules{Policy: souk.Open, Switches: switches}))
	u, err := o.market.PutUser(ctx, operator, market.Person{Home: o.sales.ID, Email: "new@sales.example"})
	ok(err)
	_, err = o.market.PutUser(ctx, operator, market.Person{ID: u.ID, Email: "new@sales.example", Alias: "New"})
	ok(err)
	ok(o.market.PutMembership(ctx, operator, souk.Membership{User: u.ID, Org: o.sales.ID, Role: souk.Admin}))
	ok(o.market.DeactivateUser(ctx, operator, u.ID))
	olga := souk.Actor{User: o.olga.ID, Kind: souk.PersonToken, Face: "test"}
	for _, change := range []func(context.Context, souk.Actor, souk.ID, souk.ID, souk.ID) (int, error){o.market.DisableForUser, o.market.EnableForUser} {
		if n, err := change(ctx, olga, o.legal.ID, o.sales.ID, o.sal.ID); err != nil || n != 1 {
			t.Fatalf("%d grants changed: %v", n, err)
		}
	}
}

// failing makes what happens to a webhook that nothing reaches.
func (o *company) failing(t *testing.T) {
	t.Helper()
	for _, days := range []int{2, 6} {
		o.put(t, func(tx *store.Tx) error {
			return tx.PutHealth([]souk.Health{{
				Endpoint: o.hook.ID, App: o.deploy.ID, Dialect: souk.Native, FailingSince: time.Now().AddDate(0, 0, -days), Failures: 10,
				Breaker: souk.BreakerClosed, UpdatedAt: time.Now(),
			}})
		})
		_, err := o.market.JudgeEndpoints(t.Context())
		must(err)
	}
	by("vic", "POST /apps/{deploy}/webhooks/{hook}/enable", `{"held":"resume"}`)(t, o)
}

// trade makes what happens between organizations, and to what one of them has
// to offer.
func (o *company) trade(t *testing.T) {
	t.Helper()
	ctx, vic, rita := t.Context(), actor(o.vic), actor(o.rita)
	into[entitledObject](t, o.call(t, "operator", "PUT /orgs/{vendor}/entitlements", `{"has_active_subscription":true,"has_apps_feature":true,"is_app_provider":true}`), 200)
	text, yes := func(s string) *string { return &s }, true
	form := market.AppForm{
		Name: text("New"), Description: text("New"), TermsOfService: text("https://v.example/terms"),
		PrivacyPolicy: text("https://v.example/privacy"), IsAvailableToPartners: &yes,
	}
	app, err := o.market.PublishApp(ctx, vic, o.vendor.ID, form)
	must(err)
	_, err = o.market.UpdateApp(ctx, vic, o.vendor.ID, app.ID, market.AppForm{Name: text("Newer")})
	must(err)
	invited, err := o.market.Invite(ctx, vic, o.vendor.ID, o.rival.ID)
	must(err)
	_, err = o.market.Accept(ctx, rita, o.rival.ID, invited.ID)
	must(err)
	_, err = o.market.NamePartner(ctx, vic, o.vendor.ID, o.rival.ID, "The others")
	must(err)
	_, err = o.market.ShareApp(ctx, vic, market.Sharing{Owner: o.vendor.ID, App: app.ID, With: o.rival.ID})
	must(err)
	must(o.market.EndPartnership(ctx, rita, o.rival.ID, o.vendor.ID))
	var icon bytes.Buffer
	must(png.Encode(&icon, image.NewGray(image.Rect(0, 0, 1, 1))))
	asset, err := o.market.UploadAsset(ctx, vic, market.Upload{Org: o.vendor.ID, Name: "Icon", FileName: "icon.png", Content: icon.Bytes()})
	must(err)
	must(o.market.DeleteAsset(ctx, vic, o.vendor.ID, asset.ID))
	into[publishedList](t, o.call(t, "operator", "POST /channels",
		`{"organization_id":"{vendor}","channel":"/api/v5/orgs/{vendor}/chats","action":"added","resource_id":"1","resource":{"a":[null]}}`), 200)
	into[askedObject](t, o.call(t, "bo", "POST /orgs/{sales}/requests", `{"app":"{certified}"}`), 201)
	must(o.market.DeleteApp(ctx, vic, o.vendor.ID, o.certified.ID))
}

// An event tells what happened in all spellings, and joins the request with
// its case.
func TestEncode(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		into[decisionObject](t, o.call(t, "sal", "POST /requests/{asked}/approve", ""), 200)
		var told []souk.Delivery
		must(o.db.Read(t.Context(), func(tx *store.Tx) (err error) {
			told, err = souktest.Told(tx, o.hook.ID, "", souk.Page{Size: 1})
			return err
		}))
		var e eventBody
		must(json.Unmarshal(told[0].Body, &e))
		d := e.Data
		if e.Type != "case.approved" || d.Org.SlackID != o.sales.ID.Slack("T") || d.Enterprise.SlackID != o.acme.ID.Slack("E") ||
			d.App.ZoomID != o.deploy.ID.Zoom() || d.Actor.ID != o.sal.ID.String() || d.Via != nil {
			t.Errorf("told %s", told[0].Body)
		}
		if d.Request.ID != o.asked.ID.String() || d.Request.Case.ID != o.asked.Case.String() || d.Case.ID != o.asked.Case.String() ||
			len(d.Settled) != 1 || d.Settled[0].Status != souk.RequestApproved || d.Resolution.Request.SlackID != o.asked.ID.Slack("Ar") || len(d.Scopes) != 2 {
			t.Errorf("told %s", told[0].Body)
		}
		if strings.Contains(string(told[0].Body), "whsec_") || bytes.Contains(told[0].Body, []byte("null,null")) {
			t.Errorf("told %s", told[0].Body)
		}
	})
}

// An implementation that is not ours accepts what Prepare signs, and nothing
// that was touched.
func TestSignatures(t *testing.T) {
	const secret = "whsec_c291ayBzaWducyB3aXRoIHRoaXJ0eS10d28gYnl0ZXM="
	verifier, err := standardwebhooks.NewWebhook(secret)
	must(err)
	d := souk.Delivery{ID: souk.NewID(), Event: souk.NewID(), Body: []byte(`{"type":"request.created"}` + "\n")}
	now := time.Now()
	first, err := Prepare(souk.Outgoing{Delivery: d, Webhook: souk.Webhook{Secret: secret}, At: now})
	must(err)
	second, err := Prepare(souk.Outgoing{Delivery: d, Webhook: souk.Webhook{Secret: secret}, Number: 1, At: now.Add(2 * time.Second)})
	must(err)
	for _, p := range []souk.Prepared{first, second} {
		h := http.Header{}
		for name, value := range p.Header {
			h.Set(name, value)
		}
		if err := verifier.Verify(p.Body, h); err != nil {
			t.Error(err)
		}
		if verifier.Verify(append(slices.Clone(p.Body), ' '), h) == nil {
			t.Error("another body passes")
		}
		for _, name := range []string{"Webhook-Id", "Webhook-Timestamp"} {
			touched := h.Clone()
			touched.Set(name, strconv.FormatInt(now.Unix()+7, 10))
			if verifier.Verify(p.Body, touched) == nil {
				t.Errorf("another %s passes", name)
			}
		}
		if !bytes.Equal(p.Body, d.Body) || h.Get("Content-Type") != "application/json" || h.Get("User-Agent") != userAgent {
			t.Errorf("prepared %+v", p)
		}
	}
	if first.Header["Webhook-Id"] != d.Event.String() || second.Header["Webhook-Id"] != d.Event.String() {
		t.Error("attempts differ in their id")
	}
	if first.Header["Webhook-Signature"] == second.Header["Webhook-Signature"] {
		t.Error("an old signature is used again")
	}
	for _, bad := range []string{"", "whsec_", "whsec_*", base64.StdEncoding.EncodeToString([]byte("no prefix"))} {
		if _, err := Prepare(souk.Outgoing{Delivery: d, Webhook: souk.Webhook{Secret: bad}, At: now}); err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("secret %q: %v", bad, err)
		}
	}
}
