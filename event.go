package souk

import "time"

// EventKind names what became true. The native face sends these words as they
// are; other dialects have their own or none.
type EventKind string

// The events of the verbs that exist.
const (
	RequestCreated       EventKind = "request.created"
	RequestWithdrawn     EventKind = "request.cancelled"
	RequestVoided        EventKind = "request.voided"
	CaseApproved         EventKind = "case.approved"
	CaseDeclined         EventKind = "case.declined"
	ResolutionApproved   EventKind = "resolution.approved"
	ResolutionRestricted EventKind = "resolution.restricted"
	ResolutionCleared    EventKind = "resolution.cleared"
	InstallationAdded    EventKind = "installation.added"
	InstallationChanged  EventKind = "installation.changed"
	InstallationRemoved  EventKind = "installation.removed"
	GrantWasRevoked      EventKind = "grant.revoked"
	GrantWasDisabled     EventKind = "grant.disabled"
	GrantWasEnabled      EventKind = "grant.enabled"
	OrgAdded             EventKind = "organization.added"
	OrgChanged           EventKind = "organization.changed"
	PartnershipAdded     EventKind = "partnership.added"   // at each of the two; the subject is the other
	PartnershipChanged   EventKind = "partnership.changed" // what one calls the other, told there alone
	PartnershipRemoved   EventKind = "partnership.removed"
	InvitationAdded      EventKind = "invitation.added" // at each of the two; the subject is the invitation
	InvitationRemoved    EventKind = "invitation.removed"
	AssetAdded           EventKind = "asset.added"
	AssetRemoved         EventKind = "asset.removed"
	AppAdded             EventKind = "app.added"
	AppChanged           EventKind = "app.changed"
	AppRemoved           EventKind = "app.removed"
	ShareAdded           EventKind = "share.added" // at the owner; the subject is the org that may install it now
	ShareRemoved         EventKind = "share.removed"
	AppSuspended         EventKind = "app.suspended"
	AppResumed           EventKind = "app.resumed"
	PolicyChanged        EventKind = "policy.changed"
	UserAdded            EventKind = "user.added"
	UserChanged          EventKind = "user.changed"
	UserDeactivated      EventKind = "user.deactivated"
	MembershipChanged    EventKind = "membership.changed"
	WebhookAdded         EventKind = "webhook.added"
	WebhookChanged       EventKind = "webhook.changed"
	WebhookRemoved       EventKind = "webhook.removed"
	WebhookFailing       EventKind = "webhook.failing"   // nothing sent to it has succeeded for a while
	WebhookWasDisabled   EventKind = "webhook.disabled"  // by Souk
	WebhookWasEnabled    EventKind = "webhook.enabled"   // after it was disabled, paused or unverified
	WebhookTested        EventKind = "webhook.tested"    // recorded, and told to nobody
	ChannelPublished     EventKind = "channel.published" // by the host product
)

// EventKinds are all there are.
var EventKinds = []EventKind{
	RequestCreated, RequestWithdrawn, RequestVoided, CaseApproved, CaseDeclined,
	ResolutionApproved, ResolutionRestricted, ResolutionCleared,
	InstallationAdded, InstallationChanged, InstallationRemoved, GrantWasRevoked, GrantWasDisabled, GrantWasEnabled,
	OrgAdded, OrgChanged, PartnershipAdded, PartnershipChanged, PartnershipRemoved,
	InvitationAdded, InvitationRemoved, AssetAdded, AssetRemoved,
	AppAdded, AppChanged, AppRemoved, ShareAdded, ShareRemoved,
	AppSuspended, AppResumed, PolicyChanged, UserAdded, UserChanged, UserDeactivated, MembershipChanged,
	WebhookAdded, WebhookChanged, WebhookRemoved,
	WebhookFailing, WebhookWasDisabled, WebhookWasEnabled, WebhookTested, ChannelPublished,
}

// Event is something that became true; append-only.
type Event struct {
	ID      ID
	Kind    EventKind
	Root    ID // root org of Org
	Org     ID // where it happened
	App     ID // that it is about, or none
	Subject ID // the request, case, resolution, installation, user, … it is about
	At      time.Time
	Data    *EventData // never nil; events of one verb may share it
	Test    bool       // made up to try an endpoint: in no table, and told to that one alone
}

// SampleID is the ID of whatever a test event speaks of and there is not: it is
// nobody's, so receivers can tell by it that nothing happened.
var SampleID = ID{6: 0x70, 8: 0x80, 15: 0x01}

// Failing is how a webhook fares that nothing reaches.
type Failing struct {
	Why      string    // for people
	Since    time.Time // the first failure after the last success
	Failures int       // attempts since then
	Deadline time.Time // when it will be disabled if nothing succeeds; zero when it is, or when that is not in sight
}

// EventData is all that any encoder needs of the marketplace, as it was when
// the event happened.
type EventData struct {
	App          *App          `json:",omitempty"`
	Org          *Org          `json:",omitempty"`
	Enterprise   *Org          `json:",omitempty"` // above Org
	Actor        *User         `json:",omitempty"` // who did it, when a person did
	User         *User         `json:",omitempty"` // who it is about
	Case         *Case         `json:",omitempty"`
	Request      *Request      `json:",omitempty"`
	Settled      []Request     `json:",omitempty"` // by a decision, the named one first; each says how it was answered
	Overturned   []Request     `json:",omitempty"` // that had been approved and are declined now
	Everyone     bool          `json:",omitempty"` // of case.*: the decision was for everyone at the root org
	Askers       []User        `json:",omitempty"` // of case.*: whose requests those are, in the order in which they asked; none of a decision for everyone that settled more than a thousand's
	Groups       []string      `json:",omitempty"` // of request.created: the names of User's groups
	Again        bool          `json:",omitempty"` // of request.created: User already waits for an answer in this case
	Client       string        `json:",omitempty"` // of grant.revoked: the app's client id on Zoom's wire
	Resolution   *Resolution   `json:",omitempty"`
	Previous     *Resolution   `json:",omitempty"` // last answer for everyone before this, see domain "previous resolution"
	Ended        []Resolution  `json:",omitempty"` // that this ended
	Installation *Installation `json:",omitempty"`
	Workspaces   []ID          `json:",omitempty"` // an org-wide installation's, after the event
	Grant        *Grant        `json:",omitempty"`
	Membership   *Membership   `json:",omitempty"`
	Webhook      *Webhook      `json:",omitempty"` // without its secret
	Failing      *Failing      `json:",omitempty"` // that webhook, when nothing reaches it
	Share        *Share        `json:",omitempty"`
	Partnership  *Partnership  `json:",omitempty"`
	Invitation   *Invitation   `json:",omitempty"`
	Asset        *Asset        `json:",omitempty"`
	Other        *Org          `json:",omitempty"` // of a share, a partnership or an invitation: whom it ties Org to
	Publication  *Publication  `json:",omitempty"`
	Catalogue    []Scope       `json:",omitempty"` // entries of all scopes named above
	Before       *EventData    `json:",omitempty"` // what a change found: the noun that it is about
}

// ScopeNamed finds name in the event's catalogue; a scope that is not there
// comes back with its name alone.
func (d EventData) ScopeNamed(name string) Scope {
	for _, s := range d.Catalogue {
		if s.Name == name {
			return s
		}
	}
	return Scope{Name: name}
}
