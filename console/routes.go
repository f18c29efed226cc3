package console

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"

	"souk/web"
)

// guard says who may see a page. Strangers are sent to sign in first.
type guard int

const (
	anybody guard = iota
	signedIn
	operators // of the platform
)

// route is one thing that can be done at one address.
type route struct {
	method, path string
	guard        guard
	run          func(*Handler, *visit) (answer, error)
	fields       string // of the form, by name; a name with * may come more than once
}

// routes are all there are. A GET shows, a POST does one thing. Every POST is
// refused to pages of other sites, whoever may see it.
var routes = []route{
	{"GET", "/console", signedIn, (*Handler).home, ""},

	{"GET", "/console/welcome", anybody, (*Handler).welcomePage, ""},
	{"POST", "/console/welcome", anybody, (*Handler).welcome, "code organization first_name last_name email password"},
	{"GET", "/console/signin", anybody, (*Handler).signInPage, ""},
	{"POST", "/console/signin", anybody, (*Handler).signIn, "email password next again"},
	{"GET", "/console/signin/oidc", anybody, (*Handler).goToProvider, ""},
	{"GET", backPath, anybody, (*Handler).backFromProvider, ""},
	{"POST", "/console/signin/choose", anybody, (*Handler).choose, "ticket user next"},
	{"POST", "/console/signout", anybody, (*Handler).signOut, ""},

	{"GET", "/console/account", signedIn, (*Handler).account, ""},
	{"POST", "/console/account/password", signedIn, (*Handler).changePassword, "old password"},
	{"POST", "/console/account/tokens", signedIn, (*Handler).mintToken, "kind description days"},
	{"POST", "/console/account/tokens/{token}/revoke", signedIn, (*Handler).revokeToken, ""},
	{"POST", "/console/account/sessions/{token}/end", signedIn, (*Handler).endSession, ""},
	{"POST", "/console/account/grants/{grant}/revoke", signedIn, (*Handler).revokeGrant, ""},

	{"GET", "/apps/{app}/install", signedIn, (*Handler).installPage, ""},
	{"POST", "/apps/{app}/install", signedIn, (*Handler).install, "offer scopes first_name last_name alias reason terms"},
	{"GET", "/apps/{app}" + comebackPath, signedIn, (*Handler).returned, ""},

	{"GET", authorizePath, anybody, (*Handler).authorize, ""},
	{"POST", authorizePath, anybody, (*Handler).decide, "decision scopes"},

	{"GET", "/console/orgs/{org}/apps", signedIn, (*Handler).installedApps, ""},
	{"GET", "/console/orgs/{org}/open/{app}", signedIn, (*Handler).openApp, ""},
	{"GET", installationPath, signedIn, (*Handler).installationPage, ""},
	{"POST", installationPath + "/setup", signedIn, (*Handler).setUp, ""},
	{"POST", installationPath + "/permissions", signedIn, (*Handler).permit, "permission*"},
	{"POST", installationPath + "/tokens/{token}/revoke", signedIn, (*Handler).revokeInstalledToken, ""},
	{"GET", installationPath + "/uninstall", signedIn, (*Handler).uninstallPage, ""},
	{"POST", installationPath + "/uninstall", signedIn, (*Handler).uninstall, ""},
}

// name is how the access log calls r.
func (r route) name() string { return r.method + " " + r.path }

// resource is what one address offers, by method; nil for an address that the
// console does not have.
type resource map[string]route

// allow is the value of the header of that name.
func (r resource) allow() string {
	methods := slices.Collect(maps.Keys(r))
	if slices.Contains(methods, http.MethodGet) {
		methods = append(methods, http.MethodHead)
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

// serve answers everything that is sent to one address.
func (h *Handler) serve(res resource) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		web.Note(r.Context(), "face", face)
		h.guardHeaders(w.Header())
		v := &visit{ctx: r.Context(), request: r, text: h.texts.of(r.Header.Get("Accept-Language"))}
		a, err := h.answer(w, v, res)
		if err == nil {
			err = h.write(w, v, a)
		}
		if err != nil {
			h.refuse(w, v, err)
		}
	})
}

// answer routes by method, finds the visitor, reads the form and runs the route.
func (h *Handler) answer(w http.ResponseWriter, v *visit, res resource) (a answer, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("panic: %v\n%s", fault, debug.Stack())
		}
	}()
	method := v.request.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	// The visitor comes first, so that every page has its frame.
	if err := h.identify(v); err != nil {
		return a, err
	}
	var ok bool
	switch v.route, ok = res[method]; {
	case res == nil:
		return a, &failure{problem: unknownPage}
	case !ok:
		w.Header().Set("Allow", res.allow())
		return a, &failure{problem: wrongMethod}
	}
	web.Note(v.ctx, "call", v.route.name())
	// Safe methods pass; what a browser sends from another site does not.
	if err := h.origins.Check(v.request); err != nil {
		return a, &failure{problem: otherSite}
	}
	switch {
	case v.route.guard == anybody:
	case v.stranger():
		return h.askToSignIn(v), nil
	case v.route.guard == operators && !v.User.Operator:
		return a, &failure{problem: operatorsOnly}
	}
	if err := v.readPath(); err != nil {
		return a, err
	}
	if v.route.method == http.MethodPost {
		if err := v.readForm(w); err != nil {
			return a, err
		}
	}
	return v.route.run(h, v)
}

// askToSignIn sends a stranger to sign in and, after that, to where they wanted
// to be. What they posted is not kept: they come back to the page with the form.
func (h *Handler) askToSignIn(v *visit) answer {
	next := h.pageOf(v)
	if v.request.URL.RawQuery != "" && next == v.request.URL.EscapedPath() {
		next += "?" + v.request.URL.RawQuery
	}
	return see("/console/signin?" + url.Values{"next": {next}}.Encode())
}

// pageOf is the path of the page that a request was sent from: its own when
// that can be shown, else that of the nearest page above it.
func (h *Handler) pageOf(v *visit) string {
	pattern, at := v.route.path, v.request.URL.EscapedPath()
	for pattern != "" {
		if _, ok := h.routes[pattern][http.MethodGet]; ok {
			return at
		}
		pattern, at = pattern[:strings.LastIndexByte(pattern, '/')], at[:strings.LastIndexByte(at, '/')]
	}
	return "/console"
}
