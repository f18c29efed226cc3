package giosg

import (
	"strings"
	"time"

	"souk"
)

// stamp spells a time: UTC, three digits of a second, always.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// moment is a time that may not have come, null then.
func moment(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := stamp(t)
	return &s
}

// optionalText is a text, null where there is none.
func optionalText(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// optionalID is an id, null where there is none.
func optionalID(id souk.ID) *souk.ID {
	if id.IsZero() {
		return nil
	}
	return &id
}

// names are a resource inside of another, as organizations and the apps of
// webhooks are shown.
type names struct {
	ID   souk.ID `json:"id"`
	Name string  `json:"name"`
}

func nameOrg(o souk.Org) names { return names{o.ID, o.Name} }
func nameApp(a souk.App) names { return names{a.ID, a.Name} }

// picture is an asset inside of another resource.
type picture struct {
	ID  souk.ID `json:"id"`
	URL string  `json:"url"`
}

// assetPath is where an asset is served. The end of the name is for those who
// go by it; the id alone says which it is.
func assetPath(a souk.Asset) string { return "/assets/" + a.ID.String() + extensions[a.ContentType] }

var extensions = map[string]string{"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif"}

// person is a user inside of another resource. Souk keeps no avatars.
type person struct {
	ID             souk.ID  `json:"id"`
	FirstName      string   `json:"first_name"`
	LastName       string   `json:"last_name"`
	FullName       string   `json:"full_name"`
	OrganizationID souk.ID  `json:"organization_id"`
	AvatarID       *souk.ID `json:"avatar_id"`
	Avatar         *picture `json:"avatar"`
	IsBot          bool     `json:"is_bot"`
}

// showPerson spells a user, or nobody.
func showPerson(u *souk.User) *person {
	if u == nil {
		return nil
	}
	return &person{ID: u.ID, FirstName: u.FirstName, LastName: u.LastName, FullName: fullName(*u), OrganizationID: u.Org, IsBot: u.IsBot}
}

func fullName(u souk.User) string { return strings.TrimSpace(u.FirstName + " " + u.LastName) }

// idOf is the id of a user that may not be there, for the attribute beside it.
func idOf(u *souk.User) *souk.ID {
	if u == nil {
		return nil
	}
	return &u.ID
}

// authors are who made a resource and who changed it last, each null where
// nobody is known.
type authors struct {
	CreatedByUserID *souk.ID `json:"created_by_user_id"`
	CreatedByUser   *person  `json:"created_by_user"`
	UpdatedByUserID *souk.ID `json:"updated_by_user_id"`
	UpdatedByUser   *person  `json:"updated_by_user"`
}

func showAuthors(creator, updater *souk.User) authors {
	return authors{idOf(creator), showPerson(creator), idOf(updater), showPerson(updater)}
}
