package console

import (
	"errors"
	"net/http"

	"souk"
	"souk/market"
)

const sessionCookieName = "souk_session"

// session is the secret that a request comes with.
func (h *Handler) session(r *http.Request) (secret string, ok bool) {
	return h.cookieOf(r, sessionCookieName)
}

// sessionCookie hands a session to a browser; no secret takes it back.
func (h *Handler) sessionCookie(secret string) *http.Cookie {
	return h.cookie(sessionCookieName, secret, market.SessionLife)
}

// enter goes on with somebody who has proved who they are: by asking which of
// their accounts they mean, or with the session that began. The session that the
// browser came with ends, whosever it was.
func (h *Handler) enter(v *visit, in market.SignedIn, next string) (answer, error) {
	if len(in.Choices) > 0 {
		return h.goingOn(v, show("choose", choosePage{Accounts: in.Choices, Ticket: in.Ticket, Next: next}), next)
	}
	if err := h.leave(v); err != nil {
		return answer{}, err
	}
	known, err := h.knownCookie(in.User.Email)
	if err != nil {
		return answer{}, err
	}
	v.keep(h.sessionCookie(in.Secret), known)
	return see(next), nil
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
