package zoom

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
)

// subscribed is an office whose app desk may hear of requests, has a token of its
// own, called desk, and is in Globex too.
func subscribed(o *office) (to *receiver) {
	o.t.Helper()
	var secret string
	to = newReceiver(o.t, func() string { return secret })
	o.m.Wires = map[souk.Dialect]market.Wire{souk.Zoom: Wire(posted)}
	o.m.CheckURL = func(url string) error {
		if strings.Contains(url, "//10.") {
			return fmt.Errorf("is a private address")
		}
		return nil
	}
	o.write(func(tx *store.Tx) error {
		sealed, err := tx.Credentials(o.desk.ID)
		if err != nil {
			return err
		}
		open, err := sealed.Open(souktest.Key)
		if err != nil {
			return err
		}
		secret = open.ZoomWebhookSecret
		o.desk.UserScopes = readsRequests
		return tx.PutApp(o.desk)
	})
	if err := souktest.Seed(o.t.Context(), o.db, souktest.Key, func(s *souktest.Seeder) {
		s.Install(o.desk, o.globex, o.gus)
		for name, app := range map[string]souk.App{"desk": o.desk, "mill": o.mill} {
			o.token[name] = s.Token(souk.Token{Kind: souk.ZoomToken, App: app.ID, Scopes: souk.AppScopes()})
		}
	}); err != nil {
		o.t.Fatal(err)
	}
	return to
}

// at spells ids of accounts in a call or a body.
func (o *office) at(s string) string {
	return strings.NewReplacer("{acme}", o.acme.ID.Zoom(), "{globex}", o.globex.ID.Zoom(), "{hq}", o.hq.ID.Zoom(), "{bob}", o.bob.ID.Zoom()).Replace(s)
}

// state is all webhooks that there are.
func (o *office) state() string {
	o.t.Helper()
	var all strings.Builder
	o.read(func(tx *store.Tx) error {
		for _, app := range []souk.App{o.desk, o.mill, o.vat} {
			hooks, err := tx.WebhooksOf(app.ID)
			if err != nil {
				return err
			}
			for _, w := range hooks {
				fmt.Fprintf(&all, "%+v\n", w)
			}
		}
		return nil
	})
	return all.String()
}

func (o *office) read(fn func(*store.Tx) error) {
	o.t.Helper()
	if err := o.db.Read(o.t.Context(), fn); err != nil {
		o.t.Fatal(err)
	}
}

const subscriptionsPath = " /marketplace/app/event_subscription"

