package world

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"souk"
	"souk/market"
)

// reader walks the nodes of a document by the tables of this package, which
// say what may stand where, and collects what is wrong.
type reader struct {
	problems souk.Invalid
	aliased  int // nodes read by way of an alias
}

// maxAliased bounds what aliases may unfold to, in nodes.
const maxAliased = 100_000

// spot is a node and where it stands.
type spot struct {
	*reader
	path    string
	node    *yaml.Node
	aliased bool
}

// wrong notes a problem at the spot.
func (s spot) wrong(format string, args ...any) {
	s.problems = append(s.problems, souk.Problem{Field: s.path, Reason: fmt.Sprintf(format, args...)})
}

// below is a node inside s; an alias is followed.
func (s spot) below(path string, n *yaml.Node) spot {
	if n.Kind == yaml.AliasNode {
		n, s.aliased = n.Alias, true
	}
	if s.aliased {
		if s.reader.aliased++; s.reader.aliased == maxAliased+1 {
			s.wrong("aliases unfold to more than %d values", maxAliased)
		}
	}
	s.path, s.node = path, n
	return s
}

// full reports whether enough was read through aliases.
func (r *reader) full() bool { return r.aliased > maxAliased || len(r.problems) > maxProblems }

// maxProblems is how many problems are told at once.
const maxProblems = 1000

// field reads what stands at a key.
type field func(spot)

// fields are the keys that an object may have.
type fields map[string]field

// object reads an object with the keys of known and no others.
func (s spot) object(known fields) {
	s.each(func(key string, at spot) {
		if read, ok := known[key]; ok {
			read(at)
			return
		}
		hint := ""
		if near, ok := market.Nearest(key, maps.Keys(known)); ok {
			hint = fmt.Sprintf(" (did you mean %q?)", near)
		}
		s.wrong("unknown key %q%s", key, hint)
	})
}

// each walks the entries of an object.
func (s spot) each(read func(key string, at spot)) {
	if s.node.Kind != yaml.MappingNode {
		s.wrong("must be an object, not %s", s.kind())
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(s.node.Content) && !s.full(); i += 2 {
		key := s.below(s.path, s.node.Content[i])
		text, ok := key.plain()
		switch {
		case !ok:
			s.wrong("a key must be text, not %s", key.kind())
			continue
		case seen[text]:
			s.wrong("key %q stands here twice", text)
			continue
		}
		seen[text] = true
		read(text, s.below(join(s.path, text), s.node.Content[i+1]))
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// list walks the items of a list.
func (s spot) list(read func(spot)) {
	if s.node.Kind != yaml.SequenceNode {
		s.wrong("must be a list, not %s", s.kind())
		return
	}
	for i, n := range s.node.Content {
		if s.full() {
			return
		}
		read(s.below(fmt.Sprintf("%s[%d]", s.path, i), n))
	}
}

// kind says what stands at the spot, for people.
func (s spot) kind() string {
	switch s.node.Kind {
	case yaml.MappingNode:
		return "an object"
	case yaml.SequenceNode:
		return "a list"
	}
	switch tag := s.node.ShortTag(); tag {
	case "!!str":
		return "text"
	case "!!int", "!!float":
		return "a number (text that looks like one needs quotes)"
	case "!!bool":
		return "true or false (text that looks so needs quotes)"
	case "!!null":
		return "nothing"
	case "!!timestamp":
		return "a date (text that looks like one needs quotes)"
	default:
		return tag
	}
}

// plain is the text at the spot.
func (s spot) plain() (string, bool) {
	return s.node.Value, s.node.Kind == yaml.ScalarNode && s.node.ShortTag() == "!!str"
}

func (s spot) isList() bool { return s.node.Kind == yaml.SequenceNode }

func (s spot) isNull() bool {
	return s.node.Kind == yaml.ScalarNode && s.node.ShortTag() == "!!null"
}

// text reads text that databases can keep.
func (s spot) text() (string, bool) {
	text, ok := s.plain()
	switch {
	case !ok:
		s.wrong("must be text, not %s", s.kind())
	case strings.ContainsRune(text, 0):
		s.wrong("must not contain NUL")
	case !utf8.ValidString(text):
		s.wrong("must be valid UTF-8")
	default:
		return text, true
	}
	return "", false
}

// word reads text into a variable of any kind of text, which a document may
// give and an object may lack.
func word[T ~string](to **T) field {
	return func(s spot) {
		if text, ok := s.text(); ok {
			w := T(text)
			*to = &w
		}
	}
}

// orNone is word for what can be taken away: null is "".
func orNone[T ~string](to **T) field {
	return func(s spot) {
		if s.isNull() {
			*to = new(T)
			return
		}
		word(to)(s)
	}
}

// plainWord is word for variables that have their own "".
func plainWord[T ~string](to *T) field {
	return func(s spot) {
		switch text, ok := s.text(); {
		case ok && text == "":
			s.wrong("must not be empty")
		case ok:
			*to = T(text)
		}
	}
}

// oneOf is word for a closed list.
func oneOf[T ~string](to **T, words ...T) field {
	return func(s spot) {
		text, ok := s.text()
		if ok && !slices.Contains(words, T(text)) {
			s.wrong("must be one of %s, not %q", spell(words), text)
			ok = false
		}
		if ok {
			w := T(text)
			*to = &w
		}
	}
}

// plainOneOf is oneOf for variables that have their own "".
func plainOneOf[T ~string](to *T, words ...T) field {
	return func(s spot) {
		var given *T
		if oneOf(&given, words...)(s); given != nil {
			*to = *given
		}
	}
}

func spell[T ~string](words []T) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = fmt.Sprintf("%q", string(w))
	}
	return strings.Join(quoted, ", ")
}

// flag reads true or false.
func flag(to **bool) field {
	return func(s spot) {
		if s.node.Kind != yaml.ScalarNode || s.node.ShortTag() != "!!bool" {
			s.wrong("must be true or false, not %s", s.kind())
			return
		}
		is := strings.EqualFold(s.node.Value, "true")
		*to = &is
	}
}

// words reads a list of texts; an empty one is not nil.
func words[T ~string](to *[]T) field {
	return func(s spot) {
		*to = []T{}
		s.list(func(item spot) {
			var w T
			plainWord(&w)(item)
			*to = append(*to, w)
		})
	}
}

// wordsOf is words of a closed list.
func wordsOf[T ~string](to *[]T, among ...T) field {
	return func(s spot) {
		*to = []T{}
		s.list(func(item spot) {
			var w T
			plainOneOf(&w, among...)(item)
			*to = append(*to, w)
		})
	}
}

// networks reads a list of addresses with the length of their prefix.
func networks(to *[]netip.Prefix) field {
	return func(s spot) {
		*to = []netip.Prefix{}
		s.list(func(item spot) {
			text, ok := item.text()
			if !ok {
				return
			}
			p, err := netip.ParsePrefix(text)
			if err != nil || p != p.Masked() {
				item.wrong("must be a network such as 192.0.2.0/24 or 2001:db8::/32")
				return
			}
			*to = append(*to, p)
		})
	}
}

// id reads a UUID.
func id(to *souk.ID) field {
	return func(s spot) {
		text, ok := s.text()
		if !ok {
			return
		}
		var err error
		if *to, err = souk.ParseID(text); err != nil || to.IsZero() {
			s.wrong("must be a UUID in lower case with dashes")
		}
	}
}

// absent reads `state: absent`.
func absent(to *bool) field {
	return func(s spot) {
		var state string
		plainOneOf(&state, "absent")(s)
		*to = state != ""
	}
}

var errNotOne = errors.New("must be one document, not several")
