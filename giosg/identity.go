package giosg

import (
	"crypto"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"souk"
	"souk/market"
	"souk/web"
)

// mountIdentity puts the addresses into mux where programs trade what they have
// for tokens, and those that tell how (docs/dialects/giosg.md, "Identity",
// "Single sign-on"). The pages for people are the console's.
func (h *Handler) mountIdentity(mux *http.ServeMux) {
	mux.Handle("/identity/token", h.oauth(http.MethodPost, tokenRefusals, h.tradeCode))
	mux.Handle("/identity/keys", h.oauth(http.MethodGet, nil, h.keys))
	mux.Handle("/identity/authorize/.well-known/openid-configuration", h.oauth(http.MethodGet, nil, h.metadata))
	mux.Handle("/.well-known/oauth-authorization-server/identity/authorize", h.oauth(http.MethodGet, nil, h.metadata))
	mux.Handle("/sso/access-token", h.sso())
}

// tokenRefusals spell what the market says of codes. Clients of giosg look for
// the word expired in what is said of an old one, used or not.
var tokenRefusals = map[souk.Refusal]*failure{
	souk.WrongSecret:   wrongClient,
	souk.ExpiredCode:   oauthRefusal(invalidGrant, "The authorization code has expired."),
	souk.SpentCode:     oauthRefusal(invalidGrant, "The authorization code is not valid: it was used, has expired, or is not for this client."),
	souk.BadRedirect:   oauthRefusal(invalidGrant, "The redirect_uri is not the one that the code was asked with."),
	souk.NotAuthorized: oauthRefusal(invalidGrant, "The user does not let this app act for them any more."),
}

// appUserToken is what a code for an app user is traded for. It lasts until it is
// revoked.
type appUserToken struct {
	AccessToken    string  `json:"access_token"`
	TokenType      string  `json:"token_type"`
	UserID         souk.ID `json:"user_id"`
	OrganizationID souk.ID `json:"organization_id"`
	AppID          souk.ID `json:"app_id"`
}

// personToken is what a person's code is traded for.
type personToken struct {
	AccessToken    string  `json:"access_token"`
	TokenType      string  `json:"token_type"`
	ExpiresIn      int     `json:"expires_in"` // seconds
	Scope          string  `json:"scope"`
	UserID         souk.ID `json:"user_id"`
	OrganizationID souk.ID `json:"organization_id"`
	AppID          souk.ID `json:"app_id"`
	IDToken        string  `json:"id_token,omitempty"`
}

// tradeCode trades a code for a token: one that came with a trigger, or one that
// a person let an app have.
func (h *Handler) tradeCode(w http.ResponseWriter, r *http.Request) (any, error) {
	f, err := readForm(w, r)
	if err != nil {
		return nil, err
	}
	switch code := f["code"]; {
	case f["grant_type"] == "":
		return nil, oauthRefusal(invalidRequest, "grant_type is required.")
	case f["grant_type"] != "authorization_code":
		return nil, oauthRefusal(unsupportedType, "grant_type must be authorization_code.")
	case code == "":
		return nil, oauthRefusal(invalidRequest, "code is required.")
	}
	app, secret, err := f.client(r)
	if err != nil {
		return nil, h.proven(r, tokenRefusals, err)
	}
	web.Note(r.Context(), "app", app.String())
	var token any
	if in, ok := h.signer.readCode(f["code"]); ok {
		token, err = h.tradeAppUserCode(r, app, secret, in)
	} else {
		token, err = h.redeem(r, market.Redeeming{
			App: app, Secret: secret, Code: f["code"], Redirect: f["redirect_uri"], Verifier: f["code_verifier"],
		})
	}
	return token, h.proven(r, tokenRefusals, err)
}

func (h *Handler) tradeAppUserCode(r *http.Request, app souk.ID, secret string, in market.AppUserCode) (any, error) {
	got, err := h.market.ExchangeAppUserCode(r.Context(), app, secret, in, face, web.ClientAddress(r.Context()))
	t := got.Token
	return appUserToken{got.Secret, "Token", t.User, t.Org, t.App}, err
}

func (h *Handler) redeem(r *http.Request, in market.Redeeming) (any, error) {
	got, err := h.market.Redeem(r.Context(), in, face, web.ClientAddress(r.Context()))
	if err != nil {
		return nil, err
	}
	t := got.Token
	token := personToken{
		AccessToken: got.Secret, TokenType: "Bearer", ExpiresIn: seconds(t), Scope: strings.Join(t.Scopes, " "),
		UserID: t.User, OrganizationID: t.Org, AppID: t.App,
	}
	if got.OpenID {
		token.Scope = strings.TrimSpace("openid " + token.Scope)
		token.IDToken, err = h.idToken(got)
	}
	return token, err
}

