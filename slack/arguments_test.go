package slack

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// sample takes an argument of each kind.
var sample = parameters{
	{name: "app_id", required: true},
	{name: "other"},
	{name: "team_ids", kind: list},
	{name: "certified", kind: boolean},
	{name: "limit", kind: size},
}

// post is a call with a body of the given type.
func post(contentType, body string) *http.Request {
	r := httptest.NewRequest("POST", "/api/m.m", strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

const (
	form    = "application/x-www-form-urlencoded"
	jsonUTF = "application/json; charset=utf-8"
)

func multipartBody(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("--b\r\n" + p + "\r\n")
	}
	return b.String() + "--b--\r\n"
}

func TestReadArguments(t *testing.T) {
	tests := []struct {
		name     string
		r        *http.Request
		want     map[string]string
		token    string
		warnings []code
	}{
		{"form", post(form, "app_id=A1&other=a+b%20c"), map[string]string{"app_id": "A1", "other": "a b c"}, "", nil},
		{"upper case type", post("Application/X-WWW-Form-URLencoded", "app_id=A1"), map[string]string{"app_id": "A1"}, "", nil},
		{"semicolons are text", post(form, "app_id=A;1"), map[string]string{"app_id": "A;1"}, "", nil},
		{"form with the token", post(form, "token=xoxp-1&app_id=A1"), map[string]string{"app_id": "A1"}, "xoxp-1", nil},
		{"form with charset", post(form+"; charset=utf-8", "app_id=A1"), map[string]string{"app_id": "A1"}, "", []code{warnSuperfluousCharset}},
		{"text", post("text/plain;charset=\"UTF-8\"", "token=t&app_id=A1"), map[string]string{"app_id": "A1"}, "t", nil},
		{"text without charset", post("text/plain", "app_id=A1"), map[string]string{"app_id": "A1"}, "", []code{warnMissingCharset}},
		{"latin form", post(form+"; charset=ISO-8859-1", "app_id=caf%e9&other=caf\xe9"), map[string]string{"app_id": "café", "other": "café"}, "", []code{warnSuperfluousCharset}},
		{"latin JSON", post("application/json; charset=iso-8859-1", "{\"app_id\":\"caf\xe9\"}"), map[string]string{"app_id": "café"}, "", nil},
		{"multipart", post("multipart/form-data; boundary=b", multipartBody(
			"Content-Disposition: form-data; name=\"app_id\"\r\n\r\nA1",
			"Content-Disposition: form-data; name=\"other\"; filename=\"x\"\r\nContent-Type: image/png\r\n\r\npixels",
			"Content-Disposition: form-data; name=\"token\"\r\n\r\nxoxp-2",
		)), map[string]string{"app_id": "A1", "other": "pixels"}, "xoxp-2", nil},
		{"JSON", post(jsonUTF, `{"app_id":"A1","other":12.50,"certified":true,"limit":7,"team_ids":["T1","T2"],"token":"no"}`),
			map[string]string{"app_id": "A1", "other": "12.50", "certified": "true", "limit": "7", "team_ids": `["T1","T2"]`}, "", nil},
		{"JSON escapes", post(jsonUTF, `{"app_id":"\ud83d\ude00\\u0000 \u00e9\n"}`), map[string]string{"app_id": "😀\\u0000 é\n"}, "", nil},
		{"JSON without charset", post("application/json", `{}`), map[string]string{}, "", []code{warnMissingCharset}},
		{"empty means absent", post(form, "app_id=&other"), map[string]string{}, "", nil},
		{"null means absent", post(jsonUTF, `{"app_id":null,"other":""}`), map[string]string{}, "", nil},
		{"unknown arguments", post(jsonUTF, `{"new":["x"],"newer":{"y":1},"app_id":"A1"}`), map[string]string{"app_id": "A1"}, "", nil},
		{"nothing labelled form", post(form, ""), map[string]string{}, "", nil},
		{"nothing labelled JSON", post("application/json;charset=utf-8", ""), map[string]string{}, "", nil},
		{"nothing labelled multipart", post("multipart/form-data", ""), map[string]string{}, "", nil},
		{"nothing at all", post("", ""), map[string]string{}, "", nil},
		{"query", httptest.NewRequest("GET", "/api/m.m?app_id=A1&token=no", nil), map[string]string{"app_id": "A1"}, "", nil},
		{"body of a GET", httptest.NewRequest("GET", "/api/m.m?app_id=A1", strings.NewReader("other=1")), map[string]string{"app_id": "A1"}, "", nil},
		{"a list longer than a text may be", post(form, "team_ids="+strings.Repeat("T1,", 100_000)), map[string]string{"team_ids": strings.Repeat("T1,", 100_000)}, "", nil},
		{"the longest text", post(form, "other="+strings.Repeat("x", maxValue)), map[string]string{"other": strings.Repeat("x", maxValue)}, "", nil},
		{"the longest name", post(form, strings.Repeat("n", maxName)+"=1"), map[string]string{}, "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := readArguments(httptest.NewRecorder(), tt.r, sample)
			if err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(a.texts, tt.want) || a.token != tt.token || !slices.Equal(a.warnings, tt.warnings) {
				t.Errorf("got %q, token %q, warnings %q", a.texts, a.token, a.warnings)
			}
		})
	}
}

