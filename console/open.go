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
	Address string // of the app's page: it opens for some minutes. Empty: not opened yet
	Here    string // the address that opens it
}

// openApp shows an app that the top navigation opens. What the frame may do is
// said in html/open.html. The app learns who they are, so that a link from
// another site opens nothing before the visitor does.
func (h *Handler) openApp(v *visit) (answer, error) {
	is, err := h.market.InstallationOf(v.ctx, v.Actor, v.id("app"), v.id("org"))
	if err != nil {
		return answer{}, err
	}
	p := openPage{App: is.App, Here: v.request.URL.EscapedPath()}
	switch v.request.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		return show("open", p), nil
	}
	p.Address, err = h.market.OpenTrigger(v.ctx, v.Actor, market.Opening{App: v.id("app"), At: v.id("org"), Condition: souk.OnNavigation})
	if err != nil {
		return answer{}, err
	}
	origin, _, ok := takeApart(p.Address)
	if !ok {
		origin = "https:" // a host that cannot stand in a header
	}
	a := show("open", p)
	a.policy.frames = []string{origin}
	return a, nil
}
