package market

import (
	"context"
	"errors"
	"slices"
	"time"

	"souk"
	"souk/store"
)

// DeclineAll takes an app away from everybody at an org, and at an enterprise
// below it: what is pending is declined, and so is what was approved in the open
// case or, if none is open, the latest; all approvals end, for whomever they
// were; and the installations that rested on them are suspended, until
// ResumeInstallation, or until somebody installs the app who may again (the first
// few in this transaction, the rest by a job).
// Nothing is uninstalled and no grant revoked. Where nothing of that is to be
// done it does and tells nothing, and that is no refusal: a call may be repeated
// (docs/dialects/zoom.md, "Apps and requests"). It refuses UnknownOrg,
// NeedsPerson, OrgNotGranted, NotAllowed and UnknownApp.
func (m *Market) DeclineAll(ctx context.Context, actor souk.Actor, app, at souk.ID) (done Decided, err error) {
	err = m.write(ctx, actor, rootOf(at, app), func(tx *Tx) (err error) {
		done, err = tx.declineAll(app, at)
		return err
	})
	return done, err
}

func (tx *Tx) declineAll(id, org souk.ID) (done Decided, err error) {
	at, err := tx.decidable(org)
	if err != nil {
		return done, err
	}
	app, err := tx.knownApp(id, at.Org)
	if err != nil {
		return done, err
	}
	done.At = at.Org
	c, err := tx.declineCase(app, at, &done)
	if err != nil {
		return done, err
	}
	ended, err := tx.endApprovals(app, at)
	if err != nil {
		return done, err
	}
	if len(done.Settled)+len(done.Overturned)+len(ended) == 0 {
		return done, nil
	}
	if err := tx.audit("DeclineAll", at.Org, app.ID, app.ID, ended, slices.Concat(done.Settled, done.Overturned)); err != nil {
		return done, err
	}
	actor, err := tx.acting()
	if err != nil {
		return done, err
	}
	var events []souk.Event
	if len(ended) > 0 {
		e := tx.event(souk.ResolutionCleared, at.Org, at.Enterprise, &app, ended[0].ID)
		e.Data.Actor, e.Data.Resolution, e.Data.Ended = actor, &ended[0], ended
		events = append(events, e)
	}
	if c != nil {
		e := tx.event(souk.CaseDeclined, at.Org, at.Enterprise, &app, c.ID)
		e.Data.Actor, e.Data.Case, e.Data.Ended = actor, c, ended
		e.Data.Settled, e.Data.Overturned, e.Data.Everyone = done.Settled, done.Overturned, at.Org.ID == at.Org.Root()
		if e.Data.Everyone || len(done.Settled)+len(done.Overturned) > 0 {
			events = append(events, e)
		}
	}
	if err := tx.emit(events...); err != nil || len(ended) == 0 {
		return done, err
	}
	left, err := tx.suspendLost(app.ID, at.Org.ID, tx.at, few, time.Time{}, "DeclineAll")
	if err != nil || !left {
		return done, err
	}
	return done, tx.later(store.Job{Kind: store.SuspendLost, App: app.ID, Org: at.Org.ID, Verb: "DeclineAll"})
}

// declineCase declines what was asked at a place or below it and is pending or
// approved, and finds the case of it, nil when nobody ever asked.
func (tx *Tx) declineCase(app souk.App, at place, done *Decided) (*souk.Case, error) {
	c, err := tx.LatestCase(app.ID, at.Org.Root())
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	pending, err := tx.PendingOfCase(c.ID)
	if err != nil {
		return nil, err
	}
	approved, err := tx.ApprovedOfCase(c.ID)
	if err != nil {
		return nil, err
	}
	elsewhere := func(q souk.Request) bool { return !at.asks(q, nil) }
	left := len(pending)
	done.Settled, done.Overturned = slices.DeleteFunc(pending, elsewhere), slices.DeleteFunc(approved, elsewhere)
	var ids []souk.ID
	for _, some := range [][]souk.Request{done.Settled, done.Overturned} {
		for i := range some {
			q := &some[i]
			q.Status, q.SettledAt, q.SettledBy, q.Wish = souk.RequestDeclined, tx.at, tx.actor.User, nil
			ids = append(ids, q.ID)
		}
	}
	if err := tx.DeclineRequests(ids, tx.actor.User, tx.at); err != nil {
		return nil, err
	}
	if c.ClosedAt.IsZero() && left == len(done.Settled) {
		c.ClosedAt = tx.at
		err = tx.CloseCaseIfSettled(c.ID, tx.at)
	}
	return &c, err
}

