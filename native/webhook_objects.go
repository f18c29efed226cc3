package native

import (
	"souk"
	"souk/market"
)

type webhookObject struct {
	identifier
	App       names              `json:"app"`
	Dialect   souk.Dialect       `json:"dialect"`
	URL       string             `json:"url"`
	Events    []string           `json:"events"`
	Channels  []channelObject    `json:"channels"` // of a dialect that has them, instead of events
	Status    souk.WebhookStatus `json:"status"`
	CreatedAt string             `json:"created_at"`
	UpdatedAt string             `json:"updated_at"`

	DisabledAt  *string `json:"disabled_at"`
	DisabledWhy *string `json:"disabled_reason"`

	// Of Zoom's wire alone, else null.
	Name        *string      `json:"name"`
	Auth        *authObject  `json:"auth,omitempty"` // in no event
	Reach       *string      `json:"reach"`
	Environment *string      `json:"environment"`
	Source      *string      `json:"source"`
	Accounts    []identifier `json:"accounts"`
	Extended    *bool        `json:"extended"`
}

// authObject is the header of a webhook; souk.Masked stands for each secret.
type authObject struct {
	Kind         souk.AuthKind `json:"kind"`
	Username     string        `json:"username,omitempty"`
	Password     string        `json:"password,omitempty"`
	ClientID     string        `json:"client_id,omitempty"`
	ClientSecret string        `json:"client_secret,omitempty"`
	TokenURL     string        `json:"token_url,omitempty"`
	Scope        string        `json:"scope,omitempty"`
	State        string        `json:"state,omitempty"`
	InBody       bool          `json:"client_in_body,omitempty"`
	Key          string        `json:"key,omitempty"`
	Value        string        `json:"value,omitempty"`
}

// webhookState is a webhook with how it fares.
type webhookState struct {
	webhookObject
	Health healthObject  `json:"health"`
	Checks *checksObject `json:"validation"` // null where the URL is asked once and not again
}

// checksObject is how the URL of a webhook answers that is asked again and again
// whether it is its app's.
type checksObject struct {
	NextAt       string  `json:"next_at"`
	CheckedAt    *string `json:"checked_at"`
	FailingSince *string `json:"failing_since"`
	Failures     int     `json:"failures"`
	Why          *string `json:"reason"`
}

func showChecks(c souk.Checks) *checksObject {
	if c.Webhook.IsZero() {
		return nil
	}
	return &checksObject{stamp(c.NextAt), moment(c.CheckedAt), moment(c.FailingSince), c.Failures, optional(c.Why)}
}

type healthObject struct {
	State        healthState `json:"state"`
	FailingSince *string     `json:"failing_since"`
	Failures     int         `json:"failures"` // since then
	LastSuccess  *string     `json:"last_success"`
	ProbeAt      *string     `json:"next_probe_at"` // while the state is open
	Deadline     *string     `json:"disabled_at_latest"`
}

// healthState is how an endpoint fares, in one word.
type healthState string

const (
	healthy  healthState = "healthy"
	failing  healthState = "failing"   // the last attempt failed
	isOpen   healthState = "open"      // so many did that none is made for a while
	halfOpen healthState = "half_open" // one is made, to see
)

func showHealth(s market.WebhookState) healthObject {
	h := s.Health
	state := healthy
	switch {
	case h.Breaker == souk.BreakerOpen:
		state = isOpen
	case h.Breaker == souk.BreakerHalfOpen:
		state = halfOpen
	case !h.FailingSince.IsZero():
		state = failing
	}
	return healthObject{state, moment(h.FailingSince), h.Failures, moment(h.SucceededAt), moment(h.ProbeAt), moment(s.Deadline)}
}

// channelObject is what a webhook wants to be told of the channels that match a
// pattern.
type channelObject struct {
	Pattern   souk.Pattern `json:"pattern"`
	Additions bool         `json:"additions"`
	Changes   bool         `json:"changes"`
	Removals  bool         `json:"removals"`
}

func showWebhook(w souk.Webhook) webhookObject {
	shown := webhookObject{
		identifier: identifier{w.ID.String()}, App: spell(slackApp, w.App), Dialect: w.Dialect, URL: w.URL,
		Events: append([]string{}, w.Events...), Channels: each(w.Channels, func(s souk.Subscription) channelObject { return channelObject(s) }),
		Status: w.Status, CreatedAt: stamp(w.CreatedAt), UpdatedAt: stamp(w.UpdatedAt),
		DisabledAt: moment(w.DisabledAt), DisabledWhy: optional(w.DisabledWhy),
		Accounts: each(w.Accounts, func(id souk.ID) identifier { return identifier{id.String()} }),
	}
	if w.Dialect == souk.Zoom {
		shown.Name, shown.Reach, shown.Environment = &w.Name, optional(string(w.Reach)), optional(string(w.Environment))
		shown.Source, shown.Extended = optional(string(w.Source)), &w.Extended
	}
	if w.Auth.Kind != souk.NoAuth {
		auth := authObject(w.Auth)
		shown.Auth = &auth
	}
	return shown
}

type deliveryObject struct {
	identifier
	Event        names          `json:"event"`
	Kind         souk.EventKind `json:"kind"`
	Installation *identifier    `json:"installation"`
	Channel      *string        `json:"channel"`
	Action       *string        `json:"action"`
	Resource     *string        `json:"resource_id"`
	progressObject
}

// progressObject is how far a delivery got.
type progressObject struct {
	Status      souk.DeliveryStatus `json:"status"`
	Attempts    int                 `json:"attempts"`
	LastOutcome *string             `json:"last_outcome"`
	NextAt      *string             `json:"next_attempt_at"`
	CreatedAt   string              `json:"created_at"`
	EndedAt     *string             `json:"ended_at"`
	Note        string              `json:"note"`
}

func showProgress(d souk.Delivery) progressObject {
	return progressObject{
		Status: d.Status, Attempts: d.Attempts, LastOutcome: optional(string(d.LastOutcome)),
		NextAt: moment(d.NextAt), CreatedAt: stamp(d.CreatedAt), EndedAt: moment(d.EndedAt), Note: d.Note,
	}
}

func showDelivery(v market.DeliveryView) deliveryObject {
	return deliveryObject{
		identifier: identifier{v.ID.String()}, Event: spell(slackEvent, v.Event), Kind: v.Kind,
		Installation: identified(v.Installation),
		Channel:      optional(string(v.Channel)), Action: optional(string(v.Action)), Resource: optional(v.Resource),
		progressObject: showProgress(v.Delivery),
	}
}

type attemptObject struct {
	identifier
	Number    int          `json:"number"`
	URL       string       `json:"url"`
	Outcome   souk.Outcome `json:"outcome"`
	Status    *int         `json:"status"` // null when none came
	Answer    string       `json:"answer"`
	Detail    string       `json:"detail"`
	StartedAt string       `json:"started_at"`
	Duration  int64        `json:"duration_us"`
}

func showAttempt(a souk.Attempt) attemptObject {
	var status *int
	if a.Status != 0 {
		status = &a.Status
	}
	return attemptObject{identifier{a.ID.String()}, a.Number, a.URL, a.Outcome, status, a.Answer, a.Detail,
		stamp(a.StartedAt), a.Duration.Microseconds()}
}
