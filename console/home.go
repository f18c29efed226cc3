package console

import "souk"

// homePage is where a person begins.
type homePage struct {
	Places []souk.Org // that they belong to
}

// begin leads whoever knows the host alone to where people begin.
func (h *Handler) begin(*visit) (answer, error) { return see("/console"), nil }

func (h *Handler) home(v *visit) (answer, error) {
	places, err := h.market.Places(v.ctx, v.Actor)
	return show("home", homePage{places}), err
}
