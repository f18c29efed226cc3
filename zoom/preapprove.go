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
	At     string   `json:"executed_at"`
	Users  []string `json:"user_ids"`
	Groups []string `json:"group_ids"`
}

func preApprove(c *call) (answer, error) {
	id, err := c.appID()
	if err != nil {
		return answer{}, err
	}
	var in struct {
		Action string   `json:"action"`
		Users  []string `json:"user_ids"`
		Groups []string `json:"group_ids"`
	}
	if err := c.body(&in); err != nil {
		return answer{}, err
	}
	said := executed{stamp(c.now()), []string{}, []string{}}
	var audiences []souk.Audience // nil: everyone
	switch in.Action {
	case "approve_all", "disapprove_all":
	case "approve_user", "disapprove_user":
		users, bad := idsOf("user_ids", in.Users, maxPreApproved, souk.UnknownUser)
		for _, u := range users {
			audiences = append(audiences, souk.Audience{User: u})
		}
		said.Users, err = in.Users, bad
	case "approve_group", "disapprove_group":
		groups, bad := idsOf("group_ids", in.Groups, maxPreApproved, souk.UnknownGroup)
		for _, g := range groups {
			audiences = append(audiences, souk.Audience{Group: g})
		}
		said.Groups, err = in.Groups, bad
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
	return created(said), err
}
