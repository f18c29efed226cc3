package native

import (
	"net/http"

	"souk"
	"souk/market"
)

// permittedObject is a member of an org with what they may do there.
type permittedObject struct {
	userObject
	Permissions []string `json:"permissions"` // those of the role too
}

// showPermitted shows a member to the caller. An app learns the e-mails of others
// than the one it speaks for by the scope for people alone.
func (c *call) showPermitted(v market.UserView) permittedObject {
	u := *showUser(v.User)
	if c.ThroughApp() && v.ID != c.Actor.User && !c.Scopes.Has(string(souk.CanUsers)) {
		u.Email = nil
	}
	return permittedObject{u, permissions(v.Permissions)}
}

func (h *Handler) readPermissions(c *call) (answer, error) {
	org, user := c.org(), c.user()
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	found, err := h.market.Permissions(c.ctx, c.Actor, org, user)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: c.showPermitted(found)}, nil
}

func (h *Handler) setPermissions(c *call) (answer, error) {
	org, user := c.org(), c.user()
	c.body.require("permissions")
	var granted []souk.Permission
	for _, p := range c.body.texts("permissions") {
		granted = append(granted, souk.Permission(p))
	}
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	changed, err := h.market.SetPermissions(c.ctx, c.Actor, org, user, granted)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: c.showPermitted(changed)}, nil
}
