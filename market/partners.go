package market

import (
	"context"

	"souk"
	"souk/store"
)

// MaxDisplayName bounds what an org calls a partner, in characters.
const MaxDisplayName = 200

// MaxInvitations bounds how many orgs one has invited that did not answer yet.
const MaxInvitations = 100

// ordered puts two IDs in the order in which a partnership has them.
func ordered(a, b souk.ID) (souk.ID, souk.ID) {
	if a.Compare(b) > 0 {
		return b, a
	}
	return a, b
}

// Invite asks another org to become a partner. Whoever holds settings may, and
// the operator. Whoever invites does not learn whether there is such an org: an
// invitation of nobody stands like any other, and none tells the name of whom it
// is to. It refuses NoSubscription, UnknownOrg, NotAllowed, AlreadyPartners,
// AlreadyInvited and Invalid: of the invitation of oneself or of the zero ID, and
// beyond MaxInvitations.
func (m *Market) Invite(ctx context.Context, actor souk.Actor, from, to souk.ID) (v InvitationView, err error) {
	err = m.write(ctx, actor, rootsOf(nil, from, to), func(tx *Tx) (err error) {
		v, err = tx.invite(from, to)
		return err
	})
	return v, err
}

func (tx *Tx) invite(from, to souk.ID) (v InvitationView, err error) {
	if _, err := tx.desk(from, MaySettings); err != nil {
		return v, err
	}
	switch {
	case to.IsZero():
		return v, souk.Invalid{{Field: "organization", Reason: "does not exist"}}
	case from == to:
		return v, souk.Invalid{{Field: "organization", Reason: "cannot invite itself"}}
	}
	switch partners, err := tx.ArePartners(ordered(from, to)); {
	case err != nil:
		return v, err
	case partners:
		return v, souk.AlreadyPartners
	}
	switch open, err := tx.InvitationsBetween(from, to); {
	case err != nil:
		return v, err
	case len(open) > 0:
		return v, souk.AlreadyInvited
	}
	switch open, err := tx.OutgoingInvitations(from, souk.Page{Size: MaxInvitations}); {
	case err != nil:
		return v, err
	case len(open) == MaxInvitations:
		return v, souk.Invalid{{Field: "invitations", Reason: "has as many open ones as it can have"}}
	}
	i := souk.Invitation{ID: souk.NewID(), From: from, To: to, CreatedBy: tx.actor.User, CreatedAt: tx.at}
	if err := tx.InsertInvitation(i); err != nil {
		return v, err
	}
	if err := tx.tellInvitation("Invite", souk.InvitationAdded, i); err != nil {
		return v, err
	}
	return tx.invitationView(Outgoing, i)
}

// Accept makes the partnership that an invitation asked for. Whoever holds
// settings in the org that was invited may, and the operator. It refuses
// NoSubscription, UnknownOrg, NotAllowed and UnknownInvitation.
func (m *Market) Accept(ctx context.Context, actor souk.Actor, org, id souk.ID) (v PartnershipView, err error) {
	err = m.write(ctx, actor, rootsOfInvitation(org, Incoming, id), func(tx *Tx) (err error) {
		v, err = tx.accept(org, id)
		return err
	})
	return v, err
}

func (tx *Tx) accept(org, id souk.ID) (v PartnershipView, err error) {
	if _, err := tx.desk(org, MaySettings); err != nil {
		return v, err
	}
	i, err := tx.invitationOf(org, Incoming, id)
	if err != nil {
		return v, err
	}
	if err := tx.endInvitation(i, "Accept"); err != nil {
		return v, err
	}
	p, err := tx.Partnership(ordered(i.From, i.To))
	if err == nil { // made by the operator since the invitation
		return tx.partnershipView(p, org)
	}
	if ignoreMissing(err) != nil {
		return v, err
	}
	p = souk.Partnership{CreatedAt: tx.at}
	p.A, p.B = ordered(i.From, i.To)
	if err := tx.PutPartnership(p); err != nil {
		return v, err
	}
	if err := tx.tellPartners("Accept", souk.PartnershipAdded, p); err != nil {
		return v, err
	}
	return tx.partnershipView(p, org)
}

