package giosg

import (
	"errors"
	"net/http"
	"strings"

	"souk"
	"souk/market"
	"souk/web"
)

// ssoRefusals spell what the market says of whom a site wants to sign in.
var ssoRefusals = map[souk.Refusal]*failure{
	souk.WrongSecret:         wrongClient,
	souk.BadRedirect:         denied("This page is not at one of the app's allowed redirect URLs."),
	souk.UnknownInstallation: denied("The app is not installed in this organization."),
	souk.NotAuthorized:       denied("The user does not let this app act for them."),
	souk.NoSubscription:      denied("The organization does not have an active subscription."),
}

// ssoToken is what a site gets for somebody it knows.
type ssoToken struct {
	AccessToken    string  `json:"access_token"`
	TokenType      string  `json:"token_type"`
	ExpiresIn      int     `json:"expires_in"` // seconds
	UserID         souk.ID `json:"user_id"`
	OrganizationID souk.ID `json:"organization_id"`
	AppID          souk.ID `json:"app_id"`
}

// sso answers where sites sign people in, to pages of other origins too
// (docs/dialects/giosg.md, "Single sign-on").
func (h *Handler) sso() http.HandlerFunc {
	trade := h.oauth(http.MethodPost, ssoRefusals, h.signIn)
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Vary", "Origin")
		if r.Method != http.MethodOptions {
			trade(w, r)
			return
		}
		// Which app asks is in the form, so any page may send one. What is said to
		// it, only a page of the app's may read.
		web.Note(r.Context(), "face", face)
		header := w.Header()
		header.Set("Allow", "POST, OPTIONS")
		if origin := r.Header.Get("Origin"); origin != "" {
			header.Set("Access-Control-Allow-Origin", origin)
			header.Set("Access-Control-Allow-Methods", http.MethodPost)
			header.Set("Access-Control-Allow-Headers", "Content-Type")
			header.Set("Access-Control-Max-Age", "600")
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

func (h *Handler) signIn(w http.ResponseWriter, r *http.Request) (any, error) {
	f, err := readForm(w, r)
	if err != nil {
		return nil, err
	}
	app, secret, err := f.client(r)
	if err != nil {
		return nil, h.proven(r, ssoRefusals, err)
	}
	web.Note(r.Context(), "app", app.String())
	org, ok := parseID(f["organization_id"])
	if !ok {
		return nil, oauthRefusal(invalidRequest, "organization_id must be a UUID.")
	}
	origin := r.Header.Get("Origin")
	got, err := h.market.SSOToken(r.Context(), market.SSO{
		App: app, Secret: secret, Org: org, Email: f["email"], FirstName: f["first_name"], LastName: f["last_name"],
		Permissions: strings.Fields(f["permissions"]), Origin: origin,
	}, face, web.ClientAddress(r.Context()))
	if origin != "" && ofTheApp(err) {
		w.Header().Set("Access-Control-Allow-Origin", origin)
	}
	t := got.Token
	return ssoToken{got.Secret, "Bearer", seconds(t), t.User, org, t.App}, h.proven(r, ssoRefusals, err)
}

// ofTheApp reports whether the app had proven itself, and the page to be one of
// the app's, before err.
func ofTheApp(err error) bool {
	var refused interface{ Refuses() }
	switch {
	case errors.Is(err, souk.WrongSecret), errors.Is(err, souk.BadRedirect):
		return false
	}
	return err == nil || errors.As(err, &refused)
}
