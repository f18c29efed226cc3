package zoom

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"souk"
	"souk/souktest"
	"souk/store"
)

const createIt = "POST /marketplace/apps"

// newBody is a body that makes an app, with other members, or without when they
// are empty.
func newBody(but map[string]string) string {
	members := map[string]string{
		"app_type": `"s2s_oauth"`, "app_name": `"Robot & <Co>"`, "contact_name": `"Ada"`, "contact_email": `"ada@acme.example"`,
		"company_name": `"Acme"`, "scopes": `["settings","users"]`,
	}
	for name, value := range but {
		members[name] = value
	}
	var all []string
	for name, value := range members {
		if value != "" {
			all = append(all, fmt.Sprintf("%q:%s", name, value))
		}
	}
	slices.Sort(all)
	return "{" + strings.Join(all, ",") + "}"
}

// An app is made with what it proves itself with, which is shown once, and goes
// when it is deleted.
func TestCreatingAndDeletingApps(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		for _, tt := range []struct {
			but          map[string]string
			kind, usage  string
			scopes       []string
			wish, showed bool
		}{
			{nil, typeS2S, "OAuthApp", []string{"settings", "users"}, false, true},
			{map[string]string{"scopes": "", "active": "true"}, typeS2S, "OAuthApp", []string{}, false, true},
			{map[string]string{"app_type": `"meeting_sdk"`, "publish": "true"}, typeSDK, "OAuthApp", []string{"settings", "users"}, true, true},
			{map[string]string{"app_type": `"general"`, "scopes": "", "manifest": `{"display_information":{"display_name":"Other","description":"D"},` +
				`"oauth_information":{"oauth_allow_list":["https://x.example/back"],"scopes":[{"scope":"users","optional":false}]}}`},
				typeGeneral, "GeneralApp", []string{"users"}, false, true},
		} {
			if tt.wish {
				o.write(func(tx *store.Tx) error {
					acme := o.acme
					acme.IsAppProvider = true
					return tx.PutOrg(acme)
				})
			}
			got := o.call("ada", createIt, newBody(tt.but))
			var made madeApp
			if err := json.Unmarshal([]byte(got.body), &made); err != nil || got.status != 201 {
				t.Fatalf("%v: %d %s", tt.but, got.status, got.body)
			}
			id, ok := souk.ParseZoomID(made.ID)
			if !ok || made.Name != "Robot & <Co>" || !slices.Equal(made.Scopes, tt.scopes) || (made.Production != nil) != tt.wish || made.CreatedAt == "" ||
				len(made.Development.ID) != 22 || made.Development.Secret == "" || made.Production != nil && *made.Production != made.Development {
				t.Errorf("%s", got.body)
			}
			var app souk.App
			var sealed store.SealedCredentials
			o.write(func(tx *store.Tx) (err error) {
				if app, err = tx.App(id); err == nil {
					sealed, err = tx.Credentials(id)
				}
				return err
			})
			open, err := sealed.Open(souktest.Key)
			if err != nil || open.ZoomClientID != made.Development.ID || open.ZoomClientSecret != made.Development.Secret {
				t.Errorf("%v: other credentials (%v)", tt.but, err)
			}
			if app.Owner != o.acme.ID || app.Zoom.AppType != tt.kind || app.IsAvailableToAnyone != tt.wish || app.CreatedBy != o.ada.ID {
				t.Errorf("%+v", app)
			}
			again := strings.ReplaceAll("GET /marketplace/apps/{new}", "{new}", made.ID)
			if got := o.call("ada", again, ""); got.status != 200 || !strings.Contains(got.body, `"app_type":"`+tt.usage+`"`) || strings.Contains(got.body, made.Development.Secret) {
				t.Errorf("%d %s", got.status, got.body)
			}
			o.want("gus", "DELETE /marketplace/apps/"+made.ID, "", 404, `{"code":1401,"message":"App ID does not exist: `+made.ID+`"}`)
			o.want("ada", "DELETE /marketplace/apps/"+made.ID, "", 204, "")
			o.want("ada", "DELETE /marketplace/apps/"+made.ID, "", 404, `{"code":1401,"message":"App ID does not exist: `+made.ID+`"}`)
			o.want("ada", again, "", 404, `{"code":1401,"message":"App ID does not exist: `+made.ID+`"}`)
		}
		if strings.Contains(o.log.String(), "secret") {
			t.Errorf("the log says %s", o.log)
		}
	})
}

