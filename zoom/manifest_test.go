package zoom

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
)

// inOffice runs a test with an office on each database, by its address.
func inOffice(t *testing.T, test func(t *testing.T, o *office, address string)) {
	t.Helper()
	t.Parallel()
	souktest.EachAddress(t, func(t *testing.T, address string) {
		db, err := store.Open(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		test(t, newOffice(t, db), address)
	})
}

const manifestOfMill = "/marketplace/apps/{mill}/manifest"

// exported is the manifest of mill, without its wrapper.
func (o *office) exported() string {
	o.t.Helper()
	got := o.call("ada", "GET "+manifestOfMill, "")
	body, is := strings.CutPrefix(got.body, `{"manifest":`)
	if got.status != 200 || !is {
		o.t.Fatalf("%d %s", got.status, got.body)
	}
	return strings.TrimSuffix(body, "}")
}

func (o *office) put(manifest string) answered {
	o.t.Helper()
	return o.call("ada", "PUT "+manifestOfMill, `{"manifest":`+manifest+`}`)
}

// full is a manifest with all that one can say, at a receiver.
func (o *office) full() string {
	return strings.NewReplacer("{at}", o.receiver.URL, "\n", "", "\t", "").Replace(`{
	"display_information":{"display_name":"Mill & <Co>","description":"Grinds.","privacy_url":"https://mill.example/privacy","terms_url":"https://mill.example/terms","support_url":"https://mill.example/support","doc_url":"https://mill.example/docs"},
	"oauth_information":{"usage":"ADMIN_MANAGEMENT","development_redirect_uri":"https://mill.example/back","production_redirect_uri":"https://mill.example/back","oauth_allow_list":["https://mill.example/back","https://mill.example/more"],
	"scopes":[{"scope":"marketplace_app:read:admin","optional":false},{"scope":"settings","optional":false}]},
	"features":{"products":[],"event_subscription":{"enable":true,"events":[
	{"subscription_name":"Requests","event_usage":"EVENT_FOR_ADMIN","event_types":["app.authorization_request_created"],"development_webhook_url":"{at}/both","production_webhook_url":"{at}/both","development_event_custom_header":null,"production_event_custom_header":null},
	{"subscription_name":"Split","event_usage":"EVENT_FOR_ADMIN","event_types":["app.authorization_request_declined","app.authorization_request_approved"],"development_webhook_url":"{at}/dev","production_webhook_url":"{at}/live","development_event_custom_header":{"custom_header_type":1,"username":"u","password":"p"},"production_event_custom_header":{"custom_header_type":3,"custom_header_key":"X-Mill","custom_header_value":"v"}}
	]}}}`)
}

// A manifest says all of an app: what it says comes back, the secrets masked, and
// each new URL has proved itself, with its header.
func TestManifest(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office, address string) {
		o.want("ada", "GET "+manifestOfMill, "", 200, `{"manifest":{"display_information":{"display_name":"Mill","description":"Mill & more.",`+
			`"privacy_url":"https://app.example/privacy","terms_url":"https://app.example/terms","support_url":"","doc_url":""},`+
			`"oauth_information":{"usage":"USER_OPERATION","development_redirect_uri":"","production_redirect_uri":"","oauth_allow_list":[],"scopes":[{"scope":"settings","optional":false}]},`+
			`"features":{"products":[],"event_subscription":{"enable":false,"events":[]}}}}`)
		check := souktest.Unchanged(t, address)
		o.want("ada", "POST /marketplace/apps/manifest/validate", `{"app_id":"{mill}","manifest":`+o.full()+`}`, 200, `{"ok":true,"error":"","errors":null}`)
		check("validating a manifest")
		if len(o.asked) != 0 {
			t.Errorf("validating asked %q", o.asked)
		}
		if got := o.put(o.full()); got.status != 204 || got.body != "" {
			t.Fatalf("%d %s", got.status, got.body)
		}
		slices.Sort(o.asked)
		if got := strings.Join(o.asked, ", "); got != "/both , /dev Basic dTpw, /live v" {
			t.Errorf("asked: %s", got)
		}
		var m manifest
		if err := json.Unmarshal([]byte(o.exported()), &m); err != nil {
			t.Fatal(err)
		}
		var hooks []string
		for _, w := range m.Features.Subscriptions.Events {
			hooks = append(hooks, strings.ReplaceAll(fmt.Sprintf("%s %v %s %s %v %v", w.Name, w.Types, w.Development, w.Production, w.DevelopmentHeader, w.ProductionHeader), o.receiver.URL, ""))
		}
		slices.Sort(hooks)
		const two = "[app.authorization_request_approved app.authorization_request_declined]"
		if got, want := hooks, []string{
			"Requests [app.authorization_request_created] /both /both <nil> <nil>",
			"Split " + two + "  /live <nil> &{3         X-Mill ********}",
			"Split " + two + " /dev  &{1 u ********        } <nil>",
		}; !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
		was := o.full()
		if got, _, _ := strings.Cut(o.exported(), `"features"`); got != was[:strings.Index(was, `"features"`)] {
			t.Errorf("%s", got)
		}

		// The same again changes nothing and asks nobody; a change of one URL asks there.
		o.asked = nil
		check = souktest.Unchanged(t, address)
		same := o.exported()
		if got := o.put(same); got.status != 204 {
			t.Errorf("the same again: %d %s", got.status, got.body)
		}
		check("the same again")
		if got := o.put(strings.ReplaceAll(same, "/live", "/later")); got.status != 204 || fmt.Sprint(o.asked) != "[/later v]" {
			t.Errorf("%d %s, asked %q", got.status, got.body, o.asked)
		}
		// Another server is not told the secrets that are masked.
		o.asked = nil
		check = souktest.Unchanged(t, address)
		away := httptest.NewServer(http.HandlerFunc(o.receive))
		defer away.Close()
		same = o.exported()
		for _, path := range []string{"/dev", "/later"} {
			got := o.put(strings.Replace(same, o.receiver.URL+path, away.URL+path, 1))
			if got.status != 400 || !strings.Contains(got.body, "say the secret") || len(o.asked) > 0 {
				t.Errorf("%s elsewhere: %d %s, asked %q", path, got.status, got.body, o.asked)
			}
		}
		check("URLs elsewhere, with masks")
		said := strings.Replace(strings.Replace(same, o.receiver.URL+"/later", away.URL+"/live", 1), `"custom_header_value":"********"`, `"custom_header_value":"v"`, 1)
		if got := o.put(said); got.status != 204 || fmt.Sprint(o.asked) != "[/live v]" {
			t.Errorf("elsewhere, with the secret: %d %s, asked %q", got.status, got.body, o.asked)
		}
		// Less is less.
		if got := o.put(`{"display_information":{"display_name":"Bare"},"developer_information":{"privacy_policy":"https://mill.example/p"},"unknown":[1]}`); got.status != 204 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		if got := o.exported(); got != `{"display_information":{"display_name":"Bare","description":"","privacy_url":"https://mill.example/p","terms_url":"","support_url":"","doc_url":""},`+
			`"oauth_information":{"usage":"USER_OPERATION","development_redirect_uri":"","production_redirect_uri":"","oauth_allow_list":[],"scopes":[]},`+
			`"features":{"products":[],"event_subscription":{"enable":false,"events":[]}}}` {
			t.Errorf("bare: %s", got)
		}
	})
}

