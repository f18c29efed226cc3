package console

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"souk"
	"souk/market"
)

// apiCall is a call of the native API that a page tells of, most often what its
// button does (docs/dialects/native.md).
type apiCall struct {
	Title  string // of the texts api.<title>
	Method string
	URL    string
	Body   any // nil: none
}

// sameCall is the call that does what a page's button does; path is that of its
// address behind /souk/v1.
func (h *Handler) sameCall(method, path string, body any) apiCall {
	return apiCall{"same", method, h.base.String() + "/souk/v1" + path, body}
}

// Curl is the call as one line for a shell, broken where it is long. The token
// comes from the environment: what a page shows is no place for it.
func (c apiCall) Curl() (string, error) {
	words := []string{"curl"}
	if c.Method != http.MethodGet {
		words[0] += " -X " + c.Method
	}
	words[0] += " " + shellWord(c.URL)
	words = append(words, `-H "Authorization: Bearer $SOUK_TOKEN"`)
	if c.Body != nil {
		var body bytes.Buffer
		e := json.NewEncoder(&body)
		e.SetEscapeHTML(false) // the page escapes it
		if err := e.Encode(c.Body); err != nil {
			return "", err
		}
		words = append(words, "-H 'Content-Type: application/json'", "-d "+shellWord(strings.TrimSpace(body.String())))
	}
	return strings.Join(words, " \\\n  "), nil
}

// shellWord spells s as one word of a shell that means nothing else.
func shellWord(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// installCall is the call that installs w, or asks for it.
func (h *Handler) installCall(w weighed, names bool) apiCall {
	type appUser struct {
		FirstName string `json:"first_name"`
		LastName  string `json:"last_name"`
		Alias     string `json:"alias,omitempty"`
	}
	in := struct {
		App     souk.ID  `json:"app"`
		AppUser *appUser `json:"app_user,omitempty"`
		Terms   bool     `json:"terms_accepted,omitempty"`
		State   string   `json:"state,omitempty"`
	}{App: w.link.app, Terms: w.Of.NeedsTerms(), State: w.link.state}
	if names {
		in.AppUser = &appUser{w.Of.AppUser.FirstName, w.Of.AppUser.LastName, w.Of.AppUser.Alias}
	}
	return h.sameCall(http.MethodPost, "/orgs/"+w.Org.ID.String()+"/installations", in)
}

// uninstallCall ends an installation.
func (h *Handler) uninstallCall(i souk.Installation) apiCall {
	return h.sameCall(http.MethodDelete, "/orgs/"+i.Org.String()+"/apps/"+i.App.String()+"/installation", nil)
}

// permitCall gives the app user of an installation the permissions that it has.
func (h *Handler) permitCall(i market.InstalledView) apiCall {
	in := struct {
		Permissions []souk.Permission `json:"permissions"`
	}{append([]souk.Permission{}, i.Permissions...)}
	return h.sameCall(http.MethodPut, "/orgs/"+i.Installation.Org.String()+"/users/"+i.AppUser.String()+"/permissions", in)
}

// revokeCall ends a token that came with an installation.
func (h *Handler) revokeCall(i souk.Installation, t souk.Token) apiCall {
	return h.sameCall(http.MethodDelete, "/orgs/"+i.Org.String()+"/installations/"+i.ID.String()+"/tokens/"+t.ID.String(), nil)
}

// tryCall asks whom a token speaks for.
func (h *Handler) tryCall() apiCall {
	c := h.sameCall(http.MethodGet, "/me", nil)
	c.Title = "try"
	return c
}
