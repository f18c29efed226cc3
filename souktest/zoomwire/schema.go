package zoomwire

import (
	"bytes"
	"embed"
	"fmt"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The events, and the question whether a URL is the app's.
const (
	Requested    = "app.authorization_request_created"
	Approved     = "app.authorization_request_approved"
	Declined     = "app.authorization_request_declined"
	Deauthorized = "app_deauthorized"
	Validation   = "endpoint.url_validation"
)

// testdata has what Zoom publishes of two of its events, the members that it
// requires of two more, and a closed schema of all that Souk sends.
//
//go:embed testdata
var testdata embed.FS

var schemas = sync.OnceValues(func() (all map[string][]*jsonschema.Schema, err error) {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	for _, name := range []string{"zoom-webhooks.json", "reviews.json", "strict.json"} {
		text, err := testdata.ReadFile("testdata/" + name)
		if err != nil {
			return nil, err
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			return nil, err
		}
		if err := c.AddResource("https://souk.example/"+name, doc); err != nil {
			return nil, err
		}
	}
	published := func(event string) string {
		return "zoom-webhooks.json#/webhooks/" + event + "/post/requestBody/content/application~1json/schema"
	}
	places := map[string][]string{
		Requested:    {published(Requested)},
		Deauthorized: {published(Deauthorized)},
		Approved:     {"reviews.json#/$defs/" + Approved},
		Declined:     {"reviews.json#/$defs/" + Declined},
		Validation:   {},
	}
	all = map[string][]*jsonschema.Schema{}
	for event, layers := range places {
		for _, place := range append(layers, "strict.json#/$defs/"+event) {
			schema, err := c.Compile("https://souk.example/" + place)
			if err != nil {
				return nil, err
			}
			all[event] = append(all[event], schema)
		}
	}
	return all, nil
})

// Published refuses a body that Zoom's own schemas refuse. They are open, and
// for the most part do not say what is required.
func Published(body []byte) error { return valid(body, false) }

// Strict refuses a body that is not exactly what Souk documents
// (docs/dialects/zoom.md, "The four events").
func Strict(body []byte) error { return valid(body, true) }

func valid(body []byte, strict bool) error {
	all, err := schemas()
	if err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	root, _ := doc.(map[string]any)
	event, _ := root["event"].(string)
	layers, known := all[event]
	if !known {
		return fmt.Errorf("%q is no event", event)
	}
	last := len(layers) - 1
	if strict {
		return layers[last].Validate(doc)
	}
	for _, schema := range layers[:last] {
		if err := schema.Validate(doc); err != nil {
			return err
		}
	}
	return nil
}
