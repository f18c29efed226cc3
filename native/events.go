package native

import (
	"encoding/json"
	"net/netip"
	"slices"

	"souk"
	"souk/market"
)

// Wire is how native webhooks are told events. There is no handshake: the
// secret that signs is known to nobody but whoever made the webhook.
func Wire() market.Wire {
	events := slices.DeleteFunc(each(souk.EventKinds, EventName), func(name string) bool { return name == "" })
	return market.Wire{Name: EventName, Encode: Encode, Events: events}
}

// EventName is what this wire calls an event: what the market calls it, and ""
// for a test, which is told as what it is a test of.
func EventName(kind souk.EventKind) string {
	if kind == souk.WebhookTested {
		return ""
	}
	return string(kind)
}

// eventBody is the body of one delivery, as Standard Webhooks has it.
type eventBody struct {
	Type      string    `json:"type"`
	Timestamp string    `json:"timestamp"`
	Test      bool      `json:"test"` // nothing of it happened
	Data      eventData `json:"data"`
}

// eventData is all that is known of what happened. What an event does not have
// is null, so that a receiver finds every member in every event.
type eventData struct {
	Event        names               `json:"event"`
	Subject      *identifier         `json:"subject"` // what it is about
	Webhook      identifier          `json:"delivered_to"`
	Via          *identifier         `json:"delivered_for"` // installation; null when the app hears about itself
	Org          *orgObject          `json:"org"`
	Enterprise   *orgObject          `json:"enterprise"`
	App          *appObject          `json:"app"`
	Actor        *userObject         `json:"actor"`
	User         *userObject         `json:"user"`
	Case         *caseObject         `json:"case"`
	Request      *requestObject      `json:"request"`
	Settled      []requestObject     `json:"settled"`
	Overturned   []requestObject     `json:"overturned"` // that had been approved and are declined now
	Everyone     bool                `json:"everyone"`   // of a case: it was decided for everyone at the root
	Resolution   *resolutionObject   `json:"resolution"`
	Previous     *resolutionObject   `json:"previous_resolution"`
	Ended        []resolutionObject  `json:"ended_resolutions"`
	Installation *installationObject `json:"installation"`
	Grant        *grantObject        `json:"grant"`
	Membership   *memberObject       `json:"membership"`
	Changed      *webhookObject      `json:"webhook"`
	Failing      *failingObject      `json:"failing"` // that webhook, when nothing reaches it
	Rules        *rulesObject        `json:"rules"`
	Other        *otherObject        `json:"other"` // whom a share, partnership or invitation ties the org to
	Share        *shareObject        `json:"share"`
	Partnership  *partnershipObject  `json:"partnership"`
	Invitation   *invitationObject   `json:"invitation"`
	Asset        *assetObject        `json:"asset"`
	Publication  *publicationObject  `json:"publication"`
	Scopes       []scopeObject       `json:"scopes"` // catalogue entries of those named above
}

type caseObject struct {
	caseNames
	OpenedAt string  `json:"opened_at"`
	ClosedAt *string `json:"closed_at"`
}

type grantObject struct {
	identifier
	User         names            `json:"user"`
	Installation identifier       `json:"installation"`
	Scopes       []string         `json:"scopes"`
	Status       souk.GrantStatus `json:"status"`
	CreatedAt    string           `json:"created_at"`
	DisabledAt   *string          `json:"disabled_at"`
	RevokedAt    *string          `json:"revoked_at"`
}

type memberObject struct {
	User        names     `json:"user"`
	Org         names     `json:"org"`
	Role        souk.Role `json:"role"`
	Permissions []string  `json:"permissions"`
}

// failingObject is how a webhook fares that nothing reaches.
type failingObject struct {
	Why      string  `json:"why"`
	Since    string  `json:"since"`
	Failures int     `json:"failures"`
	Deadline *string `json:"disabled_at_latest"` // null when it is disabled
}

// rulesObject is how an org governs apps.
type rulesObject struct {
	Policy              *souk.Policy `json:"policy"` // null: inherited
	AdminAPI            bool         `json:"admin_api"`
	AdminNetworks       []string     `json:"admin_networks"`
	ClearOwnersOnly     bool         `json:"clear_owners_only"`
	UninstallOwnersOnly bool         `json:"uninstall_owners_only"`
	SecondFactor        bool         `json:"second_factor"`
	Moving              souk.Moving  `json:"moving"`
}

type scopeObject struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	TokenType   souk.ScopeToken `json:"token_type"`
	IsSensitive bool            `json:"is_sensitive"`
}

// otherObject is all that an org is told about another one.
type otherObject struct {
	identifier
	Name *string `json:"name"` // null of whom it has invited: nobody may be there
}

type shareObject struct {
	identifier
	CreatedAt string `json:"created_at"`
}

// partnershipObject is a partnership as the org sees it that the event happened
// at.
type partnershipObject struct {
	DisplayName *string `json:"display_name"` // what the org calls the other for itself
	CreatedAt   string  `json:"created_at"`
}

type invitationObject struct {
	identifier
	Direction string `json:"direction"` // outgoing or incoming
	CreatedAt string `json:"created_at"`
}

type assetObject struct {
	identifier
	Name        string `json:"name"`
	Description string `json:"description"`
	FileName    string `json:"file_name"`
	ContentType string `json:"content_type"`
	Size        int    `json:"size"`
	Width       int    `json:"width"`
	Height      int    `json:"height"`
	CreatedAt   string `json:"created_at"`
	UpdatedAt   string `json:"updated_at"`
}

