package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	slackgo "github.com/slack-go/slack"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"souk"
	"souk/souktest"
)

// company is an enterprise with a workspace, somebody who decides, somebody
// who asks, and two apps that hear of it: one natively, one as Slack tells it.
type company struct {
	enterprise, workspace souk.Org
	admin, member         souk.User
	adminToken            string // Slack's, of the admin's
	memberToken           string // a person's own
	operator              string // a platform token
	listener, bot         souk.App
	nativeHook, slackHook souk.Webhook
	apps                  []souk.App // to ask for
}

const (
	nativeSecret      = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	signingSecret     = "8f742231b10e8888abcd99yyyzzz85a5"
	verificationToken = "Jhj5dZrVaK7ZwHHjRyZWjbDl"
)

// newCompany seeds a company that has so many apps to ask for. Its webhooks
// lead to a receiver; without one there are none.
func newCompany(s *souktest.Seeder, name string, apps int, to *receiver) (c company) {
	c.enterprise = s.Org(souk.Enterprise, souk.Org{}, name)
	c.workspace = s.Org(souk.Workspace, c.enterprise, name+" Sales")
	c.admin = s.Person(c.enterprise, "Ada", souk.Admin)
	c.member = s.Person(c.workspace, "Bo", souk.Member)
	console := s.App(souk.App{Owner: c.enterprise.ID, Name: "Console", UserScopes: souk.NewScopes("admin.apps:read", "admin.apps:write")})
	c.adminToken = s.UserToken(s.Install(console, c.enterprise, c.admin, c.workspace), c.admin)
	c.memberToken = s.Token(souk.Token{Kind: souk.PersonToken, User: c.member.ID})
	c.operator = s.Token(souk.Token{Kind: souk.PlatformToken})
	for i := range apps {
		c.apps = append(c.apps, s.App(souk.App{
			Owner: c.enterprise.ID, Name: fmt.Sprintf("App %d", i), BotScopes: souk.NewScopes("users:read"),
		}))
	}
	if to == nil {
		return c
	}
	c.listener = s.App(souk.App{Owner: c.enterprise.ID, Name: "Listener", BotScopes: souk.NewScopes(souk.MarketplaceRead)})
	c.bot = s.App(souk.App{Owner: c.enterprise.ID, Name: "Bot", BotScopes: souk.NewScopes("team:read")})
	s.Credentials(souk.Credentials{App: c.bot.ID, SlackClientID: "1.1", ZoomClientID: "bot", SlackSigningSecret: signingSecret, SlackVerificationToken: verificationToken})
	s.Install(c.listener, c.enterprise, c.admin, c.workspace)
	s.Install(c.bot, c.enterprise, c.admin, c.workspace)
	c.nativeHook = s.Webhook(souk.Webhook{
		App: c.listener.ID, Dialect: souk.Native, URL: to.url + "/native", Secret: nativeSecret,
		Events: []string{string(souk.CaseApproved), string(souk.RequestCreated)},
	})
	c.slackHook = s.Webhook(souk.Webhook{App: c.bot.ID, Dialect: souk.Slack, URL: to.url + "/slack", Events: []string{"app_requested"}})
	return c
}

// decide are the arguments of a decision about a request at the workspace.
func (c company) decide(q souk.ID) url.Values {
	return url.Values{"request_id": {q.Slack("Ar")}, "team_id": {c.workspace.ID.Slack("T")}}
}

// receiver is a server that webhooks lead to. It checks each signature and
// remembers what it got.
type receiver struct {
	url string
	// slow, if set, is called before an answer.
	slow func(*http.Request)
	// came is told of each delivery; what nobody waits for is dropped.
	came chan struct{}

	mu  sync.Mutex
	got map[letter][][]byte // bodies of each attempt
}

// letter is one event at one webhook, which is at one path.
type letter struct{ path, event string }

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{came: make(chan struct{}, 1), got: map[letter][][]byte{}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			return // whoever sent it was killed, and nobody has it
		}
		event, err := opened(q, body)
		if err != nil {
			t.Errorf("%s got what it cannot trust: %v\n%s", q.URL.Path, err, body)
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		r.mu.Lock()
		l := letter{q.URL.Path, event}
		r.got[l] = append(r.got[l], body)
		r.mu.Unlock()
		select {
		case r.came <- struct{}{}:
		default:
		}
		if r.slow != nil {
			r.slow(q)
		}
	}))
	t.Cleanup(s.Close)
	r.url = s.URL
	return r
}

