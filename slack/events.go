package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"souk"
	"souk/market"
)

// Wire is how Slack's apps are told events; post carries the handshake.
func Wire(post Poster) market.Wire {
	return market.Wire{
		Name:   EventName,
		Encode: Encode,
		Handshake: func(ctx context.Context, hook souk.Webhook, with souk.Credentials) error {
			return handshake(ctx, post, hook.URL, with)
		},
		Events: []string{appRequestedName},
	}
}

// EventName is what Slack calls the market's event, or "" if it has no name
// for it: its clients choke on names that Slack does not have
// (docs/dialects/slack.md, "Events").
func EventName(kind souk.EventKind) string {
	if kind == souk.RequestCreated {
		return appRequestedName
	}
	return ""
}

const appRequestedName = "app_requested"

// openToken begins every body. The verification token is put into it when an
// attempt is made and never stored.
const openToken = `{"token":""`

// delivery is the body of one delivery: the wrapper that all events have.
type delivery struct {
	Token               string          `json:"token"` // first: see openToken
	TeamID              *string         `json:"team_id"`
	EnterpriseID        *string         `json:"enterprise_id,omitempty"`
	ContextTeamID       *string         `json:"context_team_id"`
	ContextEnterpriseID *string         `json:"context_enterprise_id"`
	APIAppID            string          `json:"api_app_id"`
	Event               any             `json:"event"`
	Type                string          `json:"type"`
	EventID             string          `json:"event_id"`
	EventTime           int64           `json:"event_time"` // seconds
	EventContext        string          `json:"event_context"`
	IsExtSharedChannel  bool            `json:"is_ext_shared_channel"`
	AuthedUsers         []string        `json:"authed_users"`
	Authorizations      []authorization `json:"authorizations"`
}

// authorization is an installation that an event is visible to.
type authorization struct {
	EnterpriseID        *string `json:"enterprise_id"`
	TeamID              *string `json:"team_id"`
	UserID              string  `json:"user_id"`
	IsBot               bool    `json:"is_bot"`
	IsEnterpriseInstall bool    `json:"is_enterprise_install"`
}

// appRequested is the event of that name.
type appRequested struct {
	Type       string         `json:"type"`
	EventTS    string         `json:"event_ts"`
	AppRequest requestedEvent `json:"app_request"`
}

// requestedEvent differs from a row of admin.apps.requests.list in that an
// earlier answer which there was not is left out, and in the enterprise.
type requestedEvent struct {
	ID                    string            `json:"id"`
	App                   appObject         `json:"app"`
	PreviousResolution    *resolutionObject `json:"previous_resolution,omitempty"`
	User                  userObject        `json:"user"`
	Team                  *orgObject        `json:"team"`
	Enterprise            *orgObject        `json:"enterprise"`
	Scopes                []askedScope      `json:"scopes"`
	Message               string            `json:"message"`
	IsUserAppCollaborator bool              `json:"is_user_app_collaborator"`
	DateCreated           int64             `json:"date_created"`
}

// Encode spells what e tells the endpoint, with a place for the verification
// token that Prepare fills. Only where the app is installed is there something
// to tell; else there is no body. It answers an error for an event that
// EventName has no name for, and for one that lacks its parts.
func Encode(e souk.Event, to souk.Endpoint) ([]byte, error) {
	if EventName(e.Kind) == "" {
		return nil, fmt.Errorf("slack has no event for %s", e.Kind)
	}
	if to.Installation.ID.IsZero() {
		return nil, nil
	}
	d := e.Data
	if d.App == nil || d.Org == nil || d.User == nil || d.Request == nil {
		return nil, fmt.Errorf("event %s (%s) lacks a part", e.ID, e.Kind)
	}
	scopes := catalogue(d.ScopeNamed)
	team, enterprise := place(*d.Org)
	body := wrap(e, to)
	body.Event = appRequested{
		Type:    EventName(e.Kind),
		EventTS: timestamp(e.At),
		AppRequest: requestedEvent{
			ID:                 d.Request.ID.Slack(requestPrefix),
			App:                showApp(*d.App, ownedBy(*d.App, d.Org.ID, d.Org.Enterprise)),
			PreviousResolution: scopes.resolution(d.Previous),
			User:               showUser(*d.User),
			Team:               team,
			Enterprise:         enterprise,
			Scopes:             scopes.asked(d.Request.Scopes, d.Previous),
			Message:            d.Request.Reason,
			DateCreated:        d.Request.CreatedAt.Unix(),
		},
	}
	return marshal(body)
}

