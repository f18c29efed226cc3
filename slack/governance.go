package slack

import (
	"context"
	"slices"

	"souk"
	"souk/market"
)

// decisions are the arguments of approving and restricting.
var decisions = append(parameters{
	{name: "app_id"}, {name: "request_id"},
	{name: "bot_scopes", kind: list}, {name: "user_scopes", kind: list},
}, levels...)

func (h *Handler) approve(ctx context.Context, c *call) (answer, error) {
	d, err := h.decision(ctx, c)
	if err != nil {
		return nil, err
	}
	_, err = h.market.Approve(ctx, c.Actor, d)
	return new(envelope), err
}

func (h *Handler) restrict(ctx context.Context, c *call) (answer, error) {
	d, err := h.decision(ctx, c)
	if err != nil {
		return nil, err
	}
	_, err = h.market.Restrict(ctx, c.Actor, d)
	return new(envelope), err
}

// decision reads what a decision is about.
func (h *Handler) decision(ctx context.Context, c *call) (d market.Decision, err error) {
	app, request := c.texts["app_id"], c.texts["request_id"]
	switch {
	case app != "" && request != "":
		return d, tooManyIDs
	case app == "" && request == "":
		return d, requestIDOrAppIDRequired
	case request != "":
		d.Request = parseID(requestPrefix, request)
	default:
		d.App = parseID(appPrefix, app)
	}
	// An empty list is none: some clients leave it out, some send it.
	d.Scopes = slices.Concat(c.lists["bot_scopes"], c.lists["user_scopes"])
	d.At, err = h.level(ctx, c)
	return d, err
}

func (h *Handler) clearResolution(ctx context.Context, c *call) (answer, error) {
	at, err := h.level(ctx, c)
	if err != nil {
		return nil, err
	}
	return new(envelope), h.market.Clear(ctx, c.Actor, market.Clearing{App: parseID(appPrefix, c.texts["app_id"]), At: at})
}

func (h *Handler) cancelRequest(ctx context.Context, c *call) (answer, error) {
	in := market.Withdrawal{Request: parseID(requestPrefix, c.texts["request_id"])}
	var err error
	if !c.nowhere() {
		in.At, err = h.level(ctx, c)
	}
	if err != nil {
		return nil, err
	}
	return new(envelope), h.market.CancelRequest(ctx, c.Actor, in)
}

// nowhere reports whether a call says nothing about a level.
func (c *call) nowhere() bool { return c.texts["team_id"] == "" && c.texts["enterprise_id"] == "" }

// level reads the one level that a call is about: a workspace of the token's
// enterprise, or that enterprise.
func (h *Handler) level(ctx context.Context, c *call) (souk.ID, error) {
	team, enterprise := c.texts["team_id"], c.texts["enterprise_id"]
	switch {
	case team != "" && enterprise != "":
		return souk.ID{}, tooManyTeamsProvided
	case c.nowhere():
		return souk.ID{}, &failure{code: teamNotFound, messages: []string{"[ERROR] exactly one of team_id or enterprise_id is required"}}
	case enterprise != "":
		return h.enterprise(c, enterprise)
	}
	return h.team(ctx, c, team)
}

// enterprise reads the id of an enterprise, which must be the token's.
func (h *Handler) enterprise(c *call, s string) (souk.ID, error) {
	id := parseID(enterprisePrefix, s)
	if id != c.Top().ID {
		return id, souk.UnknownOrg
	}
	return id, nil
}

// team reads the id of a workspace, which must lie under the token's
// enterprise, be granted to the token, and stay where it is.
func (h *Handler) team(ctx context.Context, c *call, s string) (souk.ID, error) {
	id := parseID(teamPrefix, s)
	org, enterprise, granted, err := h.market.PlaceOf(ctx, c.Actor, id)
	switch {
	case err != nil:
		return id, err
	case org.Kind != souk.Workspace || enterprise.ID != c.Top().ID:
		return id, souk.UnknownOrg
	}
	if err := moving(org); err != nil {
		return id, err
	}
	if !granted {
		return id, souk.OrgNotGranted
	}
	return id, nil
}
