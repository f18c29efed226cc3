package giosg

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// step is a request as somebody writes it who has read giosg's documentation and
// nothing else. What stands in angles was taken from an answer before, as take
// says.
type step struct {
	request string
	status  int
	says    string // begins the body
	take    string // <name> is the first id of the body
}

// The first day of a new user, by hand: an app is made, found, changed, offered
// to partners, installed by one of them, and taken from them again.
func TestNewcomer(t *testing.T) {
	steps := []step{
		{request: `
GET /api/v5/orgs/<shop>/owned_apps HTTP/1.1
Host: service.giosg.com
Accept: application/json
`, status: 401, says: `{"detail":"Authentication credentials were not provided."}`},

		{request: `
POST /api/v5/orgs/<shop>/owned_apps HTTP/1.1
Host: service.giosg.com
Authorization: Token <sam>
Accept: application/json
Content-Type: application/json

{
  "name": "Ticket Helper",
  "description": "Files a ticket from any conversation.",
  "icon_asset_id": null,
  "is_available_to_partners": true,
  "is_app_user_required": true,
  "app_user_default_first_name": "Ticket",
  "app_user_default_last_name": "Helper",
  "app_user_default_alias": null,
  "terms_of_service_url": "https://shop.example/terms",
  "privacy_policy_url": "https://shop.example/privacy",
  "trigger_url": "https://shop.example/trigger",
  "trigger_conditions": [
    "setup"
  ],
  "required_scopes": [
    "settings"
  ],
  "allowed_redirect_uris": [
    "https://shop.example/installed"
  ]
}
`, status: 201, says: `{"id":"`, take: "app"},

		{request: `
GET /api/v5/orgs/<shop>/owned_apps HTTP/1.1
Host: service.giosg.com
Authorization: token <sam>
Accept: application/json
`, status: 200, says: `{"next":null,"previous":null,"results":[{"id":"<app>","name":"Ticket Helper","description":"Files a ticket from any conversation.",`},

		{request: `
PATCH /api/v5/orgs/<shop>/owned_apps/<app> HTTP/1.1
Host: service.giosg.com
Authorization: Token <sam>
Content-Type: application/json

{"description": "Files a ticket from any conversation, in seconds."}
`, status: 200, says: `{"id":"<app>","name":"Ticket Helper","description":"Files a ticket from any conversation, in seconds.",`},

		{request: `
POST /api/v5/orgs/<shop>/owned_apps/<app>/webhooks HTTP/1.1
Host: service.giosg.com
Authorization: Token <sam>
Content-Type: application/json

{
  "endpoint_url": "https://shop.example/hooks?secret=s3cr3t",
  "channel_subscriptions": [
    {
      "channel_pattern": "/api/v5/orgs/{app_organization_id}/owned_apps/{app_id}/installations",
      "is_additions_subscribed": true,
      "is_changes_subscribed": false,
      "is_removals_subscribed": true
    }
  ]
}
`, status: 201, says: `{"id":"`, take: "webhook"},

		{request: `
GET /api/v5/orgs/<solo>/partner_apps HTTP/1.1
Host: service.giosg.com
Authorization: Token <solveig>
Accept: application/json
`, status: 200, says: `{"next":null,"previous":null,"results":[{"id":"<app>","name":"Ticket Helper",`},

		{request: `
POST /api/v5/orgs/<solo>/app_installations HTTP/1.1
Host: service.giosg.com
Authorization: Token <solveig>
Content-Type: application/json

{"app_id": "<app>", "is_terms_accepted": true}
`, status: 201, says: `{"id":"`, take: "installation"},

		{request: `
GET /api/v5/orgs/<solo>/installed_apps/<app>?format=json HTTP/1.1
Host: service.giosg.com
Authorization: Token <solveig>
`, status: 200, says: `{"id":"<app>","name":"Ticket Helper",`},

		{request: `
GET /api/v5/orgs/<shop>/owned_apps/<app>/installations/<installation> HTTP/1.1
Host: service.giosg.com
Authorization: Token <sam>
Accept: application/json
`, status: 200, says: `{"id":"<installation>","organization_id":"<solo>","organization":{"id":"<solo>","name":"Solo"},"app_id":"<app>",`},

		{request: `
GET /api/v5/orgs/<shop>/owned_apps/<app>/webhook_log_entries HTTP/1.1
Host: service.giosg.com
Authorization: Token <sam>
Accept: application/json
`, status: 200, says: `{"next":null,"previous":null,"results":[{"created_at":"`},

		{request: `
DELETE /api/v5/orgs/<shop>/owned_apps/<app>/installations/<solo> HTTP/1.1
Host: service.giosg.com
Authorization: Token <sam>
`, status: 204},

		{request: `
GET /api/v5/orgs/<solo>/app_installations/<installation> HTTP/1.1
Host: service.giosg.com
Authorization: Token <solveig>
Accept: application/json
`, status: 404, says: `{"detail":"Not found."}`},

		{request: `
DELETE /api/v5/orgs/<shop>/owned_apps/<app>/installations/<solo> HTTP/1.1
Host: service.giosg.com
Authorization: Token <sam>
`, status: 404, says: `{"detail":"Not found."}`},

		{request: `
DELETE /api/v5/orgs/<shop>/owned_apps/<app> HTTP/1.1
Host: service.giosg.com
Authorization: Token <sam>
`, status: 204},
	}
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.Apply(furnishings)
		o.befriend(t, "sam", "shop", "solveig", "solo")
		known := []string{
			"<shop>", o.ID("orgs.shop").String(), "<solo>", o.ID("orgs.solo").String(), "<sam>", o.Token("sam"), "<solveig>", o.Token("solveig"),
		}
		conn, err := net.Dial("tcp", strings.TrimPrefix(o.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		answers := bufio.NewReader(conn)
		for _, s := range steps {
			fill := strings.NewReplacer(known...)
			request := typed(fill.Replace(s.request))
			if _, err := io.WriteString(conn, request); err != nil {
				t.Fatal(err)
			}
			got, err := http.ReadResponse(answers, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(got.Body)
			if err != nil {
				t.Fatal(err)
			}
			if want := fill.Replace(s.says); got.StatusCode != s.status || !strings.HasPrefix(string(body), want) || want == "" && len(body) > 0 {
				t.Fatalf("%s\n%d %s\nwant %d %s…", request, got.StatusCode, body, s.status, want)
			}
			if s.take != "" {
				known = append(known, "<"+s.take+">", firstID.FindStringSubmatch(string(body))[1])
			}
		}
	})
}

var firstID = regexp.MustCompile(`^\{"id":"([0-9a-f-]{36})"`)

// typed is a request as it goes over the line: with its ends of lines, and with
// the length of its body.
func typed(request string) string {
	head, body, _ := strings.Cut(strings.TrimPrefix(request, "\n"), "\n\n")
	head = strings.ReplaceAll(strings.TrimSuffix(head, "\n"), "\n", "\r\n")
	return head + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}
