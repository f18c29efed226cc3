package conformance

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"souk"
	"souk/souktest"
)

// An app whose server is in Python takes every trigger that leads to it: those
// that a browser brings, here over plain HTTP, and the one in the background.
func TestTriggersReachPython(t *testing.T) {
	t.Parallel()
	souktest.EachAddress(t, func(t *testing.T, database string) {
		j := startJourney(t, database)

		// An uninstall through the API.
		j.api(t, "DELETE", "/souk/v1/orgs/"+j.Orgs["acme"].ID+"/apps/"+j.Apps["relic"].ID+"/installation", j.Tokens["ada"].Token)
		if got := j.accepted(t, "relic", "uninstall"); got.Claims["app_user_code"] != nil {
			t.Error("an uninstall brought a code")
		}

		// An install in a browser. The app's server exchanges the code at once.
		j.post(t, "/console/signin", url.Values{"email": {"ada@acme.example"}, "password": {"correct horse battery staple"}})
		install := "/apps/" + j.Apps["helper"].ID + "/install"
		form := hidden(j.get(t, install))
		form.Set("first_name", "Help")
		form.Set("last_name", "Bot")
		form.Set("alias", "")
		j.post(t, install, form)
		installed := j.accepted(t, "helper", "install")
		j.holds(t, installed)
		if !strings.HasPrefix(installed.RedirectURI, j.URL+"/") {
			t.Errorf("people are sent back to %s", installed.RedirectURI)
		}
		j.get(t, strings.TrimPrefix(installed.RedirectURI, j.URL))
		j.refusesOldCodes(t, *installed.Claims["app_user_code"])

		// Setting up, which brings a code of its own, and the frame in the console.
		installation := "/console/orgs/" + j.Orgs["acme"].ID + "/installations/" + *installed.Claims["inst_id"]
		j.post(t, installation+"/setup", nil)
		j.holds(t, j.accepted(t, "helper", "setup"))
		frame := regexp.MustCompile(`<iframe[^>]* src="([^"]+)"`).FindStringSubmatch(j.get(t, "/console/orgs/"+j.Orgs["acme"].ID+"/open/"+j.Apps["helper"].ID))
		if frame == nil {
			t.Fatal("the page of the app has no frame")
		}
		j.fetch(t, "GET", html.UnescapeString(frame[1]), nil)
		if got := j.accepted(t, "helper", "manual_nav"); got.Claims["app_user_code"] != nil {
			t.Error("opening an app brought a code")
		}

		// An uninstall in a browser.
		j.post(t, installation+"/uninstall", nil)
		j.accepted(t, "helper", "uninstall")
	})
}

// journey is a person's way through the console with a client that keeps
// cookies.
type journey struct {
	server
	key       souk.Key
	client    *http.Client
	receivers map[string]*receiver // by app
}

