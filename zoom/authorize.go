package zoom

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"regexp"

	"souk"
)

// consentPath is where people are asked whether an app may act for them, by the
// app's own id. The page is the console's.
const consentPath = "/identity/authorize"

// carried are the parameters that go on to that page. Of scopes Zoom's clients
// name none that count: people agree to all that was granted to the app there.
var carried = []string{"response_type", "redirect_uri", "state", "code_challenge", "code_challenge_method"}

// plainVerifier is what a verifier looks like, which without a method is its own
// challenge (RFC 7636, section 4.1).
var plainVerifier = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)

// authorize leads somebody whom an app sent to the page where they are asked
// (docs/dialects/zoom.md, "Tokens (OAuth)"). As long as the app and the redirect
// URI do not belong together nobody is led anywhere.
func (h *Handler) authorize(_ http.ResponseWriter, r *http.Request) (any, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badForm
	}
	client, redirect := sole(query, "client_id"), sole(query, "redirect_uri")
	if !speakable(client) || !speakable(redirect) {
		return nil, badForm
	}
	app, err := h.market.ZoomApp(r.Context(), client)
	if err == nil {
		err = h.market.RedirectAllowed(r.Context(), app, redirect)
	}
	if errors.Is(err, souk.UnknownApp) || errors.Is(err, souk.BadRedirect) {
		return nil, badOAuth(invalidRequest, "Invalid client_id, or a redirect_uri that is none of its own.")
	}
	if err != nil {
		return nil, err
	}
	onward := url.Values{"client_id": {app.String()}}
	for _, name := range carried {
		if query.Has(name) {
			onward[name] = query[name]
		}
	}
	hashPlain(onward)
	return seeOther(consentPath + "?" + onward.Encode()), nil
}

// hashPlain turns a challenge that is the verifier itself, as it is where no method
// is named, into the one that proves the same by S256.
func hashPlain(query url.Values) {
	challenge := sole(query, "code_challenge")
	if len(query["code_challenge_method"]) > 1 || !plainVerifier.MatchString(challenge) {
		return
	}
	if method := query.Get("code_challenge_method"); method != "" && method != "plain" {
		return
	}
	sum := sha256.Sum256([]byte(challenge))
	query.Set("code_challenge", base64.RawURLEncoding.EncodeToString(sum[:]))
	query.Set("code_challenge_method", "S256")
}

// sole is the value of a parameter that is there once, else "".
func sole(query url.Values, name string) string {
	if len(query[name]) != 1 {
		return ""
	}
	return query.Get(name)
}
