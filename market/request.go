package market

import (
	"context"
	"errors"
	"slices"

	"souk"
	"souk/store"
)

// Asking is a question for an app.
type Asking struct {
	App    souk.ID
	At     souk.ID  // a workspace, or an enterprise for all of it
	For    souk.ID  // whom it is for; none: the actor. For another only whoever decides asks.
	Scopes []string // nil: all that the app asks for
	Reason string   // at most souk.MaxReason bytes
	State  string   // the developer's own, at most souk.MaxState bytes

	wish *souk.Wish // what is to be installed once it is approved
}

// Asked is what came of asking.
type Asked struct {
	At      souk.Org     // where it was asked
	Verdict souk.Verdict // souk.VerdictApproved: there is nothing to ask and no Request
	Request souk.Request
	Again   bool // an equal request was pending and is returned again
}

// RequestApp asks for an app. It refuses UnknownOrg, NeedsPerson,
// OrgNotGranted, NotAllowed, UnknownUser, UnknownApp, UnknownScope, RestrictedForAsker, ClosedToRequests,
// AlreadyInstalled, AlreadyPending and Invalid.
func (m *Market) RequestApp(ctx context.Context, actor souk.Actor, in Asking) (asked Asked, err error) {
	err = m.write(ctx, actor, rootOf(in.At, in.App), func(tx *Tx) (err error) {
		asked, err = tx.requestApp(in)
		return err
	})
	return asked, err
}

func (tx *Tx) requestApp(in Asking) (asked Asked, err error) {
	var p problems
	p.text("reason", in.Reason, souk.MaxReason)
	p.text("state", in.State, souk.MaxState)
	if err := p.err(); err != nil {
		return asked, err
	}
	at, err := tx.place(in.At)
	if err != nil {
		return asked, err
	}
	user, err := tx.asker(at, in.For)
	if err != nil {
		return asked, err
	}
	app, err := tx.App(in.App)
	if err != nil {
		return asked, or(err, souk.UnknownApp)
	}
	return tx.askFor(user, app, at, in)
}

// askFor is requestApp for a user for whom the actor may ask.
func (tx *Tx) askFor(user souk.User, app souk.App, at place, in Asking) (asked Asked, err error) {
	asked.At = at.Org
	scopes := app.Asks()
	if in.Scopes != nil {
		scopes = souk.NewScopes(in.Scopes...)
	}

	facts, err := tx.facts(app, at.Org, at.Enterprise, user.ID, scopes)
	if err != nil {
		return asked, err
	}
	switch asked.Verdict = souk.Effective(facts).Verdict; asked.Verdict {
	case souk.BlockedByPlatform, souk.Invisible:
		return asked, souk.UnknownApp
	case souk.BlockedByOrganization, souk.BlockedByWorkspace:
		return asked, souk.RestrictedForAsker
	case souk.VerdictClosed:
		return asked, souk.ClosedToRequests
	}
	if err := tx.inCatalogue(scopes); err != nil {
		return asked, err
	}
	if asked.Verdict == souk.VerdictApproved {
		return asked, nil
	}
	switch reaching, err := tx.InstallationReaching(app.ID, at.Org.ID); {
	case err == nil && reaching.Status == souk.InstallationActive && reaching.Scopes.Covers(scopes):
		return asked, souk.AlreadyInstalled
	case ignoreMissing(err) != nil:
		return asked, err
	}
	switch pending, err := tx.PendingRequest(app.ID, at.Org.ID, user.ID); {
	case err == nil && pending.Scopes.Equal(scopes):
		asked.Request, asked.Again = pending, true
		return asked, nil
	case err == nil:
		return asked, souk.AlreadyPending
	case ignoreMissing(err) != nil:
		return asked, err
	}
	asked.Request = souk.Request{
		ID: souk.NewID(), App: app.ID, Org: at.Org.ID, User: user.ID, FiledBy: tx.actor.User,
		Scopes: scopes, Reason: in.Reason, State: in.State, Status: souk.Pending, CreatedAt: tx.at,
		Wish: in.wish,
	}
	return asked, tx.file(&asked.Request, app, at, user)
}

