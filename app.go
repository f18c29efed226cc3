package souk

import (
	"slices"
	"time"
)

// AppKind tells where an app comes from.
type AppKind string

// A custom integration is made by a workspace for itself and is not
// distributed; a built-in app comes with the host product.
const (
	ThirdParty        AppKind = "third_party"
	CustomIntegration AppKind = "custom_integration"
	BuiltIn           AppKind = "built_in"
)

// Listing is how far an app is on its way into the public catalogue.
type Listing string

// The owner's wish for publicity makes it Submitted, the operator's review
// makes it Listed.
const (
	Draft     Listing = "draft"
	Submitted Listing = "submitted"
	Listed    Listing = "listed"
)

// App is what gets listed, asked for and installed.
type App struct {
	ID          ID
	Owner       ID // org
	Name        string
	Description string
	Kind        AppKind
	Listing     Listing
	Suspended   bool // by the operator, reversible
	Certified   bool // a mark of the operator's: under an enterprise only the enterprise approves it
	Protected   bool // nobody but the operator uninstalls it, see IsProtected

	IsAvailableToAnyone   bool // the owner's wish; public is this and Listed
	IsAvailableToPartners bool
	IsAppUserRequired     bool
	AppUser               AppUserNames // defaults for the app user of an installation

	Links        Links
	TriggerURL   string
	Triggers     []string // conditions on which TriggerURL is called
	RedirectURIs []string

	RequiredScopes Scopes // giosg's: asked for at installation
	BotScopes      Scopes // Slack's
	UserScopes     Scopes // Slack's

	Zoom ZoomListing
	Icon ID // an asset of the owner's, or none

	CreatedBy ID // user, or none
	UpdatedBy ID // user, or none
	CreatedAt time.Time
	UpdatedAt time.Time
	DeletedAt time.Time // zero while the app exists
}

// AppUserNames are the names of the bot user that an installation brings.
type AppUserNames struct{ FirstName, LastName, Alias string }

// Links are the app's pages; empty where there is none.
type Links struct {
	Homepage       string
	Directory      string
	Documentation  string
	Support        string
	TermsOfService string
	PrivacyPolicy  string
}

// ZoomListing is what only Zoom's wire shows of an app.
type ZoomListing struct {
	AppType       string
	MinClient     string
	UserRole      string
	PremiumEvents []string
	AccountTypes  []string
}

// Asks is everything that a asks for, as one set.
func (a App) Asks() Scopes { return a.RequiredScopes.Union(a.BotScopes).Union(a.UserScopes) }

// IsPublic reports whether everybody sees a: its owner wishes so and the
// operator listed it.
func (a App) IsPublic() bool { return a.IsAvailableToAnyone && a.Listing == Listed }

// IsProtected reports whether only the operator may uninstall a: it is marked
// so, or it administers apps.
func (a App) IsProtected() bool { return a.Protected || slices.ContainsFunc(a.Asks(), isAdminScope) }

// NeedsTerms reports whether whoever installs a must accept terms first.
func (a App) NeedsTerms() bool { return a.Links.TermsOfService != "" || a.Links.PrivacyPolicy != "" }

// Credentials are an app's names and secrets on each wire. Secrets are sealed
// where they rest and shown only to whoever made them.
type Credentials struct {
	App                    ID
	GiosgSecret            string // 40 hex
	SlackClientID          string // digits.digits, at most 32 characters
	SlackClientSecret      string // 32 hex
	SlackSigningSecret     string // 32 hex
	SlackVerificationToken string // 24 alphanumerics, deprecated by Slack and still sent
	ZoomClientID           string // 22 base64url
	ZoomClientSecret       string
	ZoomWebhookSecret      string
	ZoomVerificationToken  string // deprecated by Zoom; "": none is sent, as for every new app

	ZoomOldClientSecret   string    // answers beside ZoomClientSecret before ZoomOldUntil
	ZoomOldUntil          time.Time //
	ZoomRotation          Rotation  // of the client secret
	ZoomNextWebhookSecret string    // signs instead of ZoomWebhookSecret from ZoomSwitchAt on
	ZoomSwitchAt          time.Time // zero: there is no next one
}

// Rotation is how a secret came to be replaced.
type Rotation struct {
	ID      ID           // of the secret that came; none: it is the first
	At      time.Time    // when it came
	Changes [3]time.Time // when anything of this was decided last, the latest first
}

// OldZoomSecret is the client secret that answers beside the present one at a
// time, or "".
func (c Credentials) OldZoomSecret(at time.Time) string {
	if !at.Before(c.ZoomOldUntil) {
		return ""
	}
	return c.ZoomOldClientSecret
}

// ZoomSigner is the secret token that signs what is sent to a webhook of Zoom's
// wire at a time.
func (c Credentials) ZoomSigner(at time.Time) string {
	if c.ZoomNextWebhookSecret != "" && !at.Before(c.ZoomSwitchAt) {
		return c.ZoomNextWebhookSecret
	}
	return c.ZoomWebhookSecret
}

// Share says that App may be installed by Org.
type Share struct {
	ID        ID
	App, Org  ID
	CreatedBy ID // user, or none
	CreatedAt time.Time
}

// TriggerConditions are the words on which an app's trigger URL may be called,
// in order (docs/dialects/giosg.md, "Owned apps").
var TriggerConditions = []string{
	"chat_close", "chat_end", "chat_end_with_msgs", "chat_focus", "chat_open", "chat_start",
	"console_load", "install", "manual_dialog", "manual_nav", "setup", "uninstall",
}

// Right is one reason why an org sees an app. The verbs keep them as rows, so
// that "who sees it" and "who loses it" are one query.
type Right struct {
	App ID
	To  Grantee
	Org ID // the owner, the org shared with, or the org whose partners are meant; of everyone the owner
}

// Grantee is whom a Right speaks of.
type Grantee string

// An app is seen by its owner, by orgs it was shared with, by its owner's
// partners, or by everyone.
const (
	ToOwner    Grantee = "owner"
	ToShared   Grantee = "shared"
	ToPartners Grantee = "partners"
	ToEveryone Grantee = "everyone"
)
