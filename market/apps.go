package market

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"souk"
	"souk/store"
)

// AppForm is an app as its owner writes it down. What is nil stays as it is,
// and of a new app it is empty.
type AppForm struct {
	Name, Description     *string
	Icon                  *souk.ID // the zero ID takes it away
	IsAvailableToAnyone   *bool    // a wish: the operator lists the app
	IsAvailableToPartners *bool
	IsAppUserRequired     *bool
	AppUserFirstName      *string // "" takes it away, as of all texts that are optional
	AppUserLastName       *string
	AppUserAlias          *string
	TermsOfService        *string
	PrivacyPolicy         *string
	Documentation         *string
	Support               *string
	TriggerURL            *string
	Triggers              []string // nil: as they are
	RequiredScopes        []string // nil: as they are
	BotScopes             []string // nil: as they are
	UserScopes            []string // nil: as they are
	RedirectURIs          []string // nil: as they are
	ZoomType              *string  // what Zoom's wire calls the app
	ZoomRole              *string  // who may install it, as Zoom's wire says that
}

// Bounds of what owners write about their apps, in characters.
const (
	MaxAppName        = 75
	MaxAppDescription = 2000
	MaxAppUserName    = 64
	MaxAppURL         = 2048
	MaxRedirectURIs   = 20
)

// PublishApp makes an app of an org; it is installed nowhere. Whoever holds
// settings there may, and the operator. It refuses NoSubscription, UnknownOrg,
// NotAllowed, Invalid, UnknownScope, and NotAppProvider when the app is to be
// available to others and the org may not offer any.
func (m *Market) PublishApp(ctx context.Context, actor souk.Actor, owner souk.ID, in AppForm) (v AppView, err error) {
	err = m.write(ctx, actor, rootOf(owner), func(tx *Tx) (err error) {
		v, err = tx.publishApp(owner, in)
		return err
	})
	return v, err
}

func (tx *Tx) publishApp(owner souk.ID, in AppForm) (v AppView, err error) {
	return tx.publishLacking(owner, in, nil)
}

// publishLacking is publishApp of an app that may lack some things.
func (tx *Tx) publishLacking(owner souk.ID, in AppForm, lacking problems) (v AppView, err error) {
	at, err := tx.desk(owner, MaySettings)
	if err != nil {
		return v, err
	}
	app := souk.App{
		ID: souk.NewID(), Owner: owner, Kind: souk.ThirdParty, Listing: souk.Draft,
		CreatedBy: tx.actor.User, UpdatedBy: tx.actor.User, CreatedAt: tx.at, UpdatedAt: tx.at,
	}
	if err := tx.apply(in, &app, at.Org, lacking); err != nil {
		return v, err
	}
	if err := tx.PutApp(app); err != nil {
		return v, err
	}
	if err := tx.keepRights(app); err != nil {
		return v, err
	}
	credentials := store.SealCredentials(tx.market.Key, NewCredentials(app.ID))
	if err := tx.PutCredentials(credentials); err != nil {
		return v, err
	}
	if err := tx.audit("PublishApp", at.Org, app.ID, app.ID, nil, app); err != nil {
		return v, err
	}
	if err := tx.tellApp(souk.AppAdded, at, app, nil); err != nil {
		return v, err
	}
	return tx.ownedView(app, at.Org)
}

// UpdateApp changes an app. Taking publicity back ends the installations that
// have no other right to the app. Whoever holds settings in the owner org may,
// and the operator. It refuses what PublishApp does, and UnknownApp.
func (m *Market) UpdateApp(ctx context.Context, actor souk.Actor, owner, id souk.ID, in AppForm) (v AppView, err error) {
	err = m.write(ctx, actor, ofOwned(owner, id), func(tx *Tx) (err error) {
		v, err = tx.updateApp(owner, id, in)
		return err
	})
	return v, err
}

func (tx *Tx) updateApp(owner, id souk.ID, in AppForm) (v AppView, err error) {
	at, err := tx.desk(owner, MaySettings)
	if err != nil {
		return v, err
	}
	before, err := tx.lookedAfter(owner, id)
	if err != nil {
		return v, err
	}
	app := before
	var had problems
	had.app(before)
	if err := tx.apply(in, &app, at.Org, had); err != nil {
		return v, err
	}
	return v, tx.change(&v, "UpdateApp", at, before, app)
}

