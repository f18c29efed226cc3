package console

import (
	"net/http"
	"time"

	"souk"
)

// known is a browser that signed in to an account. It remembers so in a sealed
// cookie, whatever becomes of the session.
type known struct {
	Account account
	ID      souk.ID // of the browser: another one each time, so that no two share their tries
}

const (
	knownCookieName = "souk_known"
	knownLife       = 365 * 24 * time.Hour
	knownSeal       = "console:known browser" // no other sealed text opens as one
)

// knownCookie has a browser remember that it signed in to an account.
func (h *Handler) knownCookie(email string) (*http.Cookie, error) {
	sealed, err := h.seal(knownSeal, known{accountOf(email), souk.NewID()})
	return h.cookie(knownCookieName, sealed, knownLife), err
}

// knownOf is what a browser remembers; nothing, for most.
func (h *Handler) knownOf(r *http.Request) (k known) {
	if sealed, ok := h.cookieOf(r, knownCookieName); ok && !h.unseal(knownSeal, sealed, &k) {
		return known{}
	}
	return k
}
