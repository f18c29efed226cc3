package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"souk"
	"souk/souktest"
)

// secrets are what nobody may find in what a server says.
func (c company) secrets() []string {
	return []string{c.adminToken, c.memberToken, c.operator, nativeSecret, signingSecret, verificationToken}
}

// checkSays holds all that a server has said against its promise: the log is
// JSON, a line an entry, and no secret is in it nor on the terminal.
func (s *site) checkSays(t *testing.T, p *process, secrets ...string) {
	t.Helper()
	key, err := os.ReadFile(s.keyFile)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(p.Log.String()) {
		var entry struct {
			Time, Level, Msg string
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Time == "" || entry.Level == "" || entry.Msg == "" {
			t.Errorf("no entry of a log: %s", line)
		}
		for _, secret := range append(secrets, strings.TrimSpace(string(key))) {
			if strings.Contains(line, secret) || strings.Contains(line, url.QueryEscape(secret)) {
				t.Errorf("a secret is in the log: %s", line)
			}
		}
	}
	for _, secret := range append(secrets, strings.TrimSpace(string(key))) {
		if strings.Contains(p.Out.String(), secret) {
			t.Errorf("a secret is on the terminal:\n%s", p.Out)
		}
	}
}

// Wherever a secret comes in or is made, the log does not have it.
func TestLogsKeepSecrets(t *testing.T) {
	t.Parallel()
	hears := newReceiver(t)
	hears.slow = func(*http.Request) {}
	site := newSite(t, filepath.Join(t.TempDir(), "souk.db"))
	var c company
	var q souk.Request
	site.seed(t, func(s *souktest.Seeder) {
		c = newCompany(s, "Acme", 2, hears)
		q = s.Request(c.apps[0], c.workspace, c.member)
	})
	p := site.serve(t)
	on := newClient(t, p.Base)
	const whisper = "only-between-us"
	call := func(method, path, token, contentType, body string) answer {
		t.Helper()
		a, err := on.do(t, method, path, token, contentType, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	const form = "application/x-www-form-urlencoded"
	call("POST", "/api/auth.test", "", form, url.Values{"token": {c.adminToken}}.Encode())
	call("GET", "/api/auth.test?token="+url.QueryEscape(c.adminToken), "", "", "")
	call("GET", "/slack/api/nothing?token="+url.QueryEscape(c.adminToken), "", "", "")
	call("POST", "/api/auth.test", c.adminToken+"x", "", "")
	call("POST", "/api/admin.apps.approve", c.adminToken, form, c.decide(q.ID).Encode()+"&state="+whisper)
	call("POST", "/souk/v1/orgs/"+c.workspace.ID.String()+"/requests", c.memberToken, "application/json",
		`{"app": "`+c.apps[1].ID.String()+`", "reason": "`+whisper+`"}`)
	call("GET", "/souk/v1/me?token="+url.QueryEscape(c.memberToken), c.memberToken, "", "")
	made := call("POST", "/souk/v1/apps/"+c.listener.ID.String()+"/webhooks", c.operator, "application/json",
		`{"dialect": "native", "url": "`+hears.url+`/native?pass=`+whisper+`", "events": ["case.approved"]}`)
	var hook struct{ Secret string }
	if err := json.Unmarshal(made.body, &hook); err != nil || hook.Secret == "" {
		t.Fatalf("%s: %v", made.body, err)
	}
	// Two hear of the request and one of the approval.
	if p.Log.await(regexp.MustCompile(`(?s)"msg":"attempt".*"msg":"attempt".*"msg":"attempt"`)) == nil {
		t.Errorf("nothing was delivered:\n%s", p.Log)
	}
	p.stop(t)
	site.checkSays(t, p, append(c.secrets(), hook.Secret, whisper)...)
}
