package console

import (
	"errors"
	"net/http"
	"time"

	"souk"
	"souk/market"
)

// problem is one way to say no: a page with the texts problem.<name>.title and
// problem.<name>.text.
type problem struct {
	status int
	name   string
}

// Problems of the visit itself, and of ours.
var (
	malformedForm  = problem{http.StatusBadRequest, "malformed-form"}
	signedOut      = problem{http.StatusUnauthorized, "signed-out"}
	otherSite      = problem{http.StatusForbidden, "other-site"}
	operatorsOnly  = problem{http.StatusForbidden, "operators-only"}
	unknownPage    = problem{http.StatusNotFound, "unknown-page"}
	wrongMethod    = problem{http.StatusMethodNotAllowed, "wrong-method"}
	incompleteForm = problem{http.StatusRequestTimeout, "incomplete-form"}
	oversizedForm  = problem{http.StatusRequestEntityTooLarge, "oversized-form"}
	invalidInput   = problem{http.StatusUnprocessableEntity, "invalid-input"}
	tooManyTries   = problem{http.StatusTooManyRequests, "too-many-tries"}
	failed         = problem{http.StatusInternalServerError, "failed"}
	outcomeUnknown = problem{http.StatusInternalServerError, "outcome-unknown"}
	unavailable    = problem{http.StatusServiceUnavailable, "unavailable"}
)

// refusals are how pages spell the market's.
var refusals = map[souk.Refusal]problem{
	souk.UnknownToken: {http.StatusNotFound, "unknown-token"},

	souk.NoAppsFeature: {http.StatusPaymentRequired, "no-apps-feature"},

	souk.NotAllowed:               {http.StatusForbidden, "not-allowed"},
	souk.NeedsPerson:              {http.StatusForbidden, "needs-person"},
	souk.OrgNotGranted:            {http.StatusForbidden, "org-not-granted"},
	souk.RestrictedForAsker:       {http.StatusForbidden, "restricted"},
	souk.ClosedToRequests:         {http.StatusForbidden, "closed"},
	souk.ApprovalNeeded:           {http.StatusForbidden, "approval-needed"},
	souk.CertifiedNeedsEnterprise: {http.StatusForbidden, "certified-needs-enterprise"},
	souk.RestrictedAtEnterprise:   {http.StatusForbidden, "restricted-above"},
	souk.OwnersOnly:               {http.StatusForbidden, "owners-only"},
	souk.NoSubscription:           {http.StatusForbidden, "no-subscription"},
	souk.NotAppProvider:           {http.StatusForbidden, "not-app-provider"},
	souk.ProtectedApp:             {http.StatusForbidden, "protected-app"},
	souk.WrongPassword:            {http.StatusForbidden, "wrong-password"},
	souk.WrongSecret:              {http.StatusForbidden, "wrong-secret"},
	souk.NotAuthorized:            {http.StatusForbidden, "not-authorized"},

	souk.UnknownOrg:          {http.StatusNotFound, "unknown-org"},
	souk.UnknownApp:          {http.StatusNotFound, "unknown-app"},
	souk.UnknownRequest:      {http.StatusNotFound, "unknown-request"},
	souk.UnknownUser:         {http.StatusNotFound, "unknown-user"},
	souk.UnknownGroup:        {http.StatusNotFound, "unknown-group"},
	souk.UnknownWebhook:      {http.StatusNotFound, "unknown-webhook"},
	souk.UnknownDelivery:     {http.StatusNotFound, "unknown-delivery"},
	souk.UnknownInstallation: {http.StatusNotFound, "unknown-installation"},
	souk.UnknownShare:        {http.StatusNotFound, "unknown-share"},
	souk.UnknownPartnership:  {http.StatusNotFound, "unknown-partnership"},
	souk.UnknownInvitation:   {http.StatusNotFound, "unknown-invitation"},
	souk.UnknownAsset:        {http.StatusNotFound, "unknown-asset"},
	souk.UnknownGrant:        {http.StatusNotFound, "unknown-grant"},
	souk.UnknownReplay:       {http.StatusNotFound, "unknown-replay"},

	souk.RequestResolved:           {http.StatusConflict, "request-resolved"},
	souk.AlreadyPending:            {http.StatusConflict, "already-pending"},
	souk.AlreadyInstalled:          {http.StatusConflict, "already-installed"},
	souk.CustomIntegrationNeedsReq: {http.StatusConflict, "needs-request"},
	souk.CustomIntegrationAtTop:    {http.StatusConflict, "not-for-enterprise"},
	souk.NoResolution:              {http.StatusConflict, "no-resolution"},
	souk.MustRevokeOrgWide:         {http.StatusConflict, "granted-org-wide"},
	souk.LastOwner:                 {http.StatusConflict, "last-owner"},
	souk.EmailTaken:                {http.StatusConflict, "email-taken"},
	souk.NotPartner:                {http.StatusConflict, "not-partner"},
	souk.AlreadyShared:             {http.StatusConflict, "already-shared"},
	souk.AlreadyPartners:           {http.StatusConflict, "already-partners"},
	souk.AlreadyInvited:            {http.StatusConflict, "already-invited"},
	souk.TooManyWebhooks:           {http.StatusConflict, "too-many-webhooks"},
	souk.TooManyTokens:             {http.StatusConflict, "too-many-tokens"},
	souk.WebhookInactive:           {http.StatusConflict, "webhook-inactive"},
	souk.DeliveryOpen:              {http.StatusConflict, "delivery-open"},
	souk.InstallationOver:          {http.StatusConflict, "installation-over"},
	souk.NoOwnSecret:               {http.StatusConflict, "no-own-secret"},
	souk.UnknownSecret:             {http.StatusNotFound, "unknown-secret"},
	souk.ChangedTooOften:           {http.StatusTooManyRequests, "changed-too-often"},
	souk.ReplayGoesOn:              {http.StatusConflict, "replay-goes-on"},

	souk.UnknownScope:     {http.StatusUnprocessableEntity, "unknown-scope"},
	souk.TermsNotAccepted: {http.StatusUnprocessableEntity, "terms-not-accepted"},
	souk.NotVerified:      {http.StatusUnprocessableEntity, "not-verified"},
	souk.BlockedAddress:   {http.StatusUnprocessableEntity, "blocked-address"},
	souk.TooManyTargets:   {http.StatusUnprocessableEntity, "too-many-targets"},
	souk.KeyReused:        {http.StatusUnprocessableEntity, "key-reused"},
	souk.NoTrigger:        {http.StatusUnprocessableEntity, "no-trigger"},
	souk.SpentCode:        {http.StatusUnprocessableEntity, "spent-code"},
	souk.ExpiredCode:      {http.StatusUnprocessableEntity, "expired-code"},
	souk.BadRedirect:      {http.StatusUnprocessableEntity, "bad-redirect"},
}

// failure is a problem as one visit meets it.
type failure struct {
	problem
	wait time.Duration // after which to try again
}

func (f *failure) Error() string { return f.name }

// outage is how long a visitor is asked to wait while the service is away.
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
		return &failure{problem: refusals[no]}
	case errors.As(err, &bad):
		return &failure{problem: invalidInput}
	case errors.As(err, &dead):
		return &failure{problem: signedOut}
	}
	f := &failure{problem: faults[market.FaultOf(err)]}
	if f.problem == unavailable {
		f.wait = outage
	}
	return f
}

// faults are what a visitor is told when something was neither done nor
// refused.
var faults = map[market.Fault]problem{
	market.NoFault:     failed, // a refusal that nobody spelled
	market.Failure:     failed,
	market.Unavailable: unavailable,
	market.Calamity:    outcomeUnknown,
}
