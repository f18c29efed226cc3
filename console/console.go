// Package console is the marketplace's pages for people: they sign in, install
// apps and look after what they let apps do. Pages are made here whole, from
// html/template; every one of them works without JavaScript.
//
// A request is routed (routes.go), its visitor found by the session's cookie and
// its form read strictly (visit.go), told to one verb of the market, and answered
// by a page or by a redirect (answer.go). The market's refusals become pages in
// one table (problems.go). What pages say is in text/, one file a language
// (text.go); how they look is in html/ and static/.
package console

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"

	"souk/market"
	"souk/web"
)

// face is how the audit log and the access log name this package.
const face = "console"

// Options are what an operator decides about the console.
type Options struct {
	// Unlimited lifts the limits on how often a client or an account may try to
	// sign in.
	Unlimited bool
	// OpenID is the provider by which people may sign in; none unless it has an
	// Issuer.
	OpenID OpenID
}

// Handler serves the console.
type Handler struct {
	market   *market.Market
	log      *slog.Logger
	base     *url.URL
	secure   bool // browsers reach us by https
	origins  *http.CrossOriginProtection
	limits   *limits
	provider *provider // nil: passwords only
	texts    texts
	pages    pages
	assets   assets
	routes   map[string]resource // by path
}

// New makes a console that calls m. base is the address at which browsers reach
// it, such as https://souk.example, without a slash at its end: cookies are for
// https alone when it is, and forms of no other origin are taken.
func New(m *market.Market, log *slog.Logger, base string, o Options) *Handler {
	at, err := url.Parse(base)
	if err != nil {
		panic(fmt.Sprintf("console: base address: %v", err))
	}
	h := &Handler{
		market: m, log: slog.New(web.WithRequestID(log.Handler())),
		base: at, secure: at.Scheme == "https",
		origins: http.NewCrossOriginProtection(),
		texts:   loadTexts(), assets: loadAssets(), routes: map[string]resource{},
	}
	// A proxy may ask us by another host name than browsers ask it.
	if err := h.origins.AddTrustedOrigin(at.Scheme + "://" + at.Host); err != nil {
		panic(fmt.Sprintf("console: base address: %v", err))
	}
	h.provider = newProvider(o.OpenID, base+backPath)
	if !o.Unlimited {
		h.limits = newLimits()
	}
	h.pages = loadPages(h.texts, h.assets)
	for _, r := range routes {
		if h.routes[r.path] == nil {
			h.routes[r.path] = resource{}
		}
		h.routes[r.path][r.method] = r
	}
	return h
}

// Routes puts every page, and the one for pages that there are none of, into
// mux.
func (h *Handler) Routes(mux *http.ServeMux) {
	for path, r := range h.routes {
		mux.Handle(path, h.serve(r))
	}
	for _, below := range []string{"/console/", "/apps/", "/identity/"} {
		mux.Handle(below, h.serve(nil))
	}
	mux.Handle(staticPath+"{file}", h.static())
	mux.Handle("/{$}", h.serve(resource{http.MethodGet: {http.MethodGet, "/", anybody, (*Handler).begin, ""}}))
}
