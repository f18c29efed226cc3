package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

const (
	entries     = 5_000_000 // requests that were made for one app
	toCome      = 3_000     // deliveries that wait for another attempt
	hookEvery   = 4         // webhooks of the app, in turn
	failedEvery = 10        // one request of so many failed
	logAge      = 6 * 24 * time.Hour
)

// log measures pages of webhook_log_entries: of all, of what failed, of one
// webhook.
func (s *subject) log(ctx context.Context, p plan) error {
	n := p.times(entries)
	// What is to come lies between what was, but for the oldest page.
	made, deliveries := spread(1, n, logAge), spread(2, n, logAge)
	waiting, next := spread(3, p.times(toCome), logAge/2), spread(4, p.times(toCome), logAge/2)
	var owner company
	var app souk.App
	var hooks []souk.Webhook
	attempt, delivery := entry(s.sink.url)
	if err := s.open(ctx, func(db *store.DB) error {
		seeded, err := companies(ctx, db, s.key, "Owner")
		if err != nil {
			return err
		}
		owner = seeded[0]
		if err := souktest.Seed(ctx, db, s.key, func(to *souktest.Seeder) {
			app, hooks = owner.publish(to, "Chatty", s.sink.url), nil
			for range hookEvery {
				hooks = append(hooks, to.Webhook(souk.Webhook{App: app.ID, Dialect: souk.Giosg, URL: s.sink.url}))
			}
			delivery.App = owner.publish(to, "Model", s.sink.url).ID
			attempt.App = delivery.App
		}); err != nil {
			return err
		}
		return db.Record(ctx, func(tx *store.Tx) error {
			stored, err := tx.InsertDeliveries([]souk.Delivery{delivery})
			if err != nil {
				return err
			}
			_, err = tx.Record(souk.ID{}, delivery.CreatedAt, []store.Progress{{
				Delivery: stored[0], Attempt: &attempt, Status: souk.DeliveryPending, Attempts: 1, Outcome: souk.BadStatus,
				NextAt: delivery.NextAt, Entry: delivery.Entry, EntryAt: delivery.EntryAt,
			}})
			return err
		})
	}); err != nil {
		return err
	}
	var hook strings.Builder
	fmt.Fprintf(&hook, "CASE i %% %d", hookEvery)
	for k, w := range hooks {
		fmt.Fprintf(&hook, " WHEN %d THEN %s", k, s.on.is(w.ID))
	}
	hook.WriteString(" END")
	failed := func(yes, no string) string {
		return fmt.Sprintf("CASE WHEN i %% %d = 0 THEN %s ELSE %s END", failedEvery, yes, no)
	}
	path := owner.path("owned_apps/" + app.ID.String() + "/webhook_log_entries?")
	return s.pages(ctx, p, paged{
		token: owner.token,
		rows:  made, n: n,
		like: copies{table: "attempts_1", key: "delivery_id", of: attempt.Delivery, set: map[string]string{
			"id": s.on.id(made, "i"), "delivery_id": s.on.id(deliveries, "i"), "app_id": s.on.is(app.ID), "webhook_id": hook.String(),
			"outcome": failed("'status'", "'ok'"), "status": failed("500", "200"),
			"listed_at": made.atSQL("i"), "started_at": made.atSQL("i"),
		}},
		lists: []list{
			{name: "log", path: path, step: 1},
			{name: "log, status=failed", path: path + "status=failed&", step: failedEvery},
			// None of this one's requests failed, and nobody shall search for one that did.
			{name: "log, webhook_id", path: path + "webhook_id=" + hooks[1].ID.String() + "&", step: hookEvery, first: 1},
		},
		also: func() error {
			return s.directly(ctx, func(d *direct) error {
				return d.copyTold(ctx, copies{table: "deliveries", key: "id", of: delivery.ID, set: map[string]string{
					"id": s.on.id(waiting, "i"), "entry_id": s.on.id(next, "i"), "app_id": s.on.is(app.ID), "webhook_id": hook.String(),
					"resource": "'resource-' || i", "created_at": waiting.atSQL("i"), "entry_at": waiting.atSQL("i"),
				}}, p.times(toCome))
			})
		},
	})
}

// entry is a request that was made, and one that is due tomorrow.
func entry(url string) (souk.Attempt, souk.Delivery) {
	d := souk.Delivery{
		ID: souk.NewID(), Event: souk.NewID(), Webhook: souk.NewID(), Dialect: souk.Giosg, Body: make([]byte, 1024),
		Channel: "/api/v5/orgs/018f3b1e-7a64-7c1e-8f0a-3d1c5f9a2b40/chats", Action: souk.Changed, Resource: "chat-1",
		Status: souk.DeliveryPending, Attempts: 1, LastOutcome: souk.BadStatus, NextAt: time.Now().Add(24 * time.Hour),
		Entry: souk.NewID(), EntryAt: time.Now(), CreatedAt: time.Now(),
	}
	return souk.Attempt{
		ID: souk.NewID(), Delivery: d.ID, Dialect: d.Dialect, Webhook: d.Webhook, URL: url,
		Channel: d.Channel, Action: d.Action, Resource: d.Resource,
		Outcome: souk.OK, Status: 200, Answer: "Thank you.", Headers: `{"Content-Type":"text/plain"}`,
		ListedAt: time.Now(), StartedAt: time.Now(), Duration: 20 * time.Millisecond,
	}, d
}
