package market

import (
	"time"

	"souk"
	"souk/store"
)

// few is how many installations and pending requests a verb that takes a right
// away ends in its own transaction. If there are more, a job ends them all, so
// that no other writer waits for it
// (docs/decisions/0030-a-few-at-once-the-rest-by-a-job.md).
const few = 20

// ofOwned is ownerAndHolders for a verb of the owner's: an app of others takes as
// long as one that does not exist.
func ofOwned(owner, id souk.ID) func(*store.Tx) (store.Locks, error) {
	return func(tx *store.Tx) (store.Locks, error) {
		if _, err := tx.AppOf(owner, id); err != nil {
			return store.Locks{}, ignoreMissing(err) // fn refuses it
		}
		return ownerAndHolders(id)(tx)
	}
}

// ownerAndHolders finds the locks of a verb that may take away the right to an
// app: the app, its owner's root, and if they are few the roots of those who
// have it or ask for it.
func ownerAndHolders(id souk.ID) func(*store.Tx) (store.Locks, error) {
	return func(tx *store.Tx) (store.Locks, error) {
		locks, err := ownerOfApp(id)(tx)
		if err != nil || len(locks.Roots) == 0 {
			return locks, err
		}
		holders, err := tx.CountHolders(id, few+1)
		if err != nil || holders > few {
			return locks, err
		}
		roots, err := tx.RootsOfApp(id)
		locks.Roots = append(locks.Roots, roots...)
		return locks, err
	}
}

// loseRightsSoon ends the installations and the pending requests of an app whose
// org lost the right to it: here when they are few, else in jobs that begin with
// the commit.
func (tx *Tx) loseRightsSoon(app souk.App, verb string) error {
	holders, err := tx.CountHolders(app.ID, few+1)
	if err != nil {
		return err
	}
	if holders <= few {
		return tx.loseRights(app.ID, verb)
	}
	if err := tx.later(store.Job{Kind: store.EndInstallations, App: app.ID, Verb: verb}); err != nil {
		return err
	}
	return tx.later(store.Job{Kind: store.VoidRequests, App: app.ID, Verb: verb})
}

// loseRights ends everything of an app at orgs that lost the right to it.
func (tx *Tx) loseRights(id souk.ID, verb string) error {
	app, err := tx.App(id)
	if err != nil {
		return err
	}
	live, err := tx.InstallationsOf(id)
	if err != nil {
		return err
	}
	for _, i := range live {
		if err := tx.endIfLost(i, app, verb); err != nil {
			return err
		}
	}
	pending, err := tx.PendingOfApp(id)
	if err != nil {
		return err
	}
	for _, q := range pending {
		if err := tx.voidIfLost(q, app, verb); err != nil {
			return err
		}
	}
	return nil
}

// endIfLost ends an installation whose org has no right to the app any more.
func (tx *Tx) endIfLost(i souk.Installation, app souk.App, verb string) error {
	at, lost, err := tx.lost(app, i.Org)
	if err != nil || !lost {
		return err
	}
	_, err = tx.endInstallation(i, app, at, verb)
	return err
}

// voidIfLost settles a pending request whose org has no right to the app any
// more.
func (tx *Tx) voidIfLost(q souk.Request, app souk.App, verb string) error {
	at, lost, err := tx.lost(app, q.Org)
	if err != nil || !lost {
		return err
	}
	after := q
	after.Status, after.Note = souk.RequestVoid, "the right to the app was lost"
	return tx.drop(q, after, app, at, verb, souk.RequestVoided)
}

// lost reports whether an org has no right to an app any more.
func (tx *Tx) lost(app souk.App, org souk.ID) (at place, lost bool, err error) {
	if at.Org, at.Enterprise, err = tx.OrgAndAbove(org); err != nil {
		return at, false, err
	}
	if !app.DeletedAt.IsZero() {
		return at, true, nil
	}
	visible, err := tx.IsVisible(app.ID, at.Org)
	return at, err == nil && !visible, err
}

// losePartnerSoon ends what an org has of another's apps when nothing gives it
// a right to them any more: here when it is little, else in a job.
func (tx *Tx) losePartnerSoon(owner, org souk.ID, verb string) error {
	left, err := tx.losePartner(owner, org, few, time.Time{}, verb)
	if err != nil || !left {
		return err
	}
	return tx.later(store.Job{Kind: store.EndPartner, Org: org, Other: owner, Verb: verb})
}

// losePartner ends up to limit things that an org has of another's apps and
// lost the right to, until a time; left tells that there may be more.
func (tx *Tx) losePartner(owner, org souk.ID, limit int, until time.Time, verb string) (left bool, err error) {
	installations, err := tx.LostInstallations(owner, org, limit)
	if err != nil {
		return false, err
	}
	pending, err := tx.LostRequests(owner, org, limit)
	if err != nil {
		return false, err
	}
	for _, i := range installations {
		app, err := tx.App(i.App)
		if err != nil {
			return false, err
		}
		if err := tx.endIfLost(i, app, verb); err != nil {
			return false, err
		}
		if late(until) {
			return true, nil
		}
	}
	for _, q := range pending {
		app, err := tx.App(q.App)
		if err != nil {
			return false, err
		}
		if err := tx.voidIfLost(q, app, verb); err != nil {
			return false, err
		}
		if late(until) {
			return true, nil
		}
	}
	return len(installations) == limit || len(pending) == limit, nil
}
