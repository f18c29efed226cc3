package giosg

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"souk"
	"souk/web"
)

// What Django REST framework says of attributes.
const (
	isRequired     = "This field is required."
	isNull         = "This field may not be null."
	isBlank        = "This field may not be blank."
	notText        = "Not a valid string."
	notBoolean     = "Must be a valid boolean."
	notUUID        = "Must be a valid UUID."
	notURL         = "Enter a valid URL."
	tooLong        = "Ensure this field has no more than %d characters."
	tooMany        = "Ensure this field has no more than %d elements."
	notChoice      = `"%s" is not a valid choice.`
	notList        = `Expected a list of items but got type "%s".`
	notObject      = "Invalid data. Expected a dictionary, but got %s."
	unknownPrimary = `Invalid pk "%s" - object does not exist.`
)

// together is where faults stand that are not one attribute's.
const together = "non_field_errors"

// maxChoices bounds lists of words, which are short even with doubles.
const maxChoices = 100

// faults are what is wrong with an object, by attribute: a list of sentences,
// or, of a list, what its items are told.
type faults map[string]any

// faulty refuses one attribute.
func faulty(name, sentence string) *failure {
	return &failure{status: http.StatusBadRequest, body: faults{name: []string{sentence}}}
}

// noSuch refuses an id that names nothing that the caller may name.
func noSuch(name string, id souk.ID) *failure {
	return faulty(name, fmt.Sprintf(unknownPrimary, id))
}

// presence is whether an attribute may be left out, or be null.
type presence int

const (
	required presence = iota // but PATCH may leave it out
	optional
	nullable // and optional
)

// object is what a call says of a resource. Its readers take attributes one by
// one and collect what is wrong; valid tells in the end. What nobody reads, the
// read-only attributes among it, is passed over. A reader answers nil for what
// is absent or faulty.
type object struct {
	members map[string]json.RawMessage
	partial bool // required attributes may be absent
	faults  faults
}

// reject notes what is wrong with an attribute; the first fault stands.
func (o *object) reject(name, format string, args ...any) {
	if _, already := o.faults[name]; !already {
		o.faults[name] = []string{fmt.Sprintf(format, args...)}
	}
}

// valid refuses an object with faults, all at once.
func (o *object) valid() error {
	if len(o.faults) > 0 {
		return &failure{status: http.StatusBadRequest, body: o.faults}
	}
	return nil
}

// take is the value of an attribute, nil when there is none to read; null tells
// that it is null and may be.
func (o *object) take(name string, p presence) (value json.RawMessage, null bool) {
	value, present := o.members[name]
	switch {
	case !present && p == required && !o.partial:
		o.reject(name, isRequired)
	case !present:
	case value[0] != 'n':
		return value, false
	case p == nullable:
		return nil, true
	default:
		o.reject(name, isNull)
	}
	return nil, false
}

// text is a text of at most so many characters, without the space around it. A
// number is taken as it is written. null is "".
func (o *object) text(name string, p presence, most int) *string {
	value, null := o.take(name, p)
	if value == nil {
		return emptied[string](null)
	}
	s, fault := textOf(value, most)
	if fault != "" {
		o.reject(name, "%s", fault)
		return nil
	}
	return &s
}

// url is an absolute http or https address. null is "".
func (o *object) url(name string, p presence, most int) *string {
	s := o.text(name, p, most)
	if s != nil && *s != "" && !isAddress(*s) {
		o.reject(name, notURL)
		return nil
	}
	return s
}

// flag is a boolean, or a word or number that stands for one.
func (o *object) flag(name string, p presence) *bool {
	value, _ := o.take(name, p)
	if value == nil {
		return nil
	}
	word := string(value)
	if value[0] == '"' {
		word = strings.ToLower(spoken(value))
	}
	yes := slices.Contains([]string{"true", "1", "t", "yes", "on"}, word)
	if !yes && !slices.Contains([]string{"false", "0", "f", "no", "off"}, word) {
		o.reject(name, notBoolean)
		return nil
	}
	return &yes
}

// id is an id in any spelling of a UUID. null is the zero ID, and the UUID of
// all zeros names nothing.
func (o *object) id(name string, p presence) *souk.ID {
	value, null := o.take(name, p)
	if value == nil {
		return emptied[souk.ID](null)
	}
	id, ok := souk.ID{}, false
	if value[0] == '"' {
		id, ok = parseID(spoken(value))
	}
	switch {
	case !ok:
		o.reject(name, notUUID)
	case id.IsZero():
		o.reject(name, unknownPrimary, id)
	default:
		return &id
	}
	return nil
}

// emptied is what null makes of an attribute.
func emptied[T any](null bool) *T {
	if null {
		return new(T)
	}
	return nil
}

