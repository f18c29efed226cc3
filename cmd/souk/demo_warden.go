package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// warden is the chapter told in Zoom's words: an app of the company's
// administrators hears of every wish, approves and declines over REST, and the app
// that was wanted hears that it was removed.
func (s *story) warden() []scene {
	var (
		warden, whiteboard, roulette = s.cast["apps.warden"], s.cast["apps.whiteboard"], s.cast["apps.roulette"]
		field                        = "/souk/v1/orgs/" + s.cast.id("orgs.acme-field")
		kim                          = s.cast["users.kim"].ID.Zoom()
		token, app, request, user    string // once they are known
	)
	s.hooks.trustZoom("/warden", warden.Credentials.ZoomWebhookSecret)
	s.hooks.trustZoom("/whiteboard", whiteboard.Credentials.ZoomWebhookSecret)
	zoom := func(method string, path func() string, body string) func(context.Context) ([]byte, error) {
		return s.call(method, func() string { return "/v2/marketplace/" + path() }, at(body), "Warden", func() string { return "Bearer " + token })
	}
	requests := func() string { return "apps/" + app + "/requests" }
	return []scene{
		{"In Zoom's words: Ada saves the URL at which Warden, which her administrators use, hears of what people ask for. Souk asks first whether it is Warden's.",
			s.native("ada", "POST", "/souk/v1/apps/"+warden.ID.String()+"/webhooks", `{"dialect":"zoom","url":"`+s.hooks.url+`/warden","events":["app.authorization_request_created","app.authorization_request_approved","app.authorization_request_declined"]}`),
			[]string{"dialect=zoom", "status=active"}},
		{"Warden's server was asked, signed, and proved that it knows the secret.",
			s.hear("/warden"), []string{"event=endpoint.url_validation"}},
		{"Ada says where Whiteboard, which Acme made itself, hears that it was removed.",
			s.native("ada", "POST", "/souk/v1/apps/"+whiteboard.ID.String()+"/webhooks", `{"dialect":"zoom","source":"deauthorization","url":"`+s.hooks.url+`/whiteboard"}`),
			[]string{"source=deauthorization", "events.0=app_deauthorized"}},
		{"Warden's server gets a token for Acme's account.",
			s.keep("access_token", &token, s.zoomToken(warden.Credentials.ZoomClientID, warden.Credentials.ZoomClientSecret, s.cast["orgs.acme"].ID.Zoom())),
			[]string{"token_type=bearer", "expires_in=3599", "scope=marketplace_app:read:admin marketplace_app:write:admin"}},
		{"Kim, who works in the field, asks for Whiteboard.",
			s.native("kim", "POST", field+"/requests", `{"app":"`+whiteboard.ID.String()+`","reason":"To draw & explain"}`),
			[]string{"verdict=requestable", "request.status=pending"}},
		{"Warden's server hears that somebody asks, signed with v0. It is not told for which app's id.",
			s.hear("/warden"),
			[]string{"event=app.authorization_request_created", "payload.app_name=Whiteboard", "payload.requester_name=Kim Aho", "payload.request_reason=To draw & explain", "payload.app_id="}},
		{"So it lists what waits for an answer.",
			s.keep("apps.0.app_id", &app, s.keep("apps.0.request_id", &request, zoom("GET", at("apps?type=active_requests"), ""))),
			[]string{"apps.0.app_name=Whiteboard", "apps.0.request_pending_number=1", "apps.1="}},
		{"And who asks.",
			s.keep("requests.0.request_user_id", &user, zoom("GET", requests, "")),
			[]string{"requests.0.request_user_name=Kim Aho", "requests.0.status=pending", "requests.1="}},
		{"An administrator says yes there, and Warden approves it.",
			s.call("PATCH", func() string { return "/v2/marketplace/" + requests() },
				func() string { return `{"action": "approve", "request_user_ids": ["` + user + `"]}` }, "Warden", func() string { return "Bearer " + token }),
			[]string{"status=204"}},
		{"Warden's server hears of the decision, by the same id of the request.",
			s.named("request_id", func() string { return request }, s.hear("/warden")),
			[]string{"event=app.authorization_request_approved", "payload.request_id=request_id", "payload.scope=specific_users",
				"payload.reviewer_name=Ada Virtanen", "payload.reviewed_requests.0.requester_email=kim@acme.example"}},
		{"Kim installs Whiteboard: she is one of those who may have it.",
			s.native("kim", "POST", field+"/installations", `{"app":"`+whiteboard.ID.String()+`"}`),
			[]string{"installation.status=active", "installation.app.id=" + whiteboard.ID.String()}},
		{"She asks for Roulette as well.",
			s.native("kim", "POST", field+"/requests", `{"app":"`+roulette.ID.String()+`"}`), []string{"request.status=pending"}},
		{"Warden's server hears of that.",
			s.hear("/warden"), []string{"event=app.authorization_request_created", "payload.app_name=Roulette"}},
		{"Nobody is to have it, and Warden declines it for all.",
			zoom("PATCH", at("apps/"+roulette.ID.Zoom()+"/requests"), `{"action": "decline_all"}`), []string{"status=204"}},
		{"Warden's server hears of that decision, too.",
			s.hear("/warden"),
			[]string{"event=app.authorization_request_declined", "payload.app_name=Roulette", "payload.scope=all_users_on_account", "payload.reviewed_requests.0.requester_name=Kim Aho"}},
		{"Kim can see how it ended in Souk's own words.",
			s.native("kim", "GET", field+"/requests?mine=true", ""),
			[]string{"items.0.app.id=" + roulette.ID.String(), "items.0.status=declined", "items.1.app.id=" + whiteboard.ID.String(), "items.1.status=approved"}},
		{"Ada uninstalls Whiteboard.",
			s.native("ada", "DELETE", field+"/apps/"+whiteboard.ID.String()+"/installation", ""), []string{"ended.0.status=ended"}},
		{"Whiteboard's server hears that Kim's authorization ended, signed with v0.",
			s.hear("/whiteboard"), []string{"event=app_deauthorized", "payload.user_id=" + kim, "payload.client_id=" + whiteboard.Credentials.ZoomClientID}},
		{"The log shows what was sent and how it was answered.",
			s.await("webhook_logs.0.event", zoom("GET", at("apps/"+whiteboard.ID.Zoom()+"/webhook_logs?type=1"), "")),
			[]string{"webhook_logs.0.event=app_deauthorized", "webhook_logs.0.status=200", "webhook_logs.0.retry_num=0", "webhook_logs.1="}},
	}
}

