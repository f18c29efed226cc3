package slack

import "souk"

// The letters in front of an id say what it names (docs/dialects/slack.md,
// "Identifiers"). Of a user U is written and W read as well.
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

// parseID reads an id as a caller gave it. A text that is no id names nothing,
// like an id that nobody has: the zero ID.
func parseID(prefix, s string) souk.ID {
	id, ok := souk.ParseSlackID(prefix, s)
	if !ok {
		return souk.ID{}
	}
	return id
}
