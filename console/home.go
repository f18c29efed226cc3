package console

import "souk"

// homePage is where a person begins.
type homePage struct {
	Places []souk.Org // that they belong to
}

func (h *Handler) home(v *visit) (answer, error) {
	places, err := h.market.Places(v.ctx, v.Actor)
	return show("home", homePage{places}), err
}
