package giosg

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"souk"
)

// probeForm is a resource with attributes of every kind.
type probeForm struct {
	Name  *string
	Alias *string
	On    *bool
	Off   *bool
	Icon  *souk.ID
	Link  *string
	Words []string
	URIs  []string
	Parts []probePart
}

type probePart struct {
	Name *string
	On   *bool
}

// readProbeForm takes a form apart: link must not be longer than 24 characters, and
// no two parts have the same name.
func readProbeForm(o *object) probeForm {
	seen := map[string]bool{}
	return probeForm{
		Name:  o.text("name", required, 5),
		Alias: o.text("alias", nullable, 5),
		On:    o.flag("on", required),
		Off:   o.flag("off", optional),
		Icon:  o.id("icon", nullable),
		Link:  o.url("link", nullable, 24),
		Words: o.choices("words", optional, []string{"a", "b"}),
		URIs:  o.urls("uris", optional, 3, 24, func(s string) bool { return strings.HasPrefix(s, "https://") }),
		Parts: objects(o, "parts", optional, 2, func(o *object) probePart {
			p := probePart{o.text("name", required, 5), o.flag("on", required)}
			if p.Name != nil && seen[*p.Name] {
				o.reject("name", "Again.")
			} else if p.Name != nil {
				seen[*p.Name] = true
			}
			return p
		}),
	}
}

// good is a form without what a test is about.
const good = `"name":"n","on":true`

