package market

import (
	"context"
	"slices"
	"strings"
	"time"

	"souk"
	"souk/store"
)

// MaxTokens is how many live tokens of their own a person, an app user or the
// platform can have, and maxOverlap how long an old one may answer beside the
// one that replaces it.
const (
	MaxTokens  = 100
	maxOverlap = 7 * 24 * time.Hour
	maxLife    = 10 * 365 * 24 * time.Hour
)

// Minting is a token that somebody wants.
type Minting struct {
	Kind        souk.TokenKind // PersonToken if empty, or PlatformToken for an operator
	Description string         // for whoever reads the list
	Scopes      []string       // of an app user's: nil means all that was granted
	Life        time.Duration  // 0: until it is revoked
}

// Minted is a new token. Its secret is told once and not kept.
type Minted struct {
	Token  souk.Token
	Secret string
}

// MintToken makes an API token that speaks for the person who acts, or, for an
// operator, one of the platform's. It takes a session: a token cannot make
// others. It refuses NotAllowed, Invalid and TooManyTokens.
func (m *Market) MintToken(ctx context.Context, actor souk.Actor, in Minting) (done Minted, err error) {
	find := rootOfUser(actor.User)
	if in.Kind == souk.PlatformToken {
		find = platformLocks
	}
	err = m.write(ctx, actor, find, func(tx *Tx) (err error) {
		done, err = tx.mintToken(in)
		return err
	})
	return done, err
}

func (tx *Tx) mintToken(in Minting) (done Minted, err error) {
	if tx.actor.Kind != souk.ConsoleSession {
		return done, souk.NotAllowed
	}
	if err := in.check(); err != nil {
		return done, err
	}
	u, err := tx.User(tx.actor.User)
	if err != nil {
		return done, or(err, souk.NotAllowed)
	}
	var org souk.Org
	var have []souk.Token
	t := souk.Token{Kind: souk.PersonToken, User: u.ID}
	switch {
	case in.Kind == souk.PlatformToken && u.Operator:
		t = souk.Token{Kind: souk.PlatformToken}
		have, err = tx.PlatformTokens(tx.at)
	case in.Kind == souk.PersonToken || in.Kind == "":
		if org, err = tx.Org(u.Org); err != nil {
			return done, err
		}
		have, err = tx.TokensOfUser(u.ID, souk.PersonToken, tx.at)
	default:
		return done, souk.NotAllowed
	}
	if err == nil && len(have) >= MaxTokens {
		err = souk.TooManyTokens
	}
	if err != nil {
		return done, err
	}
	return tx.mint(t, in, org)
}

func (in Minting) check() error {
	var p problems
	if strings.TrimSpace(in.Description) == "" {
		p.add("description", "is required")
	}
	p.text("description", in.Description, maxName)
	if in.Life < 0 || in.Life > maxLife {
		p.add("expires_in", "must be at most ten years")
	}
	return p.err()
}

// mint writes a token of t's bearer; org's audit tells of it.
func (tx *Tx) mint(t souk.Token, in Minting, org souk.Org) (Minted, error) {
	secret := NewSecret(t.Kind)
	t.ID, t.Hash, t.Description, t.CreatedAt = souk.NewID(), tx.market.Key.Hash(secret), in.Description, tx.at
	if in.Life > 0 {
		t.ExpiresAt = tx.at.Add(in.Life)
	}
	if err := tx.PutToken(t); err != nil {
		return Minted{}, err
	}
	t.Hash = nil
	return Minted{t, secret}, tx.audit("MintToken", org, t.App, t.ID, nil, t)
}

