package console

import (
	"errors"

	"souk"
	"souk/market"
)

// installationPath is where one installation is looked after.
const installationPath = "/console/orgs/{org}/installations/{installation}"

// installedOnPage is how many installed apps one page has.
const installedOnPage = 20

// desk is an org whose installed apps somebody looks at, with what they may do
// about them.
type desk struct {
	Org, Enterprise souk.Org // Enterprise is zero where there is none
	Settings, Users bool     // they hold the permission of that name
	Lapsed          bool     // nothing can be done, for want of a subscription
}

func (h *Handler) deskAt(v *visit, org souk.ID) (d desk, err error) {
	if d.Org, d.Enterprise, _, err = h.market.PlaceOf(v.ctx, v.Actor, org); err != nil {
		return d, err
	}
	for _, p := range []struct {
		permission souk.Permission
		held       *bool
	}{{souk.CanSettings, &d.Settings}, {souk.CanUsers, &d.Users}} {
		_, err := h.market.Desk(v.ctx, v.Actor, org, market.Need(p.permission))
		switch {
		case errors.Is(err, souk.NoSubscription):
			d.Lapsed = true
		case err != nil && !errors.Is(err, souk.NotAllowed):
			return d, err
		default:
			*p.held = err == nil
		}
	}
	return d, nil
}

// installedApp is an installation as pages show it.
type installedApp struct {
	market.InstalledView
	Card  appCard
	Own   bool // it was installed by the org that is looked at, and not above it
	Setup bool // the visitor may open the app's page to set it up
}

func (v *visit) installedApp(i market.InstalledView, at desk) installedApp {
	return installedApp{
		InstalledView: i, Card: cardOf(i.Of), Own: i.Installation.Org == at.Org.ID,
		Setup: i.Of.Triggered(souk.OnSetup) && !i.Of.Suspended && i.Status == souk.InstallationActive &&
			(at.Settings && i.Installation.Org == at.Org.ID || i.InstalledBy == v.User.ID),
	}
}

// installedPage lists the apps that are installed at an org.
type installedPage struct {
	At    desk
	Apps  []installedApp
	Later bool   // it is not the first page
	More  string // the cursor of the next page; empty: there is none
}

func (h *Handler) installedApps(v *visit) (answer, error) {
	at, err := h.deskAt(v, v.id("org"))
	if err != nil {
		return answer{}, err
	}
	p := installedPage{At: at}
	bound := "console installed apps " + at.Org.ID.String()
	after, err := h.market.Key.ParseCursor(bound, v.query("after"))
	if err != nil {
		return answer{}, &failure{problem: malformedLink}
	}
	found, err := h.market.InstalledAt(v.ctx, v.Actor, at.Org.ID, souk.Page{After: after, Size: installedOnPage + 1})
	if err != nil {
		return answer{}, err
	}
	if p.Later = v.query("after") != ""; len(found) > installedOnPage {
		found = found[:installedOnPage]
		last := found[installedOnPage-1]
		p.More = h.market.Key.Cursor(bound, souk.Position{At: last.Installation.CreatedAt, ID: last.Installation.ID})
	}
	var setUps []string
	for _, i := range found {
		shown := v.installedApp(i, at)
		if p.Apps = append(p.Apps, shown); shown.Setup {
			setUps = append(setUps, i.Of.TriggerURL)
		}
	}
	a := show("installed", p)
	if len(setUps) > 0 {
		a.policy = leadsTo(setUps...)
	}
	return a, nil
}

// installationPage is everything about one installation.
type installationPage struct {
	At          desk
	Is          installedApp
	Groups      []scopeGroup
	Permissions []shownPermission // of the app user
	Tokens      []souk.Token
	Manage      bool // the visitor may change it: end its tokens and itself
	Permit      apiCall
	Revoke      *apiCall // of the newest token; nil: there is none
}

// shownPermission is one that an app user may have.
type shownPermission struct {
	Name      souk.Permission
	Held      bool
	Reachable bool // through the app's tokens: it was granted the scope of that name
}

// installation finds what the address of a page below an installation names.
func (h *Handler) installation(v *visit) (is installedApp, at desk, err error) {
	if at, err = h.deskAt(v, v.id("org")); err != nil {
		return is, at, err
	}
	i, err := h.market.InstalledOne(v.ctx, v.Actor, at.Org.ID, v.id("installation"))
	return v.installedApp(i, at), at, err
}

func (h *Handler) installationPage(v *visit) (answer, error) {
	is, at, err := h.installation(v)
	if err != nil {
		return answer{}, err
	}
	p := installationPage{At: at, Is: is, Groups: groupScopes(is.Granted, nil, false), Manage: is.Own && at.Settings}
	if is.InstalledView.User != nil {
		p.Permissions, p.Permit = showPermissions(is), h.permitCall(is.InstalledView)
	}
	if p.Manage {
		if p.Tokens, err = h.market.TokensAt(v.ctx, v.Actor, at.Org.ID, is.Installation.ID); err != nil {
			return answer{}, err
		}
		if len(p.Tokens) > 0 {
			call := h.revokeCall(is.Installation, p.Tokens[0])
			if len(p.Tokens) > 1 {
				call.Title = "newest"
			}
			p.Revoke = &call
		}
	}
	a := show("installation", p)
	if is.Setup {
		a.policy = leadsTo(is.Of.TriggerURL)
	}
	return a, nil
}

func showPermissions(is installedApp) (shown []shownPermission) {
	for _, p := range souk.Permissions {
		held := false
		for _, q := range is.Permissions {
			held = held || p == q
		}
		shown = append(shown, shownPermission{p, held, is.Installation.Scopes.Has(string(p))})
	}
	return shown
}

// permit gives the app user of an installation the permissions that the form
// names, and takes all others from it.
func (h *Handler) permit(v *visit) (answer, error) {
	is, at, err := h.ownInstallation(v)
	if err != nil {
		return answer{}, err
	}
	if is.AppUser.IsZero() {
		return answer{}, souk.UnknownUser
	}
	var permissions []souk.Permission
	for _, p := range v.list("permission") {
		permissions = append(permissions, souk.Permission(p))
	}
	_, err = h.market.SetPermissions(v.ctx, v.Actor, at.Org.ID, is.AppUser, permissions)
	return done(v.backToInstallation(), "permissions-saved"), err
}

// revokeInstalledToken ends a token that came with an installation.
func (h *Handler) revokeInstalledToken(v *visit) (answer, error) {
	is, at, err := h.ownInstallation(v)
	if err != nil {
		return answer{}, err
	}
	tokens, err := h.market.TokensAt(v.ctx, v.Actor, at.Org.ID, is.Installation.ID)
	if err != nil {
		return answer{}, err
	}
	for _, t := range tokens {
		if t.ID == v.id("token") {
			return done(v.backToInstallation(), "token-revoked"), h.market.RevokeToken(v.ctx, v.Actor, t.ID)
		}
	}
	return answer{}, souk.UnknownToken
}

// ownInstallation finds one that the org of the address made itself: what came
// from above is looked after there.
func (h *Handler) ownInstallation(v *visit) (is installedApp, at desk, err error) {
	is, at, err = h.installation(v)
	if err == nil && !is.Own {
		err = souk.UnknownInstallation
	}
	return is, at, err
}

// backToInstallation is the page of the installation that the address names.
func (v *visit) backToInstallation() string {
	return "/console/orgs/" + v.id("org").String() + "/installations/" + v.id("installation").String()
}
