package slack

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"souk"
)

// id makes a fixed id for goldens.
func fixedID(n byte) (id souk.ID) {
	id[15] = n
	return id
}

// asked is a request of Jane's for Deploybot in Acme Sales, told to an app
// that is installed on all of Acme.
func askedEvent() (souk.Event, souk.Endpoint) {
	acme := souk.Org{ID: fixedID(1), Kind: souk.Enterprise, Name: "Acme", Domain: "acme"}
	sales := souk.Org{ID: fixedID(2), Kind: souk.Workspace, Enterprise: acme.ID, Name: "Acme Sales", Domain: "acme-sales"}
	at := time.Unix(1_760_000_000, 100_000).UTC()
	e := souk.Event{
		ID: fixedID(3), Kind: souk.RequestCreated, Root: acme.ID, Org: sales.ID, App: fixedID(4), Subject: fixedID(5), At: at,
		Data: &souk.EventData{
			App: &souk.App{
				ID: fixedID(4), Owner: fixedID(9), Name: "Deploybot", Description: "Ships <things> & more", Kind: souk.ThirdParty, Listing: souk.Listed,
				Links: souk.Links{Homepage: "https://vendor.example", Support: "https://vendor.example/help",
					PrivacyPolicy: "https://vendor.example/privacy", Directory: "https://souk.example/apps/deploybot"},
			},
			Org: &sales, Enterprise: &acme,
			User: &souk.User{ID: fixedID(6), Email: "jane@acme.example", FirstName: "Jane"},
			Request: &souk.Request{ID: fixedID(5), App: fixedID(4), Org: sales.ID, User: fixedID(6), CreatedAt: at,
				Scopes: souk.NewScopes("chat:write", "team:read"), Reason: "why I need it"},
			Previous:  &souk.Resolution{Status: souk.Restricted, Scopes: souk.NewScopes("chat:write"), EndedAt: at},
			Catalogue: []souk.Scope{{Name: "chat:write", Description: "Send messages", Token: souk.BotScope}, {Name: "team:read", Description: "See it", Token: souk.BotScope, Sensitive: true}},
		},
	}
	return e, souk.Endpoint{
		Webhook:      souk.Webhook{ID: fixedID(7), App: fixedID(8), Dialect: souk.Slack},
		Installation: souk.Installation{ID: fixedID(10), App: fixedID(8), Org: acme.ID, Kind: souk.OrgWide, InstalledBy: fixedID(11)},
		Enterprise:   acme.ID,
	}
}

func TestEncodeAppRequested(t *testing.T) {
	e, to := askedEvent()
	got, err := Encode(e, to)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/app_requested.json", got)
}

// golden compares JSON with a file that people can read; order counts.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, got, "", "  "); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSpace(string(want)), pretty.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// decoded is what a test looks at in a body.
func decoded(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return m
}

func TestEncodeWholeEnterprise(t *testing.T) {
	e, to := askedEvent()
	e.Data.Org, e.Data.Enterprise, e.Org = e.Data.Enterprise, nil, fixedID(1)
	e.Data.Previous = nil
	body, err := Encode(e, to)
	if err != nil {
		t.Fatal(err)
	}
	d := decoded(t, body)
	request := d["event"].(map[string]any)["app_request"].(map[string]any)
	if d["team_id"] != nil || d["enterprise_id"] != fixedID(1).Slack("E") {
		t.Errorf("it happened in team %v of %v", d["team_id"], d["enterprise_id"])
	}
	if want := map[string]any{"id": fixedID(1).Slack("E"), "name": "Acme", "domain": "acme"}; request["team"] != nil || !cmp.Equal(request["enterprise"], any(want)) {
		t.Errorf("team %v, enterprise %v", request["team"], request["enterprise"])
	}
	if _, there := request["previous_resolution"]; there {
		t.Error("an earlier answer that there was not is there")
	}
}

func TestEncodeWorkspaceThatStandsAlone(t *testing.T) {
	e, to := askedEvent()
	alone := *e.Data.Org
	alone.Enterprise = souk.ID{}
	e.Data.Org, e.Data.Enterprise = &alone, nil
	to.Installation.Kind, to.Installation.Org, to.Enterprise = souk.OnWorkspace, alone.ID, souk.ID{}
	to.Installation.AppUser = fixedID(12)
	body, err := Encode(e, to)
	if err != nil {
		t.Fatal(err)
	}
	d := decoded(t, body)
	if _, there := d["enterprise_id"]; there || d["context_team_id"] != alone.ID.Slack("T") || d["context_enterprise_id"] != nil {
		t.Errorf("got %s", body)
	}
	want := []any{map[string]any{"enterprise_id": nil, "team_id": alone.ID.Slack("T"), "user_id": fixedID(12).Slack("U"), "is_bot": true, "is_enterprise_install": false}}
	if !cmp.Equal(d["authorizations"], any(want)) {
		t.Errorf("authorizations: %v", d["authorizations"])
	}
}

