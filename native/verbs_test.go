package native

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"souk"
	"souk/market"
)

// into reads a reply of an expected status.
func into[T any](t *testing.T, r reply, status int) (v T) {
	t.Helper()
	if r.status != status {
		t.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
	if err := json.Unmarshal(r.body, &v); err != nil {
		t.Fatalf("%s: %v", r.body, err)
	}
	return v
}

// deaf serves a dialect whose handshake no receiver passes, and makes the
// webhook one of it.
func deaf(t *testing.T, o *company) {
	answers := true
	o.market.Wires[souk.Slack] = market.Wire{
		Name: func(souk.EventKind) string { return "" }, Events: []string{"app_requested"},
		Handshake: func(context.Context, souk.Webhook, souk.Credentials) error {
			if answers {
				return nil
			}
			return fmt.Errorf("%w: it answered with status 500", souk.NotVerified)
		},
	}
	saved, err := o.market.PutWebhook(t.Context(), actor(o.vic), market.Hook{
		App: o.deploy.ID, Dialect: souk.Slack, URL: "https://receiver.example/", Events: []string{"app_requested"},
	})
	if err != nil {
		t.Fatal(err)
	}
	o.hook, answers = saved.Webhook, false
}

// From the question to the installation and back, each step seen through the
// others.
func TestWalk(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		asked := o.call(t, "bo", "POST /orgs/{sales}/requests", `{"app":"{guard}","scopes":["team:read"],"reason":"für \"alle\" \ud83d\ude80","state":"s"}`)
		first := into[askedObject](t, asked, 201)
		if first.Verdict != souk.Requestable || first.Again || first.Request.Reason != "für \"alle\" 🚀" || asked.header.Get("Location") != prefix+"/requests/"+first.Request.ID {
			t.Errorf("asked: %s", asked.body)
		}
		if again := into[askedObject](t, o.call(t, "bo", "POST /orgs/{sales}/requests", `{"app":"{guard}","scopes":["team:read"]}`), 200); !again.Again || again.Request.ID != first.Request.ID {
			t.Errorf("asked again: %+v", again)
		}
		if another := into[askedObject](t, o.call(t, "sal", "POST /orgs/{sales}/requests", `{"app":"{guard}","for":"{mo}"}`), 201); another.Request.User.ID != o.mo.ID.String() || another.Request.FiledBy.ID != o.sal.ID.String() {
			t.Errorf("asked for another: %+v", another.Request)
		}
		q := into[requestView](t, o.call(t, "bo", "GET /requests/"+first.Request.ID, ""), 200)
		if q.Org.SlackID != o.sales.ID.Slack("T") || q.App.ZoomID != o.guard.ID.Zoom() || q.SlackID != "Ar"+q.SlackID[2:] || q.AppName != "Guard" || q.Previous != nil {
			t.Errorf("read: %+v", q)
		}

		done := into[decisionObject](t, o.call(t, "olga", "POST /requests/"+first.Request.ID+"/approve", `{"org":"{acme}"}`), 200)
		if done.Resolution.Org.SlackID != o.acme.ID.Slack("E") || strings.Join(done.Resolution.Scopes, " ") != "team:read" || len(done.Settled) != 1 ||
			done.Settled[0].Status != souk.RequestApproved || done.Settled[0].Org.SlackID != o.sales.ID.Slack("T") {
			t.Errorf("approved: %+v", done)
		}
		why := into[explanationObject](t, o.call(t, "mo", "GET /orgs/{sales}/apps/{guard}/explanation", ""), 200)
		if why.Verdict != souk.NeedsApproval || len(*why.Ceiling) != 1 || why.Reasons[len(why.Reasons)-1].Step != 8 {
			t.Errorf("why: %+v", why)
		}
		if why = into[explanationObject](t, o.call(t, "mo", "GET /orgs/{sales}/apps/{guard}/explanation?scopes=team:read", ""), 200); why.Verdict != souk.VerdictApproved {
			t.Errorf("why, for less: %+v", why)
		}
		if why = into[explanationObject](t, o.call(t, "mo", "GET /orgs/{sales}/apps/{deploy}/explanation?scopes=", ""), 200); why.Verdict != souk.Requestable || why.Ceiling != nil {
			t.Errorf("why, for nothing: %+v", why)
		}
		if nothing := into[askedObject](t, o.call(t, "bo", "POST /orgs/{sales}/requests", `{"app":"{guard}","scopes":["team:read"]}`), 200); nothing.Verdict != souk.VerdictApproved || nothing.Request != nil {
			t.Errorf("nothing to ask: %+v", nothing)
		}
		into[decisionObject](t, o.call(t, "olga", "POST /orgs/{acme}/apps/{guard}/approve", ""), 200)

		installed := o.call(t, "bo", "POST /orgs/{sales}/installations", `{"app":"{guard}"}`)
		i := into[installedObject](t, installed, 201)
		if at := installed.header.Get("Location"); into[installationView](t, o.call(t, "bo", "GET "+strings.TrimPrefix(at, prefix), ""), 200).ID != i.Installation.ID {
			t.Errorf("installed at %s: %s", at, installed.body)
		}
		o.guard.BotScopes = souk.NewScopes("team:read")
		o.putApp(t, o.guard)
		if up := into[installedObject](t, o.call(t, "bo", "POST /orgs/{sales}/installations", `{"app":"{guard}"}`), 200); !up.Upgraded || len(up.Installation.Scopes) != 1 {
			t.Errorf("upgraded: %+v", up)
		}
		if ended := into[endedObject](t, o.call(t, "operator", "DELETE /orgs/{sales}/apps/{guard}/installation", ""), 200).Ended; len(ended) != 1 || ended[0].Status != souk.InstallationEnded {
			t.Errorf("ended: %+v", ended)
		}
		if ended := into[endedObject](t, o.call(t, "operator", "DELETE /orgs/{sales}/apps/{guard}/installation", ""), 200).Ended; len(ended) != 0 {
			t.Errorf("ended again: %+v", ended)
		}
	})
}

