package slack

import (
	"errors"
	"slices"

	"souk"
	"souk/market"
)

// codes are how Slack spells the market's refusals; a method may spell a few
// otherwise. Those that no method here can meet are a fault of ours.
var codes = map[souk.Refusal]code{
	souk.NotAllowed:                notAnAdmin,
	souk.NeedsPerson:               notAllowedTokenType,
	souk.UnknownOrg:                teamNotFound,
	souk.UnknownApp:                invalidAppID,
	souk.UnknownRequest:            invalidRequestID,
	souk.UnknownScope:              invalidScopes,
	souk.UnknownToken:              invalidAuth,
	souk.OrgNotGranted:             teamAccessNotGranted,
	souk.RequestResolved:           requestAlreadyResolved,
	souk.CustomIntegrationNeedsReq: requestIDRequiredForCustom,
	souk.CustomIntegrationAtTop:    customIntegrationNotAtEnterprise,
	souk.CertifiedNeedsEnterprise:  orgResolutionRequired,
	souk.RestrictedAtEnterprise:    appRestrictedOrgWide,
	souk.NoResolution:              noResolutionFound,
	souk.OwnersOnly:                restrictedAction,
	souk.MustRevokeOrgWide:         mustRevokeAccess,
	souk.ProtectedApp:              canNotUninstall,
	souk.TooManyTargets:            tooManyTeams,

	souk.UnknownUser:        internalError,
	souk.UnknownWebhook:     internalError,
	souk.UnknownDelivery:    internalError,
	souk.AlreadyPending:     internalError,
	souk.AlreadyInstalled:   internalError,
	souk.RestrictedForAsker: internalError,
	souk.ClosedToRequests:   internalError,
	souk.ApprovalNeeded:     internalError,
	souk.TermsNotAccepted:   internalError,
	souk.NoAppsFeature:      internalError,
	souk.NoSubscription:     internalError,
	souk.LastOwner:          internalError,
	souk.EmailTaken:         internalError,
	souk.NotVerified:        internalError,
	souk.BlockedAddress:     internalError,

	souk.UnknownInstallation: internalError,
	souk.UnknownShare:        internalError,
	souk.UnknownPartnership:  internalError,
	souk.UnknownInvitation:   internalError,
	souk.UnknownAsset:        internalError,
	souk.NotAppProvider:      internalError,
	souk.NotPartner:          internalError,
	souk.AlreadyShared:       internalError,
	souk.AlreadyPartners:     internalError,
	souk.AlreadyInvited:      internalError,
	souk.TooManyWebhooks:     internalError,
	souk.KeyReused:           internalError,
	souk.WrongPassword:       internalError,
	souk.WrongSecret:         internalError,
	souk.SpentCode:           internalError,
	souk.ExpiredCode:         internalError,
	souk.BadRedirect:         internalError,
	souk.UnknownGrant:        internalError,
	souk.NoTrigger:           internalError,
	souk.NotAuthorized:       internalError,
	souk.TooManyTokens:       internalError,
	souk.WebhookInactive:     internalError,
	souk.DeliveryOpen:        internalError,
	souk.InstallationOver:    internalError,
	souk.NoOwnSecret:         internalError,
	souk.UnknownSecret:       internalError,
	souk.ChangedTooOften:     internalError,
	souk.UnknownReplay:       internalError,
	souk.ReplayGoesOn:        internalError,
	souk.UnknownGroup:        internalError,
}

// overrides are the refusals that one method spells in its own way.
type overrides map[souk.Refusal]code

// dead is what a token that was one is told.
func dead(d souk.Dead) code {
	switch {
	case !slices.Contains(slackKinds, d.Kind):
		return invalidAuth
	case d.Cause == souk.DeadByExpiry:
		return tokenExpired
	case d.Kind == souk.UserToken:
		return tokenRevoked
	}
	return accountInactive
}

// spell is how a method spells a refusal.
func (o overrides) spell(r souk.Refusal) code {
	if c, ok := o[r]; ok {
		return c
	}
	return codes[r]
}

// spell turns why a call of m failed into a code, and the error into one that
// says all that its caller is told. What is not foreseen is ours to read in the
// log, not theirs. m is nil for a method that there is not.
func (m *method) spell(err error) (code, error) {
	var own code
	var gone souk.Dead
	var no souk.Refusal
	var bad souk.Invalid
	switch {
	case errors.As(err, &own):
		return own, err
	case errors.As(err, &gone):
		return dead(gone), err
	case errors.As(err, &no):
		return m.refusals.spell(no), err
	case errors.As(err, &bad):
		return invalidArguments, problems(bad)
	case errors.Is(err, souk.ErrBadCursor):
		return invalidCursor, err
	}
	return faults[market.FaultOf(err)], err
}

// problems tells the fields that the market cannot accept.
func problems(bad souk.Invalid) error {
	messages := make([]string, len(bad))
	for i, p := range bad {
		messages[i] = fault(p.Field, p.Reason)
	}
	return faulty(messages...)
}

// faults are what a call is told that was neither done nor refused.
var faults = map[market.Fault]code{
	market.NoFault:     internalError, // a refusal that nobody spelled
	market.Failure:     internalError,
	market.Unavailable: serviceUnavailable,
	market.Calamity:    fatalError,
}