// publicationObject is what the host product said.
type publicationObject struct {
	Channel    souk.Channel    `json:"channel"`
	Action     souk.Action     `json:"action"`
	ResourceID string          `json:"resource_id"`
	Resource   json.RawMessage `json:"resource"` // null of what was removed
	Scope      *string         `json:"scope"`
}

// Encode spells an event for a webhook.
func Encode(e souk.Event, to souk.Endpoint) ([]byte, error) {
	d := e.Data
	data := eventData{
		Event:        spell(slackEvent, e.ID),
		Subject:      identified(e.Subject),
		Webhook:      identifier{to.Webhook.ID.String()},
		Via:          identified(to.Installation.ID),
		Org:          show(d.Org, showOrg),
		Enterprise:   show(d.Enterprise, showOrg),
		App:          show(d.App, showApp),
		Actor:        show(d.Actor, showUser),
		User:         show(d.User, showUser),
		Case:         show(d.Case, showCase),
		Installation: show(d.Installation, func(i souk.Installation) *installationObject { return point(showInstallation(i, d.Workspaces)) }),
		Grant:        show(d.Grant, showGrant),
		Changed:      show(d.Webhook, func(w souk.Webhook) *webhookObject { return showWebhookTo(to.Webhook.App, w) }),
		Failing:      show(d.Failing, showFailing),
		Scopes: each(d.Catalogue, func(s souk.Scope) scopeObject {
			return scopeObject{s.Name, s.Description, s.Token, s.Sensitive}
		}),
	}
	var f family
	if d.Org != nil {
		f = familyOf(*d.Org)
	}
	data.Request = show(d.Request, func(q souk.Request) *requestObject { return point(f.request(q)) })
	data.Settled, data.Overturned, data.Everyone = each(d.Settled, f.request), each(d.Overturned, f.request), d.Everyone
	data.Resolution, data.Previous = f.optionalResolution(d.Resolution), f.optionalResolution(d.Previous)
	data.Ended = each(d.Ended, f.resolution)
	data.Membership = show(d.Membership, f.member)
	if e.Kind == souk.PolicyChanged {
		data.Rules = show(d.Org, showRules)
	}
	data.Other = show(d.Other, func(o souk.Org) *otherObject { return &otherObject{identifier{o.ID.String()}, optional(o.Name)} })
	data.Share = show(d.Share, func(s souk.Share) *shareObject { return &shareObject{identifier{s.ID.String()}, stamp(s.CreatedAt)} })
	data.Partnership = show(d.Partnership, func(p souk.Partnership) *partnershipObject { return showPartnership(p, e.Org) })
	data.Invitation = show(d.Invitation, func(i souk.Invitation) *invitationObject { return showInvitation(i, e.Org) })
	data.Asset = show(d.Asset, showAsset)
	data.Publication = show(d.Publication, showPublication)
	return marshal(eventBody{EventName(e.Kind), stamp(e.At), e.Test, data})
}

// show spells what an event has, and nothing where it has nothing.
func show[T, S any](noun *T, spell func(T) *S) *S {
	if noun == nil {
		return nil
	}
	return spell(*noun)
}

func point[T any](v T) *T { return &v }

func showCase(c souk.Case) *caseObject {
	return &caseObject{caseNames{c.ID.String(), c.ID.Zoom()}, stamp(c.OpenedAt), moment(c.ClosedAt)}
}

func showGrant(g souk.Grant) *grantObject {
	return &grantObject{
		identifier{g.ID.String()}, spell(slackUser, g.User), identifier{g.Installation.String()},
		scopeNames(g.Scopes), g.Status, stamp(g.CreatedAt), moment(g.DisabledAt), moment(g.RevokedAt),
	}
}

func (f family) member(m souk.Membership) *memberObject {
	return &memberObject{spell(slackUser, m.User), f.org(m.Org), m.Role, permissions(m.Permissions)}
}

func permissions(list []souk.Permission) []string {
	return each(list, func(p souk.Permission) string { return string(p) })
}

func showRules(o souk.Org) *rulesObject {
	var policy *souk.Policy
	if o.Policy != "" {
		policy = &o.Policy
	}
	return &rulesObject{
		policy, o.AdminAPI, each(o.AdminNetworks, netip.Prefix.String),
		o.ClearOwnersOnly, o.UninstallOwnersOnly, o.Switches.SecondFactor, o.Moving,
	}
}

func showPartnership(p souk.Partnership, org souk.ID) *partnershipObject {
	name := p.NameA
	if p.B == org {
		name = p.NameB
	}
	return &partnershipObject{optional(name), stamp(p.CreatedAt)}
}

func showInvitation(i souk.Invitation, org souk.ID) *invitationObject {
	direction := "outgoing"
	if i.To == org {
		direction = "incoming"
	}
	return &invitationObject{identifier{i.ID.String()}, direction, stamp(i.CreatedAt)}
}

func showAsset(a souk.Asset) *assetObject {
	return &assetObject{
		identifier{a.ID.String()}, a.Name, a.Description, a.FileName, a.ContentType, a.Size, a.Width, a.Height,
		stamp(a.CreatedAt), stamp(a.UpdatedAt),
	}
}

// showWebhookTo shows a webhook to an app: in full, if it is its own.
func showWebhookTo(app souk.ID, w souk.Webhook) *webhookObject {
	if w.App != app {
		w.URL = souk.PlainURL(w.URL)
	}
	return point(showWebhook(w))
}

func showFailing(f souk.Failing) *failingObject {
	return &failingObject{f.Why, stamp(f.Since), f.Failures, moment(f.Deadline)}
}

func showPublication(p souk.Publication) *publicationObject {
	return &publicationObject{p.Channel, p.Action, p.Resource, json.RawMessage(p.Body), optional(p.Scope)}
}
