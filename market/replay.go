package market

import (
	"context"
	"slices"
	"time"

	"souk"
	"souk/store"
)

// A replay goes on a few deliveries at a time, and only while not much is still
// to be delivered to its webhook: what is new shall not wait for what is old.
const (
	replayedAtOnce = 25
	replayCrowd    = 1000
	replayPause    = 5 * time.Second // while there is a crowd
	replayRest     = time.Minute     // while the webhook is not active
)

// Replaying is what is to be delivered to a webhook again.
type Replaying struct {
	App, Webhook souk.ID
	Since        time.Time             // the first time at which it was created
	Before       time.Time             // and the first at which it was not; none, or one to come: now
	Statuses     []souk.DeliveryStatus // that it ended with, of souk.Replayable; none: souk.Unsuccessful
}

func (in Replaying) check() error {
	var p problems
	if in.Since.IsZero() {
		p.add("since", "is required")
	}
	if !in.Before.IsZero() && !in.Since.Before(in.Before) {
		p.add("before", "must be later than since")
	}
	for _, s := range in.Statuses {
		if !slices.Contains(souk.Replayable, s) {
			p.add("statuses", "must be of %q", souk.Replayable)
		}
	}
	return p.err()
}

// StartReplay has deliveries of a webhook that are over made again, bit by bit,
// the oldest first. What is for an installation that ended stays as it is. Who
// may put the webhook may. It refuses UnknownApp, UnknownWebhook, OrgNotGranted,
// NotAllowed, WebhookInactive, ReplayGoesOn and Invalid.
func (m *Market) StartReplay(ctx context.Context, actor souk.Actor, in Replaying) (r souk.Replay, err error) {
	if err := in.check(); err != nil {
		return r, err
	}
	err = m.write(ctx, actor, ownerOfApp(in.App), func(tx *Tx) error {
		w, err := tx.webhookOf(in.App, in.Webhook)
		if err != nil {
			return err
		}
		if r, err = tx.startReplay(w.Webhook, in); err != nil {
			return err
		}
		return tx.auditReplay("StartReplay", souk.Replay{}, r)
	})
	return r, err
}

// startReplay writes a replay down and leaves it to a job.
func (tx *Tx) startReplay(w souk.Webhook, in Replaying) (r souk.Replay, err error) {
	if w.Status != souk.WebhookActive {
		return r, souk.WebhookInactive
	}
	if _, err := tx.RunningReplay(w.ID); err == nil {
		return r, souk.ReplayGoesOn
	} else if ignoreMissing(err) != nil {
		return r, err
	}
	r = souk.Replay{
		ID: souk.NewID(), Webhook: w.ID, App: w.App, Since: in.Since, Before: in.Before,
		Statuses: slices.Clone(in.Statuses), Status: souk.ReplayRunning, CreatedBy: tx.actor.User, CreatedAt: tx.at,
	}
	if r.Before.IsZero() || r.Before.After(tx.at) {
		r.Before = tx.at
	}
	if len(r.Statuses) == 0 {
		r.Statuses = slices.Clone(souk.Unsuccessful)
	}
	slices.Sort(r.Statuses)
	r.Statuses = slices.Compact(r.Statuses)
	if err := tx.PutReplay(r); err != nil {
		return r, err
	}
	return r, tx.later(store.Job{Kind: store.Replay, App: w.App, Other: r.ID, Verb: "StartReplay"})
}

func (tx *Tx) auditReplay(verb string, before, after souk.Replay) error {
	_, at, err := tx.ownedApp(after.App)
	if err != nil {
		return err
	}
	var had any
	if !before.ID.IsZero() {
		had = before
	}
	return tx.audit(verb, at.Org, after.App, after.ID, had, after)
}

// CancelReplay stops a replay; what it has put back is delivered. One that is
// over stays as it is. Who may put the webhook may. It refuses UnknownApp,
// UnknownWebhook, UnknownReplay, OrgNotGranted and NotAllowed.
func (m *Market) CancelReplay(ctx context.Context, actor souk.Actor, app, webhook, id souk.ID) error {
	return m.write(ctx, actor, ownerOfApp(app), func(tx *Tx) error {
		before, err := tx.replayOf(app, webhook, id)
		if err != nil || before.Status != souk.ReplayRunning {
			return err
		}
		r := before
		r.Status, r.EndedAt = souk.ReplayCancelled, tx.at
		if err := tx.PutReplay(r); err != nil {
			return err
		}
		return tx.auditReplay("CancelReplay", before, r)
	})
}

// replayOf finds a replay to a webhook that the actor may change.
func (tx *Tx) replayOf(app, webhook, id souk.ID) (souk.Replay, error) {
	if _, err := tx.webhookOf(app, webhook); err != nil {
		return souk.Replay{}, err
	}
	r, err := tx.Tx.Replay(id)
	if err != nil {
		return r, or(err, souk.UnknownReplay)
	}
	if r.Webhook != webhook {
		return r, souk.UnknownReplay
	}
	return r, nil
}

// Replay tells how far a replay got. It refuses UnknownApp, UnknownWebhook,
// UnknownReplay, OrgNotGranted and NotAllowed.
func (m *Market) Replay(ctx context.Context, actor souk.Actor, app, webhook, id souk.ID) (r souk.Replay, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		r, err = tx.replayOf(app, webhook, id)
		return err
	})
	return r, err
}

// Replays lists what was to be delivered to a webhook again, newest first. It
// refuses UnknownApp, UnknownWebhook, OrgNotGranted and NotAllowed.
func (m *Market) Replays(ctx context.Context, actor souk.Actor, app, webhook souk.ID, page souk.Page) (all []souk.Replay, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		if _, err := tx.webhookOf(app, webhook); err != nil {
			return err
		}
		all, err = tx.ReplaysPage(webhook, page)
		return err
	})
	return all, err
}

// stepReplay puts the next deliveries of a replay back into the outbox. wait is
// how long to leave it alone.
func (tx *Tx) stepReplay(j *store.Job) (left bool, wait time.Duration, err error) {
	r, err := tx.Tx.Replay(j.Other)
	if err != nil || r.Status != souk.ReplayRunning {
		return false, 0, err
	}
	w, err := tx.Webhook(r.Webhook)
	if ignoreMissing(err) != nil {
		return false, 0, err
	}
	if err != nil { // it was deleted
		r.Status, r.EndedAt = souk.ReplayCancelled, tx.at
		return false, 0, tx.PutReplay(r)
	}
	if w.Status != souk.WebhookActive {
		return true, replayRest, nil
	}
	open, err := tx.CountOpen(r.Webhook, replayCrowd+1)
	if err != nil || open > replayCrowd {
		return true, replayPause, err
	}
	next, err := tx.EndedBetween(r.Webhook, r.Since, r.Before, j.After, replayedAtOnce)
	if err != nil {
		return false, 0, err
	}
	justified, err := tx.justified(next)
	if err != nil {
		return false, 0, err
	}
	for _, d := range next {
		r.Seen++
		j.After = souk.Position{At: d.CreatedAt, ID: d.ID}
		if !slices.Contains(r.Statuses, d.Status) || !justified(d) {
			continue
		}
		if _, err := tx.again(d, w.Webhook); err != nil {
			return false, 0, err
		}
		r.Replayed++
	}
	if left = len(next) == replayedAtOnce; !left {
		r.Status, r.EndedAt = souk.ReplayDone, tx.at
	}
	return left, 0, tx.PutReplay(r)
}
