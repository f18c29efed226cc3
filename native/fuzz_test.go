package native

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"souk"
)

// Whatever a body is, reading it ends in values that may be stored or in
// faults that may be told.
func FuzzBody(f *testing.F) {
	for _, s := range []string{
		`{"app":"01920000-0000-7000-8000-00000000000a","scopes":["a"],"reason":"\ud83d\ude80","app_user":{"alias":"x"},"paused":true}`,
		`{"resource":{"a":[{"b":"]\""}]},"app":"01920000-0000-7000-8000-00000000000a"}`, `{"a":"\ud800"}`, `{"a":1,"a":2}`, `{"reason":"\\u0000\u0000"}`, `[[[[`, "\xff", `{"app_user":[]}`, `{"workspaces":[null]}`, ``,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if err := wellFormed(raw); err != nil {
			if json.Valid(raw) && utf8.Valid(raw) {
				t.Fatalf("%q is refused: %v", raw, err)
			}
			return
		}
		c := &call{}
		o := c.readObject(raw, "")
		app, ids := o.id("app"), o.ids("workspaces")
		texts := append(o.texts("scopes"), o.text("reason"))
		inner := o.object("app_user")
		texts = append(texts, inner.text("alias"))
		document := o.document("resource")
		o.flag("paused")
		inner.leftovers()
		o.leftovers()
		if len(c.bad) > 0 {
			for _, e := range c.bad {
				if e.Pointer == nil || !utf8.ValidString(*e.Pointer) || e.Detail == "" {
					t.Fatalf("%q has the fault %+v", raw, e)
				}
			}
			return
		}
		if app.IsZero() || len(ids) > maxList {
			t.Fatalf("%q is accepted", raw)
		}
		if document != nil && (!json.Valid(document) || document[0] != '{' || depth(document) > maxDepth) {
			t.Fatalf("%q passes %q on", raw, document)
		}
		for _, s := range texts {
			if !utf8.ValidString(s) || strings.Contains(s, "\x00") || strings.Count(s, "\uFFFD") > 0 && !strings.Contains(strings.ToLower(string(raw)), `\ufffd`) && !strings.Contains(string(raw), "\uFFFD") {
				t.Fatalf("%q becomes %q", raw, s)
			}
		}
	})
}

// Whatever a query is, a page of it is within bounds and starts where a cursor
// of ours says.
func FuzzQuery(f *testing.F) {
	key := souk.NewKey([souk.KeySize]byte{3})
	o := operations[0]
	at := souk.Position{At: time.Unix(1_795_000_000, 0).UTC(), ID: souk.NewID()}
	f.Add("limit=1&cursor=" + key.Cursor(o.name()+"\x00here", at))
	f.Add("limit=200&cursor=" + key.Cursor(o.name(), at))
	f.Add("user=01920000-0000-7000-8000-00000000000a&scopes=a,b&below=true")
	f.Add("%zz&limit=-1")
	f.Fuzz(func(t *testing.T, raw string) {
		c := &call{operation: o, request: &http.Request{URL: &url.URL{RawQuery: raw}}}
		if c.readQuery() != nil {
			return
		}
		p := c.page(key, "here")
		user, scopes := c.idParameter("user"), c.scopesParameter("scopes")
		c.flag("below")
		if c.valid() != nil {
			return
		}
		if p.limit < 1 || p.limit > maxLimit {
			t.Fatalf("%q asks for %d rows", raw, p.limit)
		}
		sent, err := url.ParseQuery(raw)
		if err != nil || p.after != (souk.Position{}) && key.Cursor(o.name()+"\x00here", p.after) != sent.Get("cursor") {
			t.Fatalf("%q begins at %v", raw, p.after)
		}
		if back, err := souk.ParseID(user.String()); !user.IsZero() && (err != nil || back != user) {
			t.Fatalf("%q names %v", raw, user)
		}
		for _, s := range scopes {
			if s == "" || !utf8.ValidString(s) || strings.Contains(s, "\x00") {
				t.Fatalf("%q asks for %q", raw, s)
			}
		}
	})
}

// An id in an address names what its spelling says and nothing else.
func FuzzPathID(f *testing.F) {
	f.Add(souk.NewID().String())
	f.Add("00000000-0000-0000-0000-000000000000")
	f.Add("..%2F")
	f.Fuzz(func(t *testing.T, text string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.SetPathValue("org", text)
		c := &call{request: r}
		id := c.org()
		if err := c.valid(); err == nil && id.String() != text || err != nil && !id.IsZero() {
			t.Fatalf("%q is %v, %v", text, id, err)
		}
	})
}