// endApprovals ends the approvals of an app at a place and below it.
func (tx *Tx) endApprovals(app souk.App, at place) (ended []souk.Resolution, err error) {
	if ended, err = tx.StandingResolutions(app.ID, at.Org.ID); err != nil {
		return nil, err
	}
	ended = slices.DeleteFunc(ended, func(r souk.Resolution) bool { return r.Status != souk.Approved })
	if at.Org.Kind == souk.Enterprise {
		below, err := tx.StandingBelow(app.ID, at.Org.ID)
		if err != nil {
			return nil, err
		}
		ended = append(ended, below...)
	}
	return ended, tx.end(ended)
}

// suspendLost suspends up to limit installations of an app, at an org and below
// it, that lost their approval at a time; left tells that there may be more.
func (tx *Tx) suspendLost(id, org souk.ID, lost time.Time, limit int, until time.Time, verb string) (left bool, err error) {
	app, err := tx.App(id)
	if err != nil {
		return false, err
	}
	found, err := tx.InstallationsThatLost(id, org, lost, limit)
	if err != nil {
		return false, err
	}
	for _, i := range found {
		var at place
		if at.Org, at.Enterprise, err = tx.OrgAndAbove(i.Org); err != nil {
			return false, err
		}
		if _, err := tx.setStatus(i, souk.InstallationSuspended, app, at, verb); err != nil {
			return false, err
		}
		if late(until) {
			return true, nil
		}
	}
	return len(found) == limit, nil
}

// setStatus suspends a live installation, or resumes it, and tells so: while it
// is suspended its tokens are silent and it is told nothing.
func (tx *Tx) setStatus(i souk.Installation, status souk.InstallationStatus, app souk.App, at place, verb string) (done Installed, err error) {
	before := i
	i.Status, i.UpdatedAt = status, tx.at
	if err := tx.PutInstallation(i); err != nil {
		return done, err
	}
	done.Installation = i
	if done.Workspaces, err = tx.workspacesOf(i); err != nil {
		return done, err
	}
	if err := tx.audit(verb, at.Org, app.ID, i.ID, before, i); err != nil {
		return done, err
	}
	return done, tx.tellInstallation(souk.InstallationChanged, at, app, done, &souk.EventData{Installation: &before})
}

// ResumeInstallation puts an installation that was suspended into effect again,
// and returns one that was not as it is. Whoever holds settings at its org may,
// if the answer that stands there would let them install it: what was declined
// for all has to be approved first. The operator may whatever stands. It refuses
// UnknownOrg, OrgNotGranted, NotAllowed, NeedsPerson (an app that a person let
// speak for them resumes nothing), UnknownInstallation, UnknownApp,
// RestrictedForAsker, ClosedToRequests and ApprovalNeeded.
func (m *Market) ResumeInstallation(ctx context.Context, actor souk.Actor, org, id souk.ID) (done Installed, err error) {
	err = m.write(ctx, actor, rootOfInstallation(org, id), func(tx *Tx) (err error) {
		done, err = tx.resumeInstallation(org, id)
		return err
	})
	return done, err
}

func (tx *Tx) resumeInstallation(org, id souk.ID) (done Installed, err error) {
	at, err := tx.manageable(org, souk.CanSettings)
	if err != nil {
		return done, err
	}
	if tx.actor.ThroughApp() {
		return done, souk.NeedsPerson
	}
	i, err := tx.InstallationAtOrg(org, id)
	if err != nil {
		return done, or(err, souk.UnknownInstallation)
	}
	app, err := tx.App(i.App)
	if err != nil {
		return done, err
	}
	if !tx.actor.IsOperator() {
		facts, err := tx.facts(app, at.Org, at.Enterprise, tx.actor.User, i.Scopes)
		if err != nil {
			return done, err
		}
		if err := mayInstall(souk.Effective(facts).Verdict); err != nil {
			return done, err
		}
	}
	if i.Status != souk.InstallationSuspended {
		done.Installation = i
		done.Workspaces, err = tx.workspacesOf(i)
		return done, err
	}
	return tx.setStatus(i, souk.InstallationActive, app, at, "ResumeInstallation")
}
