package slack

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"
)

// args are the arguments of a call.
type args map[string]string

func (a args) with(more args) args {
	all := maps.Clone(a)
	maps.Copy(all, more)
	return all
}

// result is what a call got.
type result struct {
	status int
	header http.Header
	body   map[string]any
	raw    string
	closed bool // the connection
}

// code is the error of a result, "" for a success.
func (r result) code() code {
	s, _ := r.body["error"].(string)
	return code(s)
}

// call calls a method with a form, as most clients do.
func (o *town) call(t testing.TB, token, method string, a args) result {
	t.Helper()
	form := url.Values{}
	for name, text := range a {
		form.Set(name, text)
	}
	return o.do(t, o.request(t, "POST", token, method, "application/x-www-form-urlencoded", form.Encode()))
}

// callJSON calls a method with a JSON object.
func (o *town) callJSON(t testing.TB, token, method, body string) result {
	t.Helper()
	return o.do(t, o.request(t, "POST", token, method, jsonUTF, body))
}

func (o *town) request(t testing.TB, verb, token, method, contentType, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), verb, o.base+"/api/"+method, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	r.Header.Set("X-Forwarded-For", "192.0.2.1")
	return r
}

// do sends a call and holds its answer against what holds for every answer.
func (o *town) do(t testing.TB, r *http.Request) result {
	t.Helper()
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	raw, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return checked(t, path.Base(r.URL.Path), result{status: got.StatusCode, header: got.Header, raw: string(raw), closed: got.Close})
}

// checked holds an answer against what holds for all of them.
func checked(t testing.TB, name string, r result) result {
	t.Helper()
	if err := json.Unmarshal([]byte(r.raw), &r.body); err != nil {
		t.Fatalf("%s: %q: %v", name, r.raw, err)
	}
	ok, isBool := r.body["ok"].(bool)
	switch c := r.code(); {
	case !isBool, ok != (c == ""):
		t.Errorf("%s: ok and error disagree: %s", name, r.raw)
	case r.status != c.status() && name != "api.test":
		t.Errorf("%s: %s with status %d", name, c, r.status)
	case !ok && methods[name] != nil && methods[name].governs && !slices.Contains(methods[name].codes, c) && !slices.Contains(conventions, c):
		t.Errorf("%s answers %s, which is not documented for it", name, c)
	}
	if metadata, there := r.body["response_metadata"]; there && metadata == nil {
		t.Errorf("%s: response_metadata is null", name)
	}
	if strings.TrimSpace(r.raw) != r.raw {
		t.Errorf("%s: something around the object: %q", name, r.raw)
	}
	for header, want := range map[string]string{
		"Content-Type":           "application/json; charset=utf-8",
		"Cache-Control":          "private, no-cache, no-store, must-revalidate",
		"X-Content-Type-Options": "nosniff",
		"Vary":                   "Accept-Encoding",
	} {
		if got := r.header.Get(header); got != want {
			t.Errorf("%s: %s is %q", name, header, got)
		}
	}
	if r.header.Get("X-Slack-Req-Id") == "" || r.header.Get("X-Slack-Req-Id") != r.header.Get("X-Request-Id") {
		t.Errorf("%s: request id %q, %q", name, r.header.Get("X-Slack-Req-Id"), r.header.Get("X-Request-Id"))
	}
	return r
}

// want fails unless a call got the code, "" for a success.
func want(t testing.TB, c code, got result) {
	t.Helper()
	if got.code() != c {
		t.Errorf("want %q, got %s", c, got.raw)
	}
}
