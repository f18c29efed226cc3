package native

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"

	"souk"
	"souk/market"
	"souk/web"
)

// operation is one thing that can be asked of one address.
type operation struct {
	method, path string
	run          func(*Handler, *call) (answer, error)
	tokens       []souk.TokenKind // that may ask; none: anybody, without a token
}

// The tokens that the API takes. An app's own token looks after that app's
// webhooks, the calls of its trigger URL and the tokens of its app users, and
// does nothing else.
var (
	operator = []souk.TokenKind{souk.PlatformToken}
	persons  = []souk.TokenKind{souk.PersonToken, souk.PlatformToken}
	apps     = []souk.TokenKind{souk.PersonToken, souk.PlatformToken, souk.AppToken}
)

// operations are all there are.
var operations = []operation{
	{"GET", "/openapi.yaml", (*Handler).openapi, nil},
	{"GET", "/me", (*Handler).me, apps},

	{"POST", "/orgs/{org}/requests", (*Handler).fileRequest, persons},
	{"GET", "/orgs/{org}/requests", (*Handler).listRequests, persons},
	{"GET", "/requests/{request}", (*Handler).readRequest, persons},
	{"POST", "/requests/{request}/cancel", (*Handler).cancelRequest, persons},
	{"POST", "/requests/{request}/approve", decideRequest((*market.Market).Approve, bounded), persons},
	{"POST", "/requests/{request}/restrict", decideRequest((*market.Market).Restrict, standing), persons},
	{"POST", "/requests/{request}/decline", decideRequest((*market.Market).Decline, passing), persons},

	{"GET", "/orgs/{org}/apps/{app}/explanation", (*Handler).explain, persons},
	{"POST", "/orgs/{org}/apps/{app}/approve", decideApp((*market.Market).Approve, boundedFor), persons},
	{"POST", "/orgs/{org}/apps/{app}/restrict", decideApp((*market.Market).Restrict, standingFor), persons},
	{"POST", "/orgs/{org}/apps/{app}/decline", decideApp((*market.Market).Decline, passingFor), persons},
	{"POST", "/orgs/{org}/apps/{app}/clear", (*Handler).clear, persons},
	{"POST", "/orgs/{org}/apps/{app}/decline-all", (*Handler).declineAll, persons},
	{"POST", "/orgs/{org}/apps/{app}/requests", (*Handler).requestForMany, persons},
	{"POST", "/orgs/{org}/apps/{app}/requests/cancel", (*Handler).cancelRequests, persons},
	{"POST", "/orgs/{org}/apps/{app}/users/{user}/disable", forUser((*market.Market).DisableForUser), persons},
	{"POST", "/orgs/{org}/apps/{app}/users/{user}/enable", forUser((*market.Market).EnableForUser), persons},
	{"GET", "/orgs/{org}/resolutions", (*Handler).listResolutions, persons},

	{"POST", "/orgs/{org}/installations", (*Handler).install, persons},
	{"GET", "/orgs/{org}/installations", (*Handler).listInstallations, persons},
	{"GET", "/orgs/{org}/apps/{app}/installation", (*Handler).readInstallation, persons},
	{"DELETE", "/orgs/{org}/apps/{app}/installation", (*Handler).uninstall, persons},
	{"PUT", "/orgs/{org}/apps/{app}/installation/workspaces", (*Handler).setWorkspaces, persons},
	{"POST", "/orgs/{org}/installations/{installation}/resume", (*Handler).resume, persons},
	{"GET", "/orgs/{org}/installations/{installation}/tokens", listTokens((*market.Market).TokensAt, (*call).org), persons},
	{"DELETE", "/orgs/{org}/installations/{installation}/tokens/{token}", revokeToken((*market.Market).TokensAt, (*call).org), persons},
	{"GET", "/orgs/{org}/users/{user}/permissions", (*Handler).readPermissions, persons},
	{"PUT", "/orgs/{org}/users/{user}/permissions", (*Handler).setPermissions, persons},

	{"GET", "/apps/{app}/installations", (*Handler).listProvided, apps},
	{"GET", "/apps/{app}/installations/{installation}/tokens", listTokens((*market.Market).AppUserTokens, (*call).app), apps},
	{"POST", "/apps/{app}/installations/{installation}/tokens", (*Handler).mintToken, apps},
	{"POST", "/apps/{app}/installations/{installation}/tokens/{token}/rotate", (*Handler).rotateToken, apps},
	{"DELETE", "/apps/{app}/installations/{installation}/tokens/{token}", revokeToken((*market.Market).AppUserTokens, (*call).app), apps},

	{"POST", publishing, (*Handler).publish, operator},
	{"POST", "/triggers", (*Handler).trigger, operator},
	{"GET", "/apps", (*Handler).listApps, operator},
	{"GET", "/apps/{app}/listing", (*Handler).readListing, operator},
	{"PUT", "/apps/{app}/listing", (*Handler).setListing, operator},
	{"GET", "/orgs/{org}/entitlements", (*Handler).readEntitlements, operator},
	{"PUT", "/orgs/{org}/entitlements", (*Handler).setEntitlements, operator},

	{"POST", "/apps/{app}/webhooks", (*Handler).createWebhook, apps},
	{"GET", "/apps/{app}/webhooks", (*Handler).listWebhooks, apps},
	{"GET", "/apps/{app}/webhooks/{webhook}", (*Handler).readWebhook, apps},
	{"PUT", "/apps/{app}/webhooks/{webhook}", (*Handler).changeWebhook, apps},
	{"DELETE", "/apps/{app}/webhooks/{webhook}", (*Handler).deleteWebhook, apps},
	{"POST", "/apps/{app}/webhooks/{webhook}/verify", (*Handler).verifyWebhook, apps},
	{"POST", "/apps/{app}/webhooks/{webhook}/enable", (*Handler).enableWebhook, apps},
	{"POST", "/apps/{app}/webhooks/{webhook}/test", (*Handler).testWebhook, apps},
	{"POST", "/apps/{app}/webhooks/{webhook}/rotate-secret", (*Handler).rotateSecret, apps},
	{"GET", "/apps/{app}/webhooks/{webhook}/deliveries", (*Handler).listDeliveries, apps},
	{"GET", "/apps/{app}/webhooks/{webhook}/deliveries/{delivery}/attempts", (*Handler).listAttempts, apps},
	{"POST", "/apps/{app}/webhooks/{webhook}/deliveries/{delivery}/redeliver", (*Handler).redeliver, apps},
	{"POST", "/apps/{app}/webhooks/{webhook}/replays", (*Handler).startReplay, apps},
	{"GET", "/apps/{app}/webhooks/{webhook}/replays", (*Handler).listReplays, apps},
	{"GET", "/apps/{app}/webhooks/{webhook}/replays/{replay}", (*Handler).readReplay, apps},
	{"DELETE", "/apps/{app}/webhooks/{webhook}/replays/{replay}", (*Handler).cancelReplay, apps},
	{"GET", "/apps/{app}/delivery-counts", (*Handler).countDeliveries, apps},
	{"GET", "/apps/{app}/trigger/deliveries", (*Handler).listTriggerCalls, apps},
	{"GET", "/apps/{app}/trigger/deliveries/{delivery}/attempts", (*Handler).listTriggerAttempts, apps},
}

