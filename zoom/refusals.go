package zoom

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"souk"
	"souk/market"
)

// refusal is one way to say no. {appId} and {userId} in a message stand for what
// the address has there.
type refusal struct {
	status, code int
	message      string
}

func (r refusal) Error() string { return r.message }

// Refusals of the call itself, and ours.
var (
	invalidToken   = refusal{http.StatusUnauthorized, 124, "Invalid access token."}
	missingScopes  = refusal{http.StatusUnauthorized, 201, "Invalid access token, does not contain scopes:[%s]."}
	invalidInput   = refusal{http.StatusBadRequest, 300, "Validation Failed."}
	malformedBody  = refusal{http.StatusBadRequest, 300, "Request Body should be a valid JSON object."}
	badPageToken   = refusal{http.StatusBadRequest, 300, "The next page token is invalid or expired."}
	noSuchEndpoint = refusal{http.StatusNotFound, 2300, "This API endpoint is not recognized."}
	wrongMethod    = refusal{http.StatusMethodNotAllowed, 2300, "This API endpoint does not support the request method."}
	incompleteBody = refusal{http.StatusRequestTimeout, 300, "The request body did not arrive whole and in time."}
	oversizedBody  = refusal{http.StatusRequestEntityTooLarge, 300, "The request body is too large."}
	wrongBodyType  = refusal{http.StatusUnsupportedMediaType, 300, "Unsupported Content Type"}

	tooManyPerSecond = refusal{http.StatusTooManyRequests, 429,
		"You have reached the maximum per-second rate limit for this API. Try again later."}
	tooManyPerDay = refusal{http.StatusTooManyRequests, 429,
		"You have reached the maximum daily rate limit for this API. Refer to the response header for details on when you can make another request."}

	internal    = refusal{http.StatusInternalServerError, 500, "Internal server error."}
	unavailable = refusal{http.StatusServiceUnavailable, 503, "The service is temporarily unavailable."}
)

// outage is how long a caller is asked to wait while the service is away.
const outage = 5 * time.Second

// general is the code of what Zoom has a sentence for and no number of its own.
const general = 1500

