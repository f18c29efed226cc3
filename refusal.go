package souk

import (
	"slices"
	"strings"
)

// Refusal is one of the market's ways to say no. The list is closed: each wire
// has one table from it to its own spelling. Detail is wrapped on with %w and
// read back with errors.As or errors.Is.
type Refusal string

// Error returns the refusal's name.
func (r Refusal) Error() string { return string(r) }

// Refuses marks the errors that are an answer and not a fault: Refusal, Invalid
// and Dead.
func (r Refusal) Refuses() {}

// The refusals. An object of another organization is refused exactly as one
// that does not exist.
const (
	UnknownToken              Refusal = "unknown token"                              // never was one, or may not be used from there
	NotAllowed                Refusal = "not allowed"                                // the actor lacks the right
	NeedsPerson               Refusal = "needs a person"                             // a decision names somebody who decided
	UnknownOrg                Refusal = "unknown organization"                       //
	UnknownApp                Refusal = "unknown app"                                // absent, deleted, suspended or invisible
	UnknownRequest            Refusal = "unknown request"                            //
	UnknownUser               Refusal = "unknown user"                               //
	UnknownWebhook            Refusal = "unknown webhook"                            //
	UnknownDelivery           Refusal = "unknown delivery"                           //
	UnknownScope              Refusal = "unknown scope"                              // not in the catalogue
	OrgNotGranted             Refusal = "organization not granted to this token"     // known, but the token's installation does not reach it
	RequestResolved           Refusal = "request already resolved"                   //
	AlreadyPending            Refusal = "another request is pending"                 // of this user for this app and org, with other scopes
	AlreadyInstalled          Refusal = "already installed"                          // with everything that is asked
	RestrictedForAsker        Refusal = "restricted"                                 // a standing answer forbids the app
	ClosedToRequests          Refusal = "closed"                                     // policy lets nobody ask or install
	ApprovalNeeded            Refusal = "approval needed"                            // installing has to be asked for first
	CustomIntegrationNeedsReq Refusal = "custom integration needs its request"       //
	CustomIntegrationAtTop    Refusal = "custom integration not for an enterprise"   //
	CertifiedNeedsEnterprise  Refusal = "certified app is decided by the enterprise" //
	RestrictedAtEnterprise    Refusal = "restricted by the enterprise"               // a workspace cannot approve
	NoResolution              Refusal = "no resolution"                              // nothing stands that could be cleared
	OwnersOnly                Refusal = "owners only"                                //
	TermsNotAccepted          Refusal = "terms not accepted"                         //
	NoAppsFeature             Refusal = "no apps feature"                            //
	NoSubscription            Refusal = "no active subscription"                     //
	MustRevokeOrgWide         Refusal = "granted by an org-wide installation"        // end the grant first
	ProtectedApp              Refusal = "protected app"                              // only the operator uninstalls it
	LastOwner                 Refusal = "last owner"                                 //
	EmailTaken                Refusal = "e-mail taken"                               // under the same root org
	NotVerified               Refusal = "webhook not verified"                       // its URL did not answer the handshake
	BlockedAddress            Refusal = "blocked address"                            // the URL leads where Souk does not send
	TooManyTargets            Refusal = "too many targets"                           // more orgs than one call may name
	UnknownInstallation       Refusal = "unknown installation"                       //
	UnknownShare              Refusal = "unknown share"                              //
	UnknownPartnership        Refusal = "unknown partnership"                        //
	UnknownInvitation         Refusal = "unknown invitation"                         //
	UnknownAsset              Refusal = "unknown asset"                              //
	NotAppProvider            Refusal = "not an app provider"                        // the org may not publish
	NotPartner                Refusal = "not a partner"                              // an app is shared with partners only
	AlreadyShared             Refusal = "already shared"                             //
	AlreadyPartners           Refusal = "already partners"                           //
	AlreadyInvited            Refusal = "already invited"                            // by either of the two
	TooManyWebhooks           Refusal = "too many webhooks"                          // of one app
	KeyReused                 Refusal = "idempotency key reused"                     // with another input
	WrongPassword             Refusal = "wrong e-mail or password"                   // of an account that may sign in, or of none
	WrongSecret               Refusal = "wrong app secret"                           // or no such app
	SpentCode                 Refusal = "spent code"                                 // used before, or never one
	ExpiredCode               Refusal = "expired code"                               //
	BadRedirect               Refusal = "redirect not allowed"                       // not one of the app's, exactly
	UnknownGrant              Refusal = "unknown grant"                              //
	NoTrigger                 Refusal = "no trigger"                                 // the app has no trigger URL, or not on this condition
	NotAuthorized             Refusal = "not authorized by the person"               // an app speaks only for those who let it
	TooManyTokens             Refusal = "too many tokens"                            // of one person or app user
	WebhookInactive           Refusal = "webhook not active"                         // unverified, paused or disabled
	DeliveryOpen              Refusal = "delivery not over"                          // still to be delivered, or held
	InstallationOver          Refusal = "installation over"                          // what justified a delivery has ended
	NoOwnSecret               Refusal = "no secret of its own"                       // the webhook signs with the app's
	UnknownReplay             Refusal = "unknown replay"                             //
	UnknownSecret             Refusal = "unknown secret"                             // none that was replaced answers any more
	ChangedTooOften           Refusal = "changed too often"                          // a secret, within a quarter of an hour
	ReplayGoesOn              Refusal = "another replay goes on"                     // to this webhook
	UnknownGroup              Refusal = "unknown group"                              //
)

