package giosg

import (
	"testing"
	"time"

	"souk"
	"souk/souktest"
)

// phoned adds a bot that was given the scope that the clerk lacks.
const phoned = `
version: 1
apps:
  phone:
    owner: shop
    name: Phone
    is_app_user_required: true
    app_user: {first_name: Shop, last_name: Phone}
    required_scopes: [users]
installations:
  phone@shop: {app: phone, org: shop, installed_by: sam}
`

// bot is the app user of an installation at the shop, and a token for it.
func (o *company) bot(t *testing.T, installation string) (souk.Speaker, string) {
	t.Helper()
	v, err := o.Market.AppInstallation(t.Context(), o.As("sam"), o.ID("orgs.shop"), o.ID(installation))
	if err != nil {
		t.Fatal(err)
	}
	s := souk.Speaker{Installation: v.ID, App: v.App, Org: v.Installation.Org, User: v.AppUser}
	token, err := mintToken(souktest.Key, s, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return s, token
}

// Whose installation lacks the scope users reads who its colleagues are, and not
// how to write to them.
func TestColleaguesOfABot(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.Apply(phoned)
		for installation, told := range map[string]bool{"installations.clerk@shop": false, "installations.phone@shop": true} {
			_, token := o.bot(t, installation)
			found := into[listing[user]](t, o.bearer(t, "GET /orgs/{orgs.shop}/users", token), 200).Results
			one := into[user](t, o.bearer(t, "GET /orgs/{orgs.shop}/users/{users.kim}", token), 200)
			people := 0
			for _, u := range append(found, one) {
				if u.IsBot {
					continue
				}
				people++
				if (u.Email != nil) != told || u.FirstName == "" || len(u.Permissions) == 0 && u.FirstName != "Gone" {
					t.Errorf("%s reads %+v", installation, u)
				}
			}
			if people != 4 { // Sam, Kim and Gone, and Kim once more
				t.Errorf("%s read %d people", installation, people)
			}
		}
		if kim := into[user](t, o.call(t, "gone", "GET /orgs/{orgs.shop}/users/{users.kim}", ""), 200); kim.Email == nil {
			t.Error("a colleague reads no e-mail")
		}
	})
}

// A bot may look after apps and not speak for them.
func TestSecretsBeforeABot(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		clerk, token := o.bot(t, "installations.clerk@shop")
		given := souk.Membership{User: clerk.User, Org: clerk.Org, Role: souk.Member, Permissions: []souk.Permission{souk.CanSettings}}
		if err := o.Market.PutMembership(t.Context(), souk.Operator("test"), given); err != nil {
			t.Fatal(err)
		}
		const apps = "GET /orgs/{orgs.shop}/owned_apps"
		listed := into[listing[ownedApp]](t, o.bearer(t, apps, token), 200).Results
		one := into[ownedApp](t, o.bearer(t, apps+"/{apps.clerk}", token), 200)
		for _, a := range append(listed, one) {
			if a.Secret != nil {
				t.Errorf("a bot reads %s of %s", *a.Secret, a.Name)
			}
		}
		if own := into[ownedApp](t, o.call(t, "sam", apps+"/{apps.clerk}", ""), 200); len(listed) != 1 || own.Secret == nil || len(*own.Secret) != 40 {
			t.Errorf("of %d apps a person reads %v", len(listed), own.Secret)
		}
	})
}
