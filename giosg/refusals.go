package giosg

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"souk"
	"souk/market"
	"souk/web"
)

// failure is one way to say no.
type failure struct {
	status int
	body   any           // a detail, or faults
	wait   time.Duration // after which to call again
}

// detail is the body of every failure but that of faulty attributes.
type detail struct {
	Detail string `json:"detail"`
}

// Error is what the access log says of f.
func (f *failure) Error() string {
	switch said := f.body.(type) {
	case detail:
		return said.Detail
	case oauthError:
		return said.Error + ": " + said.Description
	}
	return "faulty attributes"
}

func refusal(status int, text string) *failure { return &failure{status: status, body: detail{text}} }

// Sentences with a blank.
const (
	methodNotAllowed = `Method "%s" not allowed.`
	unsupportedMedia = `Unsupported media type "%s" in request.`
	malformed        = "JSON parse error - %s"
	malformedForm    = "Multipart form parse error - %s"
)

// Failures of the call itself, and of ours.
var (
	noCredentials     = refusal(http.StatusUnauthorized, "Authentication credentials were not provided.")
	emptyCredentials  = refusal(http.StatusUnauthorized, "Invalid token header. No credentials provided.")
	spacedCredentials = refusal(http.StatusUnauthorized, "Invalid token header. Token string should not contain spaces.")
	invalidToken      = refusal(http.StatusUnauthorized, "Invalid token.")
	inactiveUser      = refusal(http.StatusUnauthorized, "User inactive or deleted.")
	forbidden         = refusal(http.StatusForbidden, "You do not have permission to perform this action.")
	noAccess          = refusal(http.StatusForbidden, "You do not have access to this organization.")
	notFound          = refusal(http.StatusNotFound, "Not found.")
	badCursor         = refusal(http.StatusNotFound, "Invalid cursor")
	oversized         = refusal(http.StatusRequestEntityTooLarge, "Request body too large.")
	serverError       = refusal(http.StatusInternalServerError, "A server error occurred.")
	unavailable       = &failure{http.StatusServiceUnavailable, serverError.body, outage}
)

// outage is how long a caller is asked to wait while the service is away.
const outage = 5 * time.Second

// throttled refuses a call that came too early.
func throttled(wait time.Duration) *failure {
	seconds, unit := web.RetryAfter(wait), "seconds"
	if seconds == "1" {
		unit = "second"
	}
	text := "Request was throttled. Expected available in " + seconds + " " + unit + "."
	return &failure{http.StatusTooManyRequests, detail{text}, wait}
}

// refusals are how this wire spells the market's. Those that no route here can
// meet are a fault of ours.
var refusals = map[souk.Refusal]*failure{
	souk.UnknownToken: invalidToken,

	souk.NoSubscription:     refusal(http.StatusForbidden, "Your organization does not have an active subscription."),
	souk.UnknownOrg:         noAccess,
	souk.OrgNotGranted:      noAccess,
	souk.NotAllowed:         refusal(http.StatusForbidden, "You do not have the settings permission."),
	souk.NeedsPerson:        forbidden,
	souk.RestrictedForAsker: refusal(http.StatusForbidden, "This app is restricted by your organization."),
	souk.ClosedToRequests:   refusal(http.StatusForbidden, "This app is not open to requests in your organization."),
	souk.OwnersOnly:         refusal(http.StatusForbidden, "Your organization lets only its owners do this."),
	souk.ProtectedApp:       refusal(http.StatusForbidden, "This app can be uninstalled by the platform only."),
	souk.MustRevokeOrgWide:  refusal(http.StatusForbidden, "This app was installed by your enterprise."),

	souk.NoAppsFeature:  refusal(http.StatusPaymentRequired, "Your organization does not have the giosg Apps feature."),
	souk.NotAppProvider: refusal(http.StatusPaymentRequired, "Your organization does not have the App provider feature."),

	souk.UnknownApp:          notFound,
	souk.UnknownRequest:      notFound,
	souk.UnknownUser:         notFound,
	souk.UnknownWebhook:      notFound,
	souk.UnknownDelivery:     notFound,
	souk.UnknownInstallation: notFound,
	souk.UnknownShare:        notFound,
	souk.UnknownPartnership:  notFound,
	souk.UnknownInvitation:   notFound,
	souk.UnknownAsset:        notFound,
	souk.UnknownReplay:       notFound,

	souk.UnknownScope:     faulty(together, "The platform does not know all of these scopes."),
	souk.TermsNotAccepted: faulty("is_terms_accepted", "The terms must be accepted."),
	souk.AlreadyInstalled: faulty("app_id", "This app is already installed."),
	souk.AlreadyPending:   faulty("app_id", "Another request for this app is pending."),
	souk.BlockedAddress:   faulty("endpoint_url", "Notifications are not sent to this URL."),
	souk.TooManyWebhooks:  faulty(together, "This app has as many webhooks as it can have."),
	souk.NotPartner:       faulty("organization_id", "This organization is not your partner."),
	souk.AlreadyShared:    faulty(together, "The fields organization_id, app_id must make a unique set."),
	souk.AlreadyPartners:  faulty("invited_organization_id", "This organization is already your partner."),
	souk.AlreadyInvited:   faulty("invited_organization_id", "An invitation is already pending."),

	souk.RequestResolved:           serverError,
	souk.ApprovalNeeded:            serverError, // what needs approval is a wish here
	souk.CustomIntegrationNeedsReq: serverError,
	souk.CustomIntegrationAtTop:    serverError,
	souk.CertifiedNeedsEnterprise:  serverError,
	souk.RestrictedAtEnterprise:    serverError,
	souk.NoResolution:              serverError,
	souk.LastOwner:                 serverError,
	souk.EmailTaken:                serverError,
	souk.NotVerified:               serverError,
	souk.TooManyTargets:            serverError,
	souk.KeyReused:                 serverError,
	souk.WrongPassword:             serverError,
	souk.WrongSecret:               serverError,
	souk.SpentCode:                 serverError,
	souk.ExpiredCode:               serverError,
	souk.BadRedirect:               serverError,
	souk.UnknownGrant:              serverError,
	souk.NoTrigger:                 serverError,
	souk.NotAuthorized:             serverError,
	souk.TooManyTokens:             serverError,
	souk.WebhookInactive:           serverError,
	souk.DeliveryOpen:              serverError,
	souk.InstallationOver:          serverError,
	souk.NoOwnSecret:               serverError,
	souk.UnknownSecret:             serverError,
	souk.ChangedTooOften:           serverError,
	souk.ReplayGoesOn:              serverError,
	souk.UnknownGroup:              serverError,
}

