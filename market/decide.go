package market

import (
	"context"
	"errors"
	"slices"

	"souk"
	"souk/store"
)

// Decision answers for an app at an org. It names a request, whose app and
// scopes it is then about, or an app.
type Decision struct {
	Request souk.ID  // none: App is named
	App     souk.ID  // not looked at when Request is named
	At      souk.ID  // none, with a Request: where it was made
	Reason  string   // in the decider's words, kept with the answer that stands, and so not by Decline: at most souk.MaxReason bytes
	Scopes  []string // ceiling of an approval; nil: what was asked for and stood, or all that the app asks for

	// Audiences are whom Approve and Restrict answer for: nil is everyone. They
	// go with an app and not with a request, whose answer is for everyone.
	Audiences []souk.Audience // at most MaxAudiences
	// Users are those whose requests Decline answers: nil is all who asked. They
	// go with an app.
	Users []souk.ID // at most MaxAudiences
}

// Decided is what a decision did.
type Decided struct {
	At          souk.Org          // where it was made
	Resolution  souk.Resolution   // the first of Resolutions; zero after Decline
	Resolutions []souk.Resolution // one for each audience, in the order in which they were named
	Settled     []souk.Request    // that it answered, the named one first
	Overturned  []souk.Request    // that had been approved and are declined now, by DeclineAll alone
}

// Approve lets an org have an app, or some of its people, up to a ceiling of
// scopes, and installs nothing. It settles the request named and every other
// pending one that is answered by it. It refuses UnknownOrg, NeedsPerson,
// OrgNotGranted, NotAllowed, UnknownRequest, RequestResolved,
// CustomIntegrationAtTop, UnknownApp, CustomIntegrationNeedsReq, UnknownScope,
// UnknownUser, UnknownGroup, CertifiedNeedsEnterprise and RestrictedAtEnterprise,
// the first that holds in this order; Invalid before them all.
func (m *Market) Approve(ctx context.Context, actor souk.Actor, in Decision) (Decided, error) {
	return m.decide(ctx, actor, in, func(tx *Tx) (Decided, error) { return tx.decide("Approve", souk.Approved, in) })
}

// Restrict forbids an org an app, or some of its people, and leaves what is
// installed alone. For everyone at an enterprise it also ends the approvals in
// the workspaces below. It refuses what Approve does but the last two.
func (m *Market) Restrict(ctx context.Context, actor souk.Actor, in Decision) (Decided, error) {
	return m.decide(ctx, actor, in, func(tx *Tx) (Decided, error) { return tx.decide("Restrict", souk.Restricted, in) })
}

// Decline answers those who asked and leaves no standing answer: the request
// named, or all that are pending for the app at an org (at an enterprise also
// below it), or those of some users. It refuses what Restrict does but
// UnknownGroup, and UnknownRequest when none of them asked.
func (m *Market) Decline(ctx context.Context, actor souk.Actor, in Decision) (Decided, error) {
	return m.decide(ctx, actor, in, func(tx *Tx) (Decided, error) { return tx.decline(in) })
}

func (m *Market) decide(ctx context.Context, actor souk.Actor, in Decision, fn func(*Tx) (Decided, error)) (done Decided, err error) {
	find := rootOf(in.At, in.App)
	if !in.Request.IsZero() {
		find = rootOfRequest(in.Request)
	}
	err = m.write(ctx, actor, find, func(tx *Tx) (err error) {
		done, err = fn(tx)
		return err
	})
	return done, err
}

// matter is what a decision is about.
type matter struct {
	place
	App   souk.App
	Named *souk.Request // nil when the app was named
	For   []souk.Audience
}

// isWhole reports whether a decision is for everyone.
func (about matter) isWhole() bool { return len(about.For) == 1 && about.For[0].IsEveryone() }

// matter finds what in is about and checks everything that Approve, Restrict
// and Decline share.
func (tx *Tx) matter(in Decision) (about matter, err error) {
	var p problems
	p.text("reason", in.Reason, souk.MaxReason)
	in.checkAudiences(&p)
	if p.err() != nil {
		return about, p.err()
	}
	if in.At.IsZero() && !in.Request.IsZero() {
		q, err := tx.Request(in.Request)
		if err != nil {
			return about, or(err, souk.UnknownRequest)
		}
		if about.place, err = tx.placeOf(q.Org, souk.UnknownRequest); err != nil {
			return about, err
		}
		if err := tx.decides(about.place); err != nil {
			return about, err
		}
	} else if about.place, err = tx.decidable(in.At); err != nil {
		return about, err
	}
	isEnterprise := about.Org.Kind == souk.Enterprise
	if in.Request.IsZero() {
		if about.App, err = tx.knownApp(in.App, about.Org); err != nil {
			return about, err
		}
		if about.App.Kind == souk.CustomIntegration {
			return about, souk.CustomIntegrationNeedsReq
		}
		return about, tx.inCatalogue(souk.NewScopes(in.Scopes...))
	}

	q, err := tx.Request(in.Request)
	if err != nil {
		return about, or(err, souk.UnknownRequest)
	}
	if q.Org != about.Org.ID {
		asked, err := tx.Org(q.Org)
		if err != nil {
			return about, err
		}
		if asked.Enterprise != about.Org.ID {
			return about, souk.UnknownRequest
		}
	}
	if q.Status != souk.Pending {
		return about, souk.RequestResolved
	}
	about.Named = &q
	if about.App, err = tx.App(q.App); err != nil {
		return about, err
	}
	if isEnterprise && about.App.Kind == souk.CustomIntegration {
		return about, souk.CustomIntegrationAtTop
	}
	return about, tx.inCatalogue(souk.NewScopes(in.Scopes...))
}

