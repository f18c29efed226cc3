package slack

import (
	"context"

	"souk"
)

// method is one method of the Web API: what it asks of a call before it runs,
// and what it may answer.
type method struct {
	name     string
	tier     tier
	kinds    []souk.TokenKind // that may call it; nil: no token is looked at
	scope    string           // that it needs
	governs  bool             // it administers apps: the checks for administrators hold
	anyLevel bool             // also with a workspace-level token
	takes    parameters
	codes    []code // documented for it, see docs/dialects/slack.md
	refusals overrides
	run      func(*Handler, context.Context, *call) (answer, error)
}

const (
	readApps  = "admin.apps:read"
	writeApps = "admin.apps:write"
)

var (
	anyToken   = []souk.TokenKind{souk.UserToken, souk.BotToken, souk.AppToken}
	userTokens = []souk.TokenKind{souk.UserToken}
)

// The two ways to say where.
var levels = parameters{{name: "team_id"}, {name: "enterprise_id"}}

// Arguments of lists.
var pages = append(levels, parameter{name: "certified", kind: boolean}, parameter{name: "limit", kind: size}, parameter{name: "cursor"})

// methods are all that is served, by name.
var methods = byName(
	&method{name: "api.test", tier: tier4, takes: anything, run: (*Handler).apiTest},
	&method{name: "auth.test", tier: special, kinds: anyToken, run: (*Handler).authTest},

	&method{
		name: "admin.apps.approve", tier: tier2, kinds: userTokens, scope: writeApps, governs: true,
		takes: decisions, run: (*Handler).approve,
		codes: documented(appNotInstalledOnOrg, notAnAdmin, tooManyIDs, requestIDOrAppIDRequired,
			tooManyTeamsProvided, teamNotFound, invalidRequestID, requestAlreadyResolved, customIntegrationNotAtEnterprise,
			invalidAppID, requestIDRequiredForCustom, invalidScopes, orgResolutionRequired, appRestrictedOrgWide),
	},
	&method{
		name: "admin.apps.restrict", tier: tier2, kinds: userTokens, scope: writeApps, governs: true,
		takes: decisions, run: (*Handler).restrict,
		codes: documented(appNotInstalledOnOrg, notAnAdmin, tooManyIDs, requestIDOrAppIDRequired,
			tooManyTeamsProvided, teamNotFound, invalidRequestID, requestAlreadyResolved, customIntegrationNotAtEnterprise,
			invalidAppID, requestIDRequiredForCustom, invalidScopes),
	},
	&method{
		name: "admin.apps.clearResolution", tier: tier2, kinds: userTokens, scope: writeApps, governs: true,
		takes: append(parameters{{name: "app_id", required: true}}, levels...), run: (*Handler).clearResolution,
		codes: documented(appNotInstalledOnOrg, notAnAdmin, tooManyTeamsProvided, teamNotFound, invalidAppID,
			restrictedAction, noResolutionFound),
	},
	&method{
		name: "admin.apps.uninstall", tier: tier1, kinds: userTokens, scope: writeApps, governs: true, anyLevel: true,
		takes: parameters{{name: "app_id", required: true}, {name: "team_ids", kind: list}, {name: "team_id"}, {name: "enterprise_id"}},
		run:   (*Handler).uninstall,
		codes: documented(permissionDenied, specifyEnterpriseOrTeams, tooManyTeams, enterpriseNotFound, teamsNotFound,
			restrictedAction, appNotFound, canNotUninstall, mustRevokeAccess),
		refusals: overrides{souk.NotAllowed: permissionDenied, souk.UnknownApp: appNotFound, souk.UnknownOrg: teamsNotFound},
	},

	&method{
		name: "admin.apps.requests.list", tier: tier2, kinds: userTokens, scope: readApps, governs: true,
		takes: pages, run: (*Handler).listRequests,
		codes: documented(appNotInstalledOnOrg, notAnAdmin, tooManyTeamsProvided, noTeamOrEnterprise, teamNotFound,
			enterpriseNotFound, invalidCursor, notAllowed, restrictedAction, userIsRestricted),
	},
	&method{
		name: "admin.apps.requests.cancel", tier: tier2, kinds: userTokens, scope: writeApps, governs: true,
		takes: append(parameters{{name: "request_id", required: true}}, levels...), run: (*Handler).cancelRequest,
		codes: documented(appNotInstalledOnOrg, notAnAdmin, tooManyTeamsProvided, teamNotFound, invalidRequestID,
			requestAlreadyResolved, restrictedAction),
	},
	&method{
		name: "admin.apps.approved.list", tier: tier2, kinds: userTokens, scope: readApps, governs: true,
		takes: pages, run: (*Handler).listApproved,
		codes: documented(appNotInstalledOnOrg, notAnAdmin, tooManyTeamsProvided, teamNotFound, invalidCursor),
	},
	&method{
		name: "admin.apps.restricted.list", tier: tier2, kinds: userTokens, scope: readApps, governs: true,
		takes: pages, run: (*Handler).listRestricted,
		codes: documented(appNotInstalledOnOrg, notAnAdmin, tooManyTeamsProvided, teamNotFound, invalidCursor),
	},
)

func byName(all ...*method) map[string]*method {
	m := make(map[string]*method, len(all))
	for _, one := range all {
		m[one.name] = one
	}
	return m
}
