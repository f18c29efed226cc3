package native

import (
	"net/http"

	"souk"
	"souk/market"
)

// listings are how far an app can be on its way into the catalogue.
var listings = []souk.Listing{souk.Draft, souk.Submitted, souk.Listed}

// listingObject is an app as the operator looks at it before listing it.
type listingObject struct {
	appObject
	Description           string       `json:"description"`
	Owner                 *orgObject   `json:"owner"`
	Listing               souk.Listing `json:"listing"`
	IsAvailableToAnyone   bool         `json:"is_available_to_anyone"` // the owner's wish
	IsAvailableToPartners bool         `json:"is_available_to_partners"`
	IsPublic              bool         `json:"is_public"`
	IsSuspended           bool         `json:"is_suspended"`
	Scopes                []string     `json:"scopes"`
	Links                 linksObject  `json:"links"`
	Installations         int          `json:"installations"`
	CreatedAt             string       `json:"created_at"`
	UpdatedAt             string       `json:"updated_at"`
}

type linksObject struct {
	Homepage       *string `json:"homepage"`
	Directory      *string `json:"directory"`
	Documentation  *string `json:"documentation"`
	Support        *string `json:"support"`
	TermsOfService *string `json:"terms_of_service"`
	PrivacyPolicy  *string `json:"privacy_policy"`
}

func showListing(v market.AppView) listingObject {
	l := v.Links
	return listingObject{
		appObject: *showApp(v.App), Description: v.Description, Owner: showOrg(v.Owner), Listing: v.Listing,
		IsAvailableToAnyone: v.IsAvailableToAnyone, IsAvailableToPartners: v.IsAvailableToPartners,
		IsPublic: v.IsPublic(), IsSuspended: v.Suspended, Scopes: scopeNames(v.Asks()),
		Links: linksObject{
			optional(l.Homepage), optional(l.Directory), optional(l.Documentation),
			optional(l.Support), optional(l.TermsOfService), optional(l.PrivacyPolicy),
		},
		Installations: v.Installations, CreatedAt: stamp(v.CreatedAt), UpdatedAt: stamp(v.UpdatedAt),
	}
}

func (h *Handler) listApps(c *call) (answer, error) {
	if _, given := c.query["listing"]; !given {
		c.badParameter("listing", "is required")
	}
	listing := word(c, "listing", listings)
	p := c.page(h.market.Key, string(listing))
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	asked := p.asked()
	asked.Order = souk.OldestFirst // whoever waits longest comes first
	found, err := h.market.ListingQueue(c.ctx, c.Actor, listing, asked)
	at := func(v market.AppView) souk.Position { return souk.Position{At: v.CreatedAt, ID: v.ID} }
	return answer{status: http.StatusOK, body: pageOf(p, found, at, showListing)}, err
}

func (h *Handler) readListing(c *call) (answer, error) {
	app := c.app()
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	found, err := h.market.Listing(c.ctx, c.Actor, app)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: showListing(found)}, nil
}

func (h *Handler) setListing(c *call) (answer, error) {
	app, listing := c.app(), souk.Listing(c.body.requiredText("listing"))
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	changed, err := h.market.ListApp(c.ctx, c.Actor, app, listing)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: showListing(changed)}, nil
}

// entitledObject is an org with what it paid for.
type entitledObject struct {
	orgObject
	HasActiveSubscription bool `json:"has_active_subscription"`
	HasAppsFeature        bool `json:"has_apps_feature"`
	IsAppProvider         bool `json:"is_app_provider"`
}

func showEntitled(o souk.Org) entitledObject {
	return entitledObject{*showOrg(o), o.HasActiveSubscription, o.HasAppsFeature, o.IsAppProvider}
}

func (h *Handler) readEntitlements(c *call) (answer, error) {
	org := c.org()
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	found, err := h.market.Entitlements(c.ctx, c.Actor, org)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: showEntitled(found)}, nil
}

func (h *Handler) setEntitlements(c *call) (answer, error) {
	for _, name := range []string{"has_active_subscription", "has_apps_feature", "is_app_provider"} {
		c.body.require(name) // all of them: nobody loses one by an oversight
	}
	org, in := c.org(), souk.Entitlements{
		HasActiveSubscription: c.body.flag("has_active_subscription"),
		HasAppsFeature:        c.body.flag("has_apps_feature"),
		IsAppProvider:         c.body.flag("is_app_provider"),
	}
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	changed, err := h.market.SetEntitlements(c.ctx, c.Actor, org, in)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: showEntitled(changed)}, nil
}
