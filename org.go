package souk

import (
	"net/netip"
	"time"
)

// OrgKind tells an enterprise from a workspace.
type OrgKind string

// An enterprise holds workspaces; a workspace stands alone or under one
// enterprise.
const (
	Enterprise OrgKind = "enterprise"
	Workspace  OrgKind = "workspace"
)

// Org is an organization that people and apps belong to. giosg calls any org
// an organization; Slack calls an enterprise E… and a workspace a team T…;
// Zoom's account is the root org.
type Org struct {
	ID         ID
	Kind       OrgKind
	Enterprise ID // of a workspace under one, else none
	Name       string
	Domain     string // short name that faces show, such as "acme"
	Policy     Policy // empty: inherited, see PolicyOf
	Contact    Contact
	Entitlements
	Switches
	CreatedAt time.Time
	UpdatedAt time.Time
	ClosedAt  time.Time // zero while the org lives
}

// Contact is how an org is reached; empty where nothing is known.
type Contact struct {
	Email, Phone             string
	Street, PostalCode, City string
	Country                  string // two lower-case letters
	BusinessID               string
}

// Root is the org at the top: the enterprise, or the workspace itself when it
// stands alone. Cases, audit chains and locks are per root.
func (o Org) Root() ID {
	if o.Enterprise.IsZero() {
		return o.ID
	}
	return o.Enterprise
}

// Policy is how the members of an org get apps that nobody has decided about.
type Policy string

// With Open whoever holds settings may install and others ask; with Approval
// everybody asks; with Closed nobody can.
const (
	Open     Policy = "open"
	Approval Policy = "approval"
	Closed   Policy = "closed"
)

// PolicyOf is the policy that holds at org: its own, else its enterprise's,
// else Open. For an org without an enterprise pass the zero Org.
func PolicyOf(org, enterprise Org) Policy {
	switch {
	case org.Policy != "":
		return org.Policy
	case enterprise.Policy != "":
		return enterprise.Policy
	}
	return Open
}

// Entitlements are set by the platform operator.
type Entitlements struct {
	HasActiveSubscription bool // without it nothing is delivered for the org
	HasAppsFeature        bool // without it nothing can be installed
	IsAppProvider         bool // with it the org may publish apps
}

// DefaultEntitlements are those of an org about which nothing was said.
var DefaultEntitlements = Entitlements{HasActiveSubscription: true, HasAppsFeature: true}

// Switches govern the administration of an org. Those of an enterprise hold
// for the workspaces below it.
type Switches struct {
	AdminAPI            bool           // admin calls are on
	ClearOwnersOnly     bool           // only owners may clear a resolution
	UninstallOwnersOnly bool           // only owners may uninstall
	AdminNetworks       []netip.Prefix // where admin calls may come from; none: anywhere
	SecondFactor        bool           // admins must have a second factor enrolled
	Moving              Moving
}

// DefaultSwitches are those of an org about which nothing was said.
var DefaultSwitches = Switches{AdminAPI: true, Moving: NotMoving}

// Moving tells how far a workspace is on its way into an enterprise.
type Moving string

// While it is being moved a workspace is first readable, then locked.
const (
	NotMoving Moving = "no"
	Readable  Moving = "readable"
	Locked    Moving = "locked"
)

// Partnership is the mutual trust of two orgs.
type Partnership struct {
	A, B         ID     // A < B
	NameA, NameB string // what each calls the other for itself: A calls B NameA
	CreatedAt    time.Time
}

// Invitation asks an org to become a partner. It ends when it is accepted,
// declined or taken back.
type Invitation struct {
	ID        ID
	From, To  ID
	CreatedBy ID // user, or none
	CreatedAt time.Time
}
