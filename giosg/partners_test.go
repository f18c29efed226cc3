package giosg

import (
	"fmt"
	"strings"
	"testing"

	"souk"
	"souk/market"
)

const (
	shopSends  = "/orgs/{orgs.shop}/outgoing_partnership_invitations"
	shopGets   = "/orgs/{orgs.shop}/incoming_partnership_invitations"
	soloSends  = "/orgs/{orgs.solo}/outgoing_partnership_invitations"
	soloGets   = "/orgs/{orgs.solo}/incoming_partnership_invitations"
	ofShop     = "/orgs/{orgs.shop}/partnerships"
	ofSolo     = "/orgs/{orgs.solo}/partnerships"
	emptyPage  = `{"next":null,"previous":null,"results":[]}`
	samShown   = `{"id":"{users.sam}","first_name":"Sam","last_name":"Ström","full_name":"Sam Ström","organization_id":"{orgs.shop}","avatar_id":null,"avatar":null,"is_bot":false}`
	inviteSolo = `{"invited_organization_id":"{orgs.solo}"}`
)

// invited makes an invitation.
func (o *company) invited(t *testing.T, who, from, to string) invitation {
	t.Helper()
	return into[invitation](t, o.call(t, who, "POST /orgs/{orgs."+from+"}/outgoing_partnership_invitations",
		`{"invited_organization_id":"{orgs.`+to+`}"}`), 201)
}

// befriend makes partners of two organizations.
func (o *company) befriend(t *testing.T, who, from, whom, to string) {
	t.Helper()
	i := o.invited(t, who, from, to)
	into[partnership](t, o.call(t, whom, "POST /orgs/{orgs."+to+"}/incoming_partnership_invitations/"+i.ID.String()+"/accept", ""), 200)
}

// expect makes calls by whoever holds a token, and compares what they answer.
func (o *company) expect(t *testing.T, who string, status int, body string, calls ...string) {
	t.Helper()
	for _, call := range calls {
		if got := o.call(t, who, call, ""); got.status != status || got.body != o.fill(body) {
			t.Errorf("%s by %s: %d %s, want %d %s", call, who, got.status, got.body, status, o.fill(body))
		}
	}
}

