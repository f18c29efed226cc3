package console

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"souk"
	"souk/market"
	"souk/web"
)

// maxForm is how large a form may be, in bytes.
const maxForm = 64 << 10

// visit is one request for a page. Caller is zero for a stranger.
type visit struct {
	market.Caller
	ctx     context.Context
	request *http.Request
	route   route
	text    *text
	form    url.Values // of a POST: fields that the route names, and no others
	ids     map[string]souk.ID
	cookies []*http.Cookie // that the browser is to keep, or to drop, whatever the answer
}

// looks reports whether the visitor asks for a page, and does nothing by it.
func (v *visit) looks() bool {
	return v.request.Method == http.MethodGet || v.request.Method == http.MethodHead
}

// stranger reports whether nobody is signed in.
func (v *visit) stranger() bool { return v.Kind != souk.ConsoleSession }

// keep has the browser keep cookies, or drop those that have ended.
func (v *visit) keep(cookies ...*http.Cookie) { v.cookies = append(v.cookies, cookies...) }

// identify finds the visitor by the session's cookie. Whoever comes with a
// cookie that is no session, or no longer one, is a stranger.
func (h *Handler) identify(v *visit) error {
	secret, ok := h.session(v.request)
	if !ok {
		return nil
	}
	caller, err := h.market.Authenticate(v.ctx, secret, face, web.ClientAddress(v.ctx))
	var dead souk.Dead
	switch {
	case errors.Is(err, souk.UnknownToken), errors.As(err, &dead):
		return nil
	case err != nil:
		return err
	case caller.Kind != souk.ConsoleSession: // no other token opens a page
		return nil
	}
	v.Caller = caller
	web.Note(v.ctx, "token", v.Actor.Token.String())
	web.Note(v.ctx, "user", v.Actor.User.String())
	return nil
}

// nouns are the ids that addresses of pages have, with what is said of one that
// names nothing.
var nouns = map[string]souk.Refusal{
	"org":          souk.UnknownOrg,
	"app":          souk.UnknownApp,
	"installation": souk.UnknownInstallation,
	"token":        souk.UnknownToken,
	"grant":        souk.UnknownGrant,
}

// readPath reads the ids of the address.
func (v *visit) readPath() error {
	v.ids = map[string]souk.ID{}
	for part := range strings.SplitSeq(v.route.path, "/") {
		name, ok := strings.CutPrefix(part, "{")
		if !ok {
			continue
		}
		name = strings.TrimSuffix(name, "}")
		id, err := souk.ParseID(v.request.PathValue(name))
		if err != nil {
			return nouns[name]
		}
		v.ids[name] = id
	}
	return nil
}

// id is the id that the address has at name.
func (v *visit) id(name string) souk.ID { return v.ids[name] }

// query is the value of a parameter of the address; none and empty are alike.
func (v *visit) query(name string) string { return v.request.URL.Query().Get(name) }

// field is the value of a field of the form; none and empty are alike.
func (v *visit) field(name string) string { return v.form.Get(name) }

// list are the values of a field that may come more than once.
func (v *visit) list(name string) []string { return v.form[name] }

// readForm reads a form that has no other fields than the route says, each of
// them once where it does not say otherwise. Browsers send nothing else from our
// pages.
func (v *visit) readForm(w http.ResponseWriter) error {
	body, err := web.ReadBody(w, v.request, maxForm)
	switch {
	case errors.Is(err, web.ErrBodyTooLarge):
		return &failure{problem: oversizedForm}
	case errors.Is(err, web.ErrBusy):
		return &failure{problem: unavailable, wait: outage}
	case err != nil: // too slow, or broken off
		return &failure{problem: incompleteForm}
	}
	kind, _, err := mime.ParseMediaType(v.request.Header.Get("Content-Type"))
	if len(body) > 0 && (err != nil || kind != "application/x-www-form-urlencoded") {
		return &failure{problem: malformedForm}
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return &failure{problem: malformedForm}
	}
	known := strings.Fields(v.route.fields)
	for name, values := range form {
		many := slices.Contains(known, name+"*")
		if !many && (!slices.Contains(known, name) || len(values) > 1) || slices.ContainsFunc(values, unspeakable) {
			return &failure{problem: malformedForm}
		}
	}
	v.form = form
	return nil
}

// unspeakable reports whether s holds what databases do not keep.
func unspeakable(s string) bool { return !utf8.ValidString(s) || strings.ContainsRune(s, 0) }
