package native

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"souk"
	"souk/market"
)

// What is wrong with a body is told by place, all faults at once, and the call
// changes nothing.
func TestBodiesAreReadStrictly(t *testing.T) {
	const app = `"app":"{guard}"`
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	tests := []struct{ body, want string }{
		{`{}`, "/app is required"},
		{``, "/app is required"},
		{`{"app":null}`, "/app must be an id"},
		{`{"app":7}`, "/app must be an id"},
		{`{"app":""}`, "/app must be an id"},
		{`{"app":"00000000-0000-0000-0000-000000000000"}`, "/app must be an id"},
		{`{"app":"{GUARD}"}`, "/app must be an id"},
		{`{` + app + `,` + app + `}`, "/app comes twice"},
		{`{` + app + `,"\u0061pp":"{guard}"}`, "/app comes twice"},
		{`{` + app + `,"App":"{guard}"}`, "/App is not known"},
		{`{` + app + `,"a/b~c":1}`, "/a~1b~0c is not known"},
		{`{` + app + `,"` + strings.Repeat("x", 300) + `":1}`, "/" + strings.Repeat("x", 100) + "… is not known"},
		{`{` + app + `,"for":null}`, "/for must be an id"},
		{`{` + app + `,"reason":null}`, "/reason must be a string"},
		{`{` + app + `,"reason":["a"]}`, "/reason must be a string"},
		{`{` + app + `,"reason":"a\u0000b"}`, "/reason must not contain NUL"},
		{`{` + app + `,"reason":"\ud83d"}`, "/reason must not contain half"},
		{`{` + app + `,"reason":"\ude80\ud83d"}`, "/reason must not contain half"},
		{`{` + app + `,"reason":"\\\uDE80"}`, "/reason must not contain half"},
		{`{` + app + `,"reason":"` + strings.Repeat("r", souk.MaxReason+1) + `"}`, "/reason must be at most 1000 bytes"},
		{`{` + app + `,"state":"` + strings.Repeat("r", souk.MaxState+1) + `"}`, "/state must be at most 500 bytes"},
		{`{` + app + `,"scopes":"team:read"}`, "/scopes must be a list"},
		{`{` + app + `,"scopes":null}`, "/scopes must be a list"},
		{`{` + app + `,"scopes":{"0":"team:read"}}`, "/scopes must be a list"},
		{`{` + app + `,"scopes":["team:read",null,["x"]]}`, "/scopes/1 must be a string, /scopes/2 must be a string"},
		{`{` + app + `,"scopes":["` + strings.Repeat("s", maxItem+1) + `"]}`, "/scopes/0 must be at most 200 bytes"},
		{`{` + app + `,"scopes":["x"` + strings.Repeat(`,"x"`, 9999) + `]}`, "/scopes must have at most 1000 items"},
		{`{` + app + `,"reason":` + deep(5000) + `}`, "/reason must be a string"},
		{`{"for":1,"reason":2,"state":3,"more":4}`, "/app is required, /for must be an id, /reason must be a string, /state must be a string, /more is not known"},
		{`"` + app + `"`, "malformed-body"},
		{`"app"`, " must be an object"},
		{`[]`, " must be an object"},
		{`{` + app + `} {}`, "malformed-body"},
		{`{` + app + `}x`, "malformed-body"},
		{`{` + app + `,}`, "malformed-body"},
		{`{` + app, "malformed-body"},
		{"{" + app + ",\"reason\":\"\xff\"}", "malformed-body"},
		{"\xef\xbb\xbf{" + app + "}", "malformed-body"},
		{"{" + app + ",\"reason\":\"a\nb\"}", "malformed-body"},
		{`{` + app + `,"reason":` + deep(20000) + `}`, "malformed-body"},
		{`{'app':1}`, "malformed-body"},
		{` `, "malformed-body"},
	}
	everyCompany(t, func(t *testing.T, o *company) {
		for _, tt := range tests {
			body := strings.ReplaceAll(tt.body, "{GUARD}", strings.ToUpper(o.guard.ID.String()))
			got := o.call(t, "mo", "POST /orgs/{sales}/requests", body)
			if said := faultsIn(t, got); !matches(said, tt.want) {
				t.Errorf("%.80s: %q, want %q", body, said, tt.want)
			}
		}
		manyFaults := `{"app":"{guard}"`
		for i := range 100 {
			manyFaults += fmt.Sprintf(`,"x%d":0`, i)
		}
		if said := faultsIn(t, o.call(t, "mo", "POST /orgs/{sales}/requests", manyFaults+"}")); strings.Count(said, ",") != maxErrors-1 {
			t.Errorf("100 faults are told as %q", said)
		}
		for i := range maxMembers {
			manyFaults += fmt.Sprintf(`,"y%d":0`, i)
		}
		if said := faultsIn(t, o.call(t, "mo", "POST /orgs/{sales}/requests", manyFaults+"}")); said != fmt.Sprintf(" must have at most %d members", maxMembers) {
			t.Errorf("an object without end is told as %q", said)
		}
		if got := into[listing[identifier]](t, o.call(t, "sal", "GET /orgs/{sales}/requests", ""), 200); len(got.Items) != 1 {
			t.Errorf("%d requests after all that", len(got.Items))
		}
	})
}

