package slack

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"souk/web"
)

// kind is the type of an argument.
type kind int

const (
	text    kind = iota
	list         // of texts: a JSON array, or parted by commas
	boolean      // true, false, 1, 0
	size         // of a page: 1 to maxPage
)

// maxPage is the most that a list method shows at once.
const maxPage = 1000

// parameter is an argument that a method takes.
type parameter struct {
	name     string
	kind     kind
	required bool
}

// parameters are all that a method takes; everything else is ignored. The one
// parameter named "*" takes every name, as a text.
type parameters []parameter

var anything = parameters{{name: "*"}}

// find answers the parameter of that name, or nil.
func (ps parameters) find(name string) *parameter {
	for i := range ps {
		if ps[i].name == name || ps[i].name == "*" {
			return &ps[i]
		}
	}
	return nil
}

func (ps parameters) has(name string) bool { return ps.find(name) != nil }

// kind is that of a parameter that ps has.
func (ps parameters) kind(name string) kind { return ps.find(name).kind }

// values are the arguments of a call in their types. What is absent is zero.
type values struct {
	texts    map[string]string
	lists    map[string][]string
	booleans map[string]bool
	sizes    map[string]int
}

// values gives the arguments their types, or tells all that is wrong.
func (a arguments) values() (values, error) {
	v := values{a.texts, make(map[string][]string), make(map[string]bool), make(map[string]int)}
	var faults []string
	for _, p := range a.takes {
		given, ok := a.texts[p.name]
		if !ok {
			if p.required {
				faults = append(faults, "[ERROR] missing required field: "+p.name)
			}
			continue
		}
		var wrong string
		switch p.kind {
		case list:
			v.lists[p.name], wrong = parseList(given)
		case boolean:
			v.booleans[p.name], wrong = parseBoolean(given)
		case size:
			v.sizes[p.name], wrong = parseSize(given)
		}
		if wrong != "" {
			faults = append(faults, fault(p.name, wrong))
		}
	}
	if len(faults) > 0 {
		return values{}, faulty(faults...)
	}
	return v, nil
}

// parseList reads the three ways in which clients send a list, and leaves out
// what is empty. An empty list is not nil: it was given.
func parseList(s string) (items []string, wrong string) {
	items = []string{}
	if !strings.HasPrefix(s, "[") {
		for item := range strings.SplitSeq(s, ",") {
			if item = strings.TrimSpace(item); item != "" {
				items = append(items, item)
			}
		}
		return items, ""
	}
	var given []*string
	if !json.Valid([]byte(s)) || json.Unmarshal([]byte(s), &given) != nil {
		return nil, "must be a list of strings"
	}
	if web.Unspeakable([]byte(s)) {
		return nil, "contains a character that is no text"
	}
	for _, item := range given {
		if item == nil {
			return nil, "must be a list of strings"
		}
		if *item != "" {
			items = append(items, *item)
		}
	}
	return items, ""
}

func parseBoolean(s string) (is bool, wrong string) {
	switch strings.ToLower(s) {
	case "1", "true":
		return true, ""
	case "0", "false":
		return false, ""
	}
	return false, "must be true or false"
}

func parseSize(s string) (n int, wrong string) {
	digits := strings.Trim(s, "0123456789") == ""
	n, err := strconv.Atoi(s)
	if !digits || err != nil || n < 1 || n > maxPage {
		return 0, fmt.Sprintf("must be a number from 1 to %d", maxPage)
	}
	return n, ""
}
