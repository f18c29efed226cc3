package market

import (
	"fmt"

	"souk"
	"souk/store"
)

// mostTold is how many endpoints of one event a verb tells itself, so that who
// called it does not wait for all that listen. More are written down in one row,
// and a job tells them as many at a time
// (docs/decisions/0018-fan-out-in-the-verb.md).
const mostTold = 64

// fanOut leaves it to a job to tell many endpoints of an event.
func (tx *Tx) fanOut(e souk.Event, to []souk.Endpoint) error {
	f := store.Fanout{ID: souk.NewID(), Event: e.ID, CreatedAt: tx.at}
	for _, endpoint := range to {
		f.Endpoints = append(f.Endpoints, store.Pair{Webhook: endpoint.Webhook.ID, Installation: endpoint.Installation.ID})
	}
	if tx.tally != nil {
		tx.tally[e.ID] += len(to)
	}
	if isPublication(e) { // which nobody has written down; Tidy forgets it
		if err := tx.InsertEvents([]souk.Event{e}); err != nil {
			return err
		}
	}
	if err := tx.PutFanout(f); err != nil {
		return err
	}
	return tx.later(store.Job{Kind: store.FanOut, Org: e.Org, Other: f.ID, Event: e.ID, Verb: string(e.Kind)})
}

// spellable refuses what a dialect cannot tell: the verb is to refuse it, and
// not a job to find out when it is done.
func (tx *Tx) spellable(e souk.Event, to []souk.Endpoint) error {
	tried := map[souk.Dialect]bool{}
	for _, endpoint := range to {
		dialect := endpoint.Webhook.Dialect
		if tried[dialect] {
			continue
		}
		tried[dialect] = true
		if _, err := tx.market.Wires[dialect].Encode(e, endpoint); err != nil {
			return fmt.Errorf("encoding %s for %s: %w", e.Kind, dialect, err)
		}
	}
	return nil
}

// stepFanOut tells the next endpoints of a fanout.
func (tx *Tx) stepFanOut(j *store.Job) (left bool, err error) {
	f, err := tx.Fanout(j.Other)
	if err != nil {
		return false, err
	}
	some := f.Endpoints[f.Done:]
	some = some[:min(len(some), mostTold)]
	e, err := tx.Event(f.Event)
	if err != nil {
		return false, err
	}
	to, err := tx.EndpointsOf(some)
	if err != nil {
		return false, err
	}
	if err := tx.tellEndpoints(e, to); err != nil {
		return false, err
	}
	if f.Done += len(some); f.Done == len(f.Endpoints) {
		return false, tx.RemoveFanout(f.ID)
	}
	j.After = souk.Position{At: tx.at, ID: some[len(some)-1].Webhook}
	return true, tx.AdvanceFanout(f.ID, f.Done)
}