// faultsIn tells a problem in short: its fields, else its name.
func faultsIn(t *testing.T, r reply) string {
	t.Helper()
	var p problemBody
	if err := json.Unmarshal(r.body, &p); err != nil {
		t.Fatalf("%d %s: %v", r.status, r.body, err)
	}
	if len(p.Errors) == 0 {
		return r.problem()
	}
	said := make([]string, len(p.Errors))
	for i, e := range p.Errors {
		place := "?" + e.Parameter + e.Header
		if e.Pointer != nil {
			place = *e.Pointer
		}
		said[i] = place + " " + e.Detail
	}
	return strings.Join(said, ", ")
}

// matches compares faults by the beginning of each.
func matches(said, want string) bool {
	return slices.EqualFunc(strings.Split(said, ", "), strings.Split(want, ", "), strings.HasPrefix)
}

func TestBodiesOfOtherCalls(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		o.channels()
		tooMany := strings.Repeat(`"{bo}",`, market.MaxAudiences) + `"{mo}"`
		tests := []struct{ who, call, body, want string }{
			{"sal", "POST /requests/{asked}/approve", `{"org":null,"scopes":[1]}`, "/org must be an id, /scopes/0 must be a string"},
			{"sal", "POST /requests/{asked}/restrict", `{"scopes":[]}`, "/scopes is not known"},
			{"sal", "POST /requests/{asked}/restrict", `{"reason":null}`, "/reason must be a string"},
			{"sal", "POST /requests/{asked}/restrict", `{"reason":"` + strings.Repeat("r", souk.MaxReason+1) + `"}`, "/reason must be at most 1000 bytes"},
			{"sal", "POST /requests/{asked}/decline", `{"reason":"no"}`, "/reason is not known"},
			{"sal", "POST /orgs/{sales}/apps/{guard}/approve", `{"reason":"` + strings.Repeat("r", souk.MaxReason+1) + `"}`, "/reason must be at most 1000 bytes"},
			{"mo", "POST /orgs/{sales}/installations", `{"app":"{guard}","reason":7,"state":["s"]}`, "/reason must be a string, /state must be a string"},
			{"mo", "POST /orgs/{sales}/installations", `{"app":"{guard}","reason":"` + strings.Repeat("r", souk.MaxReason+1) + `","state":"` + strings.Repeat("s", souk.MaxState+1) + `"}`,
				"/reason must be at most 1000 bytes, /state must be at most 500 bytes"},
			{"sal", "POST /orgs/{sales}/apps/{deploy}/decline-all", `{"users":["{bo}"]}`, "/users is not known"},
			{"sal", "POST /orgs/{sales}/apps/{deploy}/requests", `{}`, "/users must be 1 to 300"},
			{"sal", "POST /orgs/{sales}/apps/{deploy}/requests", `{"everyone":"yes","users":"{bo}","groups":[null]}`, "/everyone must be true or false, /users must be a list, /groups/0 must be an id"},
			{"sal", "POST /orgs/{sales}/apps/{deploy}/requests", `{"everyone":true,"users":["{bo}"]}`, "/everyone goes without users and groups"},
			{"sal", "POST /orgs/{sales}/apps/{deploy}/requests", `{"everyone":true,"groups":[]}`, "/everyone goes without users and groups, /groups must be 1 to 300"},
			{"sal", "POST /orgs/{sales}/apps/{deploy}/requests", `{"users":[],"groups":[]}`, "/users must be 1 to 300, /groups must be 1 to 300"},
			{"sal", "POST /orgs/{sales}/apps/{deploy}/requests", `{"users":[` + tooMany + `]}`, "/users must be 1 to 300"},
			{"sal", "POST /orgs/{sales}/apps/{deploy}/requests", `{"users":["{bo}"],"reason":"r"}`, "/reason is not known"},
			{"sal", "POST /orgs/{sales}/apps/{deploy}/requests/cancel", `{}`, "/users is required"},
			{"sal", "POST /orgs/{sales}/apps/{deploy}/requests/cancel", `{"users":null}`, "/users must be a list"},
			{"sal", "POST /orgs/{sales}/apps/{deploy}/requests/cancel", `{"users":[]}`, "/users must be 1 to 300"},
			{"sal", "POST /orgs/{sales}/apps/{deploy}/requests/cancel", `{"users":[` + tooMany + `]}`, "/users must be 1 to 300"},
			{"sal", "POST /orgs/{sales}/apps/{deploy}/requests/cancel", `{"users":["bo"],"everyone":true}`, "/users/0 must be an id, /everyone is not known"},
			{"olga", "POST /orgs/{acme}/apps/{notes}/users/{olga}/disable", `{"user":"{olga}"}`, "/user is not known"},
			{"olga", "POST /orgs/{acme}/installations/{notebot}/resume", `{"force":true}`, "/force is not known"},
			{"operator", "POST /triggers", `{}`, "/condition is required, /org is required"},
			{"operator", "POST /triggers", `{"condition":"chat_start","org":"sales","app":null,"user":7,"chat":8}`, "/org must be an id, /app must be an id, /user must be an id, /chat must be a string"},
			{"operator", "POST /triggers", `{"condition":"chat_start","organization":"{sales}","org":"{sales}"}`, "/organization is not known"},
			{"operator", "POST /triggers", `{"condition":"install","org":"{sales}","visitor":"` + strings.Repeat("v", 201) + `","domain":"` + strings.Repeat("d", 201) + `"}`,
				"/condition must be one of, /visitor must be at most 200 bytes, /domain must be at most 200 bytes"},
			{"operator", "POST /triggers", `{"condition":"","org":"{sales}"}`, "/condition must be one of"},
			{"vic", "POST /apps/{notes}/installations/{notebot}/tokens", `{}`, "/description is required"},
			{"vic", "POST /apps/{notes}/installations/{notebot}/tokens", `{"description":" "}`, "/description is required"},
			{"vic", "POST /apps/{notes}/installations/{notebot}/tokens", `{"description":"d","scopes":"team:read"}`, "/scopes must be a list"},
			{"vic", "POST /apps/{notes}/installations/{notebot}/tokens", `{"description":"d","scopes":["admin"]}`, "/scopes must be of those that were granted"},
			{"vic", "POST /apps/{notes}/installations/{notebot}/tokens", `{"description":"d","kind":"platform"}`, "/kind is not known"},
			{"vic", "POST /apps/{notes}/installations/{notebot}/tokens", `{"description":"d","expires_in":0}`, "/expires_in must be a whole number"},
			{"vic", "POST /apps/{notes}/installations/{notebot}/tokens", `{"description":"d","expires_in":-1}`, "/expires_in must be a whole number"},
			{"vic", "POST /apps/{notes}/installations/{notebot}/tokens", `{"description":"d","expires_in":"60"}`, "/expires_in must be a whole number"},
			{"vic", "POST /apps/{notes}/installations/{notebot}/tokens", `{"description":"d","expires_in":1.5}`, "/expires_in must be a whole number"},
			{"vic", "POST /apps/{notes}/installations/{notebot}/tokens", `{"description":"d","expires_in":1e3}`, "/expires_in must be a whole number"},
			{"vic", "POST /apps/{notes}/installations/{notebot}/tokens", `{"description":"d","expires_in":315360001}`, "/expires_in must be at most ten years"},
			{"vic", "POST /apps/{notes}/installations/{notebot}/tokens", `{"description":"d","expires_in":99999999999999999999}`, "/expires_in must be a whole number"},
			{"vic", "POST /apps/{notes}/installations/{notebot}/tokens/{held}/rotate", `{}`, "/overlap is required"},
			{"vic", "POST /apps/{notes}/installations/{notebot}/tokens/{held}/rotate", `{"overlap":-1}`, "/overlap must be a whole number"},
			{"vic", "POST /apps/{notes}/installations/{notebot}/tokens/{held}/rotate", `{"overlap":604801}`, "/overlap must be at most a week"},
			{"vic", "POST /apps/{notes}/installations/{notebot}/tokens/{held}/rotate", `{"overlap":null,"scopes":[]}`, "/overlap must be a whole number, /scopes is not known"},
			{"sal", "PUT /orgs/{sales}/users/{mo}/permissions", `{}`, "/permissions is required"},
			{"sal", "PUT /orgs/{sales}/users/{mo}/permissions", `{"permissions":null}`, "/permissions must be a list"},
			{"sal", "PUT /orgs/{sales}/users/{mo}/permissions", `{"permissions":["settings","everything"]}`, "/permissions must be of settings, users and reports"},
			{"sal", "PUT /orgs/{sales}/users/{mo}/permissions", `{"permissions":[],"role":"owner"}`, "/role is not known"},
			{"sal", "POST /orgs/{sales}/apps/{guard}/approve", `{"org":"{sales}"}`, "/org is not known"},
			{"mo", "POST /orgs/{sales}/installations", `{"app":"{guard}","terms_accepted":"true"}`, "/terms_accepted must be true or false"},
			{"mo", "POST /orgs/{sales}/installations", `{"app":"{guard}","app_user":null}`, "/app_user must be an object"},
			{"mo", "POST /orgs/{sales}/installations", `{"app":"{guard}","app_user":{"alias":1,"name":2}}`, "/app_user/alias must be a string, /app_user/name is not known"},
			{"olga", "POST /orgs/{acme}/installations", `{"app":"{guard}","workspaces":["{sales}","sales"]}`, "/workspaces/1 must be an id"},
			{"mo", "POST /orgs/{sales}/installations", `{"app":"{legal}","workspaces":["{labs}"],"terms_accepted":true}`, "/workspaces only an installation on an enterprise"},
			{"olga", "PUT /orgs/{acme}/apps/{notes}/installation/workspaces", `{}`, "/workspaces is required"},
			{"vic", "POST /apps/{deploy}/webhooks", `{}`, "/dialect is required, /url is required"},
			{"vic", "POST /apps/{deploy}/webhooks", `{"dialect":"native","url":"https://r.example/","events":[]}`, "/events must name"},
			{"vic", "POST /apps/{deploy}/webhooks", `{"dialect":"native","url":"https://r.example/","events":["everything"]}`, "/events \"everything\" is not"},
			{"vic", "POST /apps/{deploy}/webhooks", `{"dialect":"smoke","url":"https://r.example/","events":["a"]}`, "/dialect is not served"},
			{"vic", "POST /apps/{deploy}/webhooks", `{"dialect":"native","url":"https://` + strings.Repeat("r", souk.MaxURL) + `","events":["request.created"]}`, "/url must be at most"},
			{"vic", "POST /apps/{deploy}/webhooks", `{"dialect":"native","url":"https://r.example/","events":["request.created"],"channels":[{"pattern":"/x"}]}`, "/channels are nothing that this dialect has"},
			{"vic", "POST /apps/{deploy}/webhooks", `{"dialect":"giosg","url":"https://r.example/"}`, "/channels is required"},
			{"vic", "POST /apps/{deploy}/webhooks", `{"dialect":"giosg","url":"","channels":[]}`, "/url is required"},
			{"vic", "POST /apps/{deploy}/webhooks", `{"dialect":"giosg","url":"https://r.example/","events":["request.created"],"channels":[]}`, "/events \"request.created\" is not"},
			{"vic", "POST /apps/{deploy}/webhooks", `{"dialect":"giosg","url":"https://r.example/","channels":[{},{"pattern":"/x","additions":1,"added":true}]}`,
				"/channels/0/pattern is required, /channels/1/additions must be true or false, /channels/1/added is not known"},
			{"vic", "POST /apps/{deploy}/webhooks", `{"dialect":"giosg","url":"https://r.example/","channels":[{"pattern":"/x"}]}`, "/channels/0/pattern is no channel pattern"},
			{"operator", "PUT /apps/{inner}/listing", `{}`, "/listing is required"},
			{"operator", "PUT /apps/{inner}/listing", `{"listing":"public"}`, "/listing must be draft, submitted or listed"},
			{"operator", "PUT /orgs/{sales}/entitlements", `{"has_apps_feature":1}`, "/has_active_subscription is required, /is_app_provider is required, /has_apps_feature must be true or false"},
			{"vic", "PUT /apps/{deploy}/webhooks/{hook}", `{"dialect":"native","url":"https://r.example/","events":["request.created"]}`, "/dialect is not known"},
		}
		for _, tt := range tests {
			if said := faultsIn(t, o.call(t, tt.who, tt.call, tt.body)); !matches(said, tt.want) {
				t.Errorf("%s %.100s: %q, want %q", tt.call, tt.body, said, tt.want)
			}
		}
	})
}

