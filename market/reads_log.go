package market

import (
	"context"

	"souk"
)

// WebhookLog lists the requests to the giosg webhooks of an app that an org
// owns, newest first unless page.Order says otherwise; filter.App is app. Those
// decided more than souk.LogKept ago are left out, unless they are still to be
// made. It refuses what Desk does, and UnknownApp.
func (m *Market) WebhookLog(ctx context.Context, actor souk.Actor, org, app souk.ID, filter souk.LogFilter, page souk.Page) (entries []souk.LogEntry, err error) {
	err = m.at(ctx, actor, org, MaySettings, func(tx *Tx, p place) error {
		if _, err := tx.lookedAfter(p.Org.ID, app); err != nil {
			return err
		}
		filter.App = app
		entries, err = tx.LogPage(filter, tx.at, page)
		return err
	})
	return entries, err
}
