package zoom

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"souk"
	"souk/market"
)

// setting is one thing that is wrong with a manifest: where, as a JSON pointer,
// and why.
type setting struct {
	Setting string `json:"setting"`
	Message string `json:"message"`
}

// Bounds of what a manifest lists.
const (
	maxManifestScopes  = 500
	maxManifestEntries = 100
)

// reading is a manifest that is being read.
type reading struct {
	manifest
	wrong []setting

	redirects []string // where each redirect URI stands
	webhooks  []spot   // where each webhook stands
}

// spot is where a webhook stands in a manifest: two webhooks may stand in one
// entry, one for each environment.
type spot struct {
	entry       int
	environment string // "development" or "production"
}

func (r *reading) add(pointer, format string, args ...any) {
	if len(r.wrong) < maxErrors {
		r.wrong = append(r.wrong, setting{pointer, fmt.Sprintf(format, args...)})
	}
}

// readManifest reads a manifest for an app as it is now, or for one that is to be
// made. What is wrong with it is in wrong; then the outline says nothing.
func readManifest(raw json.RawMessage, a souk.App) (in market.Outline, r *reading) {
	r = new(reading)
	if !bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("{")) {
		r.add("", "must be an object")
		return in, r
	}
	var typed *json.UnmarshalTypeError
	switch err := json.Unmarshal(raw, &r.manifest); {
	case errors.As(err, &typed):
		r.add("/"+strings.ReplaceAll(typed.Field, ".", "/"), "has the wrong type")
		return in, r
	case err != nil:
		r.add("", "must be JSON")
		return in, r
	}
	if d := r.Developer; d != nil {
		instead(&r.Display.Privacy, d.Privacy)
		instead(&r.Display.Terms, d.Terms)
		instead(&r.Display.Support, d.Support)
	}
	in.AppForm = market.AppForm{
		Name: &r.Display.Name, Description: &r.Display.Description, PrivacyPolicy: &r.Display.Privacy,
		TermsOfService: &r.Display.Terms, Support: &r.Display.Support, Documentation: &r.Display.Docs,
	}
	in.RedirectURIs = r.readRedirects()
	r.readScopes(&in.AppForm, a)
	in.Webhooks = r.readWebhooks()
	return in, r
}

// instead fills in what is empty.
func instead(to *string, with string) {
	if *to == "" {
		*to = with
	}
}

// readRedirects are the addresses of both environments and of the allow list,
// each once.
func (r *reading) readRedirects() []string {
	all := []string{}
	add := func(uri, pointer string) {
		if uri != "" && !slices.Contains(all, uri) {
			all, r.redirects = append(all, uri), append(r.redirects, pointer)
		}
	}
	add(r.OAuth.Production, "/oauth_information/production_redirect_uri")
	for i, uri := range r.OAuth.AllowList {
		pointer := fmt.Sprintf("/oauth_information/oauth_allow_list/%d", i)
		if uri == "" {
			r.add(pointer, "must not be empty")
		}
		if add(uri, pointer); len(all) > maxManifestEntries {
			break // the market says that they are too many
		}
	}
	add(r.OAuth.Development, "/oauth_information/development_redirect_uri")
	return all
}

// readScopes sorts the scopes: what the app asks for as a bot's or as a person's
// goes on to be that, what is new it asks for as the whole app.
func (r *reading) readScopes(form *market.AppForm, a souk.App) {
	var names []string
	if len(r.OAuth.Scopes) > maxManifestScopes {
		r.add("/oauth_information/scopes", "must be at most %d", maxManifestScopes)
		return
	}
	usage := r.OAuth.Usage
	if usage != "" && usage != forUsers && usage != forAdmins {
		r.add("/oauth_information/usage", "must be %s or %s", forUsers, forAdmins)
	}
	for i, s := range r.OAuth.Scopes {
		pointer := fmt.Sprintf("/oauth_information/scopes/%d", i)
		switch {
		case s.Scope == "" || strings.ContainsFunc(s.Scope, func(r rune) bool { return r <= ' ' || r == 0x7f }):
			r.add(pointer+"/scope", "must be the name of a scope")
		case s.Optional:
			r.add(pointer+"/optional", "must be false: an app is given all that it asks for")
		case usage == forUsers && isAdminScope(s.Scope):
			r.add(pointer+"/scope", "is not a valid scope name when usage is %s", forUsers)
		}
		names = append(names, s.Scope)
	}
	wanted := souk.NewScopes(names...)
	form.RequiredScopes, form.BotScopes, form.UserScopes = []string{}, []string{}, []string{}
	for _, name := range wanted {
		bot, user := a.BotScopes.Has(name), a.UserScopes.Has(name)
		if bot {
			form.BotScopes = append(form.BotScopes, name)
		}
		if user {
			form.UserScopes = append(form.UserScopes, name)
		}
		if a.RequiredScopes.Has(name) || !bot && !user {
			form.RequiredScopes = append(form.RequiredScopes, name)
		}
	}
	will := a
	will.RequiredScopes, will.BotScopes, will.UserScopes = wanted, nil, nil
	role := a.Zoom.UserRole
	switch isAdmins := appUsage(will) == adminManaged; {
	case usage == forAdmins && !isAdmins:
		role = "Account Admin"
	case usage == forUsers && isAdmins:
		role = "Any User"
	}
	form.ZoomRole = &role
}

