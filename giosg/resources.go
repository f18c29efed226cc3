package giosg

import (
	"net/url"
	"slices"
	"strings"

	"souk"
	"souk/market"
)

// site is the address that Souk is reached at, without a slash at its end.
// Resources that name images are spelled by it, and what is signed names it.
type site string

func siteAt(base string) site { return site(strings.TrimRight(base, "/")) }

// host is the name of the machine in the address.
func (s site) host() string {
	u, err := url.Parse(string(s))
	if err != nil {
		return string(s) // which only has to be told apart from others
	}
	return u.Hostname()
}

// issuer is who signs codes and ID tokens, and where people are asked; what it
// signs is traded at tokenEndpoint.
func (s site) issuer() string        { return string(s) + "/identity/authorize" }
func (s site) tokenEndpoint() string { return string(s) + "/identity/token" }

// image spells an asset inside of another resource, or its absence.
func (s site) image(a *souk.Asset) *picture {
	if a == nil {
		return nil
	}
	return &picture{a.ID, string(s) + assetPath(*a)}
}

// app is what every view of an app begins with.
type app struct {
	ID                    souk.ID  `json:"id"`
	Name                  string   `json:"name"`
	Description           string   `json:"description"`
	OwnedByOrganizationID souk.ID  `json:"owned_by_organization_id"`
	OwnedByOrganization   names    `json:"owned_by_organization"`
	IconAssetID           *souk.ID `json:"icon_asset_id"`
	IconAsset             *picture `json:"icon_asset"`
}

func (s site) app(v market.AppView) app {
	a := app{
		ID: v.ID, Name: v.Name, Description: v.Description,
		OwnedByOrganizationID: v.Owner.ID, OwnedByOrganization: nameOrg(v.Owner), IconAsset: s.image(v.IconAsset),
	}
	if a.IconAsset != nil {
		a.IconAssetID = &a.IconAsset.ID
	}
	return a
}

// catalogueApp is an app that others may have: public, or a partner's. Its scopes
// are all that it would be given, those of other faces too.
type catalogueApp struct {
	app
	IsAppUserRequired bool     `json:"is_app_user_required"`
	RequiredScopes    []string `json:"required_scopes"`
	InstallationCount int      `json:"installation_count"`
	CreatedAt         string   `json:"created_at"`
	UpdatedAt         string   `json:"updated_at"`
}

func (s site) catalogueApp(v market.AppView) catalogueApp {
	return catalogueApp{s.app(v), v.IsAppUserRequired, scopesOf(v.Asks()), v.Installations, stamp(v.CreatedAt), stamp(v.UpdatedAt)}
}

// installedApp is an app that is in effect at an organization.
type installedApp struct {
	app
	IsAppUserRequired bool     `json:"is_app_user_required"`
	TriggerConditions []string `json:"trigger_conditions"`
	InstallationCount int      `json:"installation_count"`
	CreatedAt         string   `json:"created_at"`
	UpdatedAt         string   `json:"updated_at"`
}

func (s site) installedApp(v market.AppView) installedApp {
	return installedApp{s.app(v), v.IsAppUserRequired, conditions(v.App), v.Installations, stamp(v.CreatedAt), stamp(v.UpdatedAt)}
}

// offeredApp is an app as its owner changes it.
type offeredApp struct {
	app
	IsAvailableToAnyone     bool     `json:"is_available_to_anyone"`
	IsAvailableToPartners   bool     `json:"is_available_to_partners"`
	IsAppUserRequired       bool     `json:"is_app_user_required"`
	AppUserDefaultFirstName *string  `json:"app_user_default_first_name"`
	AppUserDefaultLastName  *string  `json:"app_user_default_last_name"`
	AppUserDefaultAlias     *string  `json:"app_user_default_alias"`
	TermsOfServiceURL       string   `json:"terms_of_service_url"`
	PrivacyPolicyURL        string   `json:"privacy_policy_url"`
	TriggerURL              *string  `json:"trigger_url"`
	TriggerConditions       []string `json:"trigger_conditions"`
	RequiredScopes          []string `json:"required_scopes"`
	AllowedRedirectURIs     []string `json:"allowed_redirect_uris"`
	InstallationCount       int      `json:"installation_count"`
	CreatedAt               string   `json:"created_at"`
	UpdatedAt               string   `json:"updated_at"`
	authors
}

func (s site) offeredApp(v market.AppView) offeredApp {
	return offeredApp{
		app: s.app(v), IsAvailableToAnyone: v.IsAvailableToAnyone, IsAvailableToPartners: v.IsAvailableToPartners,
		IsAppUserRequired:       v.IsAppUserRequired,
		AppUserDefaultFirstName: optionalText(v.AppUser.FirstName), AppUserDefaultLastName: optionalText(v.AppUser.LastName),
		AppUserDefaultAlias: optionalText(v.AppUser.Alias),
		TermsOfServiceURL:   v.Links.TermsOfService, PrivacyPolicyURL: v.Links.PrivacyPolicy,
		TriggerURL: optionalText(v.TriggerURL), TriggerConditions: conditions(v.App), RequiredScopes: scopesOf(v.RequiredScopes),
		AllowedRedirectURIs: append([]string{}, v.RedirectURIs...),
		InstallationCount:   v.Installations, CreatedAt: stamp(v.CreatedAt), UpdatedAt: stamp(v.UpdatedAt),
		authors: showAuthors(v.Creator, v.Updater),
	}
}

