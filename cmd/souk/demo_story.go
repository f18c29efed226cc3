package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// story is the demo while it is told.
type story struct {
	out    io.Writer
	base   string
	cast   cast
	hooks  *inbox
	tamper tamper
	step   int
}

// tamper lets a test spoil what a step sees, or look at what it wants to see.
type tamper func(step int, seen []byte, want []string) []byte

// scene is one step: what happens, in a sentence, and the check of what is seen.
type scene struct {
	says string
	act  func(context.Context) ([]byte, error) // does it and returns what was seen
	want []string                              // paths into what was seen and their values, "a.b=value"
}

// tell goes through the steps. The first that does not hold ends it.
func (s *story) tell(ctx context.Context) error {
	s.hooks.trust(s.cast["apps.console"].Credentials.SlackSigningSecret, "")
	for _, scene := range slices.Concat(s.governance(), s.chatbot(), s.guide(), s.warden()) {
		s.step++
		fmt.Fprintf(s.out, "\n%d. %s\n", s.step, scene.says)
		seen, err := scene.act(ctx)
		if err == nil {
			if s.tamper != nil {
				seen = s.tamper(s.step, seen, scene.want)
			}
			err = check(seen, scene.want)
		}
		if err != nil {
			return fmt.Errorf("step %d (%s) did not hold: %w", s.step, scene.says, err)
		}
		fmt.Fprintln(s.out, "   ✓ "+strings.Join(scene.want, ", "))
	}
	fmt.Fprintf(s.out, "\nAll %d steps held.\n", s.step)
	return nil
}

// governance is the chapter of an app that is asked for, approved, installed and
// uninstalled, in Slack's words and in Souk's own.
func (s *story) governance() []scene {
	var (
		labs      = "/souk/v1/orgs/" + s.cast.id("orgs.acme-labs")
		deploybot = s.cast["apps.deploybot"].ID
		team      = s.cast["orgs.acme-labs"].ID.Slack("T")
		request   string // Slack's id of Bo's request, once it is known
	)
	return []scene{
		{"Ada saves the URL at which Acme's console hears of requests. Souk asks it for a signed challenge first.",
			s.native("ada", "POST", "/souk/v1/apps/"+s.cast.id("apps.console")+"/webhooks",
				`{"dialect":"slack","url":"`+s.hooks.url+`/slack","events":["app_requested"]}`),
			[]string{"dialect=slack", "status=active"}},
		{"The console's server was asked for the challenge, and the signature was right.",
			s.hear("/slack"), []string{"type=url_verification"}},
		{"Vera saves a URL for her Deploybot, in Souk's own dialect.",
			s.keepSecret(s.native("vera", "POST", "/souk/v1/apps/"+deploybot.String()+"/webhooks",
				`{"dialect":"native","url":"`+s.hooks.url+`/native","events":["case.approved","installation.added","installation.removed"]}`)),
			[]string{"dialect=native", "status=active"}},
		{"Bo, a member of Acme Labs, asks for Deploybot.",
			s.native("bo", "POST", labs+"/requests", `{"app":"`+deploybot.String()+`","reason":"For releases"}`),
			[]string{"verdict=requestable", "request.status=pending"}},
		{"The console's server hears app_requested, signed.",
			s.hear("/slack"),
			[]string{"event.type=app_requested", "event.app_request.app.name=Deploybot", "event.app_request.user.name=bo", "event.app_request.message=For releases"}},
		{"Ada lists the open requests with a Slack admin method.",
			s.remember(&request, s.slack("admin.apps.requests.list", url.Values{"team_id": {team}})),
			[]string{"ok=true", "app_requests.0.app.name=Deploybot", "app_requests.1="}},
		{"Ada approves it.",
			s.slackLater("admin.apps.approve", func() url.Values { return url.Values{"request_id": {request}, "team_id": {team}} }),
			[]string{"ok=true"}},
		{"Deploybot's server hears that its case was approved, signed.",
			s.hear("/native"), []string{"type=case.approved", "data.app.name=Deploybot", "data.request.status=approved", "data.actor.name=Ada Virtanen"}},
		{"The list of requests is empty.",
			s.slack("admin.apps.requests.list", url.Values{"team_id": {team}}), []string{"ok=true", "app_requests.0="}},
		{"The list of approved apps shows it.",
			s.slack("admin.apps.approved.list", url.Values{"team_id": {team}}),
			[]string{"ok=true", "approved_apps.0.app.name=Deploybot", "approved_apps.0.scopes.0.name=chat:write"}},
		{"Bo installs Deploybot: the approval covers it.",
			s.native("bo", "POST", labs+"/installations", `{"app":"`+deploybot.String()+`"}`),
			[]string{"installation.status=active", "installation.scopes.0=chat:write"}},
		{"Deploybot's server hears that it was installed, signed.",
			s.hear("/native"), []string{"type=installation.added", "data.installation.status=active"}},
		{"Ada uninstalls it with a Slack admin method.",
			s.slack("admin.apps.uninstall", url.Values{"app_id": {deploybot.Slack("A")}, "team_ids": {team}}), []string{"ok=true"}},
		{"Deploybot's server hears that it is gone, signed.",
			s.hear("/native"), []string{"type=installation.removed", "data.installation.status=ended"}},
		{"Nothing is installed at Acme Labs but what came with the enterprise.",
			s.native("bo", "GET", labs+"/installations", ""), []string{"items.0.kind=org_wide", "items.1="}},
	}
}

