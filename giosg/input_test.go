package giosg

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"souk"
	"souk/souktest"
	"souk/store"
)

// writable is a resource that calls write.
type writable struct {
	name, who  string
	calls      []string
	attributes []attribute
}

// attribute is one that a call may set.
type attribute struct {
	name, fine string // a value that can be, as JSON
	need       presence
	bad        []badValue
}

// badValue is a value that cannot be, and what is said of it, as JSON.
type badValue struct{ value, says string }

// stranger is the id of nothing.
const stranger = `"0197a0c2-5d3e-7c6f-9a55-0d6f2a1be002"`

// Values that are wrong wherever no list belongs, and often where one does.
var (
	tenThousand = "[7" + strings.Repeat(",7", 9_999) + "]"
	deep        = strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000)
	tooDeep     = strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)
	nul         = `"a\u0000b"`
	surrogates  = []string{`"\ud83d"`, `"\ude80"`, `"x\ude80\ud83d"`}
	shapes      = append([]string{`{}`, `{"a":"b"}`, `[]`, `["x"]`, tenThousand, deep}, surrogates...)
)

// saying is one sentence about each of values.
func saying(sentence string, values ...string) (bad []badValue) {
	for _, v := range values {
		bad = append(bad, badValue{v, sentences(sentence)})
	}
	return bad
}

// sentences spells one sentence as it stands at an attribute.
func sentences(sentence string) string {
	text, err := marshal([]string{sentence})
	if err != nil {
		panic(err) // a text has a spelling
	}
	return string(text)
}

func textAttribute(name, fine string, need presence, most int) attribute {
	long := `"` + strings.Repeat("å", most+1) + `"`
	return attribute{name, fine, need, slices.Concat(
		saying("Not a valid string.", append(shapes, `true`, `false`, nul)...),
		saying("This field may not be blank.", `""`, `" \t\r\n\u2003"`),
		saying(fmt.Sprintf("Ensure this field has no more than %d characters.", most), long, strings.Repeat("7", most+1)),
	)}
}

// notAddresses are texts that are no address.
var notAddresses = []string{
	`7`, `"shop.example"`, `"//shop.example/"`, `"ftp://shop.example/"`, `"javascript:alert(1)"`, `"https://"`, `"https:///a"`,
	`"https://sam:secret@shop.example/"`, `"https://shop.example/a b"`, `"https://shop.example/\u0007"`, `"https://shop.example:a/"`,
	`"https://shop.example\\@evil.example/"`, `"https://shop.example/%zz"`,
}

func urlAttribute(name string, need presence, most int) attribute {
	a := textAttribute(name, `"https://shop.example/?a=b"`, need, most)
	a.bad = append(a.bad, saying("Enter a valid URL.", notAddresses...)...)
	return a
}

func flagAttribute(name, fine string, need presence) attribute {
	return attribute{name, fine, need, saying("Must be a valid boolean.",
		append(shapes, `2`, `-1`, `1.5`, `""`, `"maybe"`, `"true\u0000"`, `"`+strings.Repeat("t", 10_000)+`"`)...)}
}

func idAttribute(name, fine string, need presence, more ...badValue) attribute {
	none := `"00000000-0000-0000-0000-000000000000"`
	return attribute{name, fine, need, slices.Concat(
		saying("Must be a valid UUID.", append(shapes, `7`, `true`, `""`, `"x"`, nul, strings.Replace(stranger, "-", "", 1), `"`+strings.Repeat("0", 10_000)+`"`)...),
		unknown(none), more,
	)}
}

// unknown is what is said of an id that may not be named.
func unknown(id string) []badValue {
	return saying(`Invalid pk `+id+` - object does not exist.`, id)
}

// notLists are values that are no list, with what Python calls them.
var notLists = map[string]string{
	`7`: "int", `7.5`: "float", `1e3`: "float", `true`: "bool", `"settings"`: "str", `""`: "str", nul: "str", `{}`: "dict", `{"0":"settings"}`: "dict",
}

// listAttribute is a list of up to most items, of which these are bad. within
// spells where faults of the list as a whole stand.
func listAttribute(name, fine string, most int, within func(string) string, bad ...badValue) attribute {
	for value, kind := range notLists {
		bad = append(bad, badValue{value, within(sentences(`Expected a list of items but got type "` + kind + `".`))})
	}
	bad = append(bad, badValue{tenThousand, within(sentences(fmt.Sprintf("Ensure this field has no more than %d elements.", most)))})
	return attribute{name, fine, optional, bad}
}

func itself(s string) string { return s }

