package zoom

import "souk"

// eventScopes are, by the event, the scopes of which an app asks for one to
// subscribe to it, in the classic and the granular spelling, and holds one where
// it is told (docs/dialects/zoom.md, "Who hears").
var eventScopes = map[string]souk.Scopes{
	requestedName: readsRequests,
	approvedName:  readsRequests,
	declinedName:  readsRequests,
}

var readsRequests = souk.NewScopes("marketplace_app:read:admin", "marketplace:read:app_request:admin")