const eventsPointer = "/features/event_subscription/events"

// readWebhooks are the webhooks of all entries.
func (r *reading) readWebhooks() []market.Hook {
	hooks := []market.Hook{}
	events := r.Features.Subscriptions.Events
	switch {
	case !r.Features.Subscriptions.Enable && len(events) > 0:
		r.add(eventsPointer, "must be empty unless event subscriptions are enabled")
		return hooks
	case len(events) > maxManifestEntries:
		r.add(eventsPointer, "must be at most %d", maxManifestEntries)
		return hooks
	}
	for i, e := range events {
		pointer := fmt.Sprintf("%s/%d", eventsPointer, i)
		hook := market.Hook{Events: e.Types, Listening: market.Listening{Name: e.Name}}
		if e.ID != "" {
			var ok bool
			if hook.ID, ok = souk.ParseZoomID(e.ID); !ok {
				r.add(pointer+"/subscription_id", "is no event subscription of the app")
			}
		}
		if e.Usage != "" && e.Usage != adminEvents {
			r.add(pointer+"/event_usage", "must be %s", adminEvents)
		}
		development, production := r.readHeader(pointer, "development", e.DevelopmentHeader), r.readHeader(pointer, "production", e.ProductionHeader)
		put := func(in, url string, of souk.Environment, auth souk.Auth) {
			one := hook
			one.URL, one.Environment, one.Auth = url, of, &auth
			hooks, r.webhooks = append(hooks, one), append(r.webhooks, spot{i, in})
			hook.ID = souk.ID{} // the second of an entry is a new one
		}
		switch {
		case e.Development == "" && e.Production == "":
			r.add(pointer+"/production_webhook_url", "is required, or development_webhook_url")
		case e.Development == e.Production && development == production:
			put("production", e.Production, "", production)
		default:
			if e.Production != "" {
				put("production", e.Production, souk.Production, production)
			}
			if e.Development != "" {
				put("development", e.Development, souk.Development, development)
			}
		}
	}
	return hooks
}

// readHeader is a header option; none is none.
func (r *reading) readHeader(entry, environment string, h *customHeader) souk.Auth {
	if h == nil {
		return souk.Auth{}
	}
	a, err := h.option()
	switch pointer := entry + "/" + environment + "_event_custom_header/"; {
	case err == badHeaderType:
		r.add(pointer+"custom_header_type", "must be 0, 1, 2 or 3")
	case err != nil:
		r.add(pointer+"client_authentication", "must be header or body")
	}
	return a
}

// appSettings are where a manifest has what the market names so.
var appSettings = map[string]string{
	"name":                   "/display_information/display_name",
	"description":            "/display_information/description",
	"links.terms_of_service": "/display_information/terms_url",
	"links.privacy_policy":   "/display_information/privacy_url",
	"links.support":          "/display_information/support_url",
	"links.documentation":    "/display_information/doc_url",
	"redirect_uris":          "/oauth_information/oauth_allow_list",
}

// headerSettings are those of a header option.
var headerSettings = map[string]string{"kind": "custom_header_type", "key": "custom_header_key", "value": "custom_header_value"}

var indexed = regexp.MustCompile(`^(redirect_uris|webhooks)\[(\d+)\](?:\.(.*))?$`)

// told adds what the market finds wrong with an outline.
func (r *reading) told(wrong souk.Invalid) {
	for _, w := range wrong {
		r.add(r.pointer(w.Field), "%s", w.Reason)
	}
}

// pointer is where a manifest has what the market names so; "" where it is not in
// there.
func (r *reading) pointer(field string) string {
	if name, ok := strings.CutPrefix(field, "scopes."); ok {
		if i := slices.IndexFunc(r.OAuth.Scopes, func(s manifestScope) bool { return s.Scope == name }); i >= 0 {
			return fmt.Sprintf("/oauth_information/scopes/%d/scope", i)
		}
		return "/oauth_information/scopes"
	}
	m := indexed.FindStringSubmatch(field)
	if m == nil {
		return appSettings[field]
	}
	i, err := strconv.Atoi(m[2])
	switch {
	case err != nil:
		return ""
	case m[1] == "redirect_uris" && i < len(r.redirects):
		return r.redirects[i]
	case m[1] == "webhooks" && i < len(r.webhooks):
		return r.webhookPointer(r.webhooks[i], m[3])
	}
	return ""
}

// webhookPointer is where a manifest has something of a webhook.
func (r *reading) webhookPointer(p spot, field string) string {
	entry := fmt.Sprintf("%s/%d", eventsPointer, p.entry)
	switch field {
	case "id":
		return entry + "/subscription_id"
	case "name":
		return entry + "/subscription_name"
	case "events":
		return entry + "/event_types"
	case "url":
		return entry + "/" + p.environment + "_webhook_url"
	}
	if part, ok := strings.CutPrefix(field, "auth."); ok {
		if named, ok := headerSettings[part]; ok {
			part = named
		}
		return entry + "/" + p.environment + "_event_custom_header/" + part
	}
	return entry
}
