package market

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"souk"
	"souk/store"
)

// askedAtOnce is how many URLs one node asks at the same time whether they are
// still their apps', and asking how long it has for it until another node may.
const (
	askedAtOnce = 4
	asking      = time.Minute
)

// checkAgain says when the URL of a webhook is asked again, after it was saved.
func (tx *Tx) checkAgain(w souk.Webhook) error {
	if !w.IsChecked() {
		return tx.DropChecks(w.ID)
	}
	return tx.PutChecks(souk.Checks{Webhook: w.ID, App: w.App, NextAt: w.Checked(tx.at), CheckedAt: tx.at})
}

// RevalidateWebhooks asks a few URLs whose time has come whether they are still
// their apps', and tells whether there may be more. What fails counts; those who
// look after the webhook are written to, and in the end it is disabled
// (docs/dialects/zoom.md, "URL validation"). It may run on several nodes, and as
// often as one likes: each URL is asked by one.
func (m *Market) RevalidateWebhooks(ctx context.Context) (more bool, err error) {
	var due []souk.Checks
	err = m.DB.Write(ctx, nil, func(tx *store.Tx) (err error) {
		due, err = tx.TakeChecks(m.now(), m.now().Add(asking), askedAtOnce)
		return err
	})
	if err != nil {
		return false, err
	}
	failed := make([]error, len(due))
	var asked sync.WaitGroup
	for i, c := range due {
		asked.Go(func() { failed[i] = m.revalidate(ctx, c) })
	}
	asked.Wait()
	return len(due) == askedAtOnce, errors.Join(failed...)
}

// revalidate asks one URL and writes down what it answered.
func (m *Market) revalidate(ctx context.Context, c souk.Checks) error {
	var w souk.Webhook
	var with souk.Credentials
	ask := false
	err := m.DB.Read(ctx, func(s *store.Tx) error {
		live, err := s.LiveWebhooks([]souk.ID{c.Webhook})
		if err != nil {
			return err
		}
		found := live[c.Webhook]
		ask = found.IsChecked() && found.OwnerServed && !found.AppSuspended && !found.AppDeleted
		if w, err = found.SealedWebhook.Open(m.Key); err != nil {
			return err
		}
		with, err = found.Credentials.Open(m.Key)
		return err
	})
	if err != nil {
		return err
	}
	var answer error
	if ask {
		answer = m.CheckURL(w.URL)
		if answer != nil {
			answer = fmt.Errorf("%w: %w", souk.BlockedAddress, answer)
		} else {
			answer = m.prove(ctx, w, with)
		}
		var no souk.Refusal
		switch {
		case ctx.Err() != nil: // the node stops: another one asks
			return nil
		case answer != nil && !errors.As(answer, &no):
			return fmt.Errorf("validating webhook %s: %w", w.ID, answer)
		}
	}
	return m.write(ctx, bySouk, ownerOfApp(c.App), func(tx *Tx) error {
		now, err := tx.Webhook(w.ID)
		if err != nil {
			return errors.Join(ignoreMissing(err), tx.DropChecks(c.Webhook))
		}
		if !now.UpdatedAt.Equal(w.UpdatedAt) || !now.IsChecked() {
			return nil // what was asked is not what is there now, which was checked when it was saved
		}
		had, err := tx.Checks(w.ID)
		if err != nil {
			return ignoreMissing(err)
		}
		if !ask {
			had.NextAt = w.Checked(tx.at)
			return tx.PutChecks(had)
		}
		return tx.checked(now, had, answer)
	})
}

// checked counts how a URL answered, and does what follows from it.
func (tx *Tx) checked(w store.SealedWebhook, c souk.Checks, answer error) error {
	c.NextAt, c.CheckedAt = w.Checked(tx.at), tx.at
	if answer == nil {
		c.FailingSince, c.Failures, c.Why = time.Time{}, 0, ""
		return tx.PutChecks(c)
	}
	if c.Failures++; c.Failures == 1 {
		c.FailingSince = tx.at
	}
	c.Why = inLine(answer.Error())
	if err := tx.PutChecks(c); err != nil {
		return err
	}
	app, err := tx.App(w.App)
	if err != nil {
		return err
	}
	at := place{}
	if at.Org, at.Enterprise, err = tx.OrgAndAbove(app.Owner); err != nil {
		return err
	}
	switch {
	case c.Failures >= souk.MostCheckFailures:
		why := fmt.Sprintf("its URL failed %d validations in a row", c.Failures)
		return tx.disableWebhook(w, app, at, souk.Health{FailingSince: c.FailingSince, Failures: c.Failures}, souk.Prognosis{Why: why})
	case c.Failures == souk.FirstCheckWarning, c.Failures == souk.SecondCheckWarning:
		left := time.Duration(souk.MostCheckFailures - c.Failures - 1)
		f := souk.Failing{
			Why:   "its URL failed its validation",
			Since: c.FailingSince, Failures: c.Failures, Deadline: c.NextAt.Add(left * souk.CheckEvery),
		}
		if err := tx.post(at, doubt(app, w.Webhook, f)); err != nil {
			return err
		}
		return tx.tellFailing(souk.WebhookFailing, w.Webhook, app, at, f)
	}
	return nil
}