// instead spells err as f when the market refused with r: for the routes where a
// refusal means something else than in the table.
func instead(err error, r souk.Refusal, f *failure) error {
	if errors.Is(err, r) {
		return f
	}
	return err
}

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
	case errors.As(err, &no) && refusals[no] != nil:
		return refusals[no]
	case errors.As(err, &bad):
		return spellInvalid(bad)
	case errors.As(err, &dead):
		return spellDeath(dead)
	}
	return faultAnswers[market.FaultOf(err)]
}

// faultAnswers are what a call is told that was neither done nor refused.
var faultAnswers = map[market.Fault]*failure{
	market.NoFault:     serverError, // a refusal that nobody spelled
	market.Failure:     serverError,
	market.Unavailable: unavailable,
	market.Calamity:    serverError,
}

// attributes are what this wire calls the market's fields, where the names
// differ.
var attributes = map[string]string{
	"icon":                   "icon_asset_id",
	"app_user.first_name":    "app_user_default_first_name",
	"app_user.last_name":     "app_user_default_last_name",
	"app_user.alias":         "app_user_default_alias",
	"links.terms_of_service": "terms_of_service_url",
	"links.privacy_policy":   "privacy_policy_url",
	"trigger.url":            "trigger_url",
	"trigger.conditions":     "trigger_conditions",
	"redirect_uris":          "allowed_redirect_uris",
	"url":                    "endpoint_url",
}

// spellInvalid tells what the market found wrong that the readers of attributes
// did not, in the market's words.
func spellInvalid(bad souk.Invalid) *failure {
	f := faults{}
	for _, p := range bad {
		name, _, _ := strings.Cut(p.Field, "[")
		if ours, ok := attributes[name]; ok {
			name = ours
		}
		messages, _ := f[name].([]string)
		f[name] = append(messages, p.Reason)
	}
	return &failure{status: http.StatusBadRequest, body: f}
}

// refuse answers a call that failed.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	h.fail(w, r, failureOf(err), err)
}

// fail answers a call with f, which is how err is spelled.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, f *failure, err error) {
	ctx := r.Context()
	web.Note(ctx, "refused", f.Error())
	// A caller who left is no fault, and neither is a server that stops.
	if f.status >= http.StatusInternalServerError && ctx.Err() == nil && !web.Draining(ctx) {
		h.log.ErrorContext(ctx, "giosg call failed", "call", r.Method+" "+r.Pattern, "err", err)
	}
	if f.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Token")
	}
	if f.wait > 0 {
		w.Header().Set("Retry-After", web.RetryAfter(f.wait))
	}
	if err := h.send(w, r, answer{f.status, f.body}); err != nil {
		h.log.ErrorContext(ctx, "giosg failure has no spelling", "err", err)
	}
}
