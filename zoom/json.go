package zoom

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
)

// The bodies of webhooks are spelled here and nowhere else: most receivers
// compute the signature over what JSON.stringify makes of the parsed body, so a
// body has to be what that would write (docs/dialects/zoom.md, "Bytes on the
// wire").

// member is one of an object's.
type member struct {
	name  string
	value any // string, int64, []string, object or []object
}

// object is a JSON object, in the order of its members.
type object []member

// with adds a member.
func (o object) with(name string, value any) object { return append(o, member{name, value}) }

// known adds a member unless nothing is known of it: then there is no such key.
func (o object) known(name, value string) object {
	if value == "" {
		return o
	}
	return o.with(name, value)
}

// maxInteger is the largest that JavaScript reads exactly.
const maxInteger = 1<<53 - 1

var errWire = errors.New("zoom: not fit for the wire")

// bytes spells o so that JSON.stringify(JSON.parse(body)) is the same body. It
// refuses what has no such spelling: a member named twice, or like a place in a
// list, which JavaScript moves to the front; a number beyond 2⁵³−1; a value of
// another type.
func (o object) bytes() ([]byte, error) { return appendObject(nil, o) }

func appendObject(b []byte, o object) (_ []byte, err error) {
	b = append(b, '{')
	for i, m := range o {
		if isIndex(m.name) || slices.ContainsFunc(o[:i], func(n member) bool { return n.name == m.name }) {
			return nil, fmt.Errorf("%w: member %q", errWire, m.name)
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, m.name), ':')
		if b, err = appendValue(b, m.value); err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return append(b, '}'), nil
}

func appendValue(b []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case string:
		return appendString(b, v), nil
	case int64:
		if v > maxInteger || v < -maxInteger {
			return nil, fmt.Errorf("%w: number %d", errWire, v)
		}
		return strconv.AppendInt(b, v, 10), nil
	case object:
		return appendObject(b, v)
	case []string:
		return appendList(b, v, func(b []byte, s string) ([]byte, error) { return appendString(b, s), nil })
	case []object:
		return appendList(b, v, appendObject)
	}
	return nil, fmt.Errorf("%w: a %T", errWire, value)
}

func appendList[T any](b []byte, list []T, item func([]byte, T) ([]byte, error)) (_ []byte, err error) {
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = item(b, v); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

const hexDigits = "0123456789abcdef"

// appendString spells text as JSON.stringify does: nothing is escaped but what
// has to be. What is no UTF-8 becomes U+FFFD, each byte for itself, as
// encoding/json reads it.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			b = utf8.AppendRune(b, r) // RuneError for what is no UTF-8
			i += size
			continue
		}
		i++
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, '\\', 'b')
		case '\f':
			b = append(b, '\\', 'f')
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			if c < ' ' {
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			} else {
				b = append(b, c)
			}
		}
	}
	return append(b, '"')
}

// isIndex reports whether JavaScript takes a name for a place in a list.
func isIndex(name string) bool {
	n, err := strconv.ParseUint(name, 10, 32)
	return err == nil && strconv.FormatUint(n, 10) == name
}
