package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"souk"
	"souk/courier"
	"souk/souktest"
	"souk/souktest/zoomwire"
	"souk/store"
)

// furnished is what the company of all tests has besides, for all who look at it
// through one face or another: an app of its administrators on Zoom's wire, two
// apps to ask for, and people with groups.
const furnished = `
version: 1
users:
  mo:  {org: sales, email: mo@acme.example, first_name: Mo, groups: [crew], memberships: [{org: sales}, {org: labs}]}
  liv: {org: labs, email: liv@acme.example, first_name: Liv, last_name: Bø, groups: [crew], memberships: [{org: labs}]}
  lu:  {org: labs, email: lu@acme.example, first_name: Lu, memberships: [{org: labs, role: admin}]}
apps:
  warden:
    owner: acme
    name: Warden
    description: For administrators.
    user_scopes: [marketplace_app:read:admin, marketplace_app:write:admin]
  notes:
    owner: vendor
    name: Notes & <more>
    description: Takes notes.
    listing: listed
    is_available_to_anyone: true
    is_app_user_required: true
    app_user: {first_name: Note, last_name: Bot}
    bot_scopes: [chat:write]
  plans:
    owner: vendor
    name: Plans
    description: Makes plans.
    listing: listed
    is_available_to_anyone: true
    is_app_user_required: true
    app_user: {first_name: Plan, last_name: Bot}
    bot_scopes: [chat:write, files:read]
installations:
  warden@acme: {app: warden, org: acme, workspaces: all, installed_by: olga}
tokens:
  mo:  {kind: token, user: mo, token: souk-company-token-mo}
  liv: {kind: token, user: liv, token: souk-company-token-liv}
  sue: {kind: token, user: sue, token: souk-company-token-sue}
  lu:  {kind: token, user: lu, token: souk-company-token-lu}
  lu-admin:    {kind: xoxp, user: lu, installation: console@acme, token: xoxp-souk-company-lu}
  olga-zoom:   {kind: zoom, user: olga, installation: warden@acme, scopes: [marketplace_app:read:admin, marketplace_app:write:admin]}
`

// faces is a node that runs in the test, the company in its database, and those
// who hear of it.
type faces struct {
	fatal
	*souktest.Company
	node    *node
	base    string
	address string // of the database
	warden  *zoomwire.Receiver
	gone    map[string]*zoomwire.Receiver // by the app that hears that it was removed
	slack   *slackEar
	came    chan struct{}
	hooks   map[string]souk.ID // Zoom webhooks, by their paths at the receiver
}

// fatal is who is told that something is wrong: a test, or one check of many.
type fatal interface {
	Helper()
	Errorf(string, ...any)
	Fatalf(string, ...any)
}