// Who installs what somebody has to approve first has wished for it, and gets it
// with the approval.
func TestWish(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		wished := o.call(t, "mo", "POST /orgs/{sales}/installations", `{"app":"{guard}"}`)
		q := into[wishedObject](t, wished, 202).Request
		if q.Status != souk.Pending || q.Org.SlackID != o.sales.ID.Slack("T") || wished.header.Get("Location") != prefix+"/requests/"+q.ID {
			t.Errorf("wished: %s", wished.body)
		}
		if again := into[wishedObject](t, o.call(t, "mo", "POST /orgs/{sales}/installations", `{"app":"{guard}"}`), 202).Request; again.ID != q.ID {
			t.Errorf("wished again: %+v", again)
		}
		above := into[wishedObject](t, o.call(t, "olga", "POST /orgs/{acme}/installations", `{"app":"{deploy}"}`), 202).Request
		if above.Org.SlackID != o.acme.ID.Slack("E") {
			t.Errorf("wished for an enterprise: %+v", above)
		}
		into[decisionObject](t, o.call(t, "sal", "POST /requests/"+q.ID+"/approve", ""), 200)
		if i := into[installationView](t, o.call(t, "mo", "GET /orgs/{sales}/apps/{guard}/installation", ""), 200); i.InstalledBy.ID != o.mo.ID.String() {
			t.Errorf("installed: %+v", i)
		}
	})
}

// An app user's names come from the call, the reach of an org-wide
// installation too.
func TestOrgWideInstallation(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		into[endedObject](t, o.call(t, "olga", "DELETE /orgs/{acme}/apps/{notes}/installation", ""), 200)
		i := into[installedObject](t, o.call(t, "olga", "POST /orgs/{acme}/installations",
			`{"app":"{notes}","workspaces":["{sales}","{sales}"],"app_user":{"alias":"Notey"}}`), 201).Installation
		if i.Kind != souk.OrgWide || len(i.Workspaces) != 1 || i.AppUser == nil || i.Org.SlackID != o.acme.ID.Slack("E") {
			t.Errorf("installed: %+v", i)
		}
		i = into[installationObject](t, o.call(t, "olga", "PUT /orgs/{acme}/apps/{notes}/installation/workspaces", `{"workspaces":["{labs}"]}`), 200)
		if len(i.Workspaces) != 1 || i.Workspaces[0].SlackID != o.labs.ID.Slack("T") {
			t.Errorf("granted: %+v", i)
		}
	})
}

