package native

import (
	"net/http"

	"souk"
	"souk/market"
)

// installedObject is what came of installing.
type installedObject struct {
	Installation installationObject `json:"installation"`
	Upgraded     bool               `json:"upgraded"`
}

// wishedObject is what came of installing where somebody has to approve first.
type wishedObject struct {
	Request requestObject `json:"request"`
}

func (h *Handler) install(c *call) (answer, error) {
	in := market.Installing{At: c.org(), App: c.body.id("app"), Workspaces: c.body.ids("workspaces"), Reason: c.body.text("reason"), State: c.body.text("state")}
	if c.body.flag("terms_accepted") {
		in.Terms = market.TermsAccepted
	}
	bot := c.body.object("app_user")
	in.AppUser = souk.AppUserNames{FirstName: bot.text("first_name"), LastName: bot.text("last_name"), Alias: bot.text("alias")}
	bot.leftovers()
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	done, err := h.market.Install(c.ctx, c.Actor, in)
	if err != nil {
		return answer{}, err
	}
	if done.Requested != nil {
		q := familyOf(done.At).request(*done.Requested)
		return answer{status: http.StatusAccepted, body: wishedObject{q}, location: requestPath(q)}, nil
	}
	said := installedObject{showInstallation(done.Installation, done.Workspaces), done.Upgraded}
	if done.Upgraded {
		return answer{status: http.StatusOK, body: said}, nil
	}
	return answer{status: http.StatusCreated, body: said, location: installationPath(done.Installation)}, nil
}

func installationPath(i souk.Installation) string {
	return prefix + "/orgs/" + i.Org.String() + "/apps/" + i.App.String() + "/installation"
}

func (h *Handler) listInstallations(c *call) (answer, error) {
	org := c.org()
	p := c.page(h.market.Key, org.String())
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	found, err := h.market.Installations(c.ctx, c.Actor, org, p.asked())
	at := func(v market.InstallationView) souk.Position { return souk.Position{At: v.CreatedAt, ID: v.ID} }
	return answer{status: http.StatusOK, body: pageOf(p, found, at, showInstalled)}, err
}

func (h *Handler) readInstallation(c *call) (answer, error) {
	app, org := c.app(), c.org()
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	found, err := h.market.InstallationOf(c.ctx, c.Actor, app, org)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: showInstalled(found)}, nil
}

func (h *Handler) setWorkspaces(c *call) (answer, error) {
	c.body.require("workspaces")
	in := market.Granting{App: c.app(), At: c.org(), Workspaces: c.body.ids("workspaces")}
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	done, err := h.market.SetWorkspaces(c.ctx, c.Actor, in)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: showInstallation(done.Installation, done.Workspaces)}, nil
}

// endedObject lists what an uninstall ended, which may be nothing.
type endedObject struct {
	Ended []installationObject `json:"ended"`
}

func (h *Handler) uninstall(c *call) (answer, error) {
	in := market.Uninstalling{App: c.app(), From: []souk.ID{c.org()}}
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	ended, err := h.market.Uninstall(c.ctx, c.Actor, in)
	return answer{status: http.StatusOK, body: endedObject{each(ended, func(i souk.Installation) installationObject {
		return showInstallation(i, nil)
	})}}, err
}

func (h *Handler) resume(c *call) (answer, error) {
	org, id := c.org(), c.installation()
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	done, err := h.market.ResumeInstallation(c.ctx, c.Actor, org, id)
	return answer{status: http.StatusOK, body: showInstallation(done.Installation, done.Workspaces)}, err
}
