package souk

import (
	"encoding/binary"
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
	Webhook      ID
	App          ID
	NextAt       time.Time
	CheckedAt    time.Time // last
	FailingSince time.Time // the first failure after the last success; zero while it is well
	Failures     int       // in a row
	Why          string    // of the last failure, for people
}

// CheckEvery is how long a webhook's URL goes on counting as its app's, and
// checkSpread how much sooner some are asked again, so that those that were saved
// together are not asked together.
const (
	CheckEvery  = 72 * time.Hour
	checkSpread = time.Hour
)

// Checked is when a webhook that was asked at a time is asked next: by its ID a
// little sooner than CheckEvery.
func (w Webhook) Checked(at time.Time) time.Time {
	return at.Add(CheckEvery - time.Duration(binary.BigEndian.Uint16(w.ID[14:]))*checkSpread/(1<<16))
}

// After so many failures of its checks in a row those who look after a webhook
// are warned, and then it is disabled (docs/dialects/zoom.md, "URL validation").
const (
	FirstCheckWarning  = 2
	SecondCheckWarning = 4
	MostCheckFailures  = 6
)

// IsChecked reports whether the URL of w is asked again and again whether it is
// its app's.
func (w Webhook) IsChecked() bool {
	return w.Dialect == Zoom && w.Source != Deauthorization && w.Status == WebhookActive && w.DeletedAt.IsZero()
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
