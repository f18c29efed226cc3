package giosg

import (
	"souk"
	"souk/market"
)

var orgRoutes = []route{
	{"GET", "/orgs/{org}", (*Handler).readOrg, orgMember},
	{"GET", "/orgs/{org}/users", (*Handler).listUsers, orgMember},
	{"GET", "/orgs/{org}/users/{user}", (*Handler).readUser, orgMember},
}

// organization is an organization as its members see it.
type organization struct {
	ID         souk.ID `json:"id"`
	Name       string  `json:"name"`
	Email      *string `json:"email"`
	Phone      *string `json:"phone"`
	Street     *string `json:"street"`
	PostalCode *string `json:"postal_code"`
	City       *string `json:"city"`
	Country    *string `json:"country"`
	BusinessID *string `json:"business_id"`
	CreatedAt  string  `json:"created_at"`
	UpdatedAt  string  `json:"updated_at"`
}

func showOrg(o souk.Org) organization {
	at := o.Contact
	return organization{
		o.ID, o.Name, optionalText(at.Email), optionalText(at.Phone), optionalText(at.Street), optionalText(at.PostalCode),
		optionalText(at.City), optionalText(at.Country), optionalText(at.BusinessID), stamp(o.CreatedAt), stamp(o.UpdatedAt),
	}
}

// readOrg shows the org that the guard found.
func (h *Handler) readOrg(c *call) (answer, error) { return shown(showOrg(c.desk.Org)), nil }

// atUser is where a user stands in a list.
func atUser(v market.UserView) souk.Position {
	return souk.Position{At: v.User.CreatedAt, ID: v.ID}
}

func (h *Handler) listUsers(c *call) (answer, error) {
	find := func(p souk.Page) ([]market.UserView, error) { return h.market.People(c.ctx, c.Actor, c.org(), p) }
	return list(h, c, souk.NewestFirst, find, atUser, c.showColleague)
}

func (h *Handler) readUser(c *call) (answer, error) {
	v, err := h.market.Member(c.ctx, c.Actor, c.org(), c.id("user"))
	return shown(c.showColleague(v)), err
}

// showColleague shows a user to the caller. To the e-mails of others a bot has
// no right unless its installation was given the scope for people.
func (c *call) showColleague(v market.UserView) user {
	u := showUser(v)
	if c.ThroughApp() && v.ID != c.Actor.User && !c.Scopes.Has(string(souk.CanUsers)) {
		u.Email = nil
	}
	return u
}
