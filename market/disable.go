package market

import (
	"context"
	"time"

	"souk"
)

// DisableForUser has an app act for a user no more, at an org and at an
// enterprise below it: the user's grants there are disabled, and the tokens that
// came by them answer as those of a suspended installation until EnableForUser.
// Nothing is revoked, and no app is told that it was deauthorized. A user who takes
// such a grant back cannot agree anew either. It tells how many grants changed;
// none is no refusal. Whoever decides about apps there may. It refuses UnknownOrg,
// NeedsPerson, OrgNotGranted, NotAllowed, UnknownApp and UnknownUser.
func (m *Market) DisableForUser(ctx context.Context, actor souk.Actor, app, at, user souk.ID) (n int, err error) {
	err = m.write(ctx, actor, rootOf(at, app), func(tx *Tx) (err error) {
		n, err = tx.setDisabled(app, at, user, tx.at)
		return err
	})
	return n, err
}

// EnableForUser undoes DisableForUser, and refuses what it does.
func (m *Market) EnableForUser(ctx context.Context, actor souk.Actor, app, at, user souk.ID) (n int, err error) {
	err = m.write(ctx, actor, rootOf(at, app), func(tx *Tx) (err error) {
		n, err = tx.setDisabled(app, at, user, time.Time{})
		return err
	})
	return n, err
}

// setDisabled disables the grants of a user since a time, or enables them.
func (tx *Tx) setDisabled(id, org, user souk.ID, since time.Time) (n int, err error) {
	decided, err := tx.decidable(org)
	if err != nil {
		return 0, err
	}
	app, err := tx.knownApp(id, decided.Org)
	if err != nil {
		return 0, err
	}
	if err := tx.belongAll([]souk.ID{user}, decided.Org); err != nil {
		return 0, err
	}
	u, err := tx.User(user)
	if err != nil {
		return 0, err
	}
	verb, kind, find := "DisableForUser", souk.GrantWasDisabled, tx.GrantsUnder
	if since.IsZero() {
		verb, kind, find = "EnableForUser", souk.GrantWasEnabled, tx.DisabledUnder
	}
	grants, err := find(app.ID, user, decided.Org.ID)
	if err != nil {
		return 0, err
	}
	actor, err := tx.acting()
	if err != nil {
		return 0, err
	}
	for _, before := range grants {
		if before.DisabledAt.IsZero() == since.IsZero() {
			continue
		}
		after := before
		after.DisabledAt = since
		if err := tx.DisableGrants([]souk.ID{after.ID}, since); err != nil {
			return n, err
		}
		i, err := tx.Installation(after.Installation)
		if err != nil {
			return n, err
		}
		_, at, err := tx.where(i.App, i.Org)
		if err != nil {
			return n, err
		}
		if err := tx.audit(verb, at.Org, app.ID, after.ID, before, after); err != nil {
			return n, err
		}
		if n++; after.Status != souk.GrantActive {
			continue // it was taken back, which was told: now the user may agree anew
		}
		e := tx.event(kind, at.Org, at.Enterprise, &app, after.ID)
		e.Data.Actor, e.Data.Grant, e.Data.User, e.Data.Installation = actor, &after, &u, &i
		if err := tx.emit(e); err != nil {
			return n, err
		}
	}
	return n, nil
}