func TestEventSubscriptions(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		to := subscribed(o)
		body := `{"events":["` + requestedName + `","` + declinedName + `"],"event_webhook_url":"` + to.URL + `/good","subscription_scope":"account",
			"event_subscription_name":"Requests","account_id":"{acme}","custom_header":{"custom_header_type":3,"custom_header_key":"x-key","custom_header_value":"hush-hush"}}`
		made := o.call("desk", "POST"+subscriptionsPath, o.at(body))
		var id madeSubscription
		if err := json.Unmarshal([]byte(made.body), &id); err != nil || made.status != 201 || len(id.ID) != 22 {
			t.Fatalf("made: %d %s", made.status, made.body)
		}
		if to.count() != 1 || to.header("x-key") != "hush-hush" || !strings.HasPrefix(to.header("x-zm-signature"), "v0=") {
			t.Errorf("it was validated %d times", to.count())
		}
		list := func(query string) (got subscriptionList) {
			t.Helper()
			said := o.call("desk", "GET"+subscriptionsPath+o.at(query), "")
			if err := json.Unmarshal([]byte(said.body), &got); err != nil || said.status != 200 {
				t.Fatalf("listed: %d %s", said.status, said.body)
			}
			return got
		}
		const acmes, globexs = "?user_id={bob}&account_id={acme}", "?user_id=gus@globex.example&account_id={globex}"
		want := `{"next_page_token":"","page_size":30,"event_subscriptions":[{"event_subscription_id":"` + id.ID + `","events":["` + requestedName + `","` + declinedName +
			`"],"event_subscription_name":"Requests","event_webhook_url":"` + to.URL + `/good","subscription_scope":"account","created_source":"openapi","subscriber_id":"{acme}",` +
			`"custom_header":{"custom_header_type":3,"custom_header_key":"x-key","custom_header_value":"********"}}]}`
		o.want("desk", "GET"+subscriptionsPath+o.at(acmes), "", 200, o.at(want))
		var gus souk.User
		o.read(func(tx *store.Tx) (err error) { gus, err = tx.User(o.gus.ID); return err })
		other := strings.Replace(globexs, "gus@globex.example", gus.Email, 1)
		if n := len(list(other).Subscriptions); n != 0 {
			t.Errorf("in another account there are %d", n)
		}

		o.want("desk", "PATCH"+subscriptionsPath+"/"+id.ID, o.at(`{"account_id":"{globex}"}`), 204, "")
		if n := len(list(other).Subscriptions); n != 1 {
			t.Errorf("extended, there are %d", n)
		}
		o.want("desk", "DELETE"+subscriptionsPath+o.at("?event_subscription_id="+id.ID+"&account_id={acme}"), "", 204, "")
		if n, m := len(list(acmes).Subscriptions), len(list(other).Subscriptions); n != 0 || m != 1 {
			t.Errorf("taken away, there are %d and %d", n, m)
		}
		o.want("desk", "DELETE"+subscriptionsPath+"/"+id.ID, "", 204, "")
		o.want("desk", "DELETE"+subscriptionsPath+"/"+id.ID, "", 404, `{"code":1601,"message":"Event subscription does not exist."}`)

		// Those that people made are listed for every account, and theirs to change.
		var names []string
		for n := range 3 {
			name := fmt.Sprint("people's ", n)
			names = append(names, name)
			hook, err := o.m.PutWebhook(t.Context(), souk.Operator("test"), market.Hook{App: o.desk.ID, Dialect: souk.Zoom, URL: to.URL + "/good",
				Events: []string{approvedName}, Listening: market.Listening{Name: name}})
			if err != nil {
				t.Fatal(err)
			}
			id.ID = hook.ID.Zoom()
		}
		if _, err := o.m.PutWebhook(t.Context(), souk.Operator("test"), market.Hook{App: o.desk.ID, Dialect: souk.Zoom, URL: to.URL + "/bad",
			Listening: market.Listening{Source: souk.Deauthorization}}); err != nil {
			t.Fatal(err)
		}
		before := o.state()
		for _, call := range []string{"PATCH" + subscriptionsPath + "/" + id.ID, "DELETE" + subscriptionsPath + "/" + id.ID,
			"DELETE" + subscriptionsPath + "?account_id={acme}&event_subscription_id=" + id.ID} {
			o.want("desk", o.at(call), o.at(`{"account_id":"{globex}"}`), 404, `{"code":1601,"message":"Event subscription does not exist."}`)
		}
		if o.state() != before {
			t.Error("what people made was changed")
		}
		var seen []string
		for token := ""; ; {
			got := list(acmes + "&page_size=2&subscription_scope=master_account&next_page_token=" + token)
			for _, s := range got.Subscriptions {
				seen = append(seen, s.Name)
				if s.Source != souk.FromPeople {
					t.Errorf("%s is from %s", s.Name, s.Source)
				}
			}
			if token = got.Next; token == "" {
				break
			}
		}
		if !slices.Equal(seen, names) {
			t.Errorf("page by page: %q", seen)
		}
		if n := len(list(acmes + "&subscription_scope=user").Subscriptions); n != 0 {
			t.Errorf("for users there are %d", n)
		}
		if strings.Contains(o.log.String(), "hush") {
			t.Error("the log tells a secret")
		}
	})
}

