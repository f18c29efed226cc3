package market

import (
	"fmt"
	"strings"

	"souk"
)

// WorldApp is an app with everything that comes with it.
type WorldApp struct {
	Given
	Owner       Ref
	Name        *string
	Description *string
	Kind        *souk.AppKind // of a new one souk.ThirdParty
	Listing     *souk.Listing // of a new one souk.Draft
	Suspended   *bool
	Certified   *bool
	Protected   *bool

	IsAvailableToAnyone   *bool
	IsAvailableToPartners *bool
	IsAppUserRequired     *bool
	AppUser               WorldAppUser

	Links        WorldLinks
	TriggerURL   *string
	Triggers     []string
	RedirectURIs []string

	RequiredScopes []string
	BotScopes      []string
	UserScopes     []string

	DeauthorizationURL *string // on Zoom's wire; "" takes it away

	Zoom        WorldZoom
	Credentials WorldCredentials
	Shares      []WorldShare
	Webhooks    map[string]WorldWebhook
}

// WorldAppUser are names of an app user.
type WorldAppUser struct{ FirstName, LastName, Alias *string }

// WorldLinks are an app's pages; "" takes one away.
type WorldLinks struct {
	Homepage, Directory, Documentation, Support, TermsOfService, PrivacyPolicy *string
}

// WorldZoom is what only Zoom's wire shows of an app.
type WorldZoom struct {
	AppType, MinClient, UserRole *string
	PremiumEvents, AccountTypes  []string
}

// WorldShare lets an organization install an app.
type WorldShare struct {
	Org    Ref
	Absent bool
}

// Bounds of what an app is described by, in bytes.
const (
	maxDescription = 10_000
	maxWord        = 100
)

func (a *applier) putApps() {
	for key, in := range inOrder(a.world.Apps) {
		a.each("apps", key, "apps."+key, func(o *object) { o.putApp(in) })
	}
}

func (o *object) putApp(in WorldApp) {
	if in.Absent {
		o.wrong("state", "an app cannot be removed by a document")
	}
	app := look(o, in.Given, o.App)
	if !app.DeletedAt.IsZero() {
		o.wrong("", "is deleted")
	}
	before := app
	if o.isNew {
		app = souk.App{ID: o.id, Kind: souk.ThirdParty, Listing: souk.Draft, CreatedAt: o.Tx.at}
	}
	o.need("owner", in.Owner != "")
	o.need("name", in.Name != nil)
	owner, above, known := o.org("owner", in.Owner)
	if known {
		fix(o, "owner", &app.Owner, &owner.ID)
	} else if !o.isNew {
		var err error
		if owner, above, err = o.OrgAndAbove(app.Owner); o.failed(err) {
			return
		}
	}
	o.checkApp(in)
	o.setApp(&app, in)
	// Whoever saw it as public or as a partner's may see it no more.
	if before.IsPublic() && !app.IsPublic() || before.IsAvailableToPartners && !app.IsAvailableToPartners {
		o.narrowed[app.ID] = true
	}
	if owner.ID.IsZero() || !o.ok() {
		return
	}
	changed := o.isNew || len(o.fields) > 0
	if changed {
		app.UpdatedAt, app.UpdatedBy = o.Tx.at, souk.ID{}
		if o.failed(o.PutApp(app)) || o.failed(o.keepRights(app)) {
			return
		}
	}
	o.putCredentials(app.ID, in.Credentials)
	switch {
	case o.isNew:
		o.tell(souk.AppAdded, owner, above, &app, nil, app, nil)
	case len(o.fields) > 0:
		o.tell(souk.AppChanged, owner, above, &app, before, app, nil)
	}
	if !o.isNew && before.Suspended != app.Suspended {
		kind := souk.AppSuspended
		if !app.Suspended {
			kind = souk.AppResumed
		}
		o.failed(o.emit(o.event(kind, owner, above, &app, app.ID)))
	}
	o.putDeauthorization(app, owner, above, in.DeauthorizationURL)
	o.putShares(app, owner, above, in.Shares)
	if !o.ok() {
		return
	}
	o.written()
	for key, hook := range inOrder(in.Webhooks) {
		o.each("webhooks", o.key+"."+key, o.in("webhooks."+key), func(w *object) { w.putWebhook(hook, app, owner, above) })
	}
}

