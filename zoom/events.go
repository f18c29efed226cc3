package zoom

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"souk"
)

// The events that Zoom's receivers know (docs/dialects/zoom.md, "The four
// events").
const (
	requestedName   = "app.authorization_request_created"
	approvedName    = "app.authorization_request_approved"
	declinedName    = "app.authorization_request_declined"
	deauthorized    = "app_deauthorized"
	validationName  = "endpoint.url_validation"
	mostReviewed    = 1000 // users that a decision for everyone lists
	everyoneScope   = "all_users_on_account"
	someScope       = "specific_users"
	adminOnly       = "Account Admin"
	anyUser         = "Any User"
	deauthorizeSalt = "souk zoom app_deauthorized "
)

// EventName is what Zoom calls the market's event, or "" if it has no name for
// it.
func EventName(kind souk.EventKind) string {
	switch kind {
	case souk.RequestCreated:
		return requestedName
	case souk.CaseApproved:
		return approvedName
	case souk.CaseDeclined:
		return declinedName
	case souk.GrantWasRevoked:
		return deauthorized
	}
	return ""
}

// Encode spells what e tells the endpoint; the body is frozen, and the same on
// every attempt. There is no body where Zoom has nothing to tell: of a second
// request of a user who waits for an answer in the same case, of a decision
// that is not for everyone and settled nobody's request, and to an app that is
// not installed where it happened. It refuses souk.NeedsPerson for a decision
// whose decider has no e-mail, and answers an error for an event that EventName
// has no name for or that lacks its parts.
func Encode(e souk.Event, to souk.Endpoint) ([]byte, error) {
	var payload object
	var err error
	switch e.Kind {
	case souk.RequestCreated:
		payload, err = requested(e, to)
	case souk.CaseApproved, souk.CaseDeclined:
		payload, err = reviewed(e, to)
	case souk.GrantWasRevoked:
		payload, err = ended(e, to)
	default:
		err = fmt.Errorf("zoom has no event for %s", e.Kind)
	}
	if err != nil || payload == nil {
		return nil, err
	}
	return envelope(EventName(e.Kind), e.At, payload)
}

// envelope is the body of everything that is sent to a receiver.
func envelope(name string, at time.Time, payload object) ([]byte, error) {
	return object{{"event", name}, {"event_ts", at.UnixMilli()}, {"payload", payload}}.bytes()
}

func lacking(e souk.Event) error { return fmt.Errorf("event %s (%s) lacks a part", e.ID, e.Kind) }

// requested is the payload of a request that was made.
func requested(e souk.Event, to souk.Endpoint) (object, error) {
	d := e.Data
	switch {
	case d.App == nil || d.User == nil || d.Request == nil:
		return nil, lacking(e)
	case to.Installation.ID.IsZero() || d.Again:
		return nil, nil
	}
	o := object{}.
		with("app_name", d.App.Name).
		with("app_type", eventType(*d.App)).
		with("app_status", status(*d.App, "development")).
		known("app_description", d.App.Description).
		with("app_link", object{}.
			known("developer_documentation", link(d.App.Links.Documentation)).
			known("developer_privacy_policy", link(d.App.Links.PrivacyPolicy)).
			known("developer_support", link(d.App.Links.Support)).
			known("developer_terms_of_use", link(d.App.Links.TermsOfService))).
		with("app_permissions", permissions(*d)).
		with("install_requirements", object{}.
			known("min_client", d.App.Zoom.MinClient).
			with("user_role", userRole(*d.App)).
			with("account_eligibility", object{}.
				with("premium_events", spoken(d.App.Zoom.PremiumEvents)).
				with("account_types", spoken(d.App.Zoom.AccountTypes)))).
		with("app_scopes", spoken(d.Request.Scopes)).
		with("requester_name", nameOf(*d.User)).
		known("requester_department", d.User.Department).
		with("requester_user_groups", spoken(d.Groups)).
		known("request_reason", d.Request.Reason)
	if to.Webhook.Extended {
		o = o.with("app_id", d.App.ID.Zoom()).with("request_id", d.Request.Case.Zoom()).with("account_id", e.Root.Zoom()).
			known("requester_email", d.User.Email)
	}
	return o, nil
}

