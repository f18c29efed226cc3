package zoom

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"souk"
)

// Refusals of headers.
var (
	badHeaderType  = refusal{http.StatusNotFound, 1801, "The custom header type does not exist."}
	badClientPlace = refusal{http.StatusBadRequest, general, "The client authentication must be header or body."}
)

// customHeader is the header of a subscription, in and out. Which members it has
// follows from its type.
type customHeader struct {
	Type         int    `json:"custom_header_type"`
	Username     string `json:"username,omitempty"`
	Password     string `json:"password,omitempty"`
	ClientID     string `json:"client_id,omitempty"`
	ClientSecret string `json:"client_secret,omitempty"`
	TokenURL     string `json:"token_url,omitempty"`
	Scope        string `json:"scope,omitempty"`
	State        string `json:"state,omitempty"`
	ClientIn     string `json:"client_authentication,omitempty"` // header or body
	Key          string `json:"custom_header_key,omitempty"`
	Value        string `json:"custom_header_value,omitempty"`
}

// headerKinds are the types of a custom_header, by their numbers.
var headerKinds = []souk.AuthKind{souk.NoAuth, souk.BasicAuth, souk.OAuthAuth, souk.CustomAuth}

// headerWords are what Zoom calls the members of a header in sentences.
var headerWords = map[string]string{
	"username": "username", "password": "password", "client_id": "client ID", "client_secret": "client secret",
	"token_url": "token URL", "scope": "OAuth scope", "state": "OAuth state",
	"key": "custom header key", "value": "custom header value",
}

// auth reads a header; members of another type are passed over.
func (h customHeader) auth() (a souk.Auth, err error) {
	if a, err = h.option(); err != nil {
		return a, err
	}
	for _, wrong := range a.Check() {
		return a, badHeader(wrong)
	}
	return a, nil
}

// option is auth before it is looked at more closely.
func (h customHeader) option() (a souk.Auth, err error) {
	if h.Type < 0 || h.Type >= len(headerKinds) {
		return a, badHeaderType
	}
	switch a.Kind = headerKinds[h.Type]; a.Kind {
	case souk.BasicAuth:
		a.Username, a.Password = h.Username, h.Password
	case souk.OAuthAuth:
		a.ClientID, a.ClientSecret, a.TokenURL, a.Scope, a.State = h.ClientID, h.ClientSecret, h.TokenURL, h.Scope, h.State
		if a.InBody = h.ClientIn == "body"; !a.InBody && h.ClientIn != "" && h.ClientIn != "header" {
			return a, badClientPlace
		}
	case souk.CustomAuth:
		a.Key, a.Value = h.Key, h.Value
	}
	return a, nil
}

// badHeader says in a sentence what is wrong with a member of a header.
func badHeader(wrong souk.Problem) refusal {
	field := strings.TrimPrefix(wrong.Field, "auth.")
	return refusal{http.StatusBadRequest, general, fmt.Sprintf("The %s %s.", headerWords[field], wrong.Reason)}
}

// showHeader spells a header whose secrets are masked.
func showHeader(a souk.Auth) customHeader {
	h := customHeader{
		Type: slices.Index(headerKinds, a.Kind), Username: a.Username, Password: a.Password, ClientID: a.ClientID, ClientSecret: a.ClientSecret,
		TokenURL: a.TokenURL, Scope: a.Scope, State: a.State, Key: a.Key, Value: a.Value,
	}
	switch {
	case a.InBody:
		h.ClientIn = "body"
	case a.Kind == souk.OAuthAuth:
		h.ClientIn = "header"
	}
	return h
}
