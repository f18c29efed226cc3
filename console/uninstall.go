package console

import "souk/market"

// uninstallPage tells what stops when an installation ends.
type uninstallPage struct {
	At    desk
	Is    installedApp
	Stops market.Stops
	Call  apiCall
}

// Idle reports whether nothing stops besides the app itself.
func (p uninstallPage) Idle() bool {
	s := p.Stops
	return s.Tokens+s.Grants+s.Pending+len(s.Workspaces) == 0 && s.AppUser == nil
}

func (h *Handler) uninstallPage(v *visit) (answer, error) {
	is, at, err := h.ownInstallation(v)
	if err != nil {
		return answer{}, err
	}
	stops, err := h.market.UninstallPreview(v.ctx, v.Actor, at.Org.ID, is.Installation.ID)
	return show("uninstall", uninstallPage{at, is, stops, h.uninstallCall(is.Installation)}), err
}

func (h *Handler) uninstall(v *visit) (answer, error) {
	org := v.id("org")
	err := h.market.EndInstallation(v.ctx, v.Actor, org, v.id("installation"))
	return done("/console/orgs/"+org.String()+"/apps", "uninstalled"), err
}
