package market

import (
	"context"
	"slices"

	"souk"
)

// decline answers requests without leaving a standing answer.
func (tx *Tx) decline(in Decision) (done Decided, err error) {
	about, err := tx.matter(in)
	if err != nil {
		return done, err
	}
	if err := tx.belongAll(in.Users, about.Org); err != nil {
		return done, err
	}
	c, err := tx.LatestCase(about.App.ID, about.Org.Root())
	if err != nil {
		return done, or(err, souk.UnknownRequest)
	}
	pending, err := tx.PendingOfCase(c.ID)
	if err != nil {
		return done, err
	}
	for _, q := range pending {
		switch {
		case about.Named != nil && q.ID != about.Named.ID:
			continue
		case about.Named == nil && !about.asks(q, in.Users):
			continue
		}
		if q, err = tx.answer(q, souk.RequestDeclined); err != nil {
			return done, err
		}
		done.Settled = append(done.Settled, q)
	}
	if len(done.Settled) == 0 {
		return done, souk.UnknownRequest
	}
	if len(done.Settled) == len(pending) {
		c.ClosedAt = tx.at
		if err := tx.CloseCaseIfSettled(c.ID, tx.at); err != nil {
			return done, err
		}
	}
	if err := tx.audit("Decline", about.Org, about.App.ID, c.ID, nil, done.Settled); err != nil {
		return done, err
	}
	done.At = about.Org
	e := tx.event(souk.CaseDeclined, about.Org, about.Enterprise, &about.App, c.ID)
	e.Data.Case, e.Data.Settled = &c, done.Settled
	e.Data.Everyone = about.Named == nil && in.Users == nil && about.Org.ID == about.Org.Root()
	if about.Named != nil {
		e.Data.Request = &done.Settled[0]
	}
	if e.Data.Actor, err = tx.acting(); err != nil {
		return done, err
	}
	return done, tx.emit(e)
}

// asks reports whether a request was made at a place or below it, by one of some
// users; nil users are anybody.
func (p place) asks(q souk.Request, users []souk.ID) bool {
	return (q.Org == p.Org.ID || p.Org.Kind == souk.Enterprise) && (users == nil || slices.Contains(users, q.User))
}

// CancelRequests takes back what some users asked for an app at an org, or below
// it, and was not answered; it tells how many requests that were. Users who
// asked for nothing are passed over. Whoever decides there may. It refuses
// UnknownOrg, NeedsPerson, OrgNotGranted, NotAllowed, UnknownApp, UnknownUser
// and Invalid.
func (m *Market) CancelRequests(ctx context.Context, actor souk.Actor, app, at souk.ID, users []souk.ID) (n int, err error) {
	err = m.write(ctx, actor, rootOf(at, app), func(tx *Tx) (err error) {
		n, err = tx.cancelRequests(app, at, users)
		return err
	})
	return n, err
}

func (tx *Tx) cancelRequests(id, org souk.ID, users []souk.ID) (n int, err error) {
	var p problems
	if checkCount(&p, "users", len(users)); p.err() != nil {
		return 0, p.err()
	}
	at, err := tx.decidable(org)
	if err != nil {
		return 0, err
	}
	app, err := tx.knownApp(id, at.Org)
	if err != nil {
		return 0, err
	}
	if err := tx.belongAll(users, at.Org); err != nil {
		return 0, err
	}
	c, err := tx.LatestCase(app.ID, at.Org.Root())
	if err != nil {
		return 0, ignoreMissing(err)
	}
	pending, err := tx.PendingOfCase(c.ID)
	if err != nil {
		return 0, err
	}
	for _, q := range pending {
		if !at.asks(q, users) {
			continue
		}
		var where place
		if where.Org, where.Enterprise, err = tx.OrgAndAbove(q.Org); err != nil {
			return n, err
		}
		if err := tx.cancel(q, app, where, "CancelRequests"); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