// seconds is how long a new token answers.
func seconds(t souk.Token) int { return int(t.ExpiresAt.Sub(t.CreatedAt).Seconds()) }

// idTokenLife is how long an ID token may be shown.
const idTokenLife = time.Hour

// idClaims are what an app is told of a person who signed in to it.
type idClaims struct {
	Issuer   string    `json:"iss"`
	Subject  souk.ID   `json:"sub"`
	Audience []souk.ID `json:"aud"`
	Expires  int64     `json:"exp"`
	IssuedAt int64     `json:"iat"`
	SignedIn int64     `json:"auth_time,omitempty"`
	Nonce    string    `json:"nonce,omitempty"`
	Name     string    `json:"name"`
	Email    string    `json:"email"`
}

// idToken signs who a person is.
func (h *Handler) idToken(of market.Redeemed) (string, error) {
	key, err := idKey(h.market.Key)
	if err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("sign an ID token: %w", err)
	}
	at := of.Token.CreatedAt
	claims := idClaims{
		Issuer: h.site.issuer(), Subject: of.User.ID, Audience: []souk.ID{of.Token.App},
		Expires: at.Add(idTokenLife).Unix(), IssuedAt: at.Unix(), Nonce: of.Nonce, Name: fullName(of.User), Email: of.User.Email,
	}
	if !of.SignedIn.IsZero() {
		claims.SignedIn = of.SignedIn.Unix()
	}
	payload, err := marshal(claims)
	if err != nil {
		return "", fmt.Errorf("spell an ID token: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign an ID token: %w", err)
	}
	return signed.CompactSerialize()
}

// idKey is the key of ID tokens, named by its thumbprint.
func idKey(key souk.Key) (jose.JSONWebKey, error) {
	k := jose.JSONWebKey{Key: key.IDTokens(), Algorithm: string(jose.ES256), Use: "sig"}
	thumbprint, err := k.Thumbprint(crypto.SHA256)
	if err != nil {
		return k, fmt.Errorf("name the key of ID tokens: %w", err)
	}
	k.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	return k, nil
}

// keys tells what ID tokens are verified with.
func (h *Handler) keys(w http.ResponseWriter, _ *http.Request) (any, error) {
	key, err := idKey(h.market.Key)
	if err != nil {
		return nil, err
	}
	published(w)
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}}, nil
}

// published lets an answer be kept that is the same for everybody.
func published(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "public, max-age=3600")
	w.Header().Del("Pragma")
}

// serverMetadata is what a program needs to know to sign people in, by OpenID
// Connect Discovery and RFC 8414.
type serverMetadata struct {
	Issuer            string   `json:"issuer"`
	AuthorizeEndpoint string   `json:"authorization_endpoint"`
	TokenEndpoint     string   `json:"token_endpoint"`
	KeysURI           string   `json:"jwks_uri"`
	Scopes            []string `json:"scopes_supported"`
	ResponseTypes     []string `json:"response_types_supported"`
	ResponseModes     []string `json:"response_modes_supported"`
	GrantTypes        []string `json:"grant_types_supported"`
	SubjectTypes      []string `json:"subject_types_supported"`
	IDTokenRules      []string `json:"id_token_signing_alg_values_supported"`
	ClientProofs      []string `json:"token_endpoint_auth_methods_supported"`
	Claims            []string `json:"claims_supported"`
	ChallengeMethods  []string `json:"code_challenge_methods_supported"`
	RequestParameter  bool     `json:"request_parameter_supported"`
	RequestURI        bool     `json:"request_uri_parameter_supported"`
}

// metadata tells how people are signed in.
func (h *Handler) metadata(w http.ResponseWriter, _ *http.Request) (any, error) {
	published(w)
	scopes := []string{"openid"}
	for _, p := range souk.Permissions {
		scopes = append(scopes, string(p))
	}
	return serverMetadata{
		Issuer:            h.site.issuer(),
		AuthorizeEndpoint: h.site.issuer(),
		TokenEndpoint:     h.site.tokenEndpoint(),
		KeysURI:           string(h.site) + "/identity/keys",
		Scopes:            scopes,
		ResponseTypes:     []string{"code"},
		ResponseModes:     []string{"query"},
		GrantTypes:        []string{"authorization_code"},
		SubjectTypes:      []string{"public"},
		IDTokenRules:      []string{string(jose.ES256)},
		ClientProofs:      []string{"client_secret_post", "client_secret_basic"},
		Claims:            []string{"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "name", "email"},
		ChallengeMethods:  []string{"S256"},
	}, nil
}
