package zoom

import (
	"context"
	"slices"
	"strings"

	"souk"
	"souk/market"
)

// userRoutes are about one user and apps (docs/dialects/zoom.md, "Users").
var userRoutes = []route{
	{
		method: "GET", path: "/v2/marketplace/users/{userId}/apps", weight: medium, serve: listUserRequests,
		scopes: []string{
			"marketplace_app:read", "marketplace_app:read:admin",
			"marketplace:read:list_user_app_requests", "marketplace:read:list_user_app_requests:admin",
		},
	},
	{
		method: "PATCH", path: "/v2/marketplace/users/{userId}/apps/{appId}/subscription", weight: light, serve: setSubscription,
		scopes: []string{"marketplace_app:write:admin", "marketplace:write:app:admin"},
	},
}

// user is the user that the address names: by id, by e-mail address, or as me.
// A token without a scope of administrators speaks of its own user alone.
func (c *call) user() (souk.ID, error) {
	name := c.request.PathValue("userId")
	own := c.caller.User
	isOwn := name == "me" || !own.ID.IsZero() && (name == own.ID.Zoom() || strings.Contains(name, "@") && souk.EmailKey(name) == own.Email)
	switch {
	case isOwn && own.ID.IsZero():
		return souk.ID{}, souk.UnknownUser
	case isOwn:
		return own.ID, nil
	case !c.admin():
		return souk.ID{}, lacks(slices.DeleteFunc(slices.Clone(c.route.scopes), func(s string) bool { return !strings.HasSuffix(s, ":admin") }))
	case strings.Contains(name, "@"):
		u, err := c.market.PersonByEmail(c.ctx, c.actor, c.account.ID, name)
		return u.ID, err
	}
	id, ok := souk.ParseZoomID(name)
	if !ok {
		return souk.ID{}, souk.UnknownUser
	}
	return id, nil
}

// wantedApp is what a user asked for.
type wantedApp struct {
	appNames
	Request string `json:"request_id"`
	At      string `json:"request_date_time,omitempty"` // of what waits for an answer
	Status  string `json:"request_status"`
}

type wantedList struct {
	listing
	Apps []wantedApp `json:"apps"`
}

func listUserRequests(c *call) (answer, error) {
	pending := true
	switch c.parameter("type") {
	case "", "active_requests":
	case "past_requests":
		pending = false
	default:
		return answer{}, invalid("type", "must be active_requests or past_requests")
	}
	p, err := c.page()
	if err != nil {
		return answer{}, err
	}
	user, err := c.user()
	if err != nil {
		return answer{}, err
	}
	found, err := c.market.AskedBy(c.ctx, c.actor, c.account.ID, user, pending, p.ask())
	if err != nil {
		return answer{}, err
	}
	found, next := listed(p, found, func(w market.Wanted) souk.Position { return souk.Position{At: w.CreatedAt, ID: w.Request.ID} })
	return shown(wantedList{listing{next, p.size}, each(found, func(w market.Wanted) wantedApp {
		a := wantedApp{appNames: namesOf(w.App), Request: w.Case.Zoom(), Status: requestWords[w.Request.Status]}
		if a.appNames.Status == "SHARABLE" {
			a.appNames.Status = "UNPUBLISHED"
		}
		if pending {
			a.At = stamp(w.CreatedAt)
		}
		return a
	})}), nil
}

// setSubscription lets an app act for a user again, or no more.
func setSubscription(c *call) (answer, error) {
	app, err := c.appID()
	if err != nil {
		return answer{}, err
	}
	var in struct {
		Action string `json:"action"`
	}
	if err := c.body(&in); err != nil {
		return answer{}, err
	}
	set := map[string]func(context.Context, souk.Actor, souk.ID, souk.ID, souk.ID) (int, error){
		"enable": c.market.EnableForUser, "disable": c.market.DisableForUser,
	}[in.Action]
	if set == nil {
		return answer{}, invalid("action", "must be enable or disable")
	}
	user, err := c.user()
	if err != nil {
		return answer{}, err
	}
	_, err = set(c.ctx, c.actor, app, c.account.ID, user)
	return noContent, err
}