// Whoever reads a list to its end has every row once, in order, whatever the
// size of the pages; a cursor opens nothing else.
func TestPages(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		for range 3 {
			into[decisionObject](t, o.call(t, "olga", "POST /orgs/{sales}/apps/{guard}/restrict", ""), 200)
			into[decisionObject](t, o.call(t, "olga", "POST /orgs/{sales}/apps/{guard}/approve", ""), 200)
		}
		for _, app := range []string{"{guard}", "{certified}"} {
			o.call(t, "mo", "POST /orgs/{sales}/requests", `{"app":"`+app+`","scopes":[]}`)
			o.call(t, "mo", "POST /orgs/{sales}/requests", `{"app":"`+app+`"}`)
		}
		into[installedObject](t, o.call(t, "mo", "POST /orgs/{sales}/installations", `{"app":"{guard}"}`), 201)
		into[installedObject](t, o.call(t, "olga", "POST /orgs/{labs}/installations", `{"app":"{notes}"}`), 201)
		for _, org := range []string{"{sales}", "{labs}"} {
			into[triggeredList](t, o.call(t, "operator", "POST /triggers", `{"condition":"chat_start","org":"`+org+`"}`), 200)
		}
		o.past(t, o.hook)
		o.past(t, o.hook)
		lists := []struct {
			who, path, filter string
			rows              int
		}{
			{"sal", "/orgs/{sales}/requests", "", 2},
			{"sal", "/orgs/{sales}/requests", "status=pending", 2},
			{"bo", "/orgs/{sales}/requests", "", 1},
			{"olga", "/orgs/{acme}/requests", "below=true", 2},
			{"olga", "/orgs/{acme}/requests", "below=false", 0},
			{"olga", "/orgs/{acme}/requests", "below=true&mine=true", 0},
			{"mo", "/orgs/{sales}/requests", "mine=true", 1},
			{"sal", "/orgs/{sales}/resolutions", "", 2},
			{"sal", "/orgs/{sales}/resolutions", "status=restricted", 0},
			{"olga", "/orgs/{labs}/resolutions", "status=restricted", 1},
			{"mo", "/orgs/{sales}/installations", "", 3},
			{"operator", "/apps", "listing=listed", 7},
			{"vic", "/apps/{deploy}/webhooks/{hook}/deliveries", "", 4},
			{"vic", "/apps/{deploy}/webhooks/{hook}/deliveries", "status=successful", 0},
			{"vic", "/apps/{deploy}/webhooks/{hook}/deliveries", "status=exhausted", 3},
			{"vic", "/apps/{deploy}/webhooks/{hook}/replays", "", 3},
			{"vic", "/apps/{notes}/trigger/deliveries", "", 3},
			{"notes", "/apps/{notes}/trigger/deliveries", "status=pending", 3},
			{"vic", "/apps/{notes}/trigger/deliveries", "status=exhausted", 0},
			{"vic", "/apps/{deploy}/trigger/deliveries", "", 0},
			{"vic", "/apps/{notes}/installations", "", 2},
			{"vic", "/apps/{legal}/installations", "", 1},
		}
		for _, l := range lists {
			whole := into[listing[identifier]](t, o.call(t, l.who, "GET "+l.path+"?"+l.filter, ""), 200)
			var walked []identifier
			for cursor := ""; ; {
				query := l.filter + "&limit=1"
				if cursor != "" {
					query += "&cursor=" + url.QueryEscape(cursor)
				}
				page := into[listing[identifier]](t, o.call(t, l.who, "GET "+l.path+"?"+strings.Trim(query, "&"), ""), 200)
				walked = append(walked, page.Items...)
				if page.NextCursor == nil {
					break
				}
				cursor = *page.NextCursor
				for _, other := range lists {
					got := o.call(t, other.who, "GET "+other.path+"?"+other.filter+"&cursor="+cursor, "")
					if same := other.path+other.filter == l.path+l.filter; same != (got.status == http.StatusOK) {
						t.Errorf("a cursor of %s?%s at %s?%s: %d %s", l.path, l.filter, other.path, other.filter, got.status, got.body)
					}
				}
			}
			if fmt.Sprint(walked) != fmt.Sprint(whole.Items) || len(walked) != l.rows || whole.NextCursor != nil {
				t.Errorf("%s %s?%s: one by one %v, at once %v, want %d", l.who, l.path, l.filter, walked, whole.Items, l.rows)
			}
		}
	})
}

