package world_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"souk"
	"souk/market"
	"souk/world"
)

// schema is the published one, compiled.
func schema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(world.Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("urn:souk:world:1", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("urn:souk:world:1")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// value is what a document says, for a validator that knows no YAML.
func value(t testing.TB, text []byte) any {
	t.Helper()
	var node yaml.Node
	if err := yaml.Unmarshal(text, &node); err != nil {
		t.Fatal(err)
	}
	return plain(t, node.Content[0])
}

func plain(t testing.TB, n *yaml.Node) any {
	switch {
	case n.Kind == yaml.AliasNode:
		return plain(t, n.Alias)
	case n.Kind == yaml.SequenceNode:
		list := []any{}
		for _, item := range n.Content {
			list = append(list, plain(t, item))
		}
		return list
	case n.Kind == yaml.MappingNode:
		object := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			object[fmt.Sprint(plain(t, n.Content[i]))] = plain(t, n.Content[i+1])
		}
		return object
	}
	switch n.ShortTag() {
	case "!!int", "!!float":
		return json.Number(n.Value)
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!null":
		return nil
	}
	return n.Value
}

func TestExampleFitsTheSchema(t *testing.T) {
	if err := schema(t).Validate(value(t, example(t))); err != nil {
		t.Error(err)
	}
}

// Documents that the parser and the schema judge alike. want is what the
// parser says, "" when both accept.
var documents = []struct{ name, text, want string }{
	{"nothing but a version", `version: 1`, ""},
	{"no version", `orgs: {}`, "version: is required: write version: 1"},
	{"another version", `version: 2`, "version: must be 1"},
	{"a version in quotes", `version: "1"`, "version: must be 1"},
	{"a list", `[1]`, "must be an object, not a list"},
	{"an unknown section", `{version: 1, orgz: {}}`, `unknown key "orgz" (did you mean "orgs"?)`},
	{"an unknown attribute", `{version: 1, apps: {bot: {bot_scope: []}}}`, `apps.bot: unknown key "bot_scope" (did you mean "bot_scopes"?)`},
	{"an attribute like no other", `{version: 1, apps: {bot: {colour: red}}}`, `apps.bot: unknown key "colour"`},
	{"a merge key", "version: 1\norgs: {a: &a {kind: workspace}, b: {<<: *a}}", `orgs.b: a key must be text, not !!merge`},
	{"an alias", "version: 1\nusers: {a: &a {alias: x}, b: *a}", ""},
	{"a section that is a list", `{version: 1, orgs: []}`, "orgs: must be an object, not a list"},
	{"a list that is an object", `{version: 1, partnerships: {}}`, "partnerships: must be a list, not an object"},
	{"a key that is an id", `{version: 1, orgs: {0198c0de-0000-7000-8000-000000000001: {}}}`, `orgs: key "0198c0de-0000-7000-8000-000000000001": must be 1 to 200 characters without spaces, and no UUID`},
	{"an empty key", `{version: 1, orgs: {"": {}}}`, `orgs: key "": must be 1 to 200 characters without spaces, and no UUID`},
	{"a key with a space", `{version: 1, orgs: {"a b": {}}}`, `orgs: key "a b": must be 1 to 200 characters without spaces, and no UUID`},
	{"a long key", `{version: 1, orgs: {` + strings.Repeat("ä", 201) + `: {}}}`, `orgs: key "` + strings.Repeat("ä", 201) + `": must be 1 to 200 characters without spaces, and no UUID`},
	{"the longest key", `{version: 1, orgs: {` + strings.Repeat("ä", 200) + `: {}}}`, ""},
	{"an id", `{version: 1, orgs: {a: {id: 0198c0de-0000-7000-8000-000000000001}}}`, ""},
	{"an id in upper case", `{version: 1, orgs: {a: {id: 0198C0DE-0000-7000-8000-000000000001}}}`, "orgs.a.id: must be a UUID in lower case with dashes"},
	{"the id of nothing", `{version: 1, orgs: {a: {id: 00000000-0000-0000-0000-000000000000}}}`, "orgs.a.id: must be a UUID in lower case with dashes"},
	{"a number for text", `{version: 1, apps: {bot: {zoom: {min_client: 5.7}}}}`, "apps.bot.zoom.min_client: must be text, not a number (text that looks like one needs quotes)"},
	{"text for a flag", `{version: 1, apps: {bot: {certified: yes}}}`, "apps.bot.certified: must be true or false, not text"},
	{"nothing for text", `{version: 1, apps: {bot: {name: null}}}`, "apps.bot.name: must be text, not nothing"},
	{"nothing for what can be taken away", `{version: 1, apps: {bot: {description: null, app_user: {alias: null}}}, orgs: {a: {policy: null}}}`, ""},
	{"NUL", `{version: 1, apps: {bot: {name: "a\0b"}}}`, "apps.bot.name: must not contain NUL"},
	{"a word of no list", `{version: 1, orgs: {a: {kind: team}}}`, `orgs.a.kind: must be one of "enterprise", "workspace", not "team"`},
	{"a bad item", `{version: 1, orgs: {a: {switches: {owners_only: [clear, all]}}}}`, `orgs.a.switches.owners_only[1]: must be one of "clear", "uninstall", not "all"`},
	{"the state of what is there", `{version: 1, orgs: {a: {state: present}}}`, `orgs.a.state: must be one of "absent", not "present"`},
	{"networks", `{version: 1, tokens: {a: {networks: [192.0.2.0/24, "2001:db8::/32"]}}}`, ""},
	{"no network", `{version: 1, tokens: {a: {networks: [home]}}}`, "tokens.a.networks[0]: must be a network such as 192.0.2.0/24 or 2001:db8::/32"},
	{"partners", `{version: 1, partnerships: [[a, b], {orgs: [a, c], state: absent}]}`, ""},
	{"one partner", `{version: 1, partnerships: [[a]]}`, "partnerships[0]: must name two organizations"},
	{"partners of nobody", `{version: 1, partnerships: [{state: absent}]}`, "partnerships[0]: must name two organizations in orgs"},
	{"partners as text", `{version: 1, partnerships: [a]}`, "partnerships[0]: must be an object, not text; partnerships[0]: must name two organizations in orgs"},
	{"shares", `{version: 1, apps: {bot: {shares: [a, {org: b, state: absent}]}}}`, ""},
	{"a share with nobody", `{version: 1, apps: {bot: {shares: [{state: absent}]}}}`, "apps.bot.shares[0]: must name an organization in org"},
	{"a share that is empty", `{version: 1, apps: {bot: {shares: [""]}}}`, "apps.bot.shares[0]: must not be empty"},
	{"all workspaces", `{version: 1, installations: {i: {workspaces: all}}}`, ""},
	{"some workspaces", `{version: 1, installations: {i: {workspaces: some}}}`, "installations.i.workspaces: must be a list, or all"},
	{"a webhook of no wire", `{version: 1, apps: {bot: {webhooks: {w: {dialect: teams}}}}}`, `apps.bot.webhooks.w.dialect: must be one of "slack", "native", "giosg", "zoom", not "teams"`},
	{"a webhook of Zoom's wire", `{version: 1, apps: {bot: {deauthorization_url: "https://b.example/", webhooks: {w: {dialect: zoom, name: N, reach: account, environment: null, extended: true, auth: {kind: custom, key: x-k, value: v}}, v: {auth: null}}}}}`, ""},
	{"a reach and an environment that are none", `{version: 1, apps: {bot: {webhooks: {w: {reach: user, environment: staging}}}}}`,
		`apps.bot.webhooks.w.reach: must be one of "account", "master_account", not "user"; apps.bot.webhooks.w.environment: must be one of "development", "production", not "staging"`},
	{"a header of no kind", `{version: 1, apps: {bot: {webhooks: {w: {auth: {}}}}}}`, "apps.bot.webhooks.w.auth: must have a kind"},
	{"a header that is not known", `{version: 1, apps: {bot: {webhooks: {w: {auth: {kind: basic, token: t}}}}}}`, `apps.bot.webhooks.w.auth: unknown key "token"`},
	{"a reach of users", `{version: 1, apps: {bot: {webhooks: {w: {reach: user}}}}}`, `apps.bot.webhooks.w.reach: must be one of "account", "master_account", not "user"`},
	{"channels", `{version: 1, apps: {bot: {webhooks: {w: {dialect: giosg, channels: [{pattern: /a, added: true}, {pattern: /b, removed: false}]}}}}}`, ""},
	{"no channels", `{version: 1, apps: {bot: {webhooks: {w: {dialect: giosg, channels: []}}}}}`, ""},
	{"a channel without a pattern", `{version: 1, apps: {bot: {webhooks: {w: {channels: [{added: true}]}}}}}`, "apps.bot.webhooks.w.channels[0]: must have a pattern"},
	{"a channel of another dialect's words", `{version: 1, apps: {bot: {webhooks: {w: {channels: [{pattern: /a, additions: true}]}}}}}`, `apps.bot.webhooks.w.channels[0]: unknown key "additions"`},
	{"a channel as text", `{version: 1, apps: {bot: {webhooks: {w: {channels: [/a]}}}}}`, "apps.bot.webhooks.w.channels[0]: must be an object, not text; apps.bot.webhooks.w.channels[0]: must have a pattern"},
	{"a contact", `{version: 1, orgs: {a: {contact: {email: a@b.example, phone: "+358 1", street: S, postal_code: "00100", city: Helsinki, country: fi, business_id: null}}}}`, ""},
	{"a contact with a number", `{version: 1, orgs: {a: {contact: {postal_code: 100}}}}`, "orgs.a.contact.postal_code: must be text, not a number (text that looks like one needs quotes)"},
	{"an unknown contact", `{version: 1, orgs: {a: {contact: {fax: "1"}}}}`, `orgs.a.contact: unknown key "fax"`},
	{"an operator's account", `{version: 1, users: {a: {operator: true, password: sesame sesame}}}`, ""},
	{"an operator in words", `{version: 1, users: {a: {operator: "yes"}}}`, "users.a.operator: must be true or false, not text"},
	{"a reason, and none", `{version: 1, resolutions: [{app: a, org: b, reason: Reviewed}, {app: a, org: c, reason: null}]}`, ""},
	{"a reason that is a number", `{version: 1, resolutions: [{reason: 7}]}`, "resolutions[0].reason: must be text, not a number (text that looks like one needs quotes)"},
	{"an empty reference", `{version: 1, users: {a: {org: ""}}}`, "users.a.org: must not be empty"},
	{"an end that is derived", `{version: 1, tokens: {a: {died: user}}}`, `tokens.a.died: must be one of "revoked", "expired", not "user"`},
	{"two problems", `{version: 1, orgs: {a: {kind: team, name: 1}}}`, `orgs.a.kind: must be one of "enterprise", "workspace", not "team"; orgs.a.name: must be text, not a number (text that looks like one needs quotes)`},
}

func TestParserAndSchemaAgree(t *testing.T) {
	s := schema(t)
	for _, tt := range documents {
		t.Run(tt.name, func(t *testing.T) {
			_, err := world.Parse(world.File{Text: []byte(tt.text)})
			got := ""
			if err != nil {
				got = strings.TrimPrefix(err.Error(), ": ")
			}
			if got != tt.want {
				t.Errorf("Parse says %q, want %q", got, tt.want)
			}
			if err := s.Validate(value(t, []byte(tt.text))); (err == nil) != (tt.want == "") {
				t.Errorf("the schema says %v", err)
			}
		})
	}
}

// What no value for a validator can be made of.
func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, text, want string // want is part of what is said
	}{
		{"nothing", "", "world: is empty"},
		{"a comment", "# nothing", "world: is empty"},
		{"several documents", "version: 1\n---\nversion: 1\n", "must be one document, not several"},
		{"a key that stands twice", "version: 1\norgs: {a: {}, a: {}}", `orgs: key "a" stands here twice`},
		{"a JSON key that stands twice", `{"version": 1, "orgs": {"a": {}, "a": {}}}`, `orgs: key "a" stands here twice`},
		{"a section that stands twice", "version: 1\norgs: {}\norgs: {}", `key "orgs" stands here twice`},
		{"a key that is a list", "version: 1\norgs: {[a]: {}}", "orgs: a key must be text, not a list"},
		{"NUL", "version: 1\x00", "must not contain NUL"},
		{"broken UTF-8", "version: 1 # \xff", "must be valid UTF-8"},
		{"broken YAML", "version: [1", "yaml: line 1"},
		{"broken JSON", "{\"version\":\n 1", "json: line 2: unexpected EOF"},
		{"JSON and more", `{"version": 1} {}`, "must be one document, not several"},
		{"deep JSON", `{"a":` + strings.Repeat("[", 200), "nests deeper than 100 levels"},
		{"an unknown anchor", "version: 1\norgs: *a", "unknown anchor"},
		{"an anchor within itself", "version: 1\npartnerships: &a [*a]", "partnerships[0][0]: must be text, not a list"},
		{"a tag", "version: 1\norgs: {a: {name: !!binary aGk=}}", "orgs.a.name: must be text, not !!binary"},
		{"a size", "version: 1 #" + strings.Repeat("x", world.MaxSize), "is larger than 64 MiB"},
		{"a bomb", bomb(), "aliases unfold to more than 100000 values"},
		{"a thousand problems", "version: 1\norgs: {a: {switches: {owners_only: [" + strings.Repeat("1,", 2000) + "]}}}", "owners_only[1000]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := world.Parse(world.File{Name: "world", Text: []byte(tt.text)})
			var invalid souk.Invalid
			if !errors.As(err, &invalid) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
			if len(invalid) > 1001 {
				t.Errorf("%d problems are too many to read", len(invalid))
			}
		})
	}
}