// A URL that does not prove itself keeps everything as it is.
func TestManifestThatIsNotProved(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office, address string) {
		check := souktest.Unchanged(t, address)
		if got := o.put(strings.ReplaceAll(o.full(), "/live", "/no")); got.status != 404 || got.body != `{"code":1701,"message":"URL validation failed."}` {
			t.Errorf("%d %s", got.status, got.body)
		}
		check("a receiver that does not know the secret")
	})
}

// Whatever an app has been made by other means: its manifest, put back, leaves it
// as it was.
func TestManifestsAreFixedPoints(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office, address string) {
		some := rapid.Custom(func(rt *rapid.T) souk.App {
			maybe := func(name, text string) string { return rapid.SampledFrom([]string{"", text}).Draw(rt, name) }
			scopes := func(name string, of ...string) souk.Scopes {
				return souk.NewScopes(rapid.SliceOfNDistinct(rapid.SampledFrom(of), 0, len(of), rapid.ID[string]).Draw(rt, name)...)
			}
			a := o.mill
			a.Name = rapid.StringMatching(`[A-Za-z<&"é🚒\\]{1,60}`).Draw(rt, "name")
			a.Description = maybe("description", "For\nall \u2028 & <more>")
			a.Links = souk.Links{
				Homepage: maybe("homepage", "https://a.example"), Documentation: maybe("docs", "https://b.example/?a=b&c"),
				Support: maybe("support", "http://c.example"), TermsOfService: maybe("terms", "https://d.example"), PrivacyPolicy: maybe("privacy", "https://e.example"),
			}
			a.Zoom = souk.ZoomListing{
				AppType: maybe("type", "General App"), MinClient: maybe("client", "5.7.3"), AccountTypes: []string{"Pro"},
				UserRole: rapid.SampledFrom([]string{"", "Any User", "Account Admin", "admin"}).Draw(rt, "role"),
			}
			a.RequiredScopes = scopes("required", "settings", "users", "marketplace_app:read:admin")
			a.BotScopes = scopes("bot", "team:read", "users", "settings")
			a.UserScopes = scopes("user", "admin.apps:read", "marketplace_app:read:admin", "team:read")
			a.RedirectURIs = rapid.SliceOfNDistinct(rapid.StringMatching(`https://[a-z]{1,5}\.example/back`), 0, 4, rapid.ID[string]).Draw(rt, "redirects")
			return a
		})
		hooks := rapid.Custom(func(rt *rapid.T) souk.Webhook {
			w := souk.Webhook{
				App: o.mill.ID, Dialect: souk.Zoom, Source: souk.FromPeople, URL: rapid.StringMatching(`https://[a-z]{1,6}\.example/`).Draw(rt, "url"),
				Name:        rapid.StringMatching(`[A-Z<&é]{0,9}`).Draw(rt, "hook"),
				Reach:       rapid.SampledFrom([]souk.HookReach{souk.AccountReach, souk.MasterReach}).Draw(rt, "reach"),
				Environment: rapid.SampledFrom([]souk.Environment{"", souk.Development, souk.Production}).Draw(rt, "environment"),
				Extended:    rapid.Bool().Draw(rt, "extended"),
				Events:      []string{"app.authorization_request_approved", "app.authorization_request_declined"},
			}
			w.Auth = rapid.SampledFrom([]souk.Auth{
				{}, {Kind: souk.BasicAuth, Username: "u", Password: "p"}, {Kind: souk.CustomAuth, Key: "X-K", Value: "v"},
				{Kind: souk.OAuthAuth, ClientID: "c", ClientSecret: "s", TokenURL: "https://t.example/", Scope: "a b", State: "x", InBody: true},
				{Kind: souk.OAuthAuth, ClientID: "c", ClientSecret: "s", TokenURL: "https://t.example/"},
			}).Draw(rt, "auth")
			return w
		})
		for seed := range 12 {
			a, all := some.Example(seed), rapid.SliceOfN(hooks, 0, 3).Example(seed)
			if err := souktest.Seed(t.Context(), o.db, souktest.Key, func(s *souktest.Seeder) {
				for _, w := range all {
					s.Webhook(w)
				}
				s.Webhook(souk.Webhook{App: o.mill.ID, Dialect: souk.Zoom, Source: souk.FromAPI, Reach: souk.MasterReach, URL: "https://api.example/", Events: []string{"app_deauthorized"}})
			}); err != nil {
				t.Fatal(err)
			}
			o.write(func(tx *store.Tx) error { return tx.PutApp(a) })
			check := souktest.Unchanged(t, address)
			before := o.exported()
			if got := o.put(before); got.status != 204 {
				t.Errorf("%d: %s: %d %s", seed, before, got.status, got.body)
			}
			check(fmt.Sprintf("%d: its own manifest: %s", seed, before))
			o.want("ada", "POST /marketplace/apps/manifest/validate", `{"app_id":"{mill}","manifest":`+before+`}`, 200, `{"ok":true,"error":"","errors":null}`)
			if len(o.asked) > 0 {
				t.Errorf("%d: asked %q", seed, o.asked)
			}
		}
	})
}

