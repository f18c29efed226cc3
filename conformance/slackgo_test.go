package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"

	"souk/souktest"
	"souk/world"
)

// client is a slack-go client with one of the company's tokens.
func (s server) client(token string) *slack.Client {
	return slack.New(s.Tokens[token].Token, slack.OptionAPIURL(s.URL+"/api/"))
}

// post calls a method that slack-go has no function for, as its users do: with
// a form that holds the token.
func (s server) post(t *testing.T, token, method string, form url.Values) slack.SlackResponse {
	t.Helper()
	form.Set("token", s.Tokens[token].Token)
	var got slack.SlackResponse
	s.do(t, "/api/"+method, "", "application/x-www-form-urlencoded", form.Encode(), &got)
	return got
}

// native calls Souk's own API with a JSON object.
func (s server) native(t *testing.T, token, path string, in, out any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	s.do(t, "/souk/v1"+path, "Bearer "+s.Tokens[token].Token, "application/json", string(body), out)
}

func (s server) do(t *testing.T, path, authorization, contentType, body string, out any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	raw, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got.StatusCode/100 != 2 {
		t.Fatalf("%s: %s %s", path, got.Status, raw)
	}
	if err := json.Unmarshal(raw, out); err != nil {
		t.Fatalf("%s: %v: %s", path, err, raw)
	}
}

// ask files a request of Bo's.
func (s server) ask(t *testing.T, app, org, reason string) {
	t.Helper()
	var filed struct {
		Request *struct{} `json:"request"`
	}
	s.native(t, "bo-api", "/orgs/"+s.Orgs[org].ID+"/requests", map[string]string{"app": s.Apps[app].ID, "reason": reason}, &filed)
	if filed.Request == nil {
		t.Fatalf("no request for %s at %s", app, org)
	}
}

var polls = []string{"poll-1", "poll-2", "poll-3", "poll-4", "poll-5", "poll-6", "poll-7"}

func TestSlackGo(t *testing.T) {
	t.Parallel()
	souktest.EachAddress(t, func(t *testing.T, database string) {
		s := startServer(t, database, "--rate-limits", "off")
		t.Run("auth.test", s.authTest)
		t.Run("lists and decisions", s.walk)
		t.Run("refusals", s.refusals)
		t.Run("events", s.events)
	})
}

func (s server) authTest(t *testing.T) {
	who, err := s.client("ada").AuthTestContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	acme := s.Orgs["acme"].SlackID
	if who.User != "ada" || who.UserID != s.Users["ada"].SlackID || who.TeamID != acme || who.EnterpriseID != acme || who.URL != s.URL+"/" {
		t.Errorf("got %+v", who)
	}
	if got := who.Header.Get("X-OAuth-Scopes"); got != "admin.apps:read,admin.apps:write" {
		t.Errorf("X-OAuth-Scopes is %q", got)
	}
	bot, err := s.client("bot").AuthTestContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if bot.BotID == "" || bot.TeamID != s.Orgs["sales"].SlackID {
		t.Errorf("got %+v", bot)
	}
}

