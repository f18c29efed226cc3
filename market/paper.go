package market

import (
	"context"
	"slices"
	"sync"
	"time"

	"souk"
	"souk/store"
)

// paper stands in for the database in a Tx that has none: what it would read was
// read before, and what it would write is written later, together with others'.
type paper struct {
	*audience
	deliveries []souk.Delivery
	events     []souk.Event // that are fanned out
	fanouts    []store.Fanout
	jobs       []store.Job
}

// audience is who hears at some orgs what is published there, as it was at one
// moment. One that is not there, or is closed, is not in it.
type audience struct {
	places map[souk.ID]place
	at     map[souk.ID]store.Audience
}

// Subscribers is store's, or on paper.
func (tx *Tx) Subscribers(org, app souk.ID, names []string) ([]store.Subscriber, error) {
	if tx.paper != nil {
		return tx.paper.audience.at[org].Subscribers, nil
	}
	return tx.Tx.Subscribers(org, app, names)
}

// Listeners is store's, or on paper.
func (tx *Tx) Listeners(org souk.ID, words []string) ([]store.Listener, error) {
	if tx.paper != nil {
		return tx.paper.audience.at[org].Listeners, nil
	}
	return tx.Tx.Listeners(org, words)
}

// InsertEvents is store's, or on paper.
func (tx *Tx) InsertEvents(events []souk.Event) error {
	if tx.paper != nil {
		tx.paper.events = append(tx.paper.events, events...)
		return nil
	}
	return tx.Tx.InsertEvents(events)
}

// InsertDeliveries is store's, or on paper.
func (tx *Tx) InsertDeliveries(all []souk.Delivery) ([]souk.Delivery, error) {
	if tx.paper != nil {
		tx.paper.deliveries = append(tx.paper.deliveries, all...)
		return nil, nil
	}
	return tx.Tx.InsertDeliveries(all)
}

// PutFanout is store's, or on paper.
func (tx *Tx) PutFanout(f store.Fanout) error {
	if tx.paper != nil {
		tx.paper.fanouts = append(tx.paper.fanouts, f)
		return nil
	}
	return tx.Tx.PutFanout(f)
}

// PutJob is store's, or on paper.
func (tx *Tx) PutJob(j store.Job, at time.Time) error {
	if tx.paper != nil {
		tx.paper.jobs = append(tx.paper.jobs, j)
		return nil
	}
	return tx.Tx.PutJob(j, at)
}

// mailroom is where many calls over one database meet that ask for the same.
type mailroom struct {
	db         *store.DB
	presenters once[string, presenter] // by the hash of their secrets
	presented  memory[string, presenter]
	heard      memory[topic, hearers]
	hearing    gather[concerned, *audience]
	posting    gather[letter, bool]
}

// opening is held while a mailroom is opened: a Market may be copied, so it has no
// lock of its own.
var opening sync.Mutex

func (m *Market) mail() *mailroom {
	opening.Lock()
	defer opening.Unlock()
	if m.mailroom == nil || m.mailroom.db != m.DB {
		m.mailroom = &mailroom{db: m.DB}
	}
	return m.mailroom
}

// concerned is at which orgs something is published, on channels that end in
// which words.
type concerned struct {
	orgs  []souk.ID
	words []string
}

// topic is one org, and one word that channels end in.
type topic struct {
	org  souk.ID
	word string
}

// hearers are those at an org.
type hearers struct {
	place
	store.Audience
}

// audienceOf finds who hears publications. Those who ask at the same time are
// answered from one read, and of one word, as long as nothing has changed, from
// what was read before.
func (m *Market) audienceOf(ctx context.Context, items []souk.Publication) (*audience, error) {
	var c concerned
	for _, i := range items {
		c.orgs, c.words = append(c.orgs, i.Org), append(c.words, i.Channel.Last())
	}
	c.orgs, c.words = distinct(c.orgs), distinct(c.words)
	version, lasting := m.DB.Version()
	lasting = lasting && len(c.words) == 1
	if lasting {
		if a := m.remembered(version, c); a != nil {
			return a, nil
		}
	}
	a, err := m.mail().hearing.ask(ctx, c, len(c.orgs), work[concerned, *audience]{most: 64, do: m.audiences})
	if lasting && err == nil {
		for _, org := range c.orgs {
			m.mail().heard.put(version, topic{org, c.words[0]}, hearers{a.places[org], a.at[org]})
		}
	}
	return a, err
}