// A webhook's secret is told when it is made and never again.
func TestWebhooks(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		made := o.call(t, "deploy", "POST /apps/{deploy}/webhooks", `{"dialect":"native","url":"https://r.example/","events":["request.created","case.approved","request.created"]}`)
		w := into[savedObject](t, made, http.StatusCreated)
		if w.Secret == nil || len(w.Events) != 2 || w.Status != souk.WebhookActive {
			t.Fatalf("made: %s", made.body)
		}
		at := "/apps/{deploy}/webhooks/" + w.ID
		if made.header.Get("Location") != o.fill(prefix+at) {
			t.Errorf("made at %s", made.header.Get("Location"))
		}
		for _, c := range []struct{ call, body, status string }{
			{"GET " + at, "", "active"},
			{"PUT " + at, `{"url":"https://s.example/","events":["case.approved"],"paused":true}`, "paused"},
			{"POST " + at + "/verify", "", "active"},
		} {
			got := o.call(t, "vic", c.call, c.body)
			if seen := into[webhookObject](t, got, 200); string(seen.Status) != c.status || strings.Contains(string(got.body), "secret") {
				t.Errorf("%s: %s", c.call, got.body)
			}
		}
		if list := into[listing[webhookObject]](t, o.call(t, "operator", "GET /apps/{deploy}/webhooks", ""), 200); len(list.Items) != 2 || list.Items[1].URL != "https://s.example/" {
			t.Errorf("list: %+v", list)
		}
		if got := o.call(t, "vic", "DELETE "+at, ""); got.status != 204 {
			t.Errorf("delete: %s", got.body)
		}
		if got := o.call(t, "vic", "GET "+at, ""); got.problem() != "unknown-webhook" {
			t.Errorf("deleted: %s", got.body)
		}
		if tried := into[listing[attemptObject]](t, o.call(t, "vic", "GET /apps/{deploy}/webhooks/{hook}/deliveries/{delivery}/attempts", ""), 200); len(tried.Items) != 1 || *tried.Items[0].Status != 500 {
			t.Errorf("attempts: %+v", tried)
		}
		deaf(t, o)
		o.market.Wires[souk.Slack] = market.Wire{Name: o.market.Wires[souk.Slack].Name, Events: o.market.Wires[souk.Slack].Events}
		other := into[savedObject](t, o.call(t, "vic", "POST /apps/{deploy}/webhooks", `{"dialect":"slack","url":"https://r.example/","events":["app_requested"]}`), 201)
		if other.Secret != nil {
			t.Errorf("a dialect that signs with the app's secret told %q", *other.Secret)
		}
	})
}

