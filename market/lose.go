package market

import (
	"time"

	"souk"
	"souk/store"
)

// few is how many things a verb that takes a right away ends in its own
// transaction. If there are more jobs end them, so that no other writer waits
// for it
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

// parting is what ends of all that an org has of another's apps.
type parting struct {
	owner, org souk.ID
	until      time.Time // shares that were made until then end too; zero: none
}

// losePartnersSoon ends what orgs have of others' apps when nothing gives them a
// right to it any more: a few things here, and the rest in a job for each.
func (tx *Tx) losePartnersSoon(verb string, partings ...parting) error {
	budget := few
	for _, p := range partings {
		ended, left, err := tx.losePartner(p, budget, time.Time{}, verb)
		if err != nil {
			return err
		}
		budget -= ended
		if !left {
			continue
		}
		if err := tx.later(store.Job{Kind: store.EndPartner, Org: p.org, Other: p.owner, Verb: verb}); err != nil {
			return err
		}
	}
	return nil
}

// partingOf is what a job ends. Shares that were made since it began are of a
// new partnership.
func partingOf(j *store.Job) parting {
	p := parting{owner: j.Other, org: j.Org}
	if j.Verb == partWays {
		p.until = j.CreatedAt
	}
	return p
}

// losePartner ends up to limit things of a parting until a time: shares first,
// since they give rights to the others. left tells that there is more.
func (tx *Tx) losePartner(p parting, limit int, until time.Time, verb string) (ended int, left bool, err error) {
	var ends []func() error
	if !p.until.IsZero() {
		shares, err := tx.SharesUntil(p.owner, p.org, p.until, limit+1)
		if err != nil {
			return 0, false, err
		}
		for _, s := range shares {
			ends = append(ends, func() error { return tx.endShare(s) })
		}
		if ended, left, err = upTo(limit, until, ends); err != nil || left {
			return ended, left, err
		}
	}
	installations, err := tx.LostInstallations(p.owner, p.org, limit-ended+1)
	if err != nil {
		return ended, false, err
	}
	pending, err := tx.LostRequests(p.owner, p.org, limit-ended+1)
	if err != nil {
		return ended, false, err
	}
	ends = nil
	for _, i := range installations {
		ends = append(ends, func() error {
			app, err := tx.App(i.App)
			if err != nil {
				return err
			}
			return tx.endIfLost(i, app, verb)
		})
	}
	for _, q := range pending {
		ends = append(ends, func() error {
			app, err := tx.App(q.App)
			if err != nil {
				return err
			}
			return tx.voidIfLost(q, app, verb)
		})
	}
	more, left, err := upTo(limit-ended, until, ends)
	return ended + more, left, err
}

// upTo does the first of some things, until a time, and counts them.
func upTo(limit int, until time.Time, things []func() error) (done int, left bool, err error) {
	for done < min(limit, len(things)) && (done == 0 || !late(until)) {
		if err := things[done](); err != nil {
			return done, false, err
		}
		done++
	}
	return done, done < len(things), nil
}