// MintAppUserToken makes a token with which an app's server speaks for the app
// user of an installation: with no more than was granted there. Whoever holds
// settings at the app's owner may, and the app by its own token. It refuses
// UnknownApp, NotAllowed, UnknownInstallation, Invalid and TooManyTokens.
func (m *Market) MintAppUserToken(ctx context.Context, actor souk.Actor, app, installation souk.ID, in Minting) (done Minted, err error) {
	err = m.write(ctx, actor, rootOfInstalled(app, installation), func(tx *Tx) error {
		i, org, err := tx.provided(app, installation)
		if err != nil {
			return err
		}
		var p problems
		if err := in.check(); err != nil {
			p = append(p, err.(souk.Invalid)...)
		}
		if i.AppUser.IsZero() {
			p.add("installation", "has no app user")
		}
		scopes := i.Scopes
		if in.Scopes != nil {
			scopes = souk.NewScopes(in.Scopes...)
		}
		if !i.Scopes.Covers(scopes) {
			p.add("scopes", "must be of those that were granted: %s", i.Scopes)
		}
		if err := p.err(); err != nil {
			return err
		}
		have, err := tx.Tx.AppUserTokens(i, tx.at)
		if err == nil && len(have) >= MaxTokens {
			err = souk.TooManyTokens
		}
		if err != nil {
			return err
		}
		done, err = tx.mint(tokenOf(i, scopes), in, org)
		return err
	})
	return done, err
}

// tokenOf is a token of an installation's app user, not yet made.
func tokenOf(i souk.Installation, scopes souk.Scopes) souk.Token {
	return souk.Token{
		Kind: souk.PersonToken, User: i.AppUser, Installation: i.ID, App: i.App, Org: i.Org, Scopes: scopes,
	}
}

// provided finds a live installation of an app, for whoever provides the app.
func (tx *Tx) provided(app, installation souk.ID) (i souk.Installation, org souk.Org, err error) {
	if _, _, err := tx.ownedApp(app); err != nil {
		return i, org, err
	}
	if tx.actor.ThroughApp() {
		return i, org, souk.NotAllowed // another app's bot may be allowed more
	}
	if i, err = tx.Installation(installation); err != nil || i.App != app || !i.Live() {
		return i, org, either(ignoreMissing(err), souk.UnknownInstallation)
	}
	org, err = tx.Org(i.Org)
	return i, org, err
}

// mintNext makes a token that a program asked for, which looks after none of
// them: beyond MaxTokens that one user has of the same description, the oldest
// ends.
func (tx *Tx) mintNext(t souk.Token, in Minting, org souk.Org) (done Minted, err error) {
	t.Description = in.Description
	var live []souk.Token
	if t.Installation.IsZero() {
		live, err = tx.TokensOfApp(t.App, tx.at, MaxTokens)
	} else {
		live, err = tx.TokensLike(t, tx.at, MaxTokens)
	}
	if err != nil {
		return done, err
	}
	if len(live) == MaxTokens {
		old := live[len(live)-1]
		ended := old
		ended.RevokedAt = tx.at
		if err := tx.endToken("MintToken", old, ended, org); err != nil {
			return done, err
		}
	}
	return tx.mint(t, in, org)
}

// rootOfInstalled finds the locks of a verb about an installation that its app's
// provider names: what happens stands in the installer's audit.
func rootOfInstalled(app, installation souk.ID) func(*store.Tx) (store.Locks, error) {
	return func(tx *store.Tx) (store.Locks, error) {
		i, err := tx.Installation(installation)
		if err != nil {
			return store.Locks{}, ignoreMissing(err) // fn refuses it
		}
		return rootOf(i.Org, app)(tx)
	}
}

