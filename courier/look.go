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

// sight is what was looked at, and what is to be. One look is under way at most. A
// lane that is on blind has a delivery whose turn it is, and starts nothing before
// a look that begins later has ended; each look ends the wait of all.
type sight struct {
	installs  map[souk.ID]*seenInstallation // that were in use in the last seconds
	busy      map[*lane]struct{}            // with something in hand, or of late: looks are for these
	blind     []*lane
	dim       bool      // a look would be good, though nobody waits for it
	began     int       // looks that did
	looking   bool      // one is under way
	notBefore time.Time // no look is, as the last one failed
	ownedUp   time.Time // when it was told last how long some of blind have been
}

func newSight() sight {
	return sight{installs: map[souk.ID]*seenInstallation{}, busy: map[*lane]struct{}{}}
}

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
	if r.sight.looking || r.stopping || len(r.sight.blind) == 0 && !r.sight.dim || r.now.Before(r.sight.notBefore) {
		return
	}
	k := r.aim()
	r.sight.began++
	k.number = r.sight.began
	r.sight.looking, r.sight.dim = true, false
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
		if i := r.sight.installs[id]; i != nil && i.look > before && r.now.Sub(i.at) < refresh {
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
		installation(d.Installation, r.hand.known[d.ID])
		installation(d.Speaker, r.hand.known[d.ID])
	}
	for _, l := range r.sight.blind {
		endpoint(l)
		if l.waiting() > 0 {
			head(l.peek())
		}
	}
	for l := range r.sight.busy {
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
				delete(r.sight.busy, l)
			}
		}
		if used && r.now.Sub(l.lookedAt) >= refresh || !l.told && !l.lookedAt.IsZero() {
			endpoint(l)
		}
	}
	for id, i := range r.sight.installs {
		switch {
		case r.now.Sub(i.usedAt) < inUse:
			installation(id, 0)
		case r.now.Sub(i.usedAt) > remember:
			delete(r.sight.installs, id)
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
	r.sight.looking = false
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			r.Log.Error("the courier could not look at its endpoints", "err", err)
		}
		r.sight.notBefore = r.now.Add(pause)
		return
	}
	for _, id := range k.installations {
		i := r.sight.installs[id]
		if i == nil {
			i = &seenInstallation{usedAt: k.at}
			r.sight.installs[id] = i
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
			r.sight.dim = r.sight.dim || !l.told && !k.unknown[id]
			l.hook, l.hookAt = opened(w, r.Key), w.UpdatedAt
		}
		if k.unknown[id] {
			r.tell(l, k.healths[id])
		}
	}
	blind := r.sight.blind
	r.sight.blind = nil
	for _, l := range blind {
		l.blind = false
		r.ponder(l)
	}
}

// ownUp tells of looks that take so long, or fail so often, that lanes with something
// due cannot send: since when the first of them waits. Once in a second is enough.
func (r *run) ownUp() {
	if r.courier.blind.Load() == nil && len(r.sight.blind) == 0 || r.now.Sub(r.sight.ownedUp) < sweep {
		return
	}
	r.sight.ownedUp = r.now
	var since *time.Time
	for _, l := range r.sight.blind {
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
