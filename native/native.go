// Package native is Souk's own API under /souk/v1, for the operator, for host
// products and for people's own programs: JSON in, JSON and RFC 9457 problems
// out, and events signed per Standard Webhooks.
//
// A request is routed (routes.go), its caller found and its input read strictly
// (call.go, query.go, body.go), told to one verb of the market and spelled
// (objects.go). The market's refusals become problems in one table
// (problems.go). An event of the market becomes the body and the signature that
// a webhook gets (events.go, signature.go).
//
// openapi.yaml beside this file is the contract, published at
// /souk/v1/openapi.yaml; docs/dialects/native.md tells the why.
package native

import (
	_ "embed"
	"log/slog"
	"net/http"

	"souk/market"
	"souk/web"
)

// face is how the audit log and the access log name this package.
const face = "native"

// prefix is where the API lives.
const prefix = "/souk/v1"

//go:embed openapi.yaml
var document []byte

// Handler answers the API.
type Handler struct {
	market   *market.Market
	log      *slog.Logger
	failures *web.AddressLimiter
}

// New makes a handler that calls m. failures limits how often one address may
// come with a token that does not answer; nil limits nothing.
func New(m *market.Market, log *slog.Logger, failures *web.AddressLimiter) *Handler {
	return &Handler{market: m, log: slog.New(web.WithRequestID(log.Handler())), failures: failures}
}

// Routes puts every address of the API, and the answer for those that it does
// not have, into mux.
func (h *Handler) Routes(mux *http.ServeMux) {
	resources := map[string]resource{}
	for _, o := range operations {
		if resources[o.path] == nil {
			resources[o.path] = resource{}
		}
		resources[o.path][o.method] = o
	}
	for path, r := range resources {
		mux.Handle(prefix+path, h.serve(r))
	}
	mux.Handle(prefix+"/", h.serve(nil))
}

// openapi publishes the contract.
func (h *Handler) openapi(c *call) (answer, error) {
	return answer{status: http.StatusOK, contentType: "application/yaml", raw: document}, c.valid()
}
