package giosg

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"souk"
	"souk/souktest"
)

// vectorID is an id of the vector of docs/dialects/giosg.md, "Triggers".
func vectorID(last byte) souk.ID {
	id, err := souk.ParseID("5b1f0c52-7d3e-4c6f-9a55-0d6f2a1be000")
	if err != nil {
		panic(err)
	}
	id[15] = last
	return id
}

// vectorTrigger is what the vector tells, on a condition.
func vectorTrigger(c souk.Condition) souk.Trigger {
	return souk.Trigger{
		Condition: c, URL: "https://app.example/t", User: vectorID(1), Org: vectorID(2), App: vectorID(3), Installation: vectorID(4),
	}
}

var (
	vectorSigner = signer{souktest.Key, "https://souk.example.com"}
	vectorSecret = souk.Credentials{GiosgSecret: secret}
	vectorTime   = time.Unix(4102444800-600, 999)
)

// payload is the middle of a JWT, as it was signed.
func payload(t *testing.T, token string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no JWT", token)
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// unfolded is the address of a trigger, taken apart.
func unfolded(t *testing.T, s signer, of souk.Trigger, at time.Time) url.Values {
	t.Helper()
	address, err := s.address(of, vectorSecret, at)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

func TestTriggerVector(t *testing.T) {
	data := unfolded(t, vectorSigner, vectorTrigger(souk.OnSetup), vectorTime).Get("data")
	const want = `{"sub":"souk.example.com","user_id":"5b1f0c52-7d3e-4c6f-9a55-0d6f2a1be001","org_id":"5b1f0c52-7d3e-4c6f-9a55-0d6f2a1be002",` +
		`"app_id":"5b1f0c52-7d3e-4c6f-9a55-0d6f2a1be003","inst_id":"5b1f0c52-7d3e-4c6f-9a55-0d6f2a1be004","app_user_id":null,` +
		`"app_user_code":null,"chat_id":"","visitor_id":"","room_id":null,"domain_host":null,"exp":4102444800}`
	if got := payload(t, data); got != want {
		t.Errorf("claims are\n%s, want\n%s", got, want)
	}
	if !strings.HasSuffix(data, ".MyLpV88lmU2lJa6XXurOiB5Z6fy3QiLvLfaNiF_ZFxU") {
		t.Errorf("signed %s", data)
	}
	if got, want := strings.Split(data, ".")[0], base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)); got != want {
		t.Errorf("the header is %s, want %s", got, want)
	}
}

// Which parameters and claims come with which condition.
func TestTriggerParameters(t *testing.T) {
	three, four := []string{"data", "token", "type"}, []string{"data", "redirect_uri", "token", "type"}
	for _, word := range souk.TriggerConditions {
		c := souk.Condition(word)
		of := vectorTrigger(c)
		of.AppUser, of.Return, of.Permissions = vectorID(5), "https://souk.example.com/apps/x?next=/a&b=ü", []souk.Permission{souk.CanSettings}
		q := unfolded(t, vectorSigner, of, vectorTime)

		want := three
		switch c {
		case souk.OnInstall:
			want = four
		case souk.OnUninstall:
			want = []string{"data", "type"}
		}
		if d := cmp.Diff(want, slices.Sorted(maps.Keys(q))); d != "" {
			t.Errorf("%s (-want +got):\n%s", c, d)
		}
		if q.Get("type") != word || c == souk.OnInstall && q.Get("redirect_uri") != of.Return {
			t.Errorf("%s: %q", c, q)
		}
		var data triggerData
		if !readJWT([]byte(secret), q.Get("data"), &data) {
			t.Fatalf("%s: %s is not signed with the app's secret", c, q.Get("data"))
		}
		if coded := data.AppUserCode != nil; coded != (c == souk.OnInstall || c == souk.OnSetup) {
			t.Errorf("%s: code %v", c, coded)
		}
		var raw map[string]any
		if err := json.Unmarshal([]byte(payload(t, q.Get("data"))), &raw); err != nil {
			t.Fatal(err)
		}
		for _, always := range []string{"user_id", "org_id", "chat_id", "visitor_id", "inst_id", "app_id", "app_user_id", "app_user_code"} {
			if _, has := raw[always]; !has {
				t.Errorf("%s: no %s", c, always)
			}
		}
		for _, never := range []string{"aud", "iat", "nbf"} {
			if _, has := raw[never]; has {
				t.Errorf("%s: %s is there", c, never)
			}
		}
		if c == souk.OnUninstall {
			continue
		}
		var token triggerToken
		if !readJWT(souktest.Key.TriggerTokens(), q.Get("token"), &token) {
			t.Fatalf("%s: %s is not signed with the server's key", c, q.Get("token"))
		}
		id := vectorID(1)
		if d := cmp.Diff(triggerToken{
			User: &id, Subject: "souk.example.com", Permissions: []souk.Permission{souk.CanSettings},
			Org: vectorID(2), App: vectorID(3), Installation: vectorID(4), Expires: 4102444800,
		}, token); d != "" {
			t.Errorf("%s: token (-want +got):\n%s", c, d)
		}
	}
}

