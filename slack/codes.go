package slack

import "slices"

// code is an error code as it stands in an answer. It is an error, so that
// whatever refuses a call can return it as it is.
type code string

func (c code) Error() string { return string(c) }

// Codes that every method can answer.
const (
	accessDenied           code = "access_denied"
	accessLimited          code = "accesslimited"
	accountInactive        code = "account_inactive"
	deprecatedEndpoint     code = "deprecated_endpoint"
	ekmAccessDenied        code = "ekm_access_denied"
	enterpriseIsRestricted code = "enterprise_is_restricted"
	fatalError             code = "fatal_error"
	featureNotEnabled      code = "feature_not_enabled"
	internalError          code = "internal_error"
	invalidArgName         code = "invalid_arg_name"
	invalidArguments       code = "invalid_arguments"
	invalidArrayArg        code = "invalid_array_arg"
	invalidAuth            code = "invalid_auth"
	invalidCharset         code = "invalid_charset"
	invalidFormData        code = "invalid_form_data"
	invalidPostType        code = "invalid_post_type"
	methodDeprecated       code = "method_deprecated"
	missingPostType        code = "missing_post_type"
	missingScope           code = "missing_scope"
	noPermission           code = "no_permission"
	notAllowedTokenType    code = "not_allowed_token_type"
	notAuthed              code = "not_authed"
	orgLoginRequired       code = "org_login_required"
	rateLimited            code = "ratelimited"
	requestTimeout         code = "request_timeout"
	serviceUnavailable     code = "service_unavailable"
	teamAccessNotGranted   code = "team_access_not_granted"
	teamAddedToOrg         code = "team_added_to_org"
	tokenExpired           code = "token_expired"
	tokenRevoked           code = "token_revoked"
	twoFactorSetupRequired code = "two_factor_setup_required"
	invalidJSON            code = "invalid_json"
	jsonNotObject          code = "json_not_object"
	invalidRequest         code = "invalid_request"
	unknownMethod          code = "unknown_method"
	warnMissingCharset     code = "missing_charset"
	warnSuperfluousCharset code = "superfluous_charset"
)

// Codes of single methods.
const (
	appNotFound                      code = "app_not_found"
	appNotInstalledOnOrg             code = "app_management_app_not_installed_on_org"
	appRestrictedOrgWide             code = "app_restricted_org_wide"
	canNotUninstall                  code = "can_not_uninstall"
	customIntegrationNotAtEnterprise code = "custom_integration_not_allowed_at_enterprise"
	enterpriseNotFound               code = "enterprise_not_found"
	invalidAppID                     code = "invalid_app_id"
	invalidCursor                    code = "invalid_cursor"
	invalidRequestID                 code = "invalid_request_id"
	invalidScopes                    code = "invalid_scopes"
	mustRevokeAccess                 code = "must_revoke_access"
	noResolutionFound                code = "no_resolution_found"
	noTeamOrEnterprise               code = "no_team_or_enterprise_provided"
	notAllowed                       code = "not_allowed"
	notAnAdmin                       code = "not_an_admin"
	orgResolutionRequired            code = "org_resolution_required"
	permissionDenied                 code = "permission_denied"
	requestAlreadyResolved           code = "request_already_resolved"
	requestIDOrAppIDRequired         code = "request_id_or_app_id_is_required"
	requestIDRequiredForCustom       code = "request_id_required_for_custom_integrations"
	restrictedAction                 code = "restricted_action"
	specifyEnterpriseOrTeams         code = "specify_enterprise_or_teams"
	teamNotFound                     code = "team_not_found"
	teamsNotFound                    code = "teams_not_found"
	tooManyIDs                       code = "too_many_ids_provided"
	tooManyTeams                     code = "too_many_teams"
	tooManyTeamsProvided             code = "too_many_teams_provided"
	userIsRestricted                 code = "user_is_restricted"
)

// common are the codes documented for every method that administers apps.
var common = []code{
	accessDenied, accessLimited, accountInactive, deprecatedEndpoint, ekmAccessDenied, enterpriseIsRestricted,
	fatalError, featureNotEnabled, internalError, invalidArgName, invalidArguments, invalidArrayArg, invalidAuth,
	invalidCharset, invalidFormData, invalidPostType, methodDeprecated, missingPostType, missingScope, noPermission,
	notAllowedTokenType, notAuthed, orgLoginRequired, rateLimited, requestTimeout, serviceUnavailable,
	teamAccessNotGranted, teamAddedToOrg, tokenExpired, tokenRevoked, twoFactorSetupRequired,
}

// conventions are the codes of the call itself, which Slack documents for the
// API as a whole and not for a method.
var conventions = []code{invalidJSON, jsonNotObject, invalidRequest, unknownMethod}

// never are the documented codes that Souk has no occasion to answer; the
// reasons are in docs/dialects/slack.md, "Errors that never occur".
var never = []code{
	accessDenied, deprecatedEndpoint, ekmAccessDenied, enterpriseIsRestricted, methodDeprecated, noPermission,
}

// documented are all the codes of a method with the given codes of its own.
func documented(own ...code) []code { return slices.Concat(common, own) }