// An invitation is seen from both ends, and only the other one can accept it.
func TestInvitations(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		reply := o.call(t, "sam", "POST "+shopSends, inviteSolo)
		made := into[invitation](t, reply, 201)
		id := "/" + made.ID.String()
		want := `{"id":"` + made.ID.String() + `","organization_id":"{orgs.shop}","organization":{"id":"{orgs.shop}","name":"Shop"},` +
			`"invited_organization_id":"{orgs.solo}","invited_organization":null,"created_at":"` + made.CreatedAt +
			`","created_by_user_id":"{users.sam}","created_by_user":` + samShown + `}`
		if reply.body != o.fill(want) {
			t.Errorf("made: %s, want %s", reply.body, o.fill(want))
		}
		list := func(item string) string { return `{"next":null,"previous":null,"results":[` + item + `]}` }
		got := strings.Replace(want, `"invited_organization":null`, `"invited_organization":{"id":"{orgs.solo}","name":"Solo"}`, 1)
		got = anonymous(got)
		o.expect(t, "kim", 200, want, "GET "+shopSends+id)
		o.expect(t, "kim", 200, list(want), "GET "+shopSends)
		o.expect(t, "solveig", 200, got, "GET "+soloGets+id)
		o.expect(t, "solveig", 200, list(got), "GET "+soloGets)

		o.expect(t, "sam", 200, emptyPage, "GET "+shopGets)
		o.expect(t, "solveig", 200, emptyPage, "GET "+soloSends)
		unknown := detailText(unknownText)
		o.expect(t, "sam", 404, unknown, "GET "+shopGets+id, "DELETE "+shopGets+id, "POST "+shopGets+id+"/accept", "POST "+shopSends+id+"/accept")
		o.expect(t, "solveig", 404, unknown, "GET "+soloSends+id, "DELETE "+soloSends+id, "GET "+soloGets+"/{nothing}", "POST "+soloGets+"/{nothing}/accept")
		for _, box := range []string{"outgoing", "incoming"} {
			item := "/orgs/{orgs.globex}/" + box + "_partnership_invitations" + id
			o.expect(t, "gus", 404, unknown, "GET "+item, "DELETE "+item)
		}
		o.expect(t, "gus", 404, unknown, "POST /orgs/{orgs.globex}/incoming_partnership_invitations"+id+"/accept")
		o.expect(t, "nils", 403, detailText(powerlessText), "GET "+soloGets, "GET "+soloGets+id, "POST "+soloGets+id+"/accept", "DELETE "+soloGets+id)

		reply = o.call(t, "solveig", "POST "+soloGets+id+"/accept", "")
		p := into[partnership](t, reply, 200)
		want = `{"partner_organization_id":"{orgs.shop}","partner_organization":{"id":"{orgs.shop}","name":"Shop"},"organization_id":"{orgs.solo}",` +
			`"organization":{"id":"{orgs.solo}","name":"Solo"},"display_name":null,"created_at":"` + p.CreatedAt + `"}`
		if reply.body != o.fill(want) {
			t.Errorf("accepted: %s, want %s", reply.body, o.fill(want))
		}
		o.expect(t, "nils", 200, want, "GET "+ofSolo+"/{orgs.shop}")
		o.expect(t, "nils", 200, `{"next":null,"previous":null,"results":[`+want+`]}`, "GET "+ofSolo)
		if got := into[partnership](t, o.call(t, "gone", "GET "+ofShop+"/{orgs.solo}", ""), 200); got.PartnerOrganizationID != o.ID("orgs.solo") || got.CreatedAt != p.CreatedAt {
			t.Errorf("from the other side: %+v", got)
		}
		o.expect(t, "solveig", 404, unknown, "POST "+soloGets+id+"/accept", "GET "+soloGets+id, "DELETE "+soloGets+id)
		o.expect(t, "sam", 404, unknown, "GET "+shopSends+id, "DELETE "+shopSends+id)
		o.expect(t, "solveig", 200, emptyPage, "GET "+soloGets)

		// Taken back by the one, declined by the other; both can be asked anew.
		back := shopSends + "/" + o.invited(t, "sam", "shop", "globex").ID.String()
		o.expect(t, "sam", 204, "", "DELETE "+back)
		o.expect(t, "sam", 404, unknown, "DELETE "+back)
		declined := "/orgs/{orgs.globex}/incoming_partnership_invitations/" + o.invited(t, "sam", "shop", "globex").ID.String()
		o.expect(t, "gus", 204, "", "DELETE "+declined)
		o.expect(t, "gus", 404, unknown, "POST "+declined+"/accept")
		o.expect(t, "sam", 200, emptyPage, "GET "+shopSends)
		o.befriend(t, "gus", "globex", "sam", "shop")
	})
}

// The operator may be faster: accepting then ends the invitation and changes
// nothing else.
func TestAcceptingWhatStands(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		i := o.invited(t, "sam", "shop", "solo")
		o.Apply("version: 1\npartnerships: [[shop, solo]]\n")
		named := into[partnership](t, o.call(t, "solveig", "PATCH "+ofSolo+"/{orgs.shop}", `{"display_name":"The shop"}`), 200)
		accepted := into[partnership](t, o.call(t, "solveig", "POST "+soloGets+"/"+i.ID.String()+"/accept", ""), 200)
		if accepted.CreatedAt != named.CreatedAt || accepted.DisplayName == nil || *accepted.DisplayName != "The shop" {
			t.Errorf("accepted %+v, it stood as %+v", accepted, named)
		}
		o.expect(t, "solveig", 200, emptyPage, "GET "+soloGets)
	})
}

func TestWhoCannotBeInvited(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.invited(t, "sam", "shop", "globex")
		o.invited(t, "vic", "vendor", "shop")
		o.befriend(t, "sam", "shop", "solveig", "solo")
		for _, tt := range []struct{ value, said string }{
			{`null`, "This field may not be null."},
			{`7`, "Must be a valid UUID."},
			{`["{orgs.solo}"]`, "Must be a valid UUID."},
			{`"solo"`, "Must be a valid UUID."},
			{`"00000000-0000-0000-0000-000000000000"`, `Invalid pk \"00000000-0000-0000-0000-000000000000\" - object does not exist.`},
			{`"{orgs.shop}"`, "An organization cannot invite itself."},
			{`"{orgs.solo}"`, "This organization is already your partner."},
			{`"{orgs.globex}"`, "An invitation is already pending."},
			{`"{orgs.vendor}"`, "An invitation is already pending."},
		} {
			got := o.call(t, "sam", "POST "+shopSends, `{"invited_organization_id":`+tt.value+`}`)
			if want := o.fill(`{"invited_organization_id":["` + tt.said + `"]}`); got.status != 400 || got.body != want {
				t.Errorf("%s: %d %s, want %s", tt.value, got.status, got.body, want)
			}
		}
		o.expect(t, "sam", 400, `{"invited_organization_id":["This field is required."]}`, "POST "+shopSends)
		if got := into[listing[invitation]](t, o.call(t, "sam", "GET "+shopSends, ""), 200); len(got.Results) != 1 {
			t.Errorf("pending: %+v", got.Results)
		}
	})
}

