package slack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"souk"
	"souk/market"
	"souk/web"
)

// Handler answers the Web API.
type Handler struct {
	market  *market.Market
	log     *slog.Logger
	base    string
	limiter *limiter
}

// New makes a handler that calls m. base is Souk's public address without a
// slash at its end; calls beyond limits are refused.
func New(m *market.Market, log *slog.Logger, base string, limits Limits) *Handler {
	return &Handler{
		market:  m,
		log:     slog.New(web.WithRequestID(log.Handler())),
		base:    strings.TrimRight(base, "/"),
		limiter: newLimiter(limits),
	}
}

// Routes puts the face where clients look for it (docs/dialects/slack.md,
// "Addresses").
func (h *Handler) Routes(mux *http.ServeMux) {
	for _, base := range []string{"/api/", "/slack/api/"} {
		mux.Handle(base+"{method}", h)
		mux.Handle(base+"{$}", h) // no method either
	}
}

// call is one call of a method by somebody.
type call struct {
	market.Caller
	method *method
	values
}

// ServeHTTP answers the call of the method that the path value "method" names.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	web.Note(ctx, "face", face)
	w.Header().Set("X-Slack-Req-Id", web.RequestID(ctx))
	m := methods[r.PathValue("method")]
	if m != nil {
		web.Note(ctx, "call", m.name)
	}
	args, a, err := h.answer(w, r, m)
	status := http.StatusOK
	if err != nil {
		var c code
		c, err = m.spell(err)
		a, status = refused(c, err), c.status()
		web.Note(ctx, "refused", string(c))
		tellWait(w, c, err)
		h.logFault(ctx, m, c, err)
	}
	a.outer().warn(args.warnings)
	if err := write(w, status, a); err != nil {
		h.log.InfoContext(ctx, "slack answer was not taken", "err", err)
	}
}

// face is how the audit log and the access log name this package.
const face = "slack"

// answer goes through the checks that every call passes, the first that fails
// is the answer (docs/dialects/slack.md, "Order of checks"). m is nil for a
// method that there is not.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, m *method) (args arguments, a answer, err error) {
	ctx := r.Context()
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("%w: panic: %v\n%s", fatalError, fault, debug.Stack())
		}
	}()
	if r.Method != http.MethodPost && r.Method != http.MethodGet {
		w.Header().Set("Allow", "GET, POST")
		return args, nil, invalidRequest
	}
	if web.Draining(ctx) {
		return args, nil, serviceUnavailable
	}
	if m == nil {
		return args, nil, &failure{code: unknownMethod, answer: &methodAnswer{Method: r.PathValue("method")}}
	}
	if args, err = readArguments(w, r, m.takes); err != nil {
		return args, nil, err
	}
	c := &call{method: m}
	if err := h.identify(ctx, w, c, bearer(r.Header, args)); err != nil {
		return args, nil, err
	}
	if err := c.admitted(); err != nil {
		return args, nil, err
	}
	if c.values, err = args.values(); err != nil {
		return args, nil, err
	}
	a, err = m.run(h, ctx, c)
	return args, a, err
}

// bearer is the token of a call. The header wins over the body.
func bearer(header http.Header, args arguments) string {
	scheme, token, _ := strings.Cut(header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); token != "" && strings.EqualFold(scheme, "bearer") {
		return token
	}
	return args.token
}

// identify finds who calls, if the method asks for it, and counts the call.
func (h *Handler) identify(ctx context.Context, w http.ResponseWriter, c *call, token string) (err error) {
	from := web.ClientAddress(ctx)
	if c.method.kinds == nil {
		return h.limiter.call(c.method.tier, caller{method: c.method.name, address: from})
	}
	if token == "" {
		return notAuthed
	}
	c.Caller, err = h.market.Authenticate(ctx, token, face, from)
	if err == nil && !slices.Contains(slackKinds, c.Kind) {
		err = invalidAuth
	}
	if err != nil {
		if code, _ := c.method.spell(err); slices.Contains(refusedTokens, code) {
			return h.limiter.failedToken(from, err)
		}
		return err
	}
	if id := c.Actor.User; !id.IsZero() {
		web.Note(ctx, "user", id.String())
	}
	w.Header().Set("X-OAuth-Scopes", commas(c.Scopes))
	if c.method.scope != "" {
		w.Header().Set("X-Accepted-OAuth-Scopes", c.method.scope)
	}
	return h.limiter.call(c.method.tier, caller{method: c.method.name, app: c.Actor.App, org: c.Actor.Org})
}

// slackKinds are the tokens that this face knows.
var slackKinds = []souk.TokenKind{souk.UserToken, souk.BotToken, souk.AppToken, souk.RefreshToken}

// refusedTokens are what a token is told that does not answer.
var refusedTokens = []code{invalidAuth, tokenRevoked, accountInactive, tokenExpired}

// admitted checks the caller against what the method asks of them and what
// their enterprise asks of its administrators.
func (c *call) admitted() error {
	m, top := c.method, c.Top()
	if m.kinds == nil {
		return nil
	}
	if !slices.Contains(m.kinds, c.Kind) {
		return notAllowedTokenType
	}
	if !m.governs {
		return nil
	}
	if top.SecondFactor && !c.User.SecondFactor {
		return twoFactorSetupRequired
	}
	if err := moving(c.Org, c.Enterprise); err != nil {
		return err
	}
	if top.Kind != souk.Enterprise || !top.AdminAPI {
		return featureNotEnabled
	}
	if !c.Scopes.Has(m.scope) {
		return &failure{code: missingScope, answer: &scopeAnswer{Needed: m.scope, Provided: commas(c.Scopes)}}
	}
	if !m.anyLevel && c.Installation.Kind != souk.OrgWide {
		return appNotInstalledOnOrg
	}
	if !c.Standing.Decides() {
		return m.refusals.spell(souk.NotAllowed)
	}
	if !souk.Within(top.AdminNetworks, c.Address) {
		return accessLimited
	}
	return nil
}

// moving refuses calls about orgs that are on their way into an enterprise.
func moving(orgs ...souk.Org) error {
	for _, o := range orgs {
		switch o.Moving {
		case souk.Locked:
			return orgLoginRequired
		case souk.Readable:
			return teamAddedToOrg
		}
	}
	return nil
}

// logFault keeps what went wrong on our side. A caller who left is no fault.
func (h *Handler) logFault(ctx context.Context, m *method, c code, err error) {
	switch {
	case m == nil || ctx.Err() != nil:
	case c == internalError, c == fatalError, c == serviceUnavailable && !web.Draining(ctx):
		h.log.ErrorContext(ctx, "slack method failed", "call", m.name, "err", err)
	}
}

// tellWait says when to call again, where that is worth saying.
func tellWait(w http.ResponseWriter, c code, err error) {
	const outage = 5 * time.Second
	var f *failure
	switch {
	case errors.As(err, &f) && f.again > 0:
		w.Header().Set("Retry-After", web.RetryAfter(f.again))
	case c == serviceUnavailable:
		w.Header().Set("Retry-After", web.RetryAfter(outage))
	}
}

func commas(s souk.Scopes) string { return strings.Join(s, ",") }