// RotateToken replaces a token of an app user by another with the same scopes,
// as far as they are still granted, the same life and the same networks. The old
// one answers for overlap, at most a week. It refuses what MintAppUserToken does,
// and UnknownToken.
func (m *Market) RotateToken(ctx context.Context, actor souk.Actor, app, installation, token souk.ID, overlap time.Duration) (done Minted, err error) {
	if overlap < 0 || overlap > maxOverlap {
		return done, souk.Invalid{{Field: "overlap", Reason: "must be at most a week"}}
	}
	err = m.write(ctx, actor, rootOfInstalled(app, installation), func(tx *Tx) error {
		i, org, err := tx.provided(app, installation)
		if err != nil {
			return err
		}
		live, err := tx.Tx.AppUserTokens(i, tx.at)
		if err != nil {
			return err
		}
		n := slices.IndexFunc(live, func(t souk.Token) bool { return t.ID == token })
		if n < 0 {
			return souk.UnknownToken
		}
		if overlap > 0 && len(live) >= MaxTokens {
			return souk.TooManyTokens
		}
		old := live[n]
		next := tokenOf(i, slices.DeleteFunc(slices.Clone(old.Scopes), func(s string) bool { return !i.Scopes.Has(s) }))
		next.Networks = old.Networks
		in := Minting{Description: old.Description}
		if !old.ExpiresAt.IsZero() {
			in.Life = old.ExpiresAt.Sub(old.CreatedAt)
		}
		if done, err = tx.mint(next, in, org); err != nil {
			return err
		}
		ended := old
		if until := tx.at.Add(overlap); overlap == 0 {
			ended.RevokedAt = tx.at
		} else if old.ExpiresAt.IsZero() || until.Before(old.ExpiresAt) {
			ended.ExpiresAt = until
		}
		return tx.endToken("RotateToken", old, ended, org)
	})
	return done, err
}

// endToken writes that a token ends, and audits it without its hash.
func (tx *Tx) endToken(verb string, before, after souk.Token, org souk.Org) error {
	if err := tx.PutToken(after); err != nil {
		return err
	}
	before.Hash, after.Hash = nil, nil
	return tx.audit(verb, org, after.App, after.ID, before, after)
}

// RevokeToken ends a token at once: one's own, one of the app user of an app
// that one provides, one that came with an installation at an org where one
// holds settings; operators those of the platform. To anybody else it is an
// UnknownToken.
func (m *Market) RevokeToken(ctx context.Context, actor souk.Actor, id souk.ID) error {
	find := func(s *store.Tx) (store.Locks, error) {
		t, err := s.Token(id)
		if err != nil {
			return store.Locks{}, ignoreMissing(err) // fn refuses it
		}
		org, err := (&Tx{Tx: s, market: m}).orgOf(t)
		return store.Locks{Roots: []souk.ID{org.Root()}}, err
	}
	return m.write(ctx, actor, find, func(tx *Tx) error {
		t, err := tx.Token(id)
		if err != nil {
			return or(err, souk.UnknownToken)
		}
		mine, err := tx.mayRevoke(t)
		if err != nil {
			return err
		}
		if !mine || !t.RevokedAt.IsZero() {
			return souk.UnknownToken
		}
		org, err := tx.orgOf(t)
		if err != nil {
			return err
		}
		after := t
		after.RevokedAt = tx.at
		return tx.endToken("RevokeToken", t, after, org)
	})
}

// mayRevoke reports whether the actor may end a token.
func (tx *Tx) mayRevoke(t souk.Token) (bool, error) {
	a := tx.actor
	switch {
	case a.IsOperator(), t.ID == a.Token:
		return true, nil
	case t.Kind == souk.PlatformToken:
		u, err := tx.User(a.User)
		return err == nil && u.Operator && a.Kind == souk.ConsoleSession, ignoreMissing(err)
	case t.User == a.User && !a.User.IsZero() && a.Installation.IsZero():
		return true, nil
	case t.Installation.IsZero():
		return false, nil
	}
	i, err := tx.Installation(t.Installation)
	if err != nil {
		return false, err
	}
	if t.User == i.AppUser {
		if _, _, err := tx.ownedApp(t.App); err == nil {
			return true, nil
		} else if unlessRefused(err) != nil {
			return false, err
		}
	}
	_, err = tx.manageable(i.Org, souk.CanSettings)
	return err == nil, unlessRefused(err)
}