func TestQueryIsMergedIntoEveryBody(t *testing.T) {
	for contentType, body := range map[string]string{
		form:                              "app_id=A1",
		jsonUTF:                           `{"app_id":"A1"}`,
		"text/plain; charset=utf-8":       "app_id=A1",
		"multipart/form-data; boundary=b": multipartBody("Content-Disposition: form-data; name=app_id\r\n\r\nA1"),
		"":                                "",
	} {
		r := post(contentType, body)
		r.URL.RawQuery = "other=2&token=x"
		a, err := readArguments(httptest.NewRecorder(), r, sample)
		if err != nil {
			t.Fatalf("%q: %v", contentType, err)
		}
		if a.texts["other"] != "2" || body != "" && a.texts["app_id"] != "A1" || a.token != "" {
			t.Errorf("%q: got %q, token %q", contentType, a.texts, a.token)
		}
	}
}

func TestReadArgumentsRefuses(t *testing.T) {
	query := func(raw string) *http.Request {
		r := post(form, "app_id=A1")
		r.URL.RawQuery = raw
		return r
	}
	part := func(head string) *http.Request {
		return post("multipart/form-data; boundary=b", multipartBody(head+"\r\n\r\nv"))
	}
	many := "a=1"
	for i := range maxArguments {
		many += "&a" + strings.Repeat("x", i%60) + strconv.Itoa(i) + "=1"
	}
	tests := []struct {
		name string
		r    *http.Request
		want code
	}{
		{"no type", post("", "app_id=A1"), missingPostType},
		{"another type", post("application/xml", "<a/>"), invalidPostType},
		{"another type without a body", post("application/xml", ""), invalidPostType},
		{"no type at all", post(";;", "x"), invalidPostType},
		{"a type said badly", post("application/json; charset", "{}"), invalidPostType},
		{"utf-16", post("application/json; charset=utf-16", "{}"), invalidCharset},
		{"charset before body", post(form+"; charset=klingon", "%zz"), invalidCharset},
		{"bad escape", post(form, "app_id=%zz"), invalidFormData},
		{"bad escape in a name", post(form, "%z=1"), invalidFormData},
		{"bad escape in the query", query("other=%zz"), invalidFormData},
		{"bad escape in text", post("text/plain", "app_id=%"), invalidFormData},
		{"form without a name", post(form, "=1"), invalidFormData},
		{"bytes outside the charset", post(form, "app_id=\xff"), invalidFormData},
		{"escaped bytes outside the charset", post(form, "app_id=%ff"), invalidFormData},
		{"multipart without boundary", post("multipart/form-data", "--b--"), invalidFormData},
		{"multipart cut short in a part", post("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=app_id\r\n\r\nA"), invalidFormData},
		{"multipart without its end", post("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=app_id\r\n\r\nA\r\n--b"), invalidFormData},
		{"multipart without a name", part("Content-Disposition: form-data"), invalidFormData},
		{"multipart without a disposition", part("Content-Type: text/plain"), invalidFormData},
		{"broken JSON", post(jsonUTF, `{"app_id":`), invalidJSON},
		{"two JSON texts", post(jsonUTF, `{} {}`), invalidJSON},
		{"JSON that is no UTF-8", post(jsonUTF, "{\"app_id\":\"\xff\"}"), invalidJSON},
		{"JSON behind a byte order mark", post(jsonUTF, "\ufeff{}"), invalidJSON},
		{"JSON array", post(jsonUTF, `["app_id"]`), jsonNotObject},
		{"JSON text", post(jsonUTF, `"app_id"`), jsonNotObject},
		{"JSON null", post(jsonUTF, `null`), jsonNotObject},
		{"a dash in a name", post(form, "a-b=1"), invalidArgName},
		{"a long name", post(form, strings.Repeat("n", 300)+"=1"), invalidArgName},
		{"a strange name in JSON", post(jsonUTF, `{"é":1}`), invalidArgName},
		{"no name in JSON", post(jsonUTF, `{"":1}`), invalidArgName},
		{"a name as PHP has it", post(form, "app_id[]=1"), invalidArrayArg},
		{"a name with an index", post(form, "team_ids[0]=1"), invalidArrayArg},
		{"a name twice", post(form, "app_id=1&app_id=1"), invalidArrayArg},
		{"a name twice, once absent", post(form, "app_id=&app_id=1"), invalidArrayArg},
		{"an unknown name twice", post(form, "zzz=1&zzz=2"), invalidArrayArg},
		{"a name in body and query", query("app_id=A1"), invalidArrayArg},
		{"a name twice in JSON", post(jsonUTF, `{"app_id":"1","app_id":"1"}`), invalidArrayArg},
		{"two tokens", post(form, "token=1&token=1"), invalidArrayArg},
		{"an array for a text", post(jsonUTF, `{"app_id":["A1"]}`), invalidArrayArg},
		{"an object for a text", post(jsonUTF, `{"app_id":{}}`), invalidArrayArg},
		{"an object for a list", post(jsonUTF, `{"team_ids":{"0":"T1"}}`), invalidArrayArg},
		{"an array for a boolean", post(jsonUTF, `{"certified":[true]}`), invalidArrayArg},
		{"NUL", post(form, "app_id=A%00"), invalidArguments},
		{"NUL in JSON", post(jsonUTF, `{"app_id":"A\u0000"}`), invalidArguments},
		{"half a surrogate pair", post(jsonUTF, `{"app_id":"\ud83d"}`), invalidArguments},
		{"half a pair before text", post(jsonUTF, `{"app_id":"\ud83dx\ude00"}`), invalidArguments},
		{"a pair the wrong way round", post(jsonUTF, `{"app_id":"\ude00\ud83d"}`), invalidArguments},
		{"a long text", post(form, "other="+strings.Repeat("x", maxValue+1)), invalidArguments},
		{"too many arguments", post(form, many), invalidArguments},
		{"a large body", post(form, "team_ids="+strings.Repeat("T1,", 400_000)), invalidArguments},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := readArguments(httptest.NewRecorder(), tt.r, sample); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestValues(t *testing.T) {
	lists := map[string][]string{
		"T1,T2":             {"T1", "T2"},
		" T1 ,, T2,":        {"T1", "T2"},
		`["T1","T2"]`:       {"T1", "T2"},
		`["T1",""]`:         {"T1"},
		`[]`:                {},
		`,`:                 {},
		`["é\ud83d\ude00"]`: {"é😀"},
	}
	for given, want := range lists {
		got, wrong := parseList(given)
		if wrong != "" || got == nil || !slices.Equal(got, want) {
			t.Errorf("list %q: got %q, %s", given, got, wrong)
		}
	}
	for given, want := range map[string]bool{"1": true, "true": true, "TRUE": true, "0": false, "False": false} {
		if got, wrong := parseBoolean(given); wrong != "" || got != want {
			t.Errorf("boolean %q: got %v, %s", given, got, wrong)
		}
	}
	for given, want := range map[string]int{"1": 1, "1000": 1000, "007": 7} {
		if got, wrong := parseSize(given); wrong != "" || got != want {
			t.Errorf("size %q: got %v, %s", given, got, wrong)
		}
	}
}

func TestValuesTellEveryFault(t *testing.T) {
	a, err := readArguments(httptest.NewRecorder(), post(form, `team_ids=["T1"&certified=yes&limit=1001`), sample)
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.values()
	var f *failure
	if !errors.As(err, &f) || f.code != invalidArguments {
		t.Fatalf("got %v", err)
	}
	want := []string{
		"[ERROR] missing required field: app_id",
		"[ERROR] must be a list of strings [json-pointer:/team_ids]",
		"[ERROR] must be true or false [json-pointer:/certified]",
		"[ERROR] must be a number from 1 to 1000 [json-pointer:/limit]",
	}
	if !slices.Equal(f.messages, want) {
		t.Errorf("got %q", f.messages)
	}
	for _, bad := range []string{`[1]`, `[null]`, `[["T1"]]`, `["T1"] x`, `[`, `["a\u0000"]`, `["\ud800"]`} {
		if _, wrong := parseList(bad); wrong == "" {
			t.Errorf("list %q was taken", bad)
		}
	}
	for _, bad := range []string{"", "-1", "+1", "0", "1.0", "1e2", "1001", "99999999999999999999", "x"} {
		if _, wrong := parseSize(bad); wrong == "" {
			t.Errorf("size %q was taken", bad)
		}
	}
}

func FuzzArguments(f *testing.F) {
	f.Add(form, []byte("app_id=A1&team_ids=T1%2CT2&limit=3"), "other=1")
	f.Add("application/json", []byte(`{"app_id":"\ud83d\ude00","team_ids":["T1"],"certified":false,"limit":null}`), "")
	f.Add("multipart/form-data; boundary=b", []byte(multipartBody("Content-Disposition: form-data; name=app_id\r\n\r\nA")), "x[]=1")
	f.Add("text/plain; charset=iso-8859-1", []byte("app_id=\xe9&token=xoxp"), "token=1")
	f.Fuzz(func(t *testing.T, contentType string, body []byte, query string) {
		r := httptest.NewRequest("POST", "/api/m.m", bytes.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		r.URL.RawQuery = query
		a, err := readArguments(httptest.NewRecorder(), r, sample)
		if err != nil {
			var c code
			if !errors.As(err, &c) && !errors.As(err, new(*failure)) {
				t.Fatalf("no error of the face: %v", err)
			}
			return
		}
		for name, text := range a.texts {
			if text == "" || !utf8.ValidString(text) || strings.Contains(text, "\x00") || !sample.has(name) {
				t.Fatalf("%q was taken for %s", text, name)
			}
		}
		v, err := a.values()
		if err != nil {
			if !errors.Is(err, invalidArguments) {
				t.Fatalf("no fault of an argument: %v", err)
			}
			return
		}
		if v.texts["app_id"] == "" || v.sizes["limit"] < 0 || v.sizes["limit"] > maxPage {
			t.Fatalf("values outside their bounds: %+v", v)
		}
		for _, item := range v.lists["team_ids"] {
			if item == "" || !utf8.ValidString(item) || strings.Contains(item, "\x00") {
				t.Fatalf("%q is in a list", item)
			}
		}
	})
}
