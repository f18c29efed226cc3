package console

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"souk"
	"souk/market"
)

const accountPath = "/console/account"

// accountPage is what somebody sees about themselves.
type accountPage struct {
	Password entries // of the form for another one
	Token    entries // of the form for a new one
	Minted   *market.Minted
	Tokens   []souk.Token
	Sessions []souk.Token
	Grants   []market.GrantView
	This     souk.ID // the session that asks
	Minimum  int     // characters of a password
	Lives    []int   // of a new token, in days; 0: until it is revoked
	Try      apiCall // with a token that was made
}

// lives are those to choose from, the suggestion first.
var lives = []int{90, 30, 365, 0}

func (h *Handler) account(v *visit) (answer, error) { return h.showAccount(v, accountPage{}) }

// showAccount shows the account page with what p has to say besides.
func (h *Handler) showAccount(v *visit, p accountPage) (a answer, err error) {
	p.This, p.Minimum, p.Lives, p.Try = v.Actor.Token, market.MinPassword, lives, h.tryCall()
	if p.Tokens, err = h.market.MyTokens(v.ctx, v.Actor); err != nil {
		return a, err
	}
	if p.Sessions, err = h.market.MySessions(v.ctx, v.Actor); err != nil {
		return a, err
	}
	p.Grants, err = h.market.MyGrants(v.ctx, v.Actor)
	return show("account", p), err
}

// changePassword ends every session, this one too, and goes on with a new one.
func (h *Handler) changePassword(v *visit) (answer, error) {
	began := time.Now()
	if err := h.limits.prove(v.User.ID); err != nil {
		return answer{}, err
	}
	in, err := h.market.ChangePassword(v.ctx, v.Actor, v.field("old"), v.field("password"), v.request.UserAgent())
	var bad souk.Invalid
	if errors.Is(err, souk.WrongPassword) {
		slowly(v.ctx, began, slowestRefusal)
		bad, err = souk.Invalid{{Field: "old", Reason: "is not your password"}}, nil
	}
	if err != nil && !errors.As(err, &bad) {
		return answer{}, err
	}
	if bad != nil {
		a, err := h.showAccount(v, accountPage{Password: v.entries(bad)})
		a.status = http.StatusUnprocessableEntity
		return a, err
	}
	v.keep(h.sessionCookie(in.Secret))
	return done(accountPath, "password-changed"), nil
}

// mintToken makes an API token. The page that answers shows its secret, and no
// other ever does.
func (h *Handler) mintToken(v *visit) (answer, error) {
	days, err := strconv.Atoi(v.field("days"))
	if err != nil || !slices.Contains(lives, days) {
		return answer{}, &failure{problem: malformedForm}
	}
	made, err := h.market.MintToken(v.ctx, v.Actor, market.Minting{
		Kind: souk.TokenKind(v.field("kind")), Description: v.field("description"), Life: time.Duration(days) * 24 * time.Hour,
	})
	var bad souk.Invalid
	switch {
	case errors.As(err, &bad):
		a, err := h.showAccount(v, accountPage{Token: v.entries(bad)})
		a.status = http.StatusUnprocessableEntity
		return a, err
	case err != nil:
		return answer{}, err
	}
	a, err := h.showAccount(v, accountPage{Minted: &made})
	a.status = http.StatusCreated
	return a, err
}

func (h *Handler) revokeToken(v *visit) (answer, error) {
	return done(accountPath, "token-revoked"), h.market.RevokeToken(v.ctx, v.Actor, v.id("token"))
}

func (h *Handler) endSession(v *visit) (answer, error) {
	return done(accountPath, "session-ended"), h.market.RevokeToken(v.ctx, v.Actor, v.id("token"))
}

func (h *Handler) revokeGrant(v *visit) (answer, error) {
	return done(accountPath, "grant-revoked"), h.market.RevokeGrant(v.ctx, v.Actor, v.id("grant"))
}