func TestScopesThatAreApprovedAlready(t *testing.T) {
	e, to := askedEvent()
	for _, ended := range []time.Time{{}, e.At} {
		e.Data.Previous = &souk.Resolution{Status: souk.Approved, Scopes: souk.NewScopes("chat:write"), EndedAt: ended}
		body, err := Encode(e, to)
		if err != nil {
			t.Fatal(err)
		}
		scopes := decoded(t, body)["event"].(map[string]any)["app_request"].(map[string]any)["scopes"].([]any)
		for i, want := range []bool{ended.IsZero(), false} {
			if got := scopes[i].(map[string]any)["is_approved"]; got != want {
				t.Errorf("ended %v: scope %d approved: %v", ended, i, got)
			}
		}
	}
}

func TestWhatIsNotTold(t *testing.T) {
	e, to := askedEvent()
	to.Installation = souk.Installation{}
	if body, err := Encode(e, to); body != nil || err != nil {
		t.Errorf("where the app is not installed: %s, %v", body, err)
	}
	e, to = askedEvent()
	e.Data.Request = nil
	if body, err := Encode(e, to); err == nil {
		t.Errorf("an event without its request: %s", body)
	}
	for _, kind := range souk.EventKinds {
		if kind == souk.RequestCreated {
			continue
		}
		e, to := askedEvent()
		e.Kind = kind
		if name := EventName(kind); name != "" {
			t.Errorf("%s is called %s", kind, name)
		}
		if body, err := Encode(e, to); err == nil {
			t.Errorf("%s: %s", kind, body)
		}
	}
}

func TestPrepare(t *testing.T) {
	e, to := askedEvent()
	frozen, err := Encode(e, to)
	if err != nil {
		t.Fatal(err)
	}
	out := souk.Outgoing{
		Delivery:    souk.Delivery{Body: frozen},
		Credentials: souk.Credentials{SlackSigningSecret: "8f742231b10e8888abcd99yyyzzz85a5", SlackVerificationToken: `brought "along"`},
		At:          time.Unix(1_760_000_060, 0),
	}
	first, err := Prepare(out)
	if err != nil {
		t.Fatal(err)
	}
	if token := decoded(t, first.Body)["token"]; token != `brought "along"` {
		t.Errorf("the token is %v", token)
	}
	stamp, signature := sign(out.Credentials.SlackSigningSecret, out.At, first.Body)
	want := map[string]string{
		"Content-Type": "application/json", "User-Agent": userAgent, "Accept": "*/*",
		"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": signature,
	}
	if diff := cmp.Diff(want, first.Header); diff != "" {
		t.Error(diff)
	}

	out.Number, out.At, out.Delivery.LastOutcome = 2, out.At.Add(time.Minute), souk.HeaderTimeout
	again, err := Prepare(out)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.Body, first.Body) {
		t.Error("a retry has another body")
	}
	if again.Header["X-Slack-Signature"] == signature || again.Header["X-Slack-Request-Timestamp"] == stamp {
		t.Error("a retry is signed for an earlier time")
	}
	if num, reason := again.Header["X-Slack-Retry-Num"], again.Header["X-Slack-Retry-Reason"]; num != "2" || reason != "http_timeout" {
		t.Errorf("retry %s because of %s", num, reason)
	}
	if bytes.Contains(frozen, []byte("along")) {
		t.Error("the token is in what is stored")
	}

	out.Delivery.Body = []byte(`{"type":"x"}`)
	if _, err := Prepare(out); err == nil {
		t.Error("a body without a place for the token was prepared")
	}
}

func TestRetryReasons(t *testing.T) {
	for outcome, want := range map[souk.Outcome]string{
		souk.HeaderTimeout: "http_timeout", souk.TooManyMoves: "too_many_redirects", souk.BadName: "connection_failed",
		souk.NoConnection: "connection_failed", souk.WriteFailed: "connection_failed", souk.Blocked: "connection_failed",
		souk.BadCertificate: "ssl_error", souk.WrongHost: "ssl_error", souk.HungUp: "connection_failed",
		souk.BadTLS: "ssl_error", souk.BadStatus: "http_error", souk.BadAnswer: "unknown_error", souk.Unprepared: "unknown_error",
	} {
		if got := retryReason(outcome); got != want {
			t.Errorf("after %s: %s, want %s", outcome, got, want)
		}
	}
}
