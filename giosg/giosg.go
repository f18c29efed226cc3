// Package giosg answers version 5 of giosg's Apps API under /api/v5 and sends
// its webhook notifications, so that programs written for giosg's app platform
// run against Souk with one changed address.
//
// A request is routed and its caller found, admitted and counted (routes.go,
// auth.go, limits.go), its attributes or its page are read (fields.go, page.go),
// it is told to one verb of the market and the answer spelled (objects.go and
// the file of each resource). The market's refusals become answers in one table
// (refusals.go). Beside the API, codes and what sites know of people are traded
// for tokens in OAuth's manner (oauth.go, identity.go, sso.go). A notification gets its signature, and its token, when it is
// sent (notify.go, tokens.go), and so does a trigger (trigger.go).
//
// docs/dialects/giosg.md tells all that is answered, and why.
package giosg

import (
	"log/slog"
	"net/http"

	"souk/market"
	"souk/web"
)

// face is how the audit log and the access log name this package.
const face = "giosg"

// prefix is where the API lives.
const prefix = "/api/v5"

// Handler answers the API.
type Handler struct {
	market *market.Market
	log    *slog.Logger
	site   site
	signer signer
	limits *limiter
}

// New makes a handler that calls m. baseURL is Souk's public address, from which
// the addresses in answers are made; calls beyond limits are refused.
func New(m *market.Market, log *slog.Logger, baseURL string, limits Limits) *Handler {
	return &Handler{
		market: m,
		log:    slog.New(web.WithRequestID(log.Handler())),
		site:   siteAt(baseURL),
		signer: signer{m.Key, siteAt(baseURL)},
		limits: newLimiter(limits),
	}
}

// Routes puts every address of the API, the answer for those that it does not
// have, the images that it names, and where programs trade proofs for tokens
// into mux.
func (h *Handler) Routes(mux *http.ServeMux) { h.mount(mux, routes) }

func (h *Handler) mount(mux *http.ServeMux, table []route) {
	for path, r := range resourcesOf(table) {
		mux.Handle(prefix+path, h.serve(r))
	}
	mux.HandleFunc("/assets/{file}", h.serveAsset)
	h.mountIdentity(mux)
	mux.Handle(prefix, h.serve(nil))
	mux.Handle(prefix+"/", h.serve(nil))
}
