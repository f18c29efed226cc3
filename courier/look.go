package courier

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"time"

	"souk"
	"souk/store"
)

const (
	refresh   = 250 * time.Millisecond // what is used and older is looked at again, so that nobody has to wait
	inUse     = time.Second            // what was used since
	mostSeen  = 1024                   // endpoints, and installations, of one look
	headsSeen = 64                     // organizations that a look knows to come next in a lane
	remember  = 5 * time.Second
)

// openWebhook is a webhook as a look found it, with its secrets opened.
type openWebhook struct {
	store.LiveWebhook
	webhook     souk.Webhook
	credentials souk.Credentials
	err         error // of opening them
}

// seenInstallation is an installation as a look found it, or not.
type seenInstallation struct {
	store.LiveInstallation
	found  bool
	at     time.Time
	look   int // the number of the look
	usedAt time.Time
}

// look is one read of those that are to be told something.
type look struct {
	at            time.Time
	number        int
	endpoints     []souk.ID
	unknown       map[souk.ID]bool // of them, those whose health is to be read
	installations []souk.ID

	hooks    map[souk.ID]store.LiveWebhook
	installs map[souk.ID]store.LiveInstallation
	healths  map[souk.ID]souk.Health
}

// look starts a look if one is needed and none under way.
func (r *run) look() {
	if r.looking || r.stopping || len(r.blind) == 0 && !r.dim || r.now.Before(r.lookFrom) {
		return
	}
	k := r.aim()
	r.looks++
	k.number = r.looks
	r.looking, r.dim = true, false
	go func() {
		err := r.DB.Read(r.base, k.do)
		r.reports <- func() { r.seen(k, err) }
	}()
}

// aim says what to look at: at what somebody waits for, and at what was used of
// late and will be too old soon.
func (r *run) aim() *look {
	k := &look{at: r.now, unknown: map[souk.ID]bool{}}
	asked := map[souk.ID]bool{}
	// What was looked at just now is not again, unless that was before a look.
	installation := func(id souk.ID, before int) {
		if id.IsZero() || asked[id] || len(asked) >= mostSeen {
			return
		}
		if i := r.installs[id]; i != nil && i.look > before && r.now.Sub(i.at) < refresh {
			return
		}
		asked[id] = true
		k.installations = append(k.installations, id)
	}
	endpoint := func(l *lane) {
		if len(k.endpoints) >= mostSeen {
			return
		}
		k.endpoints = append(k.endpoints, l.endpoint)
		if !l.told {
			k.unknown[l.endpoint] = true
		}
	}
	head := func(d *souk.Delivery) {
		installation(d.Installation, r.known[d.ID])
		installation(d.Speaker, r.known[d.ID])
	}
	for _, l := range r.blind {
		endpoint(l)
		if l.waiting() > 0 {
			head(l.peek())
		}
	}
	for l := range r.busy {
		if l.waiting() > 0 {
			l.fresh.heads(headsSeen, head)
			l.again.heads(headsSeen, head)
		}
		if l.blind || l.dialect == "" { // without one, nobody knows what its breaker may do
			continue
		}
		used := l.waiting() > 0 || r.now.Sub(l.usedAt) < inUse
		if !used && l.told {
			if l.doze(); l.inHand == 0 {
				delete(r.busy, l)
			}
		}
		if used && r.now.Sub(l.lookedAt) >= refresh || !l.told && !l.lookedAt.IsZero() {
			endpoint(l)
		}
	}
	for id, i := range r.installs {
		switch {
		case r.now.Sub(i.usedAt) < inUse:
			installation(id, 0)
		case r.now.Sub(i.usedAt) > remember:
			delete(r.installs, id)
		}
	}
	return k
}

// do is the transaction.
func (k *look) do(tx *store.Tx) (err error) {
	if k.hooks, err = tx.LiveWebhooks(k.endpoints); err != nil {
		return err
	}
	if k.installs, err = tx.LiveInstallations(padded(k.installations)); err != nil {
		return err
	}
	k.healths, err = tx.HealthOf(slices.Collect(maps.Keys(k.unknown)))
	return err
}

