package native

import (
	"net/http"

	"souk"
	"souk/market"
)

type tokenObject struct {
	identifier
	Kind      souk.TokenKind `json:"kind"`
	ExpiresAt *string        `json:"expires_at"`
}

type membershipObject struct {
	Org         *orgObject `json:"org"`
	Role        souk.Role  `json:"role"`
	Permissions []string   `json:"permissions"` // given besides those of the role
}

type meObject struct {
	Token       tokenObject        `json:"token"`
	OnBehalf    bool               `json:"on_behalf"`
	User        *userObject        `json:"user"`
	App         *appObject         `json:"app"`
	Memberships []membershipObject `json:"memberships"`
}

// me tells whom the call speaks for and where they belong.
func (h *Handler) me(c *call) (answer, error) {
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	memberships, err := h.market.Memberships(c.ctx, c.Actor)
	return answer{status: http.StatusOK, body: meObject{
		Token:    tokenObject{identifier{c.Actor.Token.String()}, c.Kind, moment(c.Token.ExpiresAt)},
		OnBehalf: c.Platform && !c.Actor.User.IsZero(),
		User:     showUser(c.User),
		App:      showApp(c.App),
		Memberships: each(memberships, func(m market.MembershipView) membershipObject {
			return membershipObject{showOrg(m.Org), m.Role, permissions(m.Permissions)}
		}),
	}}, err
}
