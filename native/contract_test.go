package native

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"souk"
)

// contract is openapi.yaml in a form that can fail. Every answer in every test
// is held against it, and it remembers what it saw.
type contract struct {
	paths     map[string]map[string]any
	responses map[string]any
	compiler  *jsonschema.Compiler

	mu   sync.Mutex
	seen map[string]bool // "GET /souk/v1/me 200" and "GET /souk/v1/me not-allowed"
}

var published = func() *contract {
	var whole map[string]any
	must(yaml.Unmarshal(document, &whole))
	raw, err := json.Marshal(whole)
	must(err)
	resource, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	must(err)
	c := &contract{paths: map[string]map[string]any{}, compiler: jsonschema.NewCompiler(), seen: map[string]bool{}}
	must(c.compiler.AddResource("openapi.json", resource))
	for path, item := range whole["paths"].(map[string]any) {
		c.paths[path] = item.(map[string]any)
	}
	c.responses = whole["components"].(map[string]any)["responses"].(map[string]any)
	return c
}()

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// match finds the path of the contract that an address belongs to.
func (c *contract) match(address string) string {
	got := strings.Split(address, "/")
	for path := range c.paths {
		if slices.EqualFunc(strings.Split(path, "/"), got, func(want, got string) bool {
			return want == got || strings.HasPrefix(want, "{") && got != ""
		}) {
			return path
		}
	}
	return ""
}

// documented finds the response of the contract that an answer must be.
func (c *contract) documented(method, address string, status int) (operation string, response map[string]any, err error) {
	shared := func(name string) (string, map[string]any, error) {
		return name, c.responses[name].(map[string]any), nil
	}
	path := c.match(address)
	if path == "" {
		if status != http.StatusNotFound {
			return "", nil, fmt.Errorf("an address that the contract does not have")
		}
		return shared("UnknownRoute")
	}
	if method == http.MethodOptions && status == http.StatusNoContent {
		return shared("Options")
	}
	if method == http.MethodHead {
		method = http.MethodGet
	}
	o, ok := c.paths[path][strings.ToLower(method)].(map[string]any)
	if !ok {
		if status != http.StatusMethodNotAllowed {
			return "", nil, fmt.Errorf("a method that the contract does not have")
		}
		return shared("WrongMethod")
	}
	found, ok := o["responses"].(map[string]any)[fmt.Sprint(status)].(map[string]any)
	if !ok {
		return "", nil, fmt.Errorf("a status that the contract does not have")
	}
	if ref, ok := found["$ref"].(string); ok {
		found = c.responses[strings.TrimPrefix(ref, "#/components/responses/")].(map[string]any)
	}
	return strings.ToUpper(method) + " " + path, found, nil
}

// schema compiles a part of components.
func (c *contract) schema(ref string) *jsonschema.Schema {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, err := c.compiler.Compile("openapi.json" + ref)
	must(err)
	return s
}

