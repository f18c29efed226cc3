package native

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"souk"
	"souk/market"
	"souk/store"
	"souk/web"
)

// sample is one good call of an operation in a fresh company.
type sample struct {
	call, body string
	who        string // who may
	status     int    // that they get
	member     int    // that bo gets, a member of Sales without rights
	foreign    int    // that rita gets, who owns another company
	operator   int    // that the operator gets, acting for nobody
}

// samples has one of each operation.
var samples = map[string]sample{
	"GET /openapi.yaml": {"GET /openapi.yaml", "", "", 200, 200, 200, 200},
	"GET /me":           {"GET /me", "", "bo", 200, 200, 200, 200},

	"POST /orgs/{org}/requests":                        {"POST /orgs/{sales}/requests", `{"app":"{guard}"}`, "mo", 201, 201, 404, 403},
	"GET /orgs/{org}/requests":                         {"GET /orgs/{sales}/requests", "", "sal", 200, 200, 404, 200},
	"GET /requests/{request}":                          {"GET /requests/{asked}", "", "sal", 200, 200, 404, 200},
	"POST /requests/{request}/cancel":                  {"POST /requests/{asked}/cancel", "", "sal", 204, 204, 404, 403},
	"POST /requests/{request}/approve":                 {"POST /requests/{asked}/approve", "{}", "sal", 200, 403, 404, 403},
	"POST /requests/{request}/restrict":                {"POST /requests/{asked}/restrict", "{}", "sal", 200, 403, 404, 403},
	"POST /requests/{request}/decline":                 {"POST /requests/{asked}/decline", "{}", "sal", 200, 403, 404, 403},
	"GET /orgs/{org}/apps/{app}/explanation":           {"GET /orgs/{sales}/apps/{deploy}/explanation?user={bo}", "", "sal", 200, 200, 404, 200},
	"POST /orgs/{org}/apps/{app}/approve":              {"POST /orgs/{sales}/apps/{deploy}/approve", "{}", "sal", 200, 403, 404, 403},
	"POST /orgs/{org}/apps/{app}/restrict":             {"POST /orgs/{sales}/apps/{deploy}/restrict", "{}", "sal", 200, 403, 404, 403},
	"POST /orgs/{org}/apps/{app}/decline":              {"POST /orgs/{sales}/apps/{deploy}/decline", "{}", "sal", 200, 403, 404, 403},
	"POST /orgs/{org}/apps/{app}/clear":                {"POST /orgs/{sales}/apps/{legal}/clear", "", "sal", 204, 403, 404, 403},
	"POST /orgs/{org}/apps/{app}/decline-all":          {"POST /orgs/{sales}/apps/{deploy}/decline-all", "", "sal", 200, 403, 404, 403},
	"POST /orgs/{org}/apps/{app}/requests":             {"POST /orgs/{sales}/apps/{guard}/requests", `{"users":["{mo}"]}`, "sal", 200, 403, 404, 403},
	"POST /orgs/{org}/apps/{app}/requests/cancel":      {"POST /orgs/{sales}/apps/{deploy}/requests/cancel", `{"users":["{bo}"]}`, "sal", 200, 403, 404, 403},
	"POST /orgs/{org}/apps/{app}/users/{user}/disable": {"POST /orgs/{acme}/apps/{notes}/users/{olga}/disable", "", "olga", 200, 403, 404, 403},
	"POST /orgs/{org}/apps/{app}/users/{user}/enable":  {"POST /orgs/{acme}/apps/{notes}/users/{olga}/enable", "", "olga", 200, 403, 404, 403},
	"GET /orgs/{org}/resolutions":                      {"GET /orgs/{sales}/resolutions", "", "sal", 200, 403, 404, 200},

	"POST /orgs/{org}/installations":                     {"POST /orgs/{labs}/installations", `{"app":"{notes}"}`, "olga", 201, 403, 404, 403},
	"GET /orgs/{org}/installations":                      {"GET /orgs/{sales}/installations", "", "mo", 200, 200, 404, 200},
	"GET /orgs/{org}/apps/{app}/installation":            {"GET /orgs/{sales}/apps/{legal}/installation", "", "mo", 200, 200, 404, 200},
	"DELETE /orgs/{org}/apps/{app}/installation":         {"DELETE /orgs/{sales}/apps/{legal}/installation", "", "mo", 200, 403, 404, 200},
	"PUT /orgs/{org}/apps/{app}/installation/workspaces": {"PUT /orgs/{acme}/apps/{notes}/installation/workspaces", `{"workspaces":["{labs}"]}`, "olga", 200, 403, 404, 403},
	"POST /channels":                                     {"POST /channels", `{"organization_id":"{sales}","channel":"/api/v5/orgs/{sales}/chats","action":"removed","resource_id":"1"}`, "operator", 200, 403, 403, 200},
	"GET /apps":                                          {"GET /apps?listing=listed", "", "operator", 200, 403, 403, 200},
	"GET /apps/{app}/listing":                            {"GET /apps/{inner}/listing", "", "operator", 200, 403, 403, 200},
	"PUT /apps/{app}/listing":                            {"PUT /apps/{inner}/listing", `{"listing":"draft"}`, "operator", 200, 403, 403, 200},
	"GET /orgs/{org}/entitlements":                       {"GET /orgs/{sales}/entitlements", "", "operator", 200, 403, 403, 200},
	"PUT /orgs/{org}/entitlements":                       {"PUT /orgs/{sales}/entitlements", `{"has_active_subscription":true,"has_apps_feature":true,"is_app_provider":true}`, "operator", 200, 403, 403, 200},

	"POST /apps/{app}/webhooks":                                           {"POST /apps/{deploy}/webhooks", `{"dialect":"native","url":"https://r.example/","events":["request.created"]}`, "vic", 201, 404, 404, 201},
	"GET /apps/{app}/webhooks":                                            {"GET /apps/{deploy}/webhooks", "", "vic", 200, 404, 404, 200},
	"GET /apps/{app}/webhooks/{webhook}":                                  {"GET /apps/{deploy}/webhooks/{hook}", "", "deploy", 200, 404, 404, 200},
	"PUT /apps/{app}/webhooks/{webhook}":                                  {"PUT /apps/{deploy}/webhooks/{hook}", `{"url":"https://r.example/","events":["case.approved"],"paused":true}`, "deploy", 200, 404, 404, 200},
	"DELETE /apps/{app}/webhooks/{webhook}":                               {"DELETE /apps/{deploy}/webhooks/{hook}", "", "vic", 204, 404, 404, 204},
	"POST /apps/{app}/webhooks/{webhook}/verify":                          {"POST /apps/{deploy}/webhooks/{hook}/verify", "", "vic", 200, 404, 404, 200},
	"GET /apps/{app}/webhooks/{webhook}/deliveries":                       {"GET /apps/{deploy}/webhooks/{hook}/deliveries", "", "vic", 200, 404, 404, 200},
	"GET /apps/{app}/webhooks/{webhook}/deliveries/{delivery}/attempts":   {"GET /apps/{deploy}/webhooks/{hook}/deliveries/{delivery}/attempts", "", "deploy", 200, 404, 404, 200},
	"POST /apps/{app}/webhooks/{webhook}/enable":                          {"POST /apps/{deploy}/webhooks/{hook}/enable", `{"held":"resume"}`, "vic", 200, 404, 404, 200},
	"POST /apps/{app}/webhooks/{webhook}/test":                            {"POST /apps/{deploy}/webhooks/{hook}/test", `{"event":"case.approved"}`, "deploy", 202, 404, 404, 202},
	"POST /apps/{app}/webhooks/{webhook}/rotate-secret":                   {"POST /apps/{deploy}/webhooks/{hook}/rotate-secret", `{"overlap_hours":1}`, "vic", 200, 404, 404, 200},
	"POST /apps/{app}/webhooks/{webhook}/deliveries/{delivery}/redeliver": {"POST /apps/{deploy}/webhooks/{hook}/deliveries/{over}/redeliver", "", "deploy", 202, 404, 404, 202},
	"POST /apps/{app}/webhooks/{webhook}/replays":                         {"POST /apps/{deploy}/webhooks/{hook}/replays", `{"since":"2026-01-01T00:00:00Z"}`, "vic", 202, 404, 404, 202},
	"GET /apps/{app}/webhooks/{webhook}/replays":                          {"GET /apps/{deploy}/webhooks/{hook}/replays", "", "vic", 200, 404, 404, 200},
	"GET /apps/{app}/webhooks/{webhook}/replays/{replay}":                 {"GET /apps/{deploy}/webhooks/{hook}/replays/{replay}", "", "deploy", 200, 404, 404, 200},
	"DELETE /apps/{app}/webhooks/{webhook}/replays/{replay}":              {"DELETE /apps/{deploy}/webhooks/{hook}/replays/{replay}", "", "vic", 204, 404, 404, 204},
	"GET /apps/{app}/delivery-counts":                                     {"GET /apps/{deploy}/delivery-counts", "", "deploy", 200, 404, 404, 200},

	"POST /triggers":                                         {"POST /triggers", `{"condition":"chat_start","org":"{sales}","user":"{bo}"}`, "operator", 200, 403, 403, 200},
	"GET /apps/{app}/trigger/deliveries":                     {"GET /apps/{notes}/trigger/deliveries", "", "vic", 200, 404, 404, 200},
	"GET /apps/{app}/trigger/deliveries/{delivery}/attempts": {"GET /apps/{notes}/trigger/deliveries/{heard}/attempts", "", "notes", 200, 404, 404, 200},

	"GET /apps/{app}/installations":                                       {"GET /apps/{notes}/installations", "", "vic", 200, 404, 404, 200},
	"GET /apps/{app}/installations/{installation}/tokens":                 {"GET /apps/{notes}/installations/{notebot}/tokens", "", "notes", 200, 404, 404, 200},
	"POST /apps/{app}/installations/{installation}/tokens":                {"POST /apps/{notes}/installations/{notebot}/tokens", `{"description":"another"}`, "vic", 201, 404, 404, 201},
	"POST /apps/{app}/installations/{installation}/tokens/{token}/rotate": {"POST /apps/{notes}/installations/{notebot}/tokens/{held}/rotate", `{"overlap":60}`, "notes", 201, 404, 404, 201},
	"DELETE /apps/{app}/installations/{installation}/tokens/{token}":      {"DELETE /apps/{notes}/installations/{notebot}/tokens/{held}", "", "notes", 204, 404, 404, 204},
	"POST /orgs/{org}/installations/{installation}/resume":                {"POST /orgs/{acme}/installations/{notebot}/resume", "", "olga", 200, 403, 404, 200},
	"GET /orgs/{org}/installations/{installation}/tokens":                 {"GET /orgs/{acme}/installations/{notebot}/tokens", "", "olga", 200, 403, 404, 200},
	"DELETE /orgs/{org}/installations/{installation}/tokens/{token}":      {"DELETE /orgs/{acme}/installations/{notebot}/tokens/{held}", "", "olga", 204, 403, 404, 204},
	"GET /orgs/{org}/users/{user}/permissions":                            {"GET /orgs/{sales}/users/{mo}/permissions", "", "sal", 200, 200, 404, 200},
	"PUT /orgs/{org}/users/{user}/permissions":                            {"PUT /orgs/{sales}/users/{mo}/permissions", `{"permissions":[]}`, "sal", 200, 403, 404, 200},
}

