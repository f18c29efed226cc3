package courier

import (
	"errors"
	"maps"
	"slices"
	"time"

	"souk"
	"souk/store"
)

// turn is one visit to the database: what happened is recorded, what is due is
// claimed, and it is read who may be told something now.
type turn struct {
	at            time.Time // just before it began
	outcomes      []outcome
	claim         store.Claim      // no limit: nothing is claimed
	webhooks      map[souk.ID]bool // of the deliveries that wait
	installations map[souk.ID]bool
	inspects      bool       // lines that nobody leads are looked for
	behind        store.Line // this one, which was looked at last

	claimed  []souk.Delivery
	hooks    map[souk.ID]store.LiveWebhook
	installs map[souk.ID]store.LiveInstallation
	nextDue  time.Time
	looked   store.Line
	err      error
}

// do is the transaction. It may run again.
func (t *turn) do(tx *store.Tx) (err error) {
	var attempts []souk.Attempt
	var progress []store.Progress
	for _, o := range t.outcomes {
		if o.attempt != nil {
			attempts = append(attempts, *o.attempt)
		}
		progress = append(progress, o.progress)
	}
	if err := tx.InsertAttempts(attempts); err != nil {
		return err
	}
	if err := tx.AdvanceDeliveries(t.at, progress); err != nil {
		return err
	}
	if t.inspects {
		if t.looked, err = tx.LeadLines(t.at, t.behind, perLook); err != nil {
			return err
		}
	}
	if t.claimed = nil; t.claim.Limit > 0 {
		if t.claimed, err = tx.ClaimDeliveries(t.claim); err != nil {
			return err
		}
	}
	if t.nextDue, err = tx.NextDue(); err != nil {
		return err
	}
	webhooks, installations := maps.Clone(t.webhooks), maps.Clone(t.installations)
	for _, d := range t.claimed {
		webhooks[d.Webhook] = true
		installations[d.Installation], installations[d.Speaker] = true, true
	}
	delete(installations, souk.ID{})
	if t.hooks, err = tx.LiveWebhooks(slices.Collect(maps.Keys(webhooks))); err != nil {
		return err
	}
	t.installs, err = tx.LiveInstallations(slices.Collect(maps.Keys(installations)))
	return err
}

// live is a look at those for whom something waits.
type live struct {
	at       time.Time
	webhooks map[souk.ID]openWebhook
	installs map[souk.ID]store.LiveInstallation
}

// openWebhook is a webhook with its secrets opened.
type openWebhook struct {
	store.LiveWebhook
	webhook     souk.Webhook
	credentials souk.Credentials
	err         error // of opening them
}

// open opens the secrets that a turn has read.
func (r *run) open(t turn) live {
	webhooks := make(map[souk.ID]openWebhook, len(t.hooks))
	for id, w := range t.hooks {
		o := openWebhook{LiveWebhook: w}
		var ofHook, ofApp error
		o.webhook, ofHook = w.SealedWebhook.Open(r.Key)
		o.credentials, ofApp = w.Credentials.Open(r.Key)
		o.err = errors.Join(ofHook, ofApp)
		webhooks[id] = o
	}
	return live{at: t.at, webhooks: webhooks, installs: t.installs}
}

// speaker is whose token an attempt of d carries.
func (l live) speaker(d souk.Delivery) souk.Speaker {
	w, i := l.webhooks[d.Webhook], l.installs[d.Speaker]
	if i.Status != souk.InstallationActive || i.AppUser.IsZero() || i.App != w.App || w.AppSuspended || w.AppDeleted {
		return souk.Speaker{}
	}
	return souk.Speaker{Installation: i.ID, App: i.App, Org: i.Org, User: i.AppUser}
}

// verdict decides whether d may be attempted: then it is pending, else it is
// ended for the reason told.
func (l live) verdict(d souk.Delivery) (souk.DeliveryStatus, string) {
	w, found := l.webhooks[d.Webhook]
	i, justified := l.installs[d.Installation]
	served := i.Served
	if d.Installation.IsZero() {
		// An app is told about itself as its owner's, whatever is installed.
		i.Status, justified, served = souk.InstallationActive, true, w.OwnerServed
		w.AppSuspended = false
	}
	if d.Final {
		i.Status = souk.InstallationActive
		w.AppDeleted = false
	}
	switch {
	case !found || !w.DeletedAt.IsZero():
		return souk.DeliveryCancelled, "the webhook was deleted"
	case w.AppDeleted:
		return souk.DeliveryCancelled, "the app was deleted"
	case w.URL == "":
		return souk.DeliveryCancelled, "the app has no trigger URL any more"
	case !justified || i.Status == souk.InstallationEnded:
		return souk.DeliveryCancelled, "the installation ended"
	case w.Status != souk.WebhookActive:
		return souk.DeliverySkipped, "the webhook is " + string(w.Status)
	case w.AppSuspended:
		return souk.DeliverySkipped, "the app is suspended"
	case i.Status != souk.InstallationActive:
		return souk.DeliverySkipped, "the installation is " + string(i.Status)
	case !served:
		return souk.DeliverySkipped, "the organization has no subscription"
	}
	return souk.DeliveryPending, ""
}
