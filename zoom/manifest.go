package zoom

import (
	"slices"

	"souk"
)

// A manifest is what Souk lets an app's owner say about it in one document
// (docs/dialects/zoom.md, "Manifests"). Members that it has no use for are passed
// over when it is read, as Zoom does.
type manifest struct {
	Display   display    `json:"display_information"`
	OAuth     oauth      `json:"oauth_information"`
	Features  features   `json:"features"`
	Developer *developer `json:"developer_information,omitempty"` // is read, and not written
}

// display is how an app is shown.
type display struct {
	Name        string `json:"display_name"`
	Description string `json:"description"`
	Privacy     string `json:"privacy_url"`
	Terms       string `json:"terms_url"`
	Support     string `json:"support_url"`
	Docs        string `json:"doc_url"`
}

// developer has the same pages, as Zoom's templates say them.
type developer struct {
	Privacy string `json:"privacy_policy"`
	Terms   string `json:"terms_of_use"`
	Support string `json:"support"`
}

// oauth is what an app asks for, and where people are sent back to. Souk has one
// list of addresses: the first is the one that both environments go by.
type oauth struct {
	Usage       string          `json:"usage"`
	Development string          `json:"development_redirect_uri"`
	Production  string          `json:"production_redirect_uri"`
	AllowList   []string        `json:"oauth_allow_list"`
	Scopes      []manifestScope `json:"scopes"`
}

type manifestScope struct {
	Scope    string `json:"scope"`
	Optional bool   `json:"optional"`
}

// The usages, which are whose consent an app takes.
const (
	forUsers  = "USER_OPERATION"
	forAdmins = "ADMIN_MANAGEMENT"
)

type features struct {
	Products      []string      `json:"products"` // Souk has none
	Subscriptions subscriptions `json:"event_subscription"`
}

// subscriptions are the webhooks that people gave the app.
type subscriptions struct {
	Enable bool              `json:"enable"`
	Events []manifestWebhook `json:"events"`
}

// manifestWebhook is a webhook for one environment or, with both URLs the same,
// for both.
type manifestWebhook struct {
	ID                string        `json:"subscription_id,omitempty"`
	Name              string        `json:"subscription_name"`
	Usage             string        `json:"event_usage"`
	Types             []string      `json:"event_types"`
	Development       string        `json:"development_webhook_url"`
	Production        string        `json:"production_webhook_url"`
	DevelopmentHeader *customHeader `json:"development_event_custom_header"`
	ProductionHeader  *customHeader `json:"production_event_custom_header"`
}

// adminEvents is whose events a webhook of a manifest hears: requests are told to
// those who administer apps.
const adminEvents = "EVENT_FOR_ADMIN"

// manifestOf is the manifest of an app with the webhooks that people gave it.
func manifestOf(a souk.App, hooks []souk.Webhook) manifest {
	m := manifest{
		Display: display{
			Name: a.Name, Description: a.Description, Privacy: a.Links.PrivacyPolicy, Terms: a.Links.TermsOfService,
			Support: a.Links.Support, Docs: a.Links.Documentation,
		},
		OAuth: oauth{
			Usage: usageOf(a), AllowList: append([]string{}, a.RedirectURIs...),
			Scopes: each(a.Asks(), func(name string) manifestScope { return manifestScope{Scope: name} }),
		},
		Features: features{
			Products:      []string{},
			Subscriptions: subscriptions{Enable: len(hooks) > 0, Events: each(hooks, showManifestWebhook)},
		},
	}
	if len(a.RedirectURIs) > 0 {
		m.OAuth.Development, m.OAuth.Production = a.RedirectURIs[0], a.RedirectURIs[0]
	}
	return m
}

func usageOf(a souk.App) string {
	if appUsage(a) == adminManaged {
		return forAdmins
	}
	return forUsers
}

func showManifestWebhook(w souk.Webhook) manifestWebhook {
	shown := manifestWebhook{ID: w.ID.Zoom(), Name: w.Name, Usage: adminEvents, Types: slices.Clone(w.Events)}
	var header *customHeader
	if w.Auth.Kind != souk.NoAuth {
		h := showHeader(w.Auth)
		header = &h
	}
	if w.Environment != souk.Production {
		shown.Development, shown.DevelopmentHeader = w.URL, header
	}
	if w.Environment != souk.Development {
		shown.Production, shown.ProductionHeader = w.URL, header
	}
	return shown
}
