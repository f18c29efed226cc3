package souk

import (
	"strings"
	"time"
)

// ResolutionStatus is a standing answer.
type ResolutionStatus string

// An approval has a ceiling of scopes; a restriction forbids.
const (
	Approved   ResolutionStatus = "approved"
	Restricted ResolutionStatus = "restricted"
)

// Audience is whom a resolution speaks of: everyone at its org, one group, or
// one user. The zero Audience is everyone.
type Audience struct {
	Group ID
	User  ID
}

// Everyone is the audience of every decision that names no other.
var Everyone = Audience{}

// IsEveryone reports whether a leaves nobody out.
func (a Audience) IsEveryone() bool { return a == Everyone }

// String spells a as "everyone", "group:<id>" or "user:<id>".
func (a Audience) String() string {
	switch {
	case !a.User.IsZero():
		return "user:" + a.User.String()
	case !a.Group.IsZero():
		return "group:" + a.Group.String()
	}
	return "everyone"
}

// ParseAudience reads what String wrote.
func ParseAudience(s string) (a Audience, err error) {
	kind, id, _ := strings.Cut(s, ":")
	switch {
	case s == "everyone":
	case kind == "user":
		a.User, err = ParseID(id)
	case kind == "group":
		a.Group, err = ParseID(id)
	default:
		err = errBadID
	}
	return a, err
}

// Resolution is the standing answer about an app at one org. A decision ends
// the old row and inserts a new one: history is kept and CreatedAt is the time
// of the decision.
type Resolution struct {
	ID        ID
	App       ID
	Org       ID
	Audience  Audience
	Status    ResolutionStatus
	Scopes    Scopes // the ceiling of an approval; of a restriction what was asked
	By        ID     // user
	Request   ID     // that led to it, or none
	Reason    string // in the decider's words, at most MaxReason bytes; may be empty
	CreatedAt time.Time
	EndedAt   time.Time // zero while it stands
	EndedBy   ID
}