// publishing is where a host product says what happened, much at once.
const publishing = "/channels"

// name is how the access log calls o.
func (o operation) name() string { return o.method + " " + o.path }

// takesBody reports whether o reads a body.
func (o operation) takesBody() bool { return o.method == http.MethodPost || o.method == http.MethodPut }

// limit is how large the body of o may be, in bytes.
func (o operation) limit() int64 {
	if o.path == publishing {
		return maxBatch
	}
	return maxBody
}

// resource is what one address offers, by method; nil for an address that the
// API does not have.
type resource map[string]operation

// allow is the value of the header of that name.
func (r resource) allow() string {
	methods := []string{http.MethodOptions}
	for m := range maps.Keys(r) {
		methods = append(methods, m)
		if m == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

// answer is what an operation says when it did what was asked.
type answer struct {
	status      int // 204 when there is nothing to say
	body        any // spelled as JSON
	location    string
	contentType string // of raw
	raw         []byte
}

// serve answers everything that is sent to one address.
func (h *Handler) serve(res resource) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		web.Note(r.Context(), "face", face)
		header := w.Header()
		header.Set("Cache-Control", "no-store")
		header.Set("X-Content-Type-Options", "nosniff")
		a, err := h.answer(w, r, res)
		if err == nil {
			err = h.write(w, r, a)
		}
		if err != nil {
			h.refuse(w, r, err)
		}
	})
}

// answer routes by method, checks the call and runs it.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, res resource) (a answer, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("panic: %v\n%s", fault, debug.Stack())
		}
	}()
	if res == nil {
		return a, &failure{problem: unknownRoute}
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	o, ok := res[method]
	switch {
	case ok:
	case method == http.MethodOptions:
		w.Header().Set("Allow", res.allow())
		return answer{status: http.StatusNoContent}, nil
	default:
		w.Header().Set("Allow", res.allow())
		return a, &failure{problem: wrongMethod}
	}
	web.Note(r.Context(), "call", o.name())
	c, err := h.newCall(w, r, o)
	if err != nil {
		return a, err
	}
	return o.run(h, c)
}

// write sends a. An error means that nothing was sent yet.
func (h *Handler) write(w http.ResponseWriter, r *http.Request, a answer) error {
	body := a.raw
	contentType := a.contentType
	if a.body != nil {
		var err error
		if body, err = marshal(a.body); err != nil {
			return fmt.Errorf("spell an answer: %w", err)
		}
		contentType = "application/json"
	}
	if a.location != "" {
		w.Header().Set("Location", a.location)
	}
	h.send(w, r, a.status, contentType, body)
	return nil
}

func (h *Handler) send(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
	if contentType != "" {
		w.Header().Set("Content-Type", contentType)
	}
	w.WriteHeader(status)
	if len(body) == 0 {
		return
	}
	if _, err := w.Write(body); err != nil && !errors.Is(err, http.ErrBodyNotAllowed) { // HEAD
		h.log.InfoContext(r.Context(), "native answer was not taken", "err", err)
	}
}

// marshal spells v with a newline at its end and without escapes that only
// HTML needs.
func marshal(v any) ([]byte, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return []byte(b.String()), err
}
