package giosg

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"souk"
	"souk/market"
)

var appRoutes = []route{
	{"GET", "/public_apps", (*Handler).listPublicApps, homeRead},
	{"GET", "/public_apps/{app}", (*Handler).readPublicApp, homeRead},

	{"GET", "/orgs/{org}/partner_apps", (*Handler).listPartnerApps, orgRead},
	{"GET", "/orgs/{org}/partner_apps/{app}", (*Handler).readPartnerApp, orgRead},

	{"GET", "/orgs/{org}/owned_apps", (*Handler).listOwnedApps, orgRead},
	{"POST", "/orgs/{org}/owned_apps", (*Handler).createApp, orgSettings},
	{"GET", "/orgs/{org}/owned_apps/{app}", (*Handler).readOwnedApp, orgRead},
	{"PUT", "/orgs/{org}/owned_apps/{app}", (*Handler).changeApp, orgSettings},
	{"PATCH", "/orgs/{org}/owned_apps/{app}", (*Handler).changeApp, orgSettings},
	{"DELETE", "/orgs/{org}/owned_apps/{app}", (*Handler).deleteApp, orgSettings},

	{"GET", "/orgs/{org}/installed_apps", (*Handler).listInstalledApps, orgRead},
	{"GET", "/orgs/{org}/installed_apps/{app}", (*Handler).readInstalledApp, orgRead},
}

// atApp is where an app stands in a list.
func atApp(v market.AppView) souk.Position { return souk.Position{At: v.CreatedAt, ID: v.ID} }

func (h *Handler) listPublicApps(c *call) (answer, error) {
	find := func(p souk.Page) ([]market.AppView, error) { return h.market.PublicApps(c.ctx, c.Actor, p) }
	return list(h, c, souk.NewestFirst, find, atApp, h.site.catalogueApp)
}

func (h *Handler) readPublicApp(c *call) (answer, error) {
	v, err := h.market.PublicApp(c.ctx, c.Actor, c.app())
	return shown(h.site.catalogueApp(v)), err
}

func (h *Handler) listPartnerApps(c *call) (answer, error) {
	find := func(p souk.Page) ([]market.AppView, error) { return h.market.PartnerApps(c.ctx, c.Actor, c.org(), p) }
	return list(h, c, souk.NewestFirst, find, atApp, h.site.catalogueApp)
}

func (h *Handler) readPartnerApp(c *call) (answer, error) {
	v, err := h.market.PartnerApp(c.ctx, c.Actor, c.org(), c.app())
	return shown(h.site.catalogueApp(v)), err
}

func (h *Handler) listOwnedApps(c *call) (answer, error) {
	find := func(p souk.Page) ([]market.AppView, error) { return h.market.OwnedApps(c.ctx, c.Actor, c.org(), p) }
	return list(h, c, souk.NewestFirst, find, atApp, func(v market.AppView) ownedApp { return h.ownedApp(c, v) })
}

// ownedApp shows an app to the caller. A bot with settings could sign as any
// other app of the organization if it were told the secrets.
func (h *Handler) ownedApp(c *call, v market.AppView) ownedApp {
	shown := h.site.ownedApp(v)
	if c.ThroughApp() {
		shown.Secret = nil
	}
	return shown
}

func (h *Handler) readOwnedApp(c *call) (answer, error) {
	v, err := h.market.OwnedApp(c.ctx, c.Actor, c.org(), c.app())
	return shown(h.ownedApp(c, v)), err
}

func (h *Handler) listInstalledApps(c *call) (answer, error) {
	find := func(p souk.Page) ([]market.AppView, error) { return h.market.InstalledApps(c.ctx, c.Actor, c.org(), p) }
	return list(h, c, souk.NewestFirst, find, atApp, h.site.installedApp)
}

func (h *Handler) readInstalledApp(c *call) (answer, error) {
	v, err := h.market.InstalledApp(c.ctx, c.Actor, c.org(), c.app())
	return shown(h.site.installedApp(v)), err
}

