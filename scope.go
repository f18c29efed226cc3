package souk

import (
	"slices"
	"strings"
)

// ScopeToken is the kind of token that can carry a scope.
type ScopeToken string

// A scope belongs to bots, to people or to the app itself.
const (
	BotScope  ScopeToken = "bot"
	UserScope ScopeToken = "user"
	AppScope  ScopeToken = "app"
)

// Scope is an entry of the scope catalogue.
type Scope struct {
	Name        string
	Description string
	Token       ScopeToken
	Sensitive   bool
	Group       string // "View" or "Manage", as Zoom displays it
}

// BuiltinScopes ship with Souk: those that the served wires name. The operator
// adds the host product's own.
var BuiltinScopes = []Scope{
	// giosg: the three words that also are permissions.
	{"reports", "Read reports", BotScope, false, "View"},
	{"settings", "Change the settings of the organization", BotScope, true, "Manage"},
	{"users", "Manage the users of the organization", BotScope, true, "Manage"},

	// Slack.
	{"admin", "Administer the workspace", UserScope, true, "Manage"},
	{"admin.apps:read", "See app requests and decisions", UserScope, true, "View"},
	{"admin.apps:write", "Decide about apps", UserScope, true, "Manage"},
	{"admin.app_activities:read", "See what apps did", UserScope, true, "View"},
	{"admin.teams:read", "See the workspaces of the enterprise", UserScope, true, "View"},
	{"authorizations:read", "See which installations an event is visible to", AppScope, false, "View"},
	{"team:read", "See the workspace's name and domain", BotScope, false, "View"},
	{"users:read", "See the people of the workspace", BotScope, false, "View"},
	{"users:read.email", "See the e-mail addresses of people", BotScope, true, "View"},

	// Zoom, classic and granular.
	{"marketplace_app:read", "See apps", UserScope, false, "View"},
	{"marketplace_app:read:admin", "See the apps of the account", UserScope, true, "View"},
	{"marketplace_app:write", "Make and change apps", UserScope, true, "Manage"},
	{"marketplace_app:write:admin", "Decide about the apps of the account", UserScope, true, "Manage"},
	{"marketplace:read:app", "See an app", UserScope, false, "View"},
	{"marketplace:read:app:admin", "See an app of the account", UserScope, true, "View"},
	{"marketplace:read:list_apps:admin", "List the apps of the account", UserScope, true, "View"},
	{"marketplace:read:app_request:admin", "See what people of the account ask for", UserScope, true, "View"},
	{"marketplace:write:app_request:admin", "Ask for apps for people of the account", UserScope, true, "Manage"},
	{"marketplace:update:app_request:admin", "Decide about what people of the account ask for", UserScope, true, "Manage"},
	{"marketplace:read:list_user_app_requests", "List one's app requests", UserScope, false, "View"},
	{"marketplace:read:list_user_app_requests:admin", "List anybody's app requests", UserScope, true, "View"},
	{"marketplace:read:list_api_logs:admin", "See what apps of the account call", UserScope, true, "View"},
	{"marketplace_entitlement:read", "See what one has bought", UserScope, false, "View"},
	{"marketplace_entitlement:read:admin", "See what anybody has bought", UserScope, true, "View"},
	{"marketplace:read:list_user_entitlements", "See what one has bought", UserScope, false, "View"},
	{"marketplace:read:list_user_entitlements:admin", "See what anybody has bought", UserScope, true, "View"},
	{"marketplace:write:app", "Make and change apps", UserScope, true, "Manage"},
	{"marketplace:write:app:admin", "Enable and disable apps for people", UserScope, true, "Manage"},
	{"marketplace:write:app_pre_approve:admin", "Approve apps in advance", UserScope, true, "Manage"},
	{"marketplace:read:list_event_subscriptions", "List event subscriptions", AppScope, false, "View"},
	{"marketplace:write:event_subscription", "Subscribe to events", AppScope, false, "Manage"},
	{"marketplace:update:event_subscription", "Change event subscriptions", AppScope, false, "Manage"},
	{"marketplace:delete:event_subscription", "End event subscriptions", AppScope, false, "Manage"},
	{"marketplace:update:client_secret", "Change one's own secret", AppScope, true, "Manage"},

	// Souk's own.
	{"marketplace:read", "Hear what happens to apps where this app is live", BotScope, true, "View"},
}

// MarketplaceRead lets a native webhook hear about apps other than its own.
const MarketplaceRead = "marketplace:read"

// adminScopes make an app protected: whoever removes it loses the means to
// administer apps (docs/dialects/slack.md, "admin.apps.uninstall").
func isAdminScope(name string) bool { return name == "admin" || strings.HasPrefix(name, "admin.") }

// AppScopes are what an app may do for itself on Zoom's wire, whoever installed it.
func AppScopes() Scopes {
	var names []string
	for _, s := range BuiltinScopes {
		if s.Token == AppScope && strings.HasPrefix(s.Name, "marketplace:") {
			names = append(names, s.Name)
		}
	}
	return NewScopes(names...)
}

// Scopes is a sorted set of scope names. Build it with NewScopes; the zero
// value is the empty set.
type Scopes []string

// NewScopes sorts names and drops doubles.
func NewScopes(names ...string) Scopes {
	s := slices.Clone(names)
	slices.Sort(s)
	return slices.Compact(s)
}

// ParseScopes reads what String wrote.
func ParseScopes(s string) Scopes { return strings.Fields(s) }

// String joins the names with spaces.
func (s Scopes) String() string { return strings.Join(s, " ") }

// Has reports whether name is in s.
func (s Scopes) Has(name string) bool {
	_, found := slices.BinarySearch(s, name)
	return found
}

// Covers reports whether every scope of t is in s.
func (s Scopes) Covers(t Scopes) bool {
	return !slices.ContainsFunc(t, func(name string) bool { return !s.Has(name) })
}

// Union is all that is in s or in t.
func (s Scopes) Union(t Scopes) Scopes { return NewScopes(slices.Concat(s, t)...) }

// Equal reports whether s and t hold the same names.
func (s Scopes) Equal(t Scopes) bool { return slices.Equal(s, t) }
