package market

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"souk"
)

// emit records events that all happened at one org about one app (or none) and
// puts a delivery for each endpoint that asked to be told into the outbox.
//
// It fans out here and not in the courier, so that a webhook that is made a
// moment later cannot receive what happened before it existed. It matches
// against the installations that are live after the verb, so call it last.
func (tx *Tx) emit(events ...souk.Event) error {
	if len(events) == 0 {
		return nil
	}
	if err := tx.withoutStrangers(events); err != nil {
		return err
	}
	if err := tx.catalogued(events); err != nil {
		return err
	}
	if err := tx.named(events); err != nil {
		return err
	}
	if err := tx.InsertEvents(history(events)); err != nil || tx.quiet {
		return err
	}
	if err := tx.tellByName(events); err != nil {
		return err
	}
	return tx.tellByChannel(events)
}

// history is those of events that are written down: publications are none of the
// marketplace's, and what they say is in the deliveries.
func history(events []souk.Event) []souk.Event {
	return slices.DeleteFunc(slices.Clone(events), isPublication)
}

func isPublication(e souk.Event) bool { return e.Kind == souk.ChannelPublished }

// tellByName puts a delivery into the outbox for each webhook that subscribed
// to an event by its name.
func (tx *Tx) tellByName(events []souk.Event) error {
	wanted := map[string]bool{}
	var names []string
	for _, e := range events {
		for _, wire := range tx.market.Wires {
			if wire.Name == nil {
				continue
			}
			if name := wire.Name(e.Kind); name != "" && !wanted[name] {
				wanted[name] = true
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	subscribers, err := tx.Subscribers(events[0].Org, events[0].App, names)
	if err != nil {
		return err
	}
	for _, e := range events {
		var to []souk.Endpoint
		for _, s := range subscribers {
			wire := tx.market.Wires[s.Webhook.Dialect]
			if wire.Encode == nil || wire.Name(e.Kind) != s.Event || !mayHear(e, s.Endpoint) || !wire.hears(s) || !reaches(e, s.Endpoint) {
				continue
			}
			if fits, err := tx.inItsEnvironment(s.Webhook); err != nil {
				return err
			} else if fits {
				to = append(to, s.Endpoint)
			}
		}
		if len(to) > mostTold {
			if err = tx.spellable(e, to); err == nil {
				err = tx.fanOut(e, to)
			}
		} else {
			err = tx.tellEndpoints(e, to)
		}
		if err == nil {
			err = tx.tellGoodbye(e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tellEndpoints puts an event into the outbox for endpoints that may hear it.
func (tx *Tx) tellEndpoints(e souk.Event, to []souk.Endpoint) error {
	var deliveries []souk.Delivery
	for _, endpoint := range to {
		body, err := tx.market.Wires[endpoint.Webhook.Dialect].Encode(e, endpoint)
		if err != nil {
			return fmt.Errorf("encoding %s for %s: %w", e.Kind, endpoint.Webhook.Dialect, err)
		}
		if body != nil {
			deliveries = append(deliveries, tx.delivery(e, endpoint.Webhook, endpoint.Installation.ID, body))
		}
	}
	return tx.send(deliveries)
}

// send puts deliveries into the outbox.
func (tx *Tx) send(deliveries []souk.Delivery) error {
	for i := range deliveries {
		d := &deliveries[i]
		d.Trace = tx.trace
		d.Handed = tx.market.Takes != nil && tx.market.Takes(d.Webhook)
		if tx.tally != nil {
			tx.tally[d.Event]++
		}
	}
	stored, err := tx.InsertDeliveries(deliveries)
	tx.told = append(tx.told, stored...)
	return err
}

// delivery is an event's for a webhook: due at once, or if that is disabled what
// its dialect's rule has become of it meanwhile.
func (tx *Tx) delivery(e souk.Event, w souk.Webhook, installation souk.ID, body []byte) souk.Delivery {
	d := souk.Delivery{
		ID: souk.NewID(), Event: e.ID, Webhook: w.ID, App: w.App, Installation: installation,
		Dialect: w.Dialect, Epoch: w.Epoch, Body: body, Status: souk.DeliveryPending, NextAt: tx.at,
		CreatedAt: tx.at, Entry: souk.NewID(), EntryAt: tx.at,
	}
	if w.Status == souk.WebhookDisabled {
		d.Status, d.NextAt = souk.DeliveryHeld, time.Time{}
		if !souk.DisableRules[w.Dialect].Holds {
			d.Status, d.EndedAt, d.Note = souk.DeliverySkipped, tx.at, "the webhook is disabled"
		}
	}
	return d
}

// mayHear reports whether an endpoint may be told an event. A native webhook
// hears everything about its own app, and about others only with a scope. Other
// dialects say for themselves, in Name and Encode, which events exist on them.
// What a host product publishes is for those alone who are installed where it
// happened and hold the scope that it names.
func mayHear(e souk.Event, to souk.Endpoint) bool {
	held := to.Installation.Scopes
	if p := e.Data.Publication; p != nil && (to.Installation.ID.IsZero() || p.Scope != "" && !held.Has(p.Scope)) {
		return false
	}
	return to.Webhook.Dialect != souk.Native || to.Webhook.App == e.App || held.Has(souk.MarketplaceRead)
}

// withoutStrangers takes whoever acted from another root out of events: an org
// is told what a partner did, and not who works there.
func (tx *Tx) withoutStrangers(events []souk.Event) error {
	for _, e := range events {
		d := e.Data
		if d.Actor == nil || d.Actor.Org == e.Org || d.Actor.Org == e.Root {
			continue
		}
		home, err := tx.Org(d.Actor.Org)
		if err != nil {
			return err
		}
		if home.Root() != e.Root {
			d.Actor = nil
		}
	}
	return nil
}

// event starts an event at a place.
func (tx *Tx) event(kind souk.EventKind, org, enterprise souk.Org, app *souk.App, subject souk.ID) souk.Event {
	e := souk.Event{
		ID: souk.NewID(), Kind: kind, Root: org.Root(), Org: org.ID, Subject: subject, At: tx.at,
		Data: &souk.EventData{App: app, Org: &org},
	}
	if app != nil {
		e.App = app.ID
	}
	if !enterprise.ID.IsZero() {
		e.Data.Enterprise = &enterprise
	}
	return e
}

// acting is the person who acts, for an event's data; nil when nobody does.
func (tx *Tx) acting() (*souk.User, error) {
	if tx.actor.User.IsZero() {
		return nil, nil
	}
	u, err := tx.User(tx.actor.User)
	return &u, err
}

// catalogued adds to events the catalogue entries of the scopes they name.
func (tx *Tx) catalogued(events []souk.Event) error {
	for i := range events {
		d := events[i].Data
		var names souk.Scopes
		if d.Request != nil {
			names = names.Union(d.Request.Scopes)
		}
		if d.Resolution != nil {
			names = names.Union(d.Resolution.Scopes)
		}
		if d.Previous != nil {
			names = names.Union(d.Previous.Scopes)
		}
		if d.Installation != nil {
			names = names.Union(d.Installation.Scopes)
		}
		if len(names) == 0 {
			continue
		}
		var err error
		if d.Catalogue, err = tx.entries(names); err != nil {
			return err
		}
	}
	return nil
}

var builtin = func() map[string]souk.Scope {
	all := make(map[string]souk.Scope, len(souk.BuiltinScopes))
	for _, s := range souk.BuiltinScopes {
		all[s.Name] = s
	}
	return all
}()

// catalogue is every scope there is, by name.
func (tx *Tx) catalogue() (map[string]souk.Scope, error) {
	if tx.scopes != nil {
		return tx.scopes, nil
	}
	added, err := tx.AddedScopes()
	if err != nil {
		return nil, err
	}
	tx.scopes = make(map[string]souk.Scope, len(builtin)+len(added))
	for _, s := range added {
		tx.scopes[s.Name] = s
	}
	maps.Copy(tx.scopes, builtin) // which nobody redefines
	return tx.scopes, nil
}

// entries looks scopes up in the catalogue and leaves out what is not there.
// Verbs do it all the time, mostly for built-in scopes, so it reads the added
// ones only when they are meant.
func (tx *Tx) entries(names souk.Scopes) (found []souk.Scope, err error) {
	catalogue := builtin
	for _, name := range names {
		if _, ok := catalogue[name]; !ok {
			if catalogue, err = tx.catalogue(); err != nil {
				return nil, err
			}
			break
		}
	}
	for _, name := range names {
		if s, ok := catalogue[name]; ok {
			found = append(found, s)
		}
	}
	return found, nil
}

// inCatalogue refuses scopes that do not exist.
func (tx *Tx) inCatalogue(names souk.Scopes) error {
	found, err := tx.entries(names)
	if err != nil {
		return err
	}
	for i, name := range names {
		if i == len(found) || found[i].Name != name {
			return fmt.Errorf("%q: %w", name, souk.UnknownScope)
		}
	}
	return nil
}
