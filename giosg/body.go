package giosg

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"souk/web"
)

// maxBody bounds a body of JSON, in bytes.
const maxBody = 1 << 20

// input reads the body of a call. A route asks for it when everything that its
// address names was found: strangers are told nothing about what they sent.
func (c *call) input() (*object, error) {
	raw, err := c.body(maxBody, malformed)
	switch contentTypes := c.request.Header.Values("Content-Type"); {
	case err != nil:
		return nil, err
	case len(raw) == 0:
		raw = []byte("{}") // where nothing has to be said, nothing need be sent
	case !isJSON(contentTypes):
		return nil, unsupported(contentTypes)
	}
	if err := wellFormed(raw); err != nil {
		return nil, err
	}
	o := readObject(raw)
	o.partial = c.route.method == http.MethodPatch
	return o, o.valid()
}

// body reads the bytes of a body, at most limit of them. broken is the sentence
// about one that has no end.
func (c *call) body(limit int64, broken string) ([]byte, error) {
	raw, err := web.ReadBody(c.writer, c.request, limit)
	switch {
	case errors.Is(err, web.ErrBodyTooLarge):
		return nil, oversized
	case errors.Is(err, web.ErrBusy):
		return nil, unavailable
	case err != nil: // too slow, or broken off
		return nil, refusal(http.StatusBadRequest, fmt.Sprintf(broken, "the body did not arrive whole and in time"))
	}
	return raw, nil
}

// unsupported refuses a body of a type that the route does not read.
func unsupported(contentTypes []string) *failure {
	return refusal(http.StatusUnsupportedMediaType, fmt.Sprintf(unsupportedMedia, clipped(strings.Join(contentTypes, ","))))
}

func unreadable(why string) *failure {
	return refusal(http.StatusBadRequest, fmt.Sprintf(malformed, why))
}

// isJSON reports whether the header of a body says that it is JSON in UTF-8.
func isJSON(contentTypes []string) bool {
	kind, parameters, err := mime.ParseMediaType(strings.Join(contentTypes, ","))
	charset, named := parameters["charset"]
	return err == nil && kind == "application/json" && (!named || strings.EqualFold(charset, "utf-8"))
}

// wellFormed refuses bytes that are not exactly one JSON text.
func wellFormed(raw []byte) error {
	if !utf8.Valid(raw) {
		return unreadable("the body is not valid UTF-8")
	}
	var whole json.RawMessage
	if err := json.Unmarshal(raw, &whole); err != nil {
		return unreadable(err.Error())
	}
	return nil
}

// readObject takes a well-formed value apart. Of a key that comes twice the last
// counts.
func readObject(value json.RawMessage) *object {
	o := &object{faults: faults{}}
	if err := json.Unmarshal(value, &o.members); err != nil || o.members == nil {
		o.reject(together, notObject, pythonType([]byte(strings.TrimSpace(string(value)))))
	}
	return o
}
