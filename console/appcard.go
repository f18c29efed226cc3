package console

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"souk"
	"souk/market"
)

// appCard is how pages introduce an app.
type appCard struct {
	App    souk.App
	Owner  souk.Org
	Icon   string // the address of its image; empty: none
	Letter string // instead of an image
}

// endings are those of the addresses of images.
var endings = map[string]string{"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif"}

// cardOf introduces an app.
func cardOf(a market.AppView) appCard {
	c := appCard{App: a.App, Owner: a.Owner}
	if i := a.IconAsset; i != nil {
		c.Icon = "/assets/" + i.ID.String() + endings[i.ContentType]
	}
	first, _ := utf8.DecodeRuneInString(a.Name)
	c.Letter = strings.ToUpper(string(first))
	return c
}

// scopeGroup is a part of what an app may do, as the catalogue groups it.
type scopeGroup struct {
	Name   string // may be empty
	Scopes []shownScope
}

// shownScope is one thing that an app may do.
type shownScope struct {
	souk.Scope
	New bool // it could not do that before
}

// groupScopes shows scopes by their groups: what an app looks at, what it
// manages, and the others. Those of added are marked when there was something
// before.
func groupScopes(scopes, added []souk.Scope, before bool) (groups []scopeGroup) {
	for _, s := range scopes {
		n := slices.IndexFunc(groups, func(g scopeGroup) bool { return g.Name == s.Group })
		if n < 0 {
			n = len(groups)
			groups = append(groups, scopeGroup{Name: s.Group})
		}
		isNew := before && slices.ContainsFunc(added, func(a souk.Scope) bool { return a.Name == s.Name })
		groups[n].Scopes = append(groups[n].Scopes, shownScope{s, isNew})
	}
	order := []string{"View", "Manage"}
	rank := func(g scopeGroup) int {
		if n := slices.Index(order, g.Name); n >= 0 {
			return n
		}
		return len(order)
	}
	slices.SortStableFunc(groups, func(a, b scopeGroup) int { return cmp.Compare(rank(a), rank(b)) })
	return groups
}
