// Package market has one exported method per verb of the marketplace, and each
// method is one transaction: it writes rows, events, deliveries and the audit
// entry, or nothing. The same verb serves every wire; no wire has a private
// door. A wire may ask for more than a verb does, never for less.
//
// A verb takes the souk.Actor who asks and an input struct, and refuses with
// one of souk.Refusals or with souk.Invalid. Whatever belongs to another
// organization is refused exactly as if it did not exist.
package market

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"souk"
	"souk/store"
)

// Market runs the verbs over one database.
type Market struct {
	DB  *store.DB
	Key souk.Key

	// Wires tells how each dialect spells events. A dialect that is not here
	// is told nothing.
	Wires map[souk.Dialect]Wire

	// CheckURL refuses, in a sentence for whoever saves it, the URL of a
	// webhook that Souk does not send to.
	CheckURL func(string) error

	// Told, if set, is called after a commit with the deliveries that it put into
	// the outbox, none when it made others due: a hint for the courier. It must
	// not block.
	Told func([]souk.Delivery)

	// Takes, if set, reports whether the courier that Told hints at has an endpoint:
	// then deliveries to it are marked as Handed.
	Takes func(endpoint souk.ID) bool

	// Keep is how much of the log is kept.
	Keep Keeping

	// Trace, if set, says of what a call is a part, as a traceparent; "" for
	// nothing. It goes with the deliveries that the call causes.
	Trace func(context.Context) string

	// Mail, if set, sends a letter. It may take as long as mail takes. Without it
	// nobody is written to.
	Mail func(context.Context, souk.Letter) error

	// Begun, if set, is called after a commit that left something to be done bit
	// by bit: a hint for whoever runs StepJob. It must not block.
	Begun func()

	mailroom *mailroom // see Market.mail
}

// Wire is how one dialect tells events. main hands one in per dialect, so that
// the market knows no dialect.
type Wire struct {
	// Name is what the dialect calls an event, or "" when it does not tell it.
	Name func(souk.EventKind) string
	// Encode spells an event for an endpoint. It is pure: it runs inside the
	// verb's transaction. No body means that this endpoint is not told.
	Encode func(souk.Event, souk.Endpoint) ([]byte, error)
	// Handshake proves that a URL belongs to whoever saves it, before the
	// verb's transaction. Nil where the dialect has none.
	Handshake func(ctx context.Context, hook souk.Webhook, with souk.Credentials) error
	// Events are the names that a webhook may subscribe to.
	Events []string
	// Needs are, by the name of an event, the scopes of which an app asks for one
	// to subscribe to it, and holds one where it happened to be told. What is not
	// there needs none.
	Needs map[string]souk.Scopes
	// Goodbye is what the dialect calls the end of an authorization, where it tells
	// that to the app alone that was authorized, at webhooks that are for it
	// (souk.Deauthorization). Nobody subscribes to it.
	Goodbye string
	// Triggers is set by a dialect that calls the trigger URLs of apps.
	Triggers *Triggers
	// Channels is set by a dialect that tells what happens to the resources of
	// channels; its webhooks subscribe to patterns, and Name and Encode are nil.
	Channels *Channels
}

// Channels is how a dialect tells what happens on channels.
type Channels struct {
	// Notices says on which channels an event is told.
	Notices func(souk.Event) []souk.Notice
	// Installed and Offered are notices that an app came into, changed in or
	// left an org's list of installed apps, or of those its partners offer.
	Installed, Offered func(org, app souk.ID, a souk.Action) souk.Notice
	// Encode spells a notice, for all its listeners alike. It is pure. No body
	// means that there is nothing to tell, as of a change that does not show.
	Encode func(souk.Event, souk.Notice, Picture) ([]byte, error)
	// Owns reports whether only Souk itself tells things on a channel.
	Owns func(souk.Channel) bool
}

// Triggers is how a dialect tells that a condition came about.
type Triggers struct {
	// Encode spells what a call in the background will tell. It is pure: it runs
	// inside the verb's transaction.
	Encode func(souk.Trigger) ([]byte, error)
	// Address is the app's trigger URL with all that it is told, signed with the
	// app's secrets; it opens for some minutes.
	Address func(t souk.Trigger, with souk.Credentials, at time.Time) (string, error)
}

// now is the time of a verb: the same on all nodes, whatever their clocks say.
func (m *Market) now() time.Time { return m.DB.Now() }

// write runs a verb: find names what it locks, fn is its body.
func (m *Market) write(ctx context.Context, actor souk.Actor, find func(*store.Tx) (store.Locks, error), fn func(*Tx) error) error {
	var last *Tx // fn may run again: the last run counts
	trace := ""
	if m.Trace != nil {
		trace = m.Trace(ctx)
	}
	err := m.DB.Write(ctx, find, func(s *store.Tx) error {
		last = &Tx{Tx: s, market: m, actor: actor, at: m.now(), trace: trace}
		return fn(last)
	})
	if err == nil {
		m.committed(last)
	}
	return err
}

// committed tells those who carry on what a transaction left to them.
func (m *Market) committed(tx *Tx) {
	if (len(tx.told) > 0 || tx.freed) && m.Told != nil {
		m.Told(tx.told)
	}
	if tx.left && m.Begun != nil {
		m.Begun()
	}
}

// Tx is one verb's transaction. The bodies of the verbs are its methods, so
// that ApplyWorld can compose many of them in one transaction.
type Tx struct {
	*store.Tx
	market *Market
	actor  souk.Actor
	at     time.Time
	trace  string                // of what it is a part, see Market.Trace
	told   []souk.Delivery       // that were put into the outbox
	freed  bool                  // deliveries that waited are due
	left   bool                  // there is a job to go on with
	tally  map[souk.ID]int       // deliveries by event, where they are counted
	quiet  bool                  // events are recorded and nobody is told
	paper  *paper                // instead of a database; mostly nil
	scopes map[string]souk.Scope // the catalogue, once it was asked for
}

// or replaces "no such row" by a refusal.
func or(err error, refusal souk.Refusal) error {
	if errors.Is(err, store.ErrNotFound) {
		return refusal
	}
	return err
}

// ignoreMissing turns "no such row" into nothing found.
func ignoreMissing(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// audit writes who did what to what. before and after are nouns, or nil.
// What belongs to no org is passed the zero Org and stands with the platform's.
func (tx *Tx) audit(verb string, org souk.Org, app, subject souk.ID, before, after any) error {
	return tx.AppendAudit(souk.AuditEntry{
		Root: org.Root(), At: tx.at, Verb: verb, Face: tx.actor.Face,
		User: tx.actor.User, Token: tx.actor.Token, OnBehalf: tx.actor.Platform && !tx.actor.User.IsZero(),
		Org: org.ID, App: app, Subject: subject,
	}, before, after)
}

// problems collects what is wrong with an input.
type problems souk.Invalid

func (p *problems) add(field, format string, args ...any) {
	*p = append(*p, souk.Problem{Field: field, Reason: fmt.Sprintf(format, args...)})
}

// text checks a piece of text that people or programs wrote: databases keep
// neither NUL bytes nor broken UTF-8.
func (p *problems) text(field, s string, most int) {
	switch {
	case len(s) > most:
		p.add(field, "must be at most %d bytes long", most)
	case !utf8.ValidString(s):
		p.add(field, "must be valid UTF-8")
	default:
		for i := range len(s) {
			if s[i] == 0 {
				p.add(field, "must not contain NUL")
				return
			}
		}
	}
}

func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return souk.Invalid(p)
}
