package market

import (
	"context"
	"errors"
	"time"

	"souk"
	"souk/store"
)

// mostAsked is for how many users a verb asks itself; for more jobs do.
const mostAsked = 50

// AskingForMany is a question for an app that somebody who decides asks for
// others: for everybody of an org (of an enterprise and its workspaces), for
// users, for the members of groups.
type AskingForMany struct {
	App, At  souk.ID
	Everyone bool
	Users    []souk.ID // at most MaxAudiences
	Groups   []souk.ID // at most MaxAudiences
}

// AskedForMany is what came of it so far.
type AskedForMany struct {
	Filed int  // requests that came into being
	Later bool // jobs ask the rest of the questions
}

// RequestForMany asks for an app for many, each at the org asked about or, when
// that is an enterprise, at their home. Who may have the app, may not even ask,
// has it or asked already is passed over; for the others it is RequestApp. Up to
// 50 are asked for here, more by jobs
// (docs/decisions/0030-a-few-at-once-the-rest-by-a-job.md). Whoever decides
// there may. It refuses UnknownOrg, NeedsPerson, OrgNotGranted, NotAllowed,
// UnknownApp, UnknownUser, UnknownGroup, UnknownScope and Invalid.
func (m *Market) RequestForMany(ctx context.Context, actor souk.Actor, in AskingForMany) (asked AskedForMany, err error) {
	err = m.write(ctx, actor, rootOf(in.At, in.App), func(tx *Tx) (err error) {
		asked, err = tx.requestForMany(in)
		return err
	})
	return asked, err
}

func (tx *Tx) requestForMany(in AskingForMany) (asked AskedForMany, err error) {
	var p problems
	if in.Everyone && (in.Users != nil || in.Groups != nil) {
		p.add("everyone", "goes without users and groups")
	}
	if in.Users != nil || !in.Everyone && in.Groups == nil {
		checkCount(&p, "users", len(in.Users))
	}
	if in.Groups != nil {
		checkCount(&p, "groups", len(in.Groups))
	}
	if p.err() != nil {
		return asked, p.err()
	}
	at, err := tx.decidable(in.At)
	if err != nil {
		return asked, err
	}
	app, err := tx.knownApp(in.App, at.Org)
	if err != nil {
		return asked, err
	}
	if err := tx.belongAll(in.Users, at.Org); err != nil {
		return asked, err
	}
	for _, g := range in.Groups {
		if err := tx.groupOf(g, at.Org); err != nil {
			return asked, err
		}
	}
	if err := tx.inCatalogue(app.Asks()); err != nil {
		return asked, err
	}
	var jobs []store.Job
	if in.Everyone {
		jobs = []store.Job{{Kind: store.AskForAll}}
	} else {
		for _, id := range in.Users {
			jobs = append(jobs, store.Job{Kind: store.AskForUser, Other: id})
		}
		for _, id := range in.Groups {
			jobs = append(jobs, store.Job{Kind: store.AskForGroup, Other: id})
		}
	}
	var people []souk.ID
	for i := range jobs {
		jobs[i].App, jobs[i].Org, jobs[i].Verb = app.ID, at.Org.ID, "RequestForMany"
		if len(people) > mostAsked {
			continue
		}
		some, err := tx.askersOf(jobs[i], at.Org, mostAsked+1)
		if err != nil {
			return asked, err
		}
		for _, s := range some {
			people = append(people, s.ID)
		}
	}
	if people = unique(people); len(people) > mostAsked {
		for _, j := range jobs {
			if err := tx.later(j); err != nil {
				return asked, err
			}
		}
		return AskedForMany{Later: true}, nil
	}
	for _, id := range people {
		filed, err := tx.askOne(id, app, at.Org)
		if err != nil {
			return asked, err
		}
		if filed {
			asked.Filed++
		}
	}
	return asked, nil
}

// askersOf lists the next of those for whom a job asks.
func (tx *Tx) askersOf(j store.Job, org souk.Org, limit int) ([]souk.Position, error) {
	switch {
	case j.Kind == store.AskForUser:
		return []souk.Position{{ID: j.Other}}, nil
	case j.Kind == store.AskForGroup:
		return tx.PeopleOfGroup(j.Other, j.After, limit)
	case org.ID == org.Root():
		return tx.PeopleUnder(org.ID, j.After, limit)
	}
	return tx.PeopleOf(org.ID, j.After, limit)
}

// stepAsk asks for the next of those for whom a job asks.
func (tx *Tx) stepAsk(j *store.Job, until time.Time) (left bool, err error) {
	app, err := tx.App(j.App)
	if err != nil {
		return false, err
	}
	org, err := tx.Org(j.Org)
	if err != nil {
		return false, err
	}
	next, err := tx.askersOf(*j, org, stepSize)
	if err != nil {
		return false, err
	}
	for _, s := range next {
		if _, err := tx.askOne(s.ID, app, org); err != nil {
			return false, err
		}
		j.After = s
		if late(until) {
			return j.Kind != store.AskForUser, nil
		}
	}
	return len(next) == stepSize, nil
}

// askOne asks for an app for one of an org's people, and tells whether that made
// a request. A refusal is theirs alone.
func (tx *Tx) askOne(id souk.ID, app souk.App, org souk.Org) (filed bool, err error) {
	if err := tx.belongAll([]souk.ID{id}, org); err != nil {
		return false, passed(err)
	}
	user, err := tx.User(id)
	if err != nil {
		return false, err
	}
	where := org.ID
	if org.ID == org.Root() {
		where = user.Org
	}
	var at place
	if at.Org, at.Enterprise, err = tx.OrgAndAbove(where); err != nil {
		return false, err
	}
	if !at.Org.ClosedAt.IsZero() {
		return false, nil
	}
	asked, err := tx.askFor(user, app, at, Asking{App: app.ID, At: where})
	return err == nil && !asked.Again && !asked.Request.ID.IsZero(), passed(err)
}

// passed is what is left of an error when a refusal is none.
func passed(err error) error {
	var refusal souk.Refusal
	if errors.As(err, &refusal) {
		return nil
	}
	return err
}
