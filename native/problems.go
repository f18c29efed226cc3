package native

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"souk"
	"souk/market"
	"souk/web"
)

// problem is one way to say no, as RFC 9457 has it: its name is the end of a
// type that never changes.
type problem struct {
	status int
	name   string
	title  string
}

// typeOf is the relative URI that programs tell problems apart by.
func (p problem) typeOf() string { return prefix + "/problems/" + p.name }

// Problems of the call itself, and of ours.
var (
	malformedBody   = problem{http.StatusBadRequest, "malformed-body", "The body is not one JSON text in UTF-8."}
	missingToken    = problem{http.StatusUnauthorized, "missing-token", "The request carries no bearer token."}
	deadToken       = problem{http.StatusUnauthorized, "dead-token", "The token does not answer any more."}
	wrongTokenKind  = problem{http.StatusForbidden, "wrong-token-kind", "Tokens of this kind cannot be used here."}
	unknownRoute    = problem{http.StatusNotFound, "unknown-route", "There is nothing at this address."}
	noSuchToken     = problem{http.StatusNotFound, "no-such-token", "There is no such token."}
	wrongMethod     = problem{http.StatusMethodNotAllowed, "wrong-method", "This address does not know the method."}
	incompleteBody  = problem{http.StatusRequestTimeout, "incomplete-body", "The body did not arrive whole and in time."}
	oversizedBody   = problem{http.StatusRequestEntityTooLarge, "oversized-body", "The body is larger than the call takes."}
	wrongBodyType   = problem{http.StatusUnsupportedMediaType, "wrong-content-type", "The body must be application/json in UTF-8."}
	invalidInput    = problem{http.StatusUnprocessableEntity, "invalid-input", "Some of the input cannot be accepted."}
	tooManyFailures = problem{http.StatusTooManyRequests, "too-many-failures", "Too many tokens from this address were refused."}
	internalFailure = problem{http.StatusInternalServerError, "internal-failure", "The server failed; nothing was changed."}
	outcomeUnknown  = problem{http.StatusInternalServerError, "outcome-unknown", "The server failed; look before you repeat the call, as it may have been carried out."}
	unavailable     = problem{http.StatusServiceUnavailable, "unavailable", "The service is not available; nothing was changed."}
)