// A trigger that nobody and no chat caused, and one that a chat did.
func TestTriggerClaims(t *testing.T) {
	of := vectorTrigger("chat_start")
	of.User = souk.ID{}
	q := unfolded(t, vectorSigner, of, vectorTime)
	if got := payload(t, q.Get("data")); !strings.Contains(got, `"user_id":null`) {
		t.Errorf("data %s", got)
	}
	if got := payload(t, q.Get("token")); !strings.Contains(got, `"user_id":null,"sub":"souk.example.com","perms":[],`) {
		t.Errorf("token %s", got)
	}
	of.Chat, of.Visitor, of.Room, of.Domain = `c"1`, "v<1>", "r1", "shop.example"
	if got := payload(t, unfolded(t, vectorSigner, of, vectorTime).Get("data")); !strings.Contains(got,
		`"chat_id":"c\"1","visitor_id":"v<1>","room_id":"r1","domain_host":"shop.example"`) {
		t.Errorf("data %s", got)
	}
}

func TestAppUserCode(t *testing.T) {
	of := vectorTrigger(souk.OnInstall)
	of.AppUser = vectorID(5)
	seen := map[souk.ID]bool{}
	for range 2 {
		var data triggerData
		var code appUserCode
		if !readJWT([]byte(secret), unfolded(t, vectorSigner, of, vectorTime).Get("data"), &data) ||
			!readJWT(souktest.Key.Codes(), *data.AppUserCode, &code) {
			t.Fatal("not signed as it should be")
		}
		if code.ID.IsZero() || seen[code.ID] {
			t.Errorf("the code's id is %s", code.ID)
		}
		seen[code.ID] = true
		code.ID = souk.ID{}
		if d := cmp.Diff(appUserCode{
			Issuer: "https://souk.example.com/identity/authorize", Audience: []string{"https://souk.example.com/identity/token"},
			IssuedAt: 4102444200, Expires: 4102444260, Org: vectorID(2), App: vectorID(3), Installation: vectorID(4), User: vectorID(5),
		}, code); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
}

// What the app's owner wrote stays, byte for byte.
func TestTriggerAddress(t *testing.T) {
	for of, want := range map[string]string{
		"https://app.example":                      "https://app.example?type=setup&data=",
		"https://app.example/t":                    "https://app.example/t?type=setup&data=",
		"https://app.example/t?":                   "https://app.example/t?type=setup&data=",
		"https://app.example/t?a=1&b=%7e+%c3%bc":   "https://app.example/t?a=1&b=%7e+%c3%bc&type=setup&data=",
		"https://app.example/t?a=1&":               "https://app.example/t?a=1&type=setup&data=",
		"https://app.example/t?type=mine&a;b?c":    "https://app.example/t?type=mine&a;b?c&type=setup&data=",
		"http://app.example:8080/t%2f/ü#part":      "http://app.example:8080/t%2f/ü?type=setup&data=",
		"https://app.example/t?a=1#/part?b=2#more": "https://app.example/t?a=1&type=setup&data=",
	} {
		trigger := vectorTrigger(souk.OnSetup)
		trigger.URL = of
		got, err := vectorSigner.address(trigger, vectorSecret, vectorTime)
		if err != nil || !strings.HasPrefix(got, want) || strings.Contains(got, "#") {
			t.Errorf("%s became %s: %v", of, got, err)
		}
	}
	for _, bad := range []string{"", "#part", "https://app.example/%zz?hidden"} {
		trigger := vectorTrigger(souk.OnSetup)
		trigger.URL = bad
		if got, err := vectorSigner.address(trigger, vectorSecret, vectorTime); err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%q became %q: %v", bad, got, err)
		}
	}
	if got, err := vectorSigner.address(vectorTrigger(souk.OnSetup), souk.Credentials{}, vectorTime); err == nil {
		t.Errorf("without a secret: %s", got)
	}
}

// What waits to be told holds neither an address nor a secret, and is signed
// anew for each attempt.
func TestPrepareTrigger(t *testing.T) {
	of := vectorTrigger("chat_end")
	of.AppUser, of.Permissions, of.Return = vectorID(5), []souk.Permission{souk.CanReports, souk.CanUsers}, "https://souk.example.com/back"
	of.Chat, of.Visitor, of.Room, of.Domain = "c", "v", "r", "d"
	triggers := Triggers(souktest.Key, "https://souk.example.com/")
	body, err := triggers.Encode(of)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(body), "app.example") || strings.Contains(string(body), "exp") {
		t.Errorf("frozen as %s", body)
	}
	thawed, err := decodeTrigger(body)
	if thawed.URL = of.URL; err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(of, thawed); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}

	prepare := PrepareTrigger(souktest.Key, "https://souk.example.com")
	for _, at := range []time.Time{vectorTime, vectorTime.Add(time.Hour)} {
		got, err := prepare(souk.Outgoing{
			Delivery: souk.Delivery{ID: souk.ID{1}, Body: body}, Webhook: souk.Webhook{URL: of.URL}, Credentials: vectorSecret, At: at,
		})
		if err != nil {
			t.Fatal(err)
		}
		if want, err := triggers.Address(of, vectorSecret, at); err != nil || got.URL != want {
			t.Errorf("asks %s, want %s: %v", got.URL, want, err)
		}
		if got.Body != nil || len(got.Header) != 1 || got.Header["User-Agent"] != userAgent {
			t.Errorf("sends %q, %v", got.Body, got.Header)
		}
	}
	for name, o := range map[string]souk.Outgoing{
		"no body":   {Webhook: souk.Webhook{URL: of.URL}, Credentials: vectorSecret},
		"no URL":    {Delivery: souk.Delivery{Body: body}, Credentials: vectorSecret},
		"no secret": {Delivery: souk.Delivery{Body: body}, Webhook: souk.Webhook{URL: of.URL}},
	} {
		if got, err := prepare(o); err == nil {
			t.Errorf("%s: asks %s", name, got.URL)
		}
	}
}