func TestContentTypes(t *testing.T) {
	tests := map[string]bool{
		"application/json": true, "Application/JSON; Charset=UTF-8": true, "application/json; profile=x": true,
		"application/json; charset=latin1": false, "application/json;;": false, "text/json": false, "": false, "application/problem+json": false,
		"application/x-www-form-urlencoded": false,
	}
	for value, want := range tests {
		if got := isJSON([]string{value}); got != want {
			t.Errorf("%q: %t", value, got)
		}
	}
	if isJSON(nil) || isJSON([]string{"application/json", "application/json"}) {
		t.Error("none or two pass")
	}
}

func TestQueriesAreReadStrictly(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		tests := []struct{ call, want string }{
			{"GET /orgs/{sales}/requests?limit=0", "?limit must be"},
			{"GET /orgs/{sales}/requests?limit=201", "?limit must be"},
			{"GET /orgs/{sales}/requests?limit=007", "?limit must be"},
			{"GET /orgs/{sales}/requests?limit=", "?limit must be"},
			{"GET /orgs/{sales}/requests?limit=1&limit=1", "?limit must come once"},
			{"GET /orgs/{sales}/requests?cursor=", "?cursor is not"},
			{"GET /orgs/{sales}/requests?cursor=AAAA", "?cursor is not"},
			{"GET /orgs/{sales}/requests?status=open", "?status is none"},
			{"GET /orgs/{sales}/requests?below=yes&mine=1&x=y", "?below is none, ?mine is none, ?x is not known"},
			{"GET /orgs/{sales}/requests?status=%ff", "?status must be valid"},
			{"GET /apps", "?listing is required"},
			{"GET /apps?listing=public&limit=0", "?limit must be, ?listing is none"},
			{"GET /orgs/{sales}/requests?status=%00", "?status must be valid"},
			{"GET /orgs/{sales}/requests?%ff=1", "?\uFFFD must be valid"},
			{"GET /orgs/{sales}/requests?%zz", "?? the query"},
			{"GET /orgs/{sales}/requests?a;b", "?? the query"},
			{"GET /orgs/{sales}/apps/{deploy}/explanation?user=bo", "?user must be an id"},
			{"GET /orgs/{sales}/apps/{deploy}/explanation?user=", "?user must be an id"},
			{"GET /orgs/{sales}/apps/{deploy}/explanation?scopes=a,,b", "?scopes must be names"},
			{"GET /apps/{deploy}/webhooks/{hook}/deliveries?status=sent", "?status is none"},
			{"GET /apps/{notes}/trigger/deliveries?status=sent&limit=0", "?limit must be, ?status is none"},
			{"GET /apps/{notes}/installations?cursor=AAAA&status=active", "?cursor is not, ?status is not known"},
			{"GET /apps/{notes}/installations/{notebot}/tokens?limit=1", "?limit is not known"},
		}
		for _, tt := range tests {
			who := "sal"
			if strings.HasPrefix(tt.call, "GET /apps?") || tt.call == "GET /apps" {
				who = "operator"
			}
			if said := faultsIn(t, o.call(t, who, tt.call, "")); !matches(said, tt.want) {
				t.Errorf("%s: %q, want %q", tt.call, said, tt.want)
			}
		}
	})
}

