package zoom

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"souk"
)

// logRoutes tell an app's owner what was sent to its event subscriptions
// (docs/dialects/zoom.md, "Webhook logs").
var logRoutes = []route{
	{
		method: "GET", path: "/v2/marketplace/apps/{appId}/webhook_logs", weight: medium, serve: listWebhookLogs,
		scopes: []string{"marketplace_app:read", "marketplace_app:read:admin"},
	},
}

// Refusals of a time, which Zoom spells as things that are not there.
var (
	endBeforeStart = refusal{http.StatusNotFound, 1501, "The 'to' date must be after the 'from' date."}
	beyondWeek     = refusal{http.StatusNotFound, 1502, "The date range must be within the last seven days."}
	badTime        = refusal{http.StatusNotFound, 1503, "The dates must follow the format: yyyy-MM-dd'T'HH:mm:ss'Z'."}
	startInFuture  = refusal{http.StatusNotFound, 1504, "The 'from' date must be before the current date (UTC)."}
	badRetry       = refusal{http.StatusBadRequest, 1506, "The 'retry_num' value must be an integer within the range of 0 to 3."}
)

// webhookLogs is a page of them.
type webhookLogs struct {
	listing
	WebhookLogs []webhookLog `json:"webhook_logs"`
}

// webhookLog is one request that was made. Headers are JSON in a text, as is the
// body.
type webhookLog struct {
	Event            string `json:"event"`
	Status           int    `json:"status"` // -1: no answer
	FailedReasonType int    `json:"failed_reason_type,omitempty"`
	UserID           string `json:"user_id,omitempty"`
	Endpoint         string `json:"endpoint"`
	SubscriptionID   string `json:"subscription_id"`
	RequestHeaders   string `json:"request_headers"`
	RequestBody      string `json:"request_body"`
	ResponseHeaders  string `json:"response_headers"`
	ResponseBody     string `json:"response_body"`
	DateTime         string `json:"date_time"`
	TraceID          string `json:"trace_id,omitempty"`
	RequestID        string `json:"request_id"`
	RetryNum         int    `json:"retry_num"`
}

func listWebhookLogs(c *call) (a answer, err error) {
	filter, err := c.exchangeFilter()
	if err != nil {
		return a, err
	}
	p, err := c.page()
	if err != nil {
		return a, err
	}
	if filter.App, err = c.appID(); err != nil {
		return a, err
	}
	found, err := c.market.Exchanges(c.ctx, c.actor, filter, p.ask())
	if err != nil {
		return a, err
	}
	found, next := listed(p, found, func(e souk.Exchange) souk.Position { return souk.Position{At: e.StartedAt, ID: e.ID} })
	return shown(webhookLogs{listing{next, p.size}, each(found, showExchange)}), nil
}

// queryTypes are the values of the parameter type.
var queryTypes = map[string]souk.ExchangeOutcome{
	"":  souk.FailedExchange,
	"1": souk.AnyExchange,
	"2": souk.FailedExchange,
	"3": souk.SuccessfulExchange,
}

// early is how much more than seven days back somebody may ask: the request took
// a moment, and their clock is another.
const early = time.Minute

// exchangeFilter reads which requests are asked for.
func (c *call) exchangeFilter() (f souk.ExchangeFilter, err error) {
	now := c.now()
	if f.From, err = c.moment("from"); err != nil {
		return f, err
	}
	if f.Until, err = c.moment("to"); err != nil {
		return f, err
	}
	oldest := now.Add(-souk.LogKept - early)
	switch {
	case !f.From.IsZero() && !f.Until.IsZero() && f.Until.Before(f.From):
		return f, endBeforeStart
	case f.From.After(now.Add(early)):
		return f, startInFuture
	case !f.From.IsZero() && f.From.Before(oldest), !f.Until.IsZero() && f.Until.Before(oldest):
		return f, beyondWeek
	}
	if !f.Until.IsZero() {
		f.Until = f.Until.Add(time.Second) // all of that second
	}
	f.Event = c.parameter("event")
	if !isPlain(f.Event) {
		return f, invalid("event", "must be the name of an event")
	}
	var ok bool
	if f.Outcome, ok = queryTypes[c.parameter("type")]; !ok {
		return f, invalid("type", "must be 1, 2 or 3")
	}
	if text := c.parameter("retry_num"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > 3 {
			return f, badRetry
		}
		f.Retry = &n
	}
	return f, nil
}

// moment reads a time of the query; zero when it is absent.
func (c *call) moment(name string) (at time.Time, err error) {
	text := c.parameter(name)
	if text == "" {
		return at, nil
	}
	at, err = time.Parse("2006-01-02T15:04:05Z", text)
	if err != nil || at.Year() < 1970 {
		return at, badTime
	}
	return at.UTC(), nil
}

// isPlain reports whether a text may stand in a statement: names are short and
// printed in ASCII.
func isPlain(name string) bool {
	return len(name) <= 128 && !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' })
}

// showExchange spells one request.
func showExchange(e souk.Exchange) webhookLog {
	shown := webhookLog{
		Event: e.Sent.Event, Status: LoggedStatus(e.Attempt), FailedReasonType: FailedReason(e.Attempt), Endpoint: e.URL, SubscriptionID: e.Webhook.Zoom(),
		RequestHeaders: e.Sent.Headers, RequestBody: string(e.Body), ResponseHeaders: e.Headers, ResponseBody: e.Answer,
		DateTime: e.StartedAt.UTC().Format("2006-01-02T15:04:05.000Z"), TraceID: traceOf(e.Sent.Headers),
		RequestID: strings.ReplaceAll(e.Delivery.String(), "-", "_"), RetryNum: e.Sent.Retry,
	}
	if user := userOf(e); !user.IsZero() {
		shown.UserID = user.Zoom()
	}
	return shown
}

// traceOf finds what an attempt was marked with, among its headers.
func traceOf(headers string) string {
	var sent map[string]string
	if json.Unmarshal([]byte(headers), &sent) != nil {
		return ""
	}
	_, id, _ := strings.Cut(sent["X-Zm-Trackingid"], "rid=")
	return id
}

// userOf is whose event it was: who is named in it as such, else who installed
// the app where it happened.
func userOf(e souk.Exchange) souk.ID {
	var body struct {
		Payload struct {
			User string `json:"user_id"`
		} `json:"payload"`
	}
	if json.Unmarshal(e.Body, &body) == nil {
		if user, ok := souk.ParseZoomID(body.Payload.User); ok {
			return user
		}
	}
	return e.Installer
}
