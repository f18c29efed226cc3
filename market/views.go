package market

import "souk"

// AppView is an app with all that a page about it shows.
type AppView struct {
	souk.App
	Owner         souk.Org
	IconAsset     *souk.Asset // nil: none
	Installations int         // that are live, of all organizations
	Creator       *souk.User  // nil: unknown
	Updater       *souk.User  // nil: unknown
	Secret        string      // giosg's, for whoever owns the app; else empty
}

// InstallView is an installation with where it is, its app and its app user.
type InstallView struct {
	souk.Installation
	Org  souk.Org
	Of   AppView
	User *souk.User // the app user; nil: none
}

// HookView is a webhook with its app and who saved it.
type HookView struct {
	souk.Webhook
	Of      souk.App
	Owner   souk.Org
	Creator *souk.User // nil: unknown
	Updater *souk.User // nil: unknown
}

// UserView is a user with their home and what they are allowed there.
type UserView struct {
	souk.User
	Home        souk.Org
	Permissions []souk.Permission
}

// PartnershipView is a partnership as one of the two sees it.
type PartnershipView struct {
	souk.Partnership
	Org, Partner souk.Org
	DisplayName  string // what Org calls Partner; empty: nothing of its own
}

// ShareView is a share with both organizations and the app.
type ShareView struct {
	souk.Share
	To      souk.Org
	Of      AppView
	Creator *souk.User // nil: unknown, or not told
}

// InvitationView is an invitation as one of the two ends sees it.
type InvitationView struct {
	souk.Invitation
	Sender  souk.Org
	Invited *souk.Org  // nil to the sender
	Creator *souk.User // nil: unknown, or not told
}

// AssetView is an asset with who made it.
type AssetView struct {
	souk.Asset
	Creator *souk.User // nil: unknown
	Updater *souk.User // nil: unknown
}

// Picture is what a notice's resource is shown with: exactly one field is set.
// Before is the same as it was, for a change.
type Picture struct {
	App          *AppView
	Installation *InstallView
	Webhook      *HookView
	User         *UserView
	Partnership  *PartnershipView
	Share        *ShareView
	Before       *Picture
}
