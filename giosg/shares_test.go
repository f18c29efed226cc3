package giosg

import (
	"slices"
	"strings"
	"testing"

	"souk"
)

const (
	vendorShares = "/orgs/{orgs.vendor}/outgoing_app_shares"
	soloShares   = "/orgs/{orgs.solo}/incoming_app_shares"
)

// published makes an app of the vendor's, which nobody else may install yet
// unless more says so.
func (o *company) published(t *testing.T, name, more string) ownedApp {
	t.Helper()
	return into[ownedApp](t, o.call(t, "vic", "POST /orgs/{orgs.vendor}/owned_apps", `{"name":"`+name+`","description":"D",
		"is_app_user_required":false,"terms_of_service_url":"https://v.example/t","privacy_policy_url":"https://v.example/p"`+more+`}`), 201)
}

// sharing is what a call says that shares an app.
func sharing(app souk.ID, with string) string {
	return `{"app_id":"` + app.String() + `","organization_id":"{orgs.` + with + `}"}`
}

func (o *company) shared(t *testing.T, app souk.ID, with string) share {
	t.Helper()
	return into[share](t, o.call(t, "vic", "POST "+vendorShares, sharing(app, with)), 201)
}

func (o *company) installed(t *testing.T, who, org string, app souk.ID) {
	t.Helper()
	into[installation](t, o.call(t, who, "POST /orgs/{orgs."+org+"}/app_installations",
		`{"app_id":"`+app.String()+`","is_terms_accepted":true}`), 201)
}

// has are the names in a list of an organization's.
func (o *company) has(t *testing.T, who, call string) string {
	t.Helper()
	var found []string
	for _, n := range into[listing[names]](t, o.call(t, who, "GET "+call, ""), 200).Results {
		found = append(found, n.Name)
	}
	slices.Sort(found)
	return strings.Join(found, " ")
}

// opened lets whoever holds settings at solo install without asking.
const opened = "version: 1\norgs: {solo: {policy: open}}\n"

// anonymous is a resource without who made it, as another organization reads it.
func anonymous(resource string) string {
	before, _, _ := strings.Cut(resource, `,"created_by_user_id":`)
	before += `,"created_by_user_id":null,"created_by_user":null`
	if strings.Contains(resource, `,"updated_by_user_id":`) {
		before += `,"updated_by_user_id":null,"updated_by_user":null`
	}
	return before + "}"
}

// A share is seen from both ends, and what it gives is there as long as it is.
func TestShares(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.Apply(opened)
		o.befriend(t, "vic", "vendor", "solveig", "solo")
		app := o.published(t, "Private", "")
		reply := o.call(t, "vic", "POST "+vendorShares, `{"id":"mine","created_at":null,"app":{},`+sharing(app.ID, "solo")[1:])
		made := into[share](t, reply, 201)
		vic := `{"id":"{users.vic}","first_name":"Vic","last_name":"Moss","full_name":"Vic Moss","organization_id":"{orgs.vendor}","avatar_id":null,"avatar":null,"is_bot":false}`
		shownApp := o.call(t, "solveig", "GET /orgs/{orgs.solo}/partner_apps/"+app.ID.String(), "")
		want := o.fill(`{"id":"` + made.ID.String() + `","organization_id":"{orgs.solo}","organization":{"id":"{orgs.solo}","name":"Solo"},` +
			`"app_organization_id":"{orgs.vendor}","app_organization":{"id":"{orgs.vendor}","name":"Vendor Ltd"},"app_id":"` + app.ID.String() + `","app":` + shownApp.body +
			`,"created_at":"` + made.CreatedAt + `","updated_at":"` + made.CreatedAt + `","created_by_user_id":"{users.vic}","created_by_user":` + vic +
			`,"updated_by_user_id":"{users.vic}","updated_by_user":` + vic + `}`)
		if reply.body != want || strings.Contains(want, *app.Secret) {
			t.Errorf("made: %s, want %s", reply.body, want)
		}
		id, unknown := "/"+made.ID.String(), detailText(unknownText)
		list := `{"next":null,"previous":null,"results":[` + want + `]}`
		o.expect(t, "vic", 200, want, "GET "+vendorShares+id)
		o.expect(t, "vic", 200, list, "GET "+vendorShares)
		got := anonymous(want)
		o.expect(t, "solveig", 200, got, "GET "+soloShares+id)
		o.expect(t, "solveig", 200, strings.Replace(list, want, got, 1), "GET "+soloShares)
		const vendorGets, soloGives = "/orgs/{orgs.vendor}/incoming_app_shares", "/orgs/{orgs.solo}/outgoing_app_shares"
		o.expect(t, "vic", 200, emptyPage, "GET "+vendorGets)
		o.expect(t, "solveig", 200, emptyPage, "GET "+soloGives)
		o.expect(t, "vic", 404, unknown, "GET "+vendorGets+id, "DELETE "+vendorGets+id, "GET "+vendorShares+"/{nothing}", "DELETE "+vendorShares+"/{nothing}")
		o.expect(t, "solveig", 404, unknown, "GET "+soloGives+id, "DELETE "+soloGives+id)
		o.expect(t, "sam", 404, unknown, "GET /orgs/{orgs.shop}/incoming_app_shares"+id, "DELETE /orgs/{orgs.shop}/outgoing_app_shares"+id)
		o.expect(t, "nils", 403, detailText(powerlessText), "GET "+soloShares, "GET "+soloShares+id, "DELETE "+soloShares+id)

		// Refused by the one, taken back by the other: what was installed goes.
		for _, end := range []struct{ who, shares string }{{"solveig", soloShares}, {"vic", vendorShares}} {
			o.installed(t, "solveig", "solo", app.ID)
			item := end.shares + "/" + made.ID.String()
			o.expect(t, end.who, 204, "", "DELETE "+item)
			o.expect(t, end.who, 404, unknown, "DELETE "+item, "GET "+item)
			if got := o.has(t, "solveig", "/orgs/{orgs.solo}/installed_apps"); got != "App console" {
				t.Errorf("%s ended the share, left is %s", end.who, got)
			}
			o.expect(t, "solveig", 404, unknown, "GET /orgs/{orgs.solo}/partner_apps/"+app.ID.String())
			made = o.shared(t, app.ID, "solo")
		}
		// An app that is gone is shared with nobody.
		o.expect(t, "vic", 204, "", "DELETE /orgs/{orgs.vendor}/owned_apps/"+app.ID.String())
		o.expect(t, "vic", 200, emptyPage, "GET "+vendorShares)
		o.expect(t, "solveig", 200, emptyPage, "GET "+soloShares)
		o.expect(t, "solveig", 404, unknown, "GET "+soloShares+"/"+made.ID.String(), "DELETE "+soloShares+"/"+made.ID.String())
	})
}