// What a manifest cannot say is told where it stands, by both calls alike, and
// changes nothing.
func TestBadManifests(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office, address string) {
		const first = "/features/event_subscription/events/0"
		scope := func(s string) string { return `{"scope":"` + s + `","optional":false}` }
		hook := func(members string) string {
			return `{"display_information":{"display_name":"Mill"},"oauth_information":{"scopes":[` + scope("marketplace_app:read:admin") + `]},` +
				`"features":{"event_subscription":{"enable":true,"events":[{"event_types":["app.authorization_request_created"],` + members + `}]}}}`
		}
		named := func(more string) string { return `{"display_information":{"display_name":"Mill"},` + more + `}` }
		production := `"production_webhook_url":"https://mill.example/"`
		basic := func(header string) string {
			return hook(production + `,"production_event_custom_header":{` + header + `}`)
		}
		for _, tt := range []struct{ manifest, setting string }{
			{`7`, ""}, {`[]`, ""}, {`"x"`, ""},
			{`{}`, "/display_information/display_name"},
			{`{"display_information":[]}`, "/display_information"},
			{`{"display_information":{"display_name":7}}`, "/display_information/display_name"},
			{`{"display_information":{"display_name":" "}}`, "/display_information/display_name"},
			{`{"display_information":{"display_name":"` + strings.Repeat("x", 76) + `"}}`, "/display_information/display_name"},
			{`{"display_information":{"display_name":"x","description":"` + strings.Repeat("x", 2001) + `"}}`, "/display_information/description"},
			{`{"display_information":{"display_name":"x","privacy_url":"x"}}`, "/display_information/privacy_url"},
			{`{"display_information":{"display_name":"x","terms_url":"javascript:alert(1)"}}`, "/display_information/terms_url"},
			{`{"display_information":{"display_name":"x","support_url":"https://"}}`, "/display_information/support_url"},
			{`{"display_information":{"display_name":"x","doc_url":"https://u:p@x.example"}}`, "/display_information/doc_url"},
			{named(`"oauth_information":{"usage":"ACCOUNT_OPERATION"}`), "/oauth_information/usage"},
			{named(`"oauth_information":{"production_redirect_uri":"http://x.example"}`), "/oauth_information/production_redirect_uri"},
			{named(`"oauth_information":{"development_redirect_uri":"x"}`), "/oauth_information/development_redirect_uri"},
			{named(`"oauth_information":{"oauth_allow_list":["https://x.example","https://x.example/#a"]}`), "/oauth_information/oauth_allow_list/1"},
			{named(`"oauth_information":{"oauth_allow_list":[""]}`), "/oauth_information/oauth_allow_list/0"},
			{named(`"oauth_information":{"oauth_allow_list":{}}`), "/oauth_information/oauth_allow_list"},
			{named(`"oauth_information":{"scopes":[` + scope("settings") + `,` + scope("lunch") + `]}`), "/oauth_information/scopes/1/scope"},
			{named(`"oauth_information":{"scopes":[` + scope("") + `]}`), "/oauth_information/scopes/0/scope"},
			{named(`"oauth_information":{"scopes":[` + scope("a b") + `]}`), "/oauth_information/scopes/0/scope"},
			{named(`"oauth_information":{"scopes":[{"scope":"settings","optional":true}]}`), "/oauth_information/scopes/0/optional"},
			{named(`"oauth_information":{"usage":"USER_OPERATION","scopes":[` + scope("marketplace_app:read:admin") + `]}`), "/oauth_information/scopes/0/scope"},
			{named(`"features":{"event_subscription":{"enable":false,"events":[{}]}}`), "/features/event_subscription/events"},
			{hook(`"subscription_id":"x",` + production), first + "/subscription_id"},
			{hook(`"subscription_id":"{nobody}",` + production), first + "/subscription_id"},
			{hook(`"subscription_id":"{theirs}",` + production), first + "/subscription_id"},
			{hook(`"subscription_id":"{api}",` + production), first + "/subscription_id"},
			{hook(`"event_usage":"EVENT_FOR_USER",` + production), first + "/event_usage"},
			{hook(`"subscription_name":"x"`), first + "/production_webhook_url"},
			{hook(`"production_webhook_url":"https://blocked.example/"`), first + "/production_webhook_url"},
			{hook(`"development_webhook_url":"https://blocked.example/",` + production), first + "/development_webhook_url"},
			{hook(`"subscription_name":"` + strings.Repeat("x", 1000) + `",` + production), first + "/subscription_name"},
			{hook(`"event_types":[],` + production), first + "/event_types"},
			{hook(`"event_types":["meeting.started"],` + production), first + "/event_types"},
			{strings.Replace(hook(production), "marketplace_app:read:admin", "settings", 1), first + "/event_types"},
			{basic(`"custom_header_type":4`), first + "/production_event_custom_header/custom_header_type"},
			{basic(`"custom_header_type":1,"username":"u"`), first + "/production_event_custom_header/password"},
			{basic(`"custom_header_type":1,"username":"u","password":"********"`), first + "/production_event_custom_header/password"},
			{basic(`"custom_header_type":1,"username":"u\n","password":"p"`), first + "/production_event_custom_header/username"},
			{basic(`"custom_header_type":2,"client_id":"c","client_secret":"s","token_url":"https://blocked.example/"`), first + "/production_event_custom_header/token_url"},
			{basic(`"custom_header_type":2,"client_id":"c","client_secret":"s","token_url":"https://t.example/","client_authentication":"x"`), first + "/production_event_custom_header/client_authentication"},
			{basic(`"custom_header_type":3,"custom_header_key":"Authorization","custom_header_value":"v"`), first + "/production_event_custom_header/custom_header_key"},
			{basic(`"custom_header_type":3,"custom_header_key":"X-Mill"`), first + "/production_event_custom_header/custom_header_value"},
		} {
			o.badManifest(address, tt.manifest, tt.setting)
		}
	})
}

