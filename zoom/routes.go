package zoom

import (
	"net/http"
	"slices"
	"strings"

	"souk"
)

// route is one thing that can be asked of one address. What stands in braces in
// its path is a path value.
type route struct {
	method, path string
	scopes       []string // any one of them lets a token in; none: whoever has a token
	weight       weight
	serve        func(*call) (answer, error)

	open     bool                     // no bearer token is looked at, and nothing is counted
	refusals map[souk.Refusal]refusal // that it spells otherwise than the table
}

// routes are all there are. Each file has those that it serves.
var routes = slices.Concat(
	appRoutes,
	requestRoutes,
	preApproveRoutes,
	userRoutes,
	secretRoutes,
	logRoutes,
	callRoutes,
	entitlementRoutes,
	subscriptionRoutes,
	manifestRoutes,
	ownedRoutes,
)

// name is how the access log calls r.
func (r route) name() string { return r.method + " " + r.path }

// resource is what one address offers; nil for an address that the API does not
// have.
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
		return route{}, false
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
	return strings.Join(methods, ", ")
}

// answer is what a route says when it did what was asked.
type answer struct {
	status int
	body   any // nil: there is nothing to say
}

// shown and created are the answers of most routes, and so is noContent.
func shown(body any) answer   { return answer{http.StatusOK, body} }
func created(body any) answer { return answer{http.StatusCreated, body} }

var noContent = answer{status: http.StatusNoContent}
