package market

import (
	"fmt"
	"slices"

	"souk"
	"souk/store"
)

// hears reports whether who subscribed to an event by its name holds a scope that
// the dialect wants for it. What is said as goodbye nobody hears by subscribing.
func (w Wire) hears(s store.Subscriber) bool {
	needs := w.Needs[s.Event]
	return s.Webhook.Source != souk.Deauthorization && (len(needs) == 0 || slices.ContainsFunc(needs, s.Installation.Scopes.Has))
}

// reaches reports whether a webhook is for what happened at an org: its reach may
// end at the org that has the app, and one that the API made is for the accounts
// that it was made for (docs/dialects/zoom.md, "Who hears").
func reaches(e souk.Event, to souk.Endpoint) bool {
	w := to.Webhook
	switch {
	case w.Source == souk.FromAPI && !slices.Contains(w.Accounts, e.Root):
		return false
	case w.Reach == souk.AccountReach:
		return to.Installation.Org == e.Org
	}
	return true
}

// inItsEnvironment reports whether a webhook is for its app as it is now,
// published or not.
func (tx *Tx) inItsEnvironment(w souk.Webhook) (bool, error) {
	if w.Environment == "" {
		return true, nil
	}
	app, err := tx.App(w.App)
	return w.Environment.Hears(app), err
}

// tellGoodbye tells an app that an authorization of it ended. It is among an
// app's last words: the end of the installation does not take it back.
func (tx *Tx) tellGoodbye(e souk.Event) error {
	if e.Data.Installation == nil || e.App.IsZero() {
		return nil
	}
	for dialect, wire := range tx.market.Wires {
		if wire.Goodbye == "" || wire.Name(e.Kind) != wire.Goodbye {
			continue
		}
		if org := e.Data.Org; org != nil && !org.HasActiveSubscription {
			continue
		}
		hooks, err := tx.Deauthorized(e.App)
		if err != nil {
			return err
		}
		var deliveries []souk.Delivery
		for _, w := range hooks {
			if w.Dialect != dialect || !w.Environment.Hears(*e.Data.App) {
				continue
			}
			to := souk.Endpoint{Webhook: w, Installation: *e.Data.Installation}
			switch {
			case to.Installation.Kind == souk.OrgWide:
				to.Enterprise = to.Installation.Org
			case e.Data.Enterprise != nil:
				to.Enterprise = e.Data.Enterprise.ID
			}
			body, err := wire.Encode(e, to)
			if err != nil {
				return fmt.Errorf("encoding %s for %s: %w", e.Kind, dialect, err)
			}
			if body != nil {
				d := tx.delivery(e, w, to.Installation.ID, body)
				d.Final = true
				deliveries = append(deliveries, d)
			}
		}
		if err := tx.send(deliveries); err != nil {
			return err
		}
	}
	return nil
}