// walk files requests, approves each, restricts each, and reads each list page
// by page in between.
func (s server) walk(t *testing.T) {
	ada, support := s.client("ada"), s.Orgs["support"].SlackID
	at := slack.AdminAppsListOptionTeamID(support)
	var newest []string
	for _, poll := range polls {
		s.ask(t, poll, "support", "because")
		newest = slices.Insert(newest, 0, s.Apps[poll].SlackID)
	}
	var requests []slack.AdminAppRequest
	asked := pages(t, 3, func(options ...slack.AdminAppsListOption) ([]string, string, error) {
		page, err := ada.AdminAppsRequestsListContext(t.Context(), append(options, at)...)
		if err != nil {
			return nil, "", err
		}
		requests = append(requests, page.AppRequests...)
		return each(page.AppRequests, func(q slack.AdminAppRequest) string { return q.App.ID }), page.ResponseMetadata.Cursor, nil
	})
	if !slices.Equal(asked, newest) {
		t.Fatalf("asked for %q, want %q", asked, newest)
	}
	if q := requests[0]; q.User.Email != "bo@acme.example" || q.Team.ID != support || q.Message != "because" || q.PreviousResolution != nil ||
		len(q.Scopes) != 2 || q.Scopes[0].Name != "team:read" || *q.Scopes[0].IsApproved {
		t.Errorf("got %+v", q)
	}

	slices.Reverse(requests)
	for _, q := range requests {
		if got := s.post(t, "ada", "admin.apps.approve", url.Values{"request_id": {q.ID}, "team_id": {support}}); !got.Ok {
			t.Fatalf("approve: %v", got.Err())
		}
	}
	approved := pages(t, 3, func(options ...slack.AdminAppsListOption) ([]string, string, error) {
		page, err := ada.AdminAppsApprovedListContext(t.Context(), append(options, at)...)
		if err != nil {
			return nil, "", err
		}
		return each(page.ApprovedApps, decidedByAda(t, s)), page.ResponseMetadata.Cursor, nil
	})
	if !slices.Equal(approved, newest) {
		t.Errorf("approved %q, want %q", approved, newest)
	}

	for _, poll := range polls {
		if got := s.post(t, "ada", "admin.apps.restrict", url.Values{"app_id": {s.Apps[poll].SlackID}, "team_id": {support}}); !got.Ok {
			t.Fatalf("restrict: %v", got.Err())
		}
	}
	restricted := pages(t, 2, func(options ...slack.AdminAppsListOption) ([]string, string, error) {
		page, err := ada.AdminAppsRestrictedListContext(t.Context(), append(options, at)...)
		if err != nil {
			return nil, "", err
		}
		return each(page.RestrictedApps, decidedByAda(t, s)), page.ResponseMetadata.Cursor, nil
	})
	if !slices.Equal(restricted, newest) {
		t.Errorf("restricted %q, want %q", restricted, newest)
	}
}

// pages walks a list by its cursors. All pages but the last must be full.
func pages(t *testing.T, size int, list func(...slack.AdminAppsListOption) (ids []string, cursor string, err error)) (all []string) {
	t.Helper()
	for cursor := ""; ; {
		ids, next, err := list(slack.AdminAppsListOptionLimit(size), slack.AdminAppsListOptionCursor(cursor))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ids...)
		if next == "" {
			return all
		}
		if len(ids) != size {
			t.Errorf("a page of %d, want %d", len(ids), size)
		}
		cursor = next
	}
}

func each[T any](rows []T, id func(T) string) []string {
	out := make([]string, len(rows))
	for i, row := range rows {
		out[i] = id(row)
	}
	return out
}

func decidedByAda(t *testing.T, s server) func(slack.AdminAppListItem) string {
	return func(row slack.AdminAppListItem) string {
		if by := row.LastResolvedBy; by.ActorID != s.Users["ada"].SlackID || by.ActorType != "user" {
			t.Errorf("%s was decided by %+v", row.App.Name, by)
		}
		return row.App.ID
	}
}

func (s server) refusals(t *testing.T) {
	_, err := s.client("ada-revoked").AuthTestContext(t.Context())
	if refused := (slack.SlackErrorResponse{}); !errors.As(err, &refused) || refused.Err != "token_revoked" {
		t.Errorf("auth.test with a revoked token: %v", err)
	}
	_, err = s.client("ada").AdminAppsApprovedListContext(t.Context())
	if refused := (slack.SlackErrorResponse{}); !errors.As(err, &refused) || refused.Err != "team_not_found" ||
		!slices.Equal(refused.ResponseMetadata.Messages, []string{"[ERROR] exactly one of team_id or enterprise_id is required"}) {
		t.Errorf("a list without a level: %#v", err)
	}
	got := s.post(t, "ada-reads", "admin.apps.approve", url.Values{"app_id": {s.Apps["poll-1"].SlackID}, "team_id": {s.Orgs["sales"].SlackID}})
	if got.Ok || got.Error != "missing_scope" || got.Needed != "admin.apps:write" || got.Provided != "admin.apps:read" {
		t.Errorf("approve without the scope: %+v", got)
	}
}