// zoomToken gets an app a token for an account where it is installed, as Zoom's
// server-to-server clients do.
func (s *story) zoomToken(client, secret, account string) func(context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) {
		form := url.Values{"grant_type": {"account_credentials"}, "account_id": {account}}.Encode()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+"/oauth/token", strings.NewReader(form))
		if err != nil {
			return nil, err
		}
		req.SetBasicAuth(client, secret)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		fmt.Fprintf(s.out, "   → POST /oauth/token  (Warden's server) %s\n", form)
		body, _, err := s.do(req)
		return body, err
	}
}

// named puts a word into what is seen for a value that an earlier step brought, so
// that it can be asked for.
func (s *story) named(word string, value func() string, act func(context.Context) ([]byte, error)) func(context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) {
		seen, err := act(ctx)
		if value() == "" {
			return seen, err
		}
		return []byte(strings.ReplaceAll(string(seen), `"`+value()+`"`, `"`+word+`"`)), err
	}
}

// await repeats a call until its answer has something at a path: what was sent is
// in the log a moment after it came.
func (s *story) await(path string, act func(context.Context) ([]byte, error)) func(context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		aloud := s.out
		defer func() { s.out = aloud }()
		s.out = io.Discard
		for {
			seen, err := act(ctx)
			if err != nil {
				return nil, err
			}
			if find(seen, path) != "" {
				break
			}
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
				return nil, fmt.Errorf("nothing is at %s: %w", path, ctx.Err())
			}
		}
		s.out = aloud
		return act(ctx)
	}
}
