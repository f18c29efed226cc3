package store

import (
	"fmt"
	"time"

	"souk"
)

// Fanout is an event for more endpoints than a verb tells itself. Who they are
// is settled when the event happens; each is told a moment later.
type Fanout struct {
	ID        souk.ID
	Event     souk.ID
	Endpoints []Pair
	Done      int // of them, how many have been told
	CreatedAt time.Time
}

// Pair names an endpoint: a webhook, and the installation that justifies telling
// it, or none.
type Pair struct{ Webhook, Installation souk.ID }

// pairSize is the length of a Pair in a row.
const pairSize = 32

// PutFanout keeps a fanout.
func (tx *Tx) PutFanout(f Fanout) error {
	pairs := make([]byte, 0, pairSize*len(f.Endpoints))
	for _, p := range f.Endpoints {
		pairs = append(append(pairs, p.Webhook[:]...), p.Installation[:]...)
	}
	_, err := tx.exec(`INSERT INTO fanouts (id, event_id, endpoints, done, created_at) VALUES ($1, $2, $3, $4, $5)`,
		f.ID, f.Event, pairs, f.Done, micros(f.CreatedAt))
	return err
}

// Fanout finds a fanout by ID.
func (tx *Tx) Fanout(id souk.ID) (f Fanout, err error) {
	var pairs []byte
	err = tx.row(`SELECT id, event_id, endpoints, done, created_at FROM fanouts WHERE id = $1`, id).
		Scan(&f.ID, &f.Event, &pairs, &f.Done, (*stamp)(&f.CreatedAt))
	if err != nil {
		return f, err
	}
	if len(pairs)%pairSize != 0 {
		return f, fmt.Errorf("store: fanout %s has %d bytes of endpoints", id, len(pairs))
	}
	for ; len(pairs) > 0; pairs = pairs[pairSize:] {
		var p Pair
		copy(p.Webhook[:], pairs)
		copy(p.Installation[:], pairs[pairSize/2:])
		f.Endpoints = append(f.Endpoints, p)
	}
	return f, nil
}

// AdvanceFanout says how many endpoints of a fanout have been told.
func (tx *Tx) AdvanceFanout(id souk.ID, done int) error {
	_, err := tx.exec(`UPDATE fanouts SET done = $2 WHERE id = $1`, id, done)
	return err
}

// RemoveFanout forgets a fanout that is done.
func (tx *Tx) RemoveFanout(id souk.ID) error {
	_, err := tx.exec(`DELETE FROM fanouts WHERE id = $1`, id)
	return err
}

// EndpointsOf finds the endpoints of pairs, in their order, without those whose
// webhook is deleted, paused or unverified by now.
func (tx *Tx) EndpointsOf(pairs []Pair) (found []souk.Endpoint, err error) {
	var webhooks, installations []souk.ID
	for _, p := range pairs {
		webhooks = append(webhooks, p.Webhook)
		if !p.Installation.IsZero() {
			installations = append(installations, p.Installation)
		}
	}
	hooks, err := byID(tx, scanWebhook, func(w SealedWebhook) souk.ID { return w.ID },
		`SELECT `+webhookColumns+` FROM webhooks
		WHERE deleted_at IS NULL AND status IN ('active', 'disabled') AND id IN (`, padded(webhooks))
	if err != nil {
		return nil, err
	}
	type placed struct {
		souk.Installation
		enterprise souk.ID
	}
	scan := func(r row) (p placed, err error) {
		p.Installation, err = scanInstallation(withMore(r, &p.enterprise))
		return p, err
	}
	live, err := byID(tx, scan, func(p placed) souk.ID { return p.ID }, `
		SELECT `+prefixed("i", installationColumns)+`, CASE WHEN i.kind = 'org_wide' THEN i.org_id ELSE o.enterprise_id END
		FROM installations i JOIN orgs o ON o.id = i.org_id
		WHERE i.id IN (`, padded(installations))
	if err != nil {
		return nil, err
	}
	for _, p := range pairs {
		hook, active := hooks[p.Webhook]
		if !active {
			continue
		}
		i := live[p.Installation]
		found = append(found, souk.Endpoint{Webhook: hook.Webhook, Installation: i.Installation, Enterprise: i.enterprise})
	}
	return found, nil
}
