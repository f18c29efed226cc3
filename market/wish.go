package market

import (
	"errors"
	"time"

	"souk"
	"souk/store"
)

// wish files a request that is to be installed once it is approved, or makes an
// equal pending one a wish.
func (tx *Tx) wish(in Installing, at place, app souk.App) (*souk.Request, error) {
	w := souk.Wish{AppUser: in.AppUser}
	if app.NeedsTerms() {
		w.AcceptedAt = tx.at
	}
	asked, err := tx.requestApp(Asking{App: app.ID, At: at.Org.ID, Reason: in.Reason, State: in.State, wish: &w})
	if err != nil {
		return nil, err
	}
	q := asked.Request
	if !asked.Again || q.Wish != nil && q.Wish.AppUser == w.AppUser {
		return &q, nil
	}
	// It asks for the same as before, so that nobody is told anew.
	before := q
	q.Wish = &w
	if err := tx.PutWish(q.ID, q.Wish, q.Note); err != nil {
		return nil, err
	}
	return &q, tx.audit("Install", at.Org, app.ID, q.ID, before, q)
}

// comeTrue installs what an approval let come true: here when it is little,
// else in a job.
func (tx *Tx) comeTrue(c souk.Case, org souk.ID) error {
	left, err := tx.installWishes(c.ID, few, time.Time{})
	if err != nil || !left {
		return err
	}
	return tx.later(store.Job{Kind: store.InstallWishes, App: c.App, Org: org, Other: c.ID, Verb: "Install"})
}

// installWishes installs up to limit approved wishes of a case, until a time;
// left tells that there may be more.
func (tx *Tx) installWishes(c souk.ID, limit int, until time.Time) (left bool, err error) {
	wishes, err := tx.Wishes(c, limit)
	if err != nil {
		return false, err
	}
	for _, q := range wishes {
		if err := tx.installWish(q); err != nil {
			return false, err
		}
		if late(until) {
			return true, nil
		}
	}
	return len(wishes) == limit, nil
}

// installWish installs what a request wished for, as the one who wished it. If
// something does not fit any more the wish is dropped, with the reason on the
// request; the approval stands either way.
func (tx *Tx) installWish(q souk.Request) error {
	in := Installing{App: q.App, At: q.Org, Accepted: q.Scopes, AppUser: q.Wish.AppUser, wished: true}
	if !q.Wish.AcceptedAt.IsZero() {
		in.Terms = TermsAccepted
	}
	decider := tx.actor
	tx.actor = souk.Actor{User: q.User, Kind: souk.PersonToken, Face: decider.Face}
	_, err := tx.install(in)
	tx.actor = decider
	var refusal interface{ Refuses() }
	if errors.As(err, &refusal) {
		return tx.dropWish(q, "not installed: "+err.Error())
	}
	if err != nil {
		return err
	}
	return tx.PutWish(q.ID, nil, "")
}

// dropWish leaves a request its approval and takes its wish, saying why.
func (tx *Tx) dropWish(q souk.Request, why string) error {
	after := q
	after.Wish, after.Note = nil, why
	if err := tx.PutWish(q.ID, nil, why); err != nil {
		return err
	}
	org, err := tx.Org(q.Org)
	if err != nil {
		return err
	}
	return tx.audit("Install", org, q.App, q.ID, q, after)
}
