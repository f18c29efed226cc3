package market

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"souk"
	"souk/store"
)

// Caller is who a token speaks for, with what a wire asks about before it calls
// a verb.
type Caller struct {
	souk.Actor
	Token        souk.Token
	User         souk.User         // zero when the token has none
	App          souk.App          // likewise
	Installation souk.Installation // likewise
	Org          souk.Org          // that the token is bound to: the installation's, or its own
	Enterprise   souk.Org          // above Org, or zero
	Standing     souk.Standing     // of User at Org
	Disabled     bool              // the grant of User that the token came by
}

// Top is the enterprise whose switches govern the caller's admin calls: the one
// above Org, or Org itself.
func (c Caller) Top() souk.Org {
	if c.Enterprise.ID.IsZero() {
		return c.Org
	}
	return c.Enterprise
}

// Authenticate finds who a secret speaks for. It refuses UnknownToken, also
// when the token may not be used from that address, and souk.Dead when it was
// known and no longer answers. Programs make many calls at a time with one token:
// they share what is read of it.
func (m *Market) Authenticate(ctx context.Context, secret, face string, address netip.Addr) (c Caller, err error) {
	k, err := m.presented(ctx, m.Key.Hash(secret))
	if err := either(err, k.unknown); err != nil {
		return Caller{}, err
	}
	return k.alive(face, address, m.now())
}

// presented finds who comes with a secret, by its hash: as long as nothing has
// changed, from what was read before.
func (m *Market) presented(ctx context.Context, hash []byte) (presenter, error) {
	version, lasting := m.DB.Version()
	if lasting {
		if k, ok := m.mail().presented.get(version, string(hash)); ok {
			return k, nil
		}
	}
	k, err := m.mail().presenters.ask(ctx, string(hash), func(ctx context.Context) (k presenter, err error) {
		err = m.DB.Read(ctx, func(s *store.Tx) (err error) {
			tx := &Tx{Tx: s, market: m}
			if k.Caller, err = tx.caller(hash); errors.Is(err, souk.UnknownToken) {
				k.unknown, err = err, nil
			}
			return err
		})
		return k, err
	})
	if lasting && err == nil && k.unknown == nil {
		m.mail().presented.put(version, string(hash), k)
	}
	return k, err
}

// presenter is who comes with a secret, or why nobody does.
type presenter struct {
	Caller
	unknown error
}

// alive refuses a token that does not answer, or not from that address.
func (c Caller) alive(face string, address netip.Addr, at time.Time) (Caller, error) {
	if death := souk.DeathOf(souk.TokenFacts{
		Token: c.Token, User: c.User, Installation: c.Installation, App: c.App, Org: c.Org, Disabled: c.Disabled,
	}, at); death != souk.AliveToken {
		return Caller{}, souk.Dead{Kind: c.Token.Kind, Cause: death}
	}
	if !souk.Within(c.Token.Networks, address) {
		return Caller{}, souk.UnknownToken
	}
	c.Actor = souk.Actor{
		User: c.User.ID, Token: c.Token.ID, Kind: c.Token.Kind, Platform: c.Token.Kind == souk.PlatformToken,
		App: c.App.ID, Installation: c.Installation.ID, Org: c.Org.ID, Scopes: c.Token.Scopes,
		Face: face, Address: address,
	}
	return c, nil
}

// Short is what a short token says: it was signed, and is not stored.
type Short struct {
	Installation souk.ID
	User         souk.ID // the installation's app user
	Expires      time.Time
}

// AuthenticateShort finds who a short token speaks for, whose signature a wire
// has checked. It refuses UnknownToken when the installation never had that app
// user, and souk.Dead when it no longer answers.
func (m *Market) AuthenticateShort(ctx context.Context, in Short, face string, address netip.Addr) (c Caller, err error) {
	err = m.DB.Read(ctx, func(s *store.Tx) (err error) {
		tx := &Tx{Tx: s, market: m}
		i, err := tx.Installation(in.Installation)
		if err != nil {
			return or(err, souk.UnknownToken)
		}
		if i.AppUser.IsZero() || i.AppUser != in.User {
			return souk.UnknownToken
		}
		c, err = tx.callerOf(souk.Token{
			Kind: souk.ShortToken, User: i.AppUser, Installation: i.ID, App: i.App, Org: i.Org,
			Scopes: i.Scopes, ExpiresAt: in.Expires,
		})
		return err
	})
	if err != nil {
		return Caller{}, err
	}
	return c.alive(face, address, m.now())
}

