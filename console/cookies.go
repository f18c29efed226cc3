package console

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"
)

// cookieName is what a cookie of ours is called. Behind https the name makes
// browsers refuse one that another host, or a page without TLS, has set.
func (h *Handler) cookieName(name string) string {
	if h.secure {
		return "__Host-" + name
	}
	return name
}

// cookie hands something to a browser for a time; an empty value takes it back.
func (h *Handler) cookie(name, value string, life time.Duration) *http.Cookie {
	c := &http.Cookie{
		Name: h.cookieName(name), Value: value, Path: "/", MaxAge: int(life.Seconds()),
		Secure: h.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

// cookieOf is what a request brings back. Two cookies of the name were not both
// set by us, so they are none.
func (h *Handler) cookieOf(r *http.Request, name string) (value string, ok bool) {
	cookies := r.CookiesNamed(h.cookieName(name))
	if len(cookies) != 1 || cookies[0].Value == "" {
		return "", false
	}
	return cookies[0].Value, true
}

// seal makes a note to ourselves of v, that a browser carries and cannot read or
// change. It opens as what it is a note of, and as nothing else.
func (h *Handler) seal(of string, v any) (string, error) {
	text, err := json.Marshal(v)
	return base64.RawURLEncoding.EncodeToString(h.market.Key.Seal(string(text), of)), err
}

// unseal reads such a note into v; false when it is none of ours.
func (h *Handler) unseal(of, note string, v any) bool {
	sealed, err := base64.RawURLEncoding.DecodeString(note)
	if err != nil || len(sealed) == 0 {
		return false
	}
	text, err := h.market.Key.Open(sealed, of)
	return err == nil && json.Unmarshal([]byte(text), v) == nil
}