// badManifest is a manifest that both calls refuse at a setting.
func (o *office) badManifest(address, manifest, setting string) {
	o.t.Helper()
	if len(o.hooks) == 0 {
		if err := souktest.Seed(o.t.Context(), o.db, souktest.Key, func(s *souktest.Seeder) {
			one := func(app souk.App, source souk.Source) string {
				return s.Webhook(souk.Webhook{
					App: app.ID, Dialect: souk.Zoom, Source: source, Reach: souk.MasterReach, URL: "https://mill.example/",
					Events: []string{"app.authorization_request_created"},
				}).ID.Zoom()
			}
			o.hooks = []string{"{theirs}", one(o.vat, souk.FromPeople), "{api}", one(o.mill, souk.FromAPI)}
		}); err != nil {
			o.t.Fatal(err)
		}
		o.unchanged = souktest.Unchanged(o.t, address)
	}
	manifest = strings.NewReplacer(o.hooks...).Replace(manifest)
	var told verdict
	got := o.call("ada", "POST /marketplace/apps/manifest/validate", `{"app_id":"{mill}","manifest":`+manifest+`}`)
	if err := json.Unmarshal([]byte(got.body), &told); err != nil || got.status != 200 || told.OK || told.Error != "invalid_manifest" ||
		len(told.Errors) == 0 || told.Errors[0].Setting != setting || told.Errors[0].Message == "" {
		o.t.Errorf("%.300s: %d %s, want %s", manifest, got.status, got.body, setting)
	}
	var refused problem
	got = o.put(manifest)
	if err := json.Unmarshal([]byte(got.body), &refused); err != nil || got.status != 400 || refused.Code != 300 || len(refused.Errors) == 0 || refused.Errors[0].Field != setting {
		o.t.Errorf("%.300s: %d %s, want %s", manifest, got.status, got.body, setting)
	}
	o.unchanged(fmt.Sprintf("%.200s", manifest))
}