// What is wrong with a subscription is told by its code, and nothing is saved.
func TestBadEventSubscriptions(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		to := subscribed(o)
		long := strings.Repeat("x", 257)
		whole := `{"events":["` + requestedName + `"],"event_webhook_url":"` + to.URL + `/good","subscription_scope":"account","account_id":"{acme}","custom_header":{"custom_header_type":0}}`
		put := func(old, new string) string { return strings.Replace(whole, old, new, 1) }
		header := func(h string) string { return put(`{"custom_header_type":0}`, h) }
		before := o.state()
		for what, tt := range map[string]struct {
			body   string
			status int
			says   string
		}{
			"no event":                {put(`["`+requestedName+`"]`, `[]`), 400, `{"code":1500,"message":"The events list is empty."}`},
			"no URL":                  {put(to.URL+"/good", ""), 400, `{"code":1500,"message":"The event webhook URL is empty."}`},
			"no scope":                {put(`"account","`, `"world","`), 400, `{"code":1500,"message":"The subscription scope is invalid."}`},
			"for users":               {put(`"account","`, `"user","user_ids":["{bob}"],"`), 400, `{"code":1003,"message":"The user does not have permission for the event: ` + requestedName + `."}`},
			"no such event":           {put(requestedName, "meeting.started"), 404, `{"code":1601,"message":"The event does not exist: meeting.started."}`},
			"deauthorization":         {put(requestedName, deauthorized), 400, `{"code":1602,"message":"The event is not allowed for this app: app_deauthorized."}`},
			"no such account":         {put("{acme}", "{bob}"), 400, `{"code":1300,"message":"The user did not authorize the app."}`},
			"a workspace":             {put("{acme}", "{hq}"), 400, `{"code":1300,"message":"The user did not authorize the app."}`},
			"no id":                   {put("{acme}", "acme"), 400, `{"code":1300,"message":"The user did not authorize the app."}`},
			"another's user":          {put(`"account","`, `"account","user_ids":["{bob},{gus}"],"`), 404, `{"code":1001,"message":"User does not exist or does not belong to this account."}`},
			"no user":                 {put(`"account","`, `"account","user_ids":["bob"],"`), 404, `{"code":1001,"message":"User does not exist or does not belong to this account."}`},
			"many users":              {put(`"account","`, `"account","user_ids":["`+strings.Repeat("a@b.example,", 11)+`"],"`), 400, `{"code":300,"message":"Validation Failed.","errors":[{"field":"user_ids","message":"must be at most 10"}]}`},
			"forged":                  {put("/good", "/forged"), 404, `{"code":1701,"message":"URL validation failed. Try again later."}`},
			"echo":                    {put("/good", "/echo"), 404, `{"code":1701,"message":"URL validation failed. Try again later."}`},
			"204":                     {put("/good", "/empty"), 404, `{"code":1701,"message":"URL validation failed. Try again later."}`},
			"500":                     {put("/good", "/broken"), 404, `{"code":1701,"message":"URL validation failed. Try again later."}`},
			"moved":                   {put("/good", "/moved"), 404, `{"code":1701,"message":"URL validation failed. Try again later."}`},
			"private":                 {put(to.URL, "http://10.0.0.1"), 404, `{"code":1701,"message":"URL validation failed. Try again later."}`},
			"a header type":           {header(`{"custom_header_type":4}`), 404, `{"code":1801,"message":"The custom header type does not exist."}`},
			"a header of text":        {header(`{"custom_header_type":"1"}`), 400, `{"code":300,"message":"Validation Failed.","errors":[{"field":"custom_header.custom_header_type","message":"Invalid type."}]}`},
			"no username":             {header(`{"custom_header_type":1,"password":"p"}`), 400, `{"code":1500,"message":"The username is required."}`},
			"a username too long":     {header(`{"custom_header_type":1,"password":"p","username":"` + long + `"}`), 400, `{"code":1500,"message":"The username must be at most 256 characters long."}`},
			"no password":             {header(`{"custom_header_type":1,"username":"u"}`), 400, `{"code":1500,"message":"The password is required."}`},
			"a password with a feed":  {header(`{"custom_header_type":1,"username":"u","password":"p\nq"}`), 400, `{"code":1500,"message":"The password must not contain a line feed."}`},
			"no client":               {header(`{"custom_header_type":2,"client_secret":"s","token_url":"https://id.example"}`), 400, `{"code":1500,"message":"The client ID is required."}`},
			"no client secret":        {header(`{"custom_header_type":2,"client_id":"s","token_url":"https://id.example"}`), 400, `{"code":1500,"message":"The client secret is required."}`},
			"no token URL":            {header(`{"custom_header_type":2,"client_id":"s","client_secret":"s"}`), 400, `{"code":1500,"message":"The token URL is required."}`},
			"a token URL with blanks": {header(`{"custom_header_type":2,"client_id":"s","client_secret":"s","token_url":"https://id.example/a b"}`), 400, `{"code":1500,"message":"The token URL must be an absolute URL without spaces."}`},
			"no way to authenticate":  {header(`{"custom_header_type":2,"client_id":"s","client_secret":"s","token_url":"https://id.example","client_authentication":"query"}`), 400, `{"code":1500,"message":"The client authentication must be header or body."}`},
			"a private token URL":     {header(`{"custom_header_type":2,"client_id":"s","client_secret":"s","token_url":"https://10.0.0.1/"}`), 404, `{"code":1702,"message":"The OAuth token URL validation failed."}`},
			"no token":                {header(`{"custom_header_type":2,"client_id":"s","client_secret":"s","token_url":"` + to.URL + `/token"}`), 404, `{"code":1702,"message":"The OAuth token URL validation failed."}`},
			"no key":                  {header(`{"custom_header_type":3,"custom_header_value":"v"}`), 400, `{"code":1500,"message":"The custom header key is required."}`},
			"no value":                {header(`{"custom_header_type":3,"custom_header_key":"x-k"}`), 400, `{"code":1500,"message":"The custom header value is required."}`},
			"a key with a blank":      {header(`{"custom_header_type":3,"custom_header_key":"x k","custom_header_value":"v"}`), 400, `{"code":1500,"message":"The custom header key must be of letters, numbers and -."}`},
			"a reserved key":          {header(`{"custom_header_type":3,"custom_header_key":"Authorization","custom_header_value":"v"}`), 400, `{"code":1500,"message":"The custom header key is reserved."}`},
			"no JSON":                 {`{"events"`, 400, `{"code":300,"message":"Request Body should be a valid JSON object."}`},
			"events of numbers":       {put(`"`+requestedName+`"`, `1`), 400, `{"code":300,"message":"Validation Failed.","errors":[{"field":"events","message":"Invalid type."}]}`},
		} {
			t.Run(what, func(t *testing.T) {
				if got := o.call("desk", "POST"+subscriptionsPath, o.at(tt.body)); got.status != tt.status || got.body != tt.says {
					t.Errorf("%d %s, want %d %s", got.status, got.body, tt.status, tt.says)
				}
			})
		}
		o.want("mill", "POST"+subscriptionsPath, o.at(whole), 400, `{"code":1602,"message":"The event is not allowed for this app: `+requestedName+`."}`)
		if o.state() != before {
			t.Error("something was saved")
		}

		made := o.call("desk", "POST"+subscriptionsPath, o.at(whole))
		var id madeSubscription
		if err := json.Unmarshal([]byte(made.body), &id); err != nil || made.status != 201 {
			t.Fatalf("made: %d %s", made.status, made.body)
		}
		before = o.state()
		unknown := `{"code":1601,"message":"Event subscription does not exist."}`
		stranger := `{"code":1001,"message":"User does not exist or does not belong to this account."}`
		one := subscriptionsPath + "/" + id.ID
		for _, tt := range []struct {
			who, request, body string
			status             int
			says               string
		}{
			{"desk", "PATCH" + one, `{}`, 400, `{"code":300,"message":"Validation Failed.","errors":[{"field":"account_id","message":"is required"}]}`},
			{"desk", "PATCH" + one, `{"account_id":"{hq}"}`, 400, `{"code":1002,"message":"The account has not authorized the app."}`},
			{"desk", "PATCH" + one, `{"account_id":"{globex}","user_ids":["{bob}"]}`, 404, stranger},
			{"desk", "PATCH" + one, `{"account_id":"{acme}","user_ids":["{bob}"]}`, 400, `{"code":1003,"message":"The user does not have permission for the event: ` + requestedName + `."}`},
			{"desk", "PATCH" + subscriptionsPath + "/x", `{"account_id":"{globex}"}`, 404, unknown},
			{"mill", "PATCH" + one, `{"account_id":"{globex}"}`, 404, unknown},
			{"mill", "DELETE" + one, ``, 404, unknown},
			{"mill", "DELETE" + subscriptionsPath + "?account_id={acme}&event_subscription_id=" + id.ID, ``, 404, unknown},
			{"desk", "DELETE" + subscriptionsPath + "?account_id={globex}&event_subscription_id=" + id.ID, ``, 404, unknown},
			{"desk", "DELETE" + subscriptionsPath + "?account_id={hq}&event_subscription_id=" + id.ID, ``, 404, unknown},
			{"desk", "DELETE" + subscriptionsPath + "?account_id={acme}&user_ids={gus}&event_subscription_id=" + id.ID, ``, 404, stranger},
			{"desk", "DELETE" + subscriptionsPath + "?account_id={acme}&user_ids={bob},{ada}&event_subscription_id=" + id.ID, ``, 204, ""},
			{"desk", "DELETE" + subscriptionsPath + "?account_id={acme}", ``, 400, `{"code":300,"message":"Validation Failed.","errors":[{"field":"event_subscription_id","message":"is required"}]}`},
			{"desk", "GET" + subscriptionsPath, ``, 400, `{"code":1500,"message":"The user ID is empty."}`},
			{"desk", "GET" + subscriptionsPath + "?user_id={bob}", ``, 400, `{"code":1500,"message":"The account ID is empty."}`},
			{"desk", "GET" + subscriptionsPath + "?user_id={bob}&account_id={acme}&subscription_scope=x", ``, 400, `{"code":1500,"message":"The subscription scope is invalid."}`},
			{"desk", "GET" + subscriptionsPath + "?user_id={gus}&account_id={acme}", ``, 404, stranger},
			{"desk", "GET" + subscriptionsPath + "?user_id={bob}&account_id={hq}", ``, 404, stranger},
			{"mill", "GET" + subscriptionsPath + "?user_id={bob}&account_id={acme}", ``, 404, stranger},
			{"ada", "GET" + subscriptionsPath + "?user_id={bob}&account_id={acme}", ``, 400, `{"code":200,"message":"No permission: this takes a token of the app itself, by client credentials."}`},
			{"ada", "POST" + subscriptionsPath, `{}`, 400, `{"code":200,"message":"No permission: this takes a token of the app itself, by client credentials."}`},
			{"ada", "DELETE" + one, ``, 400, `{"code":200,"message":"No permission: this takes a token of the app itself, by client credentials."}`},
			{"none", "DELETE" + one, ``, 401, `{"code":201,"message":"Invalid access token, does not contain scopes:[marketplace:delete:event_subscription]."}`},
			{"", "GET" + subscriptionsPath, ``, 401, `{"code":124,"message":"Invalid access token."}`},
		} {
			o.want(tt.who, o.at(tt.request), o.at(tt.body), tt.status, tt.says)
		}
		if o.state() != before {
			t.Error("something was changed")
		}
	})
}

