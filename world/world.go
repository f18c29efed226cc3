// Package world reads world documents: a marketplace, or a part of one,
// written down in YAML or JSON (docs/world.md). It knows how a document is
// spelled and says where something in it is wrong; what may be so in a
// marketplace is market.ApplyWorld's to say.
package world

import (
	"bytes"
	_ "embed" // the schema
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"souk"
	"souk/market"
)

// Schema is the published JSON Schema (2020-12) of a world document. It is
// closed: what Parse does not know, it refuses. Rules between several places,
// such as a key that nothing else has, are Parse's and the market's alone.
//
//go:embed schema.json
var Schema []byte

// MaxSize bounds a document, in bytes.
const MaxSize = 64 << 20

// File is a document and where it came from.
type File struct {
	Name string // in front of the problems with it
	Text []byte
}

// Parse reads the files of one world. An object is written in one file; the
// sections of all add up. A file that begins with a brace and a quote is JSON,
// any other YAML. It refuses with souk.Invalid, all problems at once: each Field is the
// place in the document, with the file's name before it when there are several.
func Parse(files ...File) (market.World, error) {
	r := &reader{}
	var w market.World
	seen := map[string]string{} // object to the file that has it
	for _, f := range files {
		prefix := ""
		if len(files) > 1 {
			prefix = f.Name + ": "
		}
		before := len(r.problems)
		part, err := r.file(f.Text)
		if err != nil {
			r.problems = append(r.problems, souk.Problem{Field: f.Name, Reason: err.Error()})
			continue
		}
		for i := range r.problems[before:] {
			p := &r.problems[before+i]
			p.Field = prefix + p.Field
		}
		r.merge(&w, part, f.Name, seen)
	}
	if len(r.problems) > 0 {
		return market.World{}, r.problems
	}
	return w, nil
}

// file reads one file.
func (r *reader) file(text []byte) (w market.World, err error) {
	if len(text) > MaxSize {
		return w, fmt.Errorf("is larger than %d MiB", MaxSize>>20)
	}
	if !utf8.Valid(text) {
		return w, errors.New("must be valid UTF-8")
	}
	if bytes.IndexByte(text, 0) >= 0 {
		return w, errors.New("must not contain NUL")
	}
	var root *yaml.Node
	if isJSON(text) {
		root, err = readJSON(text)
	} else {
		root, err = readYAML(text)
	}
	if err != nil {
		return w, err
	}
	version := false
	s := spot{reader: r}.below("", root)
	if s.node.Kind != yaml.MappingNode {
		return w, fmt.Errorf("must be an object, not %s", s.kind())
	}
	s.object(fields{
		"version": func(s spot) {
			if version = s.node.ShortTag() == "!!int" && s.node.Value == "1"; !version {
				s.wrong("must be 1")
				version = true
			}
		},
		"scopes":        section(&w.Scopes, scope),
		"orgs":          section(&w.Orgs, org),
		"partnerships":  items(&w.Partnerships, partnership),
		"users":         section(&w.Users, user),
		"apps":          section(&w.Apps, app),
		"installations": section(&w.Installations, installation),
		"requests":      section(&w.Requests, request),
		"resolutions":   items(&w.Resolutions, resolution),
		"tokens":        section(&w.Tokens, token),
	})
	if !version {
		r.problems = append(r.problems, souk.Problem{Field: "version", Reason: "is required: write version: 1"})
	}
	return w, nil
}

// isJSON reports whether text begins as JSON does: with a brace and a quote.
func isJSON(text []byte) bool {
	const space = " \t\r\n"
	inside, braced := bytes.CutPrefix(bytes.TrimLeft(text, space), []byte("{"))
	return braced && bytes.HasPrefix(bytes.TrimLeft(inside, space), []byte(`"`))
}

// items reads a section that is a list.
func items[T any](to *[]T, read func(spot) T) field {
	return func(s spot) {
		*to = []T{}
		s.list(func(item spot) { *to = append(*to, read(item)) })
	}
}

// readYAML reads the one document of a file.
func readYAML(text []byte) (*yaml.Node, error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF), err == nil && len(doc.Content) == 0:
		return nil, errors.New("is empty")
	case err != nil:
		return nil, err
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errNotOne
	}
	return doc.Content[0], nil
}

// merge adds a file's part to the world. An object that stands in two files is
// written in neither.
func (r *reader) merge(w *market.World, part market.World, file string, seen map[string]string) {
	mergeSection(r, "scopes", &w.Scopes, part.Scopes, file, seen)
	mergeSection(r, "orgs", &w.Orgs, part.Orgs, file, seen)
	mergeSection(r, "users", &w.Users, part.Users, file, seen)
	mergeSection(r, "apps", &w.Apps, part.Apps, file, seen)
	mergeSection(r, "installations", &w.Installations, part.Installations, file, seen)
	mergeSection(r, "requests", &w.Requests, part.Requests, file, seen)
	mergeSection(r, "tokens", &w.Tokens, part.Tokens, file, seen)
	w.Partnerships = append(w.Partnerships, part.Partnerships...)
	w.Resolutions = append(w.Resolutions, part.Resolutions...)
}

func mergeSection[T any](r *reader, section string, to *map[string]T, part map[string]T, file string, seen map[string]string) {
	if *to == nil {
		*to = part
	}
	for _, key := range slices.Sorted(maps.Keys(part)) {
		place, object := section+"."+key, part[key]
		if other, twice := seen[place]; twice {
			r.problems = append(r.problems, souk.Problem{Field: file + ": " + place, Reason: "stands in " + other + " too"})
			continue
		}
		seen[place] = file
		(*to)[key] = object
	}
}
