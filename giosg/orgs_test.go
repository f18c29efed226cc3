package giosg

import (
	"slices"
	"strings"
	"testing"

	"souk"
)

// staffed makes a shop that can be reached, with somebody who came later.
const staffed = `
version: 1
orgs:
  shop:
    contact: {email: info@shop.example, phone: "+358 1", street: Kauppakatu 1, postal_code: "00100", city: Helsinki, country: fi, business_id: 1234-5}
users:
  una: {org: shop, email: una@shop.example, first_name: Una, last_name: Moe, memberships: [{org: shop, permissions: [users, reports]}]}
`

// Whoever belongs to an organization reads about it, also without permissions.
func TestOrganization(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		shop := into[organization](t, o.call(t, "gone", "GET /orgs/{orgs.shop}", ""), 200)
		nothing := `"email":null,"phone":null,"street":null,"postal_code":null,"city":null,"country":null,"business_id":null`
		known := `"email":"info@shop.example","phone":"+358 1","street":"Kauppakatu 1","postal_code":"00100","city":"Helsinki","country":"fi","business_id":"1234-5"`
		shown := func(contact, updated string) string {
			return `{"id":"{orgs.shop}","name":"Shop",` + contact + `,"created_at":"` + shop.CreatedAt + `","updated_at":"` + updated + `"}`
		}
		o.expect(t, "sam", 200, shown(nothing, shop.CreatedAt), "GET /orgs/{orgs.shop}", "GET /orgs/{orgs.shop}?format=json")
		o.Apply(staffed)
		later := into[organization](t, o.call(t, "gone", "GET /orgs/{orgs.shop}", ""), 200)
		if later.UpdatedAt < shop.UpdatedAt {
			t.Errorf("changed at %s, made at %s", later.UpdatedAt, shop.CreatedAt)
		}
		o.expect(t, "gone", 200, shown(known, later.UpdatedAt), "GET /orgs/{orgs.shop}")
		if got := o.call(t, "sam", "HEAD /orgs/{orgs.shop}", ""); got.status != 200 || got.body != "" {
			t.Errorf("HEAD: %d %s", got.status, got.body)
		}
		o.expect(t, "gone", 405, detailText(`Method \"PATCH\" not allowed.`), "PATCH /orgs/{orgs.shop}")
		o.expect(t, "solveig", 403, detailText(strangerText), "GET /orgs/{orgs.shop}", "GET /orgs/{nothing}", "GET /orgs/{orgs.shop}/users",
			"GET /orgs/{orgs.shop}/users/{users.sam}", "GET /orgs/{orgs.shop}/users/{nothing}")
	})
}

// The users of an organization are those who have their home there, whoever
// else belongs to it.
func TestUsers(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.Apply(staffed)
		find := func(query string) (found []string, users []user) {
			t.Helper()
			for next := new("GET /orgs/{orgs.shop}/users?" + query); next != nil; {
				p := into[listing[user]](t, o.call(t, "gone", *next, ""), 200)
				for _, u := range p.Results {
					found, users = append(found, u.FirstName), append(users, u)
				}
				if next = p.Next; next != nil {
					next = new(follow(t, *next))
				}
			}
			return found, users
		}
		named, users := find("page_size=2")
		if want := []string{"Gone", "Kim", "Sam", "Shop", "Una"}; !slices.Equal(slices.Sorted(slices.Values(named)), want) || named[0] != "Una" {
			t.Errorf("found %v, want %v with Una first", named, want)
		}
		for _, u := range users {
			if one := into[user](t, o.call(t, "gone", "GET /orgs/{orgs.shop}/users/"+u.ID.String(), ""), 200); !slices.Equal(one.Permissions, u.Permissions) || one.Email != nil && *one.Email != *u.Email {
				t.Errorf("listed %+v, alone %+v", u, one)
			}
			holds := map[string][]souk.Permission{"Sam": souk.Permissions, "Kim": {souk.CanSettings}, "Una": {souk.CanReports, souk.CanUsers}}[u.FirstName]
			if !slices.Equal(u.Permissions, append([]souk.Permission{}, holds...)) {
				t.Errorf("%s holds %v, want %v", u.FirstName, u.Permissions, holds)
			}
			if bot := u.FirstName == "Shop"; u.IsBot != bot || (u.Email == nil) != bot || u.OrganizationID != o.ID("orgs.shop") || u.Organization.Name != "Shop" || u.IsDeleted || u.DeletedAt != nil {
				t.Errorf("found %+v", u)
			}
		}
		// Who is gone is in no list, and not forgotten.
		if err := o.Market.DeactivateUser(t.Context(), souk.Operator("test"), o.ID("users.kim")); err != nil {
			t.Fatal(err)
		}
		if left, _ := find("ordering=created_at"); slices.Contains(left, "Kim") || len(left) != 4 || left[3] != "Una" {
			t.Errorf("left are %v", left)
		}
		kim := into[user](t, o.call(t, "gone", "GET /orgs/{orgs.shop}/users/{users.kim}", ""), 200)
		if !kim.IsDeleted || kim.DeletedAt == nil || *kim.Email != "kim@shop.example" || len(kim.Permissions) != 0 {
			t.Errorf("gone: %+v", kim)
		}
		o.expect(t, "sam", 404, detailText(unknownText), "GET /orgs/{orgs.shop}/users/{users.lars}", "GET /orgs/{orgs.shop}/users/{users.solveig}",
			"GET /orgs/{orgs.shop}/users/{nothing}", "GET /orgs/{orgs.shop}/users/00000000-0000-0000-0000-000000000000", "GET /orgs/{orgs.shop}/users/me")
		if got := o.call(t, "lars", "GET /orgs/{orgs.shop}/users", ""); got.status != 403 || strings.Contains(got.body, "@") {
			t.Errorf("without a subscription: %d %s", got.status, got.body)
		}
	})
}

// What somebody holds at the enterprise above, they hold at home.
func TestUsersBelowAnEnterprise(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.Apply("version: 1\nusers: {gone: {memberships: [{org: shop}, {org: mall, permissions: [reports]}]}}\n")
		for _, u := range into[listing[user]](t, o.call(t, "sam", "GET /orgs/{orgs.shop}/users", ""), 200).Results {
			if u.FirstName == "Gone" && !slices.Equal(u.Permissions, []souk.Permission{souk.CanReports}) {
				t.Errorf("holds %v", u.Permissions)
			}
		}
		if u := into[user](t, o.call(t, "sam", "GET /orgs/{orgs.shop}/users/{users.gone}", ""), 200); !slices.Equal(u.Permissions, []souk.Permission{souk.CanReports}) {
			t.Errorf("alone holds %v", u.Permissions)
		}
	})
}