// decide makes the standing answers of a decision.
func (tx *Tx) decide(verb string, status souk.ResolutionStatus, in Decision) (done Decided, err error) {
	about, err := tx.matter(in)
	if err != nil {
		return done, err
	}
	if about.For, err = tx.audiences(in.Audiences, about.Org); err != nil {
		return done, err
	}
	orgs := []souk.ID{about.Org.ID}
	if under := about.Org.Enterprise; !under.IsZero() {
		orgs = append(orgs, under)
		if status == souk.Approved && about.App.Certified {
			return done, souk.CertifiedNeedsEnterprise
		}
	}
	standing, err := tx.StandingResolutions(about.App.ID, orgs...)
	if err != nil {
		return done, err
	}
	if status == souk.Approved && slices.ContainsFunc(standing, func(r souk.Resolution) bool {
		return r.Org != about.Org.ID && r.Audience.IsEveryone() && r.Status == souk.Restricted
	}) {
		return done, souk.RestrictedAtEnterprise
	}

	for _, audience := range about.For {
		r := souk.Resolution{
			ID: souk.NewID(), App: about.App.ID, Org: about.Org.ID, Audience: audience, Status: status,
			Scopes: about.scopes(in, status, standing), By: tx.actor.User, Reason: in.Reason, CreatedAt: tx.at,
		}
		if about.Named != nil {
			r.Request = about.Named.ID
		}
		done.Resolutions = append(done.Resolutions, r)
	}
	done.Resolution = done.Resolutions[0]
	ended, err := tx.replace(done.Resolutions, about.Org, standing)
	if err != nil {
		return done, err
	}
	c, err := tx.settle(about, done.Resolution, &done.Settled)
	if err != nil {
		return done, err
	}
	if err := tx.audit(verb, about.Org, about.App.ID, done.Resolution.ID, ended, done); err != nil {
		return done, err
	}
	done.At = about.Org
	if err := tx.tell(about, done, ended, c); err != nil || c == nil || status != souk.Approved {
		return done, err
	}
	return done, tx.comeTrue(*c, about.Org.ID)
}

// scopes is the set that a decision is about.
func (about matter) scopes(in Decision, status souk.ResolutionStatus, standing []souk.Resolution) souk.Scopes {
	switch {
	case in.Scopes != nil:
		return souk.NewScopes(in.Scopes...)
	case about.Named == nil:
		return about.App.Asks()
	}
	scopes := about.Named.Scopes
	for _, r := range standing {
		if r.Org == about.Org.ID && r.Audience.IsEveryone() && r.Status == status {
			scopes = scopes.Union(r.Scopes)
		}
	}
	return scopes
}

// replace ends the answers that new ones of one decision take the place of, and
// inserts them. One for everyone takes the place of all audiences at its org
// and, when an enterprise restricts, of the approvals below.
func (tx *Tx) replace(by []souk.Resolution, org souk.Org, standing []souk.Resolution) (ended []souk.Resolution, err error) {
	named := make(map[souk.Audience]bool, len(by))
	for _, r := range by {
		named[r.Audience] = true
	}
	for _, r := range standing {
		if r.Org == org.ID && (named[souk.Everyone] || named[r.Audience]) {
			ended = append(ended, r)
		}
	}
	if org.Kind == souk.Enterprise && by[0].Status == souk.Restricted && named[souk.Everyone] {
		below, err := tx.StandingBelow(by[0].App, org.ID)
		if err != nil {
			return nil, err
		}
		ended = append(ended, below...)
	}
	if err := tx.end(ended); err != nil {
		return nil, err
	}
	for _, r := range by {
		if err := tx.InsertResolution(r); err != nil {
			return nil, err
		}
	}
	return ended, nil
}

// end ends resolutions, in the rows and in the slice.
func (tx *Tx) end(resolutions []souk.Resolution) error {
	ids := make([]souk.ID, len(resolutions))
	for i := range resolutions {
		ids[i] = resolutions[i].ID
		resolutions[i].EndedAt, resolutions[i].EndedBy = tx.at, tx.actor.User
	}
	return tx.EndResolutions(ids, tx.actor.User, tx.at)
}

