package slack

import (
	"context"

	"souk"
	"souk/market"
)

func (h *Handler) uninstall(ctx context.Context, c *call) (answer, error) {
	from, err := h.targets(ctx, c)
	if err != nil {
		return nil, err
	}
	_, err = h.market.Uninstall(ctx, c.Actor, market.Uninstalling{App: parseID(appPrefix, c.texts["app_id"]), From: from})
	return new(envelope), err
}

// targets reads where to uninstall from: the enterprise, or workspaces. A
// workspace-level token has its own workspace and no other.
func (h *Handler) targets(ctx context.Context, c *call) ([]souk.ID, error) {
	enterprise, teams := c.texts["enterprise_id"], c.lists["team_ids"]
	if team := c.texts["team_id"]; team != "" && teams == nil && enterprise == "" {
		teams = []string{team} // the Node client's types offer it
	}
	orgLevel := c.Installation.Kind == souk.OrgWide
	switch {
	case enterprise != "" && teams != nil, teams != nil && len(teams) == 0:
		return nil, specifyEnterpriseOrTeams
	case enterprise == "" && teams == nil:
		if orgLevel {
			return nil, specifyEnterpriseOrTeams
		}
		return []souk.ID{c.Org.ID}, nil
	case len(teams) > market.MaxTargets:
		return nil, tooManyTeams
	case enterprise != "" && !orgLevel:
		return nil, permissionDenied
	case enterprise != "":
		id, err := h.enterprise(c, enterprise)
		if err != nil {
			return nil, enterpriseNotFound
		}
		return []souk.ID{id}, nil
	}
	return h.teams(ctx, c, teams)
}

// teams reads the ids of workspaces, doubles once. That one is unknown is told
// before that another is not granted.
func (h *Handler) teams(ctx context.Context, c *call, named []string) ([]souk.ID, error) {
	var from []souk.ID
	var first error
	seen := make(map[string]bool, len(named))
	for _, s := range named {
		if seen[s] {
			continue
		}
		seen[s] = true
		id, err := h.team(ctx, c, s)
		switch {
		case err == nil:
			from = append(from, id)
		case err != souk.OrgNotGranted:
			return nil, err
		case first == nil:
			first = err
		}
	}
	return from, first
}