// Whoever invites cannot tell whether there is such an organization: what is
// answered, listed and taken back is the same but for the id.
func TestInvitingWhoeverItMayBe(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		shape := func(whom string) string {
			t.Helper()
			var seen []string
			blank := strings.NewReplacer(whom, "WHOM")
			tell := func(call, body string) reply {
				t.Helper()
				got := o.call(t, "sam", call, body)
				seen = append(seen, fmt.Sprint(got.status, " ", blank.Replace(got.body)))
				return got
			}
			body := `{"invited_organization_id":"` + strings.ToUpper(whom) + `"}`
			made := into[invitation](t, tell("POST "+shopSends, body), 201)
			blank = strings.NewReplacer(whom, "WHOM", made.ID.String(), "MADE", made.CreatedAt, "NOW")
			seen = nil
			tell("POST "+shopSends, body)
			tell("GET "+shopSends, "")
			tell("GET "+shopSends+"/"+made.ID.String(), "")
			tell("POST "+shopGets+"/"+made.ID.String()+"/accept", "")
			tell("DELETE "+shopSends+"/"+made.ID.String(), "")
			tell("GET "+shopSends, "")
			return strings.Join(seen, "\n")
		}
		want := shape(o.ID("orgs.solo").String())
		for what, id := range map[string]souk.ID{"nobody": souk.NewID(), "a user": o.ID("users.solveig"), "an app": o.ID("apps.vault")} {
			if got := shape(id.String()); got != want {
				t.Errorf("inviting %s:\n%s\nan organization:\n%s", what, got, want)
			}
		}
	})
}

// An organization asks so many others and no more, until some have answered.
func TestInvitingMany(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		i := o.invited(t, "sam", "shop", "solo")
		for range market.MaxInvitations - 1 {
			if _, err := o.Market.Invite(t.Context(), souk.Actor{Platform: true}, o.ID("orgs.shop"), souk.NewID()); err != nil {
				t.Fatal(err)
			}
		}
		got := o.call(t, "sam", "POST "+shopSends, `{"invited_organization_id":"{orgs.globex}"}`)
		if want := `{"non_field_errors":["This organization has as many open invitations as it can have."]}`; got.status != 400 || got.body != want {
			t.Errorf("one too many: %d %s", got.status, got.body)
		}
		o.expect(t, "solveig", 204, "", "DELETE "+soloGets+"/"+i.ID.String())
		o.invited(t, "sam", "shop", "globex")
		o.invited(t, "vic", "vendor", "shop") // by another
	})
}