// settle answers the request named and every other pending one of the case
// that Effective answers now, and closes the case when none is left. It returns
// the case the decision belongs to: the open one, else the latest, else none.
func (tx *Tx) settle(about matter, by souk.Resolution, settled *[]souk.Request) (*souk.Case, error) {
	c, err := tx.LatestCase(about.App.ID, about.Org.Root())
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil || !c.ClosedAt.IsZero() {
		return &c, err
	}
	pending, err := tx.PendingOfCase(c.ID)
	if err != nil {
		return nil, err
	}
	left := len(pending)
	answer := map[souk.ResolutionStatus]souk.RequestStatus{
		souk.Approved: souk.RequestApproved, souk.Restricted: souk.RequestRestricted,
	}[by.Status]
	if about.Named != nil {
		i := slices.IndexFunc(pending, func(q souk.Request) bool { return q.ID == about.Named.ID })
		pending = slices.Concat(pending[i:i+1], pending[:i], pending[i+1:])
	}
	known := map[souk.ID]souk.Facts{}
	for i, q := range pending {
		status := answer
		if i > 0 || about.Named == nil {
			if status, err = tx.answered(about.App, q, known); err != nil {
				return nil, err
			}
		}
		if status == souk.Pending {
			continue
		}
		if q, err = tx.answer(q, status); err != nil {
			return nil, err
		}
		*settled = append(*settled, q)
		left--
	}
	if left == 0 {
		c.ClosedAt = tx.at
		err = tx.CloseCaseIfSettled(c.ID, tx.at)
	}
	return &c, err
}

// answered is the status that the standing answers give a pending request, or
// Pending when they do not answer it. known keeps what is the same for all who
// asked at one org.
func (tx *Tx) answered(app souk.App, q souk.Request, known map[souk.ID]souk.Facts) (souk.RequestStatus, error) {
	facts, asked := known[q.Org]
	if !asked {
		org, enterprise, err := tx.OrgAndAbove(q.Org)
		if err != nil {
			return souk.Pending, err
		}
		if facts, err = tx.factsAt(app, org, enterprise); err != nil {
			return souk.Pending, err
		}
		known[q.Org] = facts
	}
	if err := tx.about(&facts, q.User, q.Scopes); err != nil {
		return souk.Pending, err
	}
	switch souk.Effective(facts).Verdict {
	case souk.VerdictApproved:
		return souk.RequestApproved, nil
	case souk.BlockedByOrganization, souk.BlockedByWorkspace:
		return souk.RequestRestricted, nil
	}
	return souk.Pending, nil
}

// answer settles a pending request.
func (tx *Tx) answer(q souk.Request, status souk.RequestStatus) (souk.Request, error) {
	q.Status, q.SettledAt, q.SettledBy = status, tx.at, tx.actor.User
	settled, err := tx.SettleRequest(q)
	if err == nil && !settled {
		err = souk.RequestResolved
	}
	return q, err
}

// tell emits a decision: each of its answers always, and the case when there is
// one and something came of it (docs/decisions/0052-who-is-told-of-a-decision.md).
func (tx *Tx) tell(about matter, done Decided, ended []souk.Resolution, c *souk.Case) error {
	actor, err := tx.acting()
	if err != nil {
		return err
	}
	kind, onCase := souk.ResolutionApproved, souk.CaseApproved
	if done.Resolution.Status == souk.Restricted {
		kind, onCase = souk.ResolutionRestricted, souk.CaseDeclined
	}
	data := souk.EventData{Actor: actor, Case: c, Request: about.Named}
	if len(done.Settled) > 0 && about.Named != nil {
		data.Request = &done.Settled[0]
	}
	whole := about.isWhole()
	events := make([]souk.Event, len(done.Resolutions), len(done.Resolutions)+1)
	for i := range done.Resolutions {
		r := &done.Resolutions[i]
		e := tx.event(kind, about.Org, about.Enterprise, &about.App, r.ID)
		e.Data.Actor, e.Data.Case, e.Data.Request, e.Data.Resolution = actor, c, data.Request, r
		if whole {
			e.Data.Settled, e.Data.Ended = done.Settled, ended
		} else {
			e.Data.Ended = slices.DeleteFunc(slices.Clone(ended), func(was souk.Resolution) bool { return was.Audience != r.Audience })
		}
		events[i] = e
	}
	everyone := whole && about.Org.ID == about.Org.Root()
	if c != nil && (len(done.Settled) > 0 || everyone && !repeats(done.Resolution, ended)) {
		told := tx.event(onCase, about.Org, about.Enterprise, &about.App, c.ID)
		told.Data.Actor, told.Data.Case, told.Data.Request = actor, c, data.Request
		told.Data.Settled, told.Data.Ended, told.Data.Everyone = done.Settled, ended, everyone
		if len(done.Resolutions) == 1 {
			told.Data.Resolution = &done.Resolution
		}
		events = append(events, told)
	}
	return tx.emit(events...)
}

// repeats reports whether an answer says what the only one did that it ended.
func repeats(r souk.Resolution, ended []souk.Resolution) bool {
	if len(ended) != 1 {
		return false
	}
	was := ended[0]
	return was.Org == r.Org && was.Audience == r.Audience && was.Status == r.Status && was.Scopes.Equal(r.Scopes)
}