// wrap makes the wrapper: where it happened, to which app and through which of
// its installations it is told.
func wrap(e souk.Event, to souk.Endpoint) delivery {
	team, enterprise := teamAndEnterprise(*e.Data.Org)
	inTeam, inEnterprise := optional(teamPrefix, to.Installation.Org), optional(enterprisePrefix, to.Enterprise)
	if to.Installation.Kind == souk.OrgWide {
		inTeam = nil
	}
	// The app acts there as its own user, or as whoever installed it.
	user, isBot := to.Installation.AppUser, true
	if user.IsZero() {
		user, isBot = to.Installation.InstalledBy, false
	}
	return delivery{
		TeamID:              team,
		EnterpriseID:        enterprise,
		ContextTeamID:       inTeam,
		ContextEnterpriseID: inEnterprise,
		APIAppID:            to.Webhook.App.Slack(appPrefix),
		Type:                "event_callback",
		EventID:             e.ID.Slack(eventPrefix),
		EventTime:           e.At.Unix(),
		EventContext:        e.ID.Slack(contextPrefix),
		AuthedUsers:         []string{user.Slack(userPrefix)},
		Authorizations: []authorization{{
			EnterpriseID:        inEnterprise,
			TeamID:              inTeam,
			UserID:              user.Slack(userPrefix),
			IsBot:               isBot,
			IsEnterpriseInstall: to.Installation.Kind == souk.OrgWide,
		}},
	}
}

// teamAndEnterprise spells where o is in Slack's two levels.
func teamAndEnterprise(o souk.Org) (team, enterprise *string) {
	if o.Kind == souk.Enterprise {
		return nil, optional(enterprisePrefix, o.ID)
	}
	return optional(teamPrefix, o.ID), optional(enterprisePrefix, o.Enterprise)
}

// ownedBy reports whether a is an app of one of these orgs' own. A custom
// integration is made by whoever sees it.
func ownedBy(a souk.App, orgs ...souk.ID) bool {
	return a.Kind == souk.CustomIntegration || slices.Contains(orgs, a.Owner)
}

// timestamp is a time as events carry it: seconds, a point and microseconds.
func timestamp(t time.Time) string {
	return fmt.Sprintf("%d.%06d", t.Unix(), t.Nanosecond()/1000)
}

// userAgent names Souk to receivers.
const userAgent = "Souk-Events/1.0"

// Prepare makes one attempt out of a delivery: the body with the app's
// verification token, signed for this very moment, as receivers refuse a
// signature that is five minutes old (docs/dialects/slack.md, "Signatures").
func Prepare(o souk.Outgoing) (souk.Prepared, error) {
	rest, ok := bytes.CutPrefix(o.Delivery.Body, []byte(openToken))
	if !ok {
		return souk.Prepared{}, fmt.Errorf("delivery %s has no place for the token", o.Delivery.ID)
	}
	token, err := json.Marshal(o.Credentials.SlackVerificationToken)
	if err != nil {
		return souk.Prepared{}, err
	}
	body := slices.Concat([]byte(`{"token":`), token, rest)
	header := signed(o.Credentials, o.At, body)
	if o.Number > 0 {
		header["X-Slack-Retry-Num"] = strconv.Itoa(o.Number)
		header["X-Slack-Retry-Reason"] = retryReason(o.Delivery.LastOutcome)
	}
	return souk.Prepared{Body: body, Header: header}, nil
}

// signed are the headers of everything that is sent to a receiver.
func signed(c souk.Credentials, at time.Time, body []byte) map[string]string {
	timestamp, signature := sign(c.SlackSigningSecret, at, body)
	return map[string]string{
		"Content-Type":              "application/json",
		"User-Agent":                userAgent,
		"Accept":                    "*/*",
		"X-Slack-Request-Timestamp": timestamp,
		"X-Slack-Signature":         signature,
	}
}

// retryReason tells a receiver why it gets an event again.
func retryReason(last souk.Outcome) string {
	switch last {
	case souk.HeaderTimeout:
		return "http_timeout"
	case souk.TooManyMoves:
		return "too_many_redirects"
	case souk.Blocked, souk.BadName, souk.NoConnection, souk.HungUp, souk.WriteFailed:
		return "connection_failed"
	case souk.BadTLS, souk.BadCertificate, souk.WrongHost:
		return "ssl_error"
	case souk.BadStatus, souk.BodyTimeout:
		return "http_error"
	}
	return "unknown_error"
}