// startJourney serves the world of testdata/receiver.yaml, with a receiver for
// each of its apps.
func startJourney(t *testing.T, database string) *journey {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	j := &journey{client: &http.Client{Jar: jar, Timeout: patience}, receivers: map[string]*receiver{}}
	document, err := os.ReadFile(filepath.Join("testdata", "receiver.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(document)
	for _, app := range []string{"helper", "relic"} {
		j.receivers[app] = startReceiver(t)
		text = strings.ReplaceAll(text, "TRIGGER-OF-"+strings.ToUpper(app), j.receivers[app].URL)
	}
	path := filepath.Join(t.TempDir(), "receiver.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	j.server, j.key = startWorld(t, database, path)
	for app, r := range j.receivers {
		r.serve(t, j.URL, j.Apps[app].ID, j.Apps[app].Credentials.Giosg.Secret)
	}
	return j
}

// accepted is the trigger that an app's receiver took next, which must be of a
// type, at Acme, of Ada, and keep the app's own query.
func (j *journey) accepted(t *testing.T, app, kind string) trigger {
	t.Helper()
	got := j.receivers[app].next(t)
	if got.Error != "" {
		t.Fatalf("%s was not taken: %s", kind, got.Error)
	}
	if got.Trigger.Type != kind {
		t.Fatalf("a trigger of type %s, want %s", got.Trigger.Type, kind)
	}
	if !strings.HasPrefix(got.Path, "/trigger?tenant=7&") {
		t.Errorf("%s came to %s", kind, got.Path)
	}
	for claim, want := range map[string]string{
		"user_id": j.Users["ada"].ID, "org_id": j.Orgs["acme"].ID, "app_id": j.Apps[app].ID, "chat_id": "", "visitor_id": "",
	} {
		if value := got.Trigger.Claims[claim]; value == nil || *value != want {
			t.Errorf("%s says that %s is %v, not %q", kind, claim, value, want)
		}
	}
	if left := time.Until(time.Unix(got.Trigger.TokenExpires, 0)); kind != "uninstall" && (left < 8*time.Minute || left > 10*time.Minute) {
		t.Errorf("the token of %s is good for %s", kind, left)
	}
	return got.Trigger
}

// holds fails the test unless the app's server has got a token of the app user.
func (j *journey) holds(t *testing.T, from trigger) {
	t.Helper()
	token := from.Exchanged
	for key, want := range map[string]*string{"user_id": from.Claims["app_user_id"], "organization_id": from.Claims["org_id"], "app_id": from.Claims["app_id"]} {
		if want == nil || token[key] != *want {
			t.Errorf("%s: the token's %s is %q", from.Type, key, token[key])
		}
	}
	if token["token_type"] != "Token" {
		t.Errorf("%s: the token is of type %q", from.Type, token["token_type"])
	}
	var me struct {
		ID    string `json:"id"`
		IsBot bool   `json:"is_bot"`
	}
	if err := json.Unmarshal([]byte(j.api(t, "GET", "/api/v5/users/me", token["access_token"])), &me); err != nil {
		t.Fatal(err)
	}
	if me.ID != token["user_id"] || !me.IsBot {
		t.Errorf("%s: the token speaks for %+v", from.Type, me)
	}
}

// refusesOldCodes fails the test unless the app's server is told that a code has
// expired: one that was used, and one of an hour ago that never was.
func (j *journey) refusesOldCodes(t *testing.T, used string) {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(used, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	then := time.Now().Add(-time.Hour).Unix()
	claims["jti"], claims["iat"], claims["exp"] = souk.NewID(), then, then+60
	aged, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	for name, code := range map[string]string{"used": used, "old": signJWT(j.key.Codes(), string(aged))} {
		got := j.receivers["helper"].exchange(t, code)
		if !strings.HasPrefix(got.Error, "ValueError: invalid_grant: ") || !strings.Contains(got.Error, "expired") {
			t.Errorf("a code that is %s: %q, exchanged for %d keys", name, got.Error, len(got.Exchanged))
		}
	}
}

// exchange has the receiver exchange a code.
func (r *receiver) exchange(t *testing.T, code string) receipt {
	t.Helper()
	r.tell(t, map[string]string{"code": code})
	return r.next(t)
}

func (j *journey) get(t *testing.T, path string) string {
	t.Helper()
	return j.fetch(t, "GET", j.URL+path, nil)
}

func (j *journey) post(t *testing.T, path string, form url.Values) string {
	t.Helper()
	return j.fetch(t, "POST", j.URL+path, form)
}

var hiddenInput = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// hidden is what a page's form sends without asking.
func hidden(page string) url.Values {
	form := url.Values{}
	for _, input := range hiddenInput.FindAllStringSubmatch(page, -1) {
		form.Set(input[1], html.UnescapeString(input[2]))
	}
	return form
}

// fetch is what a browser does with a link or a form. Every page must be there.
func (j *journey) fetch(t *testing.T, method, address string, form url.Values) string {
	t.Helper()
	call, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if method == "POST" {
		call.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return answered(t, j.client, call)
}

// api calls Souk with a token.
func (j *journey) api(t *testing.T, method, path, token string) string {
	t.Helper()
	call, err := http.NewRequestWithContext(t.Context(), method, j.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	call.Header.Set("Authorization", "Token "+token)
	if strings.HasPrefix(path, "/souk/") {
		call.Header.Set("Authorization", "Bearer "+token)
	}
	return answered(t, &http.Client{Timeout: patience}, call)
}

// answered is the body of a successful answer.
func answered(t *testing.T, client *http.Client, call *http.Request) string {
	t.Helper()
	answer, err := client.Do(call)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode/100 != 2 {
		t.Fatalf("%s %s answers %s:\n%s", call.Method, call.URL, answer.Status, body)
	}
	return string(body)
}
