package market

import (
	"context"

	"souk"
)

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
		if _, err := tx.overseen(in.At); err != nil {
			return err
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

// overseen finds an org whose standing answers the actor may read: whoever
// decides there, and the operator.
func (tx *Tx) overseen(id souk.ID) (place, error) {
	at, err := tx.place(id)
	if err != nil {
		return at, err
	}
	if err := tx.granted(at.Org); err != nil {
		return at, err
	}
	if !at.Decides() && !tx.actor.IsOperator() {
		return at, souk.NotAllowed
	}
	return at, nil
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
		at, err := tx.overseen(org)
		if err != nil {
			return err
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
