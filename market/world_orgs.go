package market

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"souk"
)

// WorldScope is an addition to the built-in catalogue, keyed by its name.
type WorldScope struct {
	Given
	Description *string
	Token       *souk.ScopeToken // of a new one BotScope
	Sensitive   *bool
	Group       *string // "View" or "Manage"; of a new one "View"
}

// WorldOrg is an organization.
type WorldOrg struct {
	Given
	Kind       *souk.OrgKind
	Enterprise Ref // of a workspace under one
	Name       *string
	Domain     *string      // of a new one the key, if that is a label
	Policy     *souk.Policy // "": inherited
	Contact    WorldContact

	HasActiveSubscription *bool
	HasAppsFeature        *bool
	IsAppProvider         *bool

	AdminAPI            *bool
	ClearOwnersOnly     *bool
	UninstallOwnersOnly *bool
	AdminNetworks       []netip.Prefix
	SecondFactor        *bool
	Moving              *souk.Moving
}

// WorldContact is how an organization is reached; "" takes something away.
type WorldContact struct {
	Email, Phone, Street, PostalCode, City *string
	Country                                *string // two lower-case letters
	BusinessID                             *string
}

// scopeNames are what a scope may be called; sets of them are stored with
// spaces between.
var scopeNames = regexp.MustCompile(`^[!-+\--~]{1,200}$`)

func (a *applier) putScopes() {
	for key, in := range inOrder(a.world.Scopes) {
		a.each("scopes", key, "scopes."+key, func(o *object) { o.putScope(in) })
	}
	a.Tx.scopes = nil // the catalogue is another now
}

func (o *object) putScope(in WorldScope) {
	if _, ok := builtin[o.key]; ok {
		o.wrong("", "is built in")
	}
	if !scopeNames.MatchString(o.key) {
		o.wrong("", "a scope's name is 1 to 200 visible ASCII characters")
	}
	if in.Absent {
		o.wrong("state", "a scope cannot be removed: apps may ask for it")
	}
	if !in.ID.IsZero() {
		o.wrong("id", "a scope has none: its name says which it is")
	}
	added, err := o.AddedScopes()
	if o.failed(err) {
		return
	}
	s := souk.Scope{Name: o.key, Token: souk.BotScope, Group: "View"}
	o.isNew = true
	for _, had := range added {
		if had.Name == o.key {
			s, o.isNew = had, false
		}
	}
	o.need("description", in.Description != nil)
	o.text("description", in.Description, souk.MaxReason)
	oneOf(o, "token_type", in.Token, souk.BotScope, souk.UserScope, souk.AppScope)
	oneOf(o, "group", in.Group, "View", "Manage")
	var before any
	if !o.isNew {
		before = s
	}
	set(o, "description", &s.Description, in.Description)
	set(o, "token_type", &s.Token, in.Token)
	set(o, "sensitive", &s.Sensitive, in.Sensitive)
	set(o, "group", &s.Group, in.Group)
	if !o.ok() || !o.isNew && len(o.fields) == 0 {
		return
	}
	if o.failed(o.PutScope(s, o.Tx.at)) || o.failed(o.audit("ApplyWorld", souk.Org{}, souk.ID{}, souk.ID{}, before, s)) {
		return
	}
	if o.isNew {
		o.step(Create, nil)
	} else {
		o.step(Change, o.fields)
	}
}

// governs reports whether a field of an organization is how it governs apps.
func governs(field string) bool { return field == "policy" || strings.HasPrefix(field, "switches.") }

// putOrgs makes the enterprises before the workspaces under them.
func (a *applier) putOrgs() {
	for _, under := range []bool{false, true} {
		for key, in := range inOrder(a.world.Orgs) {
			if (in.Enterprise != "") == under {
				a.each("orgs", key, "orgs."+key, func(o *object) { o.putOrg(in) })
			}
		}
	}
}

// labels are what a domain may be.
var labels = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