// refusals are how this wire spells the market's.
var refusals = map[souk.Refusal]problem{
	souk.UnknownToken: {http.StatusUnauthorized, "unknown-token", "The token is not known here."},

	souk.NoSubscription: {http.StatusPaymentRequired, "no-subscription", "The organization has no active subscription."},

	souk.NotAllowed:               {http.StatusForbidden, "not-allowed", "The caller lacks the right."},
	souk.NeedsPerson:              {http.StatusForbidden, "needs-person", "Only a person can do this: name one in Souk-On-Behalf-Of."},
	souk.OrgNotGranted:            {http.StatusForbidden, "org-not-granted", "The token does not reach this organization."},
	souk.RestrictedForAsker:       {http.StatusForbidden, "restricted", "A standing answer forbids the app."},
	souk.ClosedToRequests:         {http.StatusForbidden, "closed", "The organization's policy lets nobody ask or install."},
	souk.ApprovalNeeded:           {http.StatusForbidden, "approval-needed", "Installing this app has to be asked for first."},
	souk.CertifiedNeedsEnterprise: {http.StatusForbidden, "certified-needs-enterprise", "Only the enterprise decides about certified apps."},
	souk.RestrictedAtEnterprise:   {http.StatusForbidden, "restricted-at-enterprise", "The enterprise restricted the app, so a workspace cannot approve it."},
	souk.OwnersOnly:               {http.StatusForbidden, "owners-only", "The organization reserves this to its owners."},
	souk.NoAppsFeature:            {http.StatusForbidden, "no-apps-feature", "The organization cannot install apps."},
	souk.NotAppProvider:           {http.StatusForbidden, "not-app-provider", "The organization cannot offer apps to others."},
	souk.ProtectedApp:             {http.StatusForbidden, "protected-app", "Only the operator uninstalls this app."},

	souk.UnknownOrg:      {http.StatusNotFound, "unknown-org", "There is no such organization."},
	souk.UnknownApp:      {http.StatusNotFound, "unknown-app", "There is no such app."},
	souk.UnknownRequest:  {http.StatusNotFound, "unknown-request", "There is no such request."},
	souk.UnknownUser:     {http.StatusNotFound, "unknown-user", "There is no such user."},
	souk.UnknownGroup:    {http.StatusNotFound, "unknown-group", "There is no such group."},
	souk.UnknownWebhook:  {http.StatusNotFound, "unknown-webhook", "There is no such webhook."},
	souk.UnknownDelivery: {http.StatusNotFound, "unknown-delivery", "There is no such delivery."},

	souk.UnknownInstallation: {http.StatusNotFound, "unknown-installation", "There is no such installation."},
	souk.UnknownShare:        {http.StatusNotFound, "unknown-share", "There is no such share."},
	souk.UnknownPartnership:  {http.StatusNotFound, "unknown-partnership", "There is no such partnership."},
	souk.UnknownInvitation:   {http.StatusNotFound, "unknown-invitation", "There is no such invitation."},
	souk.UnknownAsset:        {http.StatusNotFound, "unknown-asset", "There is no such asset."},
	souk.UnknownReplay:       {http.StatusNotFound, "unknown-replay", "There is no such replay."},

	souk.RequestResolved:           {http.StatusConflict, "request-resolved", "The request is no longer pending."},
	souk.AlreadyPending:            {http.StatusConflict, "already-pending", "Another request for this app is pending, with other scopes."},
	souk.AlreadyInstalled:          {http.StatusConflict, "already-installed", "The app is installed with all that it asks for."},
	souk.CustomIntegrationNeedsReq: {http.StatusConflict, "needs-request", "A custom integration is decided about by a request for it."},
	souk.CustomIntegrationAtTop:    {http.StatusConflict, "not-for-enterprise", "A custom integration is not for a whole enterprise."},
	souk.NoResolution:              {http.StatusConflict, "no-resolution", "Nothing stands that could be cleared."},
	souk.MustRevokeOrgWide:         {http.StatusConflict, "granted-org-wide", "An org-wide installation reaches this workspace: take the workspace from it."},
	souk.LastOwner:                 {http.StatusConflict, "last-owner", "An organization keeps an owner."},
	souk.EmailTaken:                {http.StatusConflict, "email-taken", "Somebody else has this e-mail address."},
	souk.NotPartner:                {http.StatusConflict, "not-partner", "The organization is no partner."},
	souk.AlreadyShared:             {http.StatusConflict, "already-shared", "The app is shared with the organization."},
	souk.AlreadyPartners:           {http.StatusConflict, "already-partners", "The organizations are partners."},
	souk.AlreadyInvited:            {http.StatusConflict, "already-invited", "One of the organizations has invited the other."},
	souk.TooManyWebhooks:           {http.StatusConflict, "too-many-webhooks", "The app has as many webhooks of this dialect as it may."},
	souk.WebhookInactive:           {http.StatusConflict, "webhook-inactive", "The webhook is not active, so nothing is sent to it."},
	souk.DeliveryOpen:              {http.StatusConflict, "delivery-open", "The delivery is not over."},
	souk.InstallationOver:          {http.StatusConflict, "installation-over", "The installation that justified the delivery has ended."},
	souk.NoOwnSecret:               {http.StatusConflict, "no-own-secret", "Webhooks of this dialect sign with the app's secret."},
	souk.UnknownSecret:             {http.StatusNotFound, "unknown-secret", "No secret that was replaced answers any more."},
	souk.ChangedTooOften:           {http.StatusTooManyRequests, "changed-too-often", "A secret can be changed three times in a quarter of an hour."},
	souk.ReplayGoesOn:              {http.StatusConflict, "replay-goes-on", "Another replay to this webhook goes on."},

	souk.UnknownScope:     {http.StatusUnprocessableEntity, "unknown-scope", "There is no such scope."},
	souk.TermsNotAccepted: {http.StatusUnprocessableEntity, "terms-not-accepted", "The app's terms must be accepted."},
	souk.NotVerified:      {http.StatusUnprocessableEntity, "not-verified", "The URL did not pass the dialect's handshake."},
	souk.BlockedAddress:   {http.StatusUnprocessableEntity, "blocked-address", "Souk does not send to this URL."},
	souk.TooManyTargets:   {http.StatusUnprocessableEntity, "too-many-targets", "The call names too many organizations."},
	souk.KeyReused:        {http.StatusUnprocessableEntity, "key-reused", "The Idempotency-Key came before, with another body."},
	souk.WrongPassword:    {http.StatusForbidden, "wrong-password", "The e-mail or the password is wrong."},
	souk.WrongSecret:      {http.StatusForbidden, "wrong-secret", "The secret is not that of the app."},
	souk.NotAuthorized:    {http.StatusForbidden, "not-authorized", "The person has not let the app speak for them."},
	souk.UnknownGrant:     {http.StatusNotFound, "unknown-grant", "There is no such grant."},
	souk.TooManyTokens:    {http.StatusConflict, "too-many-tokens", "There are as many live tokens as there may be."},
	souk.NoTrigger:        {http.StatusUnprocessableEntity, "no-trigger", "The app has no trigger on this condition."},
	souk.SpentCode:        {http.StatusUnprocessableEntity, "spent-code", "The code was used before, or never was one."},
	souk.ExpiredCode:      {http.StatusUnprocessableEntity, "expired-code", "The code has expired."},
	souk.BadRedirect:      {http.StatusUnprocessableEntity, "bad-redirect", "The app may not send people to this address."},
}