func TestSlackGoIsTold429(t *testing.T) {
	t.Parallel()
	souktest.EachAddress(t, func(t *testing.T, database string) {
		s := startServer(t, database, "--rate-limits", "on")
		ada, at := s.client("ada"), slack.AdminAppsListOptionEnterpriseID(s.Orgs["acme"].SlackID)
		calls, err := 0, error(nil)
		for ; err == nil; calls++ { // the method may be called 40 times at once and then every 3 s
			_, err = ada.AdminAppsApprovedListContext(t.Context(), at)
		}
		var limited *slack.RateLimitedError
		if !errors.As(err, &limited) || limited.RetryAfter < time.Second || limited.RetryAfter > 3*time.Second {
			t.Errorf("got %v, want a wait of 1 to 3 s", err)
		}
		if calls <= 40 {
			t.Errorf("call %d was refused", calls)
		}
	})
}

// heard is one request that a receiver got.
type heard struct {
	header http.Header
	body   []byte
}

// events saves the URL of a receiver that slack-go verifies and parses for. It
// fails the first attempt, so that there is a second.
func (s server) events(t *testing.T) {
	console := s.Apps["console"]
	told := make(chan heard, 3)
	attempts := 0
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got := heard{r.Header, body}
		event := got.parse(t, console)
		if event.Type == slackevents.URLVerification {
			w.Header().Set("Content-Type", "text/plain")
			io.WriteString(w, event.Data.(*slackevents.EventsAPIURLVerificationEvent).Challenge)
			return
		}
		if attempts++; attempts == 1 {
			w.WriteHeader(http.StatusInternalServerError)
		}
		told <- got
	}))
	defer receiver.Close()
	var saved struct{ Status string }
	s.native(t, "olga-api", "/apps/"+console.ID+"/webhooks", map[string]any{
		"dialect": "slack", "url": receiver.URL, "events": []string{"app_requested"},
	}, &saved)
	if saved.Status != "active" {
		t.Fatalf("the webhook is %s", saved.Status)
	}

	s.ask(t, "poll-1", "sales", "For the meeting")
	first, second := wait(t, told), wait(t, told)
	event := second.parse(t, console)
	asked, ok := event.InnerEvent.Data.(*slackevents.AppRequestedEvent)
	if !ok {
		t.Fatalf("got %T", event.InnerEvent.Data)
	}
	q := asked.AppRequest
	if q.App.ID != s.Apps["poll-1"].SlackID || q.User.Email != "bo@acme.example" || q.Team.ID != s.Orgs["sales"].SlackID ||
		q.Message != "For the meeting" || len(q.Scopes) != 2 {
		t.Errorf("got %+v", q)
	}
	if !bytes.Equal(first.body, second.body) {
		t.Errorf("attempts differ:\n%s\n%s", first.body, second.body)
	}
	if first.header.Get("X-Slack-Retry-Num") != "" || second.header.Get("X-Slack-Retry-Num") != "1" || second.header.Get("X-Slack-Retry-Reason") != "http_error" {
		t.Errorf("headers of the attempts:\n%v\n%v", first.header, second.header)
	}

	s.ask(t, "poll-2", "acme", "For everybody")
	forAll := wait(t, told).parse(t, console)
	asked, ok = forAll.InnerEvent.Data.(*slackevents.AppRequestedEvent)
	if !ok {
		t.Fatalf("got %T", forAll.InnerEvent.Data)
	}
	acme := map[string]any{"id": s.Orgs["acme"].SlackID, "name": "Acme", "domain": "acme"}
	if asked.AppRequest.Team.ID != "" || !reflect.DeepEqual(asked.AppRequest.Enterprise, acme) {
		t.Errorf("got %+v", asked.AppRequest)
	}
}

// parse verifies the signature and reads the body, both with slack-go.
func (h heard) parse(t *testing.T, app world.Entry) slackevents.EventsAPIEvent {
	t.Helper()
	credentials := app.Credentials.Slack
	verifier, err := slack.NewSecretsVerifier(h.header, credentials.SigningSecret)
	if err == nil {
		_, err = verifier.Write(h.body)
	}
	if err == nil {
		err = verifier.Ensure()
	}
	if err != nil {
		t.Errorf("signature: %v", err)
	}
	event, err := slackevents.ParseEvent(h.body, slackevents.OptionVerifyToken(&slackevents.TokenComparator{VerificationToken: credentials.VerificationToken}))
	if err != nil {
		t.Errorf("event: %v: %s", err, h.body)
	}
	return event
}

func wait(t *testing.T, told <-chan heard) heard {
	t.Helper()
	select {
	case h := <-told:
		return h
	case <-time.After(patience):
		t.Fatal("no attempt comes")
		return heard{}
	}
}
