package world

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// maxDepth bounds how deep a JSON document may nest; a world needs seven.
const maxDepth = 100

var errTooDeep = fmt.Errorf("nests deeper than %d levels", maxDepth)

// readJSON makes of a JSON document the nodes that the same document in YAML
// has. JSON is no subset of YAML to a YAML reader: tabs and escaped surrogates
// are refused there.
func readJSON(text []byte) (*yaml.Node, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	root, err := jsonNode(d, 0)
	if err != nil {
		line := bytes.Count(text[:d.InputOffset()], []byte("\n")) + 1
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("json: line %d: %w", line, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errNotOne
	}
	return root, nil
}

func jsonNode(d *json.Decoder, depth int) (*yaml.Node, error) {
	if depth > maxDepth {
		return nil, errTooDeep
	}
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	scalar := func(tag, value string) (*yaml.Node, error) {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}, nil
	}
	switch t := t.(type) {
	case string:
		return scalar("!!str", t)
	case json.Number:
		if _, err := t.Int64(); err != nil {
			return scalar("!!float", t.String())
		}
		return scalar("!!int", t.String())
	case bool:
		return scalar("!!bool", fmt.Sprint(t))
	case nil:
		return scalar("!!null", "null")
	}
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	if t == json.Delim('{') {
		n.Kind, n.Tag = yaml.MappingNode, "!!map"
	}
	for d.More() {
		inner, err := jsonNode(d, depth+1)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, inner)
	}
	_, err = d.Token() // the closing one
	return n, err
}
