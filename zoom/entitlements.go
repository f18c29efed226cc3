package zoom

import "net/http"

// entitlementRoutes answer as of apps that cost nothing: Souk sells none
// (docs/dialects/zoom.md, "Entitlements").
var entitlementRoutes = []route{
	{
		method: "GET", path: "/v2/marketplace/users/{userId}/entitlements", weight: medium, serve: soldNothing,
		scopes: entitlementScopes,
	},
	{
		method: "GET", path: "/v2/marketplace/monetization/entitlements", weight: heavy, serve: soldNothing,
		scopes: entitlementScopes,
	},
}

var entitlementScopes = []string{
	"marketplace_entitlement:read", "marketplace_entitlement:read:admin",
	"marketplace:read:list_user_entitlements", "marketplace:read:list_user_entitlements:admin",
}

var notMonetized = refusal{http.StatusNotFound, 1402, "App is not monetized."}

// soldNothing says so, whoever is asked about: there is nothing to look up.
func soldNothing(*call) (answer, error) { return answer{}, notMonetized }