// A fault of ours is told by a fixed sentence, and logged once with the id of
// the request and without what nobody may read.
func TestFaults(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		wire := Wire()
		for _, tt := range []struct {
			encode  func(souk.Event, souk.Endpoint) ([]byte, error)
			problem string
		}{
			{func(souk.Event, souk.Endpoint) ([]byte, error) { return nil, errors.New("sesame") }, "internal-failure"},
			{func(souk.Event, souk.Endpoint) ([]byte, error) { panic("sesame") }, "outcome-unknown"},
		} {
			wire.Encode = tt.encode
			o.market.Wires[souk.Native] = wire
			got := o.call(t, "sal", "POST /requests/{asked}/approve", `{}`)
			if got.problem() != tt.problem || strings.Contains(string(got.body), "sesame") {
				t.Errorf("%d %s, want %s", got.status, got.body, tt.problem)
			}
			id := got.header.Get("X-Request-Id")
			logged := 0
			for line := range strings.Lines(o.log.String()) {
				if strings.Contains(line, id) && strings.Contains(line, `"level":"ERROR"`) && strings.Contains(line, "sesame") {
					logged++
				}
			}
			if logged != 1 {
				t.Errorf("logged %d times:\n%s", logged, o.log)
			}
		}
		o.market.Wires[souk.Native] = Wire()
		if got := o.call(t, "sal", "POST /requests/{asked}/approve", `{}`); got.status != http.StatusOK {
			t.Errorf("something was changed: %s", got.body)
		}
	})
}

