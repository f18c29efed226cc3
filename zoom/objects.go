package zoom

import (
	"cmp"
	"slices"
	"strings"

	"souk"
	"souk/market"
)

// Words for an app (docs/dialects/zoom.md, "Apps and requests").

// restTypes are what the REST API calls an app's kind, by what events call it.
var restTypes = map[string]string{"Zoom App": "ZoomApp", "ChatBot App": "ChatBotApp", "General App": "GeneralApp"}

// appType is a's kind; whatever has no word of its own signs people in.
func appType(a souk.App) string { return cmp.Or(restTypes[eventType(a)], "OAuthApp") }

// appStatus is how far a is published; partners may be offered what is not.
func appStatus(a souk.App) string {
	switch {
	case status(a, "") != "":
		return "PUBLISHED"
	case a.IsAvailableToPartners:
		return "SHARABLE"
	}
	return "UNPUBLISHED"
}

// The two usages of an app.
const (
	adminManaged = 1
	userManaged  = 2
)

// appUsage is who is to manage a: administrators where it says so or asks for
// what only they may give (docs/decisions/0054-who-manages-an-app.md).
func appUsage(a souk.App) int {
	switch strings.ToLower(a.Zoom.UserRole) {
	case "admin", strings.ToLower(adminOnly):
		return adminManaged
	}
	if slices.ContainsFunc(a.Asks(), isAdminScope) {
		return adminManaged
	}
	return userManaged
}

// isAdminScope reports whether a scope is one of administrators, as Zoom or as
// Slack spells those.
func isAdminScope(name string) bool {
	return strings.HasSuffix(name, ":admin") || name == "admin" || strings.HasPrefix(name, "admin.")
}

// appRole is who may add a, in the REST API's words.
func appRole(a souk.App) string {
	if appUsage(a) == adminManaged {
		return "admin"
	}
	return "user"
}

// requestWords are how a user's request stands.
var requestWords = map[souk.RequestStatus]string{
	souk.Pending:           "pending",
	souk.RequestApproved:   "approved",
	souk.RequestDeclined:   "rejected",
	souk.RequestRestricted: "rejected",
}

// endings are those of images, as their addresses have them.
var endings = map[string]string{"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif"}

// icon is the address of an app's icon, "" when it has none.
func (c *call) icon(a market.AccountApp) string {
	if a.IconAsset == nil {
		return ""
	}
	return c.handler.base + "/assets/" + a.IconAsset.ID.String() + endings[a.IconAsset.ContentType]
}

// appNames are what every list says of an app.
type appNames struct {
	ID     string `json:"app_id"`
	Name   string `json:"app_name"`
	Type   string `json:"app_type"`
	Usage  int    `json:"app_usage"`
	Status string `json:"app_status"`
}

func namesOf(a souk.App) appNames {
	return appNames{a.ID.Zoom(), a.Name, appType(a), appUsage(a), appStatus(a)}
}

// listing is how every page begins.
type listing struct {
	Next string `json:"next_page_token"`
	Size int    `json:"page_size"`
}