// change writes an app that was changed and does what follows from it.
func (tx *Tx) change(v *AppView, verb string, at place, before, app souk.App) (err error) {
	app.UpdatedAt, app.UpdatedBy = tx.at, tx.actor.User
	if err := tx.PutApp(app); err != nil {
		return err
	}
	if err := tx.keepRights(app); err != nil {
		return err
	}
	if err := tx.audit(verb, at.Org, app.ID, app.ID, before, app); err != nil {
		return err
	}
	if err := tx.tellApp(souk.AppChanged, at, app, &before); err != nil {
		return err
	}
	if before.IsPublic() && !app.IsPublic() || before.IsAvailableToPartners && !app.IsAvailableToPartners {
		if err := tx.loseRightsSoon(app, verb); err != nil {
			return err
		}
	}
	*v, err = tx.ownedView(app, at.Org)
	return err
}

// DeleteApp deletes an app, which ends all its installations: at once as far as
// their tokens are concerned, and one after another in a job. Whoever holds
// settings in the owner org may, and the operator. It refuses NoSubscription,
// UnknownOrg, NotAllowed and UnknownApp.
func (m *Market) DeleteApp(ctx context.Context, actor souk.Actor, owner, id souk.ID) error {
	return m.write(ctx, actor, ofOwned(owner, id), func(tx *Tx) error { return tx.deleteApp(owner, id) })
}

func (tx *Tx) deleteApp(owner, id souk.ID) error {
	at, err := tx.desk(owner, MaySettings)
	if err != nil {
		return err
	}
	before, err := tx.lookedAfter(owner, id)
	if err != nil {
		return err
	}
	app := before
	app.DeletedAt, app.UpdatedAt, app.UpdatedBy = tx.at, tx.at, tx.actor.User
	if err := tx.PutApp(app); err != nil {
		return err
	}
	if err := tx.audit("DeleteApp", at.Org, app.ID, app.ID, before, app); err != nil {
		return err
	}
	if err := tx.tellApp(souk.AppRemoved, at, app, nil); err != nil {
		return err
	}
	return tx.loseRightsSoon(app, "DeleteApp")
}

// ListApp is the operator's answer to the owner's wish for publicity: listed,
// or back to submitted or draft. Whoever has the app as a public one only loses
// it when it is not listed any more. It refuses NotAllowed, UnknownApp and
// Invalid.
func (m *Market) ListApp(ctx context.Context, actor souk.Actor, id souk.ID, listing souk.Listing) (v AppView, err error) {
	err = m.write(ctx, actor, ownerAndHolders(id), func(tx *Tx) (err error) {
		if !tx.actor.IsOperator() {
			return souk.NotAllowed
		}
		if !slices.Contains([]souk.Listing{souk.Draft, souk.Submitted, souk.Listed}, listing) {
			return souk.Invalid{{Field: "listing", Reason: "must be draft, submitted or listed"}}
		}
		before, err := tx.App(id)
		if err != nil {
			return or(err, souk.UnknownApp)
		}
		if !before.DeletedAt.IsZero() {
			return souk.UnknownApp
		}
		var at place
		if at.Org, at.Enterprise, err = tx.OrgAndAbove(before.Owner); err != nil {
			return err
		}
		if before.Listing == listing {
			v, err = tx.ownedView(before, at.Org)
			return err
		}
		app := before
		app.Listing = listing
		return tx.change(&v, "ListApp", at, before, app)
	})
	return v, err
}

// tellApp tells a change of an app at its owner; before is nil but for a change.
func (tx *Tx) tellApp(kind souk.EventKind, at place, app souk.App, before *souk.App) (err error) {
	e := tx.event(kind, at.Org, at.Enterprise, &app, app.ID)
	if before != nil {
		e.Data.Before = &souk.EventData{App: before}
	}
	if e.Data.Actor, err = tx.acting(); err != nil {
		return err
	}
	return tx.emit(e)
}