var faultyForms = []struct{ body, want string }{
	{`{}`, `{"name":["This field is required."],"on":["This field is required."]}`},
	{``, `{"name":["This field is required."],"on":["This field is required."]}`},
	{`[]`, `{"non_field_errors":["Invalid data. Expected a dictionary, but got list."]}`},
	{` "x"`, `{"non_field_errors":["Invalid data. Expected a dictionary, but got str."]}`},
	{`null`, `{"non_field_errors":["Invalid data. Expected a dictionary, but got NoneType."]}`},
	{`true`, `{"non_field_errors":["Invalid data. Expected a dictionary, but got bool."]}`},
	{`7`, `{"non_field_errors":["Invalid data. Expected a dictionary, but got int."]}`},
	{`7e0`, `{"non_field_errors":["Invalid data. Expected a dictionary, but got float."]}`},

	{`{"name":null,"on":null}`, `{"name":["This field may not be null."],"on":["This field may not be null."]}`},
	{`{` + good + `,"off":null,"words":null,"uris":null,"parts":null}`,
		`{"off":["This field may not be null."],"parts":["This field may not be null."],"uris":["This field may not be null."],"words":["This field may not be null."]}`},
	{`{` + good + `,"name":""}`, `{"name":["This field may not be blank."]}`},
	{`{` + good + `,"name":" \t\n"}`, `{"name":["This field may not be blank."]}`},
	{`{` + good + `,"alias":"","link":""}`, `{"alias":["This field may not be blank."],"link":["This field may not be blank."]}`},
	{`{` + good + `,"name":"123456"}`, `{"name":["Ensure this field has no more than 5 characters."]}`},
	{`{` + good + `,"name":"öööööö"}`, `{"name":["Ensure this field has no more than 5 characters."]}`},
	{`{` + good + `,"name":123456}`, `{"name":["Ensure this field has no more than 5 characters."]}`},
	{`{` + good + `,"name":true}`, `{"name":["Not a valid string."]}`},
	{`{` + good + `,"name":["n"]}`, `{"name":["Not a valid string."]}`},
	{`{` + good + `,"name":{"n":1}}`, `{"name":["Not a valid string."]}`},
	{`{` + good + `,"name":"a\u0000b"}`, `{"name":["Not a valid string."]}`},
	{`{` + good + `,"name":"\ud83d"}`, `{"name":["Not a valid string."]}`},
	{`{` + good + `,"name":"\ude80\ud83d"}`, `{"name":["Not a valid string."]}`},
	{`{` + good + `,"on":"maybe","off":2}`, `{"off":["Must be a valid boolean."],"on":["Must be a valid boolean."]}`},
	{`{` + good + `,"on":[true],"off":{}}`, `{"off":["Must be a valid boolean."],"on":["Must be a valid boolean."]}`},
	{`{` + good + `,"on":"","off":"\u0000"}`, `{"off":["Must be a valid boolean."],"on":["Must be a valid boolean."]}`},
	{`{` + good + `,"icon":"x"}`, `{"icon":["Must be a valid UUID."]}`},
	{`{` + good + `,"icon":7}`, `{"icon":["Must be a valid UUID."]}`},
	{`{` + good + `,"icon":["0197a0c2-5d3e-7c6f-9a55-0d6f2a1be002"]}`, `{"icon":["Must be a valid UUID."]}`},
	{`{` + good + `,"icon":"00000000-0000-0000-0000-000000000000"}`, `{"icon":["Invalid pk \"00000000-0000-0000-0000-000000000000\" - object does not exist."]}`},
	{`{` + good + `,"link":"example.com"}`, `{"link":["Enter a valid URL."]}`},
	{`{` + good + `,"link":"//example.com"}`, `{"link":["Enter a valid URL."]}`},
	{`{` + good + `,"link":"ftp://example.com"}`, `{"link":["Enter a valid URL."]}`},
	{`{` + good + `,"link":"javascript:alert(1)"}`, `{"link":["Enter a valid URL."]}`},
	{`{` + good + `,"link":"https://"}`, `{"link":["Enter a valid URL."]}`},
	{`{` + good + `,"link":"https://:443"}`, `{"link":["Enter a valid URL."]}`},
	{`{` + good + `,"link":"https://a b.c"}`, `{"link":["Enter a valid URL."]}`},
	{`{` + good + `,"link":"https://a.b/c d"}`, `{"link":["Enter a valid URL."]}`},
	{`{` + good + `,"link":"https://a.b/\u2003c"}`, `{"link":["Enter a valid URL."]}`},
	{`{` + good + `,"link":"https://a.b/\u00a0c"}`, `{"link":["Enter a valid URL."]}`},
	{`{` + good + `,"link":"https://a.b/\u0085c"}`, `{"link":["Enter a valid URL."]}`},
	{`{` + good + `,"link":"https://a.b/\u0090c"}`, `{"link":["Enter a valid URL."]}`},
	{`{` + good + `,"uris":["https://a\u2003java:x"]}`, `{"uris":{"0":["Enter a valid URL."]}}`},
	{`{` + good + `,"link":"https://a.b\\c"}`, `{"link":["Enter a valid URL."]}`},
	{`{` + good + `,"link":"https://a.b/%zz"}`, `{"link":["Enter a valid URL."]}`},
	{`{` + good + `,"link":"https://u:p@a.b"}`, `{"link":["Enter a valid URL."]}`},
	{`{` + good + `,"link":7}`, `{"link":["Enter a valid URL."]}`},
	{`{` + good + `,"link":"https://example.com/long/"}`, `{"link":["Ensure this field has no more than 24 characters."]}`},
	{`{` + good + `,"words":"a"}`, `{"words":["Expected a list of items but got type \"str\"."]}`},
	{`{` + good + `,"words":{"a":1}}`, `{"words":["Expected a list of items but got type \"dict\"."]}`},
	{`{` + good + `,"words":["a","lunch","c"]}`, `{"words":["\"lunch\" is not a valid choice."]}`},
	{`{` + good + `,"words":["a",null]}`, `{"words":["\"null\" is not a valid choice."]}`},
	{`{` + good + `,"words":["A"]}`, `{"words":["\"A\" is not a valid choice."]}`},
	{`{` + good + `,"words":[` + strings.Repeat(`"a",`, 100) + `"a"]}`, `{"words":["Ensure this field has no more than 100 elements."]}`},
	{`{` + good + `,"words":["` + strings.Repeat("å", 60) + `"]}`, `{"words":["\"` + strings.Repeat("å", 50) + `…\" is not a valid choice."]}`},
	{`{` + good + `,"uris":7}`, `{"uris":["Expected a list of items but got type \"int\"."]}`},
	{`{` + good + `,"uris":["https://a.b","http://a.b",null]}`, `{"uris":{"1":["Enter a valid URL."],"2":["This field may not be null."]}}`},
	{`{` + good + `,"uris":["",true,"https://example.com/long/"]}`,
		`{"uris":{"0":["This field may not be blank."],"1":["Not a valid string."],"2":["Ensure this field has no more than 24 characters."]}}`},
	{`{` + good + `,"uris":["https://a.b","https://a.b","https://a.b","x"]}`, `{"uris":["Ensure this field has no more than 3 elements."]}`},
	{`{` + good + `,"parts":{}}`, `{"parts":{"non_field_errors":["Expected a list of items but got type \"dict\"."]}}`},
	{`{` + good + `,"parts":[1,{` + good + `}]}`, `{"parts":[{"non_field_errors":["Invalid data. Expected a dictionary, but got int."]},{}]}`},
	{`{` + good + `,"parts":[{` + good + `},{"on":1}]}`, `{"parts":[{},{"name":["This field is required."]}]}`},
	{`{` + good + `,"parts":[{` + good + `},{` + good + `}]}`, `{"parts":[{},{"name":["Again."]}]}`},
	{`{` + good + `,"parts":[{},{},{}]}`, `{"parts":{"non_field_errors":["Ensure this field has no more than 2 elements."]}}`},
}