// eachSample runs a test for every operation that asks for a token. An
// operation without a sample fails.
func eachSample(t *testing.T, test func(t *testing.T, o operation, s sample)) {
	t.Helper()
	if len(samples) != len(operations) {
		t.Errorf("%d operations, %d samples", len(operations), len(samples))
	}
	for _, o := range operations {
		t.Run(o.name(), func(t *testing.T) {
			s, ok := samples[o.name()]
			if !ok {
				t.Fatal("no sample")
			}
			test(t, o, s)
		})
	}
}

// Everybody who may not is refused, and what they sent changed nothing, as the
// one who may does it afterwards.
func TestRights(t *testing.T) {
	everyCompany(t, func(t *testing.T, shared *company) {
		eachSample(t, func(t *testing.T, op operation, s sample) {
			anonymous := http.StatusUnauthorized
			if op.tokens == nil {
				anonymous = s.status
			}
			o := newCompanyAt(t, shared)
			for _, tt := range []struct {
				who    string
				status int
			}{
				{"", anonymous}, {"rita", s.foreign}, {"operator/rita", s.foreign}, {"bo", s.member}, {"operator", s.operator}, {s.who, s.status},
			} {
				at := o
				if tt.status < 400 && tt.who != s.who {
					at = newCompanyAt(t, shared) // they may too, elsewhere
				}
				if got := at.call(t, tt.who, s.call, s.body); got.status != tt.status {
					t.Errorf("%q got %d %s, want %d", tt.who, got.status, got.body, tt.status)
				}
			}
		})
	})
}

