package market

import (
	"fmt"
	"slices"
	"time"

	"souk"
	"souk/store"
)

// tellByChannel puts a delivery into the outbox for each webhook that subscribed
// to a channel on which one of the events is told. The events happened at one
// org.
func (tx *Tx) tellByChannel(events []souk.Event) error {
	for dialect, wire := range tx.market.Wires {
		if wire.Channels == nil {
			continue
		}
		t := teller{Tx: tx, dialect: dialect, Channels: wire.Channels}
		for _, e := range events {
			if e.Kind == souk.InstallationAdded {
				t.except = e.Subject
			}
		}
		for _, e := range events {
			if err := t.happened(e); err != nil {
				return err
			}
		}
		if err := t.tell(); err != nil {
			return err
		}
	}
	return nil
}

// teller finds who is to be told of notices.
type teller struct {
	*Tx
	*Channels
	dialect souk.Dialect
	notices []noticed
	except  souk.ID   // an installation that does not hear of its own beginning
	since   time.Time // who came later does not hear; zero: everybody who is there
}

// noticed is a notice with the event it comes from.
type noticed struct {
	souk.Notice
	event souk.Event
	app   souk.ID // that is in a list, or none: the event's own picture

	// idle, if set, tells that nothing changed in the list after all. It is asked
	// only when somebody listens.
	idle func() (bool, error)
}

// happened collects the notices of an event.
func (t *teller) happened(e souk.Event) error {
	for _, n := range t.Notices(e) {
		t.notices = append(t.notices, noticed{Notice: n, event: e})
	}
	switch e.Kind {
	case souk.InstallationAdded, souk.InstallationChanged, souk.InstallationRemoved:
		t.installed(e)
	case souk.ShareAdded, souk.ShareRemoved:
		return t.shared(e)
	case souk.PartnershipAdded, souk.PartnershipRemoved:
		return t.partnered(e)
	case souk.AppChanged, souk.AppRemoved:
		return t.spread(e)
	}
	return nil
}

// installed notices that an app came into the lists of installed apps that its
// installation reaches, or left them.
func (t *teller) installed(e souk.Event) {
	now := append([]souk.ID{e.Org}, e.Data.Workspaces...)
	var before []souk.ID
	switch {
	case e.Kind == souk.InstallationRemoved:
		now, before = nil, now
	case e.Kind == souk.InstallationChanged && e.Data.Before != nil:
		before = append([]souk.ID{e.Org}, e.Data.Before.Workspaces...)
	case e.Kind == souk.InstallationChanged:
		before = now
	}
	for _, org := range now {
		if !slices.Contains(before, org) {
			t.notices = append(t.notices, noticed{Notice: t.Installed(org, e.App, souk.Added), event: e, app: e.App})
		}
	}
	for _, org := range before {
		if !slices.Contains(now, org) {
			t.notices = append(t.notices, noticed{Notice: t.Installed(org, e.App, souk.Removed), event: e, app: e.App})
		}
	}
}

// tell makes the deliveries.
func (t *teller) tell() error {
	words := map[souk.ID][]string{}
	for _, n := range t.notices {
		words[n.Org] = append(words[n.Org], n.Channel.Last())
	}
	heard := map[souk.ID][]store.Listener{}
	var deliveries []souk.Delivery
	for _, n := range t.notices {
		listeners, err := t.listeners(n, words, heard)
		if err != nil {
			return err
		}
		if len(listeners) == 0 {
			continue
		}
		if n.idle != nil {
			if idle, err := n.idle(); err != nil {
				return err
			} else if idle {
				continue
			}
		}
		picture, err := t.picture(n)
		if err != nil {
			return err
		}
		body, err := t.Encode(n.event, n.Notice, picture)
		if err != nil {
			return fmt.Errorf("encoding %s for %s: %w", n.event.Kind, t.dialect, err)
		}
		if body == nil {
			continue
		}
		for _, l := range listeners {
			deliveries = append(deliveries, t.notification(n, l, body))
		}
	}
	return t.send(deliveries)
}

// listeners finds who is to be told of a notice: each webhook once, however many
// of its patterns match.
func (t *teller) listeners(n noticed, words map[souk.ID][]string, heard map[souk.ID][]store.Listener) (to []store.Listener, err error) {
	key, filling := n.Org, souk.Filling{Org: n.Org}
	if n.Org.IsZero() {
		key = n.App
	}
	all, asked := heard[key]
	if !asked {
		if n.Org.IsZero() {
			all, err = t.OwnListeners(n.App)
		} else {
			slices.Sort(words[n.Org])
			all, err = t.Listeners(n.Org, slices.Compact(words[n.Org]))
		}
		if err != nil {
			return nil, err
		}
		heard[key] = all
	}
	for _, l := range all {
		filling.AppUser, filling.Owner, filling.App = l.Installation.AppUser, l.Owner, l.Webhook.App
		told := len(to) > 0 && to[len(to)-1].Webhook.ID == l.Webhook.ID // they come by webhook
		switch {
		case told, l.Webhook.Dialect != t.dialect, !l.Subscription.Wants(n.Action),
			n.Scope != "" && !l.Installation.Scopes.Has(n.Scope),
			!t.except.IsZero() && l.Installation.ID == t.except,
			!t.since.IsZero() && (l.Webhook.CreatedAt.After(t.since) || l.Installation.CreatedAt.After(t.since)):
		case l.Subscription.Pattern.Matches(n.Channel, filling):
			to = append(to, l)
		}
	}
	return to, nil
}

// notification is one delivery of a notice. One on the app's own channel is
// about the installation whose app user speaks, and the last of that one
// outlives it.
func (t *teller) notification(n noticed, l store.Listener, body []byte) souk.Delivery {
	d := t.delivery(n.event, l.Webhook, l.Installation.ID, body)
	d.Speaker, d.Channel, d.Action, d.Resource = l.Installation.ID, n.Channel, n.Action, n.Resource
	if n.Org.IsZero() {
		d.Speaker, d.Final = n.event.Subject, n.Action == souk.Removed
		if d.Final {
			d.Speaker = souk.ID{}
		}
	}
	return d
}
