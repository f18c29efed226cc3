package zoom

import (
	"net/http"

	"souk"
	"souk/market"
)

// preApproveRoutes approve apps before anybody asks (docs/dialects/zoom.md,
// "Pre-approval").
var preApproveRoutes = []route{{
	method: "POST", path: "/v2/marketplace/apps/{appId}/preApprove", weight: medium, serve: preApprove,
	scopes: []string{"marketplace_app:write:admin", "marketplace:write:app_pre_approve:admin"},
	refusals: map[souk.Refusal]refusal{
		souk.NoResolution:              {http.StatusBadRequest, 1404, "application_pre_approved_status_off"},
		souk.NotAllowed:                cannotPreApprove,
		souk.OwnersOnly:                cannotPreApprove,
		souk.CustomIntegrationNeedsReq: cannotPreApprove,
	},
}}

var cannotPreApprove = refusal{http.StatusBadRequest, general, "User can not pre approve this app"}

// maxPreApproved is how many users or groups one call may name.
const maxPreApproved = 20

// executed is when something was approved, and for whom the call named.
type executed struct {
	At string `json:"executed_at"`
	named
}

func preApprove(c *call) (answer, error) {
	id, err := c.appID()
	if err != nil {
		return answer{}, err
	}
	var in naming
	if err := c.body(&in); err != nil {
		return answer{}, err
	}
	var audiences []souk.Audience // nil: everyone
	switch in.Action {
	case "approve_all", "disapprove_all":
	case "approve_user", "disapprove_user":
		var users []souk.ID
		users, err = in.users(maxPreApproved)
		audiences = each(users, func(u souk.ID) souk.Audience { return souk.Audience{User: u} })
	case "approve_group", "disapprove_group":
		var groups []souk.ID
		groups, err = in.groups(maxPreApproved)
		audiences = each(groups, func(g souk.ID) souk.Audience { return souk.Audience{Group: g} })
	default:
		err = invalid("action", "must be approve_all, approve_user, disapprove_user, approve_group, disapprove_group or disapprove_all")
	}
	if err != nil {
		return answer{}, err
	}
	switch in.Action {
	case "approve_all", "approve_user", "approve_group":
		if err := c.userLevel(id, cannotPreApprove); err != nil {
			return answer{}, err
		}
		_, err = c.market.Approve(c.ctx, c.actor, market.Decision{App: id, At: c.account.ID, Audiences: audiences})
	default:
		// What is restricted stays so: nobody was approved there.
		err = c.market.Clear(c.ctx, c.actor, market.Clearing{App: id, At: c.account.ID, Audiences: audiences, Status: souk.Approved})
	}
	return created(executed{stamp(c.now()), in.named()}), err
}
