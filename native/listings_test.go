package native

import (
	"strings"
	"testing"

	"souk"
)

// The operator's queue begins with whoever waits longest, and what is decided
// about an app shows at once.
func TestListings(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		submit := func(a souk.App) {
			a.Listing = souk.Submitted
			o.putApp(t, a)
		}
		submit(o.inner)
		submit(o.notes)
		waiting := into[listing[listingObject]](t, o.call(t, "operator", "GET /apps?listing=submitted", ""), 200)
		if len(waiting.Items) != 2 || waiting.Items[0].ID >= waiting.Items[1].ID || waiting.NextCursor != nil {
			t.Errorf("waiting: %+v", waiting)
		}
		got := o.call(t, "operator", "PUT /apps/{notes}/listing", `{"listing":"listed"}`)
		if a := into[listingObject](t, got, 200); a.Listing != souk.Listed || !a.IsPublic || a.Owner.Name != "Vendor" || a.Installations != 1 || strings.Contains(string(got.body), "secret") {
			t.Errorf("listed: %s", got.body)
		}
		if a := into[listingObject](t, o.call(t, "operator", "GET /apps/{legal}/listing", ""), 200); *a.Links.TermsOfService != "https://vendor.example/terms" || len(a.Scopes) != 2 {
			t.Errorf("legal: %+v", a)
		}
		if waiting = into[listing[listingObject]](t, o.call(t, "operator", "GET /apps?listing=submitted", ""), 200); len(waiting.Items) != 1 || waiting.Items[0].Name != "Inner" {
			t.Errorf("still waiting: %+v", waiting)
		}
	})
}

// An app that is not listed any more ends where nothing else gives a right to
// it.
func TestTakenFromTheCatalogue(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		into[listingObject](t, o.call(t, "operator", "PUT /apps/{legal}/listing", `{"listing":"draft"}`), 200)
		if got := o.call(t, "mo", "GET /orgs/{sales}/apps/{legal}/installation", ""); got.problem() != "unknown-app" {
			t.Errorf("it is still there: %s", got.body)
		}
	})
}

func TestEntitlements(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		had := into[entitledObject](t, o.call(t, "operator", "GET /orgs/{acme}/entitlements", ""), 200)
		if !had.HasActiveSubscription || !had.HasAppsFeature || had.IsAppProvider || had.SlackID != o.acme.ID.Slack("E") {
			t.Errorf("had: %+v", had)
		}
		const fewer = `{"has_active_subscription":false,"has_apps_feature":false,"is_app_provider":true}`
		now := into[entitledObject](t, o.call(t, "operator", "PUT /orgs/{acme}/entitlements", fewer), 200)
		if read := into[entitledObject](t, o.call(t, "operator", "GET /orgs/{acme}/entitlements", ""), 200); read != now || read.HasActiveSubscription || read.HasAppsFeature || !read.IsAppProvider {
			t.Errorf("now %+v, read %+v", now, read)
		}
		if got := o.call(t, "olga", "POST /orgs/{acme}/installations", `{"app":"{deploy}"}`); got.problem() != "no-apps-feature" {
			t.Errorf("installing without the feature: %s", got.body)
		}
	})
}
