package market

import (
	"slices"

	"souk"
	"souk/store"
)

// shared notices that a share brought an app into the receiver's list of
// partner apps, or took it out.
func (t *teller) shared(e souk.Event) error {
	action := souk.Added
	if e.Kind == souk.ShareRemoved {
		action = souk.Removed
	}
	one := func(souk.ID) ([]souk.ID, error) { return []souk.ID{e.App}, nil }
	return t.offered(e, e.Data.App.Owner, one, action, store.Tie{Share: e.Subject})
}

// partnered notices that the apps of a partner came into an org's list, or left
// it.
func (t *teller) partnered(e souk.Event) error {
	action := souk.Added
	if e.Kind == souk.PartnershipRemoved {
		action = souk.Removed
	}
	return t.offered(e, e.Data.Other.ID, t.AppsForPartners, action, store.Tie{Partner: e.Org})
}

// offered notices that a tie brought an owner's apps into the lists of partner
// apps of the org that it ties and of the workspaces below, or took them out;
// not where something else keeps them there. Which apps is asked only when
// somebody listens.
func (t *teller) offered(e souk.Event, owner souk.ID, find func(owner souk.ID) ([]souk.ID, error), action souk.Action, by store.Tie) error {
	word := t.Offered(by.Org(), e.App, action).Channel.Last()
	ears, err := t.ListeningBelow(by.Org(), word)
	if err != nil || len(ears) == 0 {
		return err
	}
	orgs, err := t.Orgs(ears)
	if err != nil {
		return err
	}
	apps, err := find(owner)
	if err != nil {
		return err
	}
	for _, id := range ears {
		o := orgs[id]
		if isOwn(owner, o) {
			continue
		}
		for _, app := range apps {
			t.notices = append(t.notices, noticed{
				Notice: t.Offered(o.ID, app, action), event: e, app: app,
				idle: func() (bool, error) { return t.IsOffered(app, o, by) },
			})
		}
	}
	return nil
}

// isOwn reports whether the apps of an owner are an org's own or its
// enterprise's, and no partner's to it.
func isOwn(owner souk.ID, org souk.Org) bool { return owner == org.ID || owner == org.Enterprise }

// spread notices a change of an app in the lists of others: where it is
// installed, and where it is a partner's. If many listen, a job goes on with it.
func (t *teller) spread(e souk.Event) error {
	last, err := t.spreadAfter(e, souk.ID{}, few)
	if err != nil || last.IsZero() {
		return err
	}
	return t.later(store.Job{Kind: store.Spread, App: e.App, Event: e.ID, Verb: string(e.Kind), After: souk.Position{At: t.at, ID: last}})
}

// stepSpread goes on with what spread began.
func (tx *Tx) stepSpread(j *store.Job) (left bool, err error) {
	e, err := tx.Event(j.Event)
	if err != nil {
		return false, err
	}
	j.After.At = tx.at
	after := j.After.ID
	j.After.ID = souk.ID{}
	for dialect, wire := range tx.market.Wires {
		if wire.Channels == nil {
			continue
		}
		t := teller{Tx: tx, dialect: dialect, Channels: wire.Channels, since: e.At}
		if j.After.ID, err = t.spreadAfter(e, after, few); err != nil {
			return false, err
		}
		if err := t.tell(); err != nil {
			return false, err
		}
	}
	return !j.After.ID.IsZero(), nil
}

// spreadAfter collects the notices of up to limit orgs after one, in the order
// of their IDs. It answers with the last of them if there are more.
func (t *teller) spreadAfter(e souk.Event, after souk.ID, limit int) (last souk.ID, err error) {
	var installed, partners []souk.ID
	if e.Kind == souk.AppChanged {
		word := t.Installed(e.Org, e.App, souk.Changed).Channel.Last()
		if installed, err = t.OrgsListening(e.App, word, after, limit+1); err != nil {
			return last, err
		}
	}
	word := t.Offered(e.Org, e.App, souk.Changed).Channel.Last()
	if partners, err = t.PartnersListening(e.App, word, after, limit+1); err != nil {
		return last, err
	}
	orgs := slices.SortedFunc(slices.Values(slices.Concat(installed, partners)), souk.ID.Compare)
	orgs = slices.Compact(orgs)
	if len(orgs) > limit {
		orgs = orgs[:limit]
		last = orgs[limit-1]
	}
	for _, org := range orgs {
		if slices.Contains(installed, org) {
			t.notices = append(t.notices, noticed{Notice: t.Installed(org, e.App, souk.Changed), event: e, app: e.App})
		}
		if !slices.Contains(partners, org) {
			continue
		}
		action, err := t.offer(e, org)
		if err != nil {
			return last, err
		}
		if action != "" {
			t.notices = append(t.notices, noticed{Notice: t.Offered(org, e.App, action), event: e, app: e.App})
		}
	}
	return last, nil
}

// offer is what a change of an app means for the list of partner apps of a
// partner, or of an org that it was shared with.
func (t *teller) offer(e souk.Event, id souk.ID) (souk.Action, error) {
	org, err := t.Org(id)
	if err != nil || isOwn(e.Data.App.Owner, org) {
		return "", err
	}
	shared, err := t.IsShared(e.App, org)
	if err != nil {
		return "", err
	}
	app, was := e.Data.App, e.Data.App
	if e.Data.Before != nil {
		was = e.Data.Before.App
	}
	before := shared || was.IsAvailableToPartners
	now := app.DeletedAt.IsZero() && (shared || app.IsAvailableToPartners)
	switch {
	case before && now:
		return souk.Changed, nil
	case now:
		return souk.Added, nil
	case before:
		return souk.Removed, nil
	}
	return "", nil
}