func (h *Handler) createApp(c *call) (answer, error) {
	form, err := c.appForm()
	if err != nil {
		return answer{}, err
	}
	v, err := h.market.PublishApp(c.ctx, c.Actor, c.org(), form)
	return created(h.ownedApp(c, v)), spellApp(err, form)
}

func (h *Handler) changeApp(c *call) (answer, error) {
	if _, err := h.market.OwnedApp(c.ctx, c.Actor, c.org(), c.app()); err != nil {
		return answer{}, err // before a look at the body
	}
	form, err := c.appForm()
	if err != nil {
		return answer{}, err
	}
	v, err := h.market.UpdateApp(c.ctx, c.Actor, c.org(), c.app(), form)
	return shown(h.ownedApp(c, v)), spellApp(err, form)
}

func (h *Handler) deleteApp(c *call) (answer, error) {
	return noContent, h.market.DeleteApp(c.ctx, c.Actor, c.org(), c.app())
}

// permissionScopes are the scopes that an app may ask for on this wire.
var permissionScopes = []string{string(souk.CanReports), string(souk.CanSettings), string(souk.CanUsers)}

// appForm reads what a call says of an app.
func (c *call) appForm() (form market.AppForm, err error) {
	o, err := c.input()
	if err != nil {
		return form, err
	}
	form = market.AppForm{
		Name:                  o.text("name", required, market.MaxAppName),
		Description:           o.text("description", required, market.MaxAppDescription),
		Icon:                  o.id("icon_asset_id", nullable),
		IsAvailableToAnyone:   o.flag("is_available_to_anyone", optional),
		IsAvailableToPartners: o.flag("is_available_to_partners", optional),
		IsAppUserRequired:     o.flag("is_app_user_required", required),
		AppUserFirstName:      o.text("app_user_default_first_name", nullable, market.MaxAppUserName),
		AppUserLastName:       o.text("app_user_default_last_name", nullable, market.MaxAppUserName),
		AppUserAlias:          o.text("app_user_default_alias", nullable, market.MaxAppUserName),
		TermsOfService:        o.url("terms_of_service_url", required, market.MaxAppURL),
		PrivacyPolicy:         o.url("privacy_policy_url", required, market.MaxAppURL),
		TriggerURL:            o.url("trigger_url", nullable, market.MaxAppURL),
		Triggers:              o.choices("trigger_conditions", optional, souk.TriggerConditions),
		RequiredScopes:        o.choices("required_scopes", optional, permissionScopes),
		RedirectURIs:          o.urls("allowed_redirect_uris", optional, market.MaxRedirectURIs, market.MaxAppURL, isRedirect),
	}
	return form, o.valid()
}

// isRedirect reports whether people may be sent to an address with something in
// hand.
func isRedirect(s string) bool {
	return strings.HasPrefix(s, "https://") && !strings.Contains(s, "#")
}

// spellApp spells what the market found wrong with an app as a whole: an icon
// that is nobody's to choose, and an app user without the names it needs.
func spellApp(err error, form market.AppForm) error {
	var bad souk.Invalid
	if !errors.As(err, &bad) {
		return err
	}
	f := faults{}
	for _, p := range bad {
		switch p.Field {
		case "icon":
			f["icon_asset_id"] = []string{fmt.Sprintf(unknownPrimary, *form.Icon)}
		case "app_user.first_name":
			f["app_user_default_first_name"] = missingName(form.AppUserFirstName)
		case "app_user.last_name":
			f["app_user_default_last_name"] = missingName(form.AppUserLastName)
		default:
			return err
		}
	}
	return &failure{status: http.StatusBadRequest, body: f}
}

// missingName tells a name that is null from one that was not given.
func missingName(given *string) []string {
	if given != nil {
		return []string{isNull}
	}
	return []string{isRequired}
}
