package slack

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	slackgo "github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"

	"souk"
)

// What we sign and send is what Slack's Go library verifies and decodes.
func TestSlackGoTakesTheEvent(t *testing.T) {
	e, to := askedEvent()
	frozen, err := Encode(e, to)
	if err != nil {
		t.Fatal(err)
	}
	const secret = "8f742231b10e8888abcd99yyyzzz85a5"
	sent, err := Prepare(souk.Outgoing{Delivery: souk.Delivery{Body: frozen}, At: time.Now(),
		Credentials: souk.Credentials{SlackSigningSecret: secret, SlackVerificationToken: "letters"}})
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{}
	for name, value := range sent.Header {
		header.Set(name, value)
	}
	verifier, err := slackgo.NewSecretsVerifier(header, secret)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.Write(sent.Body); err != nil {
		t.Fatal(err)
	}
	if err := verifier.Ensure(); err != nil {
		t.Error(err)
	}
	got, err := slackevents.ParseEvent(json.RawMessage(sent.Body), slackevents.OptionVerifyToken(&slackevents.TokenComparator{VerificationToken: "letters"}))
	if err != nil {
		t.Fatal(err)
	}
	asked, ok := got.InnerEvent.Data.(*slackevents.AppRequestedEvent)
	if !ok {
		t.Fatalf("decoded as %T", got.InnerEvent.Data)
	}
	if q := asked.AppRequest; q.ID != fixedID(5).Slack("Ar") || q.App.Name != "Deploybot" || q.User.ID != fixedID(6).Slack("U") ||
		q.Team.ID != fixedID(2).Slack("T") || q.Message != "why I need it" || len(q.Scopes) != 2 {
		t.Errorf("decoded %+v", q)
	}
}

// Its client reads the lists, a page at a time, with no more than another
// address.
func TestSlackGoReadsTheLists(t *testing.T) {
	o := newTownSQLite(t)
	token := o.admin(t, o.ada)
	client := slackgo.New(token, slackgo.OptionAPIURL(o.base+"/api/"))
	o.asks(t, o.bo, o.deploybot, o.sales)
	for range 3 {
		want(t, "", o.call(t, token, "admin.apps.approve", appArg(o.app(t, o.deploybot)).with(o.atSales())))
	}
	atSales := slackgo.AdminAppsListOptionTeamID(orgID(o.sales))
	who, err := client.AuthTestContext(t.Context())
	if err != nil || who.UserID != o.ada.ID.Slack("U") {
		t.Errorf("auth.test: %+v, %v", who, err)
	}
	requests, err := client.AdminAppsRequestsListContext(t.Context(), atSales)
	if err != nil || len(requests.AppRequests) != 1 || requests.AppRequests[0].App.ID != o.deploybot.ID.Slack("A") {
		t.Errorf("requests: %+v, %v", requests, err)
	}
	first, err := client.AdminAppsApprovedListContext(t.Context(), atSales, slackgo.AdminAppsListOptionLimit(2))
	if err != nil {
		t.Fatal(err)
	}
	last, err := client.AdminAppsApprovedListContext(t.Context(), atSales, slackgo.AdminAppsListOptionCursor(first.ResponseMetadata.Cursor))
	if err != nil || len(first.ApprovedApps) != 2 || len(last.ApprovedApps) != 1 || last.ResponseMetadata.Cursor != "" {
		t.Errorf("approved: %+v, %+v, %v", first, last, err)
	}
	_, err = client.AdminAppsApprovedListContext(t.Context())
	if refused, ok := err.(slackgo.SlackErrorResponse); !ok || refused.Err != string(teamNotFound) {
		t.Errorf("no level: %v", err)
	}
}
