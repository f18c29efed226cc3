package market

import (
	"context"
	"errors"

	"souk"
	"souk/store"
)

// read runs a read of an actor's in one snapshot.
func (m *Market) read(ctx context.Context, actor souk.Actor, fn func(*Tx) error) error {
	return m.DB.Read(ctx, func(s *store.Tx) error {
		return fn(&Tx{Tx: s, market: m, actor: actor, at: m.now()})
	})
}

// PlaceOf finds an org that the actor has business at: the operator, and
// whoever belongs under its root. It refuses UnknownOrg, also for an org that
// is not granted to the actor's token, which is then told by granted.
func (m *Market) PlaceOf(ctx context.Context, actor souk.Actor, id souk.ID) (org, enterprise souk.Org, granted bool, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		p, err := tx.place(id)
		if err != nil {
			return err
		}
		org, enterprise = p.Org, p.Enterprise
		switch err := tx.granted(p.Org); {
		case err == nil:
			granted = true
		case !errors.Is(err, souk.OrgNotGranted):
			return err
		}
		return nil
	})
	return org, enterprise, granted, err
}

// Question asks why an org answers as it does about an app.
type Question struct {
	App    souk.ID
	At     souk.ID
	User   souk.ID  // none: the actor
	Scopes []string // nil: all that the app asks for
}

// Explain answers with the verdict and every reason for it. Anybody may ask
// about themselves where they belong, deciders and the operator about others.
// It refuses UnknownOrg, OrgNotGranted, NotAllowed, NeedsPerson, UnknownUser and
// UnknownApp.
func (m *Market) Explain(ctx context.Context, actor souk.Actor, in Question) (answer souk.Answer, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		at, err := tx.belonging(in.At)
		if err != nil {
			return err
		}
		if in.User.IsZero() {
			in.User = actor.User
		}
		if in.User.IsZero() {
			return souk.NeedsPerson
		}
		if in.User != actor.User {
			if !at.Decides() && !actor.IsOperator() {
				return souk.NotAllowed
			}
			if standing, err := tx.Standing(in.User, at.Org); err != nil {
				return err
			} else if !standing.IsMember() {
				return souk.UnknownUser
			}
		}
		app, err := tx.App(in.App)
		if err != nil {
			return or(err, souk.UnknownApp)
		}
		scopes := app.Asks()
		if in.Scopes != nil {
			scopes = souk.NewScopes(in.Scopes...)
		}
		facts, err := tx.facts(app, at.Org, at.Enterprise, in.User, scopes)
		if err != nil {
			return err
		}
		if !facts.Visible || !app.DeletedAt.IsZero() {
			return souk.UnknownApp // the same as one that does not exist
		}
		answer = souk.Effective(facts)
		return nil
	})
	return answer, err
}

// MembershipView is a membership with its org.
type MembershipView struct {
	souk.Membership
	Org souk.Org
}

// Memberships lists where the person who acts belongs, oldest first; closed
// orgs are left out.
func (m *Market) Memberships(ctx context.Context, actor souk.Actor) (views []MembershipView, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		found, err := tx.Memberships(actor.User)
		if err != nil {
			return err
		}
		orgOf, err := tx.Orgs(named(found, func(f souk.Membership) souk.ID { return f.Org }))
		for _, f := range found {
			if o := orgOf[f.Org]; err == nil && o.ClosedAt.IsZero() {
				views = append(views, MembershipView{f, o})
			}
		}
		return err
	})
	return views, err
}

// named are the objects that rows name by an ID, each once.
func named[Row any](rows []Row, by func(Row) souk.ID) []souk.ID {
	ids := make([]souk.ID, len(rows))
	for i, r := range rows {
		ids[i] = by(r)
	}
	return unique(ids)
}

// unique drops doubles, keeping the first of each.
func unique(ids []souk.ID) []souk.ID {
	seen := make(map[souk.ID]bool, len(ids))
	out := ids[:0]
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}