func (o *object) putOrg(in WorldOrg) {
	if in.Absent {
		o.wrong("state", "an organization cannot be removed by a document")
	}
	org := look(o, in.Given, o.Tx.Org)
	before := org
	if o.isNew {
		org = souk.Org{ID: o.id, Entitlements: souk.DefaultEntitlements, Switches: souk.DefaultSwitches, CreatedAt: o.Tx.at}
		if in.Domain == nil && labels.MatchString(o.key) {
			org.Domain = o.key
		}
	}
	o.need("kind", in.Kind != nil)
	o.need("name", in.Name != nil)
	oneOf(o, "kind", in.Kind, souk.Enterprise, souk.Workspace)
	oneOf(o, "policy", in.Policy, "", souk.Open, souk.Approval, souk.Closed)
	oneOf(o, "switches.moving", in.Moving, souk.NotMoving, souk.Readable, souk.Locked)
	o.text("name", in.Name, maxName)
	if in.Name != nil && strings.TrimSpace(*in.Name) == "" {
		o.wrong("name", "must not be empty")
	}
	if in.Domain != nil && *in.Domain != "" && !labels.MatchString(*in.Domain) {
		o.wrong("domain", "must be a label of lower-case letters, digits and dashes")
	}
	o.checkContact(in.Contact)
	fix(o, "kind", &org.Kind, in.Kind)
	if enterprise, _, ok := o.org("enterprise", in.Enterprise); ok {
		if enterprise.Kind != souk.Enterprise {
			o.wrong("enterprise", "%s is no enterprise", in.Enterprise)
		}
		if org.Kind == souk.Enterprise {
			o.wrong("enterprise", "an enterprise does not lie under another")
		}
		fix(o, "enterprise", &org.Enterprise, &enterprise.ID)
	}
	set(o, "name", &org.Name, in.Name)
	set(o, "domain", &org.Domain, in.Domain)
	set(o, "policy", &org.Policy, in.Policy)
	set(o, "contact.email", &org.Contact.Email, in.Contact.Email)
	set(o, "contact.phone", &org.Contact.Phone, in.Contact.Phone)
	set(o, "contact.street", &org.Contact.Street, in.Contact.Street)
	set(o, "contact.postal_code", &org.Contact.PostalCode, in.Contact.PostalCode)
	set(o, "contact.city", &org.Contact.City, in.Contact.City)
	set(o, "contact.country", &org.Contact.Country, in.Contact.Country)
	set(o, "contact.business_id", &org.Contact.BusinessID, in.Contact.BusinessID)
	set(o, "entitlements.has_active_subscription", &org.HasActiveSubscription, in.HasActiveSubscription)
	set(o, "entitlements.has_apps_feature", &org.HasAppsFeature, in.HasAppsFeature)
	set(o, "entitlements.is_app_provider", &org.IsAppProvider, in.IsAppProvider)
	set(o, "switches.admin_api", &org.AdminAPI, in.AdminAPI)
	set(o, "switches.owners_only", &org.ClearOwnersOnly, in.ClearOwnersOnly)
	set(o, "switches.owners_only", &org.UninstallOwnersOnly, in.UninstallOwnersOnly)
	setList(o, "switches.admin_networks", &org.AdminNetworks, in.AdminNetworks)
	set(o, "switches.second_factor", &org.SecondFactor, in.SecondFactor)
	set(o, "switches.moving", &org.Moving, in.Moving)
	if !o.ok() {
		return
	}
	o.recorded.Kind = org.Kind
	if !o.isNew && len(o.fields) == 0 {
		o.written()
		return
	}
	org.UpdatedAt = o.Tx.at
	if o.failed(o.PutOrg(org)) {
		return
	}
	org, enterprise, err := o.OrgAndAbove(org.ID)
	if o.failed(err) {
		return
	}
	o.written()
	if o.isNew {
		o.tell(souk.OrgAdded, org, enterprise, nil, nil, org, nil)
	} else {
		o.tell(souk.OrgChanged, org, enterprise, nil, before, org, nil)
		if slices.ContainsFunc(o.fields, governs) {
			o.failed(o.emit(o.event(souk.PolicyChanged, org, enterprise, nil, org.ID)))
		}
	}
}

// countries are spelled as in ISO 3166-1, in lower case.
var countries = regexp.MustCompile(`^[a-z]{2}$`)

func (o *object) checkContact(in WorldContact) {
	o.text("contact.phone", in.Phone, maxName)
	o.text("contact.street", in.Street, maxName)
	o.text("contact.postal_code", in.PostalCode, maxName)
	o.text("contact.city", in.City, maxName)
	o.text("contact.business_id", in.BusinessID, maxName)
	if o.text("contact.email", in.Email, maxEmail); in.Email != nil && *in.Email != "" && !isEmail(*in.Email) {
		o.wrong("contact.email", "must be an e-mail address")
	}
	if in.Country != nil && *in.Country != "" && !countries.MatchString(*in.Country) {
		o.wrong("contact.country", "must be two lower-case letters")
	}
}
