package market

import (
	"context"
	"errors"

	"souk"
	"souk/store"
)

// read runs a read of an actor's in one snapshot.
func (m *Market) read(ctx context.Context, actor souk.Actor, fn func(*Tx) error) error {
	return m.DB.Read(ctx, func(s *store.Tx) error {
		return fn(&Tx{Tx: s, market: m, actor: actor, at: now()})
	})
}

// PlaceOf finds an org that the actor has business at: the operator, and
// whoever belongs under its root. It refuses UnknownOrg, also for an org that
// is not granted to the actor's token, which is then told by granted.
func (m *Market) PlaceOf(ctx context.Context, actor souk.Actor, id souk.ID) (org, enterprise souk.Org, granted bool, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		p, err := tx.place(id)
		if err != nil {
			return err
		}
		org, enterprise = p.Org, p.Enterprise
		switch err := tx.granted(p.Org); {
		case err == nil:
			granted = true
		case !errors.Is(err, souk.OrgNotGranted):
			return err
		}
		return nil
	})
	return org, enterprise, granted, err
}

// Question asks why an org answers as it does about an app.
type Question struct {
	App    souk.ID
	At     souk.ID
	User   souk.ID  // none: the actor
	Scopes []string // nil: all that the app asks for
}

// Explain answers with the verdict and every reason for it. Anybody may ask
// about themselves where they belong, deciders and the operator about others.
// It refuses UnknownOrg, OrgNotGranted, NotAllowed, NeedsPerson, UnknownUser and
// UnknownApp.
func (m *Market) Explain(ctx context.Context, actor souk.Actor, in Question) (answer souk.Answer, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		at, err := tx.belonging(in.At)
		if err != nil {
			return err
		}
		if in.User.IsZero() {
			in.User = actor.User
		}
		if in.User.IsZero() {
			return souk.NeedsPerson
		}
		if in.User != actor.User {
			if !at.Decides() && !actor.IsOperator() {
				return souk.NotAllowed
			}
			if standing, err := tx.Standing(in.User, at.Org); err != nil {
				return err
			} else if !standing.IsMember() {
				return souk.UnknownUser
			}
		}
		app, err := tx.App(in.App)
		if err != nil {
			return or(err, souk.UnknownApp)
		}
		scopes := app.Asks()
		if in.Scopes != nil {
			scopes = souk.NewScopes(in.Scopes...)
		}
		facts, err := tx.facts(app, at.Org, at.Enterprise, in.User, scopes)
		if err != nil {
			return err
		}
		if !facts.Visible || !app.DeletedAt.IsZero() {
			return souk.UnknownApp // the same as one that does not exist
		}
		answer = souk.Effective(facts)
		return nil
	})
	return answer, err
}

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

// unique drops doubles, keeping the first of each.
func unique(ids []souk.ID) []souk.ID {
	seen := make(map[souk.ID]bool, len(ids))
	out := ids[:0]
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}

// ResolutionView is a standing answer with its app and who gave it.
type ResolutionView struct {
	souk.Resolution
	App       souk.App
	By        souk.User
	Catalogue map[string]souk.Scope
}

// StandingAnswers names which standing answers are listed.
type StandingAnswers struct {
	At        souk.ID
	Status    souk.ResolutionStatus
	Certified bool // about certified apps; else about the others
}

// Resolutions lists the standing answers for everyone at exactly one org,
// newest first; deciders and the operator may. It refuses UnknownOrg,
// OrgNotGranted and NotAllowed.
func (m *Market) Resolutions(ctx context.Context, actor souk.Actor, in StandingAnswers, page souk.Page) (views []ResolutionView, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		at, err := tx.place(in.At)
		if err != nil {
			return err
		}
		if err := tx.granted(at.Org); err != nil {
			return err
		}
		if !at.Decides() && !actor.IsOperator() {
			return souk.NotAllowed
		}
		found, err := tx.ResolutionsPage(in.At, in.Status, in.Certified, page)
		if err != nil {
			return err
		}
		views, err = tx.resolutionViews(found)
		return err
	})
	return views, err
}

// resolutionViews looks up what stands beside resolutions.
func (tx *Tx) resolutionViews(found []souk.Resolution) ([]ResolutionView, error) {
	var apps, users []souk.ID
	for _, r := range found {
		apps, users = append(apps, r.App), append(users, r.By)
	}
	appOf, err := tx.Apps(unique(apps))
	if err != nil {
		return nil, err
	}
	userOf, err := tx.Users(unique(users))
	if err != nil {
		return nil, err
	}
	catalogue, err := tx.catalogue()
	if err != nil {
		return nil, err
	}
	views := make([]ResolutionView, len(found))
	for i, r := range found {
		views[i] = ResolutionView{Resolution: r, App: appOf[r.App], By: userOf[r.By], Catalogue: catalogue}
	}
	return views, nil
}

// StandingAnswer is an answer that stands at an org, for whatever audience.
type StandingAnswer struct {
	ResolutionView
	Org souk.Org
}

// StandingAt lists every answer that stands at exactly one org, for all
// audiences, newest first; an empty status means either. Deciders and the
// operator may. It refuses UnknownOrg, OrgNotGranted and NotAllowed.
func (m *Market) StandingAt(ctx context.Context, actor souk.Actor, org souk.ID, status souk.ResolutionStatus, page souk.Page) (answers []StandingAnswer, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		at, err := tx.place(org)
		if err != nil {
			return err
		}
		if err := tx.granted(at.Org); err != nil {
			return err
		}
		if !at.Decides() && !actor.IsOperator() {
			return souk.NotAllowed
		}
		found, err := tx.StandingPage(org, status, page)
		if err != nil {
			return err
		}
		views, err := tx.resolutionViews(found)
		for _, v := range views {
			answers = append(answers, StandingAnswer{v, at.Org})
		}
		return err
	})
	return answers, err
}

