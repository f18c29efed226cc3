package slack

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/url"
	"strings"

	"souk/web"
)

// pair takes one argument of a form, whose bytes are in t's charset. The token
// is taken out of bodies; in an address, where logs would show it, it is
// ignored.
func (a *arguments) pair(name, text string, t contentType) error {
	name, ok := t.decode(name)
	if !ok || name == "" {
		return invalidFormData
	}
	if text, ok = t.decode(text); !ok {
		return invalidFormData
	}
	if name != "token" {
		return a.set(name, text)
	}
	if t.query {
		return nil
	}
	if err := a.name(name); err != nil {
		return err
	}
	a.token = text
	return nil
}

// readForm reads name=value pairs with percent escapes.
func (a *arguments) readForm(form string, t contentType) error {
	for form != "" {
		var piece string
		piece, form, _ = strings.Cut(form, "&")
		if piece == "" {
			continue
		}
		rawName, rawText, _ := strings.Cut(piece, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil {
			return invalidFormData
		}
		text, err := url.QueryUnescape(rawText)
		if err != nil {
			return invalidFormData
		}
		if err := a.pair(name, text, t); err != nil {
			return err
		}
	}
	return nil
}

// readMultipart reads the parts of a form. A file is an argument like any
// other: clients turn to multipart as soon as one value is a buffer.
func (a *arguments) readMultipart(body []byte, t contentType) error {
	if t.boundary == "" {
		return invalidFormData
	}
	parts := multipart.NewReader(bytes.NewReader(body), t.boundary)
	for {
		part, err := parts.NextPart()
		if err == io.EOF { // bare: a body cut short wraps it
			return nil
		}
		if err != nil {
			return invalidFormData
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return invalidFormData
		}
		if err := a.pair(part.FormName(), string(text), t); err != nil {
			return err
		}
	}
}

// readJSON reads the members of an object. A token among them is ignored.
func (a *arguments) readJSON(body []byte) error {
	if !json.Valid(body) {
		return invalidJSON
	}
	members := json.NewDecoder(bytes.NewReader(body))
	if start, err := members.Token(); err != nil || start != json.Delim('{') {
		return jsonNotObject
	}
	for members.More() {
		name, err := members.Token()
		if err != nil {
			return invalidJSON
		}
		var value json.RawMessage
		if err := members.Decode(&value); err != nil {
			return invalidJSON
		}
		if err := a.member(name.(string), value); err != nil {
			return err
		}
	}
	return nil
}

// member takes one argument of a JSON object.
func (a *arguments) member(name string, value json.RawMessage) error {
	text := string(value) // a number or a boolean stands for its text
	switch value[0] {
	case 'n':
		text = ""
	case '"':
		if web.Unspeakable(value) {
			return faulty(fault(name, "contains a character that is no text"))
		}
		if err := json.Unmarshal(value, &text); err != nil {
			return invalidJSON
		}
	case '[', '{':
		// A list stays the array it is, which parameters.list reads. What a
		// method does not take is ignored whatever it is.
		if a.takes.has(name) && (value[0] == '{' || a.takes.kind(name) != list) {
			return invalidArrayArg
		}
	}
	if name == "token" {
		return a.name(name)
	}
	return a.set(name, text)
}
