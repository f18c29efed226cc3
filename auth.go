package souk

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// AuthKind is the way in which requests to a webhook prove themselves beside
// their signature.
type AuthKind string

// The ways (docs/dialects/zoom.md, "Header options").
const (
	NoAuth     AuthKind = ""
	BasicAuth  AuthKind = "basic"
	OAuthAuth  AuthKind = "oauth"
	CustomAuth AuthKind = "custom"
)

// AuthKinds are all there are.
var AuthKinds = []AuthKind{NoAuth, BasicAuth, OAuthAuth, CustomAuth}

// Auth is the header that requests to a webhook carry. The zero value adds none.
type Auth struct {
	Kind AuthKind

	Username, Password string // of basic

	// Of oauth: where a token is fetched, and as whom.
	ClientID, ClientSecret, TokenURL, Scope, State string
	InBody                                         bool // the client says who it is in the body

	Key, Value string // of custom
}

// Masked is what is shown instead of a secret.
const Masked = "********"

// Masked is a as it may be shown: without what nobody else may know.
func (a Auth) Masked() Auth {
	for _, secret := range []*string{&a.Password, &a.ClientSecret, &a.Value} {
		if *secret != "" {
			*secret = Masked
		}
	}
	return a
}

// Bounds of an Auth, in characters.
const (
	maxAuthText = 256
	maxTokenURL = 1000
	maxState    = 255
)

// ownHeaders are those that Souk sets itself, or that are between two hops: no
// header of a webhook's own takes their place.
var ownHeaders = []string{
	"accept-encoding", "authorization", "clientid", "connection", "content-length", "content-type", "host", "keep-alive",
	"proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "traceparent", "trailer", "transfer-encoding",
	"upgrade", "user-agent", "x-zm-request-id", "x-zm-request-timestamp", "x-zm-signature", "x-zm-trackingid",
}

// Check says what is wrong with a, by the names that its members have in JSON.
// Whether Souk sends to the token URL is for others to say
// (docs/dialects/zoom.md, "Header options").
func (a Auth) Check() (wrong Invalid) {
	add := func(field, reason string) { wrong = append(wrong, Problem{Field: field, Reason: reason}) }
	text := func(field, s string, most int, must bool) {
		switch {
		case must && s == "":
			add(field, "is required")
		case utf8.RuneCountInString(s) > most:
			add(field, fmt.Sprintf("must be at most %d characters long", most))
		case strings.ContainsAny(s, "\r\n"):
			add(field, "must not contain a line feed")
		case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }):
			add(field, "must be text without control characters")
		}
	}
	foreign := a
	switch foreign.Kind = ""; a.Kind {
	case NoAuth:
	case BasicAuth:
		text("username", a.Username, maxAuthText, true)
		text("password", a.Password, maxAuthText, true)
		foreign.Username, foreign.Password = "", ""
	case OAuthAuth:
		text("client_id", a.ClientID, maxAuthText, true)
		text("client_secret", a.ClientSecret, maxAuthText, true)
		text("token_url", a.TokenURL, maxTokenURL, true)
		text("scope", a.Scope, maxState, false)
		text("state", a.State, maxState, false)
		if u, err := url.Parse(a.TokenURL); a.TokenURL != "" && (err != nil || u.Host == "" || u.User != nil || strings.Contains(a.TokenURL, " ")) {
			add("token_url", "must be an absolute URL without spaces")
		}
		foreign.ClientID, foreign.ClientSecret, foreign.TokenURL, foreign.Scope, foreign.State, foreign.InBody = "", "", "", "", "", false
	case CustomAuth:
		text("key", a.Key, maxAuthText, true)
		text("value", a.Value, maxAuthText, true)
		switch {
		case strings.ContainsFunc(a.Key, func(r rune) bool { return !isHeaderRune(r) }):
			add("key", "must be of letters, numbers and -")
		case slices.Contains(ownHeaders, strings.ToLower(a.Key)):
			add("key", "is reserved")
		}
		foreign.Key, foreign.Value = "", ""
	default:
		add("kind", fmt.Sprintf("must be one of %q", AuthKinds))
		return wrong
	}
	if foreign != (Auth{}) {
		add("kind", "has members that are another kind's")
	}
	for _, secret := range []struct{ field, s string }{{"password", a.Password}, {"client_secret", a.ClientSecret}, {"value", a.Value}} {
		if secret.s == Masked {
			add(secret.field, "is what is shown in its place: say the secret")
		}
	}
	return wrong
}

func isHeaderRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-'
}
