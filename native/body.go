package native

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"souk"
	"souk/web"
)

// Bounds of a body.
const (
	maxBody    = 1 << 20
	maxBatch   = 4_000_000 // of a call that publishes; a little less than web.MaxBody
	maxMembers = 200       // of an object
	maxList    = 1000      // items
	maxItem    = 200       // bytes of one
	maxSeconds = 1_000_000_000
)

const notAnID = "must be an id in lower case with dashes"

// isJSON reports whether the header of a body says that it is JSON in UTF-8.
func isJSON(contentTypes []string) bool {
	if len(contentTypes) != 1 {
		return false
	}
	kind, parameters, err := mime.ParseMediaType(contentTypes[0])
	if err != nil || kind != "application/json" {
		return false
	}
	charset, named := parameters["charset"]
	return !named || strings.EqualFold(charset, "utf-8")
}

// wellFormed refuses bytes that are not exactly one JSON text.
func wellFormed(raw []byte) error {
	if !utf8.Valid(raw) {
		return &failure{problem: malformedBody, detail: "the body is not valid UTF-8"}
	}
	var whole json.RawMessage
	if err := json.Unmarshal(raw, &whole); err != nil {
		detail := err.Error()
		if syntax, ok := err.(*json.SyntaxError); ok {
			detail = fmt.Sprintf("%s, after %d bytes", detail, syntax.Offset)
		}
		return &failure{problem: malformedBody, detail: detail}
	}
	return nil
}

// object is a JSON object whose members are taken one by one. What is wrong
// with them is collected, and what nobody took in the end is not known.
type object struct {
	call    *call
	at      string                     // JSON pointer
	members map[string]json.RawMessage // nil when it is no object after all
	names   []string                   // in the order of the text
}

// readObject takes a well-formed value apart.
func (c *call) readObject(raw json.RawMessage, at string) object {
	o := object{call: c, at: at}
	tokens := json.NewDecoder(bytes.NewReader(raw))
	if first, err := tokens.Token(); err != nil || first != json.Delim('{') {
		o.fault(at, "must be an object")
		return o
	}
	o.members = map[string]json.RawMessage{}
	for n := 0; tokens.More(); n++ {
		if n == maxMembers {
			o.fault(at, "must have at most %d members", maxMembers)
			return object{call: c, at: at}
		}
		name, err := tokens.Token()
		var value json.RawMessage
		if err == nil {
			err = tokens.Decode(&value)
		}
		if err != nil { // not in what is well-formed
			o.fault(at, "cannot be read")
			return o
		}
		if _, twice := o.members[name.(string)]; twice {
			o.fault(o.pointer(name.(string)), "comes twice")
			continue
		}
		o.members[name.(string)] = value
		o.names = append(o.names, name.(string))
	}
	return o
}

func (o object) fault(pointer, format string, args ...any) {
	o.call.bad = append(o.call.bad, fieldError{Pointer: &pointer, Detail: fmt.Sprintf(format, args...)})
}

// clipped keeps an answer from repeating at length what the caller made up.
func clipped(name string) string {
	const most = 100
	if len(name) > most {
		name = name[:most] + "…"
	}
	return strings.ToValidUTF8(name, "\uFFFD")
}

// escaped spells what has a meaning in a JSON pointer.
var escaped = strings.NewReplacer("~", "~0", "/", "~1")

// pointer is the JSON pointer to a member.
func (o object) pointer(name string) string {
	return o.at + "/" + escaped.Replace(clipped(name))
}

// take is the value of a member, nil when it is absent. null is no way to leave
// something out: the types that the operations read refuse it.
func (o object) take(name string) json.RawMessage {
	value := o.members[name]
	delete(o.members, name)
	return value
}

// leftovers reports the members that nobody took.
func (o object) leftovers() {
	for _, name := range o.names {
		if _, there := o.members[name]; there {
			o.fault(o.pointer(name), "is not known here")
		}
	}
}

// require reports a member that is absent.
func (o object) require(name string) {
	if _, there := o.members[name]; !there && o.members != nil {
		o.fault(o.pointer(name), "is required")
	}
}

// text is a string, "" when it is absent.
func (o object) text(name string) string {
	value := o.take(name)
	if value == nil {
		return ""
	}
	return o.readText(value, o.pointer(name))
}