// newFaces starts a node upon a fresh database, and ends with the test.
func newFaces(t *testing.T, address string) *faces {
	t.Helper()
	db, err := store.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	o := &faces{fatal: t, address: address, Company: souktest.World(t, db, nil), came: make(chan struct{}, 1), hooks: map[string]souk.ID{}}
	o.Apply(furnished)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	ears := o.listen(t)
	watched, err := telemetryFlags{}.open(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(watched.close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.base = baseURL("", listener)
	var said locked
	var logged bytes.Buffer
	said.w = &logged
	o.node, err = openNode(t.Context(), settings{
		Database: address, Key: souktest.Key, URL: o.base, Egress: courier.ClientOptions{AllowPrivate: true}, Watched: watched,
		Log: slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- o.node.run(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := o.node.close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the node said:\n%s", logged.String())
		}
	})
	o.subscribe(ears)
	return o
}

// listen starts the servers of those who are told things.
func (o *faces) listen(t *testing.T) (base string) {
	secret := func(app string) func() string {
		s := o.Object("apps." + app).Credentials.ZoomWebhookSecret
		return func() string { return s }
	}
	fine := func(int) int { return http.StatusOK }
	o.warden = &zoomwire.Receiver{Secret: secret("warden"), Answers: fine}
	o.gone = map[string]*zoomwire.Receiver{}
	o.slack = &slackEar{secret: o.Object("apps.console").Credentials.SlackSigningSecret}
	mux := http.NewServeMux()
	mux.Handle("/warden", o.warden)
	mux.Handle("/slack", o.slack)
	for _, app := range []string{"notes", "plans"} {
		o.gone[app] = &zoomwire.Receiver{Secret: secret(app), Answers: fine}
		mux.Handle("/gone/"+app, o.gone[app])
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r)
		select {
		case o.came <- struct{}{}:
		default:
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// subscribe saves webhooks through the native API.
func (o *faces) subscribe(base string) {
	hook := func(who, app, path string, more map[string]any) {
		more["url"] = base + path
		body, err := json.Marshal(more)
		if err != nil {
			o.Fatalf("%v", err)
		}
		made := o.native(http.StatusCreated, who, "POST /apps/"+o.ID("apps."+app).String()+"/webhooks", string(body))
		id, err := souk.ParseID(find(made, "id"))
		if err != nil {
			o.Fatalf("%s: %v", made, err)
		}
		o.hooks[path] = id
	}
	hook("olga", "warden", "/warden", map[string]any{"dialect": "zoom", "events": []string{zoomwire.Requested, zoomwire.Approved, zoomwire.Declined}})
	hook("vic", "console", "/slack", map[string]any{"dialect": "slack", "events": []string{"app_requested"}})
	for app := range o.gone {
		hook("vic", app, "/gone/"+app, map[string]any{"dialect": "zoom", "source": "deauthorization"})
	}
}

// slackEar is a receiver of Slack's that remembers who asked for what.
type slackEar struct {
	secret string
	mu     sync.Mutex
	asked  []string // "bo@acme.example Plans"
	faults []error
}

func (e *slackEar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = checkSlack(e.secret, r.Header, body)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err != nil {
		e.faults = append(e.faults, err)
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	if challenge := find(body, "challenge"); challenge != "" {
		io.WriteString(w, challenge)
		return
	}
	e.asked = append(e.asked, find(body, "event.app_request.user.email")+" "+find(body, "event.app_request.app.name"))
}

// wrong is what it could not take.
func (e *slackEar) wrong() []error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.faults)
}

func (e *slackEar) heard() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.asked)
}

// until waits until what came is enough.
func (o *faces) until(what string, enough func() bool) {
	o.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for !enough() {
		select {
		case <-o.came:
		case <-late.C:
			o.Fatalf("%s did not come", what)
		}
	}
}

// ask makes a call such as "GET /souk/v1/me".
func (o *faces) ask(call, authorization, contentType, body string) (status int, answer []byte) {
	o.Helper()
	method, path, _ := strings.Cut(call, " ")
	r, err := http.NewRequest(method, o.base+path, strings.NewReader(body))
	if err != nil {
		o.Fatalf("%v", err)
	}
	r.Header.Set("Authorization", authorization)
	if body != "" {
		r.Header.Set("Content-Type", contentType)
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		o.Fatalf("%s: %v", call, err)
	}
	defer got.Body.Close()
	if answer, err = io.ReadAll(got.Body); err != nil {
		o.Fatalf("%s: %v", call, err)
	}
	if got.StatusCode >= http.StatusInternalServerError {
		o.Fatalf("%s %s: %d %s", call, body, got.StatusCode, answer)
	}
	return got.StatusCode, answer
}

// wanted is ask of a call that has to answer with a status; 0 is any.
func (o *faces) wanted(status int, call, authorization, contentType, body string) []byte {
	o.Helper()
	got, answer := o.ask(call, authorization, contentType, body)
	if status != 0 && got != status {
		o.Fatalf("%s %s: %d %s, want %d", call, body, got, answer, status)
	}
	return answer
}

const jsonType = "application/json"

func (o *faces) native(status int, who, call, body string) []byte {
	o.Helper()
	return o.wanted(status, strings.Replace(call, " ", " /souk/v1", 1), "Bearer "+o.Token(who), jsonType, body)
}

func (o *faces) giosg(status int, who, call, body string) []byte {
	o.Helper()
	return o.wanted(status, strings.Replace(call, " ", " /api/v5", 1), "Token "+o.Token(who), jsonType, body)
}

func (o *faces) zoom(status int, call, body string) []byte {
	o.Helper()
	return o.wanted(status, strings.Replace(call, " ", " /v2/marketplace", 1), "Bearer "+o.Token("olga-zoom"), jsonType, body)
}

// govern calls a method of Slack's as an admin, with pairs of names and values; it
// answers "" or the error.
func (o *faces) govern(who, method string, pairs ...string) (answer []byte, refused string) {
	o.Helper()
	form := url.Values{}
	for pair := range slices.Chunk(pairs, 2) {
		form.Set(pair[0], pair[1])
	}
	answer = o.wanted(0, "POST /api/"+method, "Bearer "+o.Token(who+"-admin"), formType, form.Encode())
	return answer, find(answer, "error")
}

// at is how Slack names an org, as an argument.
func (o *faces) at(org string) (name, id string) {
	if org == "acme" {
		return "enterprise_id", o.ID("orgs.acme").Slack("E")
	}
	return "team_id", o.ID("orgs." + org).Slack("T")
}

// texts are the values at a path of each item of a list.
func texts(answer []byte, list, path string) (all []string) {
	var v map[string]json.RawMessage
	if json.Unmarshal(answer, &v) != nil {
		return nil
	}
	var items []json.RawMessage
	if json.Unmarshal(v[list], &items) != nil {
		return nil
	}
	for _, item := range items {
		all = append(all, find(item, path))
	}
	return all
}

// told are the events that came to the warden and to those who are gone, in their
// order; the question whether a URL is the app's aside.
func (o *faces) told() (all []zoomwire.Request) {
	for _, r := range o.warden.Got() {
		if r.Event() != zoomwire.Validation {
			all = append(all, r)
		}
	}
	return all
}

// sound fails when a receiver got what it could not take.
func (o *faces) sound() {
	o.Helper()
	faults := slices.Concat(o.warden.Faults(), o.slack.wrong())
	for _, r := range o.gone {
		faults = append(faults, r.Faults()...)
	}
	for _, err := range faults {
		o.Errorf("%v", err)
	}
}

// name is what the company calls an object of a section.
func (o *faces) name(section string, names []string, spelled string, spell func(souk.ID) string) string {
	for _, n := range names {
		if spell(o.ID(section+"."+n)) == spelled {
			return n
		}
	}
	return cmp.Or(spelled, "nobody")
}
