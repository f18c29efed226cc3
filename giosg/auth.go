package giosg

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"souk"
	"souk/market"
	"souk/web"
)

// admit finds who calls, and lets them in if the route's guard does and they
// have not called too often.
func (h *Handler) admit(c *call) error {
	if c.route.guard == anybody {
		return nil
	}
	if err := h.identify(c); err != nil {
		return err
	}
	throttled := h.limits.call(c.Token)
	if throttled == nil && c.asksItself() {
		return nil
	}
	if err := h.pass(c); err != nil {
		return err // which comes before too many calls
	}
	return throttled
}

// asksItself reports whether the guard can be left to the read that the route
// makes.
func (c *call) asksItself() bool {
	return c.route.run != nil && (c.route.guard == homeRead || c.route.guard == orgRead && !c.org().IsZero())
}

// identify finds the caller by the credential of the call.
func (h *Handler) identify(c *call) (err error) {
	scheme, secrets, err := credential(c.request.Header)
	if err != nil {
		return err
	}
	from := web.ClientAddress(c.ctx)
	if c.Caller, err = h.authenticate(c, scheme, secrets, from); err != nil {
		if failureOf(err).status == http.StatusUnauthorized {
			return h.limits.failedToken(from, err)
		}
		return err
	}
	if c.Kind == souk.PersonToken {
		web.Note(c.ctx, "token", c.Actor.Token.String())
	}
	web.Note(c.ctx, "user", c.Actor.User.String())
	return nil
}

// The schemes of credentials.
const (
	tokenScheme   = "token"
	bearerScheme  = "bearer"
	triggerScheme = "giosgapp"
)

// credential reads the header of a call as Django REST framework does: words
// with space between them, and lines of the same name joined by commas. Behind
// the scheme there is one word, or two of a trigger.
func credential(header http.Header) (scheme string, secrets []string, err error) {
	words := strings.Fields(strings.Join(header.Values("Authorization"), ","))
	if len(words) == 0 {
		return "", nil, noCredentials
	}
	switch scheme = strings.ToLower(words[0]); {
	case scheme == triggerScheme:
		if len(words) != 3 {
			return "", nil, invalidToken
		}
	case scheme != tokenScheme && scheme != bearerScheme:
		return "", nil, noCredentials
	case len(words) == 1:
		return "", nil, emptyCredentials
	case len(words) > 2:
		return "", nil, spacedCredentials
	}
	return scheme, words[1:], nil
}

// authenticate finds who secrets speak for: a person's token, or behind Bearer
// also the short one that came with a notification, or what came with a trigger
// and the secret of the app that it came to.
func (h *Handler) authenticate(c *call, scheme string, secrets []string, from netip.Addr) (market.Caller, error) {
	secret := secrets[0]
	if scheme == triggerScheme {
		return h.authenticateTrigger(c, secret, secrets[1], from)
	}
	if scheme == bearerScheme {
		if short, ok := readToken(h.market.Key, secret, time.Now()); ok {
			return h.market.AuthenticateShort(c.ctx, short, face, from)
		}
	}
	caller, err := h.market.Authenticate(c.ctx, secret, face, from)
	if err == nil && caller.Kind != souk.PersonToken {
		err = souk.UnknownToken
	}
	return caller, err
}

// authenticateTrigger finds whom an app speaks for that was opened by a trigger.
// Why it may not, it is not told.
func (h *Handler) authenticateTrigger(c *call, token, secret string, from netip.Addr) (market.Caller, error) {
	in, ok := readTriggerToken(h.market.Key, token)
	if !ok {
		return market.Caller{}, invalidToken
	}
	in.Secret = secret
	caller, err := h.market.AuthenticateTrigger(c.ctx, in, face, from)
	if dead := (souk.Dead{}); errors.As(err, &dead) {
		err = invalidToken
	}
	return caller, err
}

// spellDeath is what a token that was one is told.
func spellDeath(d souk.Dead) *failure {
	if d.Cause == souk.DeadByUser && (d.Kind == souk.PersonToken || d.Kind == souk.ShortToken) {
		return inactiveUser
	}
	return invalidToken
}

// pass lets the caller through the guard of the route, or refuses. The org of
// all zeros does not exist; to Desk it would be the caller's home.
func (h *Handler) pass(c *call) (err error) {
	if c.route.guard == somebody {
		return nil
	}
	atHome := c.route.guard == homeSettings || c.route.guard == homeRead
	need, nowhere := market.MaySettings, !atHome && c.org().IsZero()
	if c.route.guard == orgMember || nowhere {
		need = market.MayRead
	}
	c.desk, err = h.market.Desk(c.ctx, c.Actor, c.org(), need)
	if err == nil && nowhere {
		err = souk.UnknownOrg
	}
	return err
}
