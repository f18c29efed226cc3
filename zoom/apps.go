package zoom

import (
	"cmp"
	"slices"

	"souk"
	"souk/market"
)

// appRoutes show apps (docs/dialects/zoom.md, "Apps and requests").
var appRoutes = []route{
	{
		method: "GET", path: "/v2/marketplace/apps", weight: medium, serve: listApps,
		scopes: []string{"marketplace_app:read:admin", "marketplace:read:list_apps:admin"},
	},
	{
		method: "GET", path: "/v2/marketplace/apps/{appId}", weight: medium, serve: readApp,
		scopes: []string{"marketplace_app:read", "marketplace_app:read:admin", "marketplace:read:app", "marketplace:read:app:admin"},
	},
}

// appLists are the types of lists.
var appLists = map[string]market.AccountList{
	"":                market.AppsAskedFor,
	"active_requests": market.AppsAskedFor,
	"past_requests":   market.AppsReviewed,
	"public":          market.AppsPublic,
	"account_created": market.AppsOwned,
	"account_added":   market.AppsInstalled,
	"approved_apps":   market.AppsApproved,
	"restricted_apps": market.AppsRestricted,
}

// listedApp is an app in a list.
type listedApp struct {
	appNames
	Request   string `json:"request_id,omitempty"` // the case; nothing is counted without one
	Total     *int   `json:"request_total_number,omitempty"`
	Pending   *int   `json:"request_pending_number,omitempty"`
	Approved  *int   `json:"request_approved_number,omitempty"`
	Declined  *int   `json:"request_declined_number,omitempty"`
	Latest    string `json:"latest_request_date_time,omitempty"`
	Reviewer  string `json:"reviewer_name,omitempty"`
	Reviewed  string `json:"review_date_time,omitempty"`
	Developer string `json:"app_developer_type"`

	Description string        `json:"app_description,omitempty"`
	Icon        string        `json:"app_icon,omitempty"`
	Scopes      []listedScope `json:"scopes"`
	Privacy     string        `json:"app_privacy_policy_url,omitempty"`
	Directory   string        `json:"app_directory_url,omitempty"`
	Help        string        `json:"app_help_url,omitempty"`
	Restricted  string        `json:"restricted_time,omitempty"`
	Approval    *approval     `json:"approval_info,omitempty"`
}

type listedScope struct {
	Name        string `json:"scope_name"`
	Description string `json:"scope_description,omitempty"`
}

// approval is how an app is approved beforehand.
type approval struct {
	Type     string `json:"approved_type"`
	Approver string `json:"approver_id"`
	Time     string `json:"approved_time"`
	Closed   bool   `json:"app_approval_closed"` // people need no approval
}

type appList struct {
	listing
	Apps []listedApp `json:"apps"`
}

func listApps(c *call) (answer, error) {
	which, known := appLists[c.parameter("type")]
	if !known {
		return answer{}, invalid("type", "must be active_requests, past_requests, public, account_created, account_added, approved_apps or restricted_apps")
	}
	p, err := c.page()
	if err != nil {
		return answer{}, err
	}
	found, err := c.market.AccountApps(c.ctx, c.actor, c.account.ID, which, p.ask())
	if err != nil {
		return answer{}, err
	}
	found, next := listed(p, found, func(a market.AccountApp) souk.Position { return a.Place })
	return shown(appList{listing{next, p.size}, each(found, func(a market.AccountApp) listedApp { return c.listApp(which, a) })}), nil
}

