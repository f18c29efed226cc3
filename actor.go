package souk

import "net/netip"

// Actor is who asks for something. Every verb takes one; the audit log and the
// rules about rights read nothing else about the caller.
type Actor struct {
	User         ID // the person who acts; none for the operator and for apps
	Token        ID // that was shown, or none
	Kind         TokenKind
	Platform     bool // a platform token was shown; with User, on that user's behalf and with exactly that user's rights
	App          ID   // that the token belongs to, or none
	Installation ID   // that the token came with, or none
	Org          ID   // that the token is bound to, or none
	Scopes       Scopes
	Face         string // that the call came through, such as "slack"
	Address      netip.Addr
}

// IsOperator reports whether the platform operator acts, and nobody through
// them.
func (a Actor) IsOperator() bool { return a.Platform && a.User.IsZero() }

// IsApp reports whether an app acts for itself, by a token of its own that speaks
// for nobody else: it looks after its own webhooks and secrets, and no more.
func (a Actor) IsApp() bool {
	return a.Kind == AppToken || a.Kind == ZoomToken && a.User.IsZero()
}

// ThroughApp reports whether an app acts, by what it was handed with an
// installation: for its app user or for a person. It has none of their word but
// for what the token carries, so that it agrees to nothing and gives nothing
// away in their name. Slack's and Zoom's tokens are their own wire's to judge.
func (a Actor) ThroughApp() bool {
	return !a.Installation.IsZero() && (a.Kind == PersonToken || a.Kind == ShortToken)
}

// Operator is the platform operator acting through face, such as the command
// line.
func Operator(face string) Actor { return Actor{Platform: true, Kind: PlatformToken, Face: face} }
