package slack

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// envelope is what stands around every answer (docs/dialects/slack.md, "The
// answer"). Answers embed it beside fields of their own.
type envelope struct {
	OK       bool      `json:"ok"`
	Error    code      `json:"error,omitempty"`
	Warning  string    `json:"warning,omitempty"`
	Metadata *metadata `json:"response_metadata,omitempty"` // never null: clients read into it
}

type metadata struct {
	NextCursor *string  `json:"next_cursor,omitempty"` // lists always have one, "" on the last page
	Warnings   []code   `json:"warnings,omitempty"`
	Messages   []string `json:"messages,omitempty"`
}

func (e *envelope) outer() *envelope { return e }

// meta is the envelope's metadata, made when first needed.
func (e *envelope) meta() *metadata {
	if e.Metadata == nil {
		e.Metadata = new(metadata)
	}
	return e.Metadata
}

// warn adds warnings, which never change the outcome of a call.
func (e *envelope) warn(warnings []code) {
	if len(warnings) == 0 {
		return
	}
	words := make([]string, len(warnings))
	for i, w := range warnings {
		words[i] = string(w)
	}
	e.Warning = strings.Join(words, ",")
	e.meta().Warnings = warnings
}

// answer is the body of a reply: a struct that embeds envelope.
type answer interface{ outer() *envelope }

// failure is a code with more to say than its name.
type failure struct {
	code
	messages []string      // for response_metadata, each with its level in front
	again    time.Duration // after which to call again, for 429 and 503
	answer   answer        // instead of a plain envelope
}

// Unwrap lets errors.Is see the code.
func (f *failure) Unwrap() error { return f.code }

// faulty is invalid_arguments with a message for each fault.
func faulty(messages ...string) error {
	return &failure{code: invalidArguments, messages: messages}
}

// fault words what is wrong with one argument.
func fault(name, what string) string {
	return fmt.Sprintf("[ERROR] %s [json-pointer:/%s]", what, name)
}

// scopeAnswer tells which scopes a token lacks.
type scopeAnswer struct {
	envelope
	Needed   string `json:"needed"`
	Provided string `json:"provided"`
}

// methodAnswer names the method that there is not.
type methodAnswer struct {
	envelope
	Method string `json:"req_method"`
}

// refused is the answer to a call that failed with err, whose code c is.
func refused(c code, err error) answer {
	var a answer = new(envelope)
	if f := (*failure)(nil); errors.As(err, &f) {
		if f.answer != nil {
			a = f.answer
		}
		if len(f.messages) > 0 {
			a.outer().meta().Messages = f.messages
		}
	}
	a.outer().Error = c
	return a
}

// status is the HTTP status for a code. All but four are 200: Slack's clients
// take any other status for a broken connection and send the call again, for
// half an hour (docs/dialects/slack.md, "Status codes").
func (c code) status() int {
	switch c {
	case rateLimited:
		return http.StatusTooManyRequests
	case serviceUnavailable:
		return http.StatusServiceUnavailable
	case invalidRequest:
		return http.StatusMethodNotAllowed
	}
	return http.StatusOK
}

// write sends a; ok follows from whether there is an error.
func write(w http.ResponseWriter, status int, a answer) error {
	e := a.outer()
	e.OK = e.Error == ""
	body, err := marshal(a)
	if err != nil {
		return fmt.Errorf("spell an answer: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "private, no-cache, no-store, must-revalidate")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Accept-Encoding")
	w.WriteHeader(status)
	_, err = w.Write(body)
	return err
}

// marshal spells v as Slack does: without escapes that only HTML needs, and
// nothing behind the last brace.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
