package market

import (
	"context"
	"time"

	"souk"
	"souk/store"
)

// Webhook finds one webhook of an app, without its secrets. It refuses
// UnknownApp, UnknownWebhook and NotAllowed.
func (m *Market) Webhook(ctx context.Context, actor souk.Actor, app, id souk.ID) (w souk.Webhook, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		found, err := tx.webhookOf(app, id)
		if err != nil {
			return err
		}
		w = found.Webhook
		w.Auth, err = tx.masked(found)
		return err
	})
	return w, err
}

// WebhookState is a webhook with how it fares.
type WebhookState struct {
	souk.Webhook
	Health   souk.Health // zero while nothing was sent to it
	Deadline time.Time   // when it is disabled if nothing succeeds; zero when that is not in sight
	Checks   souk.Checks // zero where its URL is asked once and not again
}

// WebhookState finds one webhook of an app, without its secret, and how it
// fares. It refuses UnknownApp, UnknownWebhook, OrgNotGranted and NotAllowed.
func (m *Market) WebhookState(ctx context.Context, actor souk.Actor, app, id souk.ID) (s WebhookState, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		found, err := tx.webhookOf(app, id)
		if err != nil {
			return err
		}
		s.Webhook = found.Webhook
		if s.Auth, err = tx.masked(found); err != nil {
			return err
		}
		if s.Checks, err = tx.Checks(id); ignoreMissing(err) != nil {
			return err
		}
		known, err := tx.HealthOf([]souk.ID{id})
		if err != nil {
			return err
		}
		s.Health = known[id]
		if s.Status == souk.WebhookActive {
			s.Deadline = souk.DisableRules[s.Dialect].Judge(s.Health, tx.at).Deadline
		}
		return nil
	})
	return s, err
}

// DayCount is how many deliveries of an app ended on a day, and how.
type DayCount struct {
	Day    time.Time // its beginning, in UTC
	Counts map[souk.DeliveryStatus]int64
}

// countedDays is how many days DeliveryCounts goes back.
const countedDays = 30

// DeliveryCounts are those of the last thirty days on which something ended,
// today's among them, the oldest first. Whoever looks after the app's webhooks may
// ask. It refuses UnknownApp, OrgNotGranted and NotAllowed.
func (m *Market) DeliveryCounts(ctx context.Context, actor souk.Actor, app souk.ID) (days []DayCount, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		if _, _, err := tx.ownedApp(app); err != nil {
			return err
		}
		const day = 24 * 60 * 60
		counts, err := tx.Tx.DeliveryCounts(app, tx.at.Unix()/day-countedDays+1)
		for _, c := range counts {
			at := time.Unix(c.Day*day, 0).UTC()
			if len(days) == 0 || !days[len(days)-1].Day.Equal(at) {
				days = append(days, DayCount{Day: at, Counts: map[souk.DeliveryStatus]int64{}})
			}
			days[len(days)-1].Counts[c.Status] += c.Deliveries
		}
		return err
	})
	return days, err
}

// Webhooks lists the webhooks of an app, without secrets. Whoever may change
// them may. It refuses UnknownApp and NotAllowed.
func (m *Market) Webhooks(ctx context.Context, actor souk.Actor, app souk.ID) (hooks []souk.Webhook, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		if _, _, err := tx.ownedApp(app); err != nil {
			return err
		}
		found, err := tx.WebhooksOf(app)
		if err != nil {
			return err
		}
		hooks, err = tx.withoutSecrets(found)
		return err
	})
	return hooks, err
}

// withoutSecrets are webhooks as they are shown.
func (tx *Tx) withoutSecrets(found []store.SealedWebhook) (hooks []souk.Webhook, err error) {
	for _, sealed := range found {
		w := sealed.Webhook
		if w.Auth, err = tx.masked(sealed); err != nil {
			return nil, err
		}
		hooks = append(hooks, w)
	}
	return hooks, nil
}

// DeliveryView is a delivery with the kind of its event.
type DeliveryView struct {
	souk.Delivery
	Kind souk.EventKind
}

// Deliveries lists what a webhook was or is to be told, newest first and without
// Body; an empty status means any. It refuses UnknownApp, UnknownWebhook and NotAllowed.
func (m *Market) Deliveries(ctx context.Context, actor souk.Actor, app, webhook souk.ID, status souk.DeliveryStatus, page souk.Page) (views []DeliveryView, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		if _, err := tx.webhookOf(app, webhook); err != nil {
			return err
		}
		found, err := tx.DeliveriesPage(webhook, status, page)
		if err != nil {
			return err
		}
		views, err = tx.deliveryViews(found)
		return err
	})
	return views, err
}

// deliveryViews are deliveries with the kinds of their events.
func (tx *Tx) deliveryViews(found []souk.Delivery) (views []DeliveryView, err error) {
	var events []souk.ID
	for _, d := range found {
		events = append(events, d.Event)
	}
	kinds, err := tx.EventKinds(unique(events))
	for _, d := range found {
		kind, kept := kinds[d.Event]
		if !kept {
			kind = souk.ChannelPublished // no other events are forgotten
		}
		views = append(views, DeliveryView{Delivery: d, Kind: kind})
	}
	return views, err
}

// Attempts lists what was tried for a delivery, in order. It refuses
// UnknownApp, UnknownWebhook, UnknownDelivery and NotAllowed.
func (m *Market) Attempts(ctx context.Context, actor souk.Actor, app, webhook, delivery souk.ID) (attempts []souk.Attempt, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		if _, err := tx.webhookOf(app, webhook); err != nil {
			return err
		}
		d, err := tx.Delivery(delivery)
		if err != nil {
			return or(err, souk.UnknownDelivery)
		}
		if d.Webhook != webhook {
			return souk.UnknownDelivery
		}
		attempts, err = tx.Attempts(delivery)
		return err
	})
	return attempts, err
}

// ChannelWebhooks lists the webhooks of an org's app that subscribed to
// channels. It refuses UnknownApp.
func (m *Market) ChannelWebhooks(ctx context.Context, actor souk.Actor, org, app souk.ID, page souk.Page) (views []HookView, err error) {
	err = m.at(ctx, actor, org, MaySettings, func(tx *Tx, p place) error {
		a, err := tx.lookedAfter(org, app)
		if err != nil {
			return err
		}
		found, err := tx.Tx.ChannelWebhooks(app, page)
		if err != nil {
			return err
		}
		views, err = tx.hookViews(found, a, p.Org)
		return err
	})
	return views, err
}

// ChannelWebhook finds one of ChannelWebhooks. It refuses UnknownApp and
// UnknownWebhook.
func (m *Market) ChannelWebhook(ctx context.Context, actor souk.Actor, org, app, id souk.ID) (v HookView, err error) {
	err = m.at(ctx, actor, org, MaySettings, func(tx *Tx, p place) error {
		a, err := tx.lookedAfter(org, app)
		if err != nil {
			return err
		}
		w, err := tx.Tx.ChannelWebhook(app, id)
		if err != nil {
			return or(err, souk.UnknownWebhook)
		}
		views, err := tx.hookViews([]souk.Webhook{w}, a, p.Org)
		if err != nil {
			return err
		}
		v = views[0]
		return nil
	})
	return v, err
}