// asker is whom a request is for, and that the actor may ask it.
func (tx *Tx) asker(at place, id souk.ID) (user souk.User, err error) {
	if tx.actor.User.IsZero() || tx.actor.ThroughApp() {
		return user, souk.NeedsPerson
	}
	if err := tx.granted(at.Org); err != nil {
		return user, err
	}
	if id.IsZero() || id == tx.actor.User {
		if !at.IsMember() {
			return user, souk.NotAllowed
		}
		return tx.User(tx.actor.User)
	}
	if !at.Decides() {
		return user, souk.NotAllowed
	}
	theirs, err := tx.Standing(id, at.Org)
	if err == nil && !theirs.IsMember() {
		err = souk.UnknownUser
	}
	if err != nil {
		return user, err
	}
	return tx.User(id)
}

// file writes a new request into the open case, or opens one.
func (tx *Tx) file(q *souk.Request, app souk.App, at place, user souk.User) error {
	c, err := tx.LatestCase(app.ID, at.Org.Root())
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && !c.ClosedAt.IsZero():
		c = souk.Case{ID: souk.NewID(), App: app.ID, Root: at.Org.Root(), OpenedAt: tx.at}
		err = tx.OpenCase(c)
	}
	if err != nil {
		return err
	}
	q.Case = c.ID
	if err := tx.InsertRequest(*q); err != nil {
		return err
	}
	if err := tx.audit("RequestApp", at.Org, app.ID, q.ID, nil, *q); err != nil {
		return err
	}
	e := tx.event(souk.RequestCreated, at.Org, at.Enterprise, &app, q.ID)
	e.Data.Case, e.Data.Request, e.Data.User = &c, q, &user
	if e.Data.Actor, err = tx.acting(); err != nil {
		return err
	}
	switch previous, err := tx.PreviousResolution(app.ID, at.Org); {
	case err == nil:
		e.Data.Previous = &previous
	case ignoreMissing(err) != nil:
		return err
	}
	return tx.emit(e)
}

// Withdrawal takes a request back.
type Withdrawal struct {
	Request souk.ID
	At      souk.ID // where it was made, or the enterprise above; none: wherever that is
}

// CancelRequest takes a pending request back: its requester may, and whoever
// decides there. It refuses UnknownRequest, UnknownOrg, OrgNotGranted,
// NotAllowed and RequestResolved.
func (m *Market) CancelRequest(ctx context.Context, actor souk.Actor, in Withdrawal) error {
	return m.write(ctx, actor, rootOfRequest(in.Request), func(tx *Tx) error { return tx.cancelRequest(in) })
}

func (tx *Tx) cancelRequest(in Withdrawal) error {
	q, at, err := tx.askedAt(in.Request, in.At)
	if err != nil {
		return err
	}
	if (tx.actor.User != q.User || tx.actor.ThroughApp()) && !at.Decides() {
		return souk.NotAllowed
	}
	if q.Status != souk.Pending {
		return souk.RequestResolved
	}
	app, err := tx.App(q.App)
	if err != nil {
		return err
	}
	return tx.cancel(q, app, at, "CancelRequest")
}

// askedAt finds a request that was made at an org or, when that is an
// enterprise, anywhere below it; no org: wherever. It comes with the place
// where it was made.
func (tx *Tx) askedAt(id, org souk.ID) (q souk.Request, at place, err error) {
	if !org.IsZero() {
		p, err := tx.place(org)
		if err != nil {
			return q, at, err
		}
		if err := tx.granted(p.Org); err != nil {
			return q, at, err
		}
	}
	if q, err = tx.Request(id); err != nil {
		return q, at, or(err, souk.UnknownRequest)
	}
	if at, err = tx.placeOf(q.Org, souk.UnknownRequest); err != nil {
		return q, at, err
	}
	switch org {
	case souk.ID{}:
		return q, at, tx.granted(at.Org)
	case at.Org.ID, at.Enterprise.ID:
		return q, at, nil
	}
	return q, at, souk.UnknownRequest
}

