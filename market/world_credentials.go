package market

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"souk"
	"souk/store"
)

// WorldCredentials are what an app may bring along; what a new one does not
// bring is made.
type WorldCredentials struct {
	GiosgSecret            *string
	SlackClientID          *string
	SlackClientSecret      *string
	SlackSigningSecret     *string
	SlackVerificationToken *string
	ZoomClientID           *string
	ZoomClientSecret       *string
	ZoomWebhookSecret      *string
	ZoomVerificationToken  *string
}

var slackClientIDs = regexp.MustCompile(`^[0-9]+\.[0-9]+$`)

func (o *object) putCredentials(app souk.ID, in WorldCredentials) {
	sealed, err := o.Credentials(app)
	isNew := errors.Is(err, store.ErrNotFound)
	if !isNew && o.failed(err) {
		return
	}
	var c souk.Credentials
	if isNew {
		c = NewCredentials(app)
	} else if c, err = sealed.Open(o.market.Key); o.failed(err) {
		return
	}
	had := c
	show := &o.recorded.Credentials
	show.App = app
	for _, f := range []struct {
		field string
		to    *string
		given *string
		show  *string
	}{
		{"giosg.secret", &c.GiosgSecret, in.GiosgSecret, &show.GiosgSecret},
		{"slack.client_id", &c.SlackClientID, in.SlackClientID, &show.SlackClientID},
		{"slack.client_secret", &c.SlackClientSecret, in.SlackClientSecret, &show.SlackClientSecret},
		{"slack.signing_secret", &c.SlackSigningSecret, in.SlackSigningSecret, &show.SlackSigningSecret},
		{"slack.verification_token", &c.SlackVerificationToken, in.SlackVerificationToken, &show.SlackVerificationToken},
		{"zoom.client_id", &c.ZoomClientID, in.ZoomClientID, &show.ZoomClientID},
		{"zoom.client_secret", &c.ZoomClientSecret, in.ZoomClientSecret, &show.ZoomClientSecret},
		{"zoom.webhook_secret_token", &c.ZoomWebhookSecret, in.ZoomWebhookSecret, &show.ZoomWebhookSecret},
		{"zoom.verification_token", &c.ZoomVerificationToken, in.ZoomVerificationToken, &show.ZoomVerificationToken},
	} {
		field := "credentials." + f.field
		if f.given != nil {
			if *f.given == "" || len(strings.Fields(*f.given)) != 1 || strings.TrimSpace(*f.given) != *f.given {
				o.wrong(field, "must be a text without spaces")
			}
			o.text(field, f.given, maxName)
		}
		set(o, field, f.to, f.given)
		if isNew || f.given != nil {
			*f.show = *f.to
		}
	}
	if in.SlackClientID != nil && (len(c.SlackClientID) > 32 || !slackClientIDs.MatchString(c.SlackClientID)) {
		o.wrong("credentials.slack.client_id", "must be digits, a dot and digits, at most 32 characters")
	}
	others, err := o.AppsWithClient(c.SlackClientID, c.ZoomClientID)
	if o.failed(err) {
		return
	}
	if slices.ContainsFunc(others, func(id souk.ID) bool { return id != app }) {
		o.wrong("credentials", "another app has this client_id")
	}
	// What was given holds from now on: nothing older answers, nothing comes after it.
	if c.ZoomClientSecret != had.ZoomClientSecret {
		c.ZoomOldClientSecret, c.ZoomOldUntil = "", time.Time{}
	}
	if in.ZoomWebhookSecret != nil {
		c.ZoomNextWebhookSecret, c.ZoomSwitchAt = "", time.Time{}
	}
	if o.ok() && (isNew || c != had) {
		o.failed(o.PutCredentials(store.SealCredentials(o.market.Key, c)))
	}
}