// A webhook with channels is shown with them, and changed as a whole.
func TestWebhooksWithChannels(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		o.channels()
		const users = `{"pattern":"/api/v5/orgs/{organization_id}/chats","additions":true}`
		w := into[savedObject](t, o.call(t, "vic", "POST /apps/{deploy}/webhooks", `{"dialect":"giosg","url":"https://r.example/","channels":[`+users+`]}`), 201)
		if w.Secret != nil || len(w.Channels) != 1 || !w.Channels[0].Additions || w.Channels[0].Removals || len(w.Events) != 0 {
			t.Errorf("made: %+v", w)
		}
		at := "/apps/{deploy}/webhooks/" + w.ID
		put := into[webhookObject](t, o.call(t, "vic", "PUT "+at, `{"url":"https://s.example/","channels":[`+users+`,{"pattern":"/api/v5/users/{user_id}/chats","removals":true}]}`), 200)
		if put.URL != "https://s.example/" || len(put.Channels) != 2 || put.Channels[1].Pattern != "/api/v5/users/{user_id}/chats" || !put.Channels[1].Removals {
			t.Errorf("changed: %+v", put)
		}
		if got := o.call(t, "vic", "PUT "+at, `{"url":"https://s.example/"}`); faultsIn(t, got) != "/channels is required" {
			t.Errorf("without channels: %s", got.body)
		}
		list := into[listing[webhookObject]](t, o.call(t, "deploy", "GET /apps/{deploy}/webhooks", ""), 200)
		if read := into[webhookObject](t, o.call(t, "vic", "GET "+at, ""), 200); len(read.Channels) != 2 || len(list.Items) != 2 || len(list.Items[1].Channels) != 2 || len(list.Items[0].Channels) != 0 {
			t.Errorf("read: %+v, %+v", read, list)
		}
		if got := o.call(t, "vic", "DELETE "+at, ""); got.status != 204 {
			t.Errorf("deleted: %s", got.body)
		}
	})
}