var goodForms = []struct{ body, want string }{
	{`{` + good + `}`, `{"Name":"n","On":true}`},
	{`{"name":" å b ","on":"ON","off":0}`, `{"Name":"å b","On":true,"Off":false}`},
	{`{"name":7,"on":1,"off":"No"}`, `{"Name":"7","On":true,"Off":false}`},
	{`{"name":-1.50,"on":"t","off":"f"}`, `{"Name":"-1.50","On":true,"Off":false}`},
	{`{"name":"\ud83d\ude80","on":"1","off":"FALSE"}`, `{"Name":"🚀","On":true,"Off":false}`},
	{`{"name":"ööööö","on":"yes","off":"off"}`, `{"Name":"ööööö","On":true,"Off":false}`},
	{`{"name":"\\u000","on":true}`, `{"Name":"\\u000","On":true}`},
	{`{"name":["a"],"on":7,"on":true,"name":"b"}`, `{"Name":"b","On":true}`},
	{`{` + good + `,"\u006eame":"c"}`, `{"Name":"c","On":true}`},
	{`{` + good + `,"id":7,"secret":"\u0000","Name":[],"":{"a":[null]}}`, `{"Name":"n","On":true}`},
	{`{` + good + `,"alias":null,"icon":null,"link":null}`, `{"Name":"n","Alias":"","On":true,"Icon":"","Link":""}`},
	{`{` + good + `,"icon":"0197A0C25D3E7C6F9A550D6F2A1BE002"}`, `{"Name":"n","On":true,"Icon":"0197a0c2-5d3e-7c6f-9a55-0d6f2a1be002"}`},
	{`{` + good + `,"link":" HTTP://[::1]:80/å?q#f "}`, `{"Name":"n","On":true,"Link":"HTTP://[::1]:80/å?q#f"}`},
	{`{` + good + `,"words":[],"uris":[],"parts":[]}`, `{"Name":"n","On":true,"Words":[],"URIs":[],"Parts":[]}`},
	{`{` + good + `,"words":["b","a","b"],"uris":["https://a.b"]}`, `{"Name":"n","On":true,"Words":["b","a","b"],"URIs":["https://a.b"]}`},
	{`{` + good + `, "parts" : [ { "name" : "p" , "on" : false } ] }`, `{"Name":"n","On":true,"Parts":[{"Name":"p","On":false}]}`},
}

// parse reads a body as input does.
func parse(body, method string) (probeForm, *object) {
	o := readObject([]byte(body))
	o.partial = method == http.MethodPatch
	if len(o.faults) > 0 {
		return probeForm{}, o
	}
	return readProbeForm(o), o
}

func TestFaultyForms(t *testing.T) {
	for _, tt := range faultyForms {
		body := tt.body
		if body == "" {
			body = "{}" // as input has it
		}
		_, o := parse(body, http.MethodPut)
		if got, err := marshal(o.faults); err != nil || string(got) != tt.want {
			t.Errorf("%.80s:\n\t%s (%v)\nwant\t%s", tt.body, got, err, tt.want)
		}
	}
}

func TestGoodForms(t *testing.T) {
	for _, tt := range goodForms {
		got, o := parse(tt.body, http.MethodPost)
		if err := o.valid(); err != nil {
			t.Errorf("%s: %s", tt.body, o.faults)
		}
		compact, err := withoutNulls(got)
		if err != nil || compact != tt.want {
			t.Errorf("%s:\n\t%s (%v)\nwant\t%s", tt.body, compact, err, tt.want)
		}
	}
}