// cancel settles a pending request as cancelled and tells so.
func (tx *Tx) cancel(q souk.Request, app souk.App, at place, verb string) error {
	after := q
	after.Status, after.SettledBy = souk.RequestCancelled, tx.actor.User
	return tx.drop(q, after, app, at, verb, souk.RequestWithdrawn)
}

// drop settles a pending request without an answer, as after says, and tells so.
func (tx *Tx) drop(before, after souk.Request, app souk.App, at place, verb string, kind souk.EventKind) error {
	after.SettledAt = tx.at
	if settled, err := tx.SettleRequest(after); err != nil || !settled {
		return err // not pending any more cannot be under the root's lock
	}
	if err := tx.CloseCaseIfSettled(after.Case, tx.at); err != nil {
		return err
	}
	if err := tx.audit(verb, at.Org, app.ID, after.ID, before, after); err != nil {
		return err
	}
	c, err := tx.Case(after.Case)
	if err != nil {
		return err
	}
	user, err := tx.User(after.User)
	if err != nil {
		return err
	}
	e := tx.event(kind, at.Org, at.Enterprise, &app, after.ID)
	e.Data.Case, e.Data.Request, e.Data.User = &c, &after, &user
	if e.Data.Actor, err = tx.acting(); err != nil {
		return err
	}
	return tx.emit(e)
}

// rootOfRequest finds the locks of a verb that names a request.
func rootOfRequest(id souk.ID) func(*store.Tx) (store.Locks, error) {
	return func(tx *store.Tx) (store.Locks, error) {
		app, root, err := tx.RootOfRequest(id)
		if errors.Is(err, store.ErrNotFound) {
			return store.Locks{}, nil // fn refuses it
		}
		return store.Locks{Apps: []souk.ID{app}, Roots: []souk.ID{root}}, err
	}
}

// facts gathers what Effective looks at.
func (tx *Tx) facts(app souk.App, org, enterprise souk.Org, user souk.ID, asked souk.Scopes) (f souk.Facts, err error) {
	f = souk.Facts{App: app, Org: org, Enterprise: enterprise, User: user, Asked: asked}
	if f.Visible, err = tx.IsVisible(app.ID, org); err != nil {
		return f, err
	}
	standing, err := tx.Standing(user, org)
	if err != nil {
		return f, err
	}
	f.Settings = standing.Holds(souk.CanSettings)
	if err := tx.join(&f); err != nil {
		return f, err
	}
	whom := []souk.Audience{souk.Everyone, {User: user}}
	for _, g := range f.Groups {
		whom = append(whom, souk.Audience{Group: g})
	}
	f.Standing, err = tx.StandingFor(app.ID, whom, above(org, enterprise)...)
	return f, err
}

// above lists an org and the enterprise above it, if there is one.
func above(org, enterprise souk.Org) []souk.ID { return some([]souk.ID{org.ID}, enterprise.ID) }

// factsAt gathers what is the same for everybody at an org.
func (tx *Tx) factsAt(app souk.App, org, enterprise souk.Org) (f souk.Facts, err error) {
	f = souk.Facts{App: app, Org: org, Enterprise: enterprise}
	if f.Visible, err = tx.IsVisible(app.ID, org); err != nil {
		return f, err
	}
	f.Standing, err = tx.StandingResolutions(app.ID, above(org, enterprise)...)
	return f, err
}

// about fills in what is particular to one user and what they ask for.
func (tx *Tx) about(f *souk.Facts, user souk.ID, asked souk.Scopes) error {
	f.User, f.Asked = user, asked
	standing, err := tx.Standing(f.User, f.Org)
	if err != nil {
		return err
	}
	f.Settings = standing.Holds(souk.CanSettings)
	f.Groups = nil
	if slices.ContainsFunc(f.Standing, func(r souk.Resolution) bool { return !r.Audience.Group.IsZero() }) {
		return tx.join(f)
	}
	return nil
}

// join fills in the groups of the user.
func (tx *Tx) join(f *souk.Facts) error {
	groups, err := tx.Groups(f.User)
	for _, g := range groups {
		f.Groups = append(f.Groups, g.ID)
	}
	return err
}
