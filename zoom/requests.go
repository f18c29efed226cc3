package zoom

import (
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
