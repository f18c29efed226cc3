package market

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/netip"
	"time"

	"souk"
)

// How long a code is good for.
const (
	codeLife = time.Minute     // at the token endpoint of giosg's wire
	zoomCode = 5 * time.Minute // at that of Zoom's
)

// authorized is the description of tokens that codes are redeemed for.
const authorized = "Authorized by the person"

// authorizationCode is the note that a person's code is.
type authorizationCode struct {
	ID               souk.ID
	App, User, Grant souk.ID
	Org              souk.ID // where the person agreed
	Redirect         string
	Scopes           souk.Scopes
	OpenID           bool
	Nonce, Challenge string
	At               time.Time
	SignedIn         time.Time
}

// Redeeming is a code that an app hands in.
type Redeeming struct {
	App      souk.ID // not looked at by RedeemZoom, nor is Secret
	Secret   string  // giosg's, of the app
	Code     string
	Redirect string // as the code was asked with
	Verifier string // PKCE's, when there was a challenge
}

// Redeemed is the token that a code was redeemed for.
type Redeemed struct {
	Minted
	User   souk.User
	Org    souk.Org // where they agreed, and where the token answers
	OpenID bool
	Nonce  string
	At     time.Time // when the person agreed

	SignedIn time.Time // when their session began
}

// Redeem makes the token that a person's code was handed out for. It refuses
// WrongSecret, SpentCode (used before, of another app, or without its verifier),
// ExpiredCode, BadRedirect, NotAuthorized when the person took back meanwhile
// what they granted, or the installation lost it, and souk.Dead.
func (m *Market) Redeem(ctx context.Context, in Redeeming, face string, from netip.Addr) (done Redeemed, err error) {
	c := m.readCode(in.Code)
	if err := m.proven(ctx, in.App, in.Secret); err != nil {
		return done, err
	}
	actor := souk.Actor{App: in.App, Face: face, Address: from}
	err = m.write(ctx, actor, rootOfUser(c.User), func(tx *Tx) error {
		if err := tx.proves(in.App, in.Secret); err != nil {
			return err
		}
		t, err := tx.spend(c, in, souk.PersonToken, codeLife)
		if err != nil {
			return err
		}
		done = Redeemed{OpenID: c.OpenID, Nonce: c.Nonce, At: c.At, SignedIn: c.SignedIn}
		if done.User, err = tx.User(c.User); err != nil {
			return err
		}
		if done.Org, err = tx.Org(c.Org); err != nil {
			return err
		}
		done.Minted, err = tx.mintNext(t, Minting{Description: authorized, Life: AccessLife}, done.Org)
		return err
	})
	return done, err
}

// readCode opens an authorization code; what is none opens to that of no app.
func (m *Market) readCode(code string) (c authorizationCode) {
	if !m.unseal("authorization code", code, &c) {
		return authorizationCode{}
	}
	return c
}

// spend uses an authorization code that in.App handed in, and answers with the
// token that it is good for, not yet made.
func (tx *Tx) spend(c authorizationCode, in Redeeming, kind souk.TokenKind, life time.Duration) (t souk.Token, err error) {
	switch {
	case c.App.IsZero(), c.App != in.App, !verifies(c.Challenge, in.Verifier):
		return t, souk.SpentCode
	case c.Redirect != in.Redirect:
		return t, souk.BadRedirect
	case !tx.at.Before(c.At.Add(life)):
		return t, souk.ExpiredCode
	}
	g, err := tx.Grant(c.Grant)
	if err != nil {
		return t, err
	}
	i, err := tx.Installation(g.Installation)
	if err != nil {
		return t, err
	}
	if g.Status != souk.GrantActive || !g.Scopes.Covers(c.Scopes) || !i.Scopes.Covers(c.Scopes) {
		return t, souk.NotAuthorized
	}
	t = souk.Token{Kind: kind, User: c.User, Installation: i.ID, App: i.App, Org: c.Org, Scopes: c.Scopes}
	if err := tx.wouldAnswer(t); err != nil {
		return t, err
	}
	first, err := tx.UseCode(c.ID, c.At.Add(zoomCode)) // the longest that any code is good for
	if err == nil && !first {
		err = souk.SpentCode
	}
	return t, err
}

// verifies reports whether a PKCE verifier belongs to a challenge; without a
// challenge there is to be none.
func verifies(challenge, verifier string) bool {
	if challenge == "" || verifier == "" {
		return challenge == verifier
	}
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}