// A name is one's own label: whatever is wrong with it changes nothing, and the
// partner never hears of it.
func TestNamesOfPartners(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.befriend(t, "sam", "shop", "solveig", "solo")
		o.befriend(t, "vic", "vendor", "sam", "shop")
		long := strings.Repeat("ä", 200)
		const item = ofShop + "/{orgs.solo}"
		for _, tt := range []struct {
			body   string
			status int
			said   string // in place of the name that the partner has then
			name   string
		}{
			{`{}`, 200, "", ""},
			{``, 200, "", ""},
			{`{"display_name":" Solo & Söhne ","organization_id":7,"partner_organization":null,"created_at":[]}`, 200, "", "Solo & Söhne"},
			{`{"display_name":"` + long + `ä"}`, 400, `{"display_name":["Ensure this field has no more than 200 characters."]}`, "Solo & Söhne"},
			{`{"display_name":" "}`, 400, `{"display_name":["This field may not be blank."]}`, "Solo & Söhne"},
			{`{"display_name":true}`, 400, `{"display_name":["Not a valid string."]}`, "Solo & Söhne"},
			{`{"display_name":["x"]}`, 400, `{"display_name":["Not a valid string."]}`, "Solo & Söhne"},
			{`{"display_name":"\u0000"}`, 400, `{"display_name":["Not a valid string."]}`, "Solo & Söhne"},
			{`{"display_name":"\ud800"}`, 400, `{"display_name":["Not a valid string."]}`, "Solo & Söhne"},
			{`{"display_name":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`, 400, `{"display_name":["Not a valid string."]}`, "Solo & Söhne"},
			{`[]`, 400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got list."]}`, "Solo & Söhne"},
			{`{"display_name":"x","display_name":" 7"}`, 200, "", "7"},
			{`{"display_name":8}`, 200, "", "8"},
			{`{"display_name":"` + long + `"}`, 200, "", long},
			{`{"display_name":null}`, 200, "", ""},
		} {
			got := o.call(t, "kim", "PATCH "+item, tt.body)
			if read := o.call(t, "gone", "GET "+item, ""); tt.said == "" {
				tt.said = read.body
			}
			if got.status != tt.status || got.body != tt.said {
				t.Errorf("%.80s: %d %.300s, want %d %.300s", tt.body, got.status, got.body, tt.status, tt.said)
			}
			if p := into[partnership](t, o.call(t, "gone", "GET "+item, ""), 200); (p.DisplayName == nil) != (tt.name == "") || p.DisplayName != nil && *p.DisplayName != tt.name {
				t.Errorf("after %.80s the name is %v", tt.body, p.DisplayName)
			}
			if p := into[partnership](t, o.call(t, "nils", "GET "+ofSolo+"/{orgs.shop}", ""), 200); p.DisplayName != nil {
				t.Errorf("after %.80s the partner reads %s", tt.body, *p.DisplayName)
			}
		}
		// The other one of a pair names too, whichever stands first.
		for _, whose := range []struct{ who, item, name string }{
			{"solveig", ofSolo + "/{orgs.shop}", "A"}, {"sam", ofShop + "/{orgs.solo}", "B"},
			{"vic", "/orgs/{orgs.vendor}/partnerships/{orgs.shop}", "C"}, {"sam", ofShop + "/{orgs.vendor}", "D"},
		} {
			o.call(t, whose.who, "PATCH "+whose.item, `{"display_name":"`+whose.name+`"}`)
			if p := into[partnership](t, o.call(t, whose.who, "GET "+whose.item, ""), 200); *p.DisplayName != whose.name {
				t.Errorf("%s calls %s %s", whose.who, p.PartnerOrganization.Name, *p.DisplayName)
			}
		}
		for _, other := range []string{"{orgs.globex}", "{orgs.shop}", "{nothing}", "00000000-0000-0000-0000-000000000000"} {
			for _, method := range []string{"GET ", "PATCH ", "DELETE "} {
				if got := o.call(t, "sam", method+ofShop+"/"+other, "{"); got.status != 404 || got.body != detailText(unknownText) {
					t.Errorf("%s%s: %d %s", method, other, got.status, got.body)
				}
			}
		}
		o.expect(t, "nils", 403, detailText(powerlessText), "PATCH "+ofSolo+"/{orgs.shop}", "DELETE "+ofSolo+"/{orgs.shop}")
	})
}

// Partners are listed oldest first, unless somebody asks otherwise.
func TestOrderOfPartners(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.befriend(t, "sam", "shop", "solveig", "solo")
		o.befriend(t, "gus", "globex", "sam", "shop")
		o.befriend(t, "sam", "shop", "vic", "vendor")
		for query, want := range map[string]string{
			"page_size=1": "Solo Globex Vendor Ltd", "page_size=2&ordering=created_at": "Solo Globex Vendor Ltd",
			"page_size=1&ordering=-created_at": "Vendor Ltd Globex Solo", "page_size=5": "Solo Globex Vendor Ltd",
		} {
			var found []string
			for next := new("GET " + ofShop + "?" + query); next != nil; {
				p := into[listing[partnership]](t, o.call(t, "gone", *next, ""), 200)
				for _, partner := range p.Results {
					found = append(found, partner.PartnerOrganization.Name)
				}
				if next = p.Next; next != nil {
					next = new(follow(t, *next))
				}
			}
			if got := strings.Join(found, " "); got != want {
				t.Errorf("?%s: %s, want %s", query, got, want)
			}
		}
	})
}