// withoutNulls spells a form without what is absent.
func withoutNulls(f probeForm) (string, error) {
	text, err := marshal(f)
	s := string(text)
	for _, name := range []string{"Alias", "Off", "Icon", "Link", "Words", "URIs", "Parts"} {
		s = strings.ReplaceAll(s, `,"`+name+`":null`, "")
	}
	return s, err
}

// What PATCH leaves out is absent, and what it names is judged like all else;
// items of a list are whole all the same.
func TestPartialForms(t *testing.T) {
	tests := []struct{ body, want string }{
		{`{}`, `{}`},
		{`{"name":null}`, `{"name":["This field may not be null."]}`},
		{`{"off":"x"}`, `{"off":["Must be a valid boolean."]}`},
		{`{"parts":[{"on":true}]}`, `{"parts":[{"name":["This field is required."]}]}`},
	}
	for _, tt := range tests {
		got, o := parse(tt.body, http.MethodPatch)
		if faults, err := marshal(o.faults); err != nil || string(faults) != tt.want {
			t.Errorf("%s: %s (%v), want %s", tt.body, faults, err, tt.want)
		}
		if got.Name != nil || got.On != nil || got.Parts != nil {
			t.Errorf("%s: %+v", tt.body, got)
		}
	}
}

// formProbe reads a form, or the body alone.
var formProbe = []route{{"PUT", "/probe", func(_ *Handler, c *call) (answer, error) {
	o, err := c.input()
	if err != nil {
		return answer{}, err
	}
	f := readProbeForm(o)
	return shown(f), o.valid()
}, anybody}}