// requiredText is a string that must be there.
func (o object) requiredText(name string) string {
	o.require(name)
	return o.text(name)
}

// id is an id that must be there.
func (o object) id(name string) souk.ID {
	o.require(name)
	return o.optionalID(name)
}

// optionalID is an id, or none when it is absent.
func (o object) optionalID(name string) souk.ID {
	value := o.take(name)
	if value == nil {
		return souk.ID{}
	}
	return o.readID(value, o.pointer(name))
}

// flag is true or false, and false when it is absent.
func (o object) flag(name string) bool {
	switch value := o.take(name); string(value) {
	case "true":
		return true
	case "false", "":
	default:
		o.fault(o.pointer(name), "must be true or false")
	}
	return false
}

// seconds is a whole number of seconds, at least so many, and 0 when it is
// absent.
func (o object) seconds(name string, least time.Duration) time.Duration {
	value := o.take(name)
	if value == nil {
		return 0
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || n < int64(least/time.Second) || n > maxSeconds {
		o.fault(o.pointer(name), "must be a whole number of seconds from %d to %d", least/time.Second, maxSeconds)
		return 0
	}
	return time.Duration(n) * time.Second
}

// moment is a time as RFC 3339 has it, the zero time when it is absent.
func (o object) moment(name string) time.Time {
	value := o.take(name)
	if value == nil {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, o.readText(value, o.pointer(name)))
	if err != nil || at.Year() < 1970 || at.Year() > 9999 {
		o.fault(o.pointer(name), "must be a time as RFC 3339 has it, since 1970")
		return time.Time{}
	}
	return at.UTC().Truncate(time.Microsecond)
}

// hours is a whole number of hours, at most so many, and usual when it is absent.
func (o object) hours(name string, usual, most int) time.Duration {
	n := usual
	if value := o.take(name); value != nil {
		var err error
		if n, err = strconv.Atoi(string(value)); err != nil || n < 0 || n > most {
			o.fault(o.pointer(name), "must be a whole number of hours from 0 to %d", most)
			n = 0
		}
	}
	return time.Duration(n) * time.Hour
}

// object is an object, empty when it is absent.
func (o object) object(name string) object {
	value := o.take(name)
	if value == nil {
		value = json.RawMessage("{}")
	}
	return o.call.readObject(value, o.pointer(name))
}

// texts is a list of short strings, nil when it is absent.
func (o object) texts(name string) []string {
	return readList(o, name, func(value json.RawMessage, pointer string) string {
		s := o.readText(value, pointer)
		if len(s) > maxItem {
			o.fault(pointer, "must be at most %d bytes long", maxItem)
		}
		return s
	})
}

// ids is a list of ids, nil when it is absent.
func (o object) ids(name string) []souk.ID { return readList(o, name, o.readID) }

func readList[T any](o object, name string, read func(json.RawMessage, string) T) []T {
	value := o.take(name)
	if value == nil {
		return nil
	}
	var items []json.RawMessage
	if value[0] != '[' || json.Unmarshal(value, &items) != nil {
		o.fault(o.pointer(name), "must be a list")
		return nil
	}
	if len(items) > maxList {
		o.fault(o.pointer(name), "must have at most %d items", maxList)
		return nil
	}
	out := make([]T, len(items))
	for i, item := range items {
		out[i] = read(item, o.pointer(name)+"/"+strconv.Itoa(i))
	}
	return out
}

func (o object) readID(value json.RawMessage, pointer string) souk.ID {
	var s string
	if value[0] != '"' || json.Unmarshal(value, &s) != nil {
		o.fault(pointer, notAnID)
		return souk.ID{}
	}
	id, err := souk.ParseID(s)
	if err != nil {
		o.fault(pointer, notAnID)
	}
	return id
}

func (o object) readText(value json.RawMessage, pointer string) (s string) {
	switch {
	case value[0] != '"' || json.Unmarshal(value, &s) != nil:
		o.fault(pointer, "must be a string")
	case strings.Contains(s, "\x00"):
		o.fault(pointer, "must not contain NUL")
	case web.Unspeakable(value): // NUL aside
		o.fault(pointer, "must not contain half of a surrogate pair")
	}
	return s
}
