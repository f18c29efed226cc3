package market

import (
	"context"

	"souk"
)

// RequestView is a request with what the lists of every wire show beside it.
type RequestView struct {
	souk.Request
	App        souk.App
	User       souk.User
	Org        souk.Org
	Enterprise souk.Org         // above Org, or zero
	Previous   *souk.Resolution // last answer for everyone at its level, else at the enterprise; nil: none ever
	Catalogue  map[string]souk.Scope
}

// Requests lists requests at an org, newest first: deciders and the operator
// see all, others their own. It refuses UnknownOrg, OrgNotGranted and
// NotAllowed.
func (m *Market) Requests(ctx context.Context, actor souk.Actor, f souk.RequestFilter, page souk.Page) (views []RequestView, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		at, err := tx.belonging(f.At)
		if err != nil {
			return err
		}
		if !at.Decides() && !actor.IsOperator() {
			f.User = actor.User
		}
		found, err := tx.RequestsPage(f, page)
		if err != nil {
			return err
		}
		views, err = tx.views(found)
		return err
	})
	return views, err
}

// Request finds one request: its requester, those who decide there and the
// operator may see it. It refuses UnknownRequest and OrgNotGranted.
func (m *Market) Request(ctx context.Context, actor souk.Actor, id souk.ID) (view RequestView, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		q, at, err := tx.askedAt(id, souk.ID{})
		if err != nil {
			return err
		}
		if q.User != actor.User && !at.Decides() && !actor.IsOperator() {
			return souk.UnknownRequest
		}
		views, err := tx.views([]souk.Request{q})
		if err == nil {
			view = views[0]
		}
		return err
	})
	return view, err
}

// views looks up what stands beside requests.
func (tx *Tx) views(found []souk.Request) ([]RequestView, error) {
	var apps, users, orgs []souk.ID
	for _, q := range found {
		apps, users, orgs = append(apps, q.App), append(users, q.User), append(orgs, q.Org)
	}
	appOf, err := tx.Apps(unique(apps))
	if err != nil {
		return nil, err
	}
	userOf, err := tx.Users(unique(users))
	if err != nil {
		return nil, err
	}
	orgOf, err := tx.Orgs(unique(orgs))
	if err != nil {
		return nil, err
	}
	var above []souk.ID
	for _, o := range orgOf {
		if !o.Enterprise.IsZero() {
			above = append(above, o.Enterprise)
		}
	}
	enterpriseOf, err := tx.Orgs(unique(above))
	if err != nil {
		return nil, err
	}
	previous, err := tx.PreviousResolutions(found)
	if err != nil {
		return nil, err
	}
	catalogue, err := tx.catalogue()
	if err != nil {
		return nil, err
	}
	views := make([]RequestView, len(found))
	for i, q := range found {
		org := orgOf[q.Org]
		views[i] = RequestView{
			Request: q, App: appOf[q.App], User: userOf[q.User], Org: org,
			Enterprise: enterpriseOf[org.Enterprise], Catalogue: catalogue,
		}
		if r, ok := previous[q.ID]; ok {
			views[i].Previous = &r
		}
	}
	return views, nil
}