func wordsAttribute(name, fine string) attribute {
	not := func(value, shown string) badValue {
		return badValue{value, sentences(`"` + shown + `" is not a valid choice.`)}
	}
	return listAttribute(name, fine, 100, itself,
		not(`["lunch"]`, "lunch"), not(`["", "lunch"]`, ""), not(`[7]`, "7"), not(`[null]`, "null"), not(`[["settings"]]`, `["settings"]`),
		not(`["settings\u0000"]`, "settings\x00"), not(`["\ud83d"]`, "\uFFFD"), not(deep, strings.Repeat("[", 100)+"…"),
		not(`["`+strings.Repeat("x", 10_000)+`"]`, strings.Repeat("x", 100)+"…"),
	)
}

// acceptedAttribute is a list of words that must be the right ones.
func acceptedAttribute(name, fine string) attribute {
	bad := saying(`"7" is not a valid choice.`, `[7]`, `["chat:write",7]`)
	bad = append(bad, saying("These must be exactly the required scopes of the app.",
		`[]`, `["lunch"]`, `["chat:write","lunch"]`, `[`+nul+`]`, `["\ud83d"]`, `["`+strings.Repeat("x", 10_000)+`"]`)...)
	return listAttribute(name, fine, 100, itself, bad...)
}

// urisAttribute is a list of addresses, whose faults are told by index.
func urisAttribute(name string, most int) attribute {
	const fine = `"https://shop.example/back"`
	one := textAttribute("", "", required, most)
	one.bad = append(one.bad, saying("Enter a valid URL.", append(notAddresses, `"http://shop.example/"`, `"https://shop.example/#a"`)...)...)
	one.bad = append(one.bad, saying("This field may not be null.", `null`)...)
	var bad []badValue
	for _, b := range one.bad {
		bad = append(bad, badValue{`[` + fine + `,` + b.value + `,` + fine + `]`, `{"1":` + b.says + `}`})
	}
	return listAttribute(name, `[`+fine+`]`, 20, itself, bad...)
}

// subscriptionsAttribute is a list of objects, whose faults are told in a list
// as long.
func subscriptionsAttribute(name string, most int, attributes ...attribute) attribute {
	whole := writable{attributes: attributes}
	fine := subscribe(ownPattern)
	var bad []badValue
	for _, a := range attributes {
		for _, b := range a.values() {
			part := whole.body(false, map[string]string{a.name: b.value})
			bad = append(bad, badValue{`[` + fine + `,` + part + `]`, `[{},{"` + a.name + `":` + b.says + `}]`})
		}
	}
	for value, kind := range map[string]string{`null`: "NoneType", `7`: "int", `"x"`: "str", `true`: "bool", `[]`: "list", deep: "list"} {
		said := sentences("Invalid data. Expected a dictionary, but got " + kind + ".")
		bad = append(bad, badValue{`[` + value + `,` + fine + `]`, `[{"non_field_errors":` + said + `},{}]`})
	}
	bad = append(bad, badValue{`[` + fine + `,` + fine + `]`, `[{},{"channel_pattern":["This channel pattern is already subscribed."]}]`})
	within := func(s string) string { return `{"non_field_errors":` + s + `}` }
	return listAttribute(name, `[`+fine+`]`, most, within, bad...)
}

// values are all that a cannot be; the value of what is absent is empty.
func (a attribute) values() []badValue {
	bad := slices.Clone(a.bad)
	if a.need != nullable {
		bad = append(bad, saying("This field may not be null.", `null`)...)
	}
	if a.need == required {
		bad = append(bad, saying("This field is required.", "")...)
	}
	return bad
}

// body is a body in which all attributes are fine but those that are given; it
// says nothing of others when it is partial.
func (w writable) body(partial bool, but map[string]string) string {
	var members []string
	for _, a := range w.attributes {
		value, given := but[a.name]
		if !given && !partial {
			value = a.fine
		}
		if value != "" {
			members = append(members, `"`+a.name+`":`+value)
		}
	}
	return `{` + strings.Join(members, ",") + `}`
}