// choices is a list of some words, or of any if words is nil. It tells the first
// that is none of them.
func (o *object) choices(name string, p presence, words []string) []string {
	list := o.items(name, p, maxChoices)
	if list == nil {
		return nil
	}
	chosen := make([]string, len(list))
	for i, item := range list {
		chosen[i] = spoken(item)
		if item[0] != '"' || words != nil && !slices.Contains(words, chosen[i]) {
			o.reject(name, notChoice, clipped(chosen[i]))
			return nil
		}
	}
	return chosen
}

// urls is a list of at most so many addresses of at most so many characters,
// each of which must also suit. It tells the faulty ones by index.
func (o *object) urls(name string, p presence, items, most int, suits func(string) bool) []string {
	list := o.items(name, p, items)
	if list == nil {
		return nil
	}
	addresses, wrong := make([]string, len(list)), faults{}
	for i, item := range list {
		s, fault := textOf(item, most)
		if fault == "" && (!isAddress(s) || !suits(s)) {
			fault = notURL
		}
		if addresses[i] = s; fault != "" {
			wrong[strconv.Itoa(i)] = []string{fault}
		}
	}
	if len(wrong) > 0 {
		o.faults[name] = wrong
		return nil
	}
	return addresses
}

// objects is a list of at most so many objects, each taken apart by read, which
// may reject what is wrong with it. It tells the faults in a list as long as the
// input.
func objects[T any](o *object, name string, p presence, most int, read func(*object) T) []T {
	value, _ := o.take(name, p)
	if value == nil {
		return nil
	}
	list, fault := itemsOf(value, most)
	if fault != "" {
		o.faults[name] = faults{together: []string{fault}}
		return nil
	}
	found, wrong, bad := make([]T, len(list)), make([]faults, len(list)), false
	for i, value := range list {
		item := readObject(value)
		if len(item.faults) == 0 {
			found[i] = read(item)
		}
		wrong[i] = item.faults
		bad = bad || len(item.faults) > 0
	}
	if bad {
		o.faults[name] = wrong
		return nil
	}
	return found
}

// items are the values of a list of at most so many, nil when there is none.
func (o *object) items(name string, p presence, most int) []json.RawMessage {
	value, _ := o.take(name, p)
	if value == nil {
		return nil
	}
	list, fault := itemsOf(value, most)
	if fault != "" {
		o.reject(name, "%s", fault)
	}
	return list
}

// itemsOf takes a list apart, no further than it may be long, or tells what is
// wrong with it.
func itemsOf(value json.RawMessage, most int) (list []json.RawMessage, fault string) {
	if value[0] != '[' {
		return nil, fmt.Sprintf(notList, pythonType(value))
	}
	list = []json.RawMessage{}
	tokens := json.NewDecoder(bytes.NewReader(value))
	_, err := tokens.Token()
	for err == nil && tokens.More() && len(list) <= most {
		var item json.RawMessage
		err = tokens.Decode(&item)
		list = append(list, item)
	}
	if err != nil || len(list) > most { // what is well-formed has no errors
		return nil, fmt.Sprintf(tooMany, most)
	}
	return list, ""
}

// textOf reads a text, or tells what is wrong with it.
func textOf(value json.RawMessage, most int) (s, fault string) {
	switch value[0] {
	case '"':
		if web.Unspeakable(value) {
			return "", notText
		}
	case 'n':
		return "", isNull
	case 't', 'f', '[', '{':
		return "", notText
	}
	s = strings.TrimSpace(spoken(value))
	switch {
	case s == "":
		return "", isBlank
	case utf8.RuneCountInString(s) > most:
		return "", fmt.Sprintf(tooLong, most)
	}
	return s, ""
}

// spoken is what a string says, and any other value as it is written.
func spoken(value json.RawMessage) string {
	var s string
	if value[0] != '"' || json.Unmarshal(value, &s) != nil {
		return string(value)
	}
	return s
}

// isAddress reports whether s is an absolute http or https URL without a user,
// and without a space or control character of any script.
func isAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil &&
		!strings.ContainsFunc(s, func(r rune) bool { return r == '\\' || unicode.IsSpace(r) || unicode.IsControl(r) })
}

// pythonType is what Python calls the type of a value.
func pythonType(value json.RawMessage) string {
	switch value[0] {
	case '{':
		return "dict"
	case '[':
		return "list"
	case '"':
		return "str"
	case 't', 'f':
		return "bool"
	case 'n':
		return "NoneType"
	}
	if bytes.ContainsAny(value, ".eE") {
		return "float"
	}
	return "int"
}

// clipped keeps an answer from repeating at length what the caller made up.
func clipped(s string) string {
	const most = 100
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