// TriggerCaller is what a trigger's token says, whose signature a wire has
// checked, and the app secret that came with it.
type TriggerCaller struct {
	User         souk.ID
	Org          souk.ID // where the condition came about
	App          souk.ID
	Installation souk.ID
	Permissions  []string // that the user had then, as far as the installation was allowed
	Expires      time.Time
	Secret       string
}

// AuthenticateTrigger lets an app speak for the person who opened its trigger
// URL, with no more than they had then and have now. It refuses UnknownToken,
// also for another app's secret, and souk.Dead.
func (m *Market) AuthenticateTrigger(ctx context.Context, in TriggerCaller, face string, from netip.Addr) (c Caller, err error) {
	err = m.DB.Read(ctx, func(s *store.Tx) error {
		tx := &Tx{Tx: s, market: m, at: m.now()}
		i, err := tx.Installation(in.Installation)
		if err != nil {
			return or(err, souk.UnknownToken)
		}
		if i.App != in.App || in.User.IsZero() {
			return souk.UnknownToken
		}
		if err := tx.proves(in.App, in.Secret); err != nil {
			return instead(err, souk.WrongSecret, souk.UnknownToken)
		}
		scopes := slices.DeleteFunc(souk.NewScopes(in.Permissions...), func(p string) bool { return !i.Scopes.Has(p) })
		c, err = tx.callerOf(souk.Token{
			Kind: souk.ShortToken, User: in.User, Installation: i.ID, App: i.App, Org: in.Org,
			Scopes: scopes, ExpiresAt: in.Expires,
		})
		if err != nil || !i.Live() {
			return err // alive tells the cause
		}
		if reaches, err := tx.Reaches(i.ID, in.Org); err != nil || !reaches {
			return either(err, souk.UnknownToken)
		}
		return nil
	})
	if err != nil {
		return Caller{}, err
	}
	return c.alive(face, from, m.now())
}

func (tx *Tx) caller(hash []byte) (c Caller, err error) {
	t, err := tx.TokenByHash(hash)
	if err != nil {
		return c, or(err, souk.UnknownToken)
	}
	return tx.callerOf(t)
}

// callerOf reads what a token's life hangs on.
func (tx *Tx) callerOf(t souk.Token) (c Caller, err error) {
	c.Token = t
	if !c.Token.User.IsZero() {
		if c.User, err = tx.User(c.Token.User); err != nil {
			return c, err
		}
	}
	if !c.Token.App.IsZero() {
		if c.App, err = tx.App(c.Token.App); err != nil {
			return c, err
		}
	}
	if !c.Token.Installation.IsZero() {
		if c.Installation, err = tx.Installation(c.Token.Installation); err != nil {
			return c, err
		}
	}
	if !c.Token.Org.IsZero() {
		if c.Org, c.Enterprise, err = tx.OrgAndAbove(c.Token.Org); err != nil {
			return c, err
		}
		if !c.Token.User.IsZero() {
			if c.Standing, err = tx.Tx.Standing(c.Token.User, c.Org); err != nil {
				return c, err
			}
		}
	}
	if !t.User.IsZero() && !t.Installation.IsZero() && t.User != c.Installation.AppUser {
		c.Disabled, err = tx.IsDisabled(t.Installation, t.User, c.Org)
	}
	return c, err
}

// OnBehalf turns an operator's caller into one that acts for a user, with
// exactly that user's rights. It refuses NotAllowed for anybody but the
// operator, and UnknownUser, also for an app user: those act by their own tokens.
func (m *Market) OnBehalf(ctx context.Context, c Caller, user souk.ID) (Caller, error) {
	if !c.IsOperator() {
		return c, souk.NotAllowed
	}
	err := m.DB.Read(ctx, func(tx *store.Tx) (err error) {
		c.User, err = tx.User(user)
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && (!c.User.Active() || c.User.IsBot) {
		return c, souk.UnknownUser
	}
	c.Actor.User = c.User.ID
	return c, err
}