// writables are all resources that JSON writes; hook is a webhook of the clerk.
func writables(hook string) []writable {
	const orgs, vendor, item = "/orgs/{orgs.shop}/", "/orgs/{orgs.vendor}/", "/{apps.clerk}"
	return []writable{
		{"owned app", "sam", []string{"POST " + orgs + "owned_apps", "PUT " + orgs + "owned_apps" + item, "PATCH " + orgs + "owned_apps" + item}, []attribute{
			textAttribute("name", `"Clerk"`, required, 75),
			textAttribute("description", `"Answers."`, required, 2000),
			idAttribute("icon_asset_id", `null`, nullable, unknown(stranger)...),
			flagAttribute("is_available_to_anyone", `false`, optional),
			flagAttribute("is_available_to_partners", `"off"`, optional),
			flagAttribute("is_app_user_required", `true`, required),
			textAttribute("app_user_default_first_name", `"Shop"`, nullable, 64),
			textAttribute("app_user_default_last_name", `7`, nullable, 64),
			textAttribute("app_user_default_alias", `null`, nullable, 64),
			urlAttribute("terms_of_service_url", required, 2048),
			urlAttribute("privacy_policy_url", required, 2048),
			urlAttribute("trigger_url", nullable, 2048),
			wordsAttribute("trigger_conditions", `["setup","install"]`),
			wordsAttribute("required_scopes", `["settings"]`),
			urisAttribute("allowed_redirect_uris", 2048),
		}},
		{"webhook", "sam", []string{"POST " + clerkHooks, "PUT " + clerkHooks + "/" + hook, "PATCH " + clerkHooks + "/" + hook}, []attribute{
			urlAttribute("endpoint_url", required, souk.MaxURL),
			subscriptionsAttribute("channel_subscriptions", 50,
				patternAttribute("channel_pattern"),
				flagAttribute("is_additions_subscribed", `true`, required),
				flagAttribute("is_changes_subscribed", `false`, required),
				flagAttribute("is_removals_subscribed", `false`, required),
			),
		}},
		{"app installation", "sam", []string{"POST " + orgs + "app_installations"}, []attribute{
			idAttribute("app_id", `"{apps.deploybot}"`, required, slices.Concat(unknown(stranger), unknown(`"{apps.lunch}"`))...),
			acceptedAttribute("allowed_scopes", `["chat:write"]`),
			flagAttribute("is_terms_accepted", `true`, required),
			textAttribute("app_user_first_name", `"Deploy"`, nullable, 64),
			textAttribute("app_user_last_name", `null`, nullable, 64),
			textAttribute("app_user_alias", `"D"`, nullable, 64),
		}},
		{"partnership", "sam", []string{"PATCH " + orgs + "partnerships/{orgs.vendor}"}, []attribute{
			textAttribute("display_name", `"Friends"`, nullable, 200),
		}},
		{"invitation", "sam", []string{"POST " + orgs + "outgoing_partnership_invitations"}, []attribute{
			idAttribute("invited_organization_id", `"{orgs.solo}"`, required, slices.Concat(unknown(`"00000000-0000-0000-0000-000000000000"`),
				saying("An organization cannot invite itself.", `"{orgs.shop}"`), saying("This organization is already your partner.", `"{orgs.vendor}"`))...),
		}},
		{"app share", "vic", []string{"POST " + vendor + "outgoing_app_shares"}, []attribute{
			idAttribute("organization_id", `"{orgs.shop}"`, required,
				saying("This organization is not your partner.", stranger, `"{orgs.solo}"`, `"{orgs.vendor}"`)...),
			idAttribute("app_id", `"{apps.vault}"`, required, slices.Concat(unknown(stranger), unknown(`"{apps.clerk}"`))...),
		}},
	}
}

// patternAttribute is a text that has a bound of its own.
func patternAttribute(name string) attribute {
	a := textAttribute(name, `"`+chats+`"`, required, maxBody)
	a.bad = slices.DeleteFunc(a.bad, func(b badValue) bool { return len(b.value) > maxBody })
	a.bad = append(a.bad, saying("Invalid channel pattern.", `7`, `"/"`, `"{user_id}"`, `"`+chats+`/"`, `"`+chats+strings.Repeat("/x", souk.MaxChannel)+`"`)...)
	return a
}

