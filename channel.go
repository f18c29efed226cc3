package souk

import (
	"slices"
	"strings"
)

// Action is what happened to a resource on a channel.
type Action string

// The three actions (docs/dialects/giosg.md, "Notifications").
const (
	Added   Action = "added"
	Changed Action = "changed"
	Removed Action = "removed"
)

// Actions are all there are.
var Actions = []Action{Added, Changed, Removed}

// Channel is the concrete path of a collection whose resources come, change
// and go, such as "/api/v5/orgs/<id>/installed_apps".
type Channel string

// MaxChannel bounds channels and patterns, in bytes.
const MaxChannel = 255

// Pattern is a channel in which the placeholders {organization_id}, {user_id},
// {app_organization_id} and {app_id} stand for what an installation fills in,
// and * for any one segment. ParsePattern makes those that may be subscribed to.
type Pattern string

const (
	channelRoot = "/api/v5/"
	usersHead   = channelRoot + "users/{user_id}/"
	orgsHead    = channelRoot + "orgs/{organization_id}/"

	// OwnInstallations is the one pattern that is about the app itself and not
	// about where it is installed.
	OwnInstallations Pattern = channelRoot + "orgs/{app_organization_id}/owned_apps/{app_id}/installations"
)

// ParsePattern reports whether s is a pattern that a webhook may subscribe to:
// it begins with /api/v5/users/{user_id}/ or /api/v5/orgs/{organization_id}/,
// or is OwnInstallations. A segment behind the beginning is plain text or *.
func ParsePattern(s string) (Pattern, bool) {
	if Pattern(s) == OwnInstallations {
		return OwnInstallations, true
	}
	rest, ok := strings.CutPrefix(s, usersHead)
	if !ok {
		rest, ok = strings.CutPrefix(s, orgsHead)
	}
	if !ok || len(s) > MaxChannel {
		return "", false
	}
	for segment := range strings.SplitSeq(rest, "/") {
		if segment != "*" && !isSegment(segment) {
			return "", false
		}
	}
	return Pattern(s), true
}

// ParseChannel reports whether s is a channel that a host product may publish
// on: /api/v5/orgs/<id>/… or /api/v5/users/<id>/…, spelled with an id in lower
// case with dashes.
func ParseChannel(s string) (Channel, bool) {
	rest, ok := strings.CutPrefix(s, channelRoot)
	if !ok || len(s) > MaxChannel {
		return "", false
	}
	segments := strings.Split(rest, "/")
	if len(segments) < 3 || segments[0] != "orgs" && segments[0] != "users" {
		return "", false
	}
	if _, err := ParseID(segments[1]); err != nil {
		return "", false
	}
	if slices.ContainsFunc(segments, func(s string) bool { return !isSegment(s) }) {
		return "", false
	}
	return Channel(s), true
}

// Of tells whose channel c is: "orgs" or "users", and the ID.
func (c Channel) Of() (kind string, id ID) {
	rest, _ := strings.CutPrefix(string(c), channelRoot)
	kind, rest, _ = strings.Cut(rest, "/")
	text, _, _ := strings.Cut(rest, "/")
	id, err := ParseID(text)
	if err != nil {
		return "", ID{}
	}
	return kind, id
}

// isSegment reports whether s can stand between two slashes of a channel: it is
// made of printable ASCII without what an address escapes or a pattern means.
func isSegment(s string) bool {
	return s != "" && s != "." && s != ".." && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`*?{}#%\"<>`+"`|^", r)
	})
}

// Last is the last segment of a channel: the patterns that match it end in the
// same word or in *.
func (c Channel) Last() string { return last(string(c)) }

// Last is the last segment of a pattern, perhaps *.
func (p Pattern) Last() string { return last(string(p)) }

func last(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// Filling is what the placeholders of a pattern stand for. Where an ID is none,
// a pattern that needs it matches nothing.
type Filling struct {
	Org     ID // that installed the app
	AppUser ID // of the installation
	Owner   ID // of the app
	App     ID
}

// Matches reports whether p, filled in, is c.
func (p Pattern) Matches(c Channel, f Filling) bool {
	pattern, channel := string(p), string(c)
	for pattern != "" {
		var want, have string
		var more, longer bool
		want, pattern, more = strings.Cut(pattern, "/")
		have, channel, longer = strings.Cut(channel, "/")
		if more != longer || !f.fills(want, have) {
			return false
		}
		if !more {
			return true
		}
	}
	return false
}

// fills reports whether a segment of a pattern stands for one of a channel.
func (f Filling) fills(want, have string) bool {
	var id ID
	switch want {
	case "*":
		return have != ""
	case "{organization_id}":
		id = f.Org
	case "{user_id}":
		id = f.AppUser
	case "{app_organization_id}":
		id = f.Owner
	case "{app_id}":
		id = f.App
	default:
		return want == have
	}
	return !id.IsZero() && id.String() == have
}

// Subscription is what a webhook wants to be told of the channels that match a
// pattern.
type Subscription struct {
	Pattern   Pattern
	Additions bool
	Changes   bool
	Removals  bool
}

// Wants reports whether s asks for an action.
func (s Subscription) Wants(a Action) bool {
	switch a {
	case Added:
		return s.Additions
	case Changed:
		return s.Changes
	case Removed:
		return s.Removals
	}
	return false
}

// Notice is one thing that happened on one channel.
type Notice struct {
	Channel  Channel
	Action   Action
	Resource string // its id, in the words of whoever the channel belongs to
	Org      ID     // whose installed apps may hear it; none: the webhooks of App alone
	App      ID     // the app whose own channel it is, or none
	Scope    string // that an installation must hold to hear it; "": none
}
