package world

import (
	"souk"
	"souk/market"
)

// Output is what `souk apply` prints: a section for each of the document's
// that has objects with ids, keyed as there, and the plan. Its JSON is the same
// for the same world, ids and secrets aside.
type Output struct {
	Orgs          map[string]Entry `json:"orgs,omitempty"`
	Users         map[string]Entry `json:"users,omitempty"`
	Apps          map[string]Entry `json:"apps,omitempty"`
	Webhooks      map[string]Entry `json:"webhooks,omitempty"` // keyed "app.webhook"
	Resolutions   map[string]Entry `json:"resolutions,omitempty"`
	Installations map[string]Entry `json:"installations,omitempty"`
	Requests      map[string]Entry `json:"requests,omitempty"`
	Tokens        map[string]Entry `json:"tokens,omitempty"`
	Plan          []Step           `json:"plan"`
}

// Entry is one object: its id as every wire spells it, and what is secret
// about it if this run made that or was given it.
type Entry struct {
	ID          string       `json:"id"`
	SlackID     string       `json:"slack_id,omitempty"` // of what Slack's wire names
	ZoomID      string       `json:"zoom_id"`
	Token       string       `json:"token,omitempty"`
	Secret      string       `json:"secret,omitempty"` // of a native webhook
	Credentials *Credentials `json:"credentials,omitempty"`
}

// Credentials are those of an app, spelled as in the document.
type Credentials struct {
	Giosg struct {
		Secret string `json:"secret,omitempty"`
	} `json:"giosg,omitzero"`
	Slack struct {
		ClientID          string `json:"client_id,omitempty"`
		ClientSecret      string `json:"client_secret,omitempty"`
		SigningSecret     string `json:"signing_secret,omitempty"`
		VerificationToken string `json:"verification_token,omitempty"`
	} `json:"slack,omitzero"`
	Zoom struct {
		ClientID           string `json:"client_id,omitempty"`
		ClientSecret       string `json:"client_secret,omitempty"`
		WebhookSecretToken string `json:"webhook_secret_token,omitempty"`
		VerificationToken  string `json:"verification_token,omitempty"`
	} `json:"zoom,omitzero"`
}

// Step is one change of the plan, in the order in which they are made.
type Step struct {
	Object string   `json:"object"` // such as "apps.deploybot"
	Do     string   `json:"do"`     // create, change or remove
	Fields []string `json:"fields,omitempty"`
}

// Report spells what applying a world did.
func Report(applied market.Applied) Output {
	out := Output{Plan: []Step{}}
	sections := map[string]*map[string]Entry{
		"orgs": &out.Orgs, "users": &out.Users, "apps": &out.Apps, "webhooks": &out.Webhooks,
		"resolutions": &out.Resolutions, "installations": &out.Installations,
		"requests": &out.Requests, "tokens": &out.Tokens,
	}
	for _, o := range applied.Objects {
		to := sections[o.Section]
		if *to == nil {
			*to = map[string]Entry{}
		}
		(*to)[o.Key] = entry(o)
	}
	for _, s := range applied.Plan {
		out.Plan = append(out.Plan, Step{Object: s.Section + "." + s.Key, Do: string(s.Do), Fields: s.Fields})
	}
	return out
}

func entry(o market.Object) Entry {
	e := Entry{ID: o.ID.String(), ZoomID: o.ID.Zoom(), Token: o.Secret, Secret: o.WebhookSecret}
	if prefix, ok := slackPrefix(o); ok {
		e.SlackID = o.ID.Slack(prefix)
	}
	var c Credentials
	c.Giosg.Secret = o.Credentials.GiosgSecret
	c.Slack.ClientID, c.Slack.ClientSecret = o.Credentials.SlackClientID, o.Credentials.SlackClientSecret
	c.Slack.SigningSecret, c.Slack.VerificationToken = o.Credentials.SlackSigningSecret, o.Credentials.SlackVerificationToken
	c.Zoom.ClientID, c.Zoom.ClientSecret = o.Credentials.ZoomClientID, o.Credentials.ZoomClientSecret
	c.Zoom.WebhookSecretToken, c.Zoom.VerificationToken = o.Credentials.ZoomWebhookSecret, o.Credentials.ZoomVerificationToken
	if c != (Credentials{}) {
		e.Credentials = &c
	}
	return e
}

// slackPrefix is the letter in front of an id on Slack's wire
// (docs/dialects/slack.md, "Identifiers").
func slackPrefix(o market.Object) (prefix string, ok bool) {
	if o.Kind == souk.Enterprise {
		return "E", true
	}
	prefix, ok = map[string]string{"orgs": "T", "users": "U", "apps": "A", "requests": "Ar"}[o.Section]
	return prefix, ok
}
