package console

import (
	"souk"
	"souk/market"
)

// setUp opens the app's page for those who set it up.
func (h *Handler) setUp(v *visit) (answer, error) {
	is, at, err := h.installation(v)
	if err != nil {
		return answer{}, err
	}
	location, err := h.market.OpenTrigger(v.ctx, v.Actor, market.Opening{App: is.Of.ID, At: at.Org.ID, Condition: souk.OnSetup})
	return see(location), err
}

// openPage shows an app inside of ours.
type openPage struct {
	App     souk.App
	Address string // of the app's page: it opens for some minutes
}

// openApp shows an app that the top navigation opens. What the frame may do is
// said in html/open.html.
func (h *Handler) openApp(v *visit) (answer, error) {
	address, err := h.market.OpenTrigger(v.ctx, v.Actor, market.Opening{App: v.id("app"), At: v.id("org"), Condition: souk.OnNavigation})
	if err != nil {
		return answer{}, err
	}
	is, err := h.market.InstallationOf(v.ctx, v.Actor, v.id("app"), v.id("org"))
	if err != nil {
		return answer{}, err
	}
	origin, _, ok := takeApart(address)
	if !ok {
		origin = "https:" // a host that cannot stand in a header
	}
	a := show("open", openPage{is.App, address})
	a.policy.frames = []string{origin}
	return a, nil
}