// reviewed is the payload of a decision.
func reviewed(e souk.Event, to souk.Endpoint) (object, error) {
	d := e.Data
	if d.App == nil || d.Case == nil {
		return nil, lacking(e)
	}
	askers := people(d.Askers)
	if to.Installation.ID.IsZero() || !d.Everyone && len(askers) == 0 {
		return nil, nil
	}
	if d.Actor == nil || d.Actor.Email == "" {
		return nil, fmt.Errorf("%w: whoever decides is told to receivers with an e-mail address", souk.NeedsPerson)
	}
	scope := someScope
	if d.Everyone {
		scope = everyoneScope
	}
	o := object{}.
		with("request_id", d.Case.ID.Zoom()).
		with("app_id", d.App.ID.Zoom()).
		with("app_name", d.App.Name).
		with("app_type", eventType(*d.App)).
		with("app_status", status(*d.App, "unpublished")).
		known("app_description", d.App.Description).
		with("scope", scope).
		with("reviewer_name", nameOf(*d.Actor)).
		with("reviewer_email", d.Actor.Email)
	if n := len(askers); n > 0 && (!d.Everyone || n <= mostReviewed) {
		o = o.with("reviewed_requests", askers)
	}
	return o, nil
}

// people spells those whose requests were answered. Only bots have no e-mail,
// and Zoom has no place for one without.
func people(users []souk.User) []object {
	var out []object
	for _, u := range users {
		if u.Email != "" {
			out = append(out, object{{"requester_name", nameOf(u)}, {"requester_email", u.Email}})
		}
	}
	return out
}

// ended is the payload of an authorization that ended, for the app whose it was.
func ended(e souk.Event, to souk.Endpoint) (object, error) {
	d := e.Data
	switch {
	case d.App == nil || d.Grant == nil:
		return nil, lacking(e)
	case to.Webhook.App != d.App.ID:
		return nil, nil
	}
	return object{}.
		with("account_id", e.Root.Zoom()).
		with("user_id", d.Grant.User.Zoom()).
		with("signature", mark(e.ID)).
		with("deauthorization_time", e.At.UTC().Format("2006-01-02T15:04:05.000Z")).
		with("client_id", cmp.Or(d.Client, d.App.ID.Zoom())).
		with("event_ts", e.At.UnixMilli()), nil
}

// mark is what Zoom calls the signature of a deauthorization: 64 digits that
// name it and prove nothing. They follow from the event's random ID, so that
// they are the same on every way that tells it.
func mark(event souk.ID) string {
	sum := sha256.Sum256(append([]byte(deauthorizeSalt), event[:]...))
	return hex.EncodeToString(sum[:])
}

// appTypes are what events call an app's kind, by how it may be written down.
var appTypes = map[string]string{
	"oauth": "OAuth App", "oauthapp": "OAuth App", "s2soauth": "OAuth App",
	"general": "General App", "generalapp": "General App",
	"zoom": "Zoom App", "zoomapp": "Zoom App",
	"chatbot": "ChatBot App", "chatbotapp": "ChatBot App",
	"meetingsdk": "SDK OAuth App", "sdkoauthapp": "SDK OAuth App",
}

// eventType is a's kind as events spell it: free text, of which receivers know
// some. An app that says nothing of it is a general one.
func eventType(a souk.App) string {
	key := strings.NewReplacer(" ", "", "_", "", "-", "").Replace(strings.ToLower(a.Zoom.AppType))
	return cmp.Or(appTypes[key], a.Zoom.AppType, appTypes["general"])
}

// status is published, or the word that an event has for what is not.
func status(a souk.App, unpublished string) string {
	if a.Listing == souk.Listed {
		return "published"
	}
	return unpublished
}

// userRole is who may install a.
func userRole(a souk.App) string {
	if appUsage(a) == adminManaged {
		return adminOnly
	}
	return anyUser
}

// permissions are what the scopes asked for let an app see and manage, in words.
func permissions(d souk.EventData) object {
	view, manage := []string{}, []string{}
	for _, name := range d.Request.Scopes {
		scope := d.ScopeNamed(name)
		group := &view
		if scope.Group == "Manage" {
			group = &manage
		}
		if words := cmp.Or(scope.Description, name); !slices.Contains(*group, words) {
			*group = append(*group, words)
		}
	}
	return object{{"View", view}, {"Manage", manage}}
}

// nameOf is what people are called, if need be by their e-mail.
func nameOf(u souk.User) string {
	full := strings.TrimSpace(u.FirstName + " " + u.LastName)
	return cmp.Or(u.Alias, full, u.Email, u.ID.Zoom())
}

// link is a page's address, or nothing where it is none that a receiver could
// open.
func link(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return ""
	}
	return address
}

// spoken is a list without what says nothing.
func spoken(list []string) []string {
	return slices.DeleteFunc(append([]string{}, list...), func(s string) bool { return s == "" })
}