// checkApp looks at what can be looked at without the database.
func (o *object) checkApp(in WorldApp) {
	o.text("name", in.Name, maxName)
	if in.Name != nil && strings.TrimSpace(*in.Name) == "" {
		o.wrong("name", "must not be empty")
	}
	o.text("description", in.Description, maxDescription)
	oneOf(o, "kind", in.Kind, souk.ThirdParty, souk.CustomIntegration, souk.BuiltIn)
	oneOf(o, "listing", in.Listing, souk.Draft, souk.Submitted, souk.Listed)
	o.text("app_user.first_name", in.AppUser.FirstName, maxName)
	o.text("app_user.last_name", in.AppUser.LastName, maxName)
	o.text("app_user.alias", in.AppUser.Alias, maxName)
	o.url("links.homepage", in.Links.Homepage)
	o.url("links.directory", in.Links.Directory)
	o.url("links.documentation", in.Links.Documentation)
	o.url("links.support", in.Links.Support)
	o.url("links.terms_of_service", in.Links.TermsOfService)
	o.url("links.privacy_policy", in.Links.PrivacyPolicy)
	o.url("trigger.url", in.TriggerURL)
	o.url("deauthorization_url", in.DeauthorizationURL)
	o.words("trigger.conditions", in.Triggers)
	for i, uri := range in.RedirectURIs {
		field := fmt.Sprintf("redirect_uris[%d]", i)
		if o.url(field, &uri); uri == "" {
			o.wrong(field, "must not be empty")
		}
	}
	o.text("zoom.app_type", in.Zoom.AppType, maxName)
	o.text("zoom.min_client", in.Zoom.MinClient, maxName)
	o.text("zoom.user_role", in.Zoom.UserRole, maxName)
	o.words("zoom.premium_events", in.Zoom.PremiumEvents)
	for i, t := range in.Zoom.AccountTypes {
		o.text(fmt.Sprintf("zoom.account_types[%d]", i), &t, maxName)
	}
}

// setApp puts what the document says into app.
func (o *object) setApp(app *souk.App, in WorldApp) {
	set(o, "name", &app.Name, in.Name)
	set(o, "description", &app.Description, in.Description)
	set(o, "kind", &app.Kind, in.Kind)
	set(o, "listing", &app.Listing, in.Listing)
	set(o, "suspended", &app.Suspended, in.Suspended)
	set(o, "certified", &app.Certified, in.Certified)
	set(o, "protected", &app.Protected, in.Protected)
	set(o, "is_available_to_anyone", &app.IsAvailableToAnyone, in.IsAvailableToAnyone)
	set(o, "is_available_to_partners", &app.IsAvailableToPartners, in.IsAvailableToPartners)
	set(o, "is_app_user_required", &app.IsAppUserRequired, in.IsAppUserRequired)
	set(o, "app_user.first_name", &app.AppUser.FirstName, in.AppUser.FirstName)
	set(o, "app_user.last_name", &app.AppUser.LastName, in.AppUser.LastName)
	set(o, "app_user.alias", &app.AppUser.Alias, in.AppUser.Alias)
	set(o, "links.homepage", &app.Links.Homepage, in.Links.Homepage)
	set(o, "links.directory", &app.Links.Directory, in.Links.Directory)
	set(o, "links.documentation", &app.Links.Documentation, in.Links.Documentation)
	set(o, "links.support", &app.Links.Support, in.Links.Support)
	set(o, "links.terms_of_service", &app.Links.TermsOfService, in.Links.TermsOfService)
	set(o, "links.privacy_policy", &app.Links.PrivacyPolicy, in.Links.PrivacyPolicy)
	set(o, "trigger.url", &app.TriggerURL, in.TriggerURL)
	setList(o, "trigger.conditions", &app.Triggers, in.Triggers)
	setList(o, "redirect_uris", &app.RedirectURIs, in.RedirectURIs)
	setList(o, "required_scopes", &app.RequiredScopes, o.scopesIn("required_scopes", in.RequiredScopes))
	setList(o, "bot_scopes", &app.BotScopes, o.scopesIn("bot_scopes", in.BotScopes))
	setList(o, "user_scopes", &app.UserScopes, o.scopesIn("user_scopes", in.UserScopes))
	set(o, "zoom.app_type", &app.Zoom.AppType, in.Zoom.AppType)
	set(o, "zoom.min_client", &app.Zoom.MinClient, in.Zoom.MinClient)
	set(o, "zoom.user_role", &app.Zoom.UserRole, in.Zoom.UserRole)
	setList(o, "zoom.premium_events", &app.Zoom.PremiumEvents, in.Zoom.PremiumEvents)
	setList(o, "zoom.account_types", &app.Zoom.AccountTypes, in.Zoom.AccountTypes)
}

// url checks an address; "" is none.
func (o *object) url(field string, s *string) {
	if s == nil || *s == "" {
		return
	}
	o.text(field, s, souk.MaxURL)
	if !isAddress(*s) {
		o.wrong(field, "must be an http or https URL without a user")
	}
}

// words checks a list that is stored with spaces between.
func (o *object) words(field string, words []string) {
	for i, w := range words {
		o.text(fmt.Sprintf("%s[%d]", field, i), &w, maxWord)
		if w == "" || len(strings.Fields(w)) != 1 || strings.TrimSpace(w) != w {
			o.wrong(fmt.Sprintf("%s[%d]", field, i), "must be one word")
		}
	}
}
