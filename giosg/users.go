package giosg

import (
	"souk"
	"souk/market"
)

// user is a user as a resource of its own. Souk knows nothing of who is online.
type user struct {
	ID              souk.ID           `json:"id"`
	Email           *string           `json:"email"` // null of app users
	OrganizationID  souk.ID           `json:"organization_id"`
	Organization    names             `json:"organization"`
	FirstName       string            `json:"first_name"`
	LastName        string            `json:"last_name"`
	FullName        string            `json:"full_name"`
	Alias           *string           `json:"alias"`
	CreatedAt       string            `json:"created_at"`
	UpdatedAt       string            `json:"updated_at"`
	DeletedAt       *string           `json:"deleted_at"`
	AvatarID        *souk.ID          `json:"avatar_id"`
	Avatar          *picture          `json:"avatar"`
	IsOnlineEnabled bool              `json:"is_online_enabled"`
	IsOnline        bool              `json:"is_online"`
	IsPresent       bool              `json:"is_present"`
	IsDeleted       bool              `json:"is_deleted"`
	IsBot           bool              `json:"is_bot"`
	Permissions     []souk.Permission `json:"permissions"`
}

func showUser(v market.UserView) user {
	return user{
		ID:             v.ID,
		Email:          optionalText(v.Email),
		OrganizationID: v.Home.ID,
		Organization:   nameOrg(v.Home),
		FirstName:      v.FirstName,
		LastName:       v.LastName,
		FullName:       fullName(v.User),
		Alias:          optionalText(v.Alias),
		CreatedAt:      stamp(v.CreatedAt),
		UpdatedAt:      stamp(v.UpdatedAt),
		DeletedAt:      moment(v.DeactivatedAt),
		IsDeleted:      !v.Active(),
		IsBot:          v.IsBot,
		Permissions:    append([]souk.Permission{}, v.Permissions...),
	}
}

// me shows who calls.
func (h *Handler) me(c *call) (answer, error) {
	v, err := h.market.Me(c.ctx, c.Actor)
	return shown(showUser(v)), err
}
