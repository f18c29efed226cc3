package market

import (
	"context"
	"errors"
	"slices"

	"souk"
)

// Consideration is what somebody weighs before they install an app at an org.
type Consideration struct {
	Of              AppView
	Org, Enterprise souk.Org           // Enterprise is zero where there is none
	Answer          souk.Answer        // to whether they may have the app there, with the reasons
	Settings        bool               // they hold settings there
	Live            *souk.Installation // that reaches Org; nil: none
	Upgrades        bool               // Live lacks something that the app asks for now
	Scopes          []souk.Scope       // all that the app asks for, as the catalogue has them
	Added           []souk.Scope       // of those, what Live lacks
	Restriction     *RestrictionView   // that stands in the way; nil: none
	Deciders        []souk.User        // who decides about apps there, at most five
	Pending         *souk.Request      // theirs; nil: none
}

// RestrictionView is a standing restriction with who decided so, and where.
type RestrictionView struct {
	souk.Resolution
	By  souk.User
	Org souk.Org
}

// maxDeciders is how many deciders are named to somebody who asks.
const maxDeciders = 5

// Consider finds what the person who acts weighs before they install an app at
// an org where they belong. It refuses NeedsPerson, UnknownOrg, OrgNotGranted,
// NotAllowed, and UnknownApp for one that they cannot see, as for one that does
// not exist.
func (m *Market) Consider(ctx context.Context, actor souk.Actor, app, org souk.ID) (c Consideration, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		c, err = tx.consider(app, org)
		return err
	})
	return c, err
}

func (tx *Tx) consider(id, org souk.ID) (c Consideration, err error) {
	if tx.actor.User.IsZero() {
		return c, souk.NeedsPerson
	}
	at, err := tx.belonging(org)
	if err != nil {
		return c, err
	}
	app, err := tx.App(id)
	if err != nil {
		return c, or(err, souk.UnknownApp)
	}
	facts, err := tx.facts(app, at.Org, at.Enterprise, tx.actor.User, app.Asks())
	if err != nil {
		return c, err
	}
	c = Consideration{Org: at.Org, Enterprise: at.Enterprise, Answer: souk.Effective(facts), Settings: at.Holds(souk.CanSettings)}
	switch c.Answer.Verdict {
	case souk.BlockedByPlatform, souk.Invisible:
		return c, souk.UnknownApp
	case souk.BlockedByOrganization, souk.BlockedByWorkspace:
		if c.Restriction, err = tx.restriction(facts, c.Answer.Verdict); err != nil {
			return c, err
		}
	}
	if c.Of, err = tx.appView(app); err != nil {
		return c, err
	}
	if c.Scopes, err = tx.entries(app.Asks()); err != nil {
		return c, err
	}
	switch live, err := tx.InstallationReaching(id, at.Org.ID); {
	case err == nil:
		c.Live, c.Upgrades = &live, live.Org == at.Org.ID && !live.Scopes.Equal(app.Asks())
		c.Added = slices.DeleteFunc(slices.Clone(c.Scopes), func(s souk.Scope) bool { return live.Scopes.Has(s.Name) })
	case ignoreMissing(err) != nil:
		return c, err
	}
	switch pending, err := tx.PendingRequest(id, at.Org.ID, tx.actor.User); {
	case err == nil:
		c.Pending = &pending
	case ignoreMissing(err) != nil:
		return c, err
	}
	c.Deciders, err = tx.Deciders(at.Org, maxDeciders)
	return c, err
}

// restriction is the answer that makes a verdict of restriction, the
// enterprise's or the org's own: the narrowest that covers the user, and of the
// groups' the last.
func (tx *Tx) restriction(f souk.Facts, v souk.Verdict) (*RestrictionView, error) {
	at := f.Org
	if v == souk.BlockedByOrganization && !f.Enterprise.ID.IsZero() {
		at = f.Enterprise
	}
	r := RestrictionView{Org: at}
	for _, covers := range []func(souk.Audience) bool{
		souk.Audience.IsEveryone,
		func(a souk.Audience) bool { return slices.Contains(f.Groups, a.Group) },
		func(a souk.Audience) bool { return a.User == f.User },
	} {
		for _, s := range f.Standing { // by time
			if s.Org == at.ID && s.Status == souk.Restricted && covers(s.Audience) {
				r.Resolution = s
			}
		}
	}
	if r.ID.IsZero() {
		return nil, nil
	}
	var err error
	r.By, err = tx.User(r.Resolution.By)
	return &r, err
}

// maxPlaces is how many orgs somebody can choose from.
const maxPlaces = 200

// Places lists the open orgs that the person who acts belongs to, as far as
// their token reaches, at most 200: their home first, then as they joined them,
// and the workspaces below the enterprises among them.
func (m *Market) Places(ctx context.Context, actor souk.Actor) (places []souk.Org, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		places, err = tx.places()
		return err
	})
	return places, err
}

// placesWith are those of places that an app reaches.
func (tx *Tx) placesWith(app souk.ID) ([]souk.Org, error) {
	places, err := tx.places()
	if err != nil {
		return nil, err
	}
	ids := make([]souk.ID, len(places))
	for i, p := range places {
		ids[i] = p.ID
	}
	reached, err := tx.ReachedAmong(app, ids)
	return slices.DeleteFunc(places, func(o souk.Org) bool { return !reached[o.ID] }), err
}

func (tx *Tx) places() (places []souk.Org, err error) {
	u, err := tx.User(tx.actor.User)
	if err != nil {
		return nil, or(err, souk.NeedsPerson)
	}
	joined, err := tx.Memberships(u.ID)
	if err != nil {
		return nil, err
	}
	ids := []souk.ID{u.Org}
	for _, m := range joined {
		ids = append(ids, m.Org)
	}
	ids = unique(ids)
	orgOf, err := tx.Orgs(ids)
	if err != nil {
		return nil, err
	}
	seen := map[souk.ID]bool{}
	add := func(o souk.Org) error {
		if !o.ClosedAt.IsZero() || seen[o.ID] || len(places) == maxPlaces {
			return nil
		}
		switch err := tx.granted(o); {
		case errors.Is(err, souk.OrgNotGranted):
			return nil
		case err != nil:
			return err
		}
		seen[o.ID] = true
		places = append(places, o)
		return nil
	}
	member := func(org souk.ID) bool {
		return slices.ContainsFunc(joined, func(m souk.Membership) bool { return m.Org == org })
	}
	for _, id := range ids {
		if !member(id) && !member(orgOf[id].Enterprise) {
			continue
		}
		if err := add(orgOf[id]); err != nil {
			return nil, err
		}
	}
	for _, id := range ids {
		if orgOf[id].Kind != souk.Enterprise || !member(id) {
			continue
		}
		below, err := tx.Workspaces(id)
		if err != nil {
			return nil, err
		}
		for _, o := range below {
			if err := add(o); err != nil {
				return nil, err
			}
		}
	}
	return places, nil
}