// Whatever an attribute of a resource cannot be: it is told where it stands, and
// nothing changes; without the fault the same is taken.
func TestBadInput(t *testing.T) {
	souktest.EachAddress(t, func(t *testing.T, address string) {
		db, err := store.Open(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		o := newCompany(t, db, nil)
		o.Apply("version: 1\npartnerships: [[vendor, shop]]")
		hook := o.hooked(t, `{"endpoint_url":"https://shop.example/"}`)
		for _, w := range writables(hook.ID.String()) {
			check := souktest.Unchanged(t, address)
			for _, call := range w.calls {
				o.tryValues(t, w, call)
				o.tryBodies(t, w, call)
			}
			check("bad input for " + w.name)
			for _, call := range w.calls {
				if got := o.call(t, w.who, call, w.body(false, nil)); got.status > 201 {
					t.Errorf("%s without a fault: %d %s", call, got.status, got.body)
				}
			}
		}
	})
}

// bodiless are the routes that read no JSON: an acceptance says all by its
// address, and an asset is a form.
var bodiless = []string{
	"POST /orgs/{org}/incoming_partnership_invitations/{invitation}/accept",
	"POST /orgs/{org}/assets",
}

var inBraces = regexp.MustCompile(`\{[^}]*\}`)

// A route that reads JSON has its row.
func TestEveryWritableIsTried(t *testing.T) {
	tried := map[string]bool{}
	for _, w := range writables("{hook}") {
		for _, call := range w.calls {
			tried[inBraces.ReplaceAllString(call, "{}")] = true
		}
	}
	for _, r := range routes {
		reads := slices.Contains([]string{"POST", "PUT", "PATCH"}, r.method) && !slices.Contains(bodiless, r.name())
		if reads != tried[inBraces.ReplaceAllString(r.name(), "{}")] {
			t.Errorf("%s: reads JSON is %v", r.name(), reads)
		}
	}
}

// tryValues makes one call with every bad value of every attribute: alone, where
// the last of two counts, and all at once.
func (o *company) tryValues(t *testing.T, w writable, call string) {
	t.Helper()
	partial := strings.HasPrefix(call, "PATCH ")
	one := func(name, value string) string { return w.body(partial, map[string]string{name: value}) }
	first, all := map[string]string{}, map[string]json.RawMessage{}
	for i, a := range w.attributes {
		for _, b := range a.values() {
			if b.value != "" || !partial {
				o.refused(t, w, call, one(a.name, b.value), a.name, b.says)
			}
		}
		bad := a.bad[0]
		first[a.name], all[a.name] = bad.value, json.RawMessage(bad.says)
		o.refused(t, w, call, strings.TrimSuffix(one(a.name, a.fine), "}")+`,"`+a.name+`":`+bad.value+`}`, a.name, bad.says)
		if next := w.attributes[(i+1)%len(w.attributes)]; next.name != a.name {
			body := w.body(partial, map[string]string{a.name: a.fine, next.name: next.bad[0].value})
			o.refused(t, w, call, `{"`+a.name+`":`+bad.value+`,`+body[1:], next.name, next.bad[0].says)
		}
	}
	says, err := marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	if got := o.call(t, w.who, call, w.body(false, first)); got.status != 400 || got.body != string(says) {
		t.Errorf("%s with nothing right: %d %.500s, want %.500s", call, got.status, got.body, says)
	}
}

func (o *company) refused(t *testing.T, w writable, call, body, name, says string) {
	t.Helper()
	got := o.call(t, w.who, call, body)
	if want := o.fill(`{"` + name + `":` + says + `}`); got.status != 400 || got.body != want {
		t.Errorf("%s %.300s: %d %.300s, want %.300s", call, body, got.status, got.body, want)
	}
}

// tryBodies makes one call with bodies that are no object, or not read at all.
func (o *company) tryBodies(t *testing.T, w writable, call string) {
	t.Helper()
	whole := w.body(false, nil)
	object := func(kind string) string {
		return `{"non_field_errors":["Invalid data. Expected a dictionary, but got ` + kind + `."]}`
	}
	const asJSON, unread = "application/json", `{"detail":"JSON parse error - `
	huge := `{"` + strings.Repeat("x", 2<<20) + `":1}`
	for _, tt := range []struct {
		body, contentType string
		status            int
		begins            string
	}{
		{`{`, asJSON, 400, unread},
		{whole + `}`, asJSON, 400, unread},
		{strings.ReplaceAll(whole, `"`, `'`), asJSON, 400, unread},
		{"{\"x\":\"\xff\"," + whole[1:], asJSON, 400, unread},
		{"\xef\xbb\xbf" + whole, asJSON, 400, unread},
		{`{"x":` + tooDeep + `,` + whole[1:], asJSON, 400, unread},
		{`[` + whole + `]`, asJSON, 400, object("list")},
		{deep, asJSON, 400, object("list")},
		{`null`, asJSON, 400, object("NoneType")},
		{`"x"`, asJSON, 400, object("str")},
		{`-1`, asJSON, 400, object("int")},
		{`1.5`, asJSON, 400, object("float")},
		{` false `, asJSON, 400, object("bool")},
		{whole, "text/plain", 415, detailText(`Unsupported media type \"text/plain\" in request.`)},
		{whole, "", 415, detailText(`Unsupported media type \"\" in request.`)},
		{whole, "application/x-www-form-urlencoded", 415, detailText(`Unsupported media type \"application/x-www-form-urlencoded\" in request.`)},
		{huge, asJSON, 413, detailText("Request body too large.")},
		{huge, "text/plain", 413, detailText("Request body too large.")},
	} {
		r := o.request(t, w.who, call, tt.body)
		r.Header.Set("Content-Type", tt.contentType)
		for _, length := range []int64{r.ContentLength, -1} { // told, or in chunks
			r, body := r.Clone(t.Context()), strings.NewReader(o.fill(tt.body))
			r.ContentLength, r.Body = length, io.NopCloser(body)
			got := o.send(t, r)
			if got.status != tt.status || !strings.HasPrefix(got.body, tt.begins) || got.closed != (tt.status == 413) {
				t.Errorf("%s %.100s as %q: %d %.300s, closed %v; want %d %s", call, tt.body, tt.contentType, got.status, got.body, got.closed, tt.status, tt.begins)
			}
		}
	}
}