// The calls themselves.
func TestManifestCalls(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office, address string) {
		o.write(func(tx *store.Tx) error {
			a := o.desk
			a.Zoom.AppType = typeS2S
			return tx.PutApp(a)
		})
		check := souktest.Unchanged(t, address)
		const validate = "POST /marketplace/apps/manifest/validate"
		const none = `{"code":1500,"message":"Only general apps have a manifest."}`
		const fine = `{"display_information":{"display_name":"x"}}`
		o.walls("GET /marketplace/apps/{app}/manifest", "")
		o.walls("PUT /marketplace/apps/{app}/manifest", `{"manifest":`+fine+`}`)
		o.want("ada", "GET /marketplace/apps/{desk}/manifest", "", 404, none)
		o.want("ada", "PUT /marketplace/apps/{desk}/manifest", `{"manifest":`+fine+`}`, 404, none)
		o.want("ada", validate, `{"app_id":"{desk}","manifest":`+fine+`}`, 404, none)
		for _, app := range []string{"{vat}", "{nobody}", "x", ""} {
			body := o.fill(`{"app_id":"` + app + `","manifest":` + fine + `}`)
			if got := o.call("ada", validate, body); got.status != 404 || !strings.HasPrefix(got.body, `{"code":1401,"message":"App ID does not exist: `) {
				t.Errorf("%s: %d %s", body, got.status, got.body)
			}
		}
		o.want("ada", validate, `{"manifest":`+fine+`}`, 200, `{"ok":true,"error":"","errors":null}`)
		if got := o.call("bob", validate, `{"manifest":`+fine+`}`); got.status != 400 || !strings.HasPrefix(got.body, `{"code":200,`) {
			t.Errorf("without the right: %d %s", got.status, got.body)
		}
		o.want("ada", validate, `{"manifest":`+o.full()+`}`, 200, `{"ok":false,"error":"invalid_manifest","errors":[{"setting":"/features/event_subscription/events",`+
			`"message":"must be empty for a new app: its secret, which it gets when it is made, proves the URLs"}]}`)
		for _, body := range []string{`{}`, `{"manifest":null}`} {
			for _, request := range []string{validate, "PUT " + manifestOfMill} {
				o.want("ada", request, body, 400, `{"code":300,"message":"Validation Failed.","errors":[{"field":"manifest","message":"is required"}]}`)
			}
		}
		for _, body := range []string{`{`, `[]`, `{"manifest":}`, `{"manifest":{"display_information":{"display_name":"a\u0000b"}}}`, `{"manifest":{"a":"` + "\xff" + `"}}`} {
			for _, request := range []string{validate, "PUT " + manifestOfMill} {
				if got := o.call("ada", request, body); got.status != 400 || !strings.HasPrefix(got.body, `{"code":300,`) {
					t.Errorf("%s %q: %d %s", request, body, got.status, got.body)
				}
			}
		}
		check("manifests in vain")
	})
}

// Too many webhooks are too many as a whole.
func TestManifestOfManyWebhooks(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office, address string) {
		many := func(n int, path string) string {
			entry := `{"event_types":["app.authorization_request_created"],"production_webhook_url":"` + o.receiver.URL + path + `"}`
			return `{"display_information":{"display_name":"Mill"},"oauth_information":{"scopes":[{"scope":"marketplace_app:read:admin"}]},` +
				`"features":{"event_subscription":{"enable":true,"events":[` + strings.TrimSuffix(strings.Repeat(entry+",", n), ",") + `]}}}`
		}
		for _, path := range []string{"/a", "/b"} { // all new again
			if got := o.put(many(market.MaxZoomWebhooks, path)); got.status != 204 {
				t.Fatalf("%d %s", got.status, got.body)
			}
		}
		check := souktest.Unchanged(t, address)
		if got := o.put(many(market.MaxZoomWebhooks+1, "/c")); got.status != 400 || !strings.Contains(got.body, `"field":"/features/event_subscription/events"`) {
			t.Errorf("%d %s", got.status, got.body)
		}
		check("one too many")
	})
}
