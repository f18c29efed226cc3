package souk

import "time"

// InstallationKind tells how far an installation reaches.
type InstallationKind string

// An org-wide installation belongs to an enterprise and reaches the workspaces
// that were granted to it by name.
const (
	OnWorkspace InstallationKind = "workspace"
	OrgWide     InstallationKind = "org_wide"
)

// InstallationStatus is whether an installation is in effect.
type InstallationStatus string

// A suspended installation counts as live; an ended one never comes back.
const (
	InstallationActive    InstallationStatus = "active"
	InstallationSuspended InstallationStatus = "suspended"
	InstallationEnded     InstallationStatus = "ended"
)

// Installation is an app in effect at an org.
type Installation struct {
	ID          ID
	App         ID
	Org         ID
	Kind        InstallationKind
	Status      InstallationStatus
	Scopes      Scopes // a snapshot of what the app asked for
	InstalledBy ID
	AppUser     ID // none when the app needs none
	CreatedAt   time.Time
	UpdatedAt   time.Time
	EndedAt     time.Time
}

// Live reports whether i holds its place: nothing else can be installed there.
func (i Installation) Live() bool { return i.Status != InstallationEnded }

// GrantStatus is whether a grant holds.
type GrantStatus string

// A revoked grant never comes back. One that is disabled is active, and silent
// until it is enabled again.
const (
	GrantActive  GrantStatus = "active"
	GrantRevoked GrantStatus = "revoked"
)

// Grant is a user's permission for an installed app to act for them at one org.
// Installing makes the installer's. At an enterprise it holds for the workspaces
// that are reached, too.
type Grant struct {
	ID           ID
	User         ID
	Installation ID
	Org          ID // where it holds; of a new one none means the installation's own
	Scopes       Scopes
	Status       GrantStatus
	CreatedAt    time.Time
	DisabledAt   time.Time // by those who decide there; zero while it is enabled
	RevokedAt    time.Time
}
