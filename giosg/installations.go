package giosg

import (
	"errors"
	"net/http"

	"souk"
	"souk/market"
)

var installationRoutes = []route{
	{"GET", "/orgs/{org}/app_installations", (*Handler).listInstallations, orgRead},
	{"POST", "/orgs/{org}/app_installations", (*Handler).install, orgSettings},
	{"GET", "/orgs/{org}/app_installations/{installation}", (*Handler).readInstallation, orgRead},
	{"DELETE", "/orgs/{org}/app_installations/{installation}", (*Handler).uninstall, orgSettings},

	{"GET", "/orgs/{org}/owned_apps/{app}/installations", (*Handler).listInstallationsOfOwned, orgRead},
	{"GET", "/orgs/{org}/owned_apps/{app}/installations/{installation}", (*Handler).readInstallationOfOwned, orgRead},
	{"DELETE", "/orgs/{org}/owned_apps/{app}/installations/{installation}", (*Handler).uninstallFrom, orgSettings},
}

// atInstallation is where an installation stands in a list.
func atInstallation(v market.InstallView) souk.Position {
	return souk.Position{At: v.Installation.CreatedAt, ID: v.ID}
}

func (h *Handler) listInstallations(c *call) (answer, error) {
	find := func(p souk.Page) ([]market.InstallView, error) {
		return h.market.AppInstallations(c.ctx, c.Actor, c.org(), p)
	}
	return list(h, c, souk.NewestFirst, find, atInstallation, h.site.installation)
}

func (h *Handler) readInstallation(c *call) (answer, error) {
	v, err := h.market.AppInstallation(c.ctx, c.Actor, c.org(), c.id("installation"))
	return shown(h.site.installation(v)), err
}

func (h *Handler) uninstall(c *call) (answer, error) {
	return noContent, h.market.EndInstallation(c.ctx, c.Actor, c.org(), c.id("installation"))
}

func (h *Handler) listInstallationsOfOwned(c *call) (answer, error) {
	find := func(p souk.Page) ([]market.InstallView, error) {
		return h.market.InstallationsOfOwned(c.ctx, c.Actor, c.org(), c.app(), p)
	}
	return list(h, c, souk.NewestFirst, find, atInstallation, h.site.installation)
}

func (h *Handler) readInstallationOfOwned(c *call) (answer, error) {
	v, err := h.market.InstallationOfOwned(c.ctx, c.Actor, c.org(), c.app(), c.id("installation"))
	return shown(h.site.installation(v)), err
}

// uninstallFrom takes the id of an installation, or of the organization that
// made it.
func (h *Handler) uninstallFrom(c *call) (answer, error) {
	return noContent, h.market.UninstallFrom(c.ctx, c.Actor, c.org(), c.app(), c.id("installation"))
}

// requested is the answer when somebody has to approve first.
type requested struct {
	Detail    string  `json:"detail"`
	RequestID souk.ID `json:"request_id"`
	CaseID    souk.ID `json:"case_id"`
}

func (h *Handler) install(c *call) (answer, error) {
	o, err := c.input()
	if err != nil {
		return answer{}, err
	}
	app := o.id("app_id", required)
	accepted := o.choices("allowed_scopes", optional, nil) // those of an app of another face are other words
	first := o.text("app_user_first_name", nullable, market.MaxAppUserName)
	last := o.text("app_user_last_name", nullable, market.MaxAppUserName)
	alias := o.text("app_user_alias", nullable, market.MaxAppUserName)
	terms := o.flag("is_terms_accepted", required)
	if err := o.valid(); err != nil {
		return answer{}, err
	}
	in := market.Installing{
		App: *app, At: c.org(), Accepted: accepted,
		AppUser: souk.AppUserNames{FirstName: orEmpty(first), LastName: orEmpty(last), Alias: orEmpty(alias)},
	}
	if *terms {
		in.Terms = market.TermsAccepted
	}
	done, err := h.market.Install(c.ctx, c.Actor, in)
	if err != nil {
		return answer{}, spellInstall(err, *app)
	}
	if q := done.Requested; q != nil {
		return answer{http.StatusAccepted, requested{"Approval requested.", q.ID, q.Case}}, nil
	}
	v, err := h.market.AppInstallation(c.ctx, c.Actor, c.org(), done.Installation.ID)
	return created(h.site.installation(v)), err
}

// spellInstall spells what is particular to installing: an app that is not there
// for this organization is an id that means nothing.
func spellInstall(err error, app souk.ID) error {
	var bad souk.Invalid
	switch {
	case errors.Is(err, souk.UnknownApp):
		return noSuch("app_id", app)
	case errors.Is(err, souk.NotAllowed):
		return forbidden
	case !errors.As(err, &bad):
		return err
	}
	f := faults{}
	for _, p := range bad {
		switch p.Field {
		case "scopes":
			f["allowed_scopes"] = []string{"These must be exactly the required scopes of the app."}
		case "app_user.first_name":
			f["app_user_first_name"] = []string{isRequired}
		case "app_user.last_name":
			f["app_user_last_name"] = []string{isRequired}
		default:
			return err
		}
	}
	return &failure{status: http.StatusBadRequest, body: f}
}

// orEmpty is a text that may not have been given.
func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