// listApp spells an app of a list.
func (c *call) listApp(which market.AccountList, a market.AccountApp) listedApp {
	l := listedApp{
		appNames: namesOf(a.App), Developer: "THIRD_PARTY",
		Description: a.Description, Icon: c.icon(a), Scopes: []listedScope{},
		Privacy: a.Links.PrivacyPolicy, Directory: cmp.Or(a.Links.Directory, a.Links.Homepage), Help: a.Links.Support,
	}
	if a.Own {
		l.Developer = "INTERNAL"
	}
	for _, name := range a.Asks() {
		l.Scopes = append(l.Scopes, listedScope{name, a.Catalogue[name].Description})
	}
	if k := a.Case; k != nil {
		l.Request, l.Total, l.Pending = k.ID.Zoom(), &k.Total, &k.Pending
		switch which {
		case market.AppsAskedFor:
			l.Latest = stamp(k.LatestAt)
		case market.AppsReviewed:
			l.Approved, l.Declined = &k.Approved, &k.Declined
			if k.Reviewer != nil {
				l.Reviewer, l.Reviewed = nameOf(*k.Reviewer), stamp(k.ReviewedAt)
			}
		}
	}
	switch which {
	case market.AppsApproved:
		l.Approval = &approval{
			Type: "forSpecificUser", Approver: a.Answer.By.Zoom(), Time: stamp(a.Answer.CreatedAt),
			Closed: souk.PolicyOf(c.account, souk.Org{}) == souk.Open,
		}
		if a.Answer.Org == c.account.ID && a.Answer.Audience.IsEveryone() {
			l.Approval.Type = "forAllUser"
		}
	case market.AppsRestricted:
		l.Restricted = stamp(a.Answer.CreatedAt)
	}
	return l
}

// shownApp is all that is said of one app.
type shownApp struct {
	appNames
	Description  string            `json:"app_description,omitempty"`
	Links        shownLinks        `json:"app_links"`
	Permissions  []permissionGroup `json:"app_permissions"`
	Requirements requirements      `json:"app_requirements"`
	Scopes       []string          `json:"app_scopes"`
}

type shownLinks struct {
	Documentation string `json:"documentation_url,omitempty"`
	Privacy       string `json:"privacy_policy_url,omitempty"`
	Support       string `json:"support_url,omitempty"`
	Terms         string `json:"terms_of_use_url,omitempty"`
}

// permissionGroup is what an app may see, or what it may change.
type permissionGroup struct {
	Group       string       `json:"group"`
	Message     string       `json:"group_message"`
	Title       string       `json:"title"`
	Permissions []permission `json:"permissions"`
}

type permission struct {
	Name string `json:"name"`
}

type requirements struct {
	Role        string      `json:"user_role"`
	MinClient   string      `json:"min_client_version,omitempty"`
	Eligibility eligibility `json:"account_eligibility"`
}

type eligibility struct {
	AccountTypes  []string       `json:"account_types"`
	PremiumEvents []premiumEvent `json:"premium_events"`
}

type premiumEvent struct {
	Name  string `json:"event_name"`
	Event string `json:"event"`
}

func readApp(c *call) (answer, error) {
	id, err := c.appID()
	if err != nil {
		return answer{}, err
	}
	a, err := c.market.AccountApp(c.ctx, c.actor, c.account.ID, id)
	if err != nil {
		return answer{}, err
	}
	s := shownApp{
		appNames: namesOf(a.App), Description: a.Description,
		Links:       shownLinks{a.Links.Documentation, a.Links.PrivacyPolicy, a.Links.Support, a.Links.TermsOfService},
		Permissions: permissionGroups(a), Scopes: append([]string{}, a.Asks()...),
		Requirements: requirements{appRole(a.App), a.Zoom.MinClient, eligibility{append([]string{}, a.Zoom.AccountTypes...), []premiumEvent{}}},
	}
	if s.Status == "SHARABLE" {
		s.Status = "UNPUBLISHED" // a word of the lists alone
	}
	for _, name := range a.Zoom.PremiumEvents {
		s.Requirements.Eligibility.PremiumEvents = append(s.Requirements.Eligibility.PremiumEvents, premiumEvent{name, name})
	}
	return shown(s), nil
}

// permissionGroups are what an app's scopes let it do, in words.
func permissionGroups(a market.AccountApp) []permissionGroup {
	groups := []permissionGroup{
		{"View", "App can view information", "Associated with you", []permission{}},
		{"Manage", "App can manage information", "Associated with you", []permission{}},
	}
	if appUsage(a.App) == adminManaged {
		groups[0].Title, groups[1].Title = "Associated with your account", "Associated with your account"
	}
	for _, name := range a.Asks() {
		scope, g := a.Catalogue[name], &groups[0]
		if scope.Group == "Manage" {
			g = &groups[1]
		}
		if p := (permission{cmp.Or(scope.Description, name)}); !slices.Contains(g.Permissions, p) {
			g.Permissions = append(g.Permissions, p)
		}
	}
	return slices.DeleteFunc(groups, func(g permissionGroup) bool { return len(g.Permissions) == 0 })
}
