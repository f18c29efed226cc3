package console

// home is where a person begins.
func (h *Handler) home(v *visit) (answer, error) { return show("home", nil), nil }
