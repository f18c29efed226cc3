package market

import (
	"context"

	"souk"
)

// People lists the active users at home in an org, app users too.
func (m *Market) People(ctx context.Context, actor souk.Actor, org souk.ID, page souk.Page) (views []UserView, err error) {
	err = m.at(ctx, actor, org, MayRead, func(tx *Tx, at place) error {
		found, err := tx.UsersOf(org, page)
		if err != nil {
			return err
		}
		ids := make([]souk.ID, len(found))
		for i, u := range found {
			ids[i] = u.ID
		}
		standings, err := tx.Standings(ids, at.Org)
		for _, u := range found {
			views = append(views, UserView{User: u, Home: at.Org, Permissions: standings[u.ID].Permissions()})
		}
		return err
	})
	return views, err
}

// Member finds a user at home in an org, also one who was deactivated. It
// refuses UnknownUser.
func (m *Market) Member(ctx context.Context, actor souk.Actor, org, id souk.ID) (v UserView, err error) {
	err = m.at(ctx, actor, org, MayRead, func(tx *Tx, _ place) error {
		u, err := tx.UserOf(org, id)
		if err != nil {
			return or(err, souk.UnknownUser)
		}
		v, err = tx.userView(u)
		return err
	})
	return v, err
}

// Me is the user who acts. It refuses NotAllowed for who is none.
func (m *Market) Me(ctx context.Context, actor souk.Actor) (v UserView, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		u, err := tx.User(actor.User)
		if err != nil {
			return or(err, souk.NotAllowed)
		}
		v, err = tx.userView(u)
		return err
	})
	return v, err
}

// Partnerships lists the partners of an org. The ID of a position is the
// partner's.
func (m *Market) Partnerships(ctx context.Context, actor souk.Actor, org souk.ID, page souk.Page) (views []PartnershipView, err error) {
	err = m.at(ctx, actor, org, MayRead, func(tx *Tx, p place) error {
		found, err := tx.PartnershipsPage(org, page)
		if err != nil {
			return err
		}
		ids := []souk.ID{org}
		for _, f := range found {
			ids = append(ids, f.A, f.B)
		}
		orgs, err := tx.Orgs(unique(ids))
		for _, f := range found {
			views = append(views, viewPartnership(f, org, orgs))
		}
		return err
	})
	return views, err
}

// Partnership finds one of Partnerships. It refuses UnknownPartnership.
func (m *Market) Partnership(ctx context.Context, actor souk.Actor, org, partner souk.ID) (v PartnershipView, err error) {
	err = m.at(ctx, actor, org, MayRead, func(tx *Tx, _ place) error {
		p, err := tx.Partnership(ordered(org, partner))
		if err != nil {
			return or(err, souk.UnknownPartnership)
		}
		v, err = tx.partnershipView(p, org)
		return err
	})
	return v, err
}

// Direction tells which end of a share or an invitation an org is.
type Direction string

// An org sees what it gave and what it was given.
const (
	Outgoing Direction = "outgoing"
	Incoming Direction = "incoming"
)

// end is the org at the end of what goes from one to another.
func (d Direction) end(from, to souk.ID) souk.ID {
	if d == Outgoing {
		return from
	}
	return to
}

// Invitations lists the invitations that an org sent, or got, and that nobody
// answered yet.
func (m *Market) Invitations(ctx context.Context, actor souk.Actor, org souk.ID, d Direction, page souk.Page) (views []InvitationView, err error) {
	err = m.at(ctx, actor, org, MaySettings, func(tx *Tx, _ place) error {
		list := tx.OutgoingInvitations
		if d == Incoming {
			list = tx.IncomingInvitations
		}
		found, err := list(org, page)
		if err != nil {
			return err
		}
		views, err = tx.invitationViews(d, found)
		return err
	})
	return views, err
}

// Invitation finds one of Invitations. It refuses UnknownInvitation.
func (m *Market) Invitation(ctx context.Context, actor souk.Actor, org souk.ID, d Direction, id souk.ID) (v InvitationView, err error) {
	err = m.at(ctx, actor, org, MaySettings, func(tx *Tx, _ place) error {
		i, err := tx.invitationOf(org, d, id)
		if err != nil {
			return err
		}
		v, err = tx.invitationView(d, i)
		return err
	})
	return v, err
}

// Shares lists what an org shared with others, or what was shared with it.
func (m *Market) Shares(ctx context.Context, actor souk.Actor, org souk.ID, d Direction, page souk.Page) (views []ShareView, err error) {
	err = m.at(ctx, actor, org, MaySettings, func(tx *Tx, _ place) error {
		list := tx.OutgoingShares
		if d == Incoming {
			list = tx.IncomingShares
		}
		found, err := list(org, page)
		if err != nil {
			return err
		}
		views, err = tx.shareViews(d, found)
		return err
	})
	return views, err
}

// Share finds one of Shares. It refuses UnknownShare.
func (m *Market) Share(ctx context.Context, actor souk.Actor, org souk.ID, d Direction, id souk.ID) (v ShareView, err error) {
	err = m.at(ctx, actor, org, MaySettings, func(tx *Tx, _ place) error {
		share, _, err := tx.shareOf(org, d, id)
		if err != nil {
			return err
		}
		v, err = tx.shareView(d, share)
		return err
	})
	return v, err
}