// EndInvitation takes back an invitation that an org sent, or declines one that
// it got. Whoever holds settings there may, and the operator. It refuses
// NoSubscription, UnknownOrg, NotAllowed and UnknownInvitation.
func (m *Market) EndInvitation(ctx context.Context, actor souk.Actor, org souk.ID, d Direction, id souk.ID) error {
	return m.write(ctx, actor, rootsOfInvitation(org, d, id), func(tx *Tx) error {
		if _, err := tx.desk(org, MaySettings); err != nil {
			return err
		}
		i, err := tx.invitationOf(org, d, id)
		if err != nil {
			return err
		}
		return tx.endInvitation(i, "EndInvitation")
	})
}

// invitationOf finds an invitation that an org sent, or got.
func (tx *Tx) invitationOf(org souk.ID, d Direction, id souk.ID) (souk.Invitation, error) {
	i, err := tx.Invitation(id)
	if err != nil {
		return i, or(err, souk.UnknownInvitation)
	}
	if end := d.end(i.From, i.To); end != org {
		return i, souk.UnknownInvitation
	}
	return i, nil
}

func (tx *Tx) endInvitation(i souk.Invitation, verb string) error {
	if err := tx.RemoveInvitation(i.ID); err != nil {
		return err
	}
	return tx.tellInvitation(verb, souk.InvitationRemoved, i)
}

// tellInvitation audits and tells of an invitation at both organizations, or at
// the one that sent it when there is no other. That one is told the other's ID
// and nothing more, so that it is the same whether there is one.
func (tx *Tx) tellInvitation(verb string, kind souk.EventKind, i souk.Invitation) error {
	orgs, err := tx.Orgs([]souk.ID{i.From, i.To})
	if err != nil {
		return err
	}
	to := orgs[i.To]
	if !to.ClosedAt.IsZero() {
		to = souk.Org{}
	}
	return tx.atBoth(verb, kind, orgs[i.From], to, func(e *souk.Event) any {
		e.Subject, e.Data.Invitation = i.ID, &i
		if e.Org == i.From {
			e.Data.Other = &souk.Org{ID: i.To}
		}
		return i
	})
}

// EndPartnership ends the trust of two orgs in each other, the shares between
// them, and what each has of the other's apps without another right to it: what
// is more than a few, by jobs. A share gives its right until it ends.
// Whoever holds settings at either may, and the operator. It refuses
// NoSubscription, UnknownOrg, NotAllowed and UnknownPartnership.
func (m *Market) EndPartnership(ctx context.Context, actor souk.Actor, org, partner souk.ID) error {
	return m.write(ctx, actor, rootsOf(nil, org, partner), func(tx *Tx) error { return tx.endPartnership(org, partner) })
}

func (tx *Tx) endPartnership(org, partner souk.ID) error {
	if _, err := tx.desk(org, MaySettings); err != nil {
		return err
	}
	p, err := tx.Partnership(ordered(org, partner))
	if err != nil {
		return or(err, souk.UnknownPartnership)
	}
	if _, err := tx.RemovePartnership(p.A, p.B); err != nil {
		return err
	}
	if err := tx.tellPartners(partWays, souk.PartnershipRemoved, p); err != nil {
		return err
	}
	return tx.losePartnersSoon(partWays, parting{owner: p.A, org: p.B, until: tx.at}, parting{owner: p.B, org: p.A, until: tx.at})
}

// partWays is the verb of what ends with a partnership.
const partWays = "EndPartnership"

func (tx *Tx) endShare(s souk.Share) error {
	app, at, err := tx.appAndOwner(s.App)
	if err != nil {
		return err
	}
	if _, err := tx.RemoveShare(s); err != nil {
		return err
	}
	return tx.tellShare(partWays, souk.ShareRemoved, at, app, s)
}

// appAndOwner finds an app and where its owner is.
func (tx *Tx) appAndOwner(id souk.ID) (app souk.App, at place, err error) {
	if app, err = tx.App(id); err != nil {
		return app, at, err
	}
	at.Org, at.Enterprise, err = tx.OrgAndAbove(app.Owner)
	return app, at, err
}

