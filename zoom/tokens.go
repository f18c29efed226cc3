package zoom

import (
	"net/http"
	"time"

	"souk"
	"souk/market"
)

// grantAnswer is what a client gets that proved what it must.
type grantAnswer struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	RefreshToken string `json:"refresh_token,omitempty"`
	ExpiresIn    int    `json:"expires_in"` // seconds
	Scope        string `json:"scope"`
	APIURL       string `json:"api_url"`
}

// grantTypes are the ways to a token.
var grantTypes = map[string]func(*Handler, *http.Request, market.ZoomClient, form) (market.ZoomTokens, error){
	"account_credentials": (*Handler).forAccount,
	"client_credentials":  (*Handler).forClient,
	"authorization_code":  (*Handler).forCode,
	"refresh_token":       (*Handler).forRefresh,
}

// token gives an app a token for what it shows.
func (h *Handler) token(w http.ResponseWriter, r *http.Request) (any, error) {
	f, c, err := readClient(w, r)
	if err != nil {
		return nil, err
	}
	kind := f["grant_type"]
	grant := grantTypes[kind]
	switch {
	case kind == "":
		return nil, badOAuth(invalidRequest, "grant_type is required.")
	case grant == nil:
		return nil, badOAuth(unsupportedType, "unsupported grant type")
	}
	got, err := grant(h, r, c, f)
	if err != nil {
		return nil, err
	}
	return grantAnswer{
		AccessToken: got.Secret, TokenType: "bearer", RefreshToken: got.Refresh,
		ExpiresIn: seconds(got.Token), Scope: got.Token.Scopes.String(), APIURL: h.base,
	}, nil
}

// seconds is how long a new token answers, less one for its way.
func seconds(t souk.Token) int { return int(t.ExpiresAt.Sub(t.CreatedAt)/time.Second) - 1 }

func (h *Handler) forAccount(r *http.Request, c market.ZoomClient, f form) (got market.ZoomTokens, err error) {
	account, ok := souk.ParseZoomID(f["account_id"])
	if f["account_id"] == "" {
		return got, badOAuth(invalidRequest, "account_id is required.")
	}
	if !ok {
		account = souk.ID{} // an account of nobody: who asks has to prove who they are first
	}
	got.Minted, err = h.market.AccountToken(r.Context(), c, account)
	return got, err
}

func (h *Handler) forClient(r *http.Request, c market.ZoomClient, _ form) (got market.ZoomTokens, err error) {
	got.Minted, err = h.market.AppToken(r.Context(), c)
	return got, err
}

func (h *Handler) forCode(r *http.Request, c market.ZoomClient, f form) (market.ZoomTokens, error) {
	if f["code"] == "" {
		return market.ZoomTokens{}, badOAuth(invalidRequest, "code is required.")
	}
	got, err := h.market.RedeemZoom(r.Context(), c, market.Redeeming{
		Code: f["code"], Redirect: f["redirect_uri"], Verifier: f["code_verifier"],
	})
	return got, respelled(err, codeRefusals)
}

func (h *Handler) forRefresh(r *http.Request, c market.ZoomClient, f form) (market.ZoomTokens, error) {
	if f["refresh_token"] == "" {
		return market.ZoomTokens{}, badOAuth(invalidRequest, "refresh_token is required.")
	}
	return h.market.Renew(r.Context(), c, f["refresh_token"])
}

// revoked is what a client is told that gave a token back.
type revoked struct {
	Status string `json:"status"`
}

// revoke takes a token back, whichever of the two kinds it is. What is none of the
// client's, or is over, is answered alike.
func (h *Handler) revoke(w http.ResponseWriter, r *http.Request) (any, error) {
	f, c, err := readClient(w, r)
	if err != nil {
		return nil, err
	}
	if f["token"] == "" {
		return nil, badOAuth(invalidRequest, "token is required.")
	}
	return revoked{"success"}, h.market.Discard(r.Context(), c, f["token"])
}
