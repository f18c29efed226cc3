package console

import (
	"errors"
	"net/http"

	"souk"
	"souk/market"
)

// cookieName is what the session's cookie is called. Behind https the name
// makes browsers refuse one that another host, or a page without TLS, has set.
func (h *Handler) cookieName() string {
	if h.secure {
		return "__Host-souk_session"
	}
	return "souk_session"
}

// session is the secret that a request comes with. Two cookies of the name were
// not both set by us, so they are none.
func (h *Handler) session(r *http.Request) (secret string, ok bool) {
	cookies := r.CookiesNamed(h.cookieName())
	if len(cookies) != 1 || cookies[0].Value == "" {
		return "", false
	}
	return cookies[0].Value, true
}

// cookie hands a session to a browser; no secret takes it back.
func (h *Handler) cookie(secret string) *http.Cookie {
	c := &http.Cookie{
		Name: h.cookieName(), Value: secret, Path: "/", MaxAge: int(market.SessionLife.Seconds()),
		Secure: h.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if secret == "" {
		c.MaxAge = -1
	}
	return c
}

// enter goes on with somebody who has proved who they are: by asking which of
// their accounts they mean, or with the session that began. The session that the
// browser came with ends, whosever it was.
func (h *Handler) enter(v *visit, in market.SignedIn, next string) (answer, error) {
	if len(in.Choices) > 0 {
		return goingOn(show("choose", choosePage{Accounts: in.Choices, Ticket: in.Ticket, Next: next}), next), nil
	}
	if err := h.leave(v); err != nil {
		return answer{}, err
	}
	a := see(next)
	a.cookie = h.cookie(in.Secret)
	return a, nil
}

// leave ends the session that the browser came with, if it did.
func (h *Handler) leave(v *visit) error {
	if v.stranger() {
		return nil
	}
	err := h.market.SignOut(v.ctx, v.Actor)
	if errors.Is(err, souk.UnknownToken) { // it ended a moment ago
		return nil
	}
	return err
}
