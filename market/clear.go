package market

import (
	"context"

	"souk"
)

// Clearing ends the standing answers about an app at exactly one org.
type Clearing struct {
	App souk.ID
	At  souk.ID
}

// Clear ends the standing answers about an app at exactly one org, for all
// audiences; pending requests stay pending. It refuses UnknownOrg, NeedsPerson,
// OrgNotGranted, NotAllowed, UnknownApp, OwnersOnly and NoResolution.
func (m *Market) Clear(ctx context.Context, actor souk.Actor, in Clearing) error {
	return m.write(ctx, actor, rootOf(in.At, in.App), func(tx *Tx) error { return tx.clear(in) })
}

func (tx *Tx) clear(in Clearing) error {
	at, err := tx.decidable(in.At)
	if err != nil {
		return err
	}
	app, err := tx.knownApp(in.App, at.Org)
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
