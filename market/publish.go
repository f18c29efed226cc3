package market

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"strings"

	"souk"
	"souk/store"
)

// Publishing is what a host product says that happened to its resources.
type Publishing struct {
	Items []souk.Publication // at most souk.MaxPublications
	Key   string             // the caller's own name for this call; "": none
}

// maxKey bounds an idempotency key, in bytes.
const maxKey = 255

// heavy is how many deliveries a portion comes to, so that no other writer waits
// long for a large call: told to twenty webhooks each, a thousand publications
// are 20,000 deliveries
// (docs/decisions/0029-publications-take-no-root-lock.md).
const heavy = 512

// heaviest is how many deliveries of how many calls are written in one transaction,
// but that a portion may have more by itself.
const heaviest = 1024

// portion is those of items, from the first on, that are told in one transaction.
func (a *audience) portion(items []souk.Publication) []souk.Publication {
	weight := 0
	for n, i := range items {
		at := a.at[i.Org]
		weight += 1 + len(at.Subscribers) + len(at.Listeners)
		if weight > heavy && n > 0 {
			return items[:n]
		}
	}
	return items
}

// Published is one item of a publishing as it was told.
type Published struct {
	Event      souk.ID
	Deliveries int
}

// Publish tells what happened on channels of the host product to every webhook
// that subscribed to them and whose installation holds the scope named. What
// cannot be told is refused before anything is told; then the items are told in
// order, a portion a transaction. A call that fails in the middle has told what
// comes first. Repeated with its key within a day it tells what is missing, and
// nothing again, and answers as it would have. The operator may. It takes no
// lock of an org: what is told happened outside of the marketplace. It refuses
// NotAllowed, Invalid and KeyReused.
func (m *Market) Publish(ctx context.Context, actor souk.Actor, in Publishing) (told []Published, err error) {
	if !actor.IsOperator() {
		return nil, souk.NotAllowed
	}
	if err := m.checkPublications(in); err != nil {
		return nil, err
	}
	var input []byte
	if in.Key != "" {
		input = digest(in.Items)
		if err := m.read(ctx, actor, func(tx *Tx) (err error) {
			told, err = tx.toldBefore(in, input)
			return err
		}); err != nil || len(told) == len(in.Items) {
			return told, err
		}
	}
	heard, err := m.audienceOf(ctx, in.Items)
	if err != nil {
		return nil, err
	}
	if len(told) == 0 { // a call of which something was told had been found right
		if err := m.checkPlaces(ctx, in.Items, heard); err != nil {
			return nil, err
		}
	}
	for len(told) < len(in.Items) {
		more, err := m.tellPortion(ctx, actor, in, input, len(told), heard)
		if err != nil {
			return nil, err
		}
		told = append(told, more...)
	}
	return told, nil
}

// nothing is locked by verbs that change nothing of the marketplace.
func nothing(*store.Tx) (store.Locks, error) { return store.Locks{}, nil }

func (m *Market) checkPublications(in Publishing) error {
	var p problems
	if len(in.Items) == 0 || len(in.Items) > souk.MaxPublications {
		p.add("items", "must be 1 to %d", souk.MaxPublications)
		return p.err()
	}
	p.text("idempotency_key", in.Key, maxKey)
	for i, item := range in.Items {
		p.publication(fmt.Sprintf("items[%d].", i), item)
		for _, wire := range m.Wires {
			if wire.Channels != nil && wire.Channels.Owns(item.Channel) {
				p.add(fmt.Sprintf("items[%d].channel", i), "belongs to Souk")
			}
		}
	}
	return p.err()
}

// publication checks what can be looked at without the database.
func (p *problems) publication(at string, in souk.Publication) {
	if _, ok := souk.ParseChannel(string(in.Channel)); !ok {
		p.add(at+"channel", "must be a path below /api/v5/orgs/<id>/ or /api/v5/users/<id>/, of at most %d bytes", souk.MaxChannel)
	}
	switch in.Action {
	case souk.Added, souk.Changed:
		if len(in.Body) == 0 {
			p.add(at+"resource", "is required")
		}
	case souk.Removed:
		if len(in.Body) > 0 {
			p.add(at+"resource", "must be absent of what was removed")
		}
	default:
		p.add(at+"action", "must be added, changed or removed")
	}
	if len(in.Body) > souk.MaxPublished {
		p.add(at+"resource", "must be at most %d bytes long", souk.MaxPublished)
	}
	if in.Resource == "" {
		p.add(at+"resource_id", "is required")
	}
	p.text(at+"resource_id", in.Resource, souk.MaxResourceID)
	p.text(at+"scope", in.Scope, maxName)
}

// toldBefore finds what was told already of a call with this key: none, or as
// many whole portions as it came to.
func (tx *Tx) toldBefore(in Publishing, input []byte) (told []Published, err error) {
	for in.Key != "" && len(told) < len(in.Items) {
		more, err := tx.portionTold(in, input, len(told))
		if err != nil {
			return nil, err
		}
		if more == nil {
			break
		}
		told = append(told, more...)
	}
	return told, nil
}

