package market

import (
	"context"
	"errors"
	"time"

	"souk"
	"souk/store"
)

// A step of a job is at most stepSize things or stepTime, whichever comes first:
// no other writer waits longer for it.
const (
	stepSize = 25
	stepTime = 5 * time.Millisecond
)

// afterFailure is how long a job waits that failed.
const afterFailure = time.Minute

// later begins a job with the commit of this transaction.
func (tx *Tx) later(j store.Job) error {
	j.ID, j.CreatedAt = souk.NewID(), tx.at
	j.Actor = souk.Actor{Face: tx.actor.Face, User: tx.actor.User, Token: tx.actor.Token, Platform: tx.actor.Platform}
	tx.left = true
	return tx.PutJob(j, tx.at)
}

// StepJob does a part of the job that has waited longest, and tells whether
// there is more to do.
func (m *Market) StepJob(ctx context.Context) (more bool, err error) {
	var j store.Job
	err = m.DB.Read(ctx, func(tx *store.Tx) (err error) {
		j, err = tx.DueJob(m.now())
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	err = m.write(ctx, j.Actor, locksOfJob(j), func(tx *Tx) error {
		if stands, err := isAt(tx.Tx, j); err != nil || !stands {
			return err
		}
		return tx.step(j)
	})
	if err != nil {
		// What cannot be done now shall not hold up what can.
		err = errors.Join(err, m.DB.Write(ctx, nil, func(tx *store.Tx) error { return tx.PostponeJob(j.ID, m.now().Add(afterFailure)) }))
	}
	return true, err
}

// isAt reports whether a job is as far as it was read, and not finished or
// carried on by another node since.
func isAt(tx *store.Tx, j store.Job) (bool, error) {
	is, err := tx.Job(j.ID)
	return err == nil && is.After.ID == j.After.ID && is.After.At.Equal(j.After.At), ignoreMissing(err)
}

// locksOfJob finds the locks of the next step of a job. One that another node
// carried on needs none: its locks would change under whoever waits for them as
// often as that node makes a step.
func locksOfJob(j store.Job) func(*store.Tx) (store.Locks, error) {
	return func(tx *store.Tx) (locks store.Locks, err error) {
		if stands, err := isAt(tx, j); err != nil || !stands {
			return locks, err
		}
		switch {
		case j.Kind == store.Spread, j.Kind == store.Replay: // has no org to hold another node off by
			locks.ExclusiveApps = []souk.ID{j.App}
		case j.Kind == store.TakeIcons:
			if locks.ExclusiveApps, err = showing(tx, j.Other, stepSize); err != nil {
				return locks, err
			}
		case !j.App.IsZero():
			locks.Apps = []souk.ID{j.App}
		}
		orgs, err := orgsOfStep(tx, j)
		if err != nil {
			return locks, err
		}
		found, err := tx.Orgs(unique(orgs))
		for _, o := range found {
			locks.Roots = append(locks.Roots, o.Root())
		}
		return locks, err
	}
}

// orgsOfStep lists the orgs that the next step of a job changes something at.
func orgsOfStep(tx *store.Tx, j store.Job) (orgs []souk.ID, err error) {
	switch j.Kind {
	case store.EndInstallations:
		next, err := tx.InstallationsAfter(j.App, j.After, stepSize)
		for _, i := range next {
			orgs = append(orgs, i.Org)
		}
		return orgs, err
	case store.VoidRequests:
		next, err := tx.PendingAfter(j.App, j.After, stepSize)
		for _, q := range next {
			orgs = append(orgs, q.Org)
		}
		return orgs, err
	case store.EndPartner: // the owner's too: a verb that takes an app back counts who has it
		return []souk.ID{j.Org, j.Other}, nil
	case store.InstallWishes, store.TakeIcons, store.FanOut, store.SuspendLost, store.AskForAll, store.AskForGroup, store.AskForUser, store.EndGrants:
		return []souk.ID{j.Org}, nil
	}
	return nil, nil
}

// step does a part of a job and says how far it came.
func (tx *Tx) step(j store.Job) error {
	until := time.Now().Add(stepTime)
	var left bool
	var wait time.Duration
	var err error
	switch j.Kind {
	case store.EndInstallations:
		left, err = tx.stepInstallations(&j, until)
	case store.VoidRequests:
		left, err = tx.stepRequests(&j, until)
	case store.EndPartner:
		_, left, err = tx.losePartner(partingOf(&j), stepSize, until, j.Verb)
	case store.InstallWishes:
		left, err = tx.installWishes(j.Other, stepSize, until)
	case store.SuspendLost:
		left, err = tx.suspendLost(j.App, j.Org, j.CreatedAt, stepSize, until, j.Verb)
	case store.AskForAll, store.AskForGroup, store.AskForUser:
		left, err = tx.stepAsk(&j, until)
	case store.Spread:
		left, err = tx.stepSpread(&j)
	case store.TakeIcons:
		left, err = tx.takeIcons(&j, stepSize, until)
	case store.SettleWebhook:
		left, err = tx.stepSettleWebhook(&j)
	case store.SettleInstallation:
		left, err = tx.stepSettleInstallation(&j)
	case store.SettleFinals:
		left, err = tx.stepSettleFinals(&j)
	case store.EndGrants:
		left, err = tx.stepGrants(&j)
	case store.FanOut:
		left, err = tx.stepFanOut(&j)
	case store.Replay:
		left, wait, err = tx.stepReplay(&j)
	}
	switch {
	case err != nil:
		return err
	case left:
		tx.left = true
		return tx.PutJob(j, tx.at.Add(wait))
	}
	return tx.RemoveJob(j.ID)
}

func (tx *Tx) stepInstallations(j *store.Job, until time.Time) (left bool, err error) {
	app, err := tx.App(j.App)
	if err != nil {
		return false, err
	}
	next, err := tx.InstallationsAfter(j.App, j.After, stepSize)
	if err != nil {
		return false, err
	}
	for _, i := range next {
		if err := tx.endIfLost(i, app, j.Verb); err != nil {
			return false, err
		}
		j.After = souk.Position{At: i.CreatedAt, ID: i.ID}
		if late(until) {
			return true, nil
		}
	}
	return len(next) == stepSize, nil
}

func (tx *Tx) stepRequests(j *store.Job, until time.Time) (left bool, err error) {
	app, err := tx.App(j.App)
	if err != nil {
		return false, err
	}
	next, err := tx.PendingAfter(j.App, j.After, stepSize)
	if err != nil {
		return false, err
	}
	for _, q := range next {
		if err := tx.voidIfLost(q, app, j.Verb); err != nil {
			return false, err
		}
		j.After = souk.Position{At: q.CreatedAt, ID: q.ID}
		if late(until) {
			return true, nil
		}
	}
	return len(next) == stepSize, nil
}

// late reports whether a time has passed; no time never does.
func late(until time.Time) bool { return !until.IsZero() && !time.Now().Before(until) }