// What another right covers stays when a share ends.
func TestSharesBesideOtherRights(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.Apply(opened)
		o.befriend(t, "vic", "vendor", "solveig", "solo")
		app := o.published(t, "Partners", `,"is_available_to_partners":true`)
		made := o.shared(t, app.ID, "solo")
		o.installed(t, "solveig", "solo", app.ID)
		o.expect(t, "vic", 204, "", "DELETE "+vendorShares+"/"+made.ID.String())
		if got := o.has(t, "solveig", "/orgs/{orgs.solo}/installed_apps"); got != "App console Partners" {
			t.Errorf("left is %s", got)
		}
	})
}

func TestWhatCannotBeShared(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.befriend(t, "vic", "vendor", "solveig", "solo")
		o.befriend(t, "sam", "shop", "solveig", "solo")
		o.shared(t, o.ID("apps.vault"), "solo")
		nobody := souk.NewID().String()
		const strange = `{"organization_id":["This organization is not your partner."]}`
		for _, tt := range []struct {
			who, org, body string
			status         int
			said           string
		}{
			{"vic", "vendor", `{}`, 400, `{"app_id":["This field is required."],"organization_id":["This field is required."]}`},
			{"vic", "vendor", `{"app_id":null,"organization_id":{}}`, 400, `{"app_id":["This field may not be null."],"organization_id":["Must be a valid UUID."]}`},
			{"vic", "vendor", `{"app_id":"{apps.deploybot}","organization_id":"` + nobody + `"}`, 400, strange},
			{"vic", "vendor", `{"app_id":"{apps.deploybot}","organization_id":"{orgs.globex}"}`, 400, strange},
			{"vic", "vendor", `{"app_id":"{apps.deploybot}","organization_id":"{orgs.vendor}"}`, 400, strange},
			{"vic", "vendor", `{"app_id":"` + nobody + `","organization_id":"{orgs.solo}"}`, 400, `{"app_id":["Invalid pk \"` + nobody + `\" - object does not exist."]}`},
			{"vic", "vendor", `{"app_id":"{apps.clerk}","organization_id":"{orgs.solo}"}`, 400, `{"app_id":["Invalid pk \"{apps.clerk}\" - object does not exist."]}`},
			{"vic", "vendor", `{"app_id":"{apps.vault}","organization_id":"{orgs.solo}"}`, 400, `{"non_field_errors":["The fields organization_id, app_id must make a unique set."]}`},
			// Without the feature, what is wrong otherwise is told first.
			{"sam", "shop", `{"app_id":"{apps.clerk}","organization_id":"{orgs.globex}"}`, 400, strange},
			{"sam", "shop", `{"app_id":"{apps.vault}","organization_id":"{orgs.solo}"}`, 400, `{"app_id":["Invalid pk \"{apps.vault}\" - object does not exist."]}`},
			{"sam", "shop", `{"app_id":"{apps.clerk}","organization_id":"{orgs.solo}"}`, 402, detailText("Your organization does not have the App provider feature.")},
			{"nils", "solo", `{`, 403, detailText(powerlessText)},
		} {
			got := o.call(t, tt.who, "POST /orgs/{orgs."+tt.org+"}/outgoing_app_shares", tt.body)
			if got.status != tt.status || got.body != o.fill(tt.said) {
				t.Errorf("%s by %s: %d %s, want %d %s", tt.body, tt.who, got.status, got.body, tt.status, o.fill(tt.said))
			}
		}
		if got := into[listing[share]](t, o.call(t, "solveig", "GET "+soloShares, ""), 200); len(got.Results) != 1 {
			t.Errorf("shared: %+v", got.Results)
		}
	})
}

