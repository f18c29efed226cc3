package giosg

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"

	"souk/web"
)

// route is one thing that can be asked of one address. What stands in braces in
// its path is an id.
type route struct {
	method, path string
	run          func(*Handler, *call) (answer, error)
	guard        guard
}

// guard is who may call a route at all (docs/dialects/giosg.md, "Precedence").
type guard string

const (
	anybody      guard = "anybody"                               // no token is looked at
	somebody     guard = "whoever has a token"                   //
	homeSettings guard = "who holds settings at home"            // with a subscription there, as all below
	orgMember    guard = "who belongs to the org of the address" //
	orgSettings  guard = "who holds settings at that org"        //

	// Of routes that make one read of the market, which asks the same before
	// anything else: it is not asked twice.
	homeRead guard = "who may read with settings at home"
	orgRead  guard = "who may read with settings at that org"
)

// routes are all there are.
var routes = slices.Concat(
	appRoutes, installationRoutes, webhookRoutes, logRoutes,
	partnerRoutes, shareRoutes, orgRoutes, assetRoutes,
	[]route{{"GET", "/users/me", (*Handler).me, somebody}},
)

// name is how the access log calls r.
func (r route) name() string { return r.method + " " + r.path }

// resource is what one address offers; nil for an address that the API does not
// have. The guard of its first route holds for the methods that it lacks.
type resource []route

// resourcesOf sorts routes by their paths.
func resourcesOf(table []route) map[string]resource {
	found := map[string]resource{}
	for _, r := range table {
		found[r.path] = append(found[r.path], r)
	}
	return found
}

// find is the route of a method; HEAD is a GET whose body nobody reads.
func (res resource) find(method string) (r route, ok bool) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	i := slices.IndexFunc(res, func(r route) bool { return r.method == method })
	if i < 0 {
		return route{path: res[0].path, method: method, guard: res[0].guard}, false
	}
	return res[i], true
}

// allow is the value of the header of that name.
func (res resource) allow() string {
	var methods []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead} {
		if _, ok := res.find(m); ok {
			methods = append(methods, m)
		}
	}
	return strings.Join(append(methods, http.MethodOptions), ", ")
}

// answer is what a route says when it did what was asked.
type answer struct {
	status int
	body   any // nil: there is nothing to say
}

// shown, created and noContent are the answers of most routes.
func shown(body any) answer   { return answer{http.StatusOK, body} }
func created(body any) answer { return answer{http.StatusCreated, body} }

var noContent = answer{status: http.StatusNoContent}

// serve answers everything that is sent to one address.
func (h *Handler) serve(res resource) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		web.Note(r.Context(), "face", face)
		header := w.Header()
		header.Set("Vary", "Accept")
		header.Set("Cache-Control", "no-store")
		header.Set("X-Content-Type-Options", "nosniff")
		a, err := h.answer(w, r, res)
		if err == nil {
			err = h.send(w, r, a)
		}
		if err != nil {
			h.refuse(w, r, err)
		}
	})
}

// answer goes through the checks that every call passes; the first that fails is
// the answer (docs/dialects/giosg.md, "Precedence"). What the address names
// within its org, and the body, are for the route to look at, in this order.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, res resource) (a answer, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("panic: %v\n%s", fault, debug.Stack())
		}
	}()
	if web.Draining(r.Context()) {
		return a, unavailable
	}
	if res == nil {
		return a, notFound
	}
	route, has := res.find(r.Method)
	web.Note(r.Context(), "call", route.name())
	c, err := newCall(w, r, route)
	if err != nil {
		return a, err
	}
	if err := h.admit(c); err != nil {
		return a, err
	}
	if !has {
		w.Header().Set("Allow", res.allow())
		if r.Method != http.MethodOptions {
			return a, refusal(http.StatusMethodNotAllowed, fmt.Sprintf(methodNotAllowed, clipped(r.Method)))
		}
		return noContent, nil
	}
	return route.run(h, c)
}

// send spells and sends a. An error means that nothing was sent yet.
func (h *Handler) send(w http.ResponseWriter, r *http.Request, a answer) error {
	if a.body == nil {
		w.WriteHeader(a.status)
		return nil
	}
	body, err := marshal(a.body)
	if err != nil {
		return fmt.Errorf("spell an answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	if _, err := w.Write(body); err != nil && !errors.Is(err, http.ErrBodyNotAllowed) { // HEAD
		h.log.InfoContext(r.Context(), "giosg answer was not taken", "err", err)
	}
	return nil
}

// marshal spells v without escapes that only HTML needs.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
