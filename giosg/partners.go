package giosg

import (
	"errors"

	"souk"
	"souk/market"
)

var partnerRoutes = []route{
	{"GET", "/orgs/{org}/partnerships", (*Handler).listPartnerships, orgMember},
	{"GET", "/orgs/{org}/partnerships/{partner}", (*Handler).readPartnership, orgMember},
	{"PATCH", "/orgs/{org}/partnerships/{partner}", (*Handler).namePartner, orgSettings},
	{"DELETE", "/orgs/{org}/partnerships/{partner}", (*Handler).endPartnership, orgSettings},

	{"GET", "/orgs/{org}/outgoing_partnership_invitations", listInvitations(market.Outgoing), orgRead},
	{"POST", "/orgs/{org}/outgoing_partnership_invitations", (*Handler).invite, orgSettings},
	{"GET", "/orgs/{org}/outgoing_partnership_invitations/{invitation}", readInvitation(market.Outgoing), orgRead},
	{"DELETE", "/orgs/{org}/outgoing_partnership_invitations/{invitation}", endInvitation(market.Outgoing), orgSettings},

	{"GET", "/orgs/{org}/incoming_partnership_invitations", listInvitations(market.Incoming), orgRead},
	{"GET", "/orgs/{org}/incoming_partnership_invitations/{invitation}", readInvitation(market.Incoming), orgRead},
	{"DELETE", "/orgs/{org}/incoming_partnership_invitations/{invitation}", endInvitation(market.Incoming), orgSettings},
	{"POST", "/orgs/{org}/incoming_partnership_invitations/{invitation}/accept", (*Handler).accept, orgSettings},
}

// atPartnership is where a partnership stands in the list of one of the two.
func atPartnership(v market.PartnershipView) souk.Position {
	return souk.Position{At: v.CreatedAt, ID: v.Partner.ID}
}

func (h *Handler) listPartnerships(c *call) (answer, error) {
	find := func(p souk.Page) ([]market.PartnershipView, error) {
		return h.market.Partnerships(c.ctx, c.Actor, c.org(), p)
	}
	return list(h, c, souk.OldestFirst, find, atPartnership, showPartnership)
}

func (h *Handler) readPartnership(c *call) (answer, error) {
	v, err := h.market.Partnership(c.ctx, c.Actor, c.org(), c.id("partner"))
	return shown(showPartnership(v)), err
}

// namePartner changes what a partnership has that can be changed.
func (h *Handler) namePartner(c *call) (answer, error) {
	v, err := h.market.Partnership(c.ctx, c.Actor, c.org(), c.id("partner"))
	if err != nil {
		return answer{}, err // before a look at the body
	}
	o, err := c.input()
	if err != nil {
		return answer{}, err
	}
	name := o.text("display_name", nullable, market.MaxDisplayName)
	if err := o.valid(); err != nil || name == nil {
		return shown(showPartnership(v)), err
	}
	v, err = h.market.NamePartner(c.ctx, c.Actor, c.org(), c.id("partner"), *name)
	return shown(showPartnership(v)), err
}

func (h *Handler) endPartnership(c *call) (answer, error) {
	return noContent, h.market.EndPartnership(c.ctx, c.Actor, c.org(), c.id("partner"))
}

// invitation is one organization that asked another to become its partner.
type invitation struct {
	ID                    souk.ID  `json:"id"`
	OrganizationID        souk.ID  `json:"organization_id"`
	Organization          names    `json:"organization"`
	InvitedOrganizationID souk.ID  `json:"invited_organization_id"`
	InvitedOrganization   *names   `json:"invited_organization"`
	CreatedAt             string   `json:"created_at"`
	CreatedByUserID       *souk.ID `json:"created_by_user_id"`
	CreatedByUser         *person  `json:"created_by_user"`
}

func showInvitation(v market.InvitationView) invitation {
	var invited *names
	if v.Invited != nil {
		invited = new(nameOrg(*v.Invited))
	}
	return invitation{
		v.ID, v.Sender.ID, nameOrg(v.Sender), v.To, invited,
		stamp(v.CreatedAt), idOf(v.Creator), showPerson(v.Creator),
	}
}

// atInvitation is where an invitation stands in a list.
func atInvitation(v market.InvitationView) souk.Position {
	return souk.Position{At: v.Invitation.CreatedAt, ID: v.ID}
}

func listInvitations(d market.Direction) func(*Handler, *call) (answer, error) {
	return func(h *Handler, c *call) (answer, error) {
		find := func(p souk.Page) ([]market.InvitationView, error) {
			return h.market.Invitations(c.ctx, c.Actor, c.org(), d, p)
		}
		return list(h, c, souk.NewestFirst, find, atInvitation, showInvitation)
	}
}

func readInvitation(d market.Direction) func(*Handler, *call) (answer, error) {
	return func(h *Handler, c *call) (answer, error) {
		v, err := h.market.Invitation(c.ctx, c.Actor, c.org(), d, c.id("invitation"))
		return shown(showInvitation(v)), err
	}
}

func endInvitation(d market.Direction) func(*Handler, *call) (answer, error) {
	return func(h *Handler, c *call) (answer, error) {
		return noContent, h.market.EndInvitation(c.ctx, c.Actor, c.org(), d, c.id("invitation"))
	}
}

func (h *Handler) accept(c *call) (answer, error) {
	v, err := h.market.Accept(c.ctx, c.Actor, c.org(), c.id("invitation"))
	return shown(showPartnership(v)), err
}

func (h *Handler) invite(c *call) (answer, error) {
	o, err := c.input()
	if err != nil {
		return answer{}, err
	}
	whom := o.id("invited_organization_id", required)
	if err := o.valid(); err != nil {
		return answer{}, err
	}
	v, err := h.market.Invite(c.ctx, c.Actor, c.org(), *whom)
	var bad souk.Invalid
	switch {
	case errors.As(err, &bad) && *whom == c.org():
		err = faulty("invited_organization_id", "An organization cannot invite itself.")
	case errors.As(err, &bad) && !whom.IsZero():
		err = faulty(together, "This organization has as many open invitations as it can have.")
	case errors.As(err, &bad):
		err = noSuch("invited_organization_id", *whom)
	}
	return created(showInvitation(v)), err
}
