package market

import (
	"context"
	"slices"

	"souk"
)

// Clearing ends the standing answers about an app at exactly one org.
type Clearing struct {
	App       souk.ID
	At        souk.ID
	Audiences []souk.Audience // whose; nil: all that stand; at most MaxAudiences

	Status souk.ResolutionStatus // only what is approved, or restricted; empty: either
}

// Clear ends the standing answers about an app at exactly one org, for all
// audiences or for those named, of whom some may have none; pending requests
// stay pending. It refuses UnknownOrg, NeedsPerson, OrgNotGranted, NotAllowed,
// UnknownApp, UnknownUser, UnknownGroup, OwnersOnly, NoResolution and Invalid.
func (m *Market) Clear(ctx context.Context, actor souk.Actor, in Clearing) error {
	return m.write(ctx, actor, rootOf(in.At, in.App), func(tx *Tx) error { return tx.clear(in) })
}

func (tx *Tx) clear(in Clearing) error {
	var p problems
	if in.Audiences != nil {
		checkCount(&p, "audiences", len(in.Audiences))
	}
	if p.err() != nil {
		return p.err()
	}
	at, err := tx.decidable(in.At)
	if err != nil {
		return err
	}
	app, err := tx.knownApp(in.App, at.Org)
	if err != nil {
		return err
	}
	named, err := tx.audiences(in.Audiences, at.Org)
	if err != nil {
		return err
	}
	if (at.Org.ClearOwnersOnly || at.Enterprise.ClearOwnersOnly) && !at.Owns() {
		return souk.OwnersOnly
	}
	standing, err := tx.StandingResolutions(app.ID, at.Org.ID)
	if err != nil {
		return err
	}
	if in.Audiences != nil {
		standing = slices.DeleteFunc(standing, func(r souk.Resolution) bool { return !slices.Contains(named, r.Audience) })
	}
	if in.Status != "" {
		standing = slices.DeleteFunc(standing, func(r souk.Resolution) bool { return r.Status != in.Status })
	}
	if len(standing) == 0 {
		return souk.NoResolution
	}
	if err := tx.end(standing); err != nil {
		return err
	}
	if err := tx.audit("Clear", at.Org, app.ID, app.ID, standing, nil); err != nil {
		return err
	}
	e := tx.event(souk.ResolutionCleared, at.Org, at.Enterprise, &app, standing[0].ID)
	e.Data.Ended, e.Data.Resolution = standing, &standing[0]
	if e.Data.Actor, err = tx.acting(); err != nil {
		return err
	}
	return tx.emit(e)
}