// telling are the refusals whose errors have more to say than their name, in
// words that are meant for the caller.
var telling = map[souk.Refusal]bool{souk.UnknownScope: true, souk.NotVerified: true, souk.BlockedAddress: true}

// fieldError is one thing that is wrong with the input. Exactly one of the
// places is set.
type fieldError struct {
	Pointer   *string `json:"pointer,omitempty"` // JSON pointer into the body; "" is all of it
	Parameter string  `json:"parameter,omitempty"`
	Header    string  `json:"header,omitempty"`
	Detail    string  `json:"detail"`
}

// failure is a problem as one call meets it.
type failure struct {
	problem
	detail string
	errors []fieldError
	wait   time.Duration // after which to call again
}

func (f *failure) Error() string { return f.name }

// outage is how long a caller is asked to wait while the service is away.
const outage = 5 * time.Second

// failureOf spells an error. What is not foreseen is ours to read in the log,
// not theirs.
func failureOf(err error) *failure {
	var own *failure
	var no souk.Refusal
	var bad souk.Invalid
	var dead souk.Dead
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &no):
		f := &failure{problem: refusals[no]}
		if telling[no] {
			f.detail = err.Error()
		}
		return f
	case errors.As(err, &bad):
		f := &failure{problem: invalidInput}
		for _, p := range bad[:min(len(bad), maxErrors)] {
			pointer := pointerTo(p.Field)
			f.errors = append(f.errors, fieldError{Pointer: &pointer, Detail: p.Reason})
		}
		return f
	case errors.As(err, &dead):
		return &failure{problem: deadToken, detail: dead.Error()}
	}
	return &failure{problem: faults[market.FaultOf(err)]}
}

// faults are what a call is told that was neither done nor refused.
var faults = map[market.Fault]problem{
	market.NoFault:     internalFailure, // a refusal that nobody spelled
	market.Failure:     internalFailure,
	market.Unavailable: unavailable,
	market.Calamity:    outcomeUnknown,
}

// pointerTo turns the market's name of a field, such as app_user.alias or
// scopes[2], into a JSON pointer.
func pointerTo(field string) string {
	return "/" + strings.NewReplacer(".", "/", "[", "/", "]", "").Replace(field)
}

// problemBody is a problem as it is sent.
type problemBody struct {
	Type      string       `json:"type"`
	Title     string       `json:"title"`
	Status    int          `json:"status"`
	Detail    string       `json:"detail,omitempty"`
	RequestID string       `json:"request_id"`
	Errors    []fieldError `json:"errors,omitempty"`
}

// refuse answers a call that failed.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	ctx := r.Context()
	f := failureOf(err)
	web.Note(ctx, "refused", f.name)
	if f.status >= http.StatusInternalServerError && ctx.Err() == nil { // a caller who left is no fault
		h.log.ErrorContext(ctx, "native call failed", "call", r.Method+" "+r.Pattern, "err", err)
	}
	switch {
	case f.problem == missingToken:
		w.Header().Set("WWW-Authenticate", `Bearer realm="souk"`)
	case f.status == http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="souk", error="invalid_token"`)
	case f.wait > 0:
		w.Header().Set("Retry-After", web.RetryAfter(f.wait))
	case f.problem == unavailable:
		w.Header().Set("Retry-After", web.RetryAfter(outage))
	}
	body, err := marshal(problemBody{f.typeOf(), f.title, f.status, f.detail, web.RequestID(ctx), f.errors})
	if err != nil {
		h.log.ErrorContext(ctx, "native problem has no spelling", "err", err)
	}
	h.send(w, r, f.status, "application/problem+json", body)
}
