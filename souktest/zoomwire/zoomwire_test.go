package zoomwire

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Bodies of all five kinds that are in order.
var good = map[string]string{
	"created": `{"event":"app.authorization_request_created","event_ts":1749365726209,"payload":{"app_name":"A&B <x>","app_type":"OAuth App","app_status":"published","app_description":"It.","app_link":{"developer_documentation":"https://a.example/docs"},"app_permissions":{"View":["See"],"Manage":[]},"install_requirements":{"min_client":"5.7.3","user_role":"Any User","account_eligibility":{"premium_events":[],"account_types":["Pro"]}},"app_scopes":["users:read"],"requester_name":"Jill","requester_department":"Development","requester_user_groups":["dev"],"request_reason":"I\nneed it."}}`,
	"bare":    `{"event":"app.authorization_request_created","event_ts":1749365726209,"payload":{"app_name":"A","app_type":"OAuth App","app_status":"development","app_link":{},"app_permissions":{"View":[],"Manage":[]},"install_requirements":{"user_role":"Account Admin","account_eligibility":{"premium_events":[],"account_types":[]}},"app_scopes":[],"requester_name":"Jill","requester_user_groups":[]}}`,
	"all":     `{"event":"app.authorization_request_approved","event_ts":1749365726209,"payload":{"request_id":"NtEMagHcQAygosd81Lzysw","app_id":"NtEMagHcQAygosd81Lzysw","app_name":"A","app_type":"OAuth App","app_status":"published","scope":"all_users_on_account","reviewer_name":"Ada","reviewer_email":"ada@acme.example"}}`,
	"some":    `{"event":"app.authorization_request_declined","event_ts":1749365726209,"payload":{"request_id":"NtEMagHcQAygosd81Lzysw","app_id":"NtEMagHcQAygosd81Lzysw","app_name":"A","app_type":"OAuth App","app_status":"unpublished","app_description":"It.","scope":"specific_users","reviewer_name":"Ada","reviewer_email":"ada@acme.example","reviewed_requests":[{"requester_name":"Bo","requester_email":"bo@acme.example"}]}}`,
	"ended":   `{"event":"app_deauthorized","event_ts":1749365726209,"payload":{"account_id":"NtEMagHcQAygosd81Lzysw","user_id":"NtEMagHcQAygosd81Lzysw","signature":"827edc3452044f0bc86bdd5684afb7d1e6becfa1a767f24df1b287853cf73000","deauthorization_time":"2025-06-08T06:55:26.209Z","client_id":"ABCDEFGHIJKLMNOPQRSTUV","event_ts":1749365726209}}`,
	"asked":   `{"event":"endpoint.url_validation","event_ts":1749365726209,"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}`,
}

