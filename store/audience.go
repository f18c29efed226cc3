package store

import (
	"slices"

	"souk"
)

// Audience is who hears at an org what is published there.
type Audience struct {
	Subscribers []Subscriber // to the event, by its name
	Listeners   []Listener   // to channels
}

// Audiences finds who hears at many orgs, as Subscribers (about no app) and
// Listeners do at one.
func (tx *Tx) Audiences(orgs []souk.ID, names, words []string) (map[souk.ID]Audience, error) {
	all := make(map[souk.ID]Audience, len(orgs))
	if once := tx.dialect.planOnce; once != "" {
		if _, err := tx.exec(once); err != nil {
			return nil, err
		}
	}
	for some := range slices.Chunk(orgs, mostRows) {
		var subscribers map[souk.ID][]Subscriber
		var err error
		if len(names) > 0 {
			if subscribers, err = tx.subscribersAt(some, souk.ID{}, names); err != nil {
				return nil, err
			}
		}
		listeners, err := tx.listenersAt(some, words)
		if err != nil {
			return nil, err
		}
		for _, org := range some {
			all[org] = Audience{subscribers[org], listeners[org]}
		}
	}
	return all, nil
}

// at is what was found at an org.
type at[T any] struct {
	org   souk.ID
	found T
}

// listAt runs a query whose text has its arguments, then the IDs of orgs, and then
// an end, and files what it finds under the org.
func listAt[T any](tx *Tx, scan func(row) (at[T], error), query, end string, orgs []souk.ID, args ...any) (map[souk.ID][]T, error) {
	orgs = padded(orgs)
	rows, err := list(tx, scan, query+placeholders(len(args)+1, len(orgs))+end, append(args, anys(orgs)...)...)
	if err != nil {
		return nil, err
	}
	found := make(map[souk.ID][]T, len(orgs))
	for _, r := range rows {
		found[r.org] = append(found[r.org], r.found)
	}
	return found, nil
}