// Refusals lists them all, for the tests that hold each wire's table whole.
func Refusals() []Refusal {
	return []Refusal{
		UnknownToken, NotAllowed, NeedsPerson, UnknownOrg, UnknownApp, UnknownRequest, UnknownUser, UnknownWebhook,
		UnknownDelivery, UnknownScope, OrgNotGranted, RequestResolved, AlreadyPending, AlreadyInstalled,
		RestrictedForAsker, ClosedToRequests, ApprovalNeeded, CustomIntegrationNeedsReq,
		CustomIntegrationAtTop, CertifiedNeedsEnterprise, RestrictedAtEnterprise, NoResolution,
		OwnersOnly, TermsNotAccepted, NoAppsFeature, NoSubscription, MustRevokeOrgWide, ProtectedApp,
		LastOwner, EmailTaken, NotVerified, BlockedAddress, TooManyTargets,
		UnknownInstallation, UnknownShare, UnknownPartnership, UnknownInvitation, UnknownAsset,
		NotAppProvider, NotPartner, AlreadyShared, AlreadyPartners, AlreadyInvited, TooManyWebhooks, KeyReused,
		WrongPassword, WrongSecret, SpentCode, ExpiredCode, BadRedirect, UnknownGrant, NoTrigger, NotAuthorized, TooManyTokens,
		WebhookInactive, DeliveryOpen, InstallationOver, NoOwnSecret, UnknownReplay, ReplayGoesOn,
		UnknownGroup, UnknownSecret, ChangedTooOften,
	}
}

// Problem is one field that cannot be accepted.
type Problem struct {
	Field  string // as the input names it, such as "reason" or "scopes[2]"
	Reason string // a sentence for whoever wrote it
}

// Invalid is bad input: every problem at once.
type Invalid []Problem

// Error lists the problems.
func (v Invalid) Error() string {
	var b strings.Builder
	for i, p := range v {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(p.Field + ": " + p.Reason)
	}
	return b.String()
}

// Refuses marks bad input as an answer.
func (v Invalid) Refuses() {}

// Dead is the refusal of a token that was known and no longer answers.
type Dead struct {
	Kind  TokenKind
	Cause Death
}

// Error names the cause and never the token.
func (d Dead) Error() string { return "token is dead: " + string(d.Cause) }

// Refuses marks a dead token as an answer.
func (d Dead) Refuses() {}

// IsRefusal reports whether r is one of Refusals.
func IsRefusal(r Refusal) bool { return slices.Contains(Refusals(), r) }
