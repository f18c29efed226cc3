package giosg

import (
	"encoding/json"
	"slices"

	"souk"
)

var logRoutes = []route{
	{"GET", "/orgs/{org}/owned_apps/{app}/webhook_log_entries", (*Handler).listLog, orgRead},
}

// logEntry is one request to a webhook: made, to come, or never made.
type logEntry struct {
	CreatedAt          string          `json:"created_at"`
	AppID              souk.ID         `json:"app_id"`
	OrganizationID     souk.ID         `json:"organization_id"`
	WebhookID          souk.ID         `json:"webhook_id"`
	EndpointURL        string          `json:"endpoint_url"`
	Action             souk.Action     `json:"action"`
	ResourceID         string          `json:"resource_id"`
	Channel            souk.Channel    `json:"channel"`
	Status             souk.LogStatus  `json:"status"`
	RetryIndex         int             `json:"retry_index"`
	Reason             *string         `json:"reason"`
	ResponseStatusCode *int            `json:"response_status_code"`
	ResponseBody       *string         `json:"response_body"`
	ResponseHeaders    json.RawMessage `json:"response_headers"`
	Duration           *int64          `json:"duration"` // ms
	CompletedAt        *string         `json:"completed_at"`
}

// showLogEntry spells an entry of the log of an app of an organization.
func showLogEntry(e souk.LogEntry, org souk.ID) logEntry {
	shown := logEntry{
		CreatedAt: stamp(e.CreatedAt), AppID: e.App, OrganizationID: org, WebhookID: e.Webhook,
		EndpointURL: e.URL, Action: e.Action, ResourceID: e.Resource, Channel: e.Channel,
		Status: e.Status, RetryIndex: e.Retry, Reason: reason(e), CompletedAt: moment(e.CompletedAt),
	}
	if e.Outcome != "" {
		ms := e.Duration.Milliseconds()
		shown.Duration = &ms
	}
	if e.ResponseStatus != 0 {
		shown.ResponseStatusCode, shown.ResponseBody = &e.ResponseStatus, &e.Answer
		shown.ResponseHeaders = json.RawMessage(e.Headers)
	}
	return shown
}

// reasons are why requests fail (docs/dialects/giosg.md, "Webhook log"). One that
// Souk cannot prepare has not failed: it is still to be made.
var reasons = map[souk.Outcome]string{
	souk.Blocked:        "blocked_address",
	souk.BadName:        "dns_error",
	souk.NoConnection:   "connection_error",
	souk.HungUp:         "connection_error",
	souk.WriteFailed:    "connection_error",
	souk.BadAnswer:      "connection_error",
	souk.BadTLS:         "tls_error",
	souk.BadCertificate: "tls_error",
	souk.WrongHost:      "tls_error",
	souk.HeaderTimeout:  "timeout",
	souk.BodyTimeout:    "http_status",
	souk.BadStatus:      "http_status",
	souk.TooManyMoves:   "redirect",
	souk.AttemptStopped: "cancelled",
}

// reason is why an entry failed, null when it did not.
func reason(e souk.LogEntry) *string {
	if e.Dropped != "" {
		return optionalText(string(e.Dropped))
	}
	return optionalText(reasons[e.Outcome])
}

func (h *Handler) listLog(c *call) (answer, error) {
	filter, some := c.logFilter()
	find := func(p souk.Page) ([]souk.LogEntry, error) {
		if !some {
			_, err := h.market.OwnedApp(c.ctx, c.Actor, c.org(), c.app())
			return nil, err
		}
		return h.market.WebhookLog(c.ctx, c.Actor, c.org(), c.app(), filter, p)
	}
	at := func(e souk.LogEntry) souk.Position { return souk.Position{At: e.CreatedAt, ID: e.ID} }
	show := func(e souk.LogEntry) logEntry { return showLogEntry(e, c.org()) }
	return list(h, c, souk.NewestFirst, find, at, show, filter.Webhook.String(), string(filter.Status))
}

// logFilter reads what a call narrows the log by; some is false when it asks for
// what no entry can have.
func (c *call) logFilter() (f souk.LogFilter, some bool) {
	f.Status, some = souk.LogStatus(c.parameter("status")), true
	if f.Status != "" {
		some = slices.Contains(souk.LogStatuses, f.Status)
	}
	if webhook := c.parameter("webhook_id"); webhook != "" {
		var ok bool
		f.Webhook, ok = parseID(webhook)
		some = some && ok && !f.Webhook.IsZero()
	}
	return f, some
}
