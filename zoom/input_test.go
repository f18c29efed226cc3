package zoom

import (
	"strings"
	"testing"

	"souk"
	"souk/souktest"
)

// many names an id over and over.
func many(id string, n int) string { return `"` + strings.Repeat(id+`","`, n-1) + id + `"` }

// Bad input gets its code, and changes nothing.
func TestBadInput(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		o.asks(t, "bo", "notes", "sales")
		ada := o.admin(t, "ada")
		const (
			requests = " /marketplace/apps/{apps.notes}/requests"
			approves = "POST /marketplace/apps/{apps.notes}/preApprove"
			sets     = "PATCH /marketplace/users/{users.bo}/apps/{apps.notes}/subscription"
			short    = "AAAAAAAAAAAAAAAAAAAAA"
		)
		noApp := func(id string) refusal { return refusal{404, 1401, "App ID does not exist: " + id} }
		noUser, noGroup := refusals[souk.UnknownUser], refusals[souk.UnknownGroup]
		begins := "-" + souk.NewID().Zoom()[1:]
		under := "_" + souk.NewID().Zoom()[1:]
		type row struct {
			call, body string
			want       refusal
			field      string
		}
		rows := []row{
			{"GET /marketplace/apps?type=active", "", invalidInput, "type"},
			{"GET /marketplace/apps?type=PUBLIC", "", invalidInput, "type"},
			{"GET" + requests + "?status=declined", "", invalidInput, "status"},
			{"GET" + requests + "?page_size=301", "", invalidInput, "page_size"},
			{"GET" + requests + "?next_page_token=x", "", badPageToken, ""},
			{"GET /marketplace/users/me/apps?type=public", "", invalidInput, "type"},
			{"GET /marketplace/users/me/apps?page_size=0", "", invalidInput, "page_size"},
			{"GET /marketplace/users/me/apps?next_page_token=x", "", badPageToken, ""},
		}
		for _, call := range []string{"POST" + requests, "PATCH" + requests, approves, sets} {
			rows = append(rows,
				row{call, `{}`, invalidInput, "action"},
				row{call, `{"action":""}`, invalidInput, "action"},
				row{call, `{"action":"delete"}`, invalidInput, "action"},
				row{call, `{"action":"APPROVE_ALL"}`, invalidInput, "action"},
				row{call, `{"action":["approve_all"]}`, invalidInput, "action"},
				row{call, `{"action":"` + strings.Repeat("a", 10_000) + `"}`, invalidInput, "action"},
			)
		}
		for _, of := range []struct {
			call, action, field, own string
			most                     int
			unknown                  refusal
		}{
			{"POST" + requests, "add_user", "user_ids", "{users.bo}", 300, noUser},
			{"POST" + requests, "add_group", "group_ids", "{groups.crew}", 300, noGroup},
			{"PATCH" + requests, "approve", "request_user_ids", "{users.bo}", 300, noUser},
			{"PATCH" + requests, "decline", "request_user_ids", "{users.bo}", 300, noUser},
			{"PATCH" + requests, "cancel", "request_user_ids", "{users.bo}", 300, noUser},
			{approves, "approve_user", "user_ids", "{users.bo}", 20, noUser},
			{approves, "disapprove_user", "user_ids", "{users.bo}", 20, noUser},
			{approves, "approve_group", "group_ids", "{groups.crew}", 20, noGroup},
			{approves, "disapprove_group", "group_ids", "{groups.crew}", 20, noGroup},
		} {
			with := func(list string) string { return `{"action":"` + of.action + `","` + of.field + `":` + list + `}` }
			rows = append(rows,
				row{of.call, `{"action":"` + of.action + `"}`, invalidInput, of.field},
				row{of.call, with(`[]`), invalidInput, of.field},
				row{of.call, with(`null`), invalidInput, of.field},
				row{of.call, with(`"x"`), invalidInput, of.field},
				row{of.call, with(`[` + many(of.own, of.most+1) + `]`), invalidInput, of.field},
			)
			for _, id := range []string{"", "x", short, begins, under, strings.Repeat("A", 22), strings.Repeat("A", 5000), "me", "bo@acme.example"} {
				rows = append(rows, row{of.call, with(`["` + of.own + `","` + id + `"]`), of.unknown, ""})
			}
		}
		for _, id := range []string{"x", short, begins, under, strings.Repeat("A", 22), "00000000-0000-7000-8000-000000000000"} {
			rows = append(rows,
				row{"GET /marketplace/apps/" + id, "", noApp(id), ""},
				row{"GET /marketplace/apps/" + id + "/requests", "", noApp(id), ""},
				row{"POST /marketplace/apps/" + id + "/requests", `{"action":"add_all"}`, noApp(id), ""},
				row{"PATCH /marketplace/apps/" + id + "/requests", `{"action":"approve_all"}`, noApp(id), ""},
				row{"PATCH /marketplace/apps/" + id + "/requests", `{"action":"decline_all"}`, noApp(id), ""},
				row{"POST /marketplace/apps/" + id + "/preApprove", `{"action":"approve_all"}`, noApp(id), ""},
				row{"POST /marketplace/apps/" + id + "/preApprove", `{"action":"disapprove_all"}`, noApp(id), ""},
				row{"PATCH /marketplace/users/{users.bo}/apps/" + id + "/subscription", `{"action":"enable"}`, noApp(id), ""},
				row{"PATCH /marketplace/users/" + id + "/apps/{apps.notes}/subscription", `{"action":"enable"}`, noUser, ""},
				row{"GET /marketplace/users/" + id + "/apps", "", noUser, ""},
			)
		}
		check := souktest.Unchanged(t, o.address)
		for _, r := range rows {
			refusedWith(t, r.call+" "+r.body[:min(100, len(r.body))], o.call(t, ada, r.call, r.body), r.want, r.field)
		}
		check("bad input")
	})
}