// The end of a partnership is the end of what it gave, on both sides, and of
// nothing else.
func TestTheEndOfAPartnership(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.Apply(opened)
		o.befriend(t, "vic", "vendor", "solveig", "solo")
		o.befriend(t, "vic", "vendor", "sam", "shop")
		private := o.published(t, "Private", "")
		partners := o.published(t, "Partners", `,"is_available_to_partners":true`)
		o.shared(t, private.ID, "solo")
		kept := o.shared(t, private.ID, "shop")
		for _, at := range []struct{ who, org string }{{"solveig", "solo"}, {"sam", "shop"}} {
			o.installed(t, at.who, at.org, private.ID)
			o.installed(t, at.who, at.org, partners.ID)
		}
		o.expect(t, "nils", 403, detailText(powerlessText), "DELETE "+ofSolo+"/{orgs.vendor}")
		o.expect(t, "solveig", 204, "", "DELETE "+ofSolo+"/{orgs.vendor}")

		unknown := detailText(unknownText)
		o.expect(t, "solveig", 404, unknown, "DELETE "+ofSolo+"/{orgs.vendor}", "GET "+ofSolo+"/{orgs.vendor}")
		o.expect(t, "vic", 404, unknown, "DELETE /orgs/{orgs.vendor}/partnerships/{orgs.solo}", "GET /orgs/{orgs.vendor}/partnerships/{orgs.solo}")
		o.expect(t, "solveig", 200, emptyPage, "GET "+soloShares, "GET "+ofSolo, "GET /orgs/{orgs.solo}/partner_apps")
		if got := o.has(t, "solveig", "/orgs/{orgs.solo}/installed_apps"); got != "App console" {
			t.Errorf("solo is left with %s", got)
		}
		if got := o.has(t, "sam", "/orgs/{orgs.shop}/installed_apps"); got != "Clerk Partners Private" {
			t.Errorf("the shop is left with %s", got)
		}
		left := into[listing[share]](t, o.call(t, "vic", "GET "+vendorShares, ""), 200).Results
		if len(left) != 1 || left[0].ID != kept.ID {
			t.Errorf("left of the shares: %+v", left)
		}
	})
}

// Shares are listed newest first, from both ends.
func TestOrderOfShares(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.befriend(t, "vic", "vendor", "solveig", "solo")
		var made []souk.ID
		for _, app := range []string{"console", "vault", "deploybot"} {
			made = append(made, o.shared(t, o.ID("apps."+app), "solo").ID)
		}
		slices.Reverse(made)
		for _, end := range []struct{ who, shares string }{{"solveig", soloShares}, {"vic", vendorShares}} {
			var found []souk.ID
			for next := new("GET " + end.shares + "?page_size=2"); next != nil; {
				p := into[listing[share]](t, o.call(t, end.who, *next, ""), 200)
				for _, s := range p.Results {
					found = append(found, s.ID)
				}
				if next = p.Next; next != nil {
					next = new(follow(t, *next))
				}
			}
			if !slices.Equal(found, made) {
				t.Errorf("%s finds %v, made were %v", end.who, found, made)
			}
		}
	})
}

// Who works at another organization is told by no notification either.
func TestToldOfShares(t *testing.T) {
	everyNewsroom(t, func(t *testing.T, n *newsroom) {
		n.befriend(t, "vic", "vendor", "sam", "shop")
		app := n.published(t, "Private", "")
		n.listen(t, hears("a", ofOrg+"incoming_app_shares"))
		made := n.call(t, "vic", "POST "+vendorShares, sharing(app.ID, "shop"))
		into[share](t, made, 201)
		if l, want := n.next(t), anonymous(made.body); string(l.Resource) != want {
			t.Errorf("told %s, want %s", l.Resource, want)
		}
		n.silence(t, "after the share")
	})
}