// padded repeats the last of ids until there is a power of two of them, so that
// there are few different statements.
func padded(ids []souk.ID) []souk.ID {
	n := 1
	for n < len(ids) {
		n *= 2
	}
	for len(ids) > 0 && len(ids) < n {
		ids = append(ids, ids[len(ids)-1])
	}
	return ids
}

// seen takes what a look has found.
func (r *run) seen(k *look, err error) {
	r.looking = false
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			r.Log.Error("the courier could not look at its endpoints", "err", err)
		}
		r.lookFrom = r.now.Add(pause)
		return
	}
	for _, id := range k.installations {
		i := r.installs[id]
		if i == nil {
			i = &seenInstallation{usedAt: k.at}
			r.installs[id] = i
		}
		i.LiveInstallation, i.found = k.installs[id]
		i.at, i.look = k.at, k.number
	}
	for _, id := range k.endpoints {
		l := r.lanes[id]
		if l == nil {
			continue
		}
		l.lookedAt, l.look = k.at, k.number
		w, found := k.hooks[id]
		if !found {
			w.DeletedAt = k.at
		}
		if l.hook == nil || !reflect.DeepEqual(l.hook.LiveWebhook, w) {
			// Whoever changes a webhook may have forgiven it: what is
			// written down about its health counts.
			l.told = l.told && l.hookAt.Equal(w.UpdatedAt)
			r.dim = r.dim || !l.told && !k.unknown[id]
			l.hook, l.hookAt = opened(w, r.Key), w.UpdatedAt
		}
		if k.unknown[id] {
			r.tell(l, k.healths[id])
		}
	}
	blind := r.blind
	r.blind = nil
	for _, l := range blind {
		l.blind = false
		r.ponder(l)
	}
}

// ownUp tells of looks that take so long, or fail so often, that lanes with something
// due cannot send: since when the first of them waits. Once in a second is enough.
func (r *run) ownUp() {
	if r.courier.blind.Load() == nil && len(r.blind) == 0 || r.now.Sub(r.ownedUp) < sweep {
		return
	}
	r.ownedUp = r.now
	var since *time.Time
	for _, l := range r.blind {
		if l.waiting() > 0 && (since == nil || l.blindFrom.Before(*since)) {
			from := l.blindFrom
			since = &from
		}
	}
	r.courier.blind.Store(since)
}

// opened opens the secrets of a webhook.
func opened(w store.LiveWebhook, key souk.Key) *openWebhook {
	o := &openWebhook{LiveWebhook: w}
	var ofHook, ofApp error
	o.webhook, ofHook = w.SealedWebhook.Open(key)
	o.credentials, ofApp = w.Credentials.Open(key)
	o.err = errors.Join(ofHook, ofApp)
	return o
}

// sees reports whether what decides about d was looked at just now, and asks for
// a look when that will soon be over.
func (r *run) sees(l *lane, d *souk.Delivery) bool {
	oldest := l.lookedAt
	for _, id := range [...]souk.ID{d.Installation, d.Speaker} {
		if id.IsZero() {
			continue
		}
		i := r.installs[id]
		if i == nil {
			return false
		}
		i.usedAt = r.now
		if i.at.Before(oldest) {
			oldest = i.at
		}
	}
	age := r.now.Sub(oldest)
	r.dim = r.dim || age >= refresh
	return age <= freshness && l.told
}

// sawIt reports whether what decides about d was looked at since d came in. What
// an older look says against it may have been over when d was made.
func (r *run) sawIt(l *lane, d *souk.Delivery) bool {
	oldest := l.look
	for _, id := range [...]souk.ID{d.Installation, d.Speaker} {
		if i := r.installs[id]; i != nil {
			oldest = min(oldest, i.look)
		}
	}
	return oldest > r.known[d.ID]
}

// speaker is whose token an attempt of d carries, and where d is justified.
func (r *run) speaker(w *openWebhook, d *souk.Delivery) (souk.Speaker, souk.ID) {
	var org souk.ID
	if i := r.installs[d.Installation]; i != nil {
		org = i.Org
	}
	i := r.installs[d.Speaker]
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
		i := r.installs[d.Installation]
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