// remembered is the audience of one word, if all of it is known.
func (m *Market) remembered(version uint64, c concerned) *audience {
	a := &audience{make(map[souk.ID]place, len(c.orgs)), make(map[souk.ID]store.Audience, len(c.orgs))}
	for _, org := range c.orgs {
		h, ok := m.mail().heard.get(version, topic{org, c.words[0]})
		if !ok {
			return nil
		}
		a.places[org], a.at[org] = h.place, h.Audience
	}
	return a
}

// distinct is each of a list once, in its order.
func distinct[T comparable](all []T) []T {
	if len(all) < 2 {
		return all
	}
	seen := make(map[T]bool, len(all))
	return slices.DeleteFunc(all, func(v T) bool {
		twice := seen[v]
		seen[v] = true
		return twice
	})
}

// audiences finds who hears at the orgs of several calls, and answers all of them
// with the same.
func (m *Market) audiences(ctx context.Context, all []concerned) ([]*audience, error) {
	var orgs []souk.ID
	var words []string
	for _, c := range all {
		orgs, words = append(orgs, c.orgs...), append(words, c.words...)
	}
	orgs, words = distinct(orgs), distinct(words)
	slices.Sort(words)
	var names []string
	for _, wire := range m.Wires {
		if wire.Name != nil {
			if name := wire.Name(souk.ChannelPublished); name != "" {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	a := &audience{places: make(map[souk.ID]place, len(orgs))}
	err := m.read(ctx, souk.Actor{}, func(tx *Tx) error {
		there, err := tx.OrgsAndAbove(orgs)
		if err != nil {
			return err
		}
		for _, id := range orgs {
			if org := there[id]; !org.ID.IsZero() && org.ClosedAt.IsZero() {
				a.places[id] = place{Org: org, Enterprise: there[org.Enterprise]}
			}
		}
		a.at, err = tx.Audiences(orgs, distinct(names), words)
		return err
	})
	return slices.Repeat([]*audience{a}, len(all)), err
}

// letter is what was put on paper, with what it is answered with under the key of
// its call, if that has one.
type letter struct {
	*paper
	key, input []byte
	answer     string
}

// post writes letters down, and answers for each whether its key was new: what
// was told already is not told again. Those that are posted at the same time share
// a transaction.
func (m *Market) post(ctx context.Context, letters []letter) (posted []bool, err error) {
	var last *Tx // the function may run again: the last run counts
	err = m.DB.WriteShared(ctx, func(s *store.Tx) error {
		last, posted = &Tx{Tx: s, market: m, at: m.now()}, make([]bool, len(letters))
		var all []souk.Delivery
		for i, l := range letters {
			if l.key != nil {
				if first, err := last.PutAnswer(l.key, l.input, l.answer, last.at); err != nil {
					return err
				} else if !first {
					continue
				}
			}
			posted[i] = true
			for _, d := range l.deliveries {
				all = append(all, last.dated(d))
			}
			if err := last.copyRest(l.paper); err != nil {
				return err
			}
		}
		stored, err := last.InsertDeliveries(all)
		last.told = stored
		return err
	})
	if err != nil {
		return nil, err
	}
	m.committed(last)
	return posted, nil
}

// dated gives a delivery that was put on paper the time of the transaction that
// it is written in, as all have: whoever looks for what is due looks by that.
func (tx *Tx) dated(d souk.Delivery) souk.Delivery {
	d.CreatedAt, d.EntryAt = tx.at, tx.at
	if !d.NextAt.IsZero() {
		d.NextAt = tx.at
	}
	return d
}

// copyRest writes down what a job is to tell.
func (tx *Tx) copyRest(p *paper) error {
	if err := tx.InsertEvents(p.events); err != nil {
		return err
	}
	for _, f := range p.fanouts {
		if err := tx.PutFanout(f); err != nil {
			return err
		}
	}
	for _, j := range p.jobs {
		tx.left = true
		if err := tx.PutJob(j, tx.at); err != nil {
			return err
		}
	}
	return nil
}