// ownedApp is an app as its owner reads it, with the secret: in answers alone,
// never in a notification.
type ownedApp struct {
	offeredApp
	Secret *string `json:"secret"` // null to bots
}

func (s site) ownedApp(v market.AppView) ownedApp { return ownedApp{s.offeredApp(v), &v.Secret} }

// scopesOf spells scopes; none are an empty list, never null.
func scopesOf(s souk.Scopes) []string { return append([]string{}, s...) }

// conditions are an app's trigger conditions, sorted.
func conditions(a souk.App) []string {
	return append([]string{}, slices.Sorted(slices.Values(a.Triggers))...)
}

// installation is an app installed at an organization, as both the installer
// and the app's owner see it.
type installation struct {
	ID             souk.ID      `json:"id"`
	OrganizationID souk.ID      `json:"organization_id"`
	Organization   names        `json:"organization"`
	AppID          souk.ID      `json:"app_id"`
	App            installedApp `json:"app"`
	AppUserID      *souk.ID     `json:"app_user_id"`
	AppUser        *person      `json:"app_user"`
	AllowedScopes  []string     `json:"allowed_scopes"`
	CreatedAt      string       `json:"created_at"`
	UpdatedAt      string       `json:"updated_at"`
}

func (s site) installation(v market.InstallView) installation {
	return installation{
		v.ID, v.Org.ID, nameOrg(v.Org), v.Of.ID, s.installedApp(v.Of), idOf(v.User), showPerson(v.User),
		scopesOf(v.Scopes), stamp(v.CreatedAt), stamp(v.UpdatedAt),
	}
}

// webhook is a URL of an app with what it is told.
type webhook struct {
	ID                   souk.ID        `json:"id"`
	OrganizationID       souk.ID        `json:"organization_id"`
	Organization         names          `json:"organization"`
	AppID                souk.ID        `json:"app_id"`
	App                  names          `json:"app"`
	EndpointURL          string         `json:"endpoint_url"`
	ChannelSubscriptions []subscription `json:"channel_subscriptions"`
	CreatedAt            string         `json:"created_at"`
	UpdatedAt            string         `json:"updated_at"`
	authors
}

type subscription struct {
	ChannelPattern        souk.Pattern `json:"channel_pattern"`
	IsAdditionsSubscribed bool         `json:"is_additions_subscribed"`
	IsChangesSubscribed   bool         `json:"is_changes_subscribed"`
	IsRemovalsSubscribed  bool         `json:"is_removals_subscribed"`
}

func showWebhook(v market.HookView) webhook {
	return webhook{
		v.ID, v.Owner.ID, nameOrg(v.Owner), v.Of.ID, nameApp(v.Of), v.URL,
		each(v.Channels, func(s souk.Subscription) subscription {
			return subscription{s.Pattern, s.Additions, s.Changes, s.Removals}
		}),
		stamp(v.CreatedAt), stamp(v.UpdatedAt), showAuthors(v.Creator, v.Updater),
	}
}

// partnership is two organizations that trust each other, as one of them sees
// it.
type partnership struct {
	PartnerOrganizationID souk.ID `json:"partner_organization_id"`
	PartnerOrganization   names   `json:"partner_organization"`
	OrganizationID        souk.ID `json:"organization_id"`
	Organization          names   `json:"organization"`
	DisplayName           *string `json:"display_name"`
	CreatedAt             string  `json:"created_at"`
}

func showPartnership(v market.PartnershipView) partnership {
	return partnership{
		v.Partner.ID, nameOrg(v.Partner), v.Org.ID, nameOrg(v.Org), optionalText(v.DisplayName), stamp(v.CreatedAt),
	}
}

// share is an app that an organization may install because it was shared.
type share struct {
	ID                souk.ID      `json:"id"`
	OrganizationID    souk.ID      `json:"organization_id"`
	Organization      names        `json:"organization"`
	AppOrganizationID souk.ID      `json:"app_organization_id"`
	AppOrganization   names        `json:"app_organization"`
	AppID             souk.ID      `json:"app_id"`
	App               catalogueApp `json:"app"`
	CreatedAt         string       `json:"created_at"`
	UpdatedAt         string       `json:"updated_at"`
	authors
}

// A share is never changed: who updated it is who made it.
func (s site) share(v market.ShareView) share {
	return share{
		v.ID, v.To.ID, nameOrg(v.To), v.Of.Owner.ID, nameOrg(v.Of.Owner), v.Of.ID, s.catalogueApp(v.Of),
		stamp(v.CreatedAt), stamp(v.CreatedAt), showAuthors(v.Creator, v.Creator),
	}
}