// What cannot be made is told by the names of the body, and nothing is made.
func TestCreatingAppsInVain(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office, address string) {
		check := souktest.Unchanged(t, address)
		long := func(n int) string { return `"` + strings.Repeat("é", n) + `"` }
		general := func(manifest string) map[string]string {
			return map[string]string{"app_type": `"general"`, "manifest": manifest}
		}
		for _, tt := range []struct {
			but   map[string]string
			field string
		}{
			{map[string]string{"app_type": ""}, "app_type"},
			{map[string]string{"app_type": `"webhook_only"`}, "app_type"},
			{map[string]string{"app_type": `7`}, "app_type"},
			{map[string]string{"app_name": ""}, "app_name"},
			{map[string]string{"app_name": `" "`}, "app_name"},
			{map[string]string{"app_name": long(51)}, "app_name"},
			{map[string]string{"contact_name": ""}, "contact_name"},
			{map[string]string{"contact_email": ""}, "contact_email"},
			{map[string]string{"contact_email": `"ada"`}, "contact_email"},
			{map[string]string{"company_name": long(151)}, "company_name"},
			{map[string]string{"company_name": `[]`}, "company_name"},
			{map[string]string{"scopes": `["settings","lunch"]`}, "scopes[1]"},
			{map[string]string{"scopes": `["settings",""]`}, "scopes[1]"},
			{map[string]string{"scopes": `"settings"`}, "scopes"},
			{map[string]string{"publish": `"yes"`}, "publish"},
			{map[string]string{"manifest": `{}`}, "manifest"},
			{map[string]string{"app_type": `"general"`}, "manifest"},
			{general(`null`), "manifest"},
			{general(`7`), "manifest"},
			{general(`{"oauth_information":{"scopes":[{"scope":"lunch"}]}}`), "manifest/oauth_information/scopes/0/scope"},
			{general(`{"display_information":{"privacy_url":"x"}}`), "manifest/display_information/privacy_url"},
			{general(`{"features":{"event_subscription":{"enable":true,"events":[{"event_types":["app_deauthorized"],"production_webhook_url":"https://x.example"}]}}}`), "manifest/features/event_subscription/events"},
		} {
			var refused problem
			got := o.call("ada", createIt, newBody(tt.but))
			if err := json.Unmarshal([]byte(got.body), &refused); err != nil || got.status != 400 || refused.Code != 300 || len(refused.Errors) == 0 || refused.Errors[0].Field != tt.field {
				t.Errorf("%v: %d %s, want %s", tt.but, got.status, got.body, tt.field)
			}
		}
		for _, body := range []string{`{`, `[]`, `"x"`, ``} {
			if got := o.call("ada", createIt, body); got.status != 400 || !strings.HasPrefix(got.body, `{"code":300,`) {
				t.Errorf("%q: %d %s", body, got.status, got.body)
			}
		}
		o.want("ada", createIt, newBody(map[string]string{"publish": "true"}), 400, `{"code":200,"message":"This account cannot create apps."}`)
		o.want("", createIt, newBody(nil), 401, `{"code":124,"message":"Invalid access token."}`)
		if got := o.call("bob", createIt, newBody(nil)); got.status != 400 || !strings.HasPrefix(got.body, `{"code":200,`) {
			t.Errorf("without the right: %d %s", got.status, got.body)
		}
		if got := o.call("none", createIt, newBody(nil)); got.status != 401 || !strings.HasPrefix(got.body, `{"code":201,`) {
			t.Errorf("without a scope: %d %s", got.status, got.body)
		}
		o.walls("DELETE /marketplace/apps/{app}", "")
		check("making and deleting apps in vain")
	})
}
