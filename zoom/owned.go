package zoom

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"souk"
	"souk/market"
)

// ownedRoutes make and delete apps (docs/dialects/zoom.md, "Creating and deleting
// apps").
var ownedRoutes = []route{
	{
		method: "POST", path: "/v2/marketplace/apps", weight: heavy, serve: createApp, scopes: makeApps,
		refusals: map[souk.Refusal]refusal{souk.UnknownOrg: {http.StatusBadRequest, 200, "No permission."}},
	},
	{method: "DELETE", path: "/v2/marketplace/apps/{appId}", weight: heavy, serve: deleteApp, scopes: makeApps},
}

// What apps are called that were made as a type.
const (
	typeGeneral = "General App"
	typeS2S     = "Server-to-Server OAuth App"
	typeSDK     = "SDK OAuth App"
)

// newTypes are the types that an app can be made as.
var newTypes = map[string]string{"general": typeGeneral, "s2s_oauth": typeS2S, "meeting_sdk": typeSDK}

// newApp is an app as it is asked for. Contacts are taken and not kept: Souk knows
// the people of the account.
type newApp struct {
	Type         string          `json:"app_type"`
	Name         string          `json:"app_name"`
	ContactName  string          `json:"contact_name"`
	ContactEmail string          `json:"contact_email"`
	Company      string          `json:"company_name"`
	Scopes       []string        `json:"scopes"`
	Active       bool            `json:"active"` // changes nothing: an app works where it is installed
	Publish      bool            `json:"publish"`
	Manifest     json.RawMessage `json:"manifest"`
}

// Bounds of what is said of a new app, in characters.
const (
	maxNewName    = 50
	maxNewContact = 150
)

// madeApp is an app that was made.
type madeApp struct {
	CreatedAt   string       `json:"created_at"`
	ID          string       `json:"app_id"`
	Name        string       `json:"app_name"`
	Type        string       `json:"app_type"`
	Scopes      []string     `json:"scopes"`
	Development credentials  `json:"development_credentials"`
	Production  *credentials `json:"production_credentials,omitempty"` // the same pair, of an app that is to be published
}

// credentials are what an app proves itself with at the token endpoint. Souk has
// one pair for both environments (docs/decisions/0061-one-pair-of-credentials.md).
type credentials struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
}

func createApp(c *call) (a answer, err error) {
	var in newApp
	if err := c.body(&in); err != nil {
		return a, err
	}
	wrong := in.check()
	if len(wrong) > 0 {
		return a, &failure{refusal: invalidInput, errors: wrong}
	}
	outline, r := market.Outline{}, new(reading)
	if in.Type == "general" {
		if outline, r = readManifest(in.Manifest, souk.App{}); len(r.wrong) == 0 {
			r.withoutWebhooks(outline)
		}
		if len(r.wrong) > 0 {
			return a, r.refused("manifest")
		}
	}
	form := outline.AppForm
	kind := newTypes[in.Type]
	form.Name, form.ZoomType, form.IsAvailableToAnyone = &in.Name, &kind, &in.Publish
	form.RequiredScopes = souk.NewScopes(slices.Concat(form.RequiredScopes, in.Scopes)...)
	made, err := c.market.PublishOutline(c.ctx, c.actor, c.account.ID, form)
	if bad := (souk.Invalid)(nil); errors.As(err, &bad) {
		return a, in.blame(bad, r)
	} else if err != nil {
		return a, err
	}
	pair := credentials{made.Credentials.ZoomClientID, made.Credentials.ZoomClientSecret}
	shown := madeApp{
		CreatedAt: stamp(made.CreatedAt), ID: made.ID.Zoom(), Name: made.Name, Type: in.Type,
		Scopes: append([]string{}, made.Asks()...), Development: pair,
	}
	if in.Publish {
		shown.Production = &pair
	}
	return created(shown), nil
}

// check looks at what the body says beside a manifest.
func (in newApp) check() (wrong []fieldError) {
	add := func(field, format string, args ...any) {
		wrong = append(wrong, fieldError{field, fmt.Sprintf(format, args...)})
	}
	text := func(field, s string, most int) {
		switch {
		case strings.TrimSpace(s) == "":
			add(field, "is required")
		case utf8.RuneCountInString(s) > most:
			add(field, "must be at most %d characters long", most)
		}
	}
	if newTypes[in.Type] == "" {
		add("app_type", "must be general, s2s_oauth or meeting_sdk")
	}
	text("app_name", in.Name, maxNewName)
	text("contact_name", in.ContactName, maxNewContact)
	text("contact_email", in.ContactEmail, maxNewContact)
	if in.ContactEmail != "" && !strings.Contains(strings.Trim(in.ContactEmail, "@"), "@") {
		add("contact_email", "must be an e-mail address")
	}
	text("company_name", in.Company, maxNewContact)
	if len(in.Scopes) > maxManifestScopes {
		add("scopes", "must be at most %d", maxManifestScopes)
	}
	for i, s := range in.Scopes[:min(len(in.Scopes), maxManifestScopes)] {
		if s == "" || strings.ContainsAny(s, " \t\r\n") {
			add(fmt.Sprintf("scopes[%d]", i), "must be the name of a scope")
		}
	}
	has := len(in.Manifest) > 0 && string(in.Manifest) != "null"
	switch {
	case in.Type == "general" && !has:
		add("manifest", "is required of a general app")
	case in.Type != "general" && has:
		add("manifest", "is for general apps")
	}
	return wrong[:min(len(wrong), maxErrors)]
}

// blame spells what the market finds wrong with a new app, by the names of the
// body.
func (in newApp) blame(bad souk.Invalid, r *reading) error {
	f := &failure{refusal: invalidInput}
	for _, w := range bad[:min(len(bad), maxErrors)] {
		field := "manifest" + r.pointer(w.Field)
		if name, ok := strings.CutPrefix(w.Field, "scopes."); ok && slices.Contains(in.Scopes, name) {
			field = fmt.Sprintf("scopes[%d]", slices.Index(in.Scopes, name))
		} else if w.Field == "name" {
			field = "app_name"
		}
		f.errors = append(f.errors, fieldError{field, w.Reason})
	}
	return f
}

func deleteApp(c *call) (a answer, err error) {
	id, err := c.appID()
	if err != nil {
		return a, err
	}
	app, _, err := c.market.Outlined(c.ctx, c.actor, id)
	if err != nil {
		return a, err
	}
	return noContent, c.market.DeleteApp(c.ctx, c.actor, app.Owner, id)
}