// MembershipView is a membership with its org.
type MembershipView struct {
	souk.Membership
	Org souk.Org
}

// Memberships lists where the person who acts belongs, oldest first; closed
// orgs are left out.
func (m *Market) Memberships(ctx context.Context, actor souk.Actor) (views []MembershipView, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		found, err := tx.Memberships(actor.User)
		if err != nil {
			return err
		}
		var orgs []souk.ID
		for _, f := range found {
			orgs = append(orgs, f.Org)
		}
		orgOf, err := tx.Orgs(unique(orgs))
		for _, f := range found {
			if o := orgOf[f.Org]; err == nil && o.ClosedAt.IsZero() {
				views = append(views, MembershipView{f, o})
			}
		}
		return err
	})
	return views, err
}

// InstallationView is an installation with its app and its reach.
type InstallationView struct {
	souk.Installation
	App        souk.App
	Workspaces []souk.ID // that it reaches besides its own org, told there alone
}

// Installations lists what is in effect at an org, newest first; members and
// the operator may. It refuses UnknownOrg, OrgNotGranted and NotAllowed.
func (m *Market) Installations(ctx context.Context, actor souk.Actor, org souk.ID, page souk.Page) (views []InstallationView, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		at, err := tx.belonging(org)
		if err != nil {
			return err
		}
		found, err := tx.InstallationsPage(org, page)
		if err != nil {
			return err
		}
		var apps []souk.ID
		for _, i := range found {
			apps = append(apps, i.App)
		}
		appOf, err := tx.Apps(unique(apps))
		if err != nil {
			return err
		}
		for _, i := range found {
			v := InstallationView{Installation: i, App: appOf[i.App]}
			if v.Workspaces, err = tx.workspacesToldAt(at.Org, i); err != nil {
				return err
			}
			views = append(views, v)
		}
		return nil
	})
	return views, err
}

// InstallationOf finds the installation of an app that reaches an org; members
// and the operator may. It refuses UnknownOrg, OrgNotGranted, NotAllowed, and
// UnknownApp when none does.
func (m *Market) InstallationOf(ctx context.Context, actor souk.Actor, app, org souk.ID) (v InstallationView, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		at, err := tx.belonging(org)
		if err != nil {
			return err
		}
		if v.Installation, err = tx.InstallationReaching(app, org); err != nil {
			return or(err, souk.UnknownApp)
		}
		if v.App, err = tx.App(app); err != nil {
			return err
		}
		v.Workspaces, err = tx.workspacesToldAt(at.Org, v.Installation)
		return err
	})
	return v, err
}

// workspacesToldAt lists what an installation reaches besides its own org,
// which is told there alone: it names other orgs.
func (tx *Tx) workspacesToldAt(org souk.Org, i souk.Installation) ([]souk.ID, error) {
	if i.Kind != souk.OrgWide || i.Org != org.ID {
		return nil, nil
	}
	return tx.workspacesOf(i)
}

// Webhook finds one webhook of an app, without its secret. It refuses
// UnknownApp, UnknownWebhook and NotAllowed.
func (m *Market) Webhook(ctx context.Context, actor souk.Actor, app, id souk.ID) (w souk.Webhook, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		found, err := tx.webhookOf(app, id)
		w = found.Webhook
		return err
	})
	return w, err
}

// Webhooks lists the webhooks of an app, without secrets. Whoever may change
// them may. It refuses UnknownApp and NotAllowed.
func (m *Market) Webhooks(ctx context.Context, actor souk.Actor, app souk.ID) (hooks []souk.Webhook, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		if _, _, err := tx.ownedApp(app); err != nil {
			return err
		}
		found, err := tx.WebhooksOf(app)
		for _, w := range found {
			hooks = append(hooks, w.Webhook)
		}
		return err
	})
	return hooks, err
}

// DeliveryView is a delivery with the kind of its event.
type DeliveryView struct {
	souk.Delivery
	Kind souk.EventKind
}

// Deliveries lists what a webhook was or is to be told, newest first; an empty
// status means any. It refuses UnknownApp, UnknownWebhook and NotAllowed.
func (m *Market) Deliveries(ctx context.Context, actor souk.Actor, app, webhook souk.ID, status souk.DeliveryStatus, page souk.Page) (views []DeliveryView, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		if _, err := tx.webhookOf(app, webhook); err != nil {
			return err
		}
		found, err := tx.DeliveriesPage(webhook, status, page)
		if err != nil {
			return err
		}
		var events []souk.ID
		for _, d := range found {
			events = append(events, d.Event)
		}
		kinds, err := tx.EventKinds(unique(events))
		for _, d := range found {
			views = append(views, DeliveryView{Delivery: d, Kind: kinds[d.Event]})
		}
		return err
	})
	return views, err
}

// Attempts lists what was tried for a delivery, in order. It refuses
// UnknownApp, UnknownWebhook, UnknownDelivery and NotAllowed.
func (m *Market) Attempts(ctx context.Context, actor souk.Actor, app, webhook, delivery souk.ID) (attempts []souk.Attempt, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		if _, err := tx.webhookOf(app, webhook); err != nil {
			return err
		}
		d, err := tx.Delivery(delivery)
		if err != nil {
			return or(err, souk.UnknownDelivery)
		}
		if d.Webhook != webhook {
			return souk.UnknownDelivery
		}
		attempts, err = tx.Attempts(delivery)
		return err
	})
	return attempts, err
}
