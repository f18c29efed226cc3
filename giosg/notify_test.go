package giosg

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"souk"
	"souk/souktest"
)

const secret = "0123456789abcdef0123456789abcdef01234567"

// The vector of docs/dialects/giosg.md, "Notifications".
func TestSignatureVector(t *testing.T) {
	body, err := marshal(notification{Channel: "/x", Action: souk.Removed, ResourceID: "1"})
	if err != nil || string(body) != `{"channel":"/x","action":"removed","resource_id":"1","app_user_auth":null}` {
		t.Fatalf("%s %v", body, err)
	}
	timestamp, signature := sign(secret, "msg_01", time.Unix(1700000000, 999), body)
	if timestamp != "1700000000" || signature != "v1,KMmy0oYXw93niTOZqxRShMjL0ZgAmxpteq8rpMge+Y8=" {
		t.Errorf("%s %s", timestamp, signature)
	}
}

// outgoing is an attempt at a notification about a resource.
func outgoing(t *testing.T, speaker souk.Speaker, at time.Time) souk.Outgoing {
	t.Helper()
	body, err := marshal(notification{
		Channel: "/api/v5/orgs/o/chats", Action: souk.Added, ResourceID: `"app_user_auth":null \"`,
		Resource: json.RawMessage(`{"id":"1","app_user_auth":null,"text":"<b>å</b>","n":1e400}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	return souk.Outgoing{
		Delivery:    souk.Delivery{ID: souk.ID{1}, Event: souk.ID{2}, Body: body},
		Credentials: souk.Credentials{GiosgSecret: secret},
		Speaker:     speaker, At: at,
	}
}

func TestPrepare(t *testing.T) {
	prepare, now := Prepare(souktest.Key), time.Now()
	oracle, err := standardwebhooks.NewWebhookRaw([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	clerk := souk.Speaker{Installation: souk.ID{3}, App: souk.ID{4}, Org: souk.ID{5}, User: souk.ID{6}}
	const (
		head = `{"channel":"/api/v5/orgs/o/chats","action":"added","resource_id":"\"app_user_auth\":null \\\"","app_user_auth":`
		tail = `,"resource":{"id":"1","app_user_auth":null,"text":"<b>å</b>","n":1e400}}`
	)
	tokens := map[string]bool{}
	for _, at := range []time.Time{now.Add(-5 * time.Second), now} {
		o := outgoing(t, clerk, at)
		frozen := bytes.Clone(o.Delivery.Body)
		got, err := prepare(o)
		if err != nil {
			t.Fatal(err)
		}
		header := http.Header{}
		for name, value := range got.Header {
			header.Set(name, value)
		}
		if err := oracle.Verify(got.Body, header); err != nil {
			t.Error(err)
		}
		if header.Get("webhook-id") != o.Delivery.ID.String() || header.Get("User-Agent") != "Souk-Webhook/1.0" || header.Get("Content-Type") != "application/json" {
			t.Errorf("header %v", header)
		}
		auth, ok := strings.CutPrefix(string(got.Body), head)
		auth, end := strings.CutSuffix(auth, tail)
		if !ok || !end || !bytes.Equal(frozen, o.Delivery.Body) {
			t.Fatalf("%s\nof %s", got.Body, o.Delivery.Body)
		}
		var a appUserAuth
		if err := json.Unmarshal([]byte(auth), &a); err != nil {
			t.Fatal(err)
		}
		short, ok := readToken(souktest.Key, a.AccessToken, now)
		if !ok || short.Installation != clerk.Installation || short.User != clerk.User || !short.Expires.Equal(at.Truncate(time.Second).Add(300*time.Second)) {
			t.Errorf("the token is %+v", short)
		}
		tokens[a.AccessToken] = true
		a.AccessToken = ""
		if a != (appUserAuth{"", "Bearer", 300, clerk.User, clerk.Org}) {
			t.Errorf("%+v", a)
		}
	}
	if len(tokens) != 2 {
		t.Error("two attempts share a token")
	}
	o := outgoing(t, souk.Speaker{}, now)
	if got, err := prepare(o); err != nil || string(got.Body) != head+"null"+tail {
		t.Errorf("without an app user: %s %v", got.Body, err)
	}
	o = outgoing(t, clerk, now)
	o.Delivery.Body = []byte(`{}`)
	if got, err := prepare(o); err == nil {
		t.Errorf("a body without a place for the token: %s", got.Body)
	}
}
