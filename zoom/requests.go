package zoom

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"souk"
	"souk/market"
)

// requestRoutes are what users ask of an app (docs/dialects/zoom.md, "Apps and
// requests").
var requestRoutes = []route{
	{
		method: "GET", path: "/v2/marketplace/apps/{appId}/requests", weight: medium, serve: listRequests,
		scopes: []string{"marketplace_app:read:admin", "marketplace:read:app_request:admin"},
	},
	{
		method: "POST", path: "/v2/marketplace/apps/{appId}/requests", weight: light, serve: addRequests,
		scopes: []string{"marketplace_app:write:admin", "marketplace:write:app_request:admin"},
	},
	{
		method: "PATCH", path: "/v2/marketplace/apps/{appId}/requests", weight: light, serve: decideRequests,
		scopes: []string{"marketplace_app:write:admin", "marketplace:update:app_request:admin"},
	},
}

// listedRequest is a user who asks.
type listedRequest struct {
	User       string `json:"request_user_id"`
	Name       string `json:"request_user_name"`
	Email      string `json:"request_user_email,omitempty"`
	Department string `json:"request_user_department,omitempty"`
	At         string `json:"request_date_time"`
	Reason     string `json:"reason,omitempty"`
	Status     string `json:"status"`
}

type requestList struct {
	listing
	Requests []listedRequest `json:"requests"`
}

func listRequests(c *call) (answer, error) {
	id, err := c.appID()
	if err != nil {
		return answer{}, err
	}
	status, known := map[string]souk.RequestStatus{
		"": souk.Pending, "pending": souk.Pending, "approved": souk.RequestApproved, "rejected": souk.RequestDeclined,
	}[c.parameter("status")]
	if !known {
		return answer{}, invalid("status", "must be pending, approved or rejected")
	}
	p, err := c.page()
	if err != nil {
		return answer{}, err
	}
	found, err := c.market.Askers(c.ctx, c.actor, c.account.ID, id, status, p.ask())
	if err != nil {
		return answer{}, err
	}
	found, next := listed(p, found, func(a market.Asker) souk.Position { return souk.Position{At: a.CreatedAt, ID: a.Request.ID} })
	return shown(requestList{listing{next, p.size}, each(found, func(a market.Asker) listedRequest {
		return listedRequest{
			a.User.ID.Zoom(), nameOf(a.User), a.User.Email, a.User.Department, stamp(a.CreatedAt), a.Reason, requestWords[a.Status],
		}
	})}), nil
}

// added is when requests were made, and for whom the call named.
type added struct {
	At string `json:"added_at"`
	named
}

// addRequests asks for an app for others.
func addRequests(c *call) (answer, error) {
	id, err := c.appID()
	if err != nil {
		return answer{}, err
	}
	var in naming
	if err := c.body(&in); err != nil {
		return answer{}, err
	}
	ask := market.AskingForMany{App: id, At: c.account.ID}
	switch in.Action {
	case "add_all":
		ask.Everyone = true
	case "add_user":
		ask.Users, err = in.users(market.MaxAudiences)
	case "add_group":
		ask.Groups, err = in.groups(market.MaxAudiences)
	default:
		err = invalid("action", "must be add_all, add_user or add_group")
	}
	if err != nil {
		return answer{}, err
	}
	if err := c.userLevel(id, onlyUserApps); err != nil {
		return answer{}, err
	}
	if _, err := c.market.RequestForMany(c.ctx, c.actor, ask); err != nil {
		return answer{}, err
	}
	return created(added{stamp(c.now()), in.named()}), nil
}

// decideRequests answers what users asked. Of users who are named those who wait
// for no answer are passed over; where nothing changes nothing is told.
func decideRequests(c *call) (answer, error) {
	id, err := c.appID()
	if err != nil {
		return answer{}, err
	}
	var in struct {
		Action string   `json:"action"`
		Users  []string `json:"request_user_ids"`
	}
	if err := c.body(&in); err != nil {
		return answer{}, err
	}
	var users []souk.ID
	switch in.Action {
	case "approve", "decline", "cancel":
		users, err = idsOf("request_user_ids", in.Users, market.MaxAudiences, souk.UnknownUser)
	case "approve_all", "decline_all":
	default:
		err = invalid("action", "must be approve_all, approve, decline_all, decline or cancel")
	}
	if err != nil {
		return answer{}, err
	}
	switch in.Action {
	case "approve", "approve_all":
		if err := c.userLevel(id, onlyUserApps); err != nil {
			return answer{}, err
		}
	}
	at := c.account.ID
	switch in.Action {
	case "approve_all":
		_, err = c.market.Approve(c.ctx, c.actor, market.Decision{App: id, At: at})
	case "approve":
		_, err = c.market.ApproveAskers(c.ctx, c.actor, id, at, users)
	case "decline_all":
		_, err = c.market.DeclineAll(c.ctx, c.actor, id, at)
	case "decline":
		_, err = c.market.Decline(c.ctx, c.actor, market.Decision{App: id, At: at, Users: users})
		if errors.Is(err, souk.UnknownRequest) {
			err = nil // nobody of them waits
		}
	case "cancel":
		_, err = c.market.CancelRequests(c.ctx, c.actor, id, at, users)
	}
	return noContent, err
}

// naming is a call that is for users, for groups or, by its action, for everyone.
type naming struct {
	Action string   `json:"action"`
	Users  []string `json:"user_ids"`
	Groups []string `json:"group_ids"`
}

func (n naming) users(most int) ([]souk.ID, error) {
	return idsOf("user_ids", n.Users, most, souk.UnknownUser)
}

func (n naming) groups(most int) ([]souk.ID, error) {
	return idsOf("group_ids", n.Groups, most, souk.UnknownGroup)
}

// named are users and groups as a call named them.
type named struct {
	Users  []string `json:"user_ids"`
	Groups []string `json:"group_ids"`
}

// named are those that the action is for; others were not looked at.
func (n naming) named() named {
	said := named{[]string{}, []string{}}
	switch {
	case strings.HasSuffix(n.Action, "_user"):
		said.Users = n.Users
	case strings.HasSuffix(n.Action, "_group"):
		said.Groups = n.Groups
	}
	return said
}

// idsOf reads a list of ids, each once: at least one and at most some. A text
// that is no id names nothing.
func idsOf(field string, list []string, most int, unknown error) ([]souk.ID, error) {
	if len(list) == 0 || len(list) > most {
		return nil, invalid(field, fmt.Sprintf("must name 1 to %d", most))
	}
	ids := make([]souk.ID, 0, len(list))
	for _, text := range list {
		id, ok := souk.ParseZoomID(text)
		if !ok {
			return nil, unknown
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// onlyUserApps is what is told of an app that administrators manage.
var onlyUserApps = refusal{http.StatusBadRequest, general, "Administrators can only agree to user-level apps."}

// userLevel refuses an app that administrators manage
// (docs/decisions/0054-who-manages-an-app.md), and one that the account does not
// know.
func (c *call) userLevel(app souk.ID, no refusal) error {
	a, err := c.market.AccountApp(c.ctx, c.actor, c.account.ID, app)
	if err == nil && appUsage(a.App) == adminManaged {
		err = no
	}
	return err
}