// An app that was removed from an account, or a webhook that the owner stopped, is
// no reason to look again; a URL is asked anew after 72 hours, with the same
// header and a fresh token.
func TestValidationIsRepeated(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		to := subscribed(o)
		body := `{"events":["` + requestedName + `"],"event_webhook_url":"` + to.URL + `/good","subscription_scope":"account","account_id":"{acme}",
			"custom_header":{"custom_header_type":1,"username":"u","password":"p"}}`
		if made := o.call("desk", "POST"+subscriptionsPath, o.at(body)); made.status != 201 {
			t.Fatalf("made: %d %s", made.status, made.body)
		}
		again := func() {
			t.Helper()
			if _, err := o.m.RevalidateWebhooks(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		again()
		if to.count() != 1 {
			t.Errorf("too soon, it was asked %d times", to.count())
		}
		first := to.header("x-zm-signature")
		o.write(func(tx *store.Tx) error {
			hooks, err := tx.WebhooksOf(o.desk.ID)
			if err != nil {
				return err
			}
			return tx.PutChecks(souk.Checks{Webhook: hooks[0].ID, App: o.desk.ID, NextAt: o.db.Now(), CheckedAt: o.db.Now().Add(-72 * time.Hour)})
		})
		again()
		again()
		if to.count() != 2 || to.header("Authorization") != "Basic dTpw" || to.header("x-zm-signature") == first {
			t.Errorf("asked %d times, at last with %q", to.count(), to.header("Authorization"))
		}
	})
}