// opened is the id of the event in a delivery whose signature holds.
func opened(q *http.Request, body []byte) (event string, err error) {
	if q.URL.Path == "/slack" {
		verifier, err := slackgo.NewSecretsVerifier(q.Header, signingSecret)
		if err != nil {
			return "", err
		}
		if _, err := verifier.Write(body); err != nil {
			return "", err
		}
		var wrapper struct {
			EventID string `json:"event_id"`
		}
		if err := json.Unmarshal(body, &wrapper); err != nil {
			return "", err
		}
		return wrapper.EventID, verifier.Ensure()
	}
	verifier, err := standardwebhooks.NewWebhook(nativeSecret)
	if err != nil {
		return "", err
	}
	return q.Header.Get("Webhook-Id"), verifier.Verify(body, q.Header)
}

// letters are what came so far.
func (r *receiver) letters() map[letter][][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make(map[letter][][]byte, len(r.got))
	for l, bodies := range r.got {
		all[l] = bodies
	}
	return all
}

// client calls both faces over connections of its own.
type client struct {
	http *http.Client
	base string
}

func newClient(t *testing.T, base string) *client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{http: &http.Client{Transport: transport, Timeout: patience}, base: base}
}

// answer is what a call got.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do sends a call. An error says that no whole answer came.
func (c *client) do(t *testing.T, method, path, token, contentType string, body []byte) (answer, error) {
	return c.with(t, nil, method, path, token, contentType, body)
}

// with is do with more headers.
func (c *client) with(t *testing.T, header http.Header, method, path, token, contentType string, body []byte) (a answer, err error) {
	r, err := http.NewRequestWithContext(t.Context(), method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	maps.Copy(r.Header, header)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	got, err := c.http.Do(r)
	if err != nil {
		return a, err
	}
	defer got.Body.Close()
	a = answer{status: got.StatusCode, header: got.Header}
	a.body, err = io.ReadAll(got.Body)
	return a, err
}

// slack calls a method of Slack's with a form. It answers "ok", or the error
// of the answer.
func (c *client) slack(t *testing.T, token, method string, args url.Values) (string, error) {
	a, err := c.do(t, "POST", "/api/"+method, token, "application/x-www-form-urlencoded", []byte(args.Encode()))
	if err != nil {
		return "", err
	}
	return a.slackCode()
}

func (a answer) slackCode() (string, error) {
	var said struct {
		OK    bool   `json:"ok"`
		Error string `json:"error"`
	}
	if err := json.Unmarshal(a.body, &said); err != nil {
		return "", fmt.Errorf("%d %q: %w", a.status, a.body, err)
	}
	if said.OK {
		return "ok", nil
	}
	return said.Error, nil
}

// native calls the native API with JSON, which may be "".
func (c *client) native(t *testing.T, token, method, path, body string) (answer, error) {
	contentType := ""
	if body != "" {
		contentType = "application/json"
	}
	return c.do(t, method, "/souk/v1"+path, token, contentType, []byte(body))
}

// ask files a request for an app and answers its id.
func (c *client) ask(t *testing.T, of company, app souk.App) (id souk.ID, err error) {
	a, err := c.native(t, of.memberToken, "POST", "/orgs/"+of.workspace.ID.String()+"/requests",
		fmt.Sprintf(`{"app": %q, "reason": "For the next release."}`, app.ID))
	if err != nil {
		return id, err
	}
	if a.status != http.StatusCreated && a.status != http.StatusOK {
		return id, unexpected{a}
	}
	var said struct {
		Request struct {
			ID souk.ID `json:"id"`
		} `json:"request"`
	}
	err = json.Unmarshal(a.body, &said)
	return said.Request.ID, err
}

// unexpected is an answer that came whole and should have been another.
type unexpected struct{ answer }

func (u unexpected) Error() string {
	return fmt.Sprintf("unexpected answer %d: %s", u.status, strings.TrimSpace(string(u.body)))
}
