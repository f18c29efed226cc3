package market

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"

	"souk"
)

// World is a marketplace, or a part of one, as an operator wrote it down
// (docs/world.md). Objects are keyed by names that exist only in documents.
// What an object does not mention stays as it is, or is the default of a new
// one: a nil pointer or a nil slice mentions nothing.
type World struct {
	Scopes        map[string]WorldScope
	Orgs          map[string]WorldOrg
	Partnerships  []WorldPartnership
	Users         map[string]WorldUser
	Apps          map[string]WorldApp
	Resolutions   []WorldResolution
	Installations map[string]WorldInstallation
	Requests      map[string]WorldRequest
	Tokens        map[string]WorldToken
}

// Ref names an object: by its key in this document or in one that was applied
// before, or by its UUID. The empty Ref names none.
type Ref string

// Given is what any object may say about itself.
type Given struct {
	ID     souk.ID // brought along; none: the one remembered for the key, or a new one
	Absent bool    // it is to be removed
}

// How tells in what way a world is applied.
type How struct {
	DryRun      bool // compute the plan and write nothing
	QuietEvents bool // record the events and tell nobody
}

// Applied is what applying a world did, or would do.
type Applied struct {
	Objects []Object // in the order in which they were applied; none of a dry run
	Plan    []Step   // what is different now; empty when everything was so before
}

// Object is one object of a document as it is stored.
type Object struct {
	Section string // of the document, such as "orgs"
	Key     string // in it; of a webhook with its app's before it: "app.webhook"
	ID      souk.ID
	Kind    souk.OrgKind // of an org
	// Secret of a token, if this run made it or was given it.
	Secret string
	// Credentials of an app: what this run made or was given, else empty.
	Credentials souk.Credentials
	// WebhookSecret signs for a native webhook, if this run made it or was given it.
	WebhookSecret string
}

// Step is one change.
type Step struct {
	Section, Key string
	Do           Doing
	Fields       []string // that change, as the document names them
}

// Doing is what a step does to its object.
type Doing string

// An object that is as the document says has no step.
const (
	Create Doing = "create"
	Change Doing = "change"
	Remove Doing = "remove"
)

// errDryRun rolls back what was only computed.
var errDryRun = errors.New("dry run")

// ApplyWorld writes the state that a document gives, in one transaction and in
// an order of its own, checked against what must always hold and not against
// who may. The operator may. It never removes what w does not mention. It
// refuses NotAllowed, and Invalid with every problem at once; each Field is the
// place in the document.
func (m *Market) ApplyWorld(ctx context.Context, actor souk.Actor, w World, how How) (done Applied, err error) {
	if !actor.IsOperator() {
		return done, souk.NotAllowed
	}
	passwords, err := m.hashPasswords(ctx, w)
	if err != nil {
		return done, err
	}
	err = m.write(ctx, actor, w.locks, func(tx *Tx) error {
		tx.quiet = how.QuietEvents
		a := &applier{Tx: tx, world: w, passwords: passwords, broken: map[worldName]bool{}, narrowed: map[souk.ID]bool{}}
		if err := a.apply(); err != nil {
			return err
		}
		done = a.done
		if how.DryRun {
			return errDryRun
		}
		return nil
	})
	if errors.Is(err, errDryRun) {
		return Applied{Plan: done.Plan}, nil
	}
	if err != nil {
		return Applied{}, err
	}
	return done, nil
}

// inOrder walks a section by key, so that one document is always applied in
// one order.
func inOrder[V any](section map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, key := range slices.Sorted(maps.Keys(section)) {
			if !yield(key, section[key]) {
				return
			}
		}
	}
}
