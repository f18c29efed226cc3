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
