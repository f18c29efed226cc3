package slack

import "souk"

// The letters in front of an id say what it names (docs/dialects/slack.md,
// "Identifiers").
const (
	appPrefix        = "A"
	teamPrefix       = "T"
	enterprisePrefix = "E"
	userPrefix       = "U"
	botPrefix        = "B"
	requestPrefix    = "Ar"
	eventPrefix      = "Ev"
	contextPrefix    = "EC"
)

// orgID spells the id of a workspace or an enterprise.
func orgID(o souk.Org) string {
	if o.Kind == souk.Enterprise {
		return o.ID.Slack(enterprisePrefix)
	}
	return o.ID.Slack(teamPrefix)
}

// optional spells an id, or nothing where there is none.
func optional(prefix string, id souk.ID) *string {
	if id.IsZero() {
		return nil
	}
	s := id.Slack(prefix)
	return &s
}

// nobody is an id that nothing has: the one that RFC 9562 sets aside.
var nobody = souk.ID{
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
}

// parseID reads an id as a caller gave it. A text that is no id names nothing,
// so it is treated like an id that nobody has.
func parseID(prefix, s string) souk.ID {
	if id, ok := souk.ParseSlackID(prefix, s); ok && !id.IsZero() {
		return id
	}
	return nobody
}