// The operator on behalf of somebody has exactly their rights, and both names
// are in the audit.
func TestOnBehalf(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		if got := o.call(t, "operator/bo", "POST /requests/{asked}/approve", ""); got.status != 403 {
			t.Errorf("on behalf of a member: %d %s", got.status, got.body)
		}
		if got := o.call(t, "operator/sal", "POST /requests/{asked}/approve", ""); got.status != 200 {
			t.Fatalf("on behalf of an admin: %d %s", got.status, got.body)
		}
		me := o.call(t, "operator/sal", "GET /me", "")
		if !strings.Contains(string(me.body), `"on_behalf":true`) || !strings.Contains(string(me.body), o.sal.ID.String()) {
			t.Errorf("me: %s", me.body)
		}
		found := false
		must(o.db.Read(t.Context(), func(tx *store.Tx) error {
			entries, err := tx.AuditOf(o.acme.ID)
			last := entries[len(entries)-1]
			found = last.Verb == "Approve" && last.User == o.sal.ID && last.OnBehalf && !last.Token.IsZero() && last.Face == "native"
			return err
		}))
		if !found {
			t.Error("the audit does not name the person and the token")
		}
		for who, want := range map[string]int{"bo/sal": 403, "operator/bot": 404, "operator/nothing": 404} {
			if got := o.call(t, who, "GET /me", ""); got.status != want {
				t.Errorf("%s: %d %s, want %d", who, got.status, got.body, want)
			}
		}
		for _, values := range [][]string{{"someone"}, {""}, {o.sal.ID.Slack("U")}, {o.sal.ID.String(), o.bo.ID.String()}} {
			r := o.request(t, "operator", "GET /me", "")
			r.Header[onBehalf] = values
			if got := o.send(t, r); got.problem() != "invalid-input" || !strings.Contains(string(got.body), `"header":"Souk-On-Behalf-Of"`) {
				t.Errorf("%q: %d %s", values, got.status, got.body)
			}
		}
	})
}

