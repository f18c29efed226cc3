package zoomwire

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bytes refuses a body that JSON.stringify(JSON.parse(body)) would spell
// otherwise, or that is not JSON (docs/dialects/zoom.md, "Bytes on the wire").
// It shares nothing with what makes the bodies.
func Bytes(body []byte) (err error) {
	s := &scanner{text: string(body)}
	defer func() {
		if v := recover(); v != nil {
			fault, ours := v.(misspelled)
			if !ours {
				panic(v)
			}
			err = fault
		}
	}()
	if !utf8.Valid(body) {
		s.fail("is no UTF-8")
	}
	s.value()
	if s.at != len(s.text) {
		s.fail("goes on behind its end")
	}
	return nil
}

type misspelled string

func (m misspelled) Error() string { return string(m) }

// scanner reads the one spelling that each value has.
type scanner struct {
	text string
	at   int
}

func (s *scanner) fail(why string) {
	panic(misspelled(fmt.Sprintf("the body %s, at byte %d", why, s.at)))
}

func (s *scanner) next() byte {
	if s.at == len(s.text) {
		s.fail("ends early")
	}
	s.at++
	return s.text[s.at-1]
}

func (s *scanner) sees(c byte) bool {
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) value() {
	switch c := s.next(); {
	case c == '{':
		s.object()
	case c == '[':
		for first := true; !s.sees(']'); first = false {
			if !first && s.next() != ',' {
				s.fail("lacks a comma")
			}
			s.value()
		}
	case c == '"':
		s.string()
	case c == '-' || '0' <= c && c <= '9':
		s.at--
		s.number()
	default:
		s.at--
		for _, word := range []string{"true", "false"} {
			if strings.HasPrefix(s.text[s.at:], word) {
				s.at += len(word)
				return
			}
		}
		s.fail("has what is no value, or a blank")
	}
}

func (s *scanner) object() {
	seen := map[string]bool{}
	for first := true; !s.sees('}'); first = false {
		if !first && s.next() != ',' {
			s.fail("lacks a comma")
		}
		if s.next() != '"' {
			s.fail("has a member without a name")
		}
		from := s.at
		s.string()
		name := s.text[from : s.at-1]
		if seen[name] {
			s.fail("names a member twice")
		}
		if strings.Trim(name, "0123456789") == "" && name != "" && (name == "0" || name[0] != '0') {
			s.fail("has a member that is a place in a list")
		}
		seen[name] = true
		if s.next() != ':' {
			s.fail("lacks a colon")
		}
		s.value()
	}
}

func (s *scanner) number() {
	from := s.at
	s.sees('-')
	for s.at < len(s.text) && '0' <= s.text[s.at] && s.text[s.at] <= '9' {
		s.at++
	}
	digits := s.text[from:s.at]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != digits || n > 1<<53-1 || n < 1-1<<53 {
		s.fail("has a number that is no plain integer")
	}
	if s.at < len(s.text) && strings.ContainsRune(".eE", rune(s.text[s.at])) {
		s.fail("has a number that is no integer")
	}
}

func (s *scanner) string() {
	for {
		switch c := s.next(); {
		case c == '"':
			return
		case c < ' ':
			s.fail("has a control character that is not escaped")
		case c == '\\':
			s.escape()
		}
	}
}

func (s *scanner) escape() {
	c := s.next()
	if strings.IndexByte(`"\bfnrt`, c) >= 0 {
		return
	}
	if c != 'u' || s.at+4 > len(s.text) {
		s.fail("has an escape that nobody needs")
	}
	digits := s.text[s.at : s.at+4]
	n, err := strconv.ParseUint(digits, 16, 16)
	switch {
	case err != nil, n >= ' ', strings.ToLower(digits) != digits, strings.ContainsRune("\b\f\n\r\t", rune(n)):
		s.fail("has an escape that is spelled otherwise")
	}
	s.at += 4
}