// apply puts what a form says into an app, and refuses what cannot be. What it
// had been lacking before, such as the terms of an app that came with a document,
// it may go on to lack.
func (tx *Tx) apply(in AppForm, app *souk.App, owner souk.Org, had problems) error {
	was := *app
	put(&app.Name, in.Name)
	put(&app.Description, in.Description)
	put(&app.Icon, in.Icon)
	put(&app.IsAvailableToAnyone, in.IsAvailableToAnyone)
	put(&app.IsAvailableToPartners, in.IsAvailableToPartners)
	put(&app.IsAppUserRequired, in.IsAppUserRequired)
	put(&app.AppUser.FirstName, in.AppUserFirstName)
	put(&app.AppUser.LastName, in.AppUserLastName)
	put(&app.AppUser.Alias, in.AppUserAlias)
	put(&app.Links.TermsOfService, in.TermsOfService)
	put(&app.Links.PrivacyPolicy, in.PrivacyPolicy)
	put(&app.Links.Documentation, in.Documentation)
	put(&app.Links.Support, in.Support)
	put(&app.Zoom.AppType, in.ZoomType)
	put(&app.Zoom.UserRole, in.ZoomRole)
	put(&app.TriggerURL, in.TriggerURL)
	if in.Triggers != nil {
		app.Triggers = slices.Compact(slices.Sorted(slices.Values(in.Triggers)))
	}
	if in.RequiredScopes != nil {
		app.RequiredScopes = souk.NewScopes(in.RequiredScopes...)
	}
	if in.BotScopes != nil {
		app.BotScopes = souk.NewScopes(in.BotScopes...)
	}
	if in.UserScopes != nil {
		app.UserScopes = souk.NewScopes(in.UserScopes...)
	}
	if in.RedirectURIs != nil {
		app.RedirectURIs = slices.Clone(in.RedirectURIs)
	}
	var p problems
	p.app(*app)
	p = slices.DeleteFunc(p, func(lacks souk.Problem) bool { return slices.Contains(had, lacks) })
	if app.Icon != was.Icon && !app.Icon.IsZero() {
		icon, err := tx.Asset(app.Icon)
		if ignoreMissing(err) != nil {
			return err
		}
		if err != nil || icon.Org != owner.ID {
			p.add("icon", "is no image of the organization")
		}
	}
	if err := p.err(); err != nil {
		return err
	}
	if err := tx.inCatalogue(app.RequiredScopes.Union(in.BotScopes).Union(in.UserScopes)); err != nil {
		return err
	}
	wishes := app.IsAvailableToAnyone && !was.IsAvailableToAnyone
	if (wishes || app.IsAvailableToPartners && !was.IsAvailableToPartners) && !owner.IsAppProvider {
		return souk.NotAppProvider
	}
	switch {
	case wishes && app.Listing == souk.Draft:
		app.Listing = souk.Submitted
	case was.IsAvailableToAnyone && !app.IsAvailableToAnyone:
		app.Listing = souk.Draft // a wish that comes again is reviewed again
	}
	return nil
}

// put replaces what was said.
func put[T any](to *T, said *T) {
	if said != nil {
		*to = *said
	}
}

// app checks an app as a whole.
func (p *problems) app(a souk.App) {
	p.written("name", a.Name, MaxAppName)
	p.written("description", a.Description, MaxAppDescription)
	p.characters("app_user.first_name", a.AppUser.FirstName, MaxAppUserName)
	p.characters("app_user.last_name", a.AppUser.LastName, MaxAppUserName)
	p.characters("app_user.alias", a.AppUser.Alias, MaxAppUserName)
	if a.IsAppUserRequired && a.AppUser.FirstName == "" {
		p.add("app_user.first_name", "is required of an app with an app user")
	}
	if a.IsAppUserRequired && a.AppUser.LastName == "" {
		p.add("app_user.last_name", "is required of an app with an app user")
	}
	p.url("links.terms_of_service", a.Links.TermsOfService)
	p.url("links.privacy_policy", a.Links.PrivacyPolicy)
	p.optionalURL("links.documentation", a.Links.Documentation)
	p.optionalURL("links.support", a.Links.Support)
	if a.TriggerURL != "" {
		p.url("trigger.url", a.TriggerURL)
	}
	for i, t := range a.Triggers {
		if !slices.Contains(souk.TriggerConditions, t) {
			p.add(fmt.Sprintf("trigger.conditions[%d]", i), "is no condition")
		}
	}
	if len(a.RedirectURIs) > MaxRedirectURIs {
		p.add("redirect_uris", "must be at most %d", MaxRedirectURIs)
		return
	}
	for i, uri := range a.RedirectURIs {
		field := fmt.Sprintf("redirect_uris[%d]", i)
		if p.url(field, uri); !strings.HasPrefix(uri, "https://") || strings.Contains(uri, "#") {
			p.add(field, "must start with https:// and have no fragment")
		}
	}
}

// written checks a text that must not be empty.
func (p *problems) written(field, s string, most int) {
	if strings.TrimSpace(s) == "" {
		p.add(field, "must not be empty")
	}
	p.characters(field, s, most)
}

// characters checks a text by its length in characters.
func (p *problems) characters(field, s string, most int) {
	if n := len([]rune(s)); n > most {
		p.add(field, "must be at most %d characters long", most)
		return
	}
	p.text(field, s, len(s))
}

// optionalURL is url for what need not be there.
func (p *problems) optionalURL(field, s string) {
	if s != "" {
		p.url(field, s)
	}
}

// url checks an absolute address.
func (p *problems) url(field, s string) {
	p.characters(field, s, MaxAppURL)
	if !isAddress(s) {
		p.add(field, "must be an http or https URL")
	}
}

// isAddress reports whether s is an absolute http or https URL without a user.
// No space is part of one, of whatever script: where it is shown or taken apart,
// what stands behind the space could pass for another.
func isAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil &&
		!strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
}
