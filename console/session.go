package console

import (
	"net/http"
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
