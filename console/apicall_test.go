package console

import (
	"fmt"
	"testing"

	"souk"
)

// A page tells of the call that does what its button does.
func TestCallsOnPages(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		s.change("clerk", func(a *souk.App) { a.AppUser.FirstName = `O'Clerk "<b>`; a.AppUser.Alias = "" })
		v := s.in("fia")
		const with = " \\\n  -H \"Authorization: Bearer $SOUK_TOKEN\""
		says := func(page reply, title, line string, body string) {
			t.Helper()
			if body != "" {
				line += with + " \\\n  -H 'Content-Type: application/json' \\\n  -d '" + body + "'"
			} else {
				line += with
			}
			page.is(t, page.status, title, line)
		}
		call := func(method, path string, ids ...any) string {
			return fmt.Sprintf("curl"+method+" 'http://souk.example/souk/v1"+path+"'", ids...)
		}
		fair, clerk := s.ID("orgs.fair"), s.ID("apps.clerk")
		says(v.get(s.link("clerk", "state", "it's")).is(t, 200), "The same by API", call(" -X POST", "/orgs/%s/installations", fair),
			`{"app":"`+clerk.String()+`","app_user":{"first_name":"O'\''Clerk \"<b>","last_name":"Clerk"},"terms_accepted":true,"state":"it'\''s"}`)
		says(v.get(s.link("notes")).is(t, 200), "The same by API", call(" -X POST", "/orgs/%s/installations", fair), `{"app":"`+s.ID("apps.notes").String()+`"}`)

		i := s.install("clerk", "fair", "fia")
		first := s.mint(i, "nightly report")
		page := v.get(s.pageOf("fair", i)).is(t, 200).lacks(t, "for the newest of them")
		says(page, "The same by API", call(" -X PUT", "/orgs/%s/users/%s/permissions", fair, i.AppUser), `{"permissions":[]}`)
		says(page, "The same by API", call(" -X DELETE", "/orgs/%s/installations/%s/tokens/%s", fair, i.ID, first.ID), "")
		v.post(s.pageOf("fair", i)+"/permissions", "permission", "reports", "permission", "users")
		newest := s.mint(i, "another")
		page = v.get(s.pageOf("fair", i)).is(t, 200)
		says(page, "The same by API", call(" -X PUT", "/orgs/%s/users/%s/permissions", fair, i.AppUser), `{"permissions":["reports","users"]}`)
		says(page, "The same by API, for the newest of them", call(" -X DELETE", "/orgs/%s/installations/%s/tokens/%s", fair, i.ID, newest.ID), "")
		says(v.get(s.pageOf("fair", i)+"/uninstall").is(t, 200), "The same by API", call(" -X DELETE", "/orgs/%s/apps/%s/installation", fair, clerk), "")
		s.in("finn").get(s.pageOf("fair", i)).is(t, 200).lacks(t, "by API")

		says(v.post("/console/account/tokens", "kind", "token", "description", "x", "days", "30").is(t, 201), "Try it by API", call("", "/me"), "")
		v.get("/console/account").is(t, 200).lacks(t, "by API")
	})
}
