package souk

import (
	"strings"
	"time"
)

// Dialect is the wire in which an endpoint is told things.
type Dialect string

// The dialects. Those of giosg and Zoom are named here because webhooks carry
// the word; their packages bring what they say.
const (
	Native Dialect = "native"
	Slack  Dialect = "slack"
	Giosg  Dialect = "giosg"
	Zoom   Dialect = "zoom"
)

// TriggerCall is the dialect of deliveries that are calls of an app's trigger
// URL. No webhook has it: the endpoint is the app, and Delivery.Webhook its ID.
const TriggerCall Dialect = "trigger"

// WebhookStatus is whether a webhook is told anything.
type WebhookStatus string

// Only an active webhook gets deliveries. An unverified one has not answered
// its dialect's handshake yet; a paused one was stopped by its owner, a
// disabled one by Souk.
const (
	WebhookActive     WebhookStatus = "active"
	WebhookUnverified WebhookStatus = "unverified"
	WebhookPaused     WebhookStatus = "paused"
	WebhookDisabled   WebhookStatus = "disabled"
)

// Webhook is a URL of an app that is told about events by name.
type Webhook struct {
	ID        ID
	App       ID
	Dialect   Dialect
	URL       string
	Events    []string       // sorted names as the dialect spells them
	Channels  []Subscription // giosg: in the order in which they were given
	Status    WebhookStatus
	Secret    string `json:"-"` // native: whsec_…; sealed where it rests, in no event and no audit entry
	OldSecret string `json:"-"` // signs beside Secret until OldUntil, after a rotation; sealed too
	OldUntil  time.Time
	Epoch     int64 // raised to end, or skip, all deliveries that are older
	CreatedBy ID    // user, or none
	UpdatedBy ID    // user, or none
	CreatedAt time.Time
	UpdatedAt time.Time
	DeletedAt time.Time

	DisabledAt  time.Time // while Status is disabled
	DisabledWhy string    // for people; empty unless disabled

	// What follows only webhooks of Zoom's wire have
	// (docs/dialects/zoom.md, "Event subscriptions").
	Name        string      `json:",omitempty"`
	Auth        Auth        `json:"-"` // sealed where it rests, in no event and no audit entry
	Reach       HookReach   `json:",omitempty"`
	Environment Environment `json:",omitempty"`
	Source      Source      `json:",omitempty"`
	Accounts    []ID        `json:",omitempty"` // root orgs that it hears of, in order; none: of all where the app is installed
	Extended    bool        `json:",omitempty"` // events of requests tell the ids, too
}

// AuthKind is the way in which requests to a webhook prove themselves beside
// their signature.
type AuthKind string

// The ways (docs/dialects/zoom.md, "Header options").
const (
	NoAuth     AuthKind = ""
	BasicAuth  AuthKind = "basic"
	OAuthAuth  AuthKind = "oauth"
	CustomAuth AuthKind = "custom"
)

// Auth is the header that requests to a webhook carry. The zero value adds none.
type Auth struct {
	Kind AuthKind

	Username, Password string // of basic

	// Of oauth: where a token is fetched, and as whom.
	ClientID, ClientSecret, TokenURL, Scope, State string
	InBody                                         bool // the client says who it is in the body

	Key, Value string // of custom
}

// Masked is what is shown instead of a secret.
const Masked = "********"

// Masked is a as it may be shown: without what nobody else may know.
func (a Auth) Masked() Auth {
	for _, secret := range []*string{&a.Password, &a.ClientSecret, &a.Value} {
		if *secret != "" {
			*secret = Masked
		}
	}
	return a
}

// HookReach is whose events a webhook hears.
type HookReach string

// Of some users, of an account, or of an account and those below it.
const (
	UserReach    HookReach = "user"
	AccountReach HookReach = "account"
	MasterReach  HookReach = "master_account"
)

// Environment is whether a webhook hears while its app is published, or while it
// is not; the empty one always.
type Environment string

// The environments.
const (
	Development Environment = "development"
	Production  Environment = "production"
)

// Hears reports whether a webhook of environment e is told anything of an app.
func (e Environment) Hears(a App) bool {
	return e == "" || (e == Production) == (a.Listing == Listed)
}

// Source is where a webhook comes from.
type Source string

// Webhooks of Zoom's wire are made by people (or the native API), or by the app
// over Zoom's API; and one is where an app is told that an authorization ended.
const (
	FromPeople      Source = "default"
	FromAPI         Source = "openapi"
	Deauthorization Source = "deauthorization"
)

// Checks is how the URL of a webhook answered when it was asked, after it was
// saved, whether it is still its app's.
type Checks struct {
	Webhook   ID
	App       ID
	NextAt    time.Time
	CheckedAt time.Time // last; zero: never since it was saved
	Failures  int       // in a row
	Why       string    // of the last failure, for people
}

// PlainURL is a URL without its query and fragment, which hold what a receiver
// knows its sender by: all of it that others are shown.
func PlainURL(url string) string {
	if i := strings.IndexAny(url, "?#"); i >= 0 {
		return url[:i]
	}
	return url
}

// MaxURL bounds a webhook's URL, in bytes.
const MaxURL = 2000

// Endpoint is a webhook together with the installation that justifies telling
// it something.
type Endpoint struct {
	Webhook      Webhook
	Installation Installation // zero when the app hears of itself as its owner's
	Enterprise   ID           // that Installation belongs to or lies under, or none
}