// What every operation answers whatever it is about.
func TestCommonRefusals(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		limited := *o
		limited.url = o.serve(t, New(o.market, slog.New(slog.DiscardHandler), web.NewAddressLimiter(1, 1)))
		limited.tokens = map[string]string{"wrong": "nobody's"}
		if got := limited.call(t, "wrong", "GET /me", ""); got.problem() != "unknown-token" {
			t.Errorf("the first failure: %s", got.body)
		}
		broken := *o
		broken.url = o.serve(t, New(&market.Market{}, slog.New(slog.NewJSONHandler(o.log, nil)), nil))
		eachSample(t, func(t *testing.T, op operation, s sample) {
			unknown := s.call + "?surprise=1"
			if strings.Contains(s.call, "?") {
				unknown = s.call + "&surprise=1"
			}
			if got := o.call(t, s.who, unknown, s.body); got.problem() != "invalid-input" || !strings.Contains(string(got.body), `"parameter":"surprise"`) {
				t.Errorf("unknown parameter: %s", got.body)
			}
			if op.tokens == nil {
				return
			}
			behalf := "not-allowed"
			if !slices.Contains(op.tokens, souk.PersonToken) {
				behalf = "wrong-token-kind"
			}
			for who, want := range map[string]string{
				"expired": "dead-token", "xoxp": "wrong-token-kind", "unheard": "unknown-token", "operator/nothing": "unknown-user", "bo/bo": behalf,
			} {
				if got := o.call(t, who, s.call, s.body); got.problem() != want {
					t.Errorf("%s: %s, want %s", who, got.body, want)
				}
			}
			if got := limited.call(t, "wrong", s.call, s.body); got.problem() != "too-many-failures" {
				t.Errorf("the second failure: %s", got.body)
			}
			if got := broken.call(t, s.who, s.call, s.body); got.problem() != "internal-failure" {
				t.Errorf("a server that panics: %s", got.body)
			}
			if op.takesBody() {
				refuseBodies(t, o, op, s)
			}
		})
		if err := o.db.Close(); err != nil {
			t.Fatal(err)
		}
		eachSample(t, func(t *testing.T, op operation, s sample) {
			if got := o.call(t, s.who, s.call, s.body); op.tokens != nil && got.problem() != "unavailable" {
				t.Errorf("a database that has gone: %s", got.body)
			}
		})
	})
}

