package slack

import (
	"context"
	"maps"
	"time"

	"souk"
)

// echo is the answer of api.test.
type echo struct {
	envelope
	Args map[string]string `json:"args"` // {} when there are none
}

func (h *Handler) apiTest(_ context.Context, c *call) (answer, error) {
	a := &echo{Args: maps.Clone(c.texts)}
	a.Error = code(c.texts["error"])
	return a, nil
}

// identity is the answer of auth.test.
type identity struct {
	envelope
	URL                 string `json:"url"`
	Team                string `json:"team,omitempty"`
	User                string `json:"user,omitempty"`
	TeamID              string `json:"team_id,omitempty"`
	UserID              string `json:"user_id,omitempty"`
	BotID               string `json:"bot_id,omitempty"`
	EnterpriseID        string `json:"enterprise_id,omitempty"`
	IsEnterpriseInstall bool   `json:"is_enterprise_install"`
	AppID               string `json:"app_id,omitempty"`
	AppName             string `json:"app_name,omitempty"`
	ExpiresIn           int64  `json:"expires_in,omitempty"` // seconds
}

// authTest says who calls. Clients append paths to url, so it ends with a slash.
func (h *Handler) authTest(_ context.Context, c *call) (answer, error) {
	a := &identity{
		URL:                 h.base + "/",
		IsEnterpriseInstall: c.Installation.Kind == souk.OrgWide,
		AppID:               c.App.ID.Slack(appPrefix),
		AppName:             c.App.Name,
	}
	if !c.User.ID.IsZero() {
		a.User, a.UserID = c.User.Handle(), c.User.ID.Slack(userPrefix)
	}
	if c.Kind == souk.BotToken {
		a.BotID = c.User.ID.Slack(botPrefix)
	}
	if !c.Org.ID.IsZero() && c.Kind != souk.AppToken {
		a.Team, a.TeamID = c.Org.Name, orgID(c.Org)
		if top := c.Top(); top.Kind == souk.Enterprise {
			a.EnterpriseID = orgID(top)
		}
	}
	if !c.Token.ExpiresAt.IsZero() {
		a.ExpiresIn = int64(time.Until(c.Token.ExpiresAt) / time.Second)
	}
	return a, nil
}