// check holds an answer against the contract.
func (c *contract) check(method, address string, status int, header http.Header, body []byte) error {
	operation, response, err := c.documented(method, address, status)
	if err != nil {
		return err
	}
	c.saw(operation + " " + fmt.Sprint(status))
	if err := c.checkHeader(response, header); err != nil {
		return err
	}
	content, _ := response["content"].(map[string]any)
	if method == http.MethodHead || len(content) == 0 {
		if len(body) > 0 {
			return fmt.Errorf("a body where there is none: %q", body)
		}
		return nil
	}
	media, ok := content[header.Get("Content-Type")].(map[string]any)
	if !ok {
		return fmt.Errorf("content type %q, the contract has %v", header.Get("Content-Type"), slices.Collect(maps.Keys(content)))
	}
	ref, ok := media["schema"].(map[string]any)["$ref"].(string)
	if !ok { // the contract itself
		return nil
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	if err := c.schema(ref).Validate(value); err != nil {
		return fmt.Errorf("%w\n%s", err, body)
	}
	if status < 400 {
		return nil
	}
	var p problemBody
	if err := json.Unmarshal(body, &p); err != nil {
		return err
	}
	name := strings.TrimPrefix(p.Type, prefix+"/problems/")
	if p.Status != status || p.RequestID != header.Get("X-Request-Id") {
		return fmt.Errorf("the problem contradicts its envelope: %s", body)
	}
	if !c.mayMeet(operation, name) {
		return fmt.Errorf("%s is not among the problems of %s", name, operation)
	}
	c.saw(operation + " " + name)
	return nil
}

// own are the headers that stand only where the contract has them.
var own = []string{"Location", "Retry-After", "Www-Authenticate", "Allow"}

func (c *contract) checkHeader(response map[string]any, header http.Header) error {
	documented, _ := response["headers"].(map[string]any)
	for name, h := range documented {
		ref := h.(map[string]any)["$ref"].(string)
		if err := c.schema(ref + "/schema").Validate(header.Get(name)); err != nil {
			return fmt.Errorf("header %s: %w", name, err)
		}
	}
	for _, name := range own {
		has := slices.ContainsFunc(slices.Collect(maps.Keys(documented)), func(d string) bool { return http.CanonicalHeaderKey(d) == name })
		if header.Get(name) != "" && !has {
			return fmt.Errorf("header %s is not in the contract", name)
		}
	}
	if header.Get("Cache-Control") != "no-store" || header.Get("X-Content-Type-Options") != "nosniff" {
		return fmt.Errorf("the answer may be stored or sniffed: %v", header)
	}
	return nil
}

// everywhere are the problems of every call.
var everywhere = []problem{
	malformedBody, missingToken, deadToken, wrongTokenKind, unknownRoute, wrongMethod, incompleteBody, oversizedBody,
	wrongBodyType, invalidInput, tooManyFailures, internalFailure, outcomeUnknown, unavailable,
	refusals[souk.UnknownToken], refusals[souk.NotAllowed], refusals[souk.UnknownUser], refusals[souk.OrgNotGranted],
}

func (c *contract) mayMeet(operation, name string) bool {
	return slices.ContainsFunc(everywhere, func(p problem) bool { return p.name == name }) ||
		slices.Contains(c.problems(operation), name)
}

// problems are those that an operation has of its own.
func (c *contract) problems(operation string) (names []string) {
	method, path, _ := strings.Cut(operation, " ")
	o, _ := c.paths[path][strings.ToLower(method)].(map[string]any)
	list, _ := o["x-problems"].([]any)
	for _, name := range list {
		names = append(names, name.(string))
	}
	return names
}

func (c *contract) saw(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[what] = true
}

// unseen lists what the contract promises and no test met.
func (c *contract) unseen() (missing []string) {
	want := func(what string) {
		if !c.seen[what] {
			missing = append(missing, what)
		}
	}
	for path, item := range c.paths {
		for method, o := range item {
			if method == "parameters" {
				continue
			}
			operation := strings.ToUpper(method) + " " + path
			for status := range o.(map[string]any)["responses"].(map[string]any) {
				want(operation + " " + status)
			}
			for _, name := range c.problems(operation) {
				want(operation + " " + name)
			}
		}
	}
	for _, shared := range []string{"UnknownRoute 404", "WrongMethod 405", "Options 204"} {
		want(shared)
	}
	for _, p := range everywhere {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(c.seen)), func(s string) bool { return strings.HasSuffix(s, " "+p.name) }) {
			missing = append(missing, "any operation "+p.name)
		}
	}
	slices.Sort(missing)
	return missing
}

// A run of all tests ends with the question whether the contract promises what
// nothing shows.
func TestMain(m *testing.M) {
	code := m.Run()
	all := flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.fuzz").Value.String() == "" &&
		flag.Lookup("test.list").Value.String() == ""
	if missing := published.unseen(); all && code == 0 && len(missing) > 0 {
		fmt.Printf("FAIL: documented and never seen:\n\t%s\n", strings.Join(missing, "\n\t"))
		code = 1
	}
	os.Exit(code)
}

func TestDocumentIsOpenAPI(t *testing.T) {
	d, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d.OpenAPI != "3.1.0" {
		t.Errorf("OpenAPI %s", d.OpenAPI)
	}
}

func TestDocumentHasExactlyTheOperations(t *testing.T) {
	var have, want []string
	for _, o := range operations {
		have = append(have, o.method+" "+prefix+o.path)
	}
	for path, item := range published.paths {
		for method := range item {
			if method != "parameters" {
				want = append(want, strings.ToUpper(method)+" "+path)
			}
		}
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("served:\n\t%s\ndocumented:\n\t%s", strings.Join(have, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// Every object of the contract is closed, or meant to be embedded in one.
func TestSchemasAreClosed(t *testing.T) {
	var whole map[string]any
	must(yaml.Unmarshal(document, &whole))
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case []any:
			for i, item := range v {
				walk(fmt.Sprintf("%s/%d", at, i), item)
			}
		case map[string]any:
			_, isObject := v["properties"]
			description, _ := v["description"].(string)
			embedded := strings.HasSuffix(strings.ToLower(description), "to be embedded.")
			if isObject && v["additionalProperties"] != false && v["unevaluatedProperties"] != false && !embedded {
				t.Errorf("%s is open", at)
			}
			for name, member := range v {
				walk(at+"/"+name, member)
			}
		}
	}
	walk("", whole)
}

func TestEveryProblemIsDocumented(t *testing.T) {
	var whole struct {
		Components struct {
			Schemas struct {
				ProblemType struct{ Enum []string } `yaml:"ProblemType"`
			}
		}
	}
	must(yaml.Unmarshal(document, &whole))
	var have []string
	for _, p := range refusals {
		have = append(have, p.typeOf())
	}
	for _, p := range append(everywhere, noSuchToken) {
		if !slices.Contains(have, p.typeOf()) {
			have = append(have, p.typeOf())
		}
	}
	want := whole.Components.Schemas.ProblemType.Enum
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("answered: %q\ndocumented: %q", have, want)
	}
}