// NamePartner says what an org calls a partner for itself; "" takes the name
// away. Whoever holds settings there may, and the operator. It refuses
// NoSubscription, UnknownOrg, NotAllowed, UnknownPartnership and Invalid.
func (m *Market) NamePartner(ctx context.Context, actor souk.Actor, org, partner souk.ID, name string) (v PartnershipView, err error) {
	err = m.write(ctx, actor, rootsOf(nil, org, partner), func(tx *Tx) (err error) {
		v, err = tx.namePartner(org, partner, name)
		return err
	})
	return v, err
}

func (tx *Tx) namePartner(org, partner souk.ID, name string) (v PartnershipView, err error) {
	at, err := tx.desk(org, MaySettings)
	if err != nil {
		return v, err
	}
	stored, err := tx.Partnership(ordered(org, partner))
	if err != nil {
		return v, or(err, souk.UnknownPartnership)
	}
	var p problems
	if p.characters("display_name", name, MaxDisplayName); p != nil {
		return v, p.err()
	}
	named := stored
	if named.A == org {
		named.NameA = name
	} else {
		named.NameB = name
	}
	if named == stored {
		return tx.partnershipView(named, org)
	}
	if err := tx.PutPartnership(named); err != nil {
		return v, err
	}
	before, after := knownTo(org, stored), knownTo(org, named)
	if err := tx.audit("NamePartner", at.Org, souk.ID{}, partner, before, after); err != nil {
		return v, err
	}
	other, err := tx.Org(partner)
	if err != nil {
		return v, err
	}
	e := tx.event(souk.PartnershipChanged, at.Org, at.Enterprise, nil, partner)
	e.Data.Partnership, e.Data.Other, e.Data.Before = &after, &other, &souk.EventData{Partnership: &before}
	if e.Data.Actor, err = tx.acting(); err != nil {
		return v, err
	}
	if err := tx.emit(e); err != nil {
		return v, err
	}
	return tx.partnershipView(named, org)
}

// knownTo is a partnership as one of the two may know it: without what the other
// one calls it.
func knownTo(org souk.ID, p souk.Partnership) souk.Partnership {
	if p.A == org {
		p.NameB = ""
	} else {
		p.NameA = ""
	}
	return p
}

// tellPartners audits and tells of a partnership at both organizations, at each
// as it may be known there.
func (tx *Tx) tellPartners(verb string, kind souk.EventKind, p souk.Partnership) error {
	orgs, err := tx.Orgs([]souk.ID{p.A, p.B})
	if err != nil {
		return err
	}
	return tx.atBoth(verb, kind, orgs[p.A], orgs[p.B], func(e *souk.Event) any {
		known := knownTo(e.Org, p)
		e.Subject, e.Data.Partnership = e.Data.Other.ID, &known
		return known
	})
}

// atBoth audits what ties two organizations, once under each root, and tells it
// at each of them. tie fills in the event and is the tie as the event's org may
// know it; what was removed was there before, all else is there after. At the zero
// Org nothing is told.
func (tx *Tx) atBoth(verb string, kind souk.EventKind, a, b souk.Org, tie func(*souk.Event) any) error {
	actor, err := tx.acting()
	if err != nil {
		return err
	}
	for n, pair := range [][2]souk.Org{{a, b}, {b, a}} {
		here, other := pair[0], pair[1]
		if here.ID.IsZero() {
			continue
		}
		_, above, err := tx.OrgAndAbove(here.ID)
		if err != nil {
			return err
		}
		e := tx.event(kind, here, above, nil, souk.ID{})
		e.Data.Other, e.Data.Actor = &other, actor
		var before, after any = nil, tie(&e)
		if kind == souk.PartnershipRemoved || kind == souk.InvitationRemoved {
			before, after = after, nil
		}
		if n == 0 || a.Root() != b.Root() {
			if err := tx.audit(verb, here, souk.ID{}, e.Subject, before, after); err != nil {
				return err
			}
		}
		if err := tx.emit(e); err != nil {
			return err
		}
	}
	return nil
}

func rootsOfInvitation(org souk.ID, d Direction, id souk.ID) func(*store.Tx) (store.Locks, error) {
	return func(s *store.Tx) (store.Locks, error) {
		i, err := (&Tx{Tx: s}).invitationOf(org, d, id)
		if err != nil {
			return store.Locks{}, unlessRefused(err)
		}
		return rootsOf(nil, i.From, i.To)(s)
	}
}