// bomb is a small document that unfolds to 300 lists of 1,000 words.
func bomb() string {
	return "version: 1\nusers:\n  u0: {groups: &a [" + strings.Repeat("x,", 1000) + "]}\n" + func() (s string) {
		for i := range 300 {
			s += fmt.Sprintf("  u%d: {groups: *a}\n", i+1)
		}
		return s
	}()
}

func TestParseSeveralFiles(t *testing.T) {
	one := world.File{Name: "one.yaml", Text: []byte("version: 1\norgs: {a: {kind: workspace}}\npartnerships: [[a, b]]")}
	two := world.File{Name: "two.json", Text: []byte(`{"version": 1, "orgs": {"b": {"name": "B\ud83d\ude00"}}, "partnerships": [["a", "c"]]}`)}
	got, err := world.Parse(one, two)
	if err != nil {
		t.Fatal(err)
	}
	kind, name := souk.Workspace, "B😀"
	want := market.World{
		Orgs:         map[string]market.WorldOrg{"a": {Kind: &kind}, "b": {Name: &name}},
		Partnerships: []market.WorldPartnership{{A: "a", B: "b"}, {A: "a", B: "c"}},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Error(diff)
	}

	_, err = world.Parse(one, two, one, world.File{Name: "bad.yaml", Text: []byte("version: 1\norgs: {c: {kind: 1}}")})
	const problems = `one.yaml: orgs.a: stands in one.yaml too; ` +
		`bad.yaml: orgs.c.kind: must be text, not a number (text that looks like one needs quotes)`
	if err == nil || err.Error() != problems {
		t.Errorf("%v, want %s", err, problems)
	}
}

// FuzzParse: nothing makes the parser panic, and what it accepts fits the
// schema and says the same when it is written in JSON.
func FuzzParse(f *testing.F) {
	f.Add(example(f))
	for _, d := range documents {
		f.Add([]byte(d.text))
	}
	s := schema(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		w, err := world.Parse(world.File{Text: text})
		if err != nil {
			return
		}
		said := said(t, text)
		if err := s.Validate(said); err != nil {
			t.Errorf("%s\nis read and does not fit the schema: %v", text, err)
		}
		again, err := json.Marshal(said)
		if err != nil {
			t.Fatal(err)
		}
		reread, err := world.Parse(world.File{Text: again})
		if err != nil {
			t.Fatalf("%s\nis read, but not %s: %v", text, again, err)
		}
		if diff := cmp.Diff(w, reread, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
			t.Errorf("%s\nread as JSON is another:\n%s", text, diff)
		}
	})
}

// said is value for either spelling.
func said(t testing.TB, text []byte) any {
	t.Helper()
	if v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text)); err == nil {
		return v
	}
	return value(t, text)
}
