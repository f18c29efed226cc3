package market

import (
	"context"

	"souk"
	"souk/store"
)

// KeepCalls writes down calls that apps made. It is the record of something that
// is over, not somebody's verb: nothing refuses it.
func (m *Market) KeepCalls(ctx context.Context, calls []souk.Call) error {
	return m.DB.Write(ctx, nil, func(tx *store.Tx) error { return tx.InsertCalls(calls) })
}

// Calls lists the calls that an app made, newest first; filter.App is app, and of
// older ones than souk.CallsKept it tells nothing. It refuses what LookAfter
// does.
func (m *Market) Calls(ctx context.Context, actor souk.Actor, filter souk.CallFilter, page souk.Page) (calls []souk.Call, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		if _, _, err := tx.ownedApp(filter.App); err != nil {
			return err
		}
		if oldest := tx.at.Add(-souk.CallsKept); filter.From.Before(oldest) {
			filter.From = oldest
		}
		calls, err = tx.Tx.Calls(filter, page)
		return err
	})
	return calls, err
}

// Exchanges lists the requests that were made to the Zoom webhooks of an app,
// newest first; those that began more than souk.LogKept ago are left out. It
// refuses what LookAfter does.
func (m *Market) Exchanges(ctx context.Context, actor souk.Actor, filter souk.ExchangeFilter, page souk.Page) (found []souk.Exchange, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		if _, _, err := tx.ownedApp(filter.App); err != nil {
			return err
		}
		if oldest := tx.at.Add(-souk.LogKept); filter.From.Before(oldest) {
			filter.From = oldest
		}
		if filter.Until.IsZero() {
			filter.Until = tx.at.Add(souk.LogKept) // clocks of nodes differ
		}
		found, err = tx.Tx.Exchanges(filter, page)
		return err
	})
	return found, err
}
