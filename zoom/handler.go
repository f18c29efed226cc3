package zoom

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"

	"souk"
	"souk/market"
	"souk/web"
)

// Handler answers the REST API and the addresses of OAuth.
type Handler struct {
	market  *market.Market
	log     *slog.Logger
	base    string
	limiter *limiter

	patterns []string // of the addresses of the API
	calls    *callLog
}

// New makes a handler that calls m. base is Souk's public address without a
// slash at its end; calls beyond limits are refused.
func New(m *market.Market, log *slog.Logger, base string, limits Limits) *Handler {
	return &Handler{
		market:  m,
		log:     slog.New(web.WithRequestID(log.Handler())),
		base:    strings.TrimRight(base, "/"),
		limiter: newLimiter(limits),

		patterns: slices.Sorted(maps.Keys(resourcesOf(routes))),
		calls:    newCallLog(),
	}
}

// face is how the audit log and the access log name this package.
const face = "zoom"

// Routes puts the face where clients look for it (docs/dialects/zoom.md, "REST
// conventions").
func (h *Handler) Routes(mux *http.ServeMux) {
	for path, res := range resourcesOf(routes) {
		mux.Handle(path, h.serve(res))
	}
	mux.Handle("/v2/", h.serve(nil)) // nothing is there
	h.mountOAuth(mux)
}

// serve answers everything that is sent to one address.
func (h *Handler) serve(res resource) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		web.Note(r.Context(), "face", face)
		header := w.Header()
		header.Set("X-Zm-Trackingid", trackingID(r))
		header.Set("Cache-Control", "no-store")
		header.Set("X-Content-Type-Options", "nosniff")
		c := &call{ctx: r.Context(), request: r, writer: w, handler: h, market: h.market}
		a, err := h.answer(c, res)
		if err != nil {
			a = h.refuse(c, err)
		}
		h.noteCall(c, h.send(c, a))
	})
}

// trackingID names a request as Zoom's support would ask for it; it holds the id
// under which the log knows the request.
func trackingID(r *http.Request) string {
	id := web.RequestID(r.Context())
	if id == "" {
		id = souk.NewID().String()
	}
	return "v=2.0;clid=souk;rid=WEB_" + strings.ReplaceAll(id, "-", "")
}

// answer goes through the checks that every call passes; the first that fails is
// the answer (docs/dialects/zoom.md, "REST conventions").
func (h *Handler) answer(c *call, res resource) (a answer, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("panic: %v\n%s", fault, debug.Stack())
		}
	}()
	if web.Draining(c.ctx) {
		return a, unavailable
	}
	if res == nil {
		return a, noSuchEndpoint
	}
	to, has := res.find(c.request.Method)
	if !has {
		c.writer.Header().Set("Allow", res.allow())
		return a, wrongMethod
	}
	c.route = to
	web.Note(c.ctx, "call", to.name())
	if !to.open {
		if err := c.identify(); err != nil {
			return a, err
		}
		if err := h.limiter.count(c); err != nil {
			return a, err
		}
		if err := c.permitted(); err != nil {
			return a, err
		}
	}
	return to.serve(c)
}

// refuse spells why a call failed and keeps in the log what went wrong on our
// side. A caller who left is no fault.
func (h *Handler) refuse(c *call, err error) answer {
	f := c.spell(err)
	web.Note(c.ctx, "refused", f.code)
	if f.status >= http.StatusInternalServerError && !errors.Is(err, unavailable) && c.ctx.Err() == nil {
		h.log.ErrorContext(c.ctx, "zoom call failed", "call", c.route.name(), "err", err)
	}
	for name, value := range f.header {
		c.writer.Header().Set(name, value)
	}
	if f.refusal == unavailable {
		c.writer.Header().Set("Retry-After", web.RetryAfter(outage))
	}
	return answer{f.status, problem{f.code, f.message, f.errors}}
}

// problem is a failure as it is sent.
type problem struct {
	Code    int          `json:"code"`
	Message string       `json:"message"`
	Errors  []fieldError `json:"errors,omitempty"`
}

// send spells and sends a, and answers with the status that was sent.
func (h *Handler) send(c *call, a answer) (status int) {
	if a.body == nil {
		c.writer.WriteHeader(a.status)
		return a.status
	}
	body, err := marshal(a.body)
	if err != nil {
		h.log.ErrorContext(c.ctx, "zoom answer has no spelling", "err", err)
		a.status, body = http.StatusInternalServerError, []byte(`{"code":500,"message":"`+internal.message+`"}`)
	}
	c.writer.Header().Set("Content-Type", "application/json;charset=UTF-8")
	c.writer.WriteHeader(a.status)
	if _, err := c.writer.Write(body); err != nil && !errors.Is(err, http.ErrBodyNotAllowed) { // HEAD
		h.log.InfoContext(c.ctx, "zoom answer was not taken", "err", err)
	}
	return a.status
}

// marshal spells v without escapes that only HTML needs.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
