package slack

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"souk/web"
)

// Bounds of a call (docs/dialects/slack.md, "Reading arguments").
const (
	maxBody      = 1 << 20
	maxArguments = 64
	maxName      = 64       // bytes
	maxValue     = 64 << 10 // bytes; a list may be as long as the body
)

// arguments are what a call carries before they are given types: text, and
// for lists also a JSON array as text. An argument that was given as "" or null
// is absent.
type arguments struct {
	takes    parameters
	texts    map[string]string
	seen     map[string]bool // names, also of what is absent or ignored
	token    string          // from a form, multipart or text body
	warnings []code
}

// readArguments reads the query and the body of r for a method that takes the
// given parameters. What it refuses is wrong with the call, whoever calls.
func readArguments(w http.ResponseWriter, r *http.Request, takes parameters) (arguments, error) {
	a := arguments{takes: takes, texts: make(map[string]string), seen: make(map[string]bool)}
	if r.Method == http.MethodPost {
		if err := a.readBody(w, r); err != nil {
			return a, err
		}
	}
	return a, a.readForm(r.URL.RawQuery, inQuery)
}

// readBody reads a POST body of whatever type it has.
func (a *arguments) readBody(w http.ResponseWriter, r *http.Request) error {
	t, err := parseType(r.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	body, err := receive(w, r)
	if err != nil {
		return err
	}
	if w := t.warning(); w != "" {
		a.warnings = append(a.warnings, w)
	}
	if len(body) == 0 {
		return nil // valid, whatever type the client wrote above it
	}
	switch t.media {
	case "":
		return missingPostType
	case jsonType:
		text, ok := t.decode(string(body))
		if !ok {
			return invalidJSON
		}
		return a.readJSON([]byte(text))
	case multipartType:
		return a.readMultipart(body, t)
	}
	return a.readForm(string(body), t)
}

// receive takes the body off the wire. A sender that stops before the length
// it announced, or is too slow, and one that sends too much lose the
// connection: what would follow on it is unknown.
func receive(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := web.ReadBody(w, r, maxBody)
	switch {
	case errors.Is(err, web.ErrBodyTooLarge):
		return nil, faulty(fmt.Sprintf("[ERROR] the body is larger than %d bytes", maxBody))
	case errors.Is(err, web.ErrBusy):
		return nil, serviceUnavailable
	case err != nil:
		return nil, requestTimeout
	}
	return body, nil
}

// set takes one argument, whose text is "" when it is absent.
func (a *arguments) set(name, text string) error {
	if err := a.name(name); err != nil {
		return err
	}
	if !a.takes.has(name) || text == "" {
		return nil
	}
	switch {
	case len(text) > maxValue && a.takes.kind(name) != list:
		return faulty(fault(name, fmt.Sprintf("longer than %d bytes", maxValue)))
	case strings.IndexByte(text, 0) >= 0:
		return faulty(fault(name, "contains a NUL character"))
	case !utf8.ValidString(text):
		return faulty(fault(name, "is not valid Unicode"))
	}
	a.texts[name] = text
	return nil
}

// name checks the name of an argument and that it is the first of it.
func (a *arguments) name(name string) error {
	switch {
	case strings.HasSuffix(name, "]") && strings.Contains(name, "["):
		return invalidArrayArg
	case name == "" || len(name) > maxName || strings.ContainsFunc(name, strange):
		return invalidArgName
	case a.seen[name]:
		return invalidArrayArg
	case len(a.seen) == maxArguments:
		return faulty(fmt.Sprintf("[ERROR] more than %d arguments", maxArguments))
	}
	a.seen[name] = true
	return nil
}

// strange reports whether c cannot be part of an argument's name.
func strange(c rune) bool {
	return c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
}

// The media types of a body.
const (
	formType      = "application/x-www-form-urlencoded"
	multipartType = "multipart/form-data"
	jsonType      = "application/json"
	textType      = "text/plain" // read like a form
)

// contentType is a Content-Type header as far as a call needs it. Without the
// header media is "".
type contentType struct {
	media    string
	charset  string // lower case, "" when not given
	boundary string
	query    bool // the address instead of a body
}

// inQuery is the type of the arguments in the address.
var inQuery = contentType{media: formType, query: true}

func parseType(header string) (contentType, error) {
	if header == "" {
		return contentType{}, nil
	}
	media, params, err := mime.ParseMediaType(header)
	if err != nil {
		return contentType{}, invalidPostType
	}
	t := contentType{media: media, charset: strings.ToLower(params["charset"]), boundary: params["boundary"]}
	switch t.media {
	case formType, multipartType, jsonType, textType:
	default:
		return t, invalidPostType
	}
	switch t.charset {
	case "", "utf-8", "iso-8859-1":
		return t, nil
	}
	return t, invalidCharset
}

// warning is what Slack says about a charset where none belongs, and about one
// that is missing.
func (t contentType) warning() code {
	switch t.media {
	case formType, multipartType:
		if t.charset != "" {
			return warnSuperfluousCharset
		}
	case jsonType, textType:
		if t.charset == "" {
			return warnMissingCharset
		}
	}
	return ""
}

// decode turns bytes of t's charset into UTF-8.
func (t contentType) decode(s string) (string, bool) {
	if t.charset != "iso-8859-1" {
		return s, utf8.ValidString(s)
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String(), true
}