// A webhook of Zoom's wire has a header, whose secrets are told to nobody, and is
// saved when its URL has proved whose it is.
func TestZoomWebhooks(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		var asked []souk.Webhook
		refuse := false
		o.market.Wires[souk.Zoom] = market.Wire{
			Name: func(souk.EventKind) string { return "" }, Events: []string{"request", "bye"}, Goodbye: "bye",
			Handshake: func(_ context.Context, w souk.Webhook, _ souk.Credentials) error {
				if asked = append(asked, w); refuse {
					return souk.NotVerified
				}
				return nil
			},
		}
		const hook = `"dialect":"zoom","url":"https://r.example/","events":["request"],"name":"Requests","reach":"account","environment":"production","extended":true`
		const basic = `,"auth":{"kind":"basic","username":"u","password":"hush-hush"}`
		made := o.call(t, "vic", "POST /apps/{deploy}/webhooks", `{`+hook+basic+`}`)
		w := into[savedObject](t, made, http.StatusCreated)
		if len(asked) != 1 || asked[0].Auth.Password != "hush-hush" || w.Secret != nil || *w.Name != "Requests" || *w.Reach != "account" || !*w.Extended || *w.Source != "default" || w.Auth.Password != souk.Masked {
			t.Errorf("made: %s, asked %+v", made.body, asked)
		}
		at := "/apps/{deploy}/webhooks/" + w.ID
		for _, call := range [][2]string{
			{"GET " + at, ""}, {"GET /apps/{deploy}/webhooks", ""}, {"POST " + at + "/verify", ""},
			{"PUT " + at, `{"url":"https://r.example/2","events":["request"]}`},
			{"POST " + at + "/enable", `{"held":"resume"}`},
		} {
			got := o.call(t, "vic", call[0], call[1])
			if text := string(got.body); got.status != 200 || strings.Contains(text, "hush") || !strings.Contains(text, `"password":"********"`) {
				t.Errorf("%s: %s", call[0], got.body)
			}
		}
		state := into[webhookState](t, o.call(t, "vic", "GET "+at, ""), 200)
		if len(asked) != 4 || asked[3].Auth.Password != "hush-hush" || asked[3].URL != "https://r.example/2" || *state.Name != "" || state.Checks == nil || state.Checks.Failures != 0 {
			t.Errorf("asked %+v; it is %+v", asked, state)
		}
		for what, c := range map[string][2]string{
			"a secret is missing":  {`{` + hook + `,"auth":{"kind":"custom","key":"x-k"}}`, "/auth/value is required"},
			"no kind":              {`{` + hook + `,"auth":{}}`, "/auth/kind is required"},
			"no header":            {`{` + hook + `,"auth":{"kind":"none","key":"x-k"}}`, "/auth/kind has members that are another kind's"},
			"not known":            {`{` + hook + `,"auth":{"kind":"none","token":"t"}}`, "/auth/token is not known here"},
			"no object":            {`{` + hook + `,"auth":"basic"}`, "/auth must be an object"},
			"for users":            {strings.Replace(`{`+hook+`}`, `"account"`, `"user"`, 1), `/reach must be one of ["account" "master_account"]`},
			"the API's":            {`{` + hook + `,"source":"openapi"}`, "/source is for what Zoom's API made"},
			"a name of a native":   {`{"dialect":"native","url":"https://r.example/","events":["case.approved"],"name":"n"}`, "/dialect has no webhooks with a name, auth, reach, environment or source"},
			"nobody subscribes to": {strings.Replace(`{`+hook+`}`, `"request"`, `"bye"`, 1), `/events "bye" is told at the deauthorization URL alone`},
		} {
			if got := o.call(t, "vic", "POST /apps/{deploy}/webhooks", c[0]); faultsIn(t, got) != c[1] {
				t.Errorf("%s: %s", what, got.body)
			}
		}
		if got := o.call(t, "vic", "PUT "+at, `{"url":"https://mallory.example/","events":["request"]}`); !strings.HasPrefix(faultsIn(t, got), "/auth has secrets") || len(asked) != 4 {
			t.Errorf("another server is told the password: %s", got.body)
		}
		refuse = true
		if got := o.call(t, "vic", "POST /apps/{deploy}/webhooks", `{`+hook+`}`); got.problem() != "not-verified" {
			t.Errorf("a silent receiver: %s", got.body)
		}
		if got := o.call(t, "vic", "PUT "+at, `{"url":"https://r.example/3","events":["request"]}`); got.problem() != "not-verified" {
			t.Errorf("a silent receiver: %s", got.body)
		}
		bye := into[savedObject](t, o.call(t, "vic", "POST /apps/{deploy}/webhooks", `{"dialect":"zoom","url":"https://bye.example/","source":"deauthorization"}`), 201)
		if len(bye.Events) != 1 || bye.Events[0] != "bye" {
			t.Errorf("it is told %q", bye.Events)
		}
		if got := o.call(t, "vic", "POST /apps/{deploy}/webhooks/"+bye.ID+"/verify", ""); got.problem() != "not-verified" {
			t.Errorf("validated: %s", got.body)
		}
		into[webhookObject](t, o.call(t, "vic", "PUT /apps/{deploy}/webhooks/"+bye.ID, `{"url":"https://bye.example/2"}`), 200)
		list := into[listing[webhookObject]](t, o.call(t, "vic", "GET /apps/{deploy}/webhooks", ""), 200)
		if n := len(list.Items); n != 3 || list.Items[1].URL != "https://r.example/2" || list.Items[2].URL != "https://bye.example/2" {
			t.Errorf("there are %+v", list.Items)
		}
	})
}

func TestMe(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		if me := into[meObject](t, o.call(t, "mo", "GET /me", ""), 200); me.User.Name != "mo" || len(me.Memberships) != 1 ||
			me.Memberships[0].Org.SlackID != o.sales.ID.Slack("T") || me.Memberships[0].Permissions[0] != "settings" || me.OnBehalf {
			t.Errorf("mo: %+v", me)
		}
		if me := into[meObject](t, o.call(t, "operator", "GET /me", ""), 200); me.User != nil || me.App != nil || len(me.Memberships) != 0 || me.Token.Kind != souk.PlatformToken {
			t.Errorf("the operator: %+v", me)
		}
		if me := into[meObject](t, o.call(t, "deploy", "GET /me", ""), 200); me.User != nil || me.App.Name != "Deploy" {
			t.Errorf("an app: %+v", me)
		}
	})
}