// No log line holds a token, a secret, a body or a query.
func TestLogsTellNoSecrets(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		made := into[savedObject](t, o.call(t, "vic", "POST /apps/{deploy}/webhooks", `{"dialect":"native","url":"https://in-the-body.example/","events":["request.created"]}`), 201)
		o.call(t, "vic", "GET /apps/{deploy}/webhooks?status=in-the-query", "")
		o.call(t, "unheard", "GET /me", "")
		must(o.db.Close())
		o.call(t, "vic", "GET /me", "")
		log := o.log.String()
		for _, secret := range []string{o.tokens["vic"], o.tokens["unheard"], *made.Secret, "in-the-body", "in-the-query"} {
			if strings.Contains(log, secret) {
				t.Errorf("%q is in the log:\n%s", secret, log)
			}
		}
		for _, want := range []string{`"face":"native"`, `"call":"GET /me"`, `"refused":"unknown-token"`, o.vic.ID.String()} {
			if !strings.Contains(log, want) {
				t.Errorf("%s is not in the log:\n%s", want, log)
			}
		}
	})
}

func TestEveryRefusalHasAProblem(t *testing.T) {
	types := map[string]souk.Refusal{}
	for _, r := range souk.Refusals() {
		p, ok := refusals[r]
		if !ok || p.status < 400 || p.status >= 500 || p.name == "" || !strings.HasSuffix(p.title, ".") {
			t.Errorf("refusal %q is the problem %+v", r, p)
		}
		if other, twice := types[p.name]; twice {
			t.Errorf("%q and %q are both %s", r, other, p.name)
		}
		types[p.name] = r
	}
	if len(refusals) != len(types) {
		t.Errorf("%d problems for %d refusals", len(refusals), len(types))
	}
	for _, f := range []market.Fault{market.NoFault, market.Failure, market.Unavailable, market.Calamity} {
		if faults[f].status < 500 {
			t.Errorf("fault %q is the problem %+v", f, faults[f])
		}
	}
}

// Souk's own pointers and the market's names of fields are one language.
func TestPointers(t *testing.T) {
	for field, want := range map[string]string{"url": "/url", "app_user.alias": "/app_user/alias", "scopes[2]": "/scopes/2", "a[1].b": "/a/1/b"} {
		if got := pointerTo(field); got != want {
			t.Errorf("%s: %s, want %s", field, got, want)
		}
	}
}
