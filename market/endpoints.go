package market

import (
	"context"
	"errors"

	"souk"
	"souk/store"
)

// judgedAtOnce is how many failing endpoints are looked at together.
const judgedAtOnce = 200

// bySouk is who acts when Souk itself does, because of how deliveries fare.
var bySouk = souk.Actor{Face: "courier"}

// JudgeEndpoints looks at the endpoints that nothing reaches, and does what the
// rule of their dialect says (souk.DisableRules): warns those who look after
// one, or disables it. Both are told as events and by mail. It may run on
// several nodes, and as often as one likes.
func (m *Market) JudgeEndpoints(ctx context.Context) (more bool, err error) {
	var failed []error
	for after := (souk.Position{}); ; {
		var page, due []souk.Health
		err := m.DB.Read(ctx, func(tx *store.Tx) (err error) {
			due = nil
			if page, err = tx.FailingLanes(after, judgedAtOnce); err != nil {
				return err
			}
			for _, h := range page {
				if !calls(souk.DisableRules[h.Dialect].Judge(h, m.now()), h) {
					continue
				}
				w, err := tx.Webhook(h.Endpoint)
				if ignoreMissing(err) != nil {
					return err
				}
				if err == nil && w.Status == souk.WebhookActive {
					due = append(due, h)
				}
			}
			return nil
		})
		if err != nil {
			return false, errors.Join(append(failed, err)...)
		}
		for _, h := range due {
			failed = append(failed, m.judge(ctx, h.App, h.Endpoint))
		}
		if len(page) < judgedAtOnce {
			return false, errors.Join(failed...)
		}
		last := page[len(page)-1]
		after = souk.Position{At: last.FailingSince, ID: last.Endpoint}
	}
}

// calls reports whether there is something to do about an endpoint.
func calls(v souk.Prognosis, h souk.Health) bool { return v.Disable || v.Warnings > h.Warned }

// judge looks again at one endpoint, while nobody changes it, and acts.
func (m *Market) judge(ctx context.Context, app, webhook souk.ID) error {
	return m.write(ctx, bySouk, ownerOfApp(app), func(tx *Tx) error {
		w, err := tx.Webhook(webhook)
		if err != nil {
			return ignoreMissing(err)
		}
		healths, err := tx.HealthOf([]souk.ID{webhook})
		if err != nil {
			return err
		}
		h := healths[webhook]
		v := souk.DisableRules[w.Dialect].Judge(h, tx.at)
		if w.Status != souk.WebhookActive || !calls(v, h) {
			return nil
		}
		of, err := tx.App(w.App)
		if err != nil {
			return err
		}
		at := place{}
		if at.Org, at.Enterprise, err = tx.OrgAndAbove(of.Owner); err != nil {
			return err
		}
		if v.Disable {
			return tx.disableWebhook(w, of, at, h, v)
		}
		return tx.warnAbout(w.Webhook, of, at, h, v)
	})
}

// warnAbout tells that a webhook will be disabled if nothing changes.
func (tx *Tx) warnAbout(w souk.Webhook, app souk.App, at place, h souk.Health, v souk.Prognosis) error {
	f := souk.Failing{Why: "nothing that was sent to it succeeded", Since: h.FailingSince, Failures: h.Failures, Deadline: v.Deadline}
	if err := tx.SetWarned(w.ID, v.Warnings); err != nil {
		return err
	}
	if err := tx.post(at, warning(app, w, f)); err != nil {
		return err
	}
	return tx.tellFailing(souk.WebhookFailing, w, app, at, f)
}

// disableWebhook has a webhook told nothing more until somebody enables it.
// What it is to be told is held, or skipped, as its dialect has it.
func (tx *Tx) disableWebhook(w store.SealedWebhook, app souk.App, at place, h souk.Health, v souk.Prognosis) error {
	before := w.Webhook
	w.Status, w.DisabledAt, w.DisabledWhy = souk.WebhookDisabled, tx.at, v.Why
	w.UpdatedAt, w.UpdatedBy = tx.at, souk.ID{}
	if err := tx.PutWebhook(w); err != nil {
		return err
	}
	if err := errors.Join(tx.settleWebhook(w.Webhook), tx.checkAgain(w.Webhook)); err != nil {
		return err
	}
	if err := tx.audit("DisableWebhook", at.Org, app.ID, w.ID, before, w.Webhook); err != nil {
		return err
	}
	f := souk.Failing{Why: v.Why, Since: h.FailingSince, Failures: h.Failures}
	if err := tx.post(at, farewell(app, w.Webhook, f)); err != nil {
		return err
	}
	return tx.tellFailing(souk.WebhookWasDisabled, w.Webhook, app, at, f)
}

// tellFailing emits what becomes of a webhook that nothing reaches.
func (tx *Tx) tellFailing(kind souk.EventKind, w souk.Webhook, app souk.App, at place, f souk.Failing) error {
	e := tx.event(kind, at.Org, at.Enterprise, &app, w.ID)
	e.Data.Webhook, e.Data.Failing = &w, &f
	return tx.emit(e)
}
