package zoom

import (
	"encoding/json"
	"net/http"
	"unicode/utf8"

	"souk"
	"souk/market"
)

// complianceBody is what an app says that it did with somebody's data. What else
// it has to say is passed over.
type complianceBody struct {
	ClientID  string `json:"client_id"`
	UserID    string `json:"user_id"`
	AccountID string `json:"account_id"`
	Completed bool   `json:"compliance_completed"`
}

// comply takes down what an app says and does nothing else (docs/dialects/zoom.md,
// "Deauthorization and data compliance").
func (h *Handler) comply(w http.ResponseWriter, r *http.Request) (any, error) {
	c, err := form{}.client(r)
	if err != nil {
		return nil, err
	}
	raw, err := readOAuth(w, r)
	if err != nil {
		return nil, err
	}
	var said complianceBody
	if !utf8.Valid(raw) || json.Unmarshal(raw, &said) != nil {
		return nil, badOAuth(invalidRequest, "The body must be a JSON object.")
	}
	if said.ClientID != "" && said.ClientID != c.ID {
		return nil, twoClients
	}
	user, _ := souk.ParseZoomID(said.UserID)
	account, _ := souk.ParseZoomID(said.AccountID)
	return struct{}{}, h.market.Comply(r.Context(), c, market.Compliance{User: user, Account: account, Completed: said.Completed})
}