// refuseBodies sends what no operation reads.
func refuseBodies(t *testing.T, o *company, op operation, s sample) {
	t.Helper()
	for body, want := range map[string]string{
		"{": "malformed-body", "[]": "invalid-input", "null": "invalid-input", `{"surprise":1}`: "invalid-input",
	} {
		if got := o.call(t, s.who, s.call, body); got.problem() != want {
			t.Errorf("%s: %s, want %s", body, got.body, want)
		}
	}
	r := o.request(t, s.who, s.call, "{}")
	r.Header.Set("Content-Type", "text/plain")
	if got := o.send(t, r); got.problem() != "wrong-content-type" {
		t.Errorf("text: %s", got.body)
	}
	if got := o.half(t, s, fmt.Sprintf("Content-Length: %d\r\n", op.limit()+1), ""); got.problem() != "oversized-body" {
		t.Errorf("more than %d bytes: %s", op.limit(), got.body)
	}
	if got := o.half(t, s, "Content-Length: 9\r\n", `{"app":`); got.problem() != "incomplete-body" {
		t.Errorf("a body that breaks off: %s", got.body)
	}
}

// half sends a call byte by byte, and no more than is given.
func (o *company) half(t *testing.T, s sample, header, body string) reply {
	t.Helper()
	r := o.request(t, s.who, s.call, "{}")
	u, err := url.Parse(o.url)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: souk\r\nAuthorization: %s\r\nContent-Type: application/json\r\n%s\r\n%s",
		r.Method, r.URL.RequestURI(), r.Header.Get("Authorization"), header, body)
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := http.ReadResponse(bufio.NewReader(conn), r)
	if err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := published.check(r.Method, r.URL.Path, got.StatusCode, got.Header, said); err != nil {
		t.Error(err)
	}
	if !got.Close {
		t.Error("the connection stays open with the rest of a body on its way")
	}
	return reply{got.StatusCode, got.Header, said}
}

func TestRouting(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		tests := []struct {
			call, problem, allow string
			status               int
		}{
			{"GET /nowhere", "unknown-route", "", 404},
			{"GET /", "unknown-route", "", 404},
			{"GET /me/", "unknown-route", "", 404},
			{"POST /requests", "unknown-route", "", 404},
			{"GET /orgs/{sales}/apps/{deploy}", "unknown-route", "", 404},
			{"POST /me", "wrong-method", "GET, HEAD, OPTIONS", 405},
			{"DELETE /requests/{asked}/approve", "wrong-method", "OPTIONS, POST", 405},
			{"BREW /apps/{deploy}/webhooks/{hook}", "wrong-method", "DELETE, GET, HEAD, OPTIONS, PUT", 405},
			{"OPTIONS /apps/{deploy}/webhooks", "", "GET, HEAD, OPTIONS, POST", 204},
			{"HEAD /me", "", "", 200},
			{"HEAD /openapi.yaml", "", "", 200},
			{"GET /orgs/none/requests", "unknown-org", "", 404},
			{"GET /orgs/%00/requests", "unknown-org", "", 404},
			{"GET /orgs/00000000-0000-0000-0000-000000000000/requests", "unknown-org", "", 404},
			{"GET /requests/{deploy}", "unknown-request", "", 404},
		}
		for _, tt := range tests {
			got := o.call(t, "bo", tt.call, "")
			if got.status != tt.status || got.problem() != tt.problem || got.header.Get("Allow") != tt.allow {
				t.Errorf("%s: %d %s, Allow %q", tt.call, got.status, got.body, got.header.Get("Allow"))
			}
		}
		if got := o.call(t, "", "GET /openapi.yaml", ""); string(got.body) != string(document) {
			t.Error("the published contract is another")
		}
	})
}

func TestAuthorizationHeader(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		token := o.tokens["bo"]
		tests := []struct {
			values  []string
			problem string
		}{
			{[]string{"Bearer " + token}, ""},
			{[]string{"bearer   " + token}, ""},
			{nil, "missing-token"},
			{[]string{""}, "missing-token"},
			{[]string{"Bearer"}, "missing-token"},
			{[]string{"Bearer "}, "missing-token"},
			{[]string{"Basic " + token}, "missing-token"},
			{[]string{token}, "missing-token"},
			{[]string{"Bearer " + token, "Bearer " + token}, "missing-token"},
			{[]string{"Bearer " + token + "x"}, "unknown-token"},
		}
		for _, tt := range tests {
			r := o.request(t, "", "GET /me", "")
			if tt.values != nil {
				r.Header["Authorization"] = tt.values
			}
			if got := o.send(t, r); got.problem() != tt.problem {
				t.Errorf("%q: %s, want %q", tt.values, got.body, tt.problem)
			}
		}
	})
}