func TestWhatIsInOrder(t *testing.T) {
	for name, body := range good {
		for _, layer := range []func([]byte) error{Published, Strict, Bytes} {
			if err := layer([]byte(body)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// What an encoder that follows Zoom's examples, or is careless, would send. The
// published schema lets most of it pass; the strict one none.
func TestStrictRejects(t *testing.T) {
	for _, tt := range []struct{ name, of, old, new string }{
		{"a text for event_ts", "created", `"event_ts":1749365726209`, `"event_ts":"1749365726209"`},
		{"no event_ts at the root", "ended", `"event_ts":1749365726209,"payload"`, `"payload"`},
		{"permissions inside the links", "created", `"app_link":{"developer_documentation":"https://a.example/docs"},"app_permissions":{"View":["See"],"Manage":[]}`, `"app_link":{"developer_documentation":"https://a.example/docs","app_permissions":{"View":["See"],"Manage":[]}}`},
		{"the role Any", "created", `"Any User"`, `"Any"`},
		{"an empty URL", "created", `"https://a.example/docs"`, `""`},
		{"nobody reviewed", "some", `[{"requester_name":"Bo","requester_email":"bo@acme.example"}]`, `[]`},
		{"some users, and none named", "some", `,"reviewed_requests":[{"requester_name":"Bo","requester_email":"bo@acme.example"}]`, ``},
		{"null", "created", `"requester_department":"Development"`, `"requester_department":null`},
		{"development, of a review", "some", `"unpublished"`, `"development"`},
		{"a request id where there is none", "created", `"app_scopes"`, `"request_id":"NtEMagHcQAygosd81Lzysw","app_scopes"`},
		{"user_data_retention", "ended", `"account_id"`, `"user_data_retention":"false","account_id"`},

		{"seconds", "asked", `1749365726209`, `1749365726`},
		{"a member of the root", "asked", `"event_ts"`, `"download_token":"x","event_ts"`},
		{"an empty reason", "created", `"I\nneed it."`, `""`},
		{"a reviewer without an address", "all", `"ada@acme.example"`, `"Ada"`},
		{"an id with dashes", "all", `"app_id":"NtEMagHcQAygosd81Lzysw"`, `"app_id":"01890a5d-ac96-774b-bcce-b302099a8057"`},
		{"a time without milliseconds", "ended", `26.209Z`, `26Z`},
		{"a day that there is not", "ended", `2025-06-08T`, `2025-06-31T`},
		{"a signature in upper case", "ended", `827edc`, `827EDC`},
		{"no groups", "bare", `,"requester_user_groups":[]`, ``},
	} {
		body := strings.Replace(good[tt.of], tt.old, tt.new, 1)
		if body == good[tt.of] {
			t.Fatalf("%s: nothing was changed", tt.name)
		}
		if err := Strict([]byte(body)); err == nil {
			t.Errorf("%s passes: %s", tt.name, body)
		}
	}
}

func TestPublishedRejects(t *testing.T) {
	for of, change := range map[string][2]string{
		"created": {`"event_ts":1749365726209`, `"event_ts":"1749365726209"`},
		"ended":   {`,"event_ts":1749365726209}`, `,"event_ts":"2024-09-08 15:58:40"}`},
		"all":     {`"reviewer_name":"Ada",`, ``},
		"some":    {`bo@acme.example`, `bo`},
	} {
		if err := Published([]byte(strings.Replace(good[of], change[0], change[1], 1))); err == nil {
			t.Errorf("%s passes", of)
		}
	}
}

// Bodies that say the same and that JSON.stringify would spell otherwise.
func TestBytesRejects(t *testing.T) {
	for _, body := range []string{
		``, ` {}`, "{}\n", "\ufeff{}", `{ }`, `{"a": 1}`, `{"a":1 }`, `{"a":1,}`, `{"a":1}{}`, `[1,]`,
		`{"a":1.0}`, `{"a":1e3}`, `{"a":-0}`, `{"a":01}`, `{"a":9007199254740992}`, `{"a":1,"a":2}`, `{"b":1,"0":2}`, `{"17":1}`,
		`{"a":"\u003c"}`, `{"a":"\/"}`, `{"a":"\u0009"}`, `{"a":"\u000B"}`, `{"a":"\u2028"}`, `{"a":"\u00e9"}`, `{"a":"\u007f"}`, `{"a":"\ud83d\ude92"}`,
		"{\"a\":\"\t\"}", "{\"a\":\"\xff\"}", `{"a":nil}`, `{"a"}`, `{"a":"`, `{"a":"\u00`,
	} {
		if Bytes([]byte(body)) == nil {
			t.Errorf("%q passes", body)
		}
	}
	for _, body := range []string{
		`{}`, `[]`, `{"a":-7,"b":[true,false,{}],"01":9007199254740991}`, "{\"\":\"\u2028<&>/\x7f\ufffd\"}", `{"a":"\"\\\b\f\n\r\t\u0000\u001f\u000b"}`,
	} {
		if err := Bytes([]byte(body)); err != nil {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// Every header counts.
func TestCheckRejects(t *testing.T) {
	at := time.Unix(1749365726, 0)
	request := func(change func(*Request)) Request {
		stamp, body := strconv.FormatInt(at.Unix(), 10), []byte(good["asked"])
		r := Request{Method: http.MethodPost, Body: body, At: at, Header: http.Header{}}
		for name, value := range map[string]string{
			"Content-Type": "application/json; charset=utf-8", "User-Agent": "Souk/1", "Accept-Encoding": "gzip",
			"X-Zm-Request-Timestamp": stamp, "X-Zm-Signature": Sign("secret", stamp, body),
			"X-Zm-Request-Id": "6009d653_d487_445d_8406_42b654974899", "X-Zm-Trackingid": "v=2.0;clid=souk;rid=WEB_6009d653d487445d840642b654974899",
			"Clientid": "ABCDEFGHIJKLMNOPQRSTUV",
		} {
			r.Header.Set(name, value)
		}
		change(&r)
		return r
	}
	if err := Check(request(func(*Request) {}), "secret"); err != nil {
		t.Fatal(err)
	}
	for name := range shapes {
		if Check(request(func(r *Request) { r.Header.Del(name) }), "secret") == nil {
			t.Errorf("it passes without %s", name)
		}
	}
	for name, change := range map[string]func(*Request){
		"another method":    func(r *Request) { r.Method = http.MethodPut },
		"an old one":        func(r *Request) { r.At = at.Add(4 * time.Second) },
		"a changed body":    func(r *Request) { r.Body = []byte(good["ended"]) },
		"milliseconds":      func(r *Request) { r.Header.Set("X-Zm-Request-Timestamp", "1749365726209") },
		"two content types": func(r *Request) { r.Header.Add("Content-Type", "application/json; charset=utf-8") },
	} {
		if Check(request(change), "secret") == nil {
			t.Errorf("%s passes", name)
		}
	}
	if Check(request(func(*Request) {}), "another") == nil {
		t.Error("another secret passes")
	}
}