// refusals are how this face spells the market's; a route may spell a few
// otherwise. Those that no route here can meet are a fault of ours.
var refusals = map[souk.Refusal]refusal{
	souk.UnknownToken: invalidToken,

	souk.NotAllowed:    {http.StatusBadRequest, 200, "No permission."},
	souk.NeedsPerson:   {http.StatusBadRequest, 200, "No permission: this takes the token of a user."},
	souk.OwnersOnly:    {http.StatusBadRequest, 200, "No permission: this takes an owner of the account."},
	souk.OrgNotGranted: {http.StatusBadRequest, 200, "No permission."},
	souk.NotAuthorized: {http.StatusBadRequest, 1300, "The user did not authorize the app."},

	souk.NoSubscription: {http.StatusBadRequest, 200, "Only available for accounts with a subscription."},
	souk.NoAppsFeature:  {http.StatusBadRequest, 200, "Apps are not available for this account."},
	souk.NotAppProvider: {http.StatusBadRequest, 200, "This account cannot create apps."},

	souk.UnknownOrg:     {http.StatusNotFound, 2001, "Account does not exist."},
	souk.UnknownUser:    {http.StatusNotFound, 1001, "User does not exist or does not belong to this account."},
	souk.UnknownApp:     {http.StatusNotFound, 1401, "App ID does not exist: {appId}"},
	souk.UnknownGroup:   {http.StatusNotFound, 4130, "Group does not exist or does not belong to this account."},
	souk.UnknownWebhook: {http.StatusNotFound, 1601, "Event subscription does not exist."},

	souk.UnknownInstallation: {http.StatusNotFound, 1401, "App ID does not exist: {appId}"},
	souk.UnknownGrant:        {http.StatusNotFound, 1001, "User does not exist or does not belong to this account."},
	souk.UnknownScope:        {http.StatusBadRequest, general, "Scope does not exist."},

	souk.UnknownRequest:            {http.StatusBadRequest, general, "There is no such request."},
	souk.RequestResolved:           {http.StatusBadRequest, general, "The request is no longer pending."},
	souk.AlreadyPending:            {http.StatusBadRequest, general, "Another request for this app is pending."},
	souk.AlreadyInstalled:          {http.StatusBadRequest, general, "The app is already added."},
	souk.RestrictedForAsker:        {http.StatusBadRequest, general, "The app is restricted."},
	souk.ClosedToRequests:          {http.StatusBadRequest, general, "The account does not take requests for apps."},
	souk.CustomIntegrationNeedsReq: {http.StatusBadRequest, general, "This app can only be approved by a request for it."},
	souk.CustomIntegrationAtTop:    {http.StatusBadRequest, general, "This app cannot be approved for the account."},
	souk.NoResolution:              {http.StatusBadRequest, general, "Nothing is approved that could be ended."},
	souk.TooManyTargets:            {http.StatusBadRequest, general, "Too many users."},
	souk.ProtectedApp:              {http.StatusBadRequest, general, "This app cannot be removed."},

	souk.NotVerified:     {http.StatusNotFound, 1701, "URL validation failed."},
	souk.BlockedAddress:  {http.StatusBadRequest, general, "The event webhook URL is not allowed."},
	souk.TooManyWebhooks: {http.StatusBadRequest, general, "The app has as many event subscriptions as it may."},

	souk.ApprovalNeeded:           internal,
	souk.CertifiedNeedsEnterprise: internal,
	souk.RestrictedAtEnterprise:   internal,
	souk.TermsNotAccepted:         internal,
	souk.MustRevokeOrgWide:        internal,
	souk.LastOwner:                internal,
	souk.EmailTaken:               internal,
	souk.UnknownDelivery:          internal,
	souk.UnknownShare:             internal,
	souk.UnknownPartnership:       internal,
	souk.UnknownInvitation:        internal,
	souk.UnknownAsset:             internal,
	souk.NotPartner:               internal,
	souk.AlreadyShared:            internal,
	souk.AlreadyPartners:          internal,
	souk.AlreadyInvited:           internal,
	souk.KeyReused:                internal,
	souk.WrongPassword:            internal,
	souk.WrongSecret:              internal,
	souk.SpentCode:                internal,
	souk.ExpiredCode:              internal,
	souk.BadRedirect:              internal,
	souk.NoTrigger:                internal,
	souk.TooManyTokens:            internal,
	souk.WebhookInactive:          internal,
	souk.DeliveryOpen:             internal,
	souk.InstallationOver:         internal,
	souk.NoOwnSecret:              internal,
	souk.UnknownSecret:            internal,
	souk.ChangedTooOften:          internal,
	souk.UnknownReplay:            internal,
	souk.ReplayGoesOn:             internal,
}

// failure is a refusal as one call meets it.
type failure struct {
	refusal
	errors []fieldError
	header map[string]string
}

func (f *failure) Error() string { return f.message }

// fieldError is one thing that is wrong with the input.
type fieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// maxErrors is how many things that are wrong one answer lists.
const maxErrors = 20

// invalid refuses one field of the input.
func invalid(field, message string) error {
	return &failure{refusal: invalidInput, errors: []fieldError{{field, message}}}
}

// spell turns why a call failed into what its caller is told. What is not
// foreseen is ours to read in the log, not theirs.
func (c *call) spell(err error) *failure {
	var own *failure
	var plain refusal
	var no souk.Refusal
	var bad souk.Invalid
	var dead souk.Dead
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &plain):
		return &failure{refusal: plain}
	case errors.As(err, &no):
		found, ok := c.route.refusals[no]
		if !ok {
			found = refusals[no]
		}
		return &failure{refusal: c.named(found)}
	case errors.As(err, &bad):
		f := &failure{refusal: invalidInput}
		for _, p := range bad[:min(len(bad), maxErrors)] {
			f.errors = append(f.errors, fieldError{p.Field, p.Reason})
		}
		return f
	case errors.As(err, &dead):
		return &failure{refusal: invalidToken}
	}
	return &failure{refusal: faults[market.FaultOf(err)]}
}

// named puts what the address has into a message.
func (c *call) named(r refusal) refusal {
	for _, name := range []string{"appId", "userId"} {
		r.message = strings.ReplaceAll(r.message, "{"+name+"}", clipped(c.request.PathValue(name)))
	}
	return r
}

// clipped bounds what an answer repeats of the address.
func clipped(s string) string {
	const most = 64
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// faults are what a call is told that was neither done nor refused.
var faults = map[market.Fault]refusal{
	market.NoFault:     internal, // a refusal that nobody spelled
	market.Failure:     internal,
	market.Unavailable: unavailable,
	market.Calamity:    internal,
}
