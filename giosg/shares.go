package giosg

import (
	"souk"
	"souk/market"
)

var shareRoutes = []route{
	{"GET", "/orgs/{org}/outgoing_app_shares", listShares(market.Outgoing), orgRead},
	{"POST", "/orgs/{org}/outgoing_app_shares", (*Handler).shareApp, orgSettings},
	{"GET", "/orgs/{org}/outgoing_app_shares/{share}", readShare(market.Outgoing), orgRead},
	{"DELETE", "/orgs/{org}/outgoing_app_shares/{share}", endShare(market.Outgoing), orgSettings},

	{"GET", "/orgs/{org}/incoming_app_shares", listShares(market.Incoming), orgRead},
	{"GET", "/orgs/{org}/incoming_app_shares/{share}", readShare(market.Incoming), orgRead},
	{"DELETE", "/orgs/{org}/incoming_app_shares/{share}", endShare(market.Incoming), orgSettings},
}

// atShare is where a share stands in a list.
func atShare(v market.ShareView) souk.Position {
	return souk.Position{At: v.Share.CreatedAt, ID: v.ID}
}

func listShares(d market.Direction) func(*Handler, *call) (answer, error) {
	return func(h *Handler, c *call) (answer, error) {
		find := func(p souk.Page) ([]market.ShareView, error) {
			return h.market.Shares(c.ctx, c.Actor, c.org(), d, p)
		}
		return list(h, c, souk.NewestFirst, find, atShare, h.site.share)
	}
}

func readShare(d market.Direction) func(*Handler, *call) (answer, error) {
	return func(h *Handler, c *call) (answer, error) {
		v, err := h.market.Share(c.ctx, c.Actor, c.org(), d, c.id("share"))
		return shown(h.site.share(v)), err
	}
}

func endShare(d market.Direction) func(*Handler, *call) (answer, error) {
	return func(h *Handler, c *call) (answer, error) {
		return noContent, h.market.UnshareApp(c.ctx, c.Actor, c.org(), d, c.id("share"))
	}
}

func (h *Handler) shareApp(c *call) (answer, error) {
	o, err := c.input()
	if err != nil {
		return answer{}, err
	}
	with, app := o.id("organization_id", required), o.id("app_id", required)
	if err := o.valid(); err != nil {
		return answer{}, err
	}
	v, err := h.market.ShareApp(c.ctx, c.Actor, market.Sharing{Owner: c.org(), App: *app, With: *with})
	return created(h.site.share(v)), instead(err, souk.UnknownApp, noSuch("app_id", *app))
}