// native calls Souk's own API with somebody's token.
func (s *story) native(who, method, path, body string) func(context.Context) ([]byte, error) {
	return s.nativeLater(who, method, at(path), body)
}

// nativeLater is native with a path that earlier steps bring.
func (s *story) nativeLater(who, method string, address func() string, body string) func(context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) {
		path := address()
		req, err := http.NewRequestWithContext(ctx, method, s.base+path, strings.NewReader(body))
		if err != nil {
			return nil, err
		}
		if body != "" {
			req.Header.Set("Content-Type", "application/json")
		}
		fmt.Fprintf(s.out, "   → %s %s  (as %s) %s\n", method, path, who, body)
		return s.send(req, s.cast.token(who))
	}
}

// slack calls a method of Slack's as its clients do, with Ada's admin token.
func (s *story) slack(method string, form url.Values) func(context.Context) ([]byte, error) {
	return s.slackLater(method, func() url.Values { return form })
}

// slackLater is slack with arguments that earlier steps bring.
func (s *story) slackLater(method string, form func() url.Values) func(context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) {
		body := form().Encode()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+"/api/"+method, strings.NewReader(body))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		fmt.Fprintf(s.out, "   → POST /api/%s  (as ada) %s\n", method, body)
		return s.send(req, s.cast.token("ada-admin"))
	}
}

// post sends a form without a token.
func (s *story) post(ctx context.Context, path string, form url.Values, who string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	fmt.Fprintf(s.out, "   → POST %s  (%s)\n", path, who)
	body, _, err := s.do(req)
	return body, err
}

func (s *story) send(req *http.Request, token string) ([]byte, error) {
	req.Header.Set("Authorization", "Bearer "+token)
	body, _, err := s.do(req)
	return body, err
}

func (s *story) do(req *http.Request) (body []byte, status int, err error) {
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, 0, err
	}
	body, err = io.ReadAll(answer.Body)
	fmt.Fprintf(s.out, "   ← %s %s\n", answer.Status, excerpt(body))
	return body, answer.StatusCode, errors.Join(err, answer.Body.Close())
}

// hear waits for the next webhook request, which must come to path with the
// right signature.
func (s *story) hear(path string) func(context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) {
		n, err := s.hooks.next(ctx)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(s.out, "   ⇠ %s %s%s %s\n", n.method, s.hooks.url, n.path, excerpt(n.body))
		if n.path != path {
			return nil, fmt.Errorf("it came to %s", n.path)
		}
		return n.body, n.err
	}
}

// keepSecret lets the receiver know the secret of a webhook that is made.
func (s *story) keepSecret(act func(context.Context) ([]byte, error)) func(context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) {
		seen, err := act(ctx)
		s.hooks.trust("", find(seen, "secret"))
		return seen, err
	}
}

// remember keeps the id of the request that a list shows.
func (s *story) remember(id *string, act func(context.Context) ([]byte, error)) func(context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) {
		seen, err := act(ctx)
		*id = find(seen, "app_requests.0.id")
		return seen, err
	}
}

// check compares what was seen with what was wanted.
func check(seen []byte, want []string) error {
	for _, w := range want {
		path, value, _ := strings.Cut(w, "=")
		if got := find(seen, path); got != value {
			return fmt.Errorf("%s is %q, not %q", path, got, value)
		}
	}
	return nil
}

// find reads a value out of JSON by a path of names and numbers, as text; ""
// when there is none.
func find(text []byte, path string) string {
	var v any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return ""
	}
	for part := range strings.SplitSeq(path, ".") {
		switch in := v.(type) {
		case map[string]any:
			v = in[part]
		case []any:
			var i int
			if _, err := fmt.Sscanf(part, "%d", &i); err != nil || i >= len(in) {
				return ""
			}
			v = in[i]
		default:
			return ""
		}
	}
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// excerpt is the beginning of a body on one line.
func excerpt(body []byte) string {
	const most = 300
	line := strings.TrimSpace(string(body))
	if len(line) > most {
		line = strings.ToValidUTF8(line[:most], "") + " …"
	}
	return line
}
