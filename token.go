package souk

import (
	"net/netip"
	"slices"
	"time"
)

// TokenKind is what a token speaks for and which wire takes it.
type TokenKind string

// The kinds of tokens. Slack's have the prefixes clients know.
const (
	PersonToken    TokenKind = "token"    // a person's API token
	UserToken      TokenKind = "xoxp"     // Slack: a person through an installed app
	BotToken       TokenKind = "xoxb"     // Slack: an installation's app user
	AppToken       TokenKind = "xapp"     // Slack: an app for itself
	RefreshToken   TokenKind = "xoxe"     // Slack: renews a rotating token
	ZoomToken      TokenKind = "zoom"     // Zoom: a person through an installed app, or an app for itself
	PlatformToken  TokenKind = "platform" // the operator and the host product
	ConsoleSession TokenKind = "session"  // a person's browser
	ShortToken     TokenKind = "short"    // whoever a webhook or a trigger was handed it for: signed and not stored

	ZoomRefreshToken TokenKind = "zoom_refresh" // Zoom: renews a person's token
)

// TokenKinds are all there are.
var TokenKinds = []TokenKind{
	PersonToken, UserToken, BotToken, AppToken, RefreshToken, ZoomToken, ZoomRefreshToken, PlatformToken, ConsoleSession, ShortToken,
}

// StoredTokenKinds are the kinds of tokens that are rows: all but the short
// ones.
func StoredTokenKinds() []TokenKind {
	return slices.DeleteFunc(slices.Clone(TokenKinds), func(k TokenKind) bool { return k == ShortToken })
}

// Token is a secret that somebody holds. Only a keyed hash of it is stored.
type Token struct {
	ID           ID
	Hash         []byte `json:"-"` // of the secret, with the server's key; in no audit entry
	Kind         TokenKind
	User         ID // whom it speaks for; none for app-level and platform tokens
	Installation ID // it came with, or none
	App          ID // of the installation, or the app it speaks for
	Org          ID
	Family       ID `json:",omitzero"` // of Zoom's that renew one another: the ID of the first that renews
	Scopes       Scopes
	Description  string
	Networks     []netip.Prefix // where it may be used from; none: anywhere
	CreatedAt    time.Time
	ExpiresAt    time.Time // zero: never
	RevokedAt    time.Time
}

// Death is why a token no longer answers. Only revoked and expired are stored,
// the rest follows from what the token depends on.
type Death string

// The causes in the order in which the first that holds is told. A token that
// is only Suspended may live again.
const (
	AliveToken         Death = ""
	DeadByRevocation   Death = "revoked"
	DeadByExpiry       Death = "expired"
	DeadByUser         Death = "user"
	DeadByInstallation Death = "installation"
	DeadByApp          Death = "app"
	DeadByOrg          Death = "org"
	DeadWhileSuspended Death = "suspended"
)

// TokenFacts is what a token's life hangs on. Objects that the token does not
// have are left zero.
type TokenFacts struct {
	Token        Token
	User         User
	Installation Installation
	App          App
	Org          Org
	Disabled     bool // the user's grant that the token came by
}

// DeathOf tells why f's token does not answer at the time now.
func DeathOf(f TokenFacts, now time.Time) Death {
	t := f.Token
	switch {
	case !t.RevokedAt.IsZero():
		return DeadByRevocation
	case !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt):
		return DeadByExpiry
	case f.User.ID != t.User || !f.User.Active(): // an object that is missing is dead
		return DeadByUser
	case f.Installation.ID != t.Installation || !f.Installation.Live():
		return DeadByInstallation
	case f.App.ID != t.App || !f.App.DeletedAt.IsZero():
		return DeadByApp
	case f.Org.ID != t.Org || !f.Org.ClosedAt.IsZero():
		return DeadByOrg
	case f.App.Suspended, f.Installation.Status == InstallationSuspended, f.Disabled:
		return DeadWhileSuspended
	}
	return AliveToken
}

// Within reports whether address lies in one of networks; no networks mean
// anywhere.
func Within(networks []netip.Prefix, address netip.Addr) bool {
	return len(networks) == 0 || slices.ContainsFunc(networks, func(p netip.Prefix) bool {
		return p.Contains(address.Unmap())
	})
}