// portionTold finds what was answered to the portion of a call that begins at an
// item; nil when it was not told.
func (tx *Tx) portionTold(in Publishing, input []byte, from int) ([]Published, error) {
	had, answer, err := tx.Answered(tx.portionKey(in.Key, from))
	switch {
	case err != nil:
		return nil, ignoreMissing(err)
	case !bytes.Equal(had, input):
		return nil, souk.KeyReused
	}
	return parseAnswer(answer)
}

// portionKey is what the answer to a portion is kept under.
func (tx *Tx) portionKey(key string, from int) []byte {
	return tx.market.Key.Hash(fmt.Sprintf("publish %d %s", from, key))
}

// tellPortion tells the portion of a call that begins at an item, unless it was
// told under the key of the call meanwhile.
func (m *Market) tellPortion(ctx context.Context, actor souk.Actor, in Publishing, input []byte, from int, heard *audience) ([]Published, error) {
	tx := &Tx{market: m, actor: actor, at: m.now(), paper: &paper{audience: heard}}
	if m.Trace != nil {
		tx.trace = m.Trace(ctx)
	}
	told, err := tx.publish(heard.portion(in.Items[from:]))
	if err != nil {
		return nil, err
	}
	l := letter{paper: tx.paper}
	if in.Key != "" {
		l.key, l.input, l.answer = tx.portionKey(in.Key, from), input, formatAnswer(told)
	}
	posted, err := m.mail().posting.ask(ctx, l, 1+len(l.deliveries), work[letter, bool]{most: heaviest, do: m.post})
	if err != nil || posted {
		return told, err
	}
	err = m.read(ctx, actor, func(tx *Tx) (err error) {
		told, err = tx.portionTold(in, input, from)
		return err
	})
	return told, err
}

// digest tells one list of publications from another.
func digest(items []souk.Publication) []byte {
	h := sha256.New()
	for _, i := range items {
		for _, part := range []string{i.Org.String(), string(i.Channel), string(i.Action), i.Resource, string(i.Body), i.Scope} {
			fmt.Fprintf(h, "%d %s", len(part), part)
		}
	}
	return h.Sum(nil)
}

// formatAnswer spells what was told, to be told again: a line an item.
func formatAnswer(told []Published) string {
	var b strings.Builder
	for _, p := range told {
		fmt.Fprintf(&b, "%s %d\n", p.Event, p.Deliveries)
	}
	return b.String()
}

func parseAnswer(s string) (told []Published, err error) {
	for line := range strings.Lines(s) {
		var id string
		var p Published
		if _, err := fmt.Sscanf(line, "%s %d\n", &id, &p.Deliveries); err != nil {
			return nil, err
		}
		if p.Event, err = souk.ParseID(id); err != nil {
			return nil, err
		}
		told = append(told, p)
	}
	return told, nil
}

// checkPlaces refuses publications at orgs that are not there, and on channels
// of others. It reads who people are where it has to.
func (m *Market) checkPlaces(ctx context.Context, items []souk.Publication, heard *audience) error {
	check := func(tx *Tx) error {
		var p problems
		for i, item := range items {
			org := heard.places[item.Org].Org
			if org.ID.IsZero() {
				p.add(fmt.Sprintf("items[%d].organization_id", i), "names no organization")
				continue
			}
			if ok, err := tx.lies(item.Channel, org); err != nil {
				return err
			} else if !ok {
				p.add(fmt.Sprintf("items[%d].channel", i), "is not of that organization")
			}
		}
		return p.err()
	}
	for _, item := range items {
		if _, own := onOrgs(item.Channel); !own {
			return m.read(ctx, souk.Actor{}, check)
		}
	}
	return check(nil)
}

// publish tells publications, those at one org together.
func (tx *Tx) publish(items []souk.Publication) ([]Published, error) {
	told := make([]Published, len(items))
	tx.tally = make(map[souk.ID]int, len(items))
	byOrg := map[souk.ID][]souk.Event{}
	var places []souk.ID
	for i := range items {
		item := &items[i]
		at := tx.paper.places[item.Org]
		e := tx.event(souk.ChannelPublished, at.Org, at.Enterprise, nil, souk.ID{})
		e.Data.Publication = item
		told[i].Event = e.ID
		if byOrg[item.Org] == nil {
			places = append(places, item.Org)
		}
		byOrg[item.Org] = append(byOrg[item.Org], e)
	}
	for _, org := range places {
		if err := tx.emit(byOrg[org]...); err != nil {
			return nil, err
		}
	}
	for i := range told {
		told[i].Deliveries = tx.tally[told[i].Event]
	}
	return told, nil
}

// onOrgs reports whether a channel is one of an org itself, and which.
func onOrgs(c souk.Channel) (souk.ID, bool) {
	kind, id := c.Of()
	return id, kind == "orgs"
}

// lies reports whether a channel is one of an org: of itself, or of somebody
// who belongs to it.
func (tx *Tx) lies(c souk.Channel, org souk.Org) (bool, error) {
	id, own := onOrgs(c)
	if own {
		return id == org.ID, nil
	}
	standing, err := tx.Standing(id, org)
	return standing.IsMember(), err
}
