package world

import (
	"slices"
	"unicode/utf8"

	"souk"
	"souk/market"
)

func given(g *market.Given) fields { return fields{"id": id(&g.ID), "state": absent(&g.Absent)} }

// with adds keys to those of a table.
func (f fields) with(more fields) fields {
	for key, read := range more {
		f[key] = read
	}
	return f
}

// section reads objects by their keys.
func section[T any](to *map[string]T, read func(spot) T) field {
	return func(s spot) {
		*to = map[string]T{}
		s.each(func(key string, at spot) {
			if !isKey(key) {
				s.wrong("key %q: must be 1 to 200 characters without spaces, and no UUID", key)
				return
			}
			(*to)[key] = read(at)
		})
	}
}

// isKey reports whether s can name an object: a reference to it is then never
// taken for an ID.
func isKey(s string) bool {
	if _, err := souk.ParseID(s); err == nil || s == "" || utf8.RuneCountInString(s) > 200 {
		return false
	}
	return !slices.ContainsFunc([]rune(s), func(r rune) bool { return r <= ' ' || r == 0x7f || r == 0xfffd })
}

func scope(s spot) (in market.WorldScope) {
	s.object(given(&in.Given).with(fields{
		"description": word(&in.Description),
		"token_type":  oneOf(&in.Token, souk.BotScope, souk.UserScope, souk.AppScope),
		"sensitive":   flag(&in.Sensitive),
		"group":       oneOf(&in.Group, "View", "Manage"),
	}))
	return in
}

func org(s spot) (in market.WorldOrg) {
	s.object(given(&in.Given).with(fields{
		"kind":       oneOf(&in.Kind, souk.Enterprise, souk.Workspace),
		"enterprise": plainWord(&in.Enterprise),
		"name":       word(&in.Name),
		"domain":     orNone(&in.Domain),
		"policy":     policy(&in.Policy),
		"contact": func(s spot) {
			s.object(fields{
				"email":       orNone(&in.Contact.Email),
				"phone":       orNone(&in.Contact.Phone),
				"street":      orNone(&in.Contact.Street),
				"postal_code": orNone(&in.Contact.PostalCode),
				"city":        orNone(&in.Contact.City),
				"country":     orNone(&in.Contact.Country),
				"business_id": orNone(&in.Contact.BusinessID),
			})
		},
		"entitlements": func(s spot) {
			s.object(fields{
				"has_active_subscription": flag(&in.HasActiveSubscription),
				"has_apps_feature":        flag(&in.HasAppsFeature),
				"is_app_provider":         flag(&in.IsAppProvider),
			})
		},
		"switches": func(s spot) {
			s.object(fields{
				"admin_api":      flag(&in.AdminAPI),
				"owners_only":    ownersOnly(&in),
				"admin_networks": networks(&in.AdminNetworks),
				"second_factor":  flag(&in.SecondFactor),
				"moving":         moving(&in.Moving),
			})
		},
	}))
	return in
}

// policy reads a policy; null inherits.
func policy(to **souk.Policy) field {
	return func(s spot) {
		if s.isNull() {
			*to = new(souk.Policy)
			return
		}
		oneOf(to, souk.Open, souk.Approval, souk.Closed)(s)
	}
}

// ownersOnly reads the list of what is reserved to owners; what is not in it
// is not.
func ownersOnly(in *market.WorldOrg) field {
	return func(s spot) {
		var reserved []string
		wordsOf(&reserved, "clear", "uninstall")(s)
		clearing, uninstalling := slices.Contains(reserved, "clear"), slices.Contains(reserved, "uninstall")
		in.ClearOwnersOnly, in.UninstallOwnersOnly = &clearing, &uninstalling
	}
}

// moving reads how far a workspace is on its way; the document says none
// where the marketplace says no, which YAML has other plans with.
func moving(to **souk.Moving) field {
	return func(s spot) {
		var given *souk.Moving
		oneOf(&given, "none", souk.Readable, souk.Locked)(s)
		if given != nil && *given == "none" {
			*given = souk.NotMoving
		}
		*to = given
	}
}

// partnership reads a pair, or an object with a pair and a state.
func partnership(s spot) (in market.WorldPartnership) {
	pair := func(s spot) {
		var refs []market.Ref
		words(&refs)(s)
		if len(refs) != 2 {
			s.wrong("must name two organizations")
			return
		}
		in.A, in.B = refs[0], refs[1]
	}
	if s.isList() {
		pair(s)
		return in
	}
	s.object(fields{"orgs": pair, "state": absent(&in.Absent)})
	if in.A == "" {
		s.wrong("must name two organizations in orgs")
	}
	return in
}

func user(s spot) (in market.WorldUser) {
	s.object(given(&in.Given).with(fields{
		"org":           plainWord(&in.Org),
		"email":         word(&in.Email),
		"first_name":    orNone(&in.FirstName),
		"last_name":     orNone(&in.LastName),
		"alias":         orNone(&in.Alias),
		"department":    orNone(&in.Department),
		"groups":        words(&in.Groups),
		"second_factor": flag(&in.SecondFactor),
		"operator":      flag(&in.Operator),
		"password":      word(&in.Password),
		"memberships": func(s spot) {
			in.Memberships = []market.WorldMembership{}
			s.list(func(item spot) { in.Memberships = append(in.Memberships, membership(item)) })
		},
	}))
	return in
}

func membership(s spot) (in market.WorldMembership) {
	s.object(fields{
		"org":         plainWord(&in.Org),
		"role":        oneOf(&in.Role, souk.Owner, souk.Admin, souk.Member),
		"permissions": wordsOf(&in.Permissions, souk.Permissions...),
		"state":       absent(&in.Absent),
	})
	return in
}
