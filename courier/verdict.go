package courier

import "souk"

// sees reports whether what decides about d was looked at just now, and asks for
// a look when that will soon be over.
func (r *run) sees(l *lane, d *souk.Delivery) bool {
	oldest := l.lookedAt
	for _, id := range [...]souk.ID{d.Installation, d.Speaker} {
		if id.IsZero() {
			continue
		}
		i := r.sight.installs[id]
		if i == nil {
			return false
		}
		i.usedAt = r.now
		if i.at.Before(oldest) {
			oldest = i.at
		}
	}
	age := r.now.Sub(oldest)
	r.sight.dim = r.sight.dim || age >= refresh
	return age <= freshness && l.told
}

// sawIt reports whether what decides about d was looked at since d came in. What
// an older look says against it may have been over when d was made.
func (r *run) sawIt(l *lane, d *souk.Delivery) bool {
	oldest := l.look
	for _, id := range [...]souk.ID{d.Installation, d.Speaker} {
		if i := r.sight.installs[id]; i != nil {
			oldest = min(oldest, i.look)
		}
	}
	return oldest > r.hand.known[d.ID]
}

// speaker is whose token an attempt of d carries, and where d is justified.
func (r *run) speaker(w *openWebhook, d *souk.Delivery) (souk.Speaker, souk.ID) {
	var org souk.ID
	if i := r.sight.installs[d.Installation]; i != nil {
		org = i.Org
	}
	i := r.sight.installs[d.Speaker]
	if i == nil || i.Status != souk.InstallationActive || i.AppUser.IsZero() || i.App != w.App || w.AppSuspended || w.AppDeleted {
		return souk.Speaker{}, org
	}
	return souk.Speaker{Installation: i.ID, App: i.App, Org: i.Org, User: i.AppUser}, org
}

// verdict decides whether d may be attempted: then it is pending, else it is
// held or ended for the reason told.
func (r *run) verdict(w *openWebhook, d *souk.Delivery) (souk.DeliveryStatus, string) {
	status, justified, served := souk.InstallationActive, true, w.OwnerServed
	suspended, deleted := w.AppSuspended, w.AppDeleted
	if d.Installation.IsZero() {
		suspended = false // an app is told about itself as its owner's, whatever is installed
	} else {
		i := r.sight.installs[d.Installation]
		status, justified, served = i.Status, i.found, i.Served
	}
	if d.Final {
		status, deleted = souk.InstallationActive, false
	}
	switch {
	case !w.DeletedAt.IsZero():
		return souk.DeliveryCancelled, "the webhook was deleted"
	case deleted:
		return souk.DeliveryCancelled, "the app was deleted"
	case w.URL == "":
		return souk.DeliveryCancelled, "the app has no trigger URL any more"
	case !justified || status == souk.InstallationEnded:
		return souk.DeliveryCancelled, "the installation ended"
	case d.Epoch < w.Epoch:
		return souk.DeliverySkipped, "it was skipped when the webhook was enabled"
	case w.Status == souk.WebhookDisabled && souk.DisableRules[d.Dialect].Holds:
		return souk.DeliveryHeld, ""
	case w.Status != souk.WebhookActive:
		return souk.DeliverySkipped, "the webhook is " + string(w.Status)
	case suspended:
		return souk.DeliverySkipped, "the app is suspended"
	case status != souk.InstallationActive:
		return souk.DeliverySkipped, "the installation is " + string(status)
	case !served:
		return souk.DeliverySkipped, "the organization has no subscription"
	}
	return souk.DeliveryPending, ""
}