// What is wrong with a body as such, over the wire.
func TestBodies(t *testing.T) {
	everyCompany(t, formProbe, func(t *testing.T, o *company) {
		nested := func(n int) string {
			return `{` + good + `,"x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`
		}
		const json, parseError = "application/json", `{"detail":"JSON parse error - `
		tests := []struct {
			body, contentType string
			status            int
			begins            string
		}{
			{`{` + good + `}`, json, 200, `{"Name":"n"`},
			{`{` + good + `}`, "Application/JSON; charset=UTF-8", 200, `{"Name":"n"`},
			{` {` + good + "}\r\n", json, 200, `{"Name":"n"`},
			{nested(5000), json, 200, `{"Name":"n"`},
			{nested(20000), json, 400, parseError},
			{``, "", 400, `{"name":["This field is required."]`},
			{``, "text/plain", 400, `{"name":["This field is required."]`},
			{`{` + good + `}`, "text/plain; charset=utf-8", 415, detailText(`Unsupported media type \"text/plain; charset=utf-8\" in request.`)},
			{`{` + good + `}`, "", 415, detailText(`Unsupported media type \"\" in request.`)},
			{`{` + good + `}`, "application/json; charset=latin-1", 415, `{"detail":"Unsupported media type \"application/json; charset=latin-1\"`},
			{`{` + good + `}`, "application/x-www-form-urlencoded", 415, `{"detail":"Unsupported media type `},
			{`{` + good + `}`, strings.Repeat("x", 5000), 415, `{"detail":"Unsupported media type \"` + strings.Repeat("x", 100) + `…\"`},
			{`{`, json, 400, parseError},
			{`{` + good + `,}`, json, 400, parseError},
			{`{` + good + `} {}`, json, 400, parseError},
			{`{'name':1}`, json, 400, parseError},
			{`{"name":NaN}`, json, 400, parseError},
			{"{\"name\":\"\xff\"}", json, 400, parseError},
			{"\xef\xbb\xbf{}", json, 400, parseError},
			{"{\"name\":\"a\nb\"}", json, 400, parseError},
			{"{\"name\":\"a\x00b\"}", json, 400, parseError},
			{` `, json, 400, parseError},
			{`{"words":[` + strings.Repeat(`"a",`, 9999) + `"a"],"uris":[` + strings.Repeat(`"a",`, 9999) + `"a"],"parts":[` + strings.Repeat(`{},`, 9999) + `{}],` + good + `}`, json, 400,
				`{"parts":{"non_field_errors":["Ensure this field has no more than 2 elements."]},"uris":["Ensure this field has no more than 3 elements."],"words":["Ensure this field has no more than 100 elements."]}`},
			{`{"name":"` + strings.Repeat("n", 1<<20-100) + `"}`, json, 400, `{"name":["Ensure this field has no more than 5 characters."]`},
			{`{"name":"` + strings.Repeat("n", 2<<20) + `"}`, json, 413, detailText("Request body too large.")},
			{`{"name":"` + strings.Repeat("n", 2<<20) + `"}`, "text/plain", 413, detailText("Request body too large.")},
		}
		for _, tt := range tests {
			r := o.request(t, "", "PUT /probe", "")
			r, err := http.NewRequestWithContext(t.Context(), r.Method, r.URL.String(), strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", tt.contentType)
			got := o.send(t, r)
			if got.status != tt.status || !strings.HasPrefix(got.body, tt.begins) {
				t.Errorf("%.40s as %.40s: %d %.300s, want %d %s", tt.body, tt.contentType, got.status, got.body, tt.status, tt.begins)
			}
			if got.closed != (tt.status == 413) {
				t.Errorf("%.40s: %d, and the connection closes: %v", tt.body, got.status, got.closed)
			}
		}
	})
}

// The largest body of the smallest things costs no more than a moment.
func TestBodiesAreCheap(t *testing.T) {
	items := func(open, item, end string) string {
		return open + strings.Repeat(item+",", (maxBody-len(open)-len(end))/(len(item)+1)-1) + item + end
	}
	var keys strings.Builder
	for i := 0; keys.Len() < maxBody-20; i++ {
		fmt.Fprintf(&keys, `"%x":1,`, i)
	}
	for name, body := range map[string]string{
		"words": items(`{`+good+`,"words":[`, `"a"`, `]}`),
		"uris":  items(`{`+good+`,"uris":[`, `0`, `]}`),
		"parts": items(`{`+good+`,"parts":[`, `{}`, `]}`),
		"keys":  `{` + keys.String() + `"name":""}`,
	} {
		began := time.Now()
		_, o := parse(body, http.MethodPatch)
		if took := time.Since(began); took > 2*time.Second || len(o.faults) != 1 {
			t.Errorf("%s took %v: %v", name, took, o.faults)
		}
	}
}

// Whatever a body is, reading it ends in values that may be stored or in faults
// that may be told.
func FuzzForm(f *testing.F) {
	for _, tt := range faultyForms {
		f.Add([]byte(tt.body))
	}
	for _, tt := range goodForms {
		f.Add([]byte(tt.body))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if err := wellFormed(raw); err != nil {
			if json.Valid(raw) && utf8.Valid(raw) {
				t.Fatalf("%q is refused: %v", raw, err)
			}
			return
		}
		got, o := parse(string(raw), http.MethodPatch)
		text, err := marshal(o.faults)
		if err != nil || !utf8.Valid(text) {
			t.Fatalf("%q has the faults %q: %v", raw, text, err)
		}
		if o.valid() != nil {
			return
		}
		for _, s := range append(got.URIs, textsOf(got)...) {
			if !utf8.ValidString(s) || strings.Contains(s, "\x00") || strings.TrimSpace(s) != s || utf8.RuneCountInString(s) > 24 {
				t.Fatalf("%q becomes %q", raw, s)
			}
		}
		if len(got.Words) > maxChoices || len(got.URIs) > 3 || len(got.Parts) > 2 {
			t.Fatalf("%q becomes %+v", raw, got)
		}
	})
}

func textsOf(f probeForm) (texts []string) {
	for _, s := range []*string{f.Name, f.Alias, f.Link} {
		if s != nil {
			texts = append(texts, *s)
		}
	}
	for _, p := range f.Parts {
		texts = append(texts, *p.Name)
	}
	return texts
}

// A body that breaks off is told like one that makes no sense, and nobody waits
// on its connection for the rest.
func TestBrokenBodies(t *testing.T) {
	everyCompany(t, formProbe, func(t *testing.T, o *company) {
		u, err := url.Parse(o.url)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp", u.Host)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "PUT %s/probe HTTP/1.1\r\nHost: souk\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{%s", prefix, good)
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		got, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(got.Body)
		if err != nil {
			t.Fatal(err)
		}
		if got.StatusCode != 400 || string(body) != detailText("JSON parse error - the body did not arrive whole and in time") || !got.Close {
			t.Errorf("%d %s, and the connection closes: %v", got.StatusCode, body, got.Close)
		}
	})
}
