package market

import (
	"context"

	"souk"
)

// SetPermissions says what a plain member may do at an org, app users too: whoever
// holds users there may, and the operator. What a token that came with an
// installation may do is bounded by what was granted to that all the same.
// It refuses UnknownOrg, OrgNotGranted, NotAllowed, UnknownUser for one who is no
// member of exactly that org, and Invalid.
func (m *Market) SetPermissions(ctx context.Context, actor souk.Actor, org, user souk.ID, permissions []souk.Permission) (v UserView, err error) {
	err = m.write(ctx, actor, rootOf(org), func(tx *Tx) error {
		if _, err := tx.manageable(org, souk.CanUsers); err != nil {
			return err // before anything is told about who belongs there
		}
		in, err := tx.Membership(user, org)
		if err != nil {
			return or(err, souk.UnknownUser)
		}
		in.Permissions = permissions
		if err := tx.putMembership(in); err != nil {
			return err
		}
		v, err = tx.memberView(user, org)
		return err
	})
	return v, err
}

// memberView is a user with what they are allowed at an org.
func (tx *Tx) memberView(user, org souk.ID) (v UserView, err error) {
	if v.User, err = tx.User(user); err != nil {
		return v, err
	}
	if v.Home, err = tx.Org(v.User.Org); err != nil {
		return v, err
	}
	at, err := tx.Org(org)
	if err != nil {
		return v, err
	}
	standing, err := tx.Standing(user, at)
	v.Permissions = standing.Permissions()
	return v, err
}

// Permissions finds what a member of an org may do there; members may, and the
// operator. It refuses UnknownOrg, OrgNotGranted, NotAllowed and UnknownUser.
func (m *Market) Permissions(ctx context.Context, actor souk.Actor, org, user souk.ID) (v UserView, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		if _, err := tx.belonging(org); err != nil {
			return err
		}
		if _, err := tx.Membership(user, org); err != nil {
			return or(err, souk.UnknownUser)
		}
		v, err = tx.memberView(user, org)
		return err
	})
	return v, err
}
